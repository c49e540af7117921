"""Channels: who was seen on the networks, found by name, and what is known of each and why."""

import uuid as uuids
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from entourage.accounts.model import Actor
from entourage.insight import ages, genders, places, quality
from entourage.insight.model import Age, Channel, Confidence, Gender
from entourage.insight.people import handle_of
from entourage.insight.store import channels as store
from entourage.kernel.db import Tx
from entourage.kernel.errors import Invalid, NotFound, Problem
from entourage.kernel.paging import Page

ENOUGH = 10_000
"""Entries of a list that are counted and shown; who wants something further down says more of what they want."""
LARGEST_PAGE = 500
Order = Literal["followers", "name", "newest"]


@dataclass(frozen=True, slots=True)
class ChannelFilter:
    """Which channels a list shows, and in which order. `text` stands anywhere in the user name or the name."""

    watched: bool = False
    """Only those that a plan of the actor watches (of anybody, for administrators)."""
    network: str | None = None
    text: str | None = None
    order: Order = "followers"


@dataclass(frozen=True, slots=True)
class FormerName:
    """A user name that a channel was seen with, first and last."""

    username: str
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why something is believed of a channel: what, its value in words, and where that comes from."""

    what: Literal["country", "gender", "age", "quality"]
    value: str
    how: Sequence[str]


def search(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    username: str,
    *,
    network: str | None = None,
    number: int = 1,
    size: int = 20,
) -> Page[Channel]:
    """Channels whose user name begins with `username`, in the order of their names: who has exactly that one is first.

    Those that are gone come last; those of whom no profile was seen are left out. At most ENOUGH are counted.
    """
    skipped = skip(number, size)
    prefix = handle_of(username)
    if not prefix or not sayable(prefix) or not sayable(network or ""):
        return Page([], 0, number, size)
    found, total = store.search(tx, prefix, network, skipped=skipped, most=size, enough=ENOUGH)
    return Page(found, total, number, size)


def listing(tx: Tx, actor: Actor, wanted: ChannelFilter, number: int = 1, size: int = 50) -> Page[Channel]:
    """Channels for somebody who looks around; at most ENOUGH are counted."""
    skipped = skip(number, size)
    if not sayable(wanted.text or "") or not sayable(wanted.network or ""):
        return Page([], 0, number, size)
    found, total = store.listing(
        tx,
        order=wanted.order,
        network=wanted.network or None,
        text=(wanted.text or "").strip().removeprefix("@") or None,
        watched=wanted.watched,
        owner=None if actor.admin else actor.user_id,
        skipped=skipped,
        most=size,
        enough=ENOUGH,
    )
    return Page(found, total, number, size)


def get(tx: Tx, actor: Actor, uuid: str) -> Channel:  # noqa: ARG001 - whoever is signed in sees every channel
    """The channel that contracts call `uuid`; raises NotFound."""
    try:
        found = store.by_uuid(tx, str(uuids.UUID(uuid)))
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such channel.")
    return found


def by_id(tx: Tx, actor: Actor, channel_id: int) -> Channel:  # noqa: ARG001 - whoever is signed in sees every channel
    """The channel with our number; raises NotFound."""
    found = store.get(tx, channel_id)
    if found is None:
        raise NotFound("There is no such channel.")
    return found


def many(tx: Tx, ids: Iterable[int]) -> Mapping[int, Channel]:
    """Those of the channels that there are, by number."""
    return store.many(tx, ids)


def names(tx: Tx, actor: Actor, channel_id: int) -> Sequence[FormerName]:  # noqa: ARG001 - whoever is signed in sees every channel
    """The user names that a channel was seen with, the newest first."""
    return [FormerName(*row) for row in store.names(tx, channel_id)]


def why(channel: Channel, on: date) -> Sequence[Evidence]:
    """Why we believe what we believe of a channel, worked out again from its profile as it is kept."""
    if channel.traits is None:
        return []
    person = channel.person
    found: list[Evidence] = []
    country, how = places.country(person.location, person.biography, person.name)
    if country is not None:
        found.append(Evidence("country", country, [_HOW_COUNTRY.get(how, how)]))
    gender, sure = genders.gender(person.name, person.username, person.biography)
    if gender is not Gender.UNKNOWN and sure in _HOW_SURE:
        found.append(Evidence("gender", gender.name.lower(), [_HOW_SURE[sure]]))
    age, sure = ages.age(person.biography, person.name, on)
    if age is not Age.UNKNOWN and sure in _HOW_SURE:
        found.append(Evidence("age", age.words, [_HOW_SURE[sure]]))
    if channel.score is not None:
        reasons = [reason.words for reason in quality.explain(person)]
        found.append(Evidence("quality", f"{channel.score:.0%} probably genuine", reasons))
    return found


_HOW_COUNTRY: Mapping[str, str] = {
    "place": "from the place that the profile states",
    "flag": "from a flag in the profile",
    "language": "from the language of the biography: a hint, not more",
}
_HOW_SURE: Mapping[Confidence | None, str] = {
    Confidence.STATED: "the profile says so",
    Confidence.LIKELY: "the profile makes it likely",
}
"""What is only a hint is worth something for many people together, and is not shown for one."""


def skip(number: int, size: int) -> int:
    """How many entries come before page `number`; raises Invalid for a page that cannot be."""
    if number < 1:
        raise Invalid(Problem("page", "must be a number from 1 on"))
    if not 1 <= size <= LARGEST_PAGE:
        raise Invalid(Problem("size", f"must be a number from 1 to {LARGEST_PAGE}"))
    return (min(number, 2**31) - 1) * size


def sayable(text: str) -> bool:
    """Whether a database can be asked for the text: no zero character, no half of a pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
