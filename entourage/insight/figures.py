"""Figures of a channel: who its audience is, how genuine, what it is about; each with its sample and its interval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

import msgspec

from entourage.accounts.model import Actor
from entourage.insight import ages, channels, content, counting, genders, places, quality, samples
from entourage.insight import categories as methods
from entourage.insight.categories import Categories
from entourage.insight.content import Engagement
from entourage.insight.crowds import Crowd
from entourage.insight.estimates import MINIMUM, Estimate, Method, share
from entourage.insight.evidence import NotEnough
from entourage.insight.model import Age, Channel, Gender
from entourage.insight.samples import Sample
from entourage.insight.store import content as written
from entourage.insight.store import figures as store
from entourage.kernel.columns import to_ms
from entourage.kernel.db import Tx
from entourage.networks.reading import Listing

T = TypeVar("T", str, Gender, Age)
READ_POSTS = 30
"""Newest posts whose captions and tags tell what a channel is about."""
AT_ONCE = 2
"""Channels of a list whose texts are read through at once: each takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who follows a channel (or, `basis` "engaged", who likes and comments what it posts), as shares from 0 to 1.

    Genders are shares of men and women among those told apart, countries and ages of those whose country or age is
    known; each mapping is empty where fewer than MINIMUM are. The largest share is first, ages are in order.
    """

    basis: str
    genders: Mapping[Gender, Estimate]
    countries: Mapping[str, Estimate]
    ages: Mapping[Age, Estimate]
    age_counts: Mapping[Age, int]
    ages_total: int
    size: int
    """People whose profile was seen and judged."""
    known: int
    """People who are known at all, those of whom only the id is known among them."""
    population: int | None
    sample: Sample | None
    """How the followers were read; None where nobody said so."""
    method: Method
    judged_by: Sequence[Method]
    """How one profile is judged."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How genuine the audience is: a grade (0 to 100), the shares of the levels 1 (lowest) to 5, and of bought ones."""

    basis: str
    grade: Estimate
    levels: Sequence[Estimate]
    bought: Estimate
    sample: Sample | None
    method: Method
    judged_by: Sequence[Method]


@dataclass(frozen=True, slots=True)
class Country:
    """Where the channel is from (ISO 3166-1 alpha-2), and by what it is known: "place", "flag" or "language"."""

    code: str
    how: str
    method: Method


@dataclass(frozen=True, slots=True)
class Figures:
    """What is worked out of a channel. `counted_at` is when its people were last counted from the beginning."""

    channel_id: int
    counted_at: datetime
    audience: Audience | NotEnough
    quality: Quality | NotEnough
    categories: Categories | NotEnough
    country: Country | NotEnough
    engagement: Engagement | NotEnough


_AUDIENCE = Method(
    "audience",
    "Each profile is judged alone: the country by the place, flag or language in it, the gender by what it states or "
    "by the name, the age by what it states. Shares are of those of whom that could be told; organisations and unknown "
    "ones are left out. The interval is Wilson's for 95 %: it holds what chance can do, not what a method gets wrong.",
    "E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.",
    1,
)


def of(tx: Tx, actor: Actor, channel_id: int) -> Figures:
    """The figures of a channel as of now; what was counted is kept where `tx` may write. Raises NotFound."""
    channel = channels.by_id(tx, actor, channel_id)
    counts = counting.current(tx, channel_id, MINIMUM)
    return _figures(tx, actor, channel, counts)


def recount(tx: Tx, channel_id: int) -> None:
    """Count everything of a channel anew and keep it; a channel that is not there is left alone."""
    channel = channels.many(tx, [channel_id]).get(channel_id)
    if channel is not None:
        _categories(tx, channel, counting.whole(tx, channel_id, MINIMUM))


def categories_of(tx: Tx, found: Iterable[Channel]) -> Mapping[int, Categories]:
    """What several channels are about, by number: for lists, which have to be quick.

    Of the first AT_ONCE of which it is not kept, or which posted or were seen since, it is worked out (and kept where
    `tx` may write); of others it is what was kept before, or what the biography alone tells.
    """
    by_id = {channel.id: channel for channel in found}
    kept = store.categories(tx, by_id, counting.VERSION)
    newest = written.newest(tx, by_id)
    told: dict[int, Categories] = {}
    left = AT_ONCE
    for number, channel in by_id.items():
        before, basis = kept.get(number, {}), _basis_of(channel, newest.get(number))
        if before and (before["basis"] == basis or not left):
            told[number] = _kept(before)
        elif left:
            left -= 1
            told[number] = _worked_out(tx, channel, basis)
        else:
            told[number] = methods.of(channel.biography, (), ())
    return told


def _figures(tx: Tx, actor: Actor, channel: Channel, counts: counting.Counts) -> Figures:
    categories = _categories(tx, channel, counts)
    return Figures(
        channel_id=channel.id,
        counted_at=counts.counted_at,
        audience=_audience(tx, channel, counts),
        quality=_quality(tx, channel, counts),
        categories=categories if categories.primary else _NO_CATEGORIES,
        country=_country(channel),
        engagement=content.engagement(tx, actor, channel),
    )


# The people


@dataclass(frozen=True, slots=True)
class _Basis:
    """Whom a figure is made from."""

    name: str
    people: Crowd
    population: int | None
    sample: Sample | None
    words: str


def _basis(tx: Tx, channel: Channel, counts: counting.Counts) -> _Basis | NotEnough:
    judged = counts.followers.judged
    if judged >= MINIMUM:
        sample = samples.latest(tx, channel.id, Listing.FOLLOWERS)
        population = None if channel.followers is None else max(channel.followers, counts.followers.known)
        return _Basis("followers", counts.followers, population, sample, _followers_words(judged, population, sample))
    engaged = counts.engaged.judged
    if engaged >= MINIMUM:
        words = (
            f"Too few followers are known, so this is made from the {engaged:,} people who liked or commented its "
            "newest posts: those who take part, which is not a random sample of those who follow."
        )
        words += _engaged_words(tx, channel)
        return _Basis("engaged", counts.engaged, None, None, words)
    have = max(judged, engaged)
    reason = f"Of {judged} followers and {engaged} people who like or comment, the profile was seen."
    return NotEnough(reason, have, MINIMUM)


def _followers_words(judged: int, population: int | None, sample: Sample | None) -> str:
    of_all = "" if population is None else f" of {population:,}"
    words = f"Made from the {judged:,} followers{of_all} whose profile was seen."
    if sample is None:
        return words + " How they were chosen is not known."
    when = f"{sample.taken_at:%Y-%m-%d}"
    if sample.whole:
        return f"{words} The list of followers was read to its end on {when}."
    return (
        f"{words} On {when} the first {sample.size:,} that the network lists were read. That is not a random sample: "
        "networks list the newest or the best connected first, and the interval does not know of it."
    )


def _engaged_words(tx: Tx, channel: Channel) -> str:
    """How those who take part were looked at, where that is known."""
    told: list[str] = []
    for what, name in ((Listing.LIKERS, "likes"), (Listing.COMMENTS, "comments")):
        sample = samples.latest(tx, channel.id, what)
        if sample is not None:
            of_all = "" if sample.population is None else f" of {sample.population:,}"
            told.append(f"{sample.size:,}{of_all} {name} on {sample.taken_at:%Y-%m-%d}")
    return f" Last read: {' and '.join(told)}." if told else ""


def _audience(tx: Tx, channel: Channel, counts: counting.Counts) -> Audience | NotEnough:
    basis = _basis(tx, channel, counts)
    if isinstance(basis, NotEnough):
        return basis
    people = basis.people
    told_apart = {gender: people.genders.get(gender, 0) for gender in (Gender.MALE, Gender.FEMALE)}
    by_age = {Age(age): count for age, count in sorted(people.ages.items())}
    told = sum(by_age.values())
    return Audience(
        basis=basis.name,
        genders=_shares(told_apart, basis.population),
        countries=_shares(people.countries, basis.population),
        ages=dict(sorted(_shares(by_age, basis.population).items())),
        age_counts=by_age if told >= MINIMUM else {},
        ages_total=told,
        size=people.judged,
        known=people.known,
        population=basis.population,
        sample=basis.sample,
        method=replace(_AUDIENCE, words=f"{basis.words} {_AUDIENCE.words}"),
        judged_by=(genders.METHOD, places.METHOD, ages.METHOD),
    )


def _shares(counts: Mapping[T, int], population: int | None) -> Mapping[T, Estimate]:
    size = sum(counts.values())
    if size < MINIMUM:
        return {}
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return {value: share(counts[value], size, population) for value in ranked}


def _quality(tx: Tx, channel: Channel, counts: counting.Counts) -> Quality | NotEnough:
    basis = _basis(tx, channel, counts)
    if isinstance(basis, NotEnough):
        return basis
    levels = basis.people.levels
    size = sum(levels.values())
    if size < MINIMUM:
        return NotEnough(f"Of {size} profiles enough was shown to judge them.", size, MINIMUM)
    suspicious = sum(levels.get(level, 0) for level in range(1, quality.SUSPICIOUS + 1))
    return Quality(
        basis=basis.name,
        grade=quality.grade(levels, population=basis.population),
        levels=[share(levels.get(level, 0), size, basis.population) for level in range(1, 6)],
        bought=quality.bought_share(suspicious, size, channel.network, population=basis.population),
        sample=basis.sample,
        method=replace(quality.METHOD, words=f"{basis.words} {quality.METHOD.words}"),
        judged_by=(quality.METHOD, quality.BOUGHT),
    )


# The channel itself

_NO_CATEGORIES = NotEnough("Nothing in its profile and its newest posts tells what the channel is about.", 0, 1)
_NO_COUNTRY = NotEnough("The profile states no place, shows no flag, and its language does not tell.", 0, 1)
_UNSEEN = NotEnough("The profile was not seen yet.", 0, 1)


def _country(channel: Channel) -> Country | NotEnough:
    if channel.traits is None:
        return _UNSEEN
    if channel.traits.country is None:
        return _NO_COUNTRY
    found, how = places.country(channel.location, channel.biography, channel.name)
    return Country(channel.traits.country, how if found == channel.traits.country else "", places.METHOD)


def _categories(tx: Tx, channel: Channel, counts: counting.Counts) -> Categories:
    """What the channel is about, as it is kept; where it posted or was seen since, worked out anew."""
    before = counts.categories
    basis = _basis_of(channel, written.newest(tx, [channel.id]).get(channel.id))
    return _kept(before) if before and before["basis"] == basis else _worked_out(tx, channel, basis)


def _basis_of(channel: Channel, newest: int | None) -> Sequence[int | None]:
    """What categories are worked out from: while it is the same, so are they."""
    return [newest, None if channel.seen_at is None else to_ms(channel.seen_at)]


def _kept(before: Mapping[str, Any]) -> Categories:
    return msgspec.convert({name: before[name] for name in before if name != "basis"}, Categories)


def _worked_out(tx: Tx, channel: Channel, basis: Sequence[int | None]) -> Categories:
    words = written.words(tx, channel.id, READ_POSTS)
    captions = [caption for caption, _ in words if caption]
    tags = list(chain.from_iterable(tags for _, tags in words))
    found = methods.of(channel.biography, captions, tags)
    if tx.writes:
        store.keep_categories(tx, channel.id, counting.VERSION, {**msgspec.to_builtins(found), "basis": basis})
    return found
