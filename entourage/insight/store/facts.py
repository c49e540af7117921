"""What is asked of the tables of facts, and how they change."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from entourage.insight.store.tables import (
    channels,
    comments,
    figures,
    follows,
    knowledge,
    likes,
    mentions,
    plans,
    posts,
    samples,
    snapshots,
)
from entourage.kernel.columns import among, from_ms, to_ms, upsert
from entourage.kernel.db import Tx

_bind: Any = sa.bindparam
COUNTS = ("followers", "follows", "posts")
"""The numbers of a profile that are kept each time they are read."""
Rows = Sequence[Mapping[str, Any]]


class Known(NamedTuple):
    """A channel as it is stored, in the order of its columns."""

    id: int
    network: str
    native_id: str
    username: str | None
    name: str | None
    biography: str | None
    picture: str | None
    link: str | None
    location: str | None
    followers: int | None
    follows: int | None
    posts: int | None
    is_private: bool | None
    is_verified: bool | None
    seen_at: datetime | None
    gone_at: datetime | None


class KnownPost(NamedTuple):
    """A post as it is stored."""

    id: int
    native_id: str
    author_id: int
    url: str | None
    caption: str | None
    posted_at: datetime | None
    likes: int | None
    comments: int | None
    media: Any
    mentions: Sequence[str]
    seen_at: datetime | None
    counted_at: datetime | None
    gone_at: datetime | None


_known = sa.select(*(channels.c[name] for name in Known._fields))
_BY_NATIVE_ID = _known.where(channels.c.network == _bind("net"), among(channels.c.native_id, "ids"))
_BY_HANDLE = _known.where(channels.c.network == _bind("net"), among(channels.c.handle, "handles")).order_by(
    channels.c.seen_at.desc()
)
_ADD_CHANNEL = sa.insert(channels)
TOLD = (
    "username", "handle", "name", "biography", "picture", "link", "location", "followers", "follows", "posts",
    "is_private", "is_verified", "seen_at", "gone_at", "traits", "score",
)  # fmt: skip
_SET_CHANNEL = (
    sa.update(channels)
    .where(channels.c.id == _bind("channel"))
    .values({name: _bind(f"new_{name}", type_=channels.c[name].type) for name in TOLD})
)
_ADOPT = (
    sa.update(channels)
    .where(channels.c.id == _bind("channel"))
    .values(native_id=_bind("new_id"), uuid=_bind("new_uuid"))
)


def _completed(adding: Any) -> Any:
    """Add snapshots; one that is there already gets the numbers that it lacks."""
    there, told = snapshots.c, adding.excluded
    return adding.on_conflict_do_update(
        index_elements=["channel_id", "seen_at"],
        set_={name: sa.func.coalesce(there[name], told[name]) for name in COUNTS},
        where=sa.or_(*(sa.and_(there[name].is_(None), told[name].is_not(None)) for name in COUNTS)),
    )


_ADD_SNAPSHOT = _completed(upsert(snapshots))
_COUNTED = (
    sa.select(
        snapshots.c.channel_id,
        *(
            sa.type_coerce(
                sa.func.max(
                    sa.case((snapshots.c[name].is_not(None), sa.type_coerce(snapshots.c.seen_at, sa.BigInteger)))
                ),
                snapshots.c.seen_at.type,
            )
            for name in COUNTS
        ),
    )
    .where(among(snapshots.c.channel_id, "ids"))
    .group_by(snapshots.c.channel_id)
)


def by_native_ids(tx: Tx, network: str, ids: Iterable[str]) -> list[Known]:
    """The channels with these ids."""
    return [Known(*row) for row in tx.all(_BY_NATIVE_ID, net=network, ids=list(ids))]


def by_handles(tx: Tx, network: str, handles: Iterable[str]) -> list[Known]:
    """The channels that have these handles now; who was seen last comes first."""
    return [Known(*row) for row in tx.all(_BY_HANDLE, net=network, handles=list(handles))]


def add_channels(tx: Tx, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Add channels; their numbers, in order, which the rows are given too."""
    ids = list(tx.reserve("channels", len(rows)))
    for number, row in zip(ids, rows, strict=True):
        row["id"] = number
    tx.many(_ADD_CHANNEL, rows)
    return ids


def set_channels(tx: Tx, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Replace what is known of channels, by their numbers."""
    tx.many(
        _SET_CHANNEL,
        [{"channel": number, **{f"new_{name}": row[name] for name in TOLD}} for number, row in rows.items()],
    )


def adopt(tx: Tx, channel_id: int, native_id: str, uuid: str) -> None:
    """Give a channel that was known by its name alone the id of its network, and the UUID that goes with it."""
    tx.run(_ADOPT, channel=channel_id, new_id=native_id, new_uuid=uuid)


def add_snapshots(tx: Tx, rows: Rows) -> None:
    """Add what profiles were at moments; of one that is kept already only what it lacks."""
    tx.many(_ADD_SNAPSHOT, rows)


def counted(tx: Tx, ids: Iterable[int]) -> Mapping[int, Mapping[str, datetime]]:
    """When each number of these channels (followers, follows, posts) was last read, where it was."""
    return {
        channel: {name: at for name, at in zip(COUNTS, moments, strict=True) if at is not None}
        for channel, *moments in tx.all(_COUNTED, ids=list(ids))
    }


# Posts and what hangs on them

_known_posts = sa.select(*(posts.c[name] for name in KnownPost._fields))
_POSTS = _known_posts.where(posts.c.network == _bind("net"), among(posts.c.native_id, "ids"))
_ADD_POST = sa.insert(posts)
_POST_TOLD = (
    "author_id", "url", "caption", "posted_at", "likes", "comments", "media", "tags", "mentions", "seen_at",
    "counted_at", "gone_at",
)  # fmt: skip
_SET_POST = (
    sa.update(posts)
    .where(posts.c.id == _bind("post"))
    .values({name: _bind(f"new_{name}", type_=posts.c[name].type) for name in _POST_TOLD})
)
_COMMENTS = sa.select(comments.c.native_id).where(
    comments.c.network == _bind("net"), among(comments.c.native_id, "ids")
)
_add_comment = upsert(comments).values(
    {name.name: _bind(name.name, type_=name.type) for name in comments.columns if name.name != "id"}
)
_ADD_COMMENT = _add_comment.on_conflict_do_update(
    index_elements=["native_id", "network"],
    set_={
        "text": _add_comment.excluded.text,
        "posted_at": sa.func.coalesce(comments.c.posted_at, _add_comment.excluded.posted_at),
    },
)
_ADD_LIKE = upsert(likes).on_conflict_do_nothing(index_elements=["post_id", "channel_id"])


def _counted_in(adding: Any) -> Any:
    """Add mentions to those that are counted already."""
    there, told = mentions.c, adding.excluded
    return adding.on_conflict_do_update(
        index_elements=["handle", "network", "author_id"],
        set_={
            "posts": there.posts + told.posts,
            "last_at": sa.case(
                (there.last_at.is_(None), told.last_at),
                (told.last_at > there.last_at, told.last_at),
                else_=there.last_at,
            ),
        },
    )


_ADD_MENTION = _counted_in(upsert(mentions))
_CLEAR_MENTIONS = sa.delete(mentions).where(
    mentions.c.author_id == _bind("author"), among(mentions.c.handle, "handles"), mentions.c.posts <= 0
)


def posts_by_native_ids(tx: Tx, network: str, ids: Iterable[str]) -> list[KnownPost]:
    """The posts with these ids."""
    return [KnownPost(*row) for row in tx.all(_POSTS, net=network, ids=list(ids))]


def add_posts(tx: Tx, rows: Rows) -> list[int]:
    """Add posts; their numbers, in order."""
    ids = list(tx.reserve("posts", len(rows)))
    tx.many(_ADD_POST, [{"id": number, **row} for number, row in zip(ids, rows, strict=True)])
    return ids


def set_posts(tx: Tx, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Replace what is known of posts, by their numbers."""
    tx.many(
        _SET_POST,
        [{"post": number, **{f"new_{name}": row[name] for name in _POST_TOLD}} for number, row in rows.items()],
    )


def known_comments(tx: Tx, network: str, ids: Iterable[str]) -> set[str]:
    """Which of these comments are kept already."""
    return {row[0] for row in tx.all(_COMMENTS, net=network, ids=list(ids))}


def add_comments(tx: Tx, rows: Rows) -> None:
    """Add comments; of one that is kept already the text is replaced, and the time told if it was not."""
    tx.many(_ADD_COMMENT, rows)


def add_likes(tx: Tx, rows: Rows) -> int:
    """Add likes; how many were new."""
    return tx.many(_ADD_LIKE, rows)


def add_mentions(tx: Tx, rows: Rows) -> None:
    """Count mentions in, or out where `posts` is negative; with 0 of them only their time is told."""
    tx.many(_ADD_MENTION, rows)
    for author in {row["author_id"] for row in rows if row["posts"] < 0}:
        handles = [row["handle"] for row in rows if row["author_id"] == author and row["posts"] < 0]
        tx.run(_CLEAR_MENTIONS, author=author, handles=handles)


# Follows

_new = upsert(follows)
_now, _was = _new.excluded, follows.c
_began_again = sa.and_(_now.until.is_(None), _was.until.is_not(None), _now.seen_at > _was.until)
_ended = sa.and_(
    _now.until.is_not(None),
    _now.until >= _was.seen_at,
    sa.or_(_was.until.is_(None), _now.until > _was.until),
)
_changed = sa.or_(_began_again, sa.and_(_ended, _was.until.is_(None)))
_ADD_FOLLOW = _new.on_conflict_do_update(
    index_elements=["followed_id", "follower_id"],
    set_={
        "since": sa.case((_now.since < _was.since, _now.since), else_=_was.since),
        "seen_at": sa.case((_now.seen_at > _was.seen_at, _now.seen_at), else_=_was.seen_at),
        "until": sa.case((_began_again, sa.null()), (_ended, _now.until), else_=_was.until),
        "noted_at": sa.case((_changed, _now.noted_at), else_=_was.noted_at),
        "noted_before": sa.case((_changed, _was.noted_at), else_=_was.noted_before),
    },
    where=sa.or_(_now.since < _was.since, _now.seen_at > _was.seen_at, _began_again, _ended),
)
_LAST_NOTED = sa.select(sa.func.max(sa.type_coerce(follows.c.noted_at, sa.BigInteger))).where(
    follows.c.followed_id == _bind("channel")
)
_LOSE = (
    sa.update(follows)
    .where(follows.c.followed_id == _bind("channel"), follows.c.until.is_(None), follows.c.seen_at < _bind("before"))
    .values(
        until=_bind("moment", type_=follows.c.until.type),
        noted_before=follows.c.noted_at,
        noted_at=_bind("noted", type_=follows.c.noted_at.type),
    )
)


def last_noted(tx: Tx, followed: int) -> int:
    """When (in ms) a change of the followers of a channel was noted last; 0 for never."""
    return int(tx.value(_LAST_NOTED, channel=followed) or 0)


def add_follows(tx: Tx, rows: Rows) -> int:
    """Add who follows whom, or what is newer about it (it went on, ended, began again); how many that changed."""
    return tx.many(_ADD_FOLLOW, rows)


def lose(tx: Tx, channel_id: int, before: datetime, moment: datetime, noted: datetime) -> int:
    """End what was last seen `before`; how many that were."""
    return tx.run(_LOSE, channel=channel_id, before=before, moment=moment, noted=noted)


# Whether anything changed

_touched = upsert(knowledge).values(id=1, version=1)
_TOUCH = _touched.on_conflict_do_update(index_elements=["id"], set_={"version": knowledge.c.version + 1})
_VERSION = sa.select(knowledge.c.version)


def touch(tx: Tx) -> None:
    """Count up the version of all that is known."""
    tx.run(_TOUCH)


def version(tx: Tx) -> int:
    """The version of all that is known; 0 while nothing is."""
    return int(tx.value(_VERSION) or 0)


# One that turned out to be two

_TO, _FROM = _bind("to", type_=sa.BigInteger), _bind("gone", type_=sa.BigInteger)


def _copied(table: sa.Table, column: str) -> Any:
    """The rows of a channel that is one of several key columns, to be added for another one."""
    columns = [name.name for name in table.columns]
    source = sa.select(*(_TO if name == column else table.c[name] for name in columns)).where(table.c[column] == _FROM)
    return upsert(table).from_select(columns, source)


_gone = channels.alias()
_earlier = sa.select(_gone.c.first_seen).where(_gone.c.id == _FROM).scalar_subquery()
_MERGE: Sequence[sa.ClauseElement] = (
    _completed(_copied(snapshots, "channel_id")),
    _copied(likes, "channel_id").on_conflict_do_nothing(index_elements=["post_id", "channel_id"]),
    _counted_in(_copied(mentions, "author_id")),
    *(
        sa.delete(table).where(table.c[column] == _FROM)
        for table, column in ((snapshots, "channel_id"), (likes, "channel_id"), (mentions, "author_id"))
    ),
    *(
        sa.update(table).where(table.c[column] == _FROM).values({column: _TO})
        for table, column in (
            (posts, "author_id"), (comments, "author_id"), (samples, "channel_id"), (plans, "channel_id"),
        )
    ),
    sa.delete(figures).where(figures.c.channel_id == _FROM),
    sa.delete(figures).where(figures.c.channel_id == _TO),
    sa.update(channels).where(channels.c.id == _TO, channels.c.first_seen > _earlier).values(first_seen=_earlier),
    sa.delete(channels).where(channels.c.id == _FROM),
)  # fmt: skip
_EDGES = sa.select(
    follows.c.followed_id, follows.c.follower_id, follows.c.since, follows.c.seen_at, follows.c.until
).where(sa.or_(follows.c.followed_id == _bind("channel"), follows.c.follower_id == _bind("channel")))
_FORGET_EDGES = sa.delete(follows).where(
    sa.or_(follows.c.followed_id == _bind("channel"), follows.c.follower_id == _bind("channel"))
)
_FORGET_FIGURES = sa.delete(figures).where(among(figures.c.channel_id, "ids"))


def merge(tx: Tx, gone: int, to: int, noted: datetime) -> None:
    """Let everything that is known of the channel `gone` be known of `to`, and forget `gone`.

    What was counted of `to`, and of whom `gone` follows, is forgotten too: it may hold the one person twice.
    """
    _move_edges(tx, gone, to, noted)
    for statement in _MERGE:
        tx.run(statement, gone=gone, to=to)


def _move_edges(tx: Tx, gone: int, to: int, noted: datetime) -> None:
    """Tell the follows of one channel anew, as those of another that may have had follows of the same people."""
    edges = tx.all(_EDGES, channel=gone)
    if not edges:
        return
    tx.run(_FORGET_EDGES, channel=gone)
    rows: list[Mapping[str, Any]] = []
    moments = {to: noted}
    for followed_id, follower_id, since, seen_at, until in edges:
        followed, follower = (to if one == gone else one for one in (followed_id, follower_id))
        if followed not in moments:
            moments[followed] = from_ms(max(to_ms(noted), last_noted(tx, followed) + 1))
        rows.append(
            {"followed_id": followed, "follower_id": follower, "since": since, "seen_at": seen_at, "until": until}
            | {"noted_at": moments[followed]}
        )
    tx.run(_FORGET_FIGURES, ids=list(moments))
    add_follows(tx, rows)
