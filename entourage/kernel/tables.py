"""The kernel's own tables: lanes, lines of jobs, jobs, the workers that hold them, and events."""

from enum import StrEnum

import sqlalchemy as sa

from entourage.kernel.columns import Choice, Id, Instant, Json, metadata


class State(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    """Due at `run_at`; what is due becomes ready at the next look."""
    READY = "ready"
    """May start as soon as its lanes and a worker have room."""
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


def _partial(name: str, condition: str, *columns: sa.Column[object], unique: bool = False) -> None:
    where = sa.text(condition)
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at_once", sa.Integer),
    sa.Column("per_hour", sa.Integer),
    sa.Column("per_day", sa.Integer),
    sa.Column("opens", sa.Integer),
    sa.Column("closes", sa.Integer),
    sa.Column("zone", sa.Text),
    sa.Column("paused_why", sa.Text),
    sa.Column("broken_why", sa.Text),
    sa.Column("broken_until", Instant),
    sa.Column("probe", sa.BigInteger),
    sa.Column("held_why", sa.Text),
    sa.Column("held_until", Instant),
    sa.Column("hour_uses", Json, nullable=False),
    sa.Column("day_uses", Json, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("seen_steady", sa.BigInteger),
    sa.Column("seen_boot", sa.Text),
    sa.Column("stirred", sa.Boolean, nullable=False),
)
"""Limits and their use. `stirred`: somebody changed it, so the lines that hang on it deserve another look."""
_partial("ix_lanes_stirred", "stirred", lanes.c.name)
_partial("ix_lanes_probe", "probe IS NOT NULL", lanes.c.probe)

lane_loads = sa.Table(
    "lane_loads",
    metadata,
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("running", sa.Integer, nullable=False),
    sa.Column("parked", sa.Integer, nullable=False),
    sa.Column("wake_at", Instant),
)
"""What planning keeps of a lane: jobs it carries now, lines parked under it, when to look at those again."""
_partial("ix_lane_loads_wake_at", "wake_at IS NOT NULL", lane_loads.c.wake_at)

lines = sa.Table(
    "lines",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("lanes", Json, nullable=False, unique=True),
    sa.Column("head", sa.Integer),
    sa.Column("blocked_by", sa.Text),
    sa.Column("served", sa.BigInteger, nullable=False),
)
"""Jobs with the same lanes wait in one line. `head`: the priority of its first ready job, None when there is none;
`served`: a count, not a time, so that a clock set back starves nobody."""
_partial("ix_lines_open", "blocked_by IS NULL AND head IS NOT NULL", lines.c.head, lines.c.served)
_partial("ix_lines_parked", "blocked_by IS NOT NULL", lines.c.blocked_by, lines.c.head, lines.c.served)
sa.Index("ix_lines_served", lines.c.served)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("args", Json, nullable=False),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", Choice(State), nullable=False),
    sa.Column("run_at", Instant, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("claims", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sqlite_autoincrement=True,
)
"""`owner` is the worker that holds the job (and its place in the lanes), also while it lets go of a cancelled one;
`claims` counts how often it was handed out and is the fence: an answer for an older claim changes nothing."""
_partial("ix_jobs_ready", "state = 'ready'", jobs.c.line, jobs.c.priority, jobs.c.id)
_partial("ix_jobs_due", "state = 'waiting' AND owner IS NULL", jobs.c.run_at)
_partial("ix_jobs_owner", "owner IS NOT NULL", jobs.c.owner)
_partial("ix_jobs_subject_state", "subject IS NOT NULL", jobs.c.subject, jobs.c.state)
_partial("ix_jobs_finished_at", "finished_at IS NOT NULL", jobs.c.finished_at)
_partial("uq_jobs_key", "key IS NOT NULL AND finished_at IS NULL", jobs.c.key, unique=True)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("pid_started", sa.BigInteger, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
"""Who holds jobs. `beat` counts up while the worker lives; others judge its silence by their own steady clock."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("passing", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)
"""What happened, for whoever watches. `passing`: progress of another process, kept for seconds only."""
sa.Index("ix_events_passing_at", events.c.passing, events.c.at)
