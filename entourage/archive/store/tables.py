"""The tables of the archive."""

import sqlalchemy as sa

from entourage.archive.model import DownloadStatus, ItemStatus, Profile
from entourage.kernel.columns import Choice, Id, Instant, Json, metadata
from entourage.networks.model import MediaKind

queue = sa.Table(
    "queue",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.BigInteger, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text),
    sa.Column("referer", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("status", Choice(ItemStatus), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("max_downloads", sa.Integer),
    sa.Column("days_back", sa.Integer),
    sa.Column("profile", Choice(Profile)),
    sa.Column("note", Json, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("expanded", sa.Boolean, nullable=False),
    sa.Column("expected", sa.Integer),
    sa.Column("items_total", sa.Integer, nullable=False),
    sa.Column("items_done", sa.Integer, nullable=False),
    sa.Column("items_failed", sa.Integer, nullable=False),
    sa.Column("items_known", sa.Integer, nullable=False),
    sa.Column("bytes_done", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("error", sa.Text),
    sa.Column("run_id", sa.BigInteger),
)
sa.Index("ix_queue_status_priority", queue.c.status, queue.c.priority, queue.c.id)
sa.Index("ix_queue_status_id", queue.c.status, queue.c.id)
sa.Index("ix_queue_owner_status", queue.c.owner, queue.c.status)
sa.Index("ix_queue_url", queue.c.url)

queue_counts = sa.Table(
    "queue_counts",
    metadata,
    sa.Column("owner", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("status", Choice(ItemStatus), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)
"""How many queue items stand where, kept in step with every change so that a million rows need not be counted."""

downloads = sa.Table(
    "downloads",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.BigInteger, nullable=False),
    sa.Column("address_hash", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("media_url", sa.Text, nullable=False),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("kind", Choice(MediaKind), nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("path", sa.Text),
    sa.Column("size", sa.BigInteger),
    sa.Column("sha256", sa.Text),
    sa.Column("media_type", sa.Text),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("duration", sa.Float),
    sa.Column("posted_at", Instant),
    sa.Column("finished_at", Instant, nullable=False),
    sa.Column("status", Choice(DownloadStatus), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("profile", Choice(Profile)),
    sa.Column("upgraded", sa.Boolean, nullable=False),
    sa.Column("caption", sa.Text),
    sa.Column("author", sa.Text),
    sa.Column("facts", Json, nullable=False),
    sa.Column("queue_id", sa.BigInteger),
    sa.Column("request", Json, nullable=False),
)
"""`request` is the medium as its network described it: enough to fetch it again."""
sa.Index("uq_downloads_owner_address_hash", downloads.c.owner, downloads.c.address_hash, unique=True)
sa.Index("ix_downloads_platform", downloads.c.platform, downloads.c.id)
sa.Index("ix_downloads_platform_source", downloads.c.platform, downloads.c.source, downloads.c.id)
sa.Index("ix_downloads_source", downloads.c.source, downloads.c.id)
sa.Index("ix_downloads_owner", downloads.c.owner, downloads.c.id)
sa.Index("ix_downloads_sha256", downloads.c.sha256)
sa.Index("ix_downloads_finished_at", downloads.c.finished_at)
sa.Index("ix_downloads_queue_id", downloads.c.queue_id)
sa.Index(
    "ix_downloads_failed",
    downloads.c.id,
    sqlite_where=downloads.c.status == "failed",
    postgresql_where=downloads.c.status == "failed",
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("kept_at", Instant, nullable=False),
    sa.Column("verified_at", Instant, nullable=False),
    sa.Column("damaged", sa.Boolean, nullable=False),
)
"""The files themselves, each content once; downloads refer to them by their hash."""

tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("owner", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hour", Instant, primary_key=True),
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("content_type", sa.Text, primary_key=True),
    sa.Column("status", Choice(DownloadStatus), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
)
"""Downloads counted by the hour they ended in; the hour 1970-01-01T00 holds the sums over all hours."""

bookmarks = sa.Table(
    "bookmarks",
    metadata,
    sa.Column("owner", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("address_hash", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Text, nullable=False),
    sa.Column("last_post_at", Instant),
    sa.Column("changed_at", Instant, nullable=False),
)
"""How far each address has been read, so that the next run goes on from there."""

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("cron", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("config", Json, nullable=False),
    sa.Column("monitor_days", sa.Integer),
    sa.Column("until", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("next_run", Instant),
    sa.Column("last_run", Instant),
    sa.Column("last_status", sa.Text),
    sa.Column("last_items", sa.Integer),
    sa.Column("total_runs", sa.Integer, nullable=False),
    sa.Column("success_count", sa.Integer, nullable=False),
    sa.Column("failure_count", sa.Integer, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("schedule_id", sa.Text, nullable=False),
    sa.Column("owner", sa.BigInteger, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
)
sa.Index("ix_runs_schedule_id", runs.c.schedule_id, runs.c.id)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
"""What administrators changed from the defaults; secrets are sealed."""
