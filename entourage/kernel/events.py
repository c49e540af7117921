"""Events: what happened, written with the transaction that made it happen, and handed to whoever watches (bus.py)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from entourage.kernel.columns import among
from entourage.kernel.db import Tx
from entourage.kernel.tables import events

BELL = "events"


@dataclass(frozen=True, slots=True)
class News:
    """An event to be published; `user` None means everybody."""

    kind: str
    data: Mapping[str, Any]
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is kept."""

    id: int
    at: datetime
    kind: str
    data: Mapping[str, Any]
    user: int | None
    passing: bool


_add = sa.insert(events).values(
    at=sa.bindparam("at"),
    kind=sa.bindparam("kind"),
    data=sa.bindparam("data"),
    user_id=sa.bindparam("user_id"),
    passing=sa.bindparam("passing"),
)
_columns = (events.c.id, events.c.at, events.c.kind, events.c.data, events.c.user_id, events.c.passing)
_after = (
    sa.select(*_columns)
    .where(sa.or_(events.c.id > sa.bindparam("last"), among(events.c.id, "gaps")))
    .order_by(events.c.id)
    .limit(sa.bindparam("most"))
)
_last = sa.select(sa.func.max(events.c.id))
_trim = sa.delete(events).where(
    events.c.passing == sa.bindparam("which", type_=events.c.passing.type),
    events.c.at < sa.bindparam("before", type_=events.c.at.type),
)


def publish(tx: Tx, kind: str, data: Mapping[str, Any], *, user: int | None = None) -> None:
    """Tell everybody, or one user, that something happened; heard once the transaction is stored."""
    publish_many(tx, [News(kind, data, user)])


def publish_many(tx: Tx, news: Iterable[News], *, passing: bool = False) -> None:
    """As `publish`, for many; `passing` ones (progress) are forgotten after seconds."""
    rows = [{"at": tx.now, "kind": one.kind, "data": one.data, "user_id": one.user, "passing": passing} for one in news]
    if rows:
        tx.many(_add, rows)
        tx.ring(BELL)


def last(tx: Tx) -> int:
    """The number of the newest event, 0 where there was none."""
    return tx.value(_last) or 0


def after(tx: Tx, last_id: int, gaps: Iterable[int] = (), most: int = 1000) -> list[Stored]:
    """The events after a number, and those of `gaps` that appeared since, oldest first."""
    return [Stored(*row) for row in tx.all(_after, last=last_id, gaps=list(gaps), most=most)]


def trim(tx: Tx, *, keep: timedelta, keep_passing: timedelta) -> int:
    """Forget old events; how many that were."""
    return tx.run(_trim, which=False, before=tx.now - keep) + tx.run(_trim, which=True, before=tx.now - keep_passing)
