"""The kernel's tables: lanes, lines, jobs, workers, events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _index(name: str, table: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "lanes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at_once", sa.Integer()),
        sa.Column("per_hour", sa.Integer()),
        sa.Column("per_day", sa.Integer()),
        sa.Column("opens", sa.Integer()),
        sa.Column("closes", sa.Integer()),
        sa.Column("zone", sa.Text()),
        sa.Column("paused_why", sa.Text()),
        sa.Column("broken_why", sa.Text()),
        sa.Column("broken_until", sa.BigInteger()),
        sa.Column("probe", sa.BigInteger()),
        sa.Column("held_why", sa.Text()),
        sa.Column("held_until", sa.BigInteger()),
        sa.Column("hour_uses", sa.Text(), nullable=False),
        sa.Column("day_uses", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_steady", sa.BigInteger()),
        sa.Column("seen_boot", sa.Text()),
        sa.Column("stirred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lanes"),
    )
    _index("ix_lanes_stirred", "lanes", ["name"], "stirred")
    _index("ix_lanes_probe", "lanes", ["probe"], "probe IS NOT NULL")
    op.create_table(
        "lane_loads",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("wake_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("lane", name="pk_lane_loads"),
    )
    _index("ix_lane_loads_wake_at", "lane_loads", ["wake_at"], "wake_at IS NOT NULL")
    op.create_table(
        "lines",
        sa.Column("id", _ID, nullable=False),
        sa.Column("lanes", sa.Text(), nullable=False),
        sa.Column("head", sa.Integer()),
        sa.Column("blocked_by", sa.Text()),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lines"),
        sa.UniqueConstraint("lanes", name="uq_lines_lanes"),
    )
    _index("ix_lines_open", "lines", ["head", "served"], "blocked_by IS NULL AND head IS NOT NULL")
    _index("ix_lines_parked", "lines", ["blocked_by", "head", "served"], "blocked_by IS NOT NULL")
    _index("ix_lines_served", "lines", ["served"])
    op.create_table(
        "jobs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("key", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    _index("ix_jobs_ready", "jobs", ["line", "priority", "id"], "state = 'ready'")
    _index("ix_jobs_due", "jobs", ["run_at"], "state = 'waiting' AND owner IS NULL")
    _index("ix_jobs_owner", "jobs", ["owner"], "owner IS NOT NULL")
    _index("ix_jobs_subject_state", "jobs", ["subject", "state"], "subject IS NOT NULL")
    _index("ix_jobs_finished_at", "jobs", ["finished_at"], "finished_at IS NOT NULL")
    _index("uq_jobs_key", "jobs", ["key"], "key IS NOT NULL AND finished_at IS NULL", unique=True)
    op.create_table(
        "workers",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.BigInteger(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_workers"),
    )
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("passing", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    _index("ix_events_passing_at", "events", ["passing", "at"])


def downgrade() -> None:
    """Drop them."""
    for table in ("events", "workers", "jobs", "lines", "lane_loads", "lanes"):
        op.drop_table(table)
