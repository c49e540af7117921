"""Channels in the database: by number, by name, in lists; and the names that they had."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from entourage.insight.model import UNJUDGED, Channel, Traits
from entourage.insight.store.tables import channels, plans, snapshots
from entourage.kernel.columns import Instant, among
from entourage.kernel.db import Tx

T = TypeVar("T")
_bind: Any = sa.bindparam
_c = channels.c
_TRAITS = [field.name for field in fields(Channel)].index("traits")
_columns = [_c[field.name] for field in fields(Channel)]
_select = sa.select(*_columns)
_BY_ID = _select.where(_c.id == _bind("channel"))
_BY_UUID = _select.where(_c.uuid == _bind("uuid"))
_MANY = _select.where(among(_c.id, "ids"))
_OFFSET, _LIMIT = _bind("skipped", type_=sa.Integer), _bind("most", type_=sa.Integer)


def channel_of(row: Sequence[Any]) -> Channel:
    """A row of all columns, in the order of the dataclass's fields, as a channel."""
    values = list(row)
    values[_TRAITS] = None if values[_TRAITS] == UNJUDGED else Traits.of(values[_TRAITS])
    return Channel(*values)


def get(tx: Tx, channel_id: int) -> Channel | None:
    """The channel with our number."""
    row = tx.one(_BY_ID, channel=channel_id)
    return None if row is None else channel_of(row)


def by_uuid(tx: Tx, uuid: str) -> Channel | None:
    """The channel that contracts call so."""
    row = tx.one(_BY_UUID, uuid=uuid)
    return None if row is None else channel_of(row)


def many(tx: Tx, ids: Iterable[int]) -> Mapping[int, Channel]:
    """Those of the channels that there are, by number."""
    wanted = list(ids)
    rows = tx.all(_MANY, ids=wanted) if wanted else []
    return {row[0]: channel_of(row) for row in rows}


def chained(
    parts: Sequence[tuple[Callable[[], int], Callable[[int, int], Sequence[T]]]], skipped: int, most: int, enough: int
) -> tuple[list[T], int]:
    """Part of a list that is made of lists, one after the other, and how many entries all have, up to `enough`.

    Each is a pair: how many it has, and its entries from one on. What an index cannot order in one go (those without a
    number last) is two lists. What is beyond `enough` is not looked at.
    """
    most = min(most, max(0, enough - skipped))
    found: list[T] = []
    total = 0
    for count, entries in parts:
        here = count()
        if len(found) < most and skipped < total + here:
            found += entries(max(0, skipped - total), most - len(found))
        total += here
        if total >= enough:
            break
    return found, min(total, enough)


# Search by the beginning of a name

_seen = _c.traits != UNJUDGED
_begins = sa.and_(_c.handle >= _bind("first"), _c.handle < _bind("past"), _seen)
_network = _c.network == _bind("net")
_living, _gone = _c.gone_at.is_(None), _c.gone_at.is_not(None)


_ONE = sa.literal_column("1", sa.Integer)


class _List(NamedTuple):
    counted: sa.Select[Any]
    entries: sa.Select[Any]


def _listed(where: Sequence[sa.ColumnElement[bool]], order: Sequence[Any]) -> _List:
    """How many there are (at most the bound number `enough`), and some of them."""
    inner = sa.select(_ONE).where(*where).limit(_bind("enough", type_=sa.Integer)).subquery()
    count = sa.select(sa.func.count()).select_from(inner)
    chosen = sa.select(_c.id).where(*where).order_by(*order).limit(_LIMIT).offset(_OFFSET).subquery()
    entries = sa.select(*_columns).join(chosen, chosen.c.id == _c.id).order_by(*order)
    return _List(count, entries)


_SEARCH = {
    (bool(net), gone): _listed([_begins, gone_or_not, *net], [_c.handle, _c.network, _c.id])
    for net in ([], [_network])
    for gone, gone_or_not in ((False, _living), (True, _gone))
}
_past_everything = "\U0010ffff"


def past(prefix: str) -> str:
    """The first text, by code points, that comes after all that begin with `prefix`."""
    for length in range(len(prefix), 0, -1):
        last = ord(prefix[length - 1])
        if last < 0x10FFFF:  # noqa: PLR2004 - the last code point there is
            following = 0xE000 if last == 0xD7FF else last + 1  # noqa: PLR2004 - surrogates are no characters
            return prefix[: length - 1] + chr(following)
    return _past_everything * (len(prefix) + 1)


def search(
    tx: Tx, prefix: str, network: str | None, *, skipped: int, most: int, enough: int
) -> tuple[list[Channel], int]:
    """Channels whose handle begins with `prefix`, by handle, those that are gone last; of `enough` at most are told."""
    bound: dict[str, Any] = {"first": prefix, "past": past(prefix)}
    if network is not None:
        bound["net"] = network
    lists = [_SEARCH[network is not None, gone] for gone in (False, True)]
    return _page(tx, lists, bound, skipped=skipped, most=most, enough=enough)


def _page(
    tx: Tx, lists: Sequence[_List], bound: Mapping[str, Any], *, skipped: int, most: int, enough: int
) -> tuple[list[Channel], int]:
    def part(one: _List) -> tuple[Callable[[], int], Callable[[int, int], Sequence[Channel]]]:
        return (
            lambda: int(tx.value(one.counted, enough=enough, **bound)),
            lambda skip, limit: [channel_of(row) for row in tx.all(one.entries, skipped=skip, most=limit, **bound)],
        )

    return chained([part(one) for one in lists], skipped, most, enough)


# Lists for people who look around

_text = sa.or_(_c.username.ilike(_bind("pattern"), escape="\\"), _c.name.ilike(_bind("pattern"), escape="\\"))
_SPECIAL = re.compile(r"([\\%_])")
_watched = sa.select(plans.c.channel_id).where(plans.c.channel_id.is_not(None))
_MINE = _c.id.in_(_watched.where(plans.c.owner == _bind("whose")))
_ANYBODYS = _c.id.in_(_watched)
_numbered, _unnumbered = _c.followers.is_not(None), _c.followers.is_(None)
_ORDERS: Mapping[str, Sequence[tuple[Sequence[sa.ColumnElement[bool]], Sequence[Any]]]] = {
    "followers": [([_numbered], [_c.followers.desc(), _c.id.desc()]), ([_unnumbered], [_c.id.desc()])],
    "name": [([_c.handle >= ""], [_c.handle, _c.network, _c.id])],
    "newest": [([], [_c.id.desc()])],
}


def _listings() -> Mapping[tuple[str, bool, bool, str], Sequence[_List]]:
    watched: Mapping[str, Sequence[sa.ColumnElement[bool]]] = {"": [], "mine": [_MINE], "all": [_ANYBODYS]}
    return {
        (order, net, text, whose): [
            _listed([*where, _seen, *([_network] if net else []), *([_text] if text else []), *watched[whose]], by)
            for where, by in parts
        ]
        for order, parts in _ORDERS.items()
        for net in (False, True)
        for text in (False, True)
        for whose in watched
    }


_LISTINGS = _listings()


def listing(
    tx: Tx,
    *,
    order: str,
    network: str | None,
    text: str | None,
    watched: bool,
    owner: int | None,
    skipped: int,
    most: int,
    enough: int,
) -> tuple[list[Channel], int]:
    """Channels whose profile was seen, in an order of `followers`, `name` or `newest`; those that `owner` watches, or
    anybody where `owner` is None. How many there are is counted up to `enough`.
    """
    whose = ("all" if owner is None else "mine") if watched else ""
    pattern = None if text is None else "%" + _SPECIAL.sub(r"\\\1", text) + "%"
    bound = {
        name: value
        for name, value in (("net", network), ("pattern", pattern), ("whose", owner if whose == "mine" else None))
        if value is not None
    }
    lists = _LISTINGS[order, network is not None, text is not None, whose]
    return _page(tx, lists, bound, skipped=skipped, most=most, enough=enough)


# Names

_moment = sa.type_coerce(snapshots.c.seen_at, sa.BigInteger)
_NAMES = (
    sa.select(
        snapshots.c.username,
        sa.type_coerce(sa.func.min(_moment), Instant),
        sa.type_coerce(sa.func.max(_moment), Instant),
    )
    .where(snapshots.c.channel_id == _bind("channel"))
    .group_by(snapshots.c.username)
    .order_by(sa.func.max(_moment).desc())
)
_HOLDERS = (
    sa.select(*_columns, _c.handle)
    .where(among(_c.handle, "handles"), _c.network == _bind("net"), _seen)
    .order_by(_c.seen_at, _c.id)
)
_HANDLE = sa.select(_c.handle).where(_c.id == _bind("channel"))


def names(tx: Tx, channel_id: int) -> list[tuple[str, datetime, datetime]]:
    """The user names a channel was seen with, the newest first: each with when it was seen so first and last."""
    return [(row[0], row[1], row[2]) for row in tx.all(_NAMES, channel=channel_id)]


def handle_of(tx: Tx, channel_id: int) -> str | None:
    """The channel's name as its network compares names."""
    return tx.value(_HANDLE, channel=channel_id)


def holders(tx: Tx, network: str, handles: Iterable[str]) -> Mapping[str, Channel]:
    """Who has each of these handles: the one who was seen with it last."""
    wanted = list(handles)
    rows = tx.all(_HOLDERS, handles=wanted, net=network) if wanted else []
    return {row[-1]: channel_of(row[:-1]) for row in rows}
