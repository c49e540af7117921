"""Lanes: whatever has a limit of its own, so that everything that touches it shares one budget.

A lane that nobody declared has no limits. Each change takes effect at once: it wakes planning, which looks again at
what hangs on the lane.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from entourage.kernel import budget, gauges
from entourage.kernel.budget import DAY, HOUR, Limits
from entourage.kernel.clock import steady
from entourage.kernel.columns import upsert
from entourage.kernel.db import Tx
from entourage.kernel.errors import NotFound, Throttled
from entourage.kernel.gauges import Gauge
from entourage.kernel.jobs import BELL
from entourage.kernel.tables import lanes as table


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane as it stands. `broken_until` None with `broken` set: only a person closes the breaker."""

    name: str
    limits: Limits
    running: int
    used_hour: int
    used_day: int
    paused: str | None
    broken: str | None
    broken_until: datetime | None
    held: str | None
    held_until: datetime | None
    block: gauges.Block | None
    """Why nothing may start in it now."""


_declare = upsert(table)
_limits = ("at_once", "per_hour", "per_day", "opens", "closes", "zone", "stirred")
_declare = _declare.on_conflict_do_update(
    index_elements=["name"],
    set_={name: _declare.excluded[name] for name in _limits},
    where=sa.or_(
        *(table.c[name].is_distinct_from(_declare.excluded[name]) for name in _limits if name != "stirred"),
    ),
)


def declare(tx: Tx, name: str, limits: Limits) -> None:
    """Give a lane its limits; what was used, and whether it is paused or broken, stays."""
    hours, reading = limits.hours, steady(tx.clock)
    changed = tx.run(
        _declare,
        name=name,
        at_once=limits.at_once,
        per_hour=limits.per_hour,
        per_day=limits.per_day,
        opens=None if hours is None else hours.opens.hour * 60 + hours.opens.minute,
        closes=None if hours is None else hours.closes.hour * 60 + hours.closes.minute,
        zone=None if hours is None else hours.zone,
        paused_why=None,
        broken_why=None,
        broken_until=None,
        probe=None,
        held_why=None,
        held_until=None,
        hour_uses=[],
        day_uses=[],
        seen_at=tx.now,
        seen_steady=None if reading is None else reading.ms,
        seen_boot=None if reading is None else reading.boot,
        stirred=True,
    )
    if changed:
        tx.ring(BELL)


def _changing(**values: Any) -> sa.Update:
    return sa.update(table).where(table.c.name == sa.bindparam("lane")).values(stirred=True, **values)


_why: sa.BindParameter[str] = sa.bindparam("why")
_until = sa.bindparam("until", type_=table.c.held_until.type)
_pause = _changing(paused_why=_why)
_resume = _changing(paused_why=None)
_open = _changing(broken_why=_why, broken_until=_until, probe=None)
_close = _changing(broken_why=None, broken_until=None, probe=None)
_hold = _changing(held_why=_why, held_until=_until).where(
    sa.or_(table.c.held_until.is_(None), table.c.held_until < _until)
)
_every = sa.select(table.c.name).order_by(table.c.name)


def _change(tx: Tx, statement: sa.Update, name: str, **values: Any) -> None:
    if tx.run(statement, lane=name, **values) == 0:
        declare(tx, name, Limits())
        tx.run(statement, lane=name, **values)
    tx.ring(BELL)


def pause(tx: Tx, name: str, why: str = "paused by you") -> None:
    """Let nothing start in the lane until `resume`; what runs goes on."""
    _change(tx, _pause, name, why=why)


def resume(tx: Tx, name: str) -> None:
    """End a pause."""
    _change(tx, _resume, name)


def open_breaker(tx: Tx, name: str, why: str, until: datetime | None = None) -> None:
    """Let nothing start: until a person closes it or, after `until`, one job tried and was done."""
    _change(tx, _open, name, why=why, until=until)


def close_breaker(tx: Tx, name: str) -> None:
    """A person says that the lane works again."""
    _change(tx, _close, name)


def hold(tx: Tx, name: str, until: datetime, why: str) -> None:
    """Let nothing start before `until` (the other side asked for it); a longer hold is never shortened."""
    if tx.run(_hold, lane=name, until=until, why=why) == 0 and not gauges.look(tx, [name])[name].declared:
        declare(tx, name, Limits())
        tx.run(_hold, lane=name, until=until, why=why)
    tx.ring(BELL)


def get(tx: Tx, name: str) -> Lane:
    """The lane as it stands; raises NotFound for one that nobody declared."""
    gauge = gauges.look(tx, [name])[name]
    if not gauge.declared:
        raise NotFound(f"There is no lane {name}.")
    return _lane(gauge)


def every(tx: Tx) -> list[Lane]:
    """All declared lanes, by name."""
    names = [row[0] for row in tx.all(_every)]
    found = gauges.look(tx, names)
    return [_lane(found[name]) for name in names]


def take(tx: Tx, names: Sequence[str], count: int = 1) -> None:
    """Use the budgets of all the lanes, for what is done outside jobs; raises Throttled and uses none if one blocks."""
    found = gauges.own(tx, sorted(set(names)))
    for gauge in found.values():
        if block := gauge.block(count):
            wait = None if block.until is None else (block.until - tx.now).total_seconds()
            raise Throttled(block.text, wait)
    _use(tx, found.values(), count)


def spend(tx: Tx, names: Sequence[str], count: int) -> None:
    """Count what was done already, beyond the one thing that a job stands for; nothing refuses it any more."""
    _use(tx, gauges.own(tx, sorted(set(names))).values(), count)


def _use(tx: Tx, found: Collection[Gauge], count: int) -> None:
    for gauge in found:
        gauge.take(count)
    gauges.save(tx, found)


def _lane(gauge: Gauge) -> Lane:
    return Lane(
        name=gauge.name,
        limits=gauge.limits,
        running=gauge.running,
        used_hour=budget.used(gauge.hour_uses, gauge.now, HOUR),
        used_day=budget.used(gauge.day_uses, gauge.now, DAY),
        paused=gauge.paused_why,
        broken=gauge.broken_why,
        broken_until=gauge.broken_until,
        held=gauge.held_why if gauge.held_until is not None and gauge.held_until > gauge.moment else None,
        held_until=gauge.held_until,
        block=gauge.block(),
    )
