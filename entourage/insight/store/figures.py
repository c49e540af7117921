"""Counting people in the database, and what was counted of a channel before."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from entourage.insight.store.tables import channels, comments, figures, follows, likes, posts
from entourage.kernel.columns import Instant, among, from_ms, upsert
from entourage.kernel.db import Tx

_bind: Any = sa.bindparam
_CHANNEL = _bind("channel", type_=sa.BigInteger)
EVER = from_ms(0)
AT_ONCE = 20_000
"""Followers that SQLite groups at once: sorting a million in one go takes it ten times as long as in such pieces."""
WALKS = (2_000, 50_000)
"""Of the largest channels of all, those that are tried for being a follower before the followers are sorted instead."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was counted of a channel: people as crowds, its largest followers, its categories; all as plain JSON.

    `counted_at` is when everything was counted, `upto` the number of the last change of followers that is counted in.
    """

    channel_id: int
    version: int
    counted_at: datetime
    upto: datetime
    followers: Mapping[str, Any]
    engaged: Mapping[str, Any]
    top: Sequence[int]
    categories: Mapping[str, Any]


Changed = tuple[int, int, int | None, int | None, int, int | None]
"""Whose following began or ended: their number; when that was noted, and when the change before it; when it ended (all
in ms, a thousand of them are read at once); the code of their traits, and how many followers they have."""


_STORED = sa.select(
    figures.c.channel_id, figures.c.version, figures.c.counted_at, figures.c.upto, figures.c.followers,
    figures.c.engaged, figures.c.top, figures.c.categories,
).where(figures.c.channel_id == _CHANNEL)  # fmt: skip
_store = upsert(figures)
_STORE = _store.on_conflict_do_update(
    index_elements=["channel_id"],
    set_={column.name: _store.excluded[column.name] for column in figures.c if column.name != "channel_id"},
)
_FORGET = sa.delete(figures).where(figures.c.channel_id == _CHANNEL)
_KEEP_CATEGORIES = _store.on_conflict_do_update(
    index_elements=["channel_id"], set_={"categories": _store.excluded.categories}
)
_CATEGORIES = sa.select(figures.c.channel_id, figures.c.version, figures.c.categories).where(
    among(figures.c.channel_id, "ids")
)


def stored(tx: Tx, channel_id: int) -> Stored | None:
    """What was counted of the channel and kept."""
    row = tx.one(_STORED, channel=channel_id)
    return None if row is None else Stored(*row)


def store(tx: Tx, counted: Stored) -> None:
    """Keep what was counted."""
    tx.run(
        _STORE,
        channel_id=counted.channel_id,
        version=counted.version,
        counted_at=counted.counted_at,
        upto=counted.upto,
        followers=counted.followers,
        engaged=counted.engaged,
        top=counted.top,
        categories=counted.categories,
    )


def forget(tx: Tx, channel_id: int) -> None:
    """Forget what was counted of the channel."""
    tx.run(_FORGET, channel=channel_id)


def keep_categories(tx: Tx, channel_id: int, version: int, found: Mapping[str, Any]) -> None:
    """Keep the categories of a channel; where nothing was counted of it yet, that is as good as very long ago."""
    nobody: Mapping[str, Any] = {"followers": {}, "engaged": {}, "top": []}
    tx.run(
        _KEEP_CATEGORIES,
        channel_id=channel_id, version=version, counted_at=EVER, upto=EVER, categories=found, **nobody,
    )  # fmt: skip


def categories(tx: Tx, ids: Iterable[int], version: int) -> Mapping[int, Mapping[str, Any]]:
    """The categories that are kept of these channels, as this version of the methods told them."""
    wanted = list(ids)
    rows = tx.all(_CATEGORIES, ids=wanted) if wanted else []
    return {row[0]: row[2] for row in rows if row[1] == version}


# Followers

_noted = sa.type_coerce(follows.c.noted_at, sa.BigInteger)
_last = (
    sa.select(sa.type_coerce(sa.func.max(_noted), Instant)).where(follows.c.followed_id == _CHANNEL).scalar_subquery()
)
_of_channel = follows.c.followed_id == _CHANNEL
_alive = follows.c.until.is_(None)
_joined = follows.join(channels, channels.c.id == follows.c.follower_id)
_COUNT = (
    sa.select(channels.c.traits, sa.func.count(), _last)
    .select_from(_joined)
    .where(_of_channel, _alive)
    .group_by(channels.c.traits)
)
_LAST = sa.select(_last)
_piece = (
    sa.select(follows.c.follower_id, channels.c.traits)
    .select_from(_joined)
    .where(_of_channel, _alive, follows.c.follower_id > _bind("after", type_=sa.BigInteger))
    .order_by(follows.c.follower_id)
    .limit(_bind("most", type_=sa.Integer))
    .subquery()
)
_PIECE = sa.select(_piece.c.traits, sa.func.count(), sa.func.max(_piece.c.follower_id)).group_by(_piece.c.traits)
_CHANGES = (
    sa.select(
        follows.c.follower_id,
        _noted,
        sa.type_coerce(follows.c.noted_before, sa.BigInteger),
        sa.type_coerce(follows.c.until, sa.BigInteger),
        channels.c.traits,
        channels.c.followers,
    )
    .select_from(_joined)
    .where(_of_channel, follows.c.noted_at > _bind("upto", type_=follows.c.noted_at.type))
    .limit(_bind("most", type_=sa.Integer))
)


def followers(tx: Tx, channel_id: int) -> tuple[Mapping[int, int], datetime]:
    """The channel's followers by the code of their traits, and the number of the last change that is counted in.

    Both are of one moment, also while others write: one statement on PostgreSQL, one transaction on SQLite.
    """
    if tx.dialect == "sqlite":
        return _in_pieces(tx, channel_id), tx.value(_LAST, channel=channel_id) or EVER
    rows = tx.all(_COUNT, channel=channel_id)
    if not rows:
        return {}, EVER
    return {row[0]: row[1] for row in rows}, rows[0][2]


def _in_pieces(tx: Tx, channel_id: int) -> Mapping[int, int]:
    people: Counter[int] = Counter()
    after = 0
    while True:
        rows = tx.all(_PIECE, channel=channel_id, after=after, most=AT_ONCE)
        here = 0
        for code, count, last in rows:
            people[code] += count
            here += count
            after = max(after, last)
        if here < AT_ONCE:
            return people


def changes(tx: Tx, channel_id: int, upto: datetime, most: int) -> Sequence[Changed]:
    """Whose following of the channel changed after `upto`, `most` of them at most."""
    return cast("Sequence[Changed]", tx.all(_CHANGES, channel=channel_id, upto=upto, most=most))


# The largest of them

_follower = sa.and_(_of_channel, follows.c.follower_id == channels.c.id, _alive)
_SORTED = (
    sa.select(channels.c.id)
    .select_from(_joined)
    .where(_of_channel, _alive, channels.c.followers.is_not(None))
    .order_by(channels.c.followers.desc(), channels.c.id)
    .limit(_bind("most", type_=sa.Integer))
)
_largest = (
    sa.select(channels.c.id, channels.c.followers)
    .where(channels.c.followers.is_not(None))
    .order_by(channels.c.followers.desc())
    .limit(_bind("walked", type_=sa.Integer))
    .subquery()
)
_WALKED = (
    sa.select(_largest.c.id)
    .select_from(_largest.join(follows, sa.and_(_of_channel, follows.c.follower_id == _largest.c.id)))
    .where(_alive)
    .order_by(_largest.c.followers.desc(), _largest.c.id)
    .limit(_bind("most", type_=sa.Integer))
)
_SIZES = sa.select(channels.c.id, channels.c.followers).where(
    among(channels.c.id, "ids"), channels.c.followers.is_not(None)
)


def largest(tx: Tx, channel_id: int, most: int, *, among_many: bool) -> list[int]:
    """The channel's followers with the most followers. `among_many`: it has so many that most of the largest channels
    of all are likely to be among them.
    """
    for walked in WALKS if among_many else ():
        found = [row[0] for row in tx.all(_WALKED, channel=channel_id, walked=walked, most=most)]
        if len(found) == most:
            return found
    return [row[0] for row in tx.all(_SORTED, channel=channel_id, most=most)]


def sizes(tx: Tx, ids: Iterable[int]) -> Mapping[int, int]:
    """How many followers these channels have, where that is known."""
    wanted = list(ids)
    rows = tx.all(_SIZES, ids=wanted) if wanted else []
    return {row[0]: row[1] for row in rows}


# Who engages

_recent = (
    sa.select(posts.c.id)
    .where(posts.c.author_id == _CHANNEL, posts.c.posted_at.is_not(None))
    .order_by(posts.c.posted_at.desc())
    .limit(_bind("posts", type_=sa.Integer))
    .subquery()
)
_undated = sa.select(posts.c.id).where(posts.c.author_id == _CHANNEL, posts.c.posted_at.is_(None)).subquery()
_people = sa.union(
    *(
        sa.select(who).select_from(_posts.join(table, table.c.post_id == _posts.c.id))
        for _posts in (_recent, _undated)
        for table, who in ((likes, likes.c.channel_id), (comments, comments.c.author_id))
    )
).subquery()
_ENGAGED = (
    sa.select(channels.c.traits, sa.func.count())
    .select_from(_people.join(channels, channels.c.id == _people.c[0]))
    .where(channels.c.id != _CHANNEL)
    .group_by(channels.c.traits)
)


def engaged(tx: Tx, channel_id: int, of_posts: int) -> Mapping[int, int]:
    """Who likes or comments the channel's newest posts, each person once, by the code of their traits."""
    return {row[0]: row[1] for row in tx.all(_ENGAGED, channel=channel_id, posts=of_posts)}
