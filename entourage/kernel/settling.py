"""Settling: what becomes of jobs whose handlers ended, and of those whose worker died."""

import logging
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from entourage.kernel import lanes
from entourage.kernel.columns import among
from entourage.kernel.db import Tx
from entourage.kernel.jobs import COLUMNS, Job, from_row
from entourage.kernel.outcomes import Again, Broken, Done, Failed, Outcome, Postpone, Record
from entourage.kernel.tables import State, jobs, lines

log = logging.getLogger(__name__)

FIRST_BACKOFF, MOST_BACKOFF = 5.0, 3600.0
UNMOVED = timedelta(minutes=15)

OnFailed = Callable[[Tx, Job, str], None]
"""Told, in the same transaction, that a job failed for good, and why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that its worker no longer runs; `outcome` None: it was interrupted (cancelled, paused, worker stopped)."""

    job: Job
    outcome: Outcome | None


class RecordFailed(Exception):
    """A record could not be stored; everything was undone, and settling must be repeated carefully."""


@dataclass(slots=True)
class _Changes:
    done: list[int] = field(default_factory=list[int])
    let_go: list[int] = field(default_factory=list[int])
    moved: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


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


def owned(tx: Tx, owner: str) -> list[Job]:
    """The jobs that a worker holds."""
    return [from_row(row) for row in tx.all(_owned, holder=owner)]


def settle(
    tx: Tx, owner: str, ended: Sequence[Ended], on_failed: Mapping[str, OnFailed], *, careful: bool
) -> list[tuple[Job, bool]]:
    """Store how jobs ended, each only if `owner` still holds that very claim; those it held, and whether they are done.

    Without `careful` a record that raises undoes the transaction (RecordFailed); with it only that job is tried again.
    """
    standing = {row[0]: row[1:] for row in tx.all(_standing, ids=[one.job.id for one in ended])}
    changes = _Changes()
    held: list[tuple[Job, bool]] = []
    for one in ended:
        holder, claim, state = standing.get(one.job.id, (None, 0, None))
        if holder != owner or claim != one.job.claim:
            continue
        if state is State.RUNNING:
            held.append((one.job, _apply(tx, one.job, one.outcome, changes, on_failed, careful=careful)))
        else:
            changes.let_go.append(one.job.id)
            held.append((one.job, False))
    if changes.done:
        tx.run(_done, ids=changes.done, moment=tx.now)
    if changes.let_go:
        tx.run(_let_go, ids=changes.let_go)
    tx.many(_move, changes.moved)
    return held


def _apply(
    tx: Tx,
    job: Job,
    outcome: Outcome | None,
    changes: _Changes,
    on_failed: Mapping[str, OnFailed],
    *,
    careful: bool,
) -> bool:
    match outcome:
        case Done(record):
            error = _record(tx, record, careful=careful)
            if error is None:
                changes.done.append(job.id)
                return True
            log.error("job %d (%s): its result could not be stored", job.id, job.kind, exc_info=error)
            _again(tx, job, Again(None, f"its result could not be stored: {error}"), changes, on_failed, careful)
        case Again():
            _again(tx, job, outcome, changes, on_failed, careful)
        case Failed(reason, record):
            error = _record(tx, record, careful=careful)
            if error is not None:
                log.error("job %d (%s): its failure could not be stored", job.id, job.kind, exc_info=error)
            _fail(tx, job, reason, changes, on_failed, careful)
        case Postpone(after, reason):
            _wait(job, tx.now + timedelta(seconds=after), reason, changes, tries=job.attempts - 1)
        case Broken(lane, reason, until):
            lanes.open_breaker(tx, lane, reason, until)
            due = tx.now if lane in job.lanes else until or tx.now + UNMOVED
            _wait(job, due, reason, changes, tries=job.attempts - 1)
        case None:
            _wait(job, tx.now, None, changes, tries=job.attempts - 1)
    return False


def _again(
    tx: Tx,
    job: Job,
    again: Again,
    changes: _Changes,
    on_failed: Mapping[str, OnFailed],
    careful: bool,  # noqa: FBT001 - passed on
) -> None:
    after = backoff(job.attempts) if again.after is None else again.after
    if again.hold is not None:
        lanes.hold(tx, again.hold, tx.now + timedelta(seconds=after), again.reason)
    if job.attempts >= job.max_attempts:
        _fail(tx, job, again.reason, changes, on_failed, careful)
        return
    _wait(job, tx.now + timedelta(seconds=after), again.reason, changes, tries=job.attempts)


def _fail(
    tx: Tx,
    job: Job,
    reason: str,
    changes: _Changes,
    on_failed: Mapping[str, OnFailed],
    careful: bool,  # noqa: FBT001 - passed on
) -> None:
    hook = on_failed.get(job.kind)
    error = None if hook is None else _record(tx, lambda tx: hook(tx, job, reason), careful=careful)
    if error is not None:
        log.error("job %d (%s): its failure could not be stored", job.id, job.kind, exc_info=error)
    moved = {"job": job.id, "to": State.FAILED, "due": tx.now, "tries": job.attempts, "why": reason, "ended": tx.now}
    changes.moved.append(moved)


def _wait(job: Job, due: datetime, reason: str | None, changes: _Changes, *, tries: int) -> None:
    changes.moved.append({"job": job.id, "to": State.WAITING, "due": due, "tries": tries, "why": reason, "ended": None})


def backoff(attempt: int) -> float:
    """Seconds before the next try: three times longer each time, up to an hour, give or take a fifth."""
    return min(MOST_BACKOFF, FIRST_BACKOFF * 3.0 ** (attempt - 1)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter


def _record(tx: Tx, record: Record | None, *, careful: bool) -> Exception | None:
    if record is None:
        return None
    if not careful:
        try:
            record(tx)
        except Exception as error:
            if _is_the_database(error):
                raise
            raise RecordFailed from error
        return None
    try:
        with tx.savepoint():
            record(tx)
    except Exception as error:
        if _is_the_database(error):
            raise
        return error
    return None


def _is_the_database(error: Exception) -> bool:
    """Whether the database is in trouble (busy, full, gone), so that the record is not to blame."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorname.startswith(
            ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_CANTOPEN")
        )
    return isinstance(error, psycopg.OperationalError)


def reap(tx: Tx, owner: str, on_failed: Mapping[str, OnFailed]) -> list[tuple[Job, bool]]:
    """Take what a dead worker held; each of its tries counts."""
    found = owned(tx, owner)
    ended = [Ended(job, Again(0, "the worker that ran it stopped")) for job in found]
    return settle(tx, owner, ended, on_failed, careful=True)
