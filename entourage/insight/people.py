"""Who is who: the channels that facts speak of, found, added, renamed, or recognised as one."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeVar

from msgspec import UNSET

from entourage.insight.model import UNJUDGED, Person
from entourage.insight.store import facts as store
from entourage.insight.store.facts import Known
from entourage.insight.traits import judged
from entourage.kernel.columns import from_ms, to_ms
from entourage.kernel.db import Tx
from entourage.networks.facts import PostFact, ProfileFact

Key = tuple[str, str]
"""A network and an id of it."""
F = TypeVar("F", ProfileFact, PostFact)
_SPACE: Final = uuid.NAMESPACE_URL.bytes
_TOLD: Final = (
    "username", "name", "biography", "picture", "link", "location", "followers", "follows", "posts", "is_private",
    "is_verified",
)  # fmt: skip
_told: Final[Callable[[object], tuple[Any, ...]]] = attrgetter(*_TOLD)
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_NOBODY = Known(0, "", "", *[None] * 13)


def handle_of(username: str) -> str:
    """A user name as names are compared: without @, in one case."""
    return username.strip().removeprefix("@").casefold()


def uuid_of(network: str, native_id: str) -> str:
    """What contracts call a channel: a UUID (RFC 9562, version 5) of its network and the id there."""
    text = hashlib.sha1(_SPACE + f"{network}:{native_id}".encode(), usedforsecurity=False).hexdigest()
    # Written out: uuid.UUID takes four times as long, and there is one for every new profile of an import.
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def next_noted(tx: Tx, channel_id: int) -> datetime:
    """A moment for changes of a channel's followers: now, and later than every such moment before."""
    return from_ms(max(to_ms(tx.clock()), store.last_noted(tx, channel_id) + 1))


class People:
    """The channels that a set of facts speaks of. `ids` has the number of each."""

    def __init__(self, tx: Tx, keys: Iterable[Key], profiles: Iterable[ProfileFact]) -> None:
        self._tx = tx
        self._known: dict[Key, Known] = {}
        self._told: dict[Key, list[ProfileFact]] = {}
        self._also: dict[Key, Key] = {}
        self.ids: dict[Key, int] = {}
        self.new = 0
        wanted: dict[str, dict[str, None]] = {}  # in the order in which they were told
        for key in keys:
            network, native_id = self._plain(key)
            wanted.setdefault(network, {})[native_id] = None
        for fact in profiles:
            network, native_id = self._plain((fact.network, fact.id))
            wanted.setdefault(network, {})[native_id] = None
            self._told.setdefault((network, native_id), []).append(fact)
        for network, ids in wanted.items():
            self._find(network, set(ids))
        self._recognise()
        self._write([(network, native_id) for network, ids in wanted.items() for native_id in ids])

    def _plain(self, key: Key) -> Key:
        """The key as it is kept: a name that stands for an id in one case."""
        if key[1][0] != "@":
            return key
        plain = (key[0], "@" + handle_of(key[1]))
        if plain != key:
            self._also[key] = plain
        return plain

    def _find(self, network: str, ids: set[str]) -> None:
        """What is known of these ids, and of the stubs that may be the same people."""
        stubs = {
            "@" + handle_of(fact.username) for (net, _), told in self._told.items() if net == network for fact in told
        }
        for known in store.by_native_ids(self._tx, network, ids | stubs):
            self._known[network, known.native_id] = known
        names = {native_id for native_id in ids if native_id[0] == "@" and (network, native_id) not in self._known}
        if names:
            for known in store.by_handles(self._tx, network, {handle_of(name) for name in names}):
                key = (network, known.native_id)
                self._known.setdefault(key, known)
                name = "@" + handle_of(known.username or "")
                if name in names:
                    self._also.setdefault((network, name), key)

    def _recognise(self) -> None:
        """A name whose id is told now gives way to it: adopted where the id is new, else the two become one."""
        for name, key in self._holders().items():
            self._also[name] = key
            stub = self._known.pop(name, None)
            if stub is None:
                continue
            here = self._known.get(key)
            if here is None:
                store.adopt(self._tx, stub.id, key[1], uuid_of(*key))
                self._known[key] = stub._replace(native_id=key[1])
            elif here.id != stub.id:
                self._known[key] = self._joined(here, stub)
                store.merge(self._tx, stub.id, here.id, next_noted(self._tx, here.id))

    def _holders(self) -> dict[Key, Key]:
        """Who has each name that is told. Names are given up and taken by others: who was seen last with it has it, and
        nobody has the name that they had before their newest one.
        """
        holders: dict[Key, tuple[datetime, Key]] = {}
        for key, told in self._told.items():
            if key[1][0] == "@":
                continue
            newest = max(told, key=_when)
            handle, seen_at = handle_of(newest.username), newest.seen_at
            here = self._known.get(key)
            if here is not None and here.seen_at is not None and here.seen_at >= seen_at:
                handle, seen_at = handle_of(here.username or ""), here.seen_at
            name = (key[0], "@" + handle)
            other = holders.get(name) or self._holder(name)
            if other is None or seen_at > other[0]:
                other = seen_at, key
            holders[name] = other
        return {name: key for name, (_, key) in holders.items()}

    def _holder(self, name: Key) -> tuple[datetime, Key] | None:
        """Who was known to have a name that is asked for, and when they were seen with it."""
        key = self._also.get(name)
        known = None if key is None else self._known.get(key)
        return None if key is None or known is None or known.seen_at is None else (known.seen_at, key)

    def _joined(self, here: Known, stub: Known) -> Known:
        """One profile of two that turned out to be of one person: the newer one, and what only the other one told."""
        if stub.seen_at is None:
            return here
        newer, older = (here, stub) if here.seen_at is not None and here.seen_at > stub.seen_at else (stub, here)
        both = Known._make(old if new is None else new for new, old in zip(newer, older, strict=True))
        both = both._replace(id=here.id, native_id=here.native_id, gone_at=newer.gone_at)
        counted = store.counted(self._tx, (newer.id, older.id))
        of_newer, of_older = counted.get(newer.id, {}), counted.get(older.id, {})
        both = both._replace(
            **{name: getattr(older, name) for name, at in of_older.items() if name in of_newer and at > of_newer[name]}
        )
        if both != here:
            values: dict[str, Any] = {name: getattr(both, name) for name in _TOLD}
            store.set_channels(
                self._tx, {both.id: _judged(both.network, values, both.seen_at or stub.seen_at, both.gone_at)}
            )
        return both

    def _real(self, key: Key) -> Key:
        key = self._also.get(key, key)
        return self._also.get(key, key)

    def _write(self, keys: Iterable[Key]) -> None:
        added: dict[Key, dict[str, Any]] = {}
        changed: dict[int, dict[str, Any]] = {}
        history: list[tuple[Key, ProfileFact]] = []
        told: dict[Key, list[ProfileFact]] = {}
        for key, facts in self._told.items():
            told.setdefault(self._real(key), []).extend(facts)
        counted = self._counted(told)
        for key in dict.fromkeys(map(self._real, keys)):
            known, facts = self._known.get(key), sorted(told.get(key, ()), key=_when)
            if known is None and len(facts) == 1:
                row, past = _first(facts[0]), facts
            else:
                row, past = _merged(known or _NOBODY, facts, counted.get(known.id, {}) if known else {})
            history += [(key, fact) for fact in past]
            if known is None:
                added[key] = self._row(key, row, facts)
            elif row:
                changed[known.id] = row
        self.new = len(added)
        numbers = store.add_channels(self._tx, list(added.values())) if added else []
        self.ids = {key: known.id for key, known in self._known.items()}
        self.ids |= dict(zip(added, numbers, strict=True))
        for name in self._also:
            if (key := self._real(name)) in self.ids:
                self.ids[name] = self.ids[key]
        store.set_channels(self._tx, changed)
        store.add_snapshots(self._tx, [_snapshot(self.ids[key], fact) for key, fact in history])

    def _counted(self, told: Mapping[Key, Iterable[ProfileFact]]) -> Mapping[int, Mapping[str, datetime]]:
        """When the numbers of channels were read, of those that late news might tell newer ones of."""
        late = [
            known.id
            for key, facts in told.items()
            if (known := self._known.get(key)) is not None
            and known.seen_at is not None
            and any(fact.seen_at <= known.seen_at and _counts_anew(fact, known) for fact in facts)
        ]
        return store.counted(self._tx, late) if late else {}

    def _row(self, key: Key, row: dict[str, Any], facts: list[ProfileFact]) -> dict[str, Any]:
        """A channel that is new: with what was told, or a stub with no more than a name."""
        network, native_id = key
        if not row:
            named = native_id[1:] if native_id[0] == "@" else None
            row = dict.fromkeys(store.TOLD)
            row |= {"username": named, "handle": named and handle_of(named), "traits": UNJUDGED}
        row["uuid"], row["network"], row["native_id"] = uuid_of(network, native_id), network, native_id
        row["first_seen"] = facts[0].seen_at if facts else self._tx.now
        return row


def in_turn(facts: Sequence[F], seen_at: datetime | None) -> Sequence[F]:
    """Facts (the oldest first) as they are added to what was seen at `seen_at`: first those that can only fill in what
    is not known, for which the newest is the best, then those that are newer.
    """
    if seen_at is None or facts[0].seen_at > seen_at:
        return facts
    late = [fact for fact in facts if fact.seen_at <= seen_at]
    return [*reversed(late), *facts[len(late) :]]


def _when(fact: ProfileFact) -> datetime:
    return fact.seen_at


def _first(fact: ProfileFact) -> dict[str, Any]:
    """As `_merged`, for a channel that is new and of which there is one fact: most of an import."""
    values = {name: None if value is UNSET else value for name, value in zip(_TOLD, _told(fact), strict=True)}
    return _judged(fact.network, values, fact.seen_at, fact.seen_at if fact.gone else None)


def _merged(
    known: Known, facts: list[ProfileFact], counted: Mapping[str, datetime]
) -> tuple[dict[str, Any], list[ProfileFact]]:
    """What has to be stored of a channel after these facts ({} for nothing), and which of them are history.

    `counted` tells when its numbers were read, where that may be before something else was seen of it.
    """
    if not facts:
        return {}, []
    values: dict[str, Any] = dict(zip(_TOLD, _told(known), strict=True))
    seen_at, gone_at = known.seen_at, known.gone_at
    before = dict(values)
    for name, at in counted.items():
        late = [fact for fact in facts if at < fact.seen_at and type(getattr(fact, name)) is int]
        if late and values[name] is not None:
            values[name] = getattr(late[-1], name)
    past: list[ProfileFact] = []
    for fact in in_turn(facts, seen_at):
        newer = known.seen_at is None or fact.seen_at > known.seen_at  # two of one moment complete each other
        if seen_at is None or fact.username != values["username"] or type(fact.followers) is int or _counted(fact):
            past.append(fact)
        for name in _TOLD:
            value = getattr(fact, name)
            if value is not UNSET and (newer or (value is not None and values[name] is None)):
                values[name] = value
        if newer:
            seen_at, gone_at = fact.seen_at, fact.seen_at if fact.gone else None
    if seen_at == known.seen_at and gone_at == known.gone_at and values == before:
        return {}, past
    return _judged(facts[0].network, values, seen_at or facts[0].seen_at, gone_at), past


def _judged(network: str, told: Mapping[str, Any], seen_at: datetime, gone_at: datetime | None) -> dict[str, Any]:
    """What is stored of a channel of which this was told."""
    traits, score = judged(Person(network, **told), seen_at.date())
    moments = {"seen_at": seen_at, "gone_at": gone_at}
    return {**told, "handle": handle_of(told["username"]), **moments, "traits": traits.code, "score": score}


def _counts_anew(fact: ProfileFact, known: Known) -> bool:
    told = ((getattr(fact, name), getattr(known, name)) for name in store.COUNTS)
    return any(type(new) is int and new != old for new, old in told)


def _counted(fact: ProfileFact) -> bool:
    return type(fact.follows) is int or type(fact.posts) is int


def _snapshot(channel_id: int, fact: ProfileFact) -> dict[str, Any]:
    counts = {name: value if type(value := getattr(fact, name)) is int else None for name in store.COUNTS}
    return {"channel_id": channel_id, "seen_at": fact.seen_at, "username": fact.username, **counts}
