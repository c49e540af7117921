"""The archive's tables: queue, downloads, blobs, tallies, bookmarks, schedules, preferences."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "queue",
        sa.Column("id", _ID, nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text()),
        sa.Column("referer", sa.Text()),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("max_downloads", sa.Integer()),
        sa.Column("days_back", sa.Integer()),
        sa.Column("profile", sa.Text()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("expanded", sa.Boolean(), nullable=False),
        sa.Column("expected", sa.Integer()),
        sa.Column("items_total", sa.Integer(), nullable=False),
        sa.Column("items_done", sa.Integer(), nullable=False),
        sa.Column("items_failed", sa.Integer(), nullable=False),
        sa.Column("items_known", sa.Integer(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("run_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_queue"),
    )
    op.create_index("ix_queue_owner_status", "queue", ["owner", "status"])
    op.create_index("ix_queue_status_id", "queue", ["status", "id"])
    op.create_index("ix_queue_status_priority", "queue", ["status", "priority", "id"])
    op.create_index("ix_queue_url", "queue", ["url"])
    op.create_table(
        "queue_counts",
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "platform", "status", name="pk_queue_counts"),
    )
    op.create_table(
        "downloads",
        sa.Column("id", _ID, nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("media_url", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("path", sa.Text()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("sha256", sa.Text()),
        sa.Column("media_type", sa.Text()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("duration", sa.Float()),
        sa.Column("posted_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("profile", sa.Text()),
        sa.Column("upgraded", sa.Boolean(), nullable=False),
        sa.Column("caption", sa.Text()),
        sa.Column("author", sa.Text()),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.BigInteger()),
        sa.Column("request", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_downloads"),
    )
    op.create_index(
        "ix_downloads_failed",
        "downloads",
        ["id"],
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index("ix_downloads_finished_at", "downloads", ["finished_at"])
    op.create_index("ix_downloads_owner", "downloads", ["owner", "id"])
    op.create_index("ix_downloads_platform", "downloads", ["platform", "id"])
    op.create_index("ix_downloads_platform_source", "downloads", ["platform", "source", "id"])
    op.create_index("ix_downloads_queue_id", "downloads", ["queue_id"])
    op.create_index("ix_downloads_sha256", "downloads", ["sha256"])
    op.create_index("ix_downloads_source", "downloads", ["source", "id"])
    op.create_index("uq_downloads_owner_address_hash", "downloads", ["owner", "address_hash"], unique=True)
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.Column("damaged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    op.create_table(
        "tallies",
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "hour", "platform", "source", "content_type", "status", name="pk_tallies"),
    )
    op.create_table(
        "bookmarks",
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("last_post_at", sa.BigInteger()),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "address_hash", name="pk_bookmarks"),
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text()),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("monitor_days", sa.Integer()),
        sa.Column("until", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_run", sa.BigInteger()),
        sa.Column("last_run", sa.BigInteger()),
        sa.Column("last_status", sa.Text()),
        sa.Column("last_items", sa.Integer()),
        sa.Column("total_runs", sa.Integer(), nullable=False),
        sa.Column("success_count", sa.Integer(), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
    )
    op.create_table(
        "runs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("schedule_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_schedule_id", "runs", ["schedule_id", "id"])
    op.create_table(
        "preferences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_preferences"),
    )
