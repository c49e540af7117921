"""Schedules, their runs, and preferences in the database."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from entourage.archive.model import Run, Schedule
from entourage.archive.store.tables import preferences, runs, schedules
from entourage.kernel.columns import upsert
from entourage.kernel.db import Tx

_c = schedules.c
_one = sa.select(schedules).where(_c.id == sa.bindparam("schedule_id"))
_insert = sa.insert(schedules).values({column.name: sa.bindparam(column.name) for column in schedules.c})
_delete = sa.delete(schedules).where(_c.id == sa.bindparam("schedule_id"))
_delete_runs = sa.delete(runs).where(runs.c.schedule_id == sa.bindparam("schedule_id"))
_all = sa.select(schedules).order_by(_c.name, _c.id)
_own = sa.select(schedules).where(_c.owner == sa.bindparam("whose")).order_by(_c.name, _c.id)
_next = (
    sa.select(schedules).where(_c.enabled.is_(True), _c.next_run.is_not(None)).order_by(_c.next_run).limit(1)
)  # fmt: skip
_next_own = _next.where(_c.owner == sa.bindparam("whose"))


def get(tx: Tx, schedule_id: str) -> Schedule | None:
    """The schedule, or None."""
    row = tx.one(_one, schedule_id=schedule_id)
    return None if row is None else Schedule(*row)


def insert(tx: Tx, schedule: Schedule) -> None:
    """Store a new schedule."""
    tx.run(_insert, **{f.name: getattr(schedule, f.name) for f in fields(schedule)})


@functools.cache
def _update(names: frozenset[str]) -> sa.Update:
    return (
        sa.update(schedules)
        .where(_c.id == sa.bindparam("schedule_id"))
        .values({name: sa.bindparam(f"new_{name}", type_=_c[name].type) for name in sorted(names)})
    )


def update(tx: Tx, schedule_id: str, **changes: Any) -> None:
    """Set columns of a schedule."""
    bound = {f"new_{name}": value for name, value in changes.items()}
    tx.run(_update(frozenset(changes)), schedule_id=schedule_id, **bound)


def delete(tx: Tx, schedule_id: str) -> None:
    """Forget a schedule and its history."""
    tx.run(_delete_runs, schedule_id=schedule_id)
    tx.run(_delete, schedule_id=schedule_id)


def listing(tx: Tx, owner: int | None) -> Sequence[Schedule]:
    """Every schedule by name; of one owner or of all."""
    rows = tx.all(_all) if owner is None else tx.all(_own, whose=owner)
    return [Schedule(*row) for row in rows]


def soonest(tx: Tx, owner: int | None) -> Schedule | None:
    """The schedule that is due next."""
    row = tx.one(_next) if owner is None else tx.one(_next_own, whose=owner)
    return None if row is None else Schedule(*row)


_insert_run = (
    sa.insert(runs)
    .values({column.name: sa.bindparam(column.name) for column in runs.c if column.name != "id"})
    .returning(runs.c.id)
)
_run = sa.select(runs).where(runs.c.id == sa.bindparam("run_id"))
_finish_run = (
    sa.update(runs)
    .where(runs.c.id == sa.bindparam("run_id"))
    .values(
        finished_at=sa.bindparam("at", type_=runs.c.finished_at.type),
        status=sa.bindparam("new_status"),
        items=sa.bindparam("count"),
        error=sa.bindparam("reason"),
    )
)


def start_run(tx: Tx, schedule: Schedule) -> int:
    """Note that a run began; its number."""
    return tx.value(
        _insert_run,
        schedule_id=schedule.id, owner=schedule.owner, started_at=tx.now, finished_at=None, status="running",
        items=0, error=None,
    )  # fmt: skip


def run(tx: Tx, run_id: int) -> Run | None:
    """The run, or None."""
    row = tx.one(_run, run_id=run_id)
    return None if row is None else Run(*row)


def finish_run(tx: Tx, run_id: int, *, status: str, items: int, error: str | None) -> None:
    """Note how a run ended."""
    tx.run(_finish_run, run_id=run_id, at=tx.now, new_status=status, count=items, reason=error)


@functools.cache
def _history(names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(runs)
    for name in sorted(names):
        statement = statement.where(runs.c[name] == sa.bindparam(f"by_{name}"))
    return statement.order_by(runs.c.id.desc()).limit(sa.bindparam("most"))


def history(tx: Tx, owner: int | None, *, schedule_id: str | None, status: str | None, most: int) -> Sequence[Run]:
    """Runs that match, the newest first."""
    chosen = {"owner": owner, "schedule_id": schedule_id, "status": status}
    bound = {f"by_{name}": value for name, value in chosen.items() if value is not None}
    rows = tx.all(_history(frozenset(name.removeprefix("by_") for name in bound)), most=most, **bound)
    return [Run(*row) for row in rows]


_clear_history = sa.delete(runs).where(runs.c.finished_at < sa.bindparam("moment", type_=runs.c.finished_at.type))


def clear_history(tx: Tx, moment: datetime) -> int:
    """Forget runs that ended before then; how many."""
    return tx.run(_clear_history, moment=moment)


_preferences = sa.select(preferences.c.name, preferences.c.value)
_set_preference = upsert(preferences).values({column.name: sa.bindparam(column.name) for column in preferences.c})
_set_preference = _set_preference.on_conflict_do_update(
    index_elements=["name"],
    set_={"value": _set_preference.excluded.value, "changed_at": _set_preference.excluded.changed_at},
)


def preferences_changed(tx: Tx) -> Mapping[str, Any]:
    """What differs from the defaults, by dotted name."""
    return {row[0]: row[1] for row in tx.all(_preferences)}


def set_preference(tx: Tx, name: str, value: Any) -> None:
    """Keep one preference."""
    tx.run(_set_preference, name=name, value=value, changed_at=tx.now)
