"""Sweeping: makes every count and head of planning true again, so that no mistake can leave a job waiting for good."""

from datetime import timedelta

import sqlalchemy as sa

from entourage.kernel.db import Tx
from entourage.kernel.loads import Loads
from entourage.kernel.planning import LOCK
from entourage.kernel.tables import jobs, lane_loads, lines

MOST = 2000
LONGEST_WAIT = timedelta(days=1)
"""No try waits longer for its next one, whatever happened to the clock meanwhile."""

_true_heads = (
    sa.select(
        lines.c.id,
        lines.c.head,
        lines.c.blocked_by,
        sa.select(jobs.c.priority)
        .where(sa.text("state = 'ready'"), jobs.c.line == lines.c.id)
        .order_by(jobs.c.priority)
        .limit(1)
        .scalar_subquery(),
    )
    .where(lines.c.id > sa.bindparam("after"))
    .order_by(lines.c.id)
    .limit(MOST)
)
_mend_line = (
    sa.update(lines)
    .where(lines.c.id == sa.bindparam("line"))
    .values(head=sa.bindparam("best"), blocked_by=sa.bindparam("under"))
)
_true_running = (
    sa.select(lines.c.lanes, sa.func.count())
    .select_from(jobs)
    .join(lines, jobs.c.line == lines.c.id)
    .where(sa.text("owner IS NOT NULL"))
    .group_by(lines.c.lanes)
)
_true_parked = (
    sa.select(lines.c.blocked_by, sa.func.count()).where(sa.text("blocked_by IS NOT NULL")).group_by(lines.c.blocked_by)
)
_every_load = sa.select(lane_loads.c.lane)
_idle_loads = sa.delete(lane_loads).where(lane_loads.c.running == 0, lane_loads.c.parked == 0)
_hasten = (
    sa.update(jobs)
    .where(
        sa.text("state = 'waiting' AND owner IS NULL"),
        jobs.c.run_at > sa.bindparam("latest", type_=jobs.c.run_at.type),
        jobs.c.reason.is_not(None),
    )
    .values(run_at=sa.bindparam("latest", type_=jobs.c.run_at.type))
)


def sweep(tx: Tx, after: int = 0) -> int:
    """Make every count and head true again, part of the lines at a time; where to go on (0: from the start).

    Nothing should ever need it, unless somebody set the clock back.
    """
    tx.lock(LOCK)
    rows = tx.all(_true_heads, after=after)
    wrong = [
        {"line": line, "best": best, "under": None if best is None else under}
        for line, head, under, best in rows
        if head != best or (best is None and under is not None)
    ]
    tx.many(_mend_line, wrong)
    running: dict[str, int] = {}
    for names, count in tx.all(_true_running):
        for name in names:
            running[name] = running.get(name, 0) + count
    parked = dict(tx.all(_true_parked))
    loads = Loads(tx)
    for load in loads.of({*parked, *running, *(row[0] for row in tx.all(_every_load))}):
        load.running, load.parked = running.get(load.lane, 0), parked.get(load.lane, 0)
        load.wake(tx.now)
    loads.save()
    tx.run(_idle_loads)
    tx.run(_hasten, latest=tx.now + LONGEST_WAIT)
    return rows[-1][0] if len(rows) == MOST else 0
