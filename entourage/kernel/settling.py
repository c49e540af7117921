"""Settling: what becomes of jobs whose handlers ended, and of those whose worker died."""

import contextlib
import logging
import random
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from entourage.kernel import lanes
from entourage.kernel.clock import bearable
from entourage.kernel.columns import among
from entourage.kernel.db import Tx
from entourage.kernel.jobs import COLUMNS, Job, from_row
from entourage.kernel.outcomes import Again, Broken, Done, Failed, Outcome, Postpone, Record
from entourage.kernel.tables import State, jobs, lines

log = logging.getLogger(__name__)

FIRST_BACKOFF, MOST_BACKOFF = 5.0, 3600.0
UNMOVED = 900.0

OnFailed = Callable[[Tx, Job, str], None]
"""Told, in the same transaction, that a job failed for good, and why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that its worker no longer runs; `outcome` None: it was interrupted (cancelled, paused, worker stopped)."""

    job: Job
    outcome: Outcome | None


class RecordFailed(Exception):
    """A record could not be stored; everything was undone, and settling must be repeated carefully."""


_standing = (
    sa.select(jobs.c.id, jobs.c.owner, jobs.c.claims, jobs.c.state)
    .where(among(jobs.c.id, "ids"))
    .order_by(jobs.c.id)
    .with_for_update()
)
_done = (
    sa.update(jobs)
    .where(among(jobs.c.id, "ids"))
    .values(
        state=State.DONE, owner=None, reason=None, finished_at=sa.bindparam("moment", type_=jobs.c.finished_at.type)
    )
)
_let_go = sa.update(jobs).where(among(jobs.c.id, "ids")).values(owner=None)
_move = (
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("job"))
    .values(
        owner=None,
        state=sa.bindparam("to", type_=jobs.c.state.type),
        run_at=sa.bindparam("due", type_=jobs.c.run_at.type),
        attempts=sa.bindparam("tries"),
        reason=sa.bindparam("why"),
        finished_at=sa.bindparam("ended", type_=jobs.c.finished_at.type),
    )
)
_owned = (
    sa.select(*COLUMNS)
    .join_from(jobs, lines, jobs.c.line == lines.c.id)
    .where(sa.text("owner IS NOT NULL"), jobs.c.owner == sa.bindparam("holder"))
    .order_by(jobs.c.id)
)


def settle(
    tx: Tx, owner: str, ended: Sequence[Ended], on_failed: Mapping[str, OnFailed], *, careful: bool
) -> list[tuple[Job, bool]]:
    """Store how jobs ended, each only if `owner` still holds that very claim; those it held, and whether they are done.

    Without `careful` a record that raises undoes the transaction (RecordFailed); with it only that job is tried again.
    """
    standing = {row[0]: row[1:] for row in tx.all(_standing, ids=[one.job.id for one in ended])}
    settling = _Settling(tx, on_failed, careful=careful)
    held: list[tuple[Job, bool]] = []
    for one in ended:
        holder, claim, state = standing.get(one.job.id, (None, 0, None))
        if holder != owner or claim != one.job.claim:
            continue
        if state is State.RUNNING:
            held.append((one.job, settling.apply(one.job, one.outcome)))
        else:
            settling.let_go.append(one.job.id)
            held.append((one.job, False))
    settling.save()
    return held


def reap(tx: Tx, owner: str, on_failed: Mapping[str, OnFailed]) -> list[tuple[Job, bool]]:
    """Take what a dead worker held; each of its tries counts."""
    found = [from_row(row) for row in tx.all(_owned, holder=owner)]
    ended = [Ended(job, Again(0, "the worker that ran it stopped")) for job in found]
    return settle(tx, owner, ended, on_failed, careful=True)


def strays(tx: Tx, owner: str, known: Collection[int]) -> list[Ended]:
    """What a worker holds without knowing it."""
    return [Ended(job, None) for row in tx.all(_owned, holder=owner) if (job := from_row(row)).id not in known]


def backoff(attempt: int) -> float:
    """Seconds before the next try: three times longer each time, up to an hour, give or take a fifth."""
    return min(MOST_BACKOFF, FIRST_BACKOFF * 3.0 ** (attempt - 1)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter


class _Settling:
    """One round: each job's outcome becomes a change, all changes are written together."""

    def __init__(self, tx: Tx, on_failed: Mapping[str, OnFailed], *, careful: bool) -> None:
        self.tx = tx
        self.on_failed = on_failed
        self.careful = careful
        self.done: list[int] = []
        self.let_go: list[int] = []
        self.moved: list[dict[str, Any]] = []

    def apply(self, job: Job, outcome: Outcome | None) -> bool:
        """What `outcome` makes of a running job; whether that is done."""
        match outcome:
            case Done(record):
                if (error := self._record(job, record)) is None:
                    self.done.append(job.id)
                    return True
                self._again(job, Again(None, f"its result could not be stored: {error}"))
            case Again():
                self._again(job, outcome)
            case Failed(reason, record):
                self._record(job, record)
                self._fail(job, reason)
            case Postpone(after, reason):
                self._wait(job, self._in(after), reason, tries=job.attempts - 1)
            case Broken(lane, reason, until):
                lanes.open_breaker(self.tx, lane, reason, until)
                # Its own lane holds it back from now on; for a strange lane only time can.
                unmoved = self._in(UNMOVED) if until is None else until
                self._wait(job, self.tx.now if lane in job.lanes else unmoved, reason, tries=job.attempts - 1)
            case None:
                self._wait(job, self.tx.now, None, tries=job.attempts - 1)
        return False

    def save(self) -> None:
        """Write what was decided."""
        if self.done:
            self.tx.run(_done, ids=self.done, moment=self.tx.now)
        if self.let_go:
            self.tx.run(_let_go, ids=self.let_go)
        self.tx.many(_move, self.moved)

    def _again(self, job: Job, again: Again) -> None:
        due = self._in(backoff(job.attempts) if again.after is None else again.after)
        if again.hold is not None:
            lanes.hold(self.tx, again.hold, due, again.reason)
        if job.attempts >= job.max_attempts:
            self._fail(job, again.reason)
        else:
            self._wait(job, due, again.reason, tries=job.attempts)

    def _fail(self, job: Job, reason: str) -> None:
        hook = self.on_failed.get(job.kind)
        if hook is not None:
            self._record(job, lambda tx: hook(tx, job, reason))
        self._move(job, State.FAILED, self.tx.now, reason, job.attempts, self.tx.now)

    def _in(self, seconds: float) -> datetime:
        # No number that a handler answers may undo this transaction: every other job's end would be lost with it.
        return self.tx.now + timedelta(seconds=bearable(seconds))

    def _wait(self, job: Job, due: datetime, reason: str | None, *, tries: int) -> None:
        self._move(job, State.WAITING, due, reason, tries, None)

    def _move(self, job: Job, to: State, due: datetime, why: str | None, tries: int, ended: datetime | None) -> None:  # noqa: PLR0917 - one row
        self.moved.append({"job": job.id, "to": to, "due": due, "tries": tries, "why": why, "ended": ended})

    def _record(self, job: Job, record: Record | None) -> Exception | None:
        """Run a record; the error that kept it from being stored, where we are careful."""
        if record is None:
            return None
        try:
            with self.tx.savepoint() if self.careful else contextlib.nullcontext():
                record(self.tx)
        except Exception as error:
            if _is_the_database(error):
                raise
            if not self.careful:
                raise RecordFailed from error
            log.exception("job %d (%s): what it wanted to record could not be stored", job.id, job.kind)
            return error
        return None


def _is_the_database(error: Exception) -> bool:
    """Whether the database is in trouble (busy, full, gone), so that the record is not to blame."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorname.startswith(
            ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_CANTOPEN")
        )
    # Every driver calls it so (PEP 249); asking psycopg itself would load it where it is not used.
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)
