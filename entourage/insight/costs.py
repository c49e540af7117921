"""The dry run: what a plan would cost in calls and hours, worked out from what is known; nothing is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from entourage.accounts.model import Actor
from entourage.insight import plans
from entourage.insight.store import plans as store
from entourage.insight.watching import PROFILE, Depth, Plan, Wish
from entourage.kernel.db import Tx
from entourage.networks import registry
from entourage.networks.reading import Listing, Reads

_PHRASES: Mapping[str, str] = {
    PROFILE: "for the profile",
    Listing.POSTS: "for posts",
    Listing.FOLLOWERS: "for followers",
    Listing.FOLLOWINGS: "for whom it follows",
    Listing.LIKERS: "for who likes its posts",
    Listing.COMMENTS: "for comments",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run in full depth takes at most: calls by "profile" and listing, and hours at the lane's pace."""

    calls: int
    by: Mapping[str, int]
    hours: float
    words: str


def cost(tx: Tx, actor: Actor, of: Wish | Plan) -> Cost:
    """What a run would take; what is not known of the channel counts as the most that the depth allows.

    Raises what `plans.watch` would for a wish that is not in order.
    """
    plan = plans.wished(tx, actor, of) if isinstance(of, Wish) else of
    reader = registry.people(plan.network)
    by = _calls(tx, plan, reader)
    calls = sum(by.values())
    hours = calls / reader.CALLS_PER_HOUR
    return Cost(calls, by, hours, _words(plan.depth, reader, by, hours))


def _calls(tx: Tx, plan: Plan, reader: Reads) -> Mapping[str, int]:
    depth, channel = plan.depth, plan.channel_id
    followers, follows, posts = (None, None, None) if channel is None else store.numbers(tx, channel)
    most = max(depth.likers_of, depth.comments_of)
    newest = [] if channel is None else list(store.newest_posts(tx, channel, most))
    unknown = most if posts is None else max(0, min(most, posts) - len(newest))
    newest += [(None, None)] * min(unknown, most - len(newest))
    more = reader.MORE_CALLS
    by: dict[str, int] = {PROFILE: 1 + more.get(PROFILE, 0)}
    wanted: Mapping[Listing, tuple[int, Iterable[int | None]]] = {
        Listing.POSTS: (depth.posts, [posts]),
        Listing.FOLLOWERS: (depth.followers, [followers]),
        Listing.FOLLOWINGS: (depth.followings, [follows]),
        Listing.LIKERS: (depth.likers, [likes for likes, _ in newest[: depth.likers_of]]),
        Listing.COMMENTS: (depth.comments, [comments for _, comments in newest[: depth.comments_of]]),
    }
    for what, (limit, known) in wanted.items():
        if limit and what in reader.LISTINGS:
            lists = [count for count in known if count != 0 or what in _ASKED_ANYWAY]
            by[str(what)] = sum(_pages(limit, count, reader.LISTINGS[what]) + more.get(what, 0) for count in lists)
    return {what: calls for what, calls in by.items() if calls}


_ASKED_ANYWAY = {Listing.POSTS, Listing.FOLLOWERS, Listing.FOLLOWINGS}


def _pages(limit: int, known: int | None, size: int) -> int:
    wanted = limit if known is None else min(limit, known)
    return max(1, -(-wanted // size))


def _words(depth: Depth, reader: Reads, by: Mapping[str, int], hours: float) -> str:
    calls = sum(by.values())
    parts = [f"{count:,} {_PHRASES[what]}" for what, count in by.items()]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    said = f"A run takes at most {calls:,} {'call' if calls == 1 else 'calls'} of {reader.DISPLAY_NAME}: {listed}. "
    said += f"At {reader.CALLS_PER_HOUR:,} calls an hour that is {_duration(hours)} of what one account may do."
    missing = [
        _PHRASES[what].removeprefix("for ")
        for what, most in (
            (Listing.POSTS, depth.posts),
            (Listing.FOLLOWERS, depth.followers),
            (Listing.FOLLOWINGS, depth.followings),
            (Listing.LIKERS, min(depth.likers_of, depth.likers)),
            (Listing.COMMENTS, min(depth.comments_of, depth.comments)),
        )
        if most and what not in reader.LISTINGS
    ]
    if missing:
        said += f" {reader.DISPLAY_NAME} does not tell {', '.join(missing)}."
    return said


def _duration(hours: float) -> str:
    """Hours in words: never less than a minute."""
    minutes = max(1, round(hours * 60))
    if minutes < 100:  # noqa: PLR2004 - more is easier to grasp in hours
        return f"{minutes} {'minute' if minutes == 1 else 'minutes'}"
    return f"{round(hours):,} hours" if hours < 72 else f"{round(hours / 24):,} days"  # noqa: PLR2004 - as above
