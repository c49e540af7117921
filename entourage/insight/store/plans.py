"""Plans and their runs in the database, and what a plan's figures need of the facts."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from entourage.insight.store.tables import channels, collections, follows, plans, posts
from entourage.insight.watching import PROFILE, Collection, Depth, Plan, Status, Todo
from entourage.kernel.columns import among
from entourage.kernel.db import Row, Tx

_p, _r = plans.c, collections.c
_bind: Any = sa.bindparam
_plans = sa.select(*(_p[field.name] for field in fields(Plan)))
_one = _plans.where(_p.id == _bind("plan"))
_insert = (
    sa.insert(plans)
    .values({field.name: _bind(field.name) for field in fields(Plan) if field.name != "id"})
    .returning(_p.id)
)
_delete = sa.delete(plans).where(_p.id == _bind("plan"))
_delete_runs = sa.delete(collections).where(_r.plan_id == _bind("plan"))
_everyones = _plans.order_by(_p.network, _p.who, _p.id)
_own = _everyones.where(_p.owner == _bind("whose"))
_by_connection = _plans.where(_p.connection_id == _bind("connection")).order_by(_p.id)
_by_channel = _plans.where(_p.channel_id == _bind("channel")).order_by(_p.id)
_twin = _plans.where(
    _p.owner == _bind("whose"), _p.network == _bind("net"), _p.server == _bind("place"), _p.who == _bind("whom")
)


def _plan(row: Row) -> Plan:
    named: dict[str, Any] = dict(zip((field.name for field in fields(Plan)), row, strict=True))
    named["depth"] = msgspec.convert(named["depth"], Depth)
    return Plan(**named)


def get(tx: Tx, plan_id: int) -> Plan | None:
    """The plan, or None."""
    row = tx.one(_one, plan=plan_id)
    return None if row is None else _plan(row)


def insert(tx: Tx, plan: Plan) -> int:
    """Store a new plan; its number."""
    return tx.value(_insert, **{field.name: getattr(plan, field.name) for field in fields(Plan) if field.name != "id"})


@functools.cache
def _update(names: frozenset[str]) -> sa.Update:
    return (
        sa.update(plans)
        .where(_p.id == _bind("plan"))
        .values({name: _bind(f"new_{name}", type_=_p[name].type) for name in sorted(names)})
    )


def update(tx: Tx, plan_id: int, **changes: Any) -> None:
    """Set columns of a plan."""
    tx.run(_update(frozenset(changes)), plan=plan_id, **{f"new_{name}": value for name, value in changes.items()})


def delete(tx: Tx, plan_id: int) -> None:
    """Forget a plan and its runs."""
    tx.run(_delete_runs, plan=plan_id)
    tx.run(_delete, plan=plan_id)


def listing(tx: Tx, owner: int | None) -> Sequence[Plan]:
    """Plans by network and name; of one owner, or of all."""
    return [_plan(row) for row in (tx.all(_everyones) if owner is None else tx.all(_own, whose=owner))]


def twin(tx: Tx, owner: int, network: str, server: str, who: str) -> Plan | None:
    """The plan of an owner for this very channel, or None."""
    row = tx.one(_twin, whose=owner, net=network, place=server, whom=who)
    return None if row is None else _plan(row)


def of_connection(tx: Tx, connection_id: int) -> Sequence[Plan]:
    """The plans that use a connection."""
    return [_plan(row) for row in tx.all(_by_connection, connection=connection_id)]


def of_channel(tx: Tx, channel_id: int) -> Sequence[Plan]:
    """The plans that watch a channel."""
    return [_plan(row) for row in tx.all(_by_channel, channel=channel_id)]


# Runs

_runs = sa.select(*(_r[field.name] for field in fields(Collection)))
_run = _runs.where(_r.id == _bind("run"))
_running = _runs.where(_r.plan_id == _bind("plan"), _r.status == Status.RUNNING.value).order_by(_r.id).limit(1)
_newest = _runs.where(_r.plan_id == _bind("plan")).order_by(_r.id.desc()).limit(_bind("most"))
_last = _runs.where(
    _r.id.in_(sa.select(sa.func.max(_r.id)).where(among(_r.plan_id, "ids")).group_by(_r.plan_id))
)  # fmt: skip
_counts = sa.select(_r.counts).where(_r.plan_id == _bind("plan"))
_insert_run = (
    sa.insert(collections)
    .values({field.name: _bind(field.name) for field in fields(Collection) if field.name != "id"})
    .returning(_r.id)
)
_set_run = (
    sa.update(collections)
    .where(_r.id == _bind("run"), _r.status == Status.RUNNING.value, _r.calls == _bind("before"))
    .values(
        status=_bind("to"),
        finished_at=_bind("ended", type_=_r.finished_at.type),
        todo=_bind("left", type_=_r.todo.type),
        calls=_bind("made"),
        counts=_bind("told", type_=_r.counts.type),
        error=_bind("why", type_=_r.error.type),
    )
)
_stop = (
    sa.update(collections)
    .where(_r.id == _bind("run"), _r.status == Status.RUNNING.value)
    .values(status=Status.CANCELLED.value, finished_at=_bind("ended", type_=_r.finished_at.type), error=_bind("why"))
)
_oldest_kept = (
    sa.select(_r.id).where(_r.plan_id == _bind("plan")).order_by(_r.id.desc()).offset(_bind("keep")).limit(1)
)  # fmt: skip
_purge = sa.delete(collections).where(
    _r.plan_id == _bind("plan"), _r.id <= _bind("last"), _r.status != Status.RUNNING.value
)


def _collection(row: Row) -> Collection:
    named: dict[str, Any] = dict(zip((field.name for field in fields(Collection)), row, strict=True))
    named["status"] = Status(named["status"])
    named["todo"] = msgspec.convert(named["todo"], Todo)
    return Collection(**named)


def run(tx: Tx, collection_id: int) -> Collection | None:
    """The run, or None."""
    row = tx.one(_run, run=collection_id)
    return None if row is None else _collection(row)


def running(tx: Tx, plan_id: int) -> Collection | None:
    """The run of a plan that is under way, or None."""
    row = tx.one(_running, plan=plan_id)
    return None if row is None else _collection(row)


def newest(tx: Tx, plan_id: int, most: int) -> Sequence[Collection]:
    """The runs of a plan, the newest first."""
    return [_collection(row) for row in tx.all(_newest, plan=plan_id, most=most)]


def last_of(tx: Tx, plan_ids: Sequence[int]) -> Mapping[int, Collection]:
    """The newest run of each plan that had any."""
    found = [_collection(row) for row in tx.all(_last, ids=list(plan_ids))]
    return {one.plan_id: one for one in found}


def has_met(tx: Tx, plan_id: int) -> bool:
    """Whether a run of a plan that is remembered saw the channel's profile."""
    return any(PROFILE in row[0] for row in tx.all(_counts, plan=plan_id))


def insert_run(tx: Tx, collection: Collection) -> int:
    """Store a new run; its number."""
    row = {field.name: getattr(collection, field.name) for field in fields(Collection) if field.name != "id"}
    return tx.value(_insert_run, **{**row, "status": str(collection.status)})


def set_run(tx: Tx, collection: Collection, before: int) -> bool:
    """Store how a run stands, unless it is over, or another call was counted since `before` calls."""
    changed = tx.run(
        _set_run,
        run=collection.id,
        before=before,
        to=str(collection.status),
        ended=collection.finished_at,
        left=collection.todo,
        made=collection.calls,
        told=dict(collection.counts),
        why=collection.error,
    )
    return changed > 0


def stop_run(tx: Tx, collection_id: int, why: str) -> bool:
    """End a run that is under way; whether it was."""
    return tx.run(_stop, run=collection_id, ended=tx.now, why=why) > 0


def purge(tx: Tx, plan_id: int, keep: int) -> None:
    """Forget the runs of a plan besides the newest ones."""
    last = tx.value(_oldest_kept, plan=plan_id, keep=keep)
    if last is not None:
        tx.run(_purge, plan=plan_id, last=last)


# What the facts say

_seen_followers = sa.select(sa.func.count()).where(
    follows.c.followed_id == _bind("channel"),
    follows.c.until.is_(None),
    follows.c.seen_at >= _bind("start", type_=follows.c.seen_at.type),
)
_seen_followings = sa.select(sa.func.count()).where(
    follows.c.follower_id == _bind("channel"),
    follows.c.until.is_(None),
    follows.c.seen_at >= _bind("start", type_=follows.c.seen_at.type),
)
_followed = channels.alias("followed")
_left = (
    sa.select(_followed.c.native_id, follows.c.seen_at)
    .join_from(follows, _followed, _followed.c.id == follows.c.followed_id)
    .where(
        follows.c.follower_id == _bind("channel"),
        follows.c.until.is_(None),
        follows.c.seen_at < _bind("start", type_=follows.c.seen_at.type),
    )
    .limit(_bind("most"))
)
_newest_posts = (
    sa.select(posts.c.likes, posts.c.comments)
    .where(posts.c.author_id == _bind("channel"), posts.c.gone_at.is_(None), posts.c.seen_at.is_not(None))
    .order_by(posts.c.posted_at.desc())
    .limit(_bind("most"))
)
_numbers = sa.select(channels.c.followers, channels.c.follows, channels.c.posts).where(
    channels.c.id == _bind("channel")
)
_identity = sa.select(channels.c.native_id, channels.c.username).where(channels.c.id == _bind("channel"))
_by_native_id = sa.select(channels.c.id).where(
    channels.c.network == _bind("net"), channels.c.native_id == _bind("native")
)
_by_handle = (
    sa.select(channels.c.id)
    .where(channels.c.network == _bind("net"), channels.c.handle == _bind("name"), channels.c.gone_at.is_(None))
    .order_by(channels.c.seen_at.desc())
    .limit(1)
)


def seen_followers(tx: Tx, channel_id: int, start: datetime) -> int:
    """How many followers of a channel were seen since then."""
    return tx.value(_seen_followers, channel=channel_id, start=start)


def seen_followings(tx: Tx, channel_id: int, start: datetime) -> int:
    """How many whom a channel follows were seen since then."""
    return tx.value(_seen_followings, channel=channel_id, start=start)


def left(tx: Tx, channel_id: int, start: datetime, most: int) -> Sequence[tuple[str, datetime]]:
    """Whom a channel was known to follow and was not seen to since then: ids, and when it was seen last."""
    return [(row[0], row[1]) for row in tx.all(_left, channel=channel_id, start=start, most=most)]


def newest_posts(tx: Tx, channel_id: int, most: int) -> Sequence[tuple[int | None, int | None]]:
    """The likes and comments of a channel's newest posts."""
    return [(row[0], row[1]) for row in tx.all(_newest_posts, channel=channel_id, most=most)]


def numbers(tx: Tx, channel_id: int) -> tuple[int | None, int | None, int | None]:
    """The followers, follows and posts of a channel, as it told them last."""
    row = tx.one(_numbers, channel=channel_id)
    return (None, None, None) if row is None else (row[0], row[1], row[2])


def identity(tx: Tx, channel_id: int) -> tuple[str, str | None] | None:
    """The network's id of a channel and its user name."""
    row = tx.one(_identity, channel=channel_id)
    return None if row is None else (row[0], row[1])


def channel_called(tx: Tx, network: str, native_id: str | None, handle: str | None) -> int | None:
    """The channel with this id, or else with this handle; None for a stranger."""
    found = tx.value(_by_native_id, net=network, native=native_id) if native_id else None
    return found or (tx.value(_by_handle, net=network, name=handle) if handle else None)
