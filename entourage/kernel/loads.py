"""What planning keeps of each lane: jobs it carries, lines parked under it, and when to look at those again.

Only planning writes these rows, and planning runs one at a time, so they are read once and written once in a turn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from entourage.kernel.columns import among, upsert
from entourage.kernel.db import Tx
from entourage.kernel.tables import lane_loads, lines


@dataclass(slots=True)
class Load:
    """One lane's load. `wake_at`: when the lines parked under it deserve another look; None when something else
    than time (a job that ends, a person) has to happen first.
    """

    lane: str
    running: int = 0
    parked: int = 0
    wake_at: datetime | None = None
    changed: bool = False

    def leave(self, now: datetime) -> None:
        """A job left the lane."""
        self.running = max(0, self.running - 1)
        self.wake(now)

    def enter(self) -> None:
        """A job started in the lane."""
        self.running += 1
        self.changed = True

    def is_due(self, now: datetime) -> bool:
        """Whether its parked lines deserve a look now."""
        return self.wake_at is not None and self.wake_at <= now

    def park(self, until: datetime | None) -> None:
        """A line hangs under the lane until then at the latest."""
        self.parked += 1
        self.changed = True
        if until is not None and (self.wake_at is None or until < self.wake_at):
            self.wake_at = until

    def unpark(self, count: int) -> None:
        """So many lines hang there no longer."""
        self.parked = max(0, self.parked - count)
        self.changed = True

    def wake(self, moment: datetime | None) -> None:
        """Look at the parked lines at `moment` (None: not because of time)."""
        self.wake_at = moment if self.parked else None
        self.changed = True


_columns = (lane_loads.c.lane, lane_loads.c.running, lane_loads.c.parked, lane_loads.c.wake_at)
_select = sa.select(*_columns).where(among(lane_loads.c.lane, "names"))
_due = (
    sa.select(*_columns)
    .where(sa.text("wake_at IS NOT NULL"), lane_loads.c.wake_at <= sa.bindparam("now", type_=lane_loads.c.wake_at.type))
    .order_by(lane_loads.c.wake_at)
    .limit(sa.bindparam("most"))
)
_insert = upsert(lane_loads)
_save = _insert.on_conflict_do_update(
    index_elements=["lane"],
    set_={name: _insert.excluded[name] for name in ("running", "parked", "wake_at")},
)
_parked = (
    sa.select(lines.c.id)
    .where(sa.text("blocked_by IS NOT NULL"), lines.c.blocked_by == sa.bindparam("lane"))
    .order_by(lines.c.head, lines.c.served)
    .limit(sa.bindparam("most"))
)


class Loads:
    """The loads a turn has to do with."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._found: dict[str, Load] = {}
        self._read_due = False

    def of(self, lanes: Iterable[str]) -> list[Load]:
        """The loads of some lanes."""
        names = list(lanes)
        missing = [name for name in names if name not in self._found]
        if missing:
            self._found.update((name, Load(name)) for name in missing)
            for row in self._tx.all(_select, names=missing):
                self._found[row[0]] = Load(*row)
        return [self._found[name] for name in names]

    def due(self, most: int) -> list[Load]:
        """The loads whose parked lines deserve a look now."""
        now = self._tx.now
        if not self._read_due:
            rows = self._tx.all(_due, now=now, most=most)
            self._read_due = len(rows) < most
            for row in rows:
                self._found.setdefault(row[0], Load(*row))
        return [load for load in self._found.values() if load.is_due(now)]

    def parked(self, lane: str, most: int) -> list[int]:
        """The first lines parked under a lane, best first."""
        return [row[0] for row in self._tx.all(_parked, lane=lane, most=most)]

    def save(self) -> None:
        """Write what changed."""
        changed = [load for load in self._found.values() if load.changed]
        self._tx.many(
            _save,
            [
                {"lane": load.lane, "running": load.running, "parked": load.parked, "wake_at": load.wake_at}
                for load in changed
            ],
        )
        for load in changed:
            load.changed = False
