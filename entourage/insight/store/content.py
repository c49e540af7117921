"""What a channel posted, in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from entourage.insight.model import Post
from entourage.insight.store.channels import chained
from entourage.insight.store.tables import channels, posts
from entourage.kernel.columns import among
from entourage.kernel.db import Tx
from entourage.networks.facts import MediaFact

_bind: Any = sa.bindparam
_p = posts.c
_columns = [_p[field.name] for field in fields(Post)]
_MEDIA = [field.name for field in fields(Post)].index("media")
_AUTHOR = _bind("channel", type_=sa.BigInteger)
_LIMIT, _OFFSET = _bind("most", type_=sa.Integer), _bind("skipped", type_=sa.Integer)
_there = (_p.author_id == _AUTHOR, _p.gone_at.is_(None), _p.seen_at.is_not(None))
_dated, _undated = _p.posted_at.is_not(None), _p.posted_at.is_(None)


def _listed(which: sa.ColumnElement[bool], order: Sequence[Any]) -> tuple[sa.Select[Any], sa.Select[Any]]:
    inner = (
        sa.select(sa.literal_column("1", sa.Integer))
        .where(*_there, which)
        .limit(_bind("enough", type_=sa.Integer))
        .subquery()
    )
    entries = sa.select(*_columns).where(*_there, which).order_by(*order).limit(_LIMIT).offset(_OFFSET)
    return sa.select(sa.func.count()).select_from(inner), entries


_COUNT_DATED, _DATED = _listed(_dated, [_p.posted_at.desc(), _p.id.desc()])
_COUNT_UNDATED, _UNDATED = _listed(_undated, [_p.id.desc()])
_BY_ID = sa.select(*_columns).where(_p.id == _bind("post", type_=sa.BigInteger), _p.seen_at.is_not(None))
_BY_IDS = sa.select(*_columns).where(among(_p.id, "ids"))
_SETTLED = _bind("settled", type_=sa.BigInteger)
_NUMBERS = (
    sa.select(_p.id, _p.likes, _p.comments)
    .where(
        *_there,
        _dated,
        sa.or_(_p.likes.is_not(None), _p.comments.is_not(None)),
        sa.type_coerce(_p.counted_at, sa.BigInteger) - sa.type_coerce(_p.posted_at, sa.BigInteger) >= _SETTLED,
    )
    .order_by(_p.posted_at.desc(), _p.id.desc())
    .limit(_LIMIT)
)
_WORDS = sa.select(_p.caption, _p.tags).where(*_there, _dated).order_by(_p.posted_at.desc(), _p.id.desc()).limit(_LIMIT)
_newest = (
    sa.select(_p.id)
    .where(_p.author_id == channels.c.id, _dated)
    .order_by(_p.posted_at.desc(), _p.id.desc())
    .limit(1)
    .scalar_subquery()
)
_NEWEST = sa.select(channels.c.id, _newest).where(among(channels.c.id, "ids"))
_moment = sa.type_coerce(_p.posted_at, sa.BigInteger)
_hour = (_moment // sa.literal_column("3600000", sa.BigInteger) + _bind("shift", type_=sa.BigInteger)) % (
    sa.literal_column("168", sa.BigInteger)
)
_HOURS = sa.select(_hour, sa.func.count()).where(*_there, _dated).group_by(_hour)
_TO_MONDAY = 72
"""The epoch began on a Thursday: so many hours earlier it was Monday, 0:00."""


class Numbers(NamedTuple):
    """How a post was received, as far as that was told."""

    id: int
    likes: int | None
    comments: int | None


def post_of(row: Sequence[Any]) -> Post:
    """A row of all columns, in the order of the dataclass's fields, as a post."""
    values = list(row)
    values[_MEDIA] = msgspec.convert(values[_MEDIA], tuple[MediaFact, ...])
    return Post(*values)


def newest_first(tx: Tx, channel_id: int, *, skipped: int, most: int, enough: int) -> tuple[list[Post], int]:
    """What the channel posted and has not deleted, the newest first, those without a time last; counted to `enough`."""

    def count(statement: sa.Select[Any]) -> int:
        return int(tx.value(statement, channel=channel_id, enough=enough))

    def entries(statement: sa.Select[Any], skip: int, limit: int) -> list[Post]:
        return [post_of(row) for row in tx.all(statement, channel=channel_id, skipped=skip, most=limit)]

    return chained(
        [
            (lambda: count(_COUNT_DATED), lambda skip, limit: entries(_DATED, skip, limit)),
            (lambda: count(_COUNT_UNDATED), lambda skip, limit: entries(_UNDATED, skip, limit)),
        ],
        skipped,
        most,
        enough,
    )


def get(tx: Tx, post_id: int) -> Post | None:
    """The post with our number, if anything is known of it."""
    row = tx.one(_BY_ID, post=post_id)
    return None if row is None else post_of(row)


def many(tx: Tx, ids: Iterable[int]) -> Mapping[int, Post]:
    """Those of the posts that there are, by number."""
    wanted = list(ids)
    rows = tx.all(_BY_IDS, ids=wanted) if wanted else []
    return {row[0]: post_of(row) for row in rows}


def numbers(tx: Tx, channel_id: int, most: int, settled: timedelta = timedelta.min) -> list[Numbers]:
    """How the newest posts of which that is known were received, the newest first.

    Left out are those whose numbers were read sooner than `settled` after posting.
    """
    least = settled // timedelta(milliseconds=1)
    return [Numbers(*row) for row in tx.all(_NUMBERS, channel=channel_id, most=most, settled=least)]


def words(tx: Tx, channel_id: int, most: int) -> list[tuple[str | None, Sequence[str]]]:
    """The captions and tags of the newest posts, the newest first."""
    return [(row[0], row[1]) for row in tx.all(_WORDS, channel=channel_id, most=most)]


def newest(tx: Tx, ids: Iterable[int]) -> Mapping[int, int | None]:
    """The number of the newest post of each of these channels."""
    wanted = list(ids)
    return {row[0]: row[1] for row in tx.all(_NEWEST, ids=wanted)} if wanted else {}


def hours(tx: Tx, channel_id: int) -> Mapping[int, int]:
    """How many posts there are of each hour of the week in UTC: 0 is Monday, 0:00 to 1:00, and 167 the last."""
    return {int(row[0]): row[1] for row in tx.all(_HOURS, channel=channel_id, shift=_TO_MONDAY)}
