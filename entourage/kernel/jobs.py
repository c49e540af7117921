"""Jobs: work that is written down with the transaction that wants it and done afterwards, at least once.

What belongs to the same set of lanes waits in one line, best priority first. Nothing here takes a lock that another
transaction could hold for long: `defer` only inserts, and planning (planning.py) finds what is due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from entourage.kernel import gauges
from entourage.kernel.columns import among, to_ms, upsert
from entourage.kernel.db import Row, Tx
from entourage.kernel.errors import Invalid, NotFound, Problem
from entourage.kernel.tables import State, jobs, lines

BELL = "jobs"
"""Rings when there may be something to start."""
STOP_BELL = "stops"
"""Rings when a running job may have been cancelled or paused."""
BEST, DEFAULT, LAST = 1, 5, 10
FEW = 20


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be written down. `key`: while an unfinished job has it, no second one is made."""

    kind: str
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lanes: Sequence[str] = ()
    priority: int = DEFAULT
    run_at: datetime | None = None
    subject: str | None = None
    max_attempts: int = 3
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `attempts` counts the present try too; `claim` tells one handing-out from the next."""

    id: int
    kind: str
    args: Mapping[str, Any]
    lanes: tuple[str, ...]
    priority: int
    state: State
    run_at: datetime
    subject: str | None
    key: str | None
    attempts: int
    max_attempts: int
    claim: int
    owner: str | None
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    line: int


def _state_among(*states: State) -> sa.ColumnElement[bool]:
    return sa.or_(*(jobs.c.state == state for state in states))


_unfinished = jobs.c.finished_at.is_(None)
_by_id = jobs.c.id == sa.bindparam("job")
_by_subject = jobs.c.subject == sa.bindparam("subject")

COLUMNS = (
    jobs.c.id,
    jobs.c.kind,
    jobs.c.args,
    lines.c.lanes,
    jobs.c.priority,
    jobs.c.state,
    jobs.c.run_at,
    jobs.c.subject,
    jobs.c.key,
    jobs.c.attempts,
    jobs.c.max_attempts,
    jobs.c.claims,
    jobs.c.owner,
    jobs.c.reason,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.finished_at,
    jobs.c.line,
)
"""The columns of a `Job`, in order; `lines` must be joined."""


def from_row(row: Row) -> Job:
    """A row of COLUMNS as a Job."""
    return Job(*row[:3], tuple(row[3]), *row[4:])  # pyright: ignore[reportCallIssue]  # as many as COLUMNS


_find_lines = sa.select(lines.c.lanes, lines.c.id).where(among(lines.c.lanes, "names"))
_add_line = (
    upsert(lines)
    .values(lanes=sa.bindparam("names"), head=None, blocked_by=None, served=0)
    .on_conflict_do_nothing(index_elements=["lanes"])
)
_add = upsert(jobs).values(
    id=sa.bindparam("id"),
    kind=sa.bindparam("kind"),
    args=sa.bindparam("args"),
    line=sa.bindparam("line"),
    priority=sa.bindparam("priority"),
    state=State.WAITING,
    run_at=sa.bindparam("run_at"),
    subject=sa.bindparam("subject"),
    key=sa.bindparam("key"),
    attempts=0,
    max_attempts=sa.bindparam("max_attempts"),
    claims=0,
    created_at=sa.bindparam("created_at"),
)
_add_keyed = _add.on_conflict_do_nothing(
    index_elements=["key"], index_where=sa.text("key IS NOT NULL AND finished_at IS NULL")
)
_ARRAYS: Mapping[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "kind": sa.Text(),
    "args": sa.Text(),
    "line": sa.BigInteger(),
    "priority": sa.Integer(),
    "run_at": sa.BigInteger(),
    "subject": sa.Text(),
    "max_attempts": sa.Integer(),
    "created_at": sa.BigInteger(),
}
_arrays = (
    sa.func.unnest(*(sa.bindparam(name, type_=postgresql.ARRAY(kind)) for name, kind in _ARRAYS.items()))
    .table_valued(*(sa.column(name, kind) for name, kind in _ARRAYS.items()))
    .render_derived("fresh")
)
_add_arrays = sa.insert(jobs).from_select(
    [*_ARRAYS, "state", "attempts", "claims"],
    sa.select(
        *(_arrays.c[name] for name in _ARRAYS),
        sa.literal_column("'waiting'"),
        sa.literal_column("0"),
        sa.literal_column("0"),
    ),
)
_keyed = sa.select(jobs.c.id).where(jobs.c.key == sa.bindparam("key"), jobs.c.finished_at.is_(None))


def defer(
    tx: Tx,
    kind: str,
    args: Mapping[str, Any] | None = None,
    *,
    lanes: Sequence[str],
    priority: int = DEFAULT,
    run_at: datetime | None = None,
    subject: str | None = None,
    max_attempts: int = 3,
    key: str | None = None,
) -> int:
    """Write down a job that starts after this transaction is stored; its id, or that of the unfinished `key`."""
    return defer_many(tx, [NewJob(kind, args or {}, lanes, priority, run_at, subject, max_attempts, key)])[0]


def defer_many(tx: Tx, new: Sequence[NewJob]) -> list[int]:
    """As `defer`, for many at once; the ids in the same order."""
    if not new:
        return []
    for job in new:
        _check_priority(job.priority)
    places = _lines(tx, {line_key(job.lanes) for job in new})
    ids = list(tx.reserve("jobs", len(new)))
    plain: list[dict[str, Any]] = []
    for index, job in enumerate(new):
        row = {
            "id": ids[index],
            "kind": job.kind,
            "args": job.args,
            "line": places[line_key(job.lanes)],
            "priority": job.priority,
            "run_at": job.run_at or tx.now,
            "subject": job.subject,
            "key": job.key,
            "max_attempts": job.max_attempts,
            "created_at": tx.now,
        }
        if job.key is None:
            plain.append(row)
        elif tx.run(_add_keyed, **row) == 0:
            ids[index] = tx.value(_keyed, key=job.key)
    if tx.dialect == "postgresql" and len(plain) > FEW:
        _add_at_once(tx, plain)
    else:
        tx.many(_add, plain)
    tx.ring(BELL)
    return ids


def _add_at_once(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows in one statement: a column of each is one array (several times faster on PostgreSQL)."""
    tx.run(
        _add_arrays,
        **{name: [row[name] for row in rows] for name in ("id", "kind", "line", "priority", "subject", "max_attempts")},
        args=[msgspec.json.encode(row["args"]).decode() for row in rows],
        run_at=[to_ms(row["run_at"]) for row in rows],
        created_at=[to_ms(row["created_at"]) for row in rows],
    )


def _check_priority(priority: int) -> None:
    if not BEST <= priority <= LAST:
        raise Invalid(Problem("priority", f"A priority is a number from {BEST} to {LAST}."))


def line_key(lanes: Sequence[str]) -> tuple[str, ...]:
    """What tells one line from another: its lanes, sorted, each once."""
    return tuple(sorted(set(lanes)))


def _lines(tx: Tx, keys: set[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    found = _known_lines(tx, keys)
    missing = sorted(keys - found.keys())
    if missing:
        tx.many(_add_line, [{"names": list(key)} for key in missing])
        found.update(_known_lines(tx, set(missing)))
    return found


def _known_lines(tx: Tx, keys: set[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    names = [msgspec.json.encode(list(key)).decode() for key in keys]
    return {tuple(row[0]): row[1] for row in tx.all(_find_lines, names=names)}


_cancel = {
    by: sa.update(jobs)
    .where(match, _unfinished)
    .values(
        state=State.CANCELLED, finished_at=sa.bindparam("moment", type_=jobs.c.finished_at.type), reason="cancelled"
    )
    for by, match in (("job", _by_id), ("subject", _by_subject))
}
_pause = {
    by: sa.update(jobs)
    .where(match, _state_among(State.WAITING, State.READY, State.RUNNING))
    .values(
        state=State.PAUSED,
        reason=sa.bindparam("why"),
        attempts=jobs.c.attempts - sa.case((jobs.c.state == State.RUNNING, 1), else_=0),
    )
    for by, match in (("job", _by_id), ("subject", _by_subject))
}
_resume = {
    by: sa.update(jobs).where(match, jobs.c.state == State.PAUSED).values(state=State.WAITING, reason=None)
    for by, match in (("job", _by_id), ("subject", _by_subject))
}
_retry = {
    by: sa.update(jobs)
    .where(match, _state_among(State.WAITING, State.FAILED, State.CANCELLED))
    .values(
        state=State.WAITING,
        run_at=sa.bindparam("moment", type_=jobs.c.run_at.type),
        attempts=sa.case((jobs.c.state == State.WAITING, jobs.c.attempts), else_=0),
        finished_at=None,
    )
    for by, match in (("job", _by_id), ("subject", _by_subject))
}
# What is ready goes through `waiting` again, so that planning, which alone touches lines, learns its new rank.
_reprioritise = {
    by: sa.update(jobs)
    .where(match, _unfinished)
    .values(
        priority=sa.bindparam("rank"),
        state=sa.case((jobs.c.state == State.READY, State.WAITING), else_=jobs.c.state),
    )
    for by, match in (("job", _by_id), ("subject", _by_subject))
}


def _change(
    tx: Tx, change: Mapping[str, sa.Update], job: int | None, subject: str | None, bell: str, **values: Any
) -> int:
    if (job is None) == (subject is None):
        raise ValueError("name either a job or a subject")
    if job is not None:
        touched = tx.run(change["job"], job=job, **values)
    else:
        touched = tx.run(change["subject"], subject=subject, **values)
    if touched:
        tx.ring(bell)
    return touched


def cancel(tx: Tx, job: int | None = None, *, subject: str | None = None) -> int:
    """End what is not finished, also what is running; how many jobs that were."""
    return _change(tx, _cancel, job, subject, STOP_BELL, moment=tx.now)


def pause(tx: Tx, job: int | None = None, *, subject: str | None = None, why: str = "paused by you") -> int:
    """Let what is not finished rest until `resume`, also what is running (its try does not count)."""
    return _change(tx, _pause, job, subject, STOP_BELL, why=why)


def resume(tx: Tx, job: int | None = None, *, subject: str | None = None) -> int:
    """Let paused jobs go on."""
    return _change(tx, _resume, job, subject, BELL)


def retry(tx: Tx, job: int | None = None, *, subject: str | None = None) -> int:
    """Start failed and cancelled jobs afresh, and those that wait for a next try at once."""
    return _change(tx, _retry, job, subject, BELL, moment=tx.now)


def reprioritise(tx: Tx, priority: int, job: int | None = None, *, subject: str | None = None) -> int:
    """Give unfinished jobs another priority (1 is the best, 10 the last)."""
    _check_priority(priority)
    return _change(tx, _reprioritise, job, subject, BELL, rank=priority)


_get = sa.select(*COLUMNS).join_from(jobs, lines, jobs.c.line == lines.c.id).where(_by_id)
_count = sa.select(sa.func.count()).select_from(jobs).where(_by_subject)
_count_state = _count.where(jobs.c.state == sa.bindparam("wanted", type_=jobs.c.state.type))
_old = (
    sa.select(jobs.c.id)
    .where(jobs.c.finished_at < sa.bindparam("before", type_=jobs.c.finished_at.type), jobs.c.owner.is_(None))
    .limit(sa.bindparam("most"))
)
_purge = sa.delete(jobs).where(jobs.c.id.in_(_old))


def get(tx: Tx, job: int) -> Job:
    """The job as it stands; raises NotFound."""
    row = tx.one(_get, job=job)
    if row is None:
        raise NotFound("There is no such job.")
    return from_row(row)


def count(tx: Tx, subject: str, state: State | None = None) -> int:
    """How many jobs a subject has, in one state or in all."""
    if state is None:
        return tx.value(_count, subject=subject)
    return tx.value(_count_state, subject=subject, wanted=state)


_running_keys = sa.select(jobs.c.key).where(among(jobs.c.key, "keys"), jobs.c.finished_at.is_(None))
_next_of = (
    sa.select(*COLUMNS)
    .join_from(jobs, lines, jobs.c.line == lines.c.id)
    .where(_by_subject, _unfinished)
    .order_by(sa.case((jobs.c.state == State.RUNNING, 0), else_=1), jobs.c.priority, jobs.c.run_at, jobs.c.id)
    .limit(1)
)
_planned = sa.select(sa.func.count()).select_from(jobs).where(
    jobs.c.kind == sa.bindparam("kind"), jobs.c.finished_at.is_(None)
)  # fmt: skip


def unfinished(tx: Tx, keys: Iterable[str]) -> set[str]:
    """Those of the keys that an unfinished job has."""
    return {row[0] for row in tx.all(_running_keys, keys=keys)}


def next_of(tx: Tx, subject: str) -> Job | None:
    """The job of a subject that runs, or else the one that is due first; None when none is unfinished."""
    row = tx.one(_next_of, subject=subject)
    return None if row is None else from_row(row)


def planned(tx: Tx, kind: str) -> int:
    """How many jobs of a kind are unfinished."""
    return tx.value(_planned, kind=kind)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a job stands where it stands, in plain words, and until when where that is known."""

    text: str
    until: datetime | None = None


def why(tx: Tx, job: int) -> Why:  # noqa: PLR0911 - a table of cases
    """Why a job does not run now (or that it does); raises NotFound."""
    found = get(tx, job)
    match found.state:
        case State.RUNNING:
            return Why("is running")
        case State.DONE:
            return Why("is done")
        case State.FAILED | State.CANCELLED | State.PAUSED:
            return Why(found.reason or found.state.value)
        case State.WAITING if found.owner is not None:
            return Why("starts again as soon as its last run has stopped")
        case State.WAITING if found.run_at > tx.now:
            when = gauges.clock_time(found.run_at, tx.now)
            if found.reason:
                return Why(f"waits for its next try at {when}: {found.reason}", found.run_at)
            return Why(f"is planned for {when}", found.run_at)
        case State.WAITING | State.READY:
            return _why_ready(tx, found)


def _why_ready(tx: Tx, job: Job) -> Why:
    blocks = [block for gauge in gauges.look(tx, job.lanes).values() if (block := gauge.block())]
    if blocks:
        # What only a person or another job ends comes first, then what ends last.
        worst = max(blocks, key=lambda block: (block.until is None, block.until or tx.now))
        return Why(worst.text, worst.until)
    ahead = tx.value(_ahead, line=job.line, rank=job.priority, job=job.id)
    if ahead:
        return Why(f"{ahead} {'job is' if ahead == 1 else 'jobs are'} before it")
    return Why("starts as soon as a worker has a free hand")


_ahead = (
    sa.select(sa.func.count())
    .select_from(jobs)
    .where(
        sa.text("state = 'ready'"),
        jobs.c.line == sa.bindparam("line"),
        sa.tuple_(jobs.c.priority, jobs.c.id) < sa.tuple_(sa.bindparam("rank"), sa.bindparam("job")),
    )
)


def purge(tx: Tx, before: datetime, most: int = 10_000) -> int:
    """Forget jobs that finished before a moment, at most so many in one call; how many that were."""
    return tx.run(_purge, before=before, most=most)
