"""Content: what a channel posts, when, what is liked most, and how much its followers take part."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, median, stdev

from entourage.accounts.model import Actor
from entourage.insight.channels import ENOUGH, skip
from entourage.insight.estimates import Estimate, Method
from entourage.insight.evidence import NotEnough
from entourage.insight.model import Channel, Post
from entourage.insight.store import content as store
from entourage.kernel.db import Tx
from entourage.kernel.errors import NotFound
from entourage.kernel.paging import Page

LOOKED_AT = 1_000
"""Newest posts among which the best are sought."""
RATED = 30
"""Newest posts of which the rate of engagement is made."""
LEAST_POSTS = 5
SETTLED = timedelta(days=1)
"""Likes and comments that were read sooner after posting than this are not all there yet, and are left out."""
HOURS, DAYS = 24, 7

ENGAGEMENT = Method(
    "engagement",
    f"Likes and comments of each of the last {RATED} posts, divided by the number of followers, on average. Posts "
    "whose numbers were read within a day after posting are left out. The interval is Student's t interval over the "
    "posts: it says how much posts differ, not whether likes were bought. Followers are those of today, also for older "
    "posts.",
    "Student, Biometrika 6 (1908), 1-25.",
    2,
)
# The two-sided 95 % point of Student's t by degrees of freedom, from 4 (LEAST_POSTS - 1) to 29 (RATED - 1).
_T = (
    2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
    2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Best:
    """A post with what it got: likes and comments together, and how many times the channel's median that is."""

    post: Post
    engagement: int
    times: float | None
    """None where the median is 0."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """Likes and comments of a post for each follower, on average; `rate.size` counts posts, not people."""

    rate: Estimate
    likes: float | None
    """The median of the posts that were looked at; None where no number was told."""
    comments: float | None
    method: Method


def posts(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    channel_id: int,
    number: int = 1,
    size: int = 20,
) -> Page[Post]:
    """What the channel posted and has not deleted, the newest first, those without a time last; ENOUGH are counted."""
    found, total = store.newest_first(tx, channel_id, skipped=skip(number, size), most=size, enough=ENOUGH)
    return Page(found, total, number, size)


def get(tx: Tx, actor: Actor, post_id: int) -> Post:  # noqa: ARG001 - whoever is signed in sees every channel
    """The post with our number; raises NotFound."""
    found = store.get(tx, post_id)
    if found is None:
        raise NotFound("There is no such post.")
    return found


def best(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    channel_id: int,
    most: int = 12,
) -> Sequence[Best]:
    """Of the newest LOOKED_AT posts of which a number is known those with most likes and comments, the best first."""
    known = [(one.id, _got(one)) for one in store.numbers(tx, channel_id, LOOKED_AT)]
    if not known:
        return []
    usual = median(got for _, got in known)
    ranked = sorted(known, key=lambda one: -one[1])[:most]
    found = store.many(tx, [one for one, _ in ranked])
    return [Best(found[one], got, got / usual if usual else None) for one, got in ranked if one in found]


def posting_times(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    channel_id: int,
) -> Sequence[Sequence[int]]:
    """How many posts there are by day of the week (Monday is first) and hour of the day, both in UTC: 7 times 24."""
    counts = store.hours(tx, channel_id)
    return [[counts.get(day * HOURS + hour, 0) for hour in range(HOURS)] for day in range(DAYS)]


def engagement(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    channel: Channel,
) -> Engagement | NotEnough:
    """How much the followers take part in what the channel posts."""
    if not channel.followers:
        return NotEnough("The number of followers is not known.", 0, 1)
    rated = [(one, _got(one)) for one in store.numbers(tx, channel.id, RATED, SETTLED)]
    if len(rated) < LEAST_POSTS:
        words = f"Of {len(rated)} posts the likes or comments are known, a day or more after posting."
        return NotEnough(words, len(rated), LEAST_POSTS)
    likes = [one.likes for one, _ in rated if one.likes is not None]
    comments = [one.comments for one, _ in rated if one.comments is not None]
    return Engagement(
        _rate([got / channel.followers for _, got in rated]),
        median(likes) if likes else None,
        median(comments) if comments else None,
        ENGAGEMENT,
    )


def _rate(rates: Sequence[float]) -> Estimate:
    size, value = len(rates), fmean(rates)
    half = _T[size - LEAST_POSTS] * stdev(rates, value) / math.sqrt(size)
    return Estimate(value, max(0.0, value - half), value + half, size, None)


def _got(one: store.Numbers) -> int:
    """Likes and comments together, as far as they are told."""
    return (one.likes or 0) + (one.comments or 0)
