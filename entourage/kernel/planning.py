"""Planning: in one transaction, store what ended and decide what may start now.

It is driven by lines, never by jobs: open lines in the order of their heads, then of their last service. A line that a
lane blocks is parked under that lane and costs nothing more until the lane has room, so a thousand blocked lines are as
cheap as one. Planning runs one at a time; it never waits for rows that other transactions hold, it leaves those aside.
"""

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from entourage.kernel import gauges, leases, settling
from entourage.kernel.columns import among
from entourage.kernel.db import Tx
from entourage.kernel.gauges import Block, Gauge
from entourage.kernel.jobs import COLUMNS, Job, from_row
from entourage.kernel.loads import Loads
from entourage.kernel.settling import Ended, OnFailed
from entourage.kernel.tables import State, jobs, lane_loads, lanes, lines

LOCK = "planning"
MOST_PROMOTED = 1000
MOST_LOOKED_AT = 200
FEW = 16
SHORTEST_WAIT = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Turn:
    """What planning decided: jobs to start, held jobs to stop, and when to look again without being rung for."""

    claimed: Sequence[Job]
    stopped: Sequence[int]
    next_at: datetime | None


@dataclass(slots=True)
class _Line:
    id: int
    lanes: tuple[str, ...]
    head: int | None
    served: int
    blocked_by: str | None = None
    waiting: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    after: tuple[int, int] = (-1, 0)
    whole: bool = False
    """All its ready jobs were read."""


_stopped = sa.select(jobs.c.id).where(
    sa.text("owner IS NOT NULL"), jobs.c.owner == sa.bindparam("holder"), jobs.c.state != State.RUNNING
)
_due_now = jobs.c.run_at <= sa.bindparam("now", type_=jobs.c.run_at.type)
_is_waiting = sa.text("state = 'waiting' AND owner IS NULL")
_wakes = lane_loads.c.wake_at
_outlook = sa.select(
    sa.select(sa.func.max(lines.c.served)).scalar_subquery(),
    sa.exists(sa.select(lanes.c.name).where(sa.text("stirred"))),
    sa.exists(sa.select(lanes.c.name).where(sa.text("probe IS NOT NULL"))),
    sa.exists(sa.select(jobs.c.id).where(_is_waiting, _due_now)),
)
_upcoming = sa.select(
    sa.select(sa.func.min(jobs.c.run_at, type_=jobs.c.run_at.type)).where(_is_waiting).scalar_subquery(),
    sa.select(sa.func.min(_wakes, type_=_wakes.type)).where(sa.text("wake_at IS NOT NULL")).scalar_subquery(),
)
_stirred = sa.select(lanes.c.name).where(sa.text("stirred")).with_for_update(skip_locked=True)
_calm = sa.update(lanes).where(among(lanes.c.name, "names")).values(stirred=False)
_probes = sa.select(lanes.c.name, lanes.c.probe).where(sa.text("probe IS NOT NULL"))
_due = (
    sa.select(jobs.c.id, jobs.c.line, jobs.c.priority)
    .where(_is_waiting, _due_now)
    .order_by(jobs.c.run_at)
    .limit(MOST_PROMOTED)
    .with_for_update(skip_locked=True)
)
_promote = sa.update(jobs).where(among(jobs.c.id, "ids")).values(state=State.READY)
_advance = (
    sa.update(lines)
    .where(lines.c.id == sa.bindparam("line"), sa.or_(lines.c.head.is_(None), lines.c.head > sa.bindparam("best")))
    .values(head=sa.bindparam("best"))
)
_unpark = sa.update(lines).where(among(lines.c.id, "ids")).values(blocked_by=None)
_open_lines = (
    sa.select(lines.c.id, lines.c.lanes, lines.c.head, lines.c.served)
    .where(sa.text("blocked_by IS NULL AND head IS NOT NULL"))
    .order_by(lines.c.head, lines.c.served)
    .limit(sa.bindparam("most"))
)
_ready = sa.text("state = 'ready'")
_front = (
    sa.select(jobs.c.priority, jobs.c.id)
    .where(
        _ready,
        jobs.c.line == sa.bindparam("line"),
        sa.tuple_(jobs.c.priority, jobs.c.id) > sa.tuple_(sa.bindparam("rank"), sa.bindparam("job")),
    )
    .order_by(jobs.c.priority, jobs.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_start = (
    sa.update(jobs)
    .where(among(jobs.c.id, "ids"))
    .values(
        state=State.RUNNING,
        owner=sa.bindparam("holder"),
        claims=jobs.c.claims + 1,
        attempts=jobs.c.attempts + 1,
        started_at=sa.bindparam("moment", type_=jobs.c.started_at.type),
    )
    .returning(*(column for column in COLUMNS if column is not lines.c.lanes))
)
# On PostgreSQL the fronts of many lines come in one round trip; SQLite has no round trips (and no LATERAL).
_each = (
    sa.select(jobs.c.priority, jobs.c.id)
    .where(_ready, jobs.c.line == lines.c.id)
    .order_by(jobs.c.priority, jobs.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .lateral("each")
)
_fronts = (
    sa.select(lines.c.id, _each.c.priority, _each.c.id)
    .select_from(lines.join(_each, sa.true()))
    .where(among(lines.c.id, "lines"))
)
_keep_line = (
    sa.update(lines)
    .where(lines.c.id == sa.bindparam("line"))
    .values(head=sa.bindparam("best"), served=sa.bindparam("turn"), blocked_by=sa.bindparam("under"))
)


def turn(
    tx: Tx,
    owner: str,
    *,
    ended: Sequence[Ended] = (),
    free: int,
    on_failed: Mapping[str, OnFailed] | None = None,
    careful: bool = False,
    look_for_stops: bool = False,
    known: Collection[int] | None = None,
) -> Turn:
    """Settle what ended for `owner` and hand it up to `free` jobs.

    `known`: the jobs that it runs, told after an answer of ours got lost; whatever else it was handed is taken back.
    """
    if known is not None:
        ended = [*ended, *settling.strays(tx, owner, {*known, *(one.job.id for one in ended)})]
    left = settling.settle(tx, owner, ended, on_failed or {}, careful=careful) if ended else []
    tx.lock(LOCK)
    plan = _Plan(tx)
    plan.begin(left)
    claimed = plan.claim(owner, free)
    plan.save()
    stopped = [row[0] for row in tx.all(_stopped, holder=owner)] if look_for_stops else []
    return Turn(claimed, stopped, plan.next_at(full=len(claimed) == free))


def reap(tx: Tx, dead: Iterable[str], on_failed: Mapping[str, OnFailed]) -> int:
    """Give back what dead workers held; how many jobs that were."""
    owners = list(dead)
    left = [one for owner in owners for one in settling.reap(tx, owner, on_failed)]
    for owner in owners:
        leases.forget(tx, owner)
    tx.lock(LOCK)
    plan = _Plan(tx)
    plan.begin(left)
    plan.save()
    return len(left)


class _Plan:
    """One round of planning."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.loads = Loads(tx)
        self.gauges: dict[str, Gauge] = {}
        self.more = False
        self.served = 0

    def begin(self, left: Sequence[tuple[Job, bool]]) -> None:
        """Take in what changed since the last turn."""
        served, stirred, probed, due = self.tx.one(_outlook, now=self.tx.now) or (0, False, False, False)
        self.served = served or 0
        self.loads.of({name for job, _ in left for name in job.lanes})
        for job, _ in left:
            for load in self.loads.of(job.lanes):
                load.leave(self.tx.now)
        if left and probed:
            self._end_probes(left)
        if stirred:
            self._stir()
        if due:
            self._promote()

    def save(self) -> None:
        """Write what changed in the lanes."""
        gauges.save(self.tx, self.gauges.values())
        self.loads.save()

    def _end_probes(self, left: Sequence[tuple[Job, bool]]) -> None:
        """A probe that was done closes its breaker."""
        probes = self.tx.all(_probes)
        done = {job.id: worked for job, worked in left}
        ended = {name: done[probe] for name, probe in probes if probe in done}
        running = {load.lane: load.running for load in self.loads.of(sorted(ended))}
        for name, gauge in gauges.own(self.tx, ended).items():
            gauge.running = running[name]
            gauge.end_probe(worked=ended[name])
            self.gauges[name] = gauge

    def _stir(self) -> None:
        """Look again at the lines under lanes that somebody changed."""
        names = [row[0] for row in self.tx.all(_stirred)]
        if not names:
            return
        self.tx.run(_calm, names=names)
        for load in self.loads.of(names):
            load.wake(self.tx.now)

    def _promote(self) -> None:
        """Make ready what is due."""
        due = self.tx.all(_due, now=self.tx.now)
        self.more = len(due) == MOST_PROMOTED
        self.tx.run(_promote, ids=[row[0] for row in due])
        best: dict[int, int] = {}
        for _, line, priority in due:
            best[line] = min(priority, best.get(line, priority))
        self.tx.many(_advance, [{"line": line, "best": best[line]} for line in sorted(best)])

    def claim(self, owner: str, free: int) -> list[Job]:
        """Start up to `free` jobs."""
        chosen: dict[int, tuple[str, ...]] = {}
        looked_at = 0
        while len(chosen) < free:
            if looked_at >= MOST_LOOKED_AT:
                self.more = True
                break
            woken = self._wake(free - len(chosen))
            most = min(max(free - len(chosen), FEW), MOST_LOOKED_AT)
            found = [_Line(row[0], tuple(row[1]), *row[2:]) for row in self.tx.all(_open_lines, most=most)]
            if found:
                looked_at += len(found)
                self._measure({name for line in found for name in line.lanes})
                self._choose(found, free, chosen)
            if len(found) < most and not woken:
                break
        return self._start(owner, chosen)

    def next_at(self, *, full: bool) -> datetime | None:
        """When to look again although nobody rings; when every slot is taken, the end of a job is what to wait for."""
        if full:
            return None
        if self.more:
            return self.tx.now
        times = [moment for moment in self.tx.one(_upcoming) or () if moment is not None]
        return max(min(times), self.tx.now + SHORTEST_WAIT) if times else None

    def _wake(self, most: int) -> bool:
        """Open parked lines of lanes whose time has come, as many as the lane has room for; whether any were."""
        due = self.loads.due(MOST_LOOKED_AT)
        woken = False
        self._measure({load.lane for load in due})
        for load in due:
            gauge = self.gauges[load.lane]
            block = gauge.block()
            if block is not None:
                load.wake(block.until)
                continue
            room = gauge.room()
            wanted = most if room is None else min(most, room)
            ids = self.loads.parked(load.lane, wanted)
            if ids:
                woken = True
                self.tx.run(_unpark, ids=ids)
                load.unpark(len(ids))
            if len(ids) < wanted:
                load.unpark(load.parked)
                load.wake(None)
        return woken

    def _measure(self, names: set[str]) -> None:
        missing = sorted(names - self.gauges.keys())
        if missing:
            running = {load.lane: load.running for load in self.loads.of(missing)}
            self.gauges.update(gauges.own_free(self.tx, running))

    def _choose(self, found: list[_Line], free: int, chosen: dict[int, tuple[str, ...]]) -> None:
        """Take jobs from the lines in turn, best head first; those that a lane blocks are parked."""
        heap = [(line.head, line.served, line.id, line) for line in found]
        heapq.heapify(heap)
        share = -(-(free - len(chosen)) // len(found)) + 1
        if self.tx.dialect == "postgresql":
            self._read_fronts([line for line in found if self._block(line) is None], share)
        touched: dict[int, _Line] = {}
        while heap and len(chosen) < free:
            head, _, _, line = heapq.heappop(heap)
            touched[line.id] = line
            if self._park(line):
                continue
            front = self._front(line, share)
            if front is not None and front[0] == head:
                line.waiting.popleft()
                chosen[front[1]] = line.lanes
                self.served += 1
                line.served = self.served
                for name, load in zip(line.lanes, self.loads.of(line.lanes), strict=True):
                    load.enter()
                    self.gauges[name].take(job=front[1])
                front = self._front(line, share)
            line.head = None if front is None else front[0]
            if front is not None:
                heapq.heappush(heap, (front[0], line.served, line.id, line))
        self.tx.many(
            _keep_line,
            [
                {"line": line.id, "best": line.head, "turn": line.served, "under": line.blocked_by}
                for line in touched.values()
            ],
        )

    def _block(self, line: _Line) -> Block | None:
        for name in line.lanes:
            if block := self.gauges[name].block():
                return block
        return None

    def _park(self, line: _Line) -> bool:
        block = self._block(line)
        if block is None:
            return False
        line.blocked_by = block.lane
        self.loads.of([block.lane])[0].park(block.until)
        return True

    def _read_fronts(self, found: list[_Line], most: int) -> None:
        by_id = {line.id: line for line in found}
        for line_id, priority, job in self.tx.all(_fronts, lines=by_id, most=most) if by_id else ():
            by_id[line_id].waiting.append((priority, job))
        for line in found:
            line.whole = len(line.waiting) < most
            if line.waiting:
                line.after = line.waiting[-1]

    def _front(self, line: _Line, most: int) -> tuple[int, int] | None:
        """The first ready job of a line that was not chosen yet, as (priority, id)."""
        if not line.waiting and not line.whole:
            rows = self.tx.all(_front, line=line.id, rank=line.after[0], job=line.after[1], most=most)
            line.whole = len(rows) < most
            line.waiting.extend((row[0], row[1]) for row in rows)
            if rows:
                line.after = line.waiting[-1]
        return line.waiting[0] if line.waiting else None

    def _start(self, owner: str, chosen: Mapping[int, tuple[str, ...]]) -> list[Job]:
        if not chosen:
            return []
        rows = self.tx.all(_start, ids=chosen, holder=owner, moment=self.tx.now)
        started = {row[0]: from_row((*row[:3], chosen[row[0]], *row[3:])) for row in rows}
        return [started[job] for job in chosen]
