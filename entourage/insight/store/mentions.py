"""Who names whom, in the database."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from entourage.insight.store.tables import mentions
from entourage.kernel.columns import Instant, among
from entourage.kernel.db import Tx

_bind: Any = sa.bindparam
_m = mentions.c
_LIMIT, _OFFSET = _bind("most", type_=sa.Integer), _bind("skipped", type_=sa.Integer)
_CHANNEL = _bind("channel", type_=sa.BigInteger)
_counted = sa.func.sum(_m.posts)
_last = sa.func.max(sa.type_coerce(_m.last_at, sa.BigInteger))
_naming = (among(_m.handle, "handles"), _m.network == _bind("net"), _m.author_id != _CHANNEL)
_INCOMING = (
    sa.select(_m.author_id, sa.cast(_counted, sa.BigInteger), sa.type_coerce(_last, Instant))
    .where(*_naming)
    .group_by(_m.author_id)
    .order_by(_counted.desc(), _m.author_id.desc())
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_by_name = (_m.handle == _bind("handle"), _m.network == _bind("net"))
_NAMED = sa.select(_m.posts).where(*_by_name).limit(1)
_ONE_NAME = (
    sa.select(_m.author_id, _m.posts, _m.last_at)
    .where(*_by_name, _m.author_id != _CHANNEL)
    .order_by(_m.posts.desc(), _m.author_id.desc())
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_one_name = (
    sa.select(_m.author_id)
    .where(*_by_name, _m.author_id != _CHANNEL)
    .limit(_bind("enough", type_=sa.Integer))
    .subquery()
)
_COUNT_ONE_NAME = sa.select(sa.func.count()).select_from(_one_name)
_authors = sa.select(_m.author_id).where(*_naming).distinct().limit(_bind("enough", type_=sa.Integer)).subquery()
_COUNT_INCOMING = sa.select(sa.func.count()).select_from(_authors)
_named = (_m.author_id == _CHANNEL, _m.network == _bind("net"), sa.not_(among(_m.handle, "own")))
_OUTGOING = (
    sa.select(_m.handle, _m.posts, _m.last_at)
    .where(*_named)
    .order_by(_m.posts.desc(), _m.handle)
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_handles = sa.select(_m.handle).where(*_named).limit(_bind("enough", type_=sa.Integer)).subquery()
_COUNT_OUTGOING = sa.select(sa.func.count()).select_from(_handles)
_AMONG = sa.select(_m.author_id, _m.handle, _m.posts).where(
    among(_m.author_id, "authors"), among(_m.handle, "handles"), _m.network == _bind("net")
)


class Incoming(NamedTuple):
    """Who names the channel: in how many posts, and when last."""

    author_id: int
    posts: int
    last_at: datetime | None


class Outgoing(NamedTuple):
    """Whom the channel names."""

    handle: str
    posts: int
    last_at: datetime | None


class Between(NamedTuple):
    """One of several channels names one of several handles."""

    author_id: int
    handle: str
    posts: int


def named(tx: Tx, network: str, handle: str) -> bool:
    """Whether anybody names the handle."""
    return tx.one(_NAMED, handle=handle, net=network) is not None


def incoming(
    tx: Tx, channel_id: int, network: str, handles: Sequence[str], *, skipped: int, most: int
) -> list[Incoming]:
    """Who else names one of the handles, those who do most often first."""
    bound = {"net": network, "channel": channel_id, "skipped": skipped, "most": most}
    if len(handles) == 1:  # the index has these in order, without adding up
        found = tx.all(_ONE_NAME, handle=handles[0], **bound)
    else:
        found = tx.all(_INCOMING, handles=handles, **bound)
    return [Incoming(*row) for row in found]


def count_incoming(tx: Tx, channel_id: int, network: str, handles: Sequence[str], enough: int) -> int:
    """How many others name one of the handles, counted up to `enough`."""
    bound = {"net": network, "channel": channel_id, "enough": enough}
    if len(handles) == 1:
        return int(tx.value(_COUNT_ONE_NAME, handle=handles[0], **bound))
    return int(tx.value(_COUNT_INCOMING, handles=handles, **bound))


def outgoing(tx: Tx, channel_id: int, network: str, own: Sequence[str], *, skipped: int, most: int) -> list[Outgoing]:
    """Whom the channel names besides its own handles, those whom it names most often first."""
    found = tx.all(_OUTGOING, channel=channel_id, net=network, own=own, skipped=skipped, most=most)
    return [Outgoing(*row) for row in found]


def count_outgoing(tx: Tx, channel_id: int, network: str, own: Sequence[str], enough: int) -> int:
    """How many the channel names besides its own handles, counted up to `enough`."""
    return int(tx.value(_COUNT_OUTGOING, channel=channel_id, net=network, own=own, enough=enough))


def between(tx: Tx, network: str, authors: Iterable[int], handles: Iterable[str]) -> list[Between]:
    """Which of the channels name which of the handles."""
    found = tx.all(_AMONG, authors=list(authors), handles=list(handles), net=network)
    return [Between(*row) for row in found]
