"""A lane within one transaction: what it allows now, what is taken from it, and how that is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from entourage.kernel import budget
from entourage.kernel.budget import DAY, HOUR, Hours, Limits, Uses
from entourage.kernel.clock import steady
from entourage.kernel.columns import among, from_ms, to_ms
from entourage.kernel.db import Row, Tx
from entourage.kernel.tables import lane_loads, lanes

JUMP = 2_000
"""Milliseconds by which a wall clock may stray from the steady one before we say that it was set."""
LOCKED_MS = 50
PROBE_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Block:
    """Why a lane lets nothing start now, in plain words, and until when where time alone ends it."""

    lane: str
    text: str
    until: datetime | None = None


class Gauge:
    """One lane: read once, asked and used many times, written once."""

    def __init__(self, tx: Tx, name: str, row: Row | None, running: int) -> None:
        """A lane from its row, or one without limits."""
        self.name = name
        self.moment = tx.now
        self.now = to_ms(tx.now)
        self.declared = row is not None
        self.running = running
        self.locked_out = False
        """Another transaction is changing it just now."""
        self.changed = False
        self.limits = Limits()
        self.paused_why: str | None = None
        self.broken_why: str | None = None
        self.broken_until: datetime | None = None
        self.probe: int | None = None
        self.held_why: str | None = None
        self.held_until: datetime | None = None
        self.hour_uses: Uses = []
        self.day_uses: Uses = []
        reading = steady(tx.clock)
        self.seen_steady, self.seen_boot = (None, None) if reading is None else (reading.ms, reading.boot)
        if row is not None:
            self._read(row)

    def _read(self, row: Row) -> None:
        at_once, per_hour, per_day, opens, closes, zone = row[:6]
        self.paused_why, self.broken_why, self.broken_until, self.probe, self.held_why, self.held_until = row[6:12]
        self.hour_uses, self.day_uses, seen_at, seen_steady, seen_boot = row[12:]
        hours = None if opens is None else Hours(_clock_time(opens), _clock_time(closes), zone)
        self.limits = Limits(at_once, per_hour, per_day, hours)
        passed = self.now - to_ms(seen_at)
        if self.seen_boot is not None and self.seen_boot == seen_boot and self.seen_steady is not None:
            jump = passed - max(0, self.seen_steady - seen_steady)
        else:
            jump = min(0, passed)
        if abs(jump) >= JUMP:
            self._follow_a_set_clock(jump)

    def _follow_a_set_clock(self, jump: int) -> None:
        """Move what we remember by as much as the clock was set, so that only time that really passed counts."""
        self.changed = True
        self.hour_uses = budget.shift(self.hour_uses, jump, self.now)
        self.day_uses = budget.shift(self.day_uses, jump, self.now)
        by = timedelta(milliseconds=jump)
        self.held_until = self.held_until and self.held_until + by
        self.broken_until = self.broken_until and self.broken_until + by

    def block(self, count: int = 1) -> Block | None:  # noqa: PLR0911 - a list of reasons, the gravest first
        """Why nothing may start now, or None."""
        limits = self.limits
        if self.locked_out:
            return Block(self.name, f"{self.name} is being changed", from_ms(self.now + LOCKED_MS))
        if self.paused_why is not None:
            return Block(self.name, f"{self.name} is paused: {self.paused_why}")
        if self.broken_why is not None and (stop := self._broken()):
            return stop
        if self.held_until is not None and self.held_until > self.moment:
            return Block(
                self.name, f"{self.name} waits {until(self.held_until, self.moment)}: {self.held_why}", self.held_until
            )
        if limits.hours is not None and (opens := limits.hours.open_from(self.moment)) > self.moment:
            return Block(self.name, f"{self.name} sleeps {until(opens, self.moment)}", opens)
        if limits.at_once is not None and self.running >= limits.at_once:
            return Block(self.name, f"{self.running} of {limits.at_once} in {self.name} are running")
        return self._spent(count)

    def _broken(self) -> Block | None:
        if self.broken_until is None:
            return Block(self.name, f"{self.name} is stopped until a person looks: {self.broken_why}")
        if self.broken_until > self.moment:
            when = until(self.broken_until, self.moment)
            return Block(self.name, f"{self.name} is stopped {when}: {self.broken_why}", self.broken_until)
        if self.probe is not None:
            return Block(
                self.name, f"{self.name} was stopped ({self.broken_why}); one job tries whether it works again"
            )
        return None

    def _spent(self, count: int) -> Block | None:
        for word, limit, uses, window in (
            ("an hour", self.limits.per_hour, self.hour_uses, HOUR),
            ("a day", self.limits.per_day, self.day_uses, DAY),
        ):
            if limit is None:
                continue
            free = budget.free_at(uses, self.now, window, limit, count)
            if free is None:
                return Block(self.name, f"{self.name} allows {limit} {word}")
            if free > self.now:
                left = max(0, limit - budget.used(uses, self.now, window))
                opens = from_ms(free)
                text = f"{left} of {limit} {word} left in {self.name} {until(opens, self.moment)}"
                return Block(self.name, text, opens)
        return None

    def room(self) -> int | None:
        """How many jobs could start now as far as numbers limit them; None without such a limit."""
        limits = self.limits
        rooms = [
            limit - taken
            for limit, taken in (
                (limits.at_once, self.running),
                (limits.per_hour, budget.used(self.hour_uses, self.now, HOUR)),
                (limits.per_day, budget.used(self.day_uses, self.now, DAY)),
            )
            if limit is not None
        ]
        if self.broken_why is not None:
            rooms.append(1)
        return max(0, min(rooms)) if rooms else None

    def take(self, count: int = 1, job: int | None = None) -> None:
        """Use the lane, having asked `block`; a job also stands in it until it ends, and probes it where it broke."""
        if self.limits.per_hour is not None:
            self.hour_uses = budget.add(self.hour_uses, self.now, HOUR, count)
            self.changed = True
        if self.limits.per_day is not None:
            self.day_uses = budget.add(self.day_uses, self.now, DAY, count)
            self.changed = True
        if job is not None:
            self.running += 1
            if self.broken_why is not None:
                self.probe = job
                self.changed = True

    def end_probe(self, *, worked: bool) -> None:
        """The job that tried a broken lane ended: close the breaker if it worked, else another may try later."""
        self.probe = None
        self.changed = True
        if worked:
            self.broken_why = self.broken_until = None
        elif self.broken_until is not None and self.broken_until <= self.moment:
            self.broken_until = self.moment + PROBE_AGAIN

    @property
    def row(self) -> dict[str, Any]:
        """What `save` writes."""
        return {
            "lane": self.name,
            "hours_spent": self.hour_uses,
            "days_spent": self.day_uses,
            "why": self.broken_why,
            "until": self.broken_until,
            "probing": self.probe,
            "held": self.held_until,
            "seen": self.moment,
            "steadily": self.seen_steady,
            "boot": self.seen_boot,
        }


_columns = (
    lanes.c.name,
    lanes.c.at_once,
    lanes.c.per_hour,
    lanes.c.per_day,
    lanes.c.opens,
    lanes.c.closes,
    lanes.c.zone,
    lanes.c.paused_why,
    lanes.c.broken_why,
    lanes.c.broken_until,
    lanes.c.probe,
    lanes.c.held_why,
    lanes.c.held_until,
    lanes.c.hour_uses,
    lanes.c.day_uses,
    lanes.c.seen_at,
    lanes.c.seen_steady,
    lanes.c.seen_boot,
)
_select = sa.select(*_columns).where(among(lanes.c.name, "names"))
_select_locked = _select.order_by(lanes.c.name).with_for_update()
_select_free = _select.with_for_update(skip_locked=True)
_names = sa.select(lanes.c.name).where(among(lanes.c.name, "names"))
_running = sa.select(lane_loads.c.lane, lane_loads.c.running).where(among(lane_loads.c.lane, "names"))
_save = (
    sa.update(lanes)
    .where(lanes.c.name == sa.bindparam("lane"))
    .values(
        hour_uses=sa.bindparam("hours_spent", type_=lanes.c.hour_uses.type),
        day_uses=sa.bindparam("days_spent", type_=lanes.c.day_uses.type),
        broken_why=sa.bindparam("why"),
        broken_until=sa.bindparam("until", type_=lanes.c.broken_until.type),
        probe=sa.bindparam("probing"),
        held_until=sa.bindparam("held", type_=lanes.c.held_until.type),
        seen_at=sa.bindparam("seen", type_=lanes.c.seen_at.type),
        seen_steady=sa.bindparam("steadily"),
        seen_boot=sa.bindparam("boot"),
    )
)


def look(tx: Tx, names: Iterable[str]) -> dict[str, Gauge]:
    """Gauges to read from, one for each name."""
    every = list(names)
    return _gauges(tx, every, dict(tx.all(_running, names=every)), tx.all(_select, names=every))


def own(tx: Tx, names: Iterable[str]) -> dict[str, Gauge]:
    """Gauges to change; waits for another transaction that changes one of them."""
    every = list(names)
    return _gauges(tx, every, dict(tx.all(_running, names=every)), tx.all(_select_locked, names=every))


def own_free(tx: Tx, running: Mapping[str, int]) -> dict[str, Gauge]:
    """Gauges to change, with what is known to run in each; what another transaction changes now is locked out."""
    found = _gauges(tx, running, running, tx.all(_select_free, names=running))
    strange = [name for name, gauge in found.items() if not gauge.declared]
    for (name,) in tx.all(_names, names=strange) if strange else ():
        found[name].locked_out = True
    return found


def save(tx: Tx, gauges: Iterable[Gauge]) -> None:
    """Write what changed."""
    tx.many(_save, [gauge.row for gauge in gauges if gauge.changed and gauge.declared])


def _gauges(tx: Tx, names: Iterable[str], running: Mapping[str, int], rows: Sequence[Row]) -> dict[str, Gauge]:
    found = {row[0]: row[1:] for row in rows}
    return {name: Gauge(tx, name, found.get(name), running.get(name, 0)) for name in names}


def clock_time(moment: datetime, now: datetime) -> str:
    """`14:00 UTC`, with the day where it is not within one."""
    form = "%H:%M UTC" if abs(moment - now) < timedelta(hours=23) else "%d %B %H:%M UTC"
    return moment.strftime(form)


def until(moment: datetime, now: datetime) -> str:
    """`until 14:00 UTC`."""
    return f"until {clock_time(moment, now)}"


def _clock_time(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)
