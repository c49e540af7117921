"""Insight: facts and their history, figures, imports, collecting."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HANDLE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("native_id", sa.Text, nullable=False),
        sa.Column("username", sa.Text),
        sa.Column("handle", _HANDLE),
        sa.Column("name", sa.Text),
        sa.Column("biography", sa.Text),
        sa.Column("picture", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("followers", sa.BigInteger),
        sa.Column("follows", sa.BigInteger),
        sa.Column("posts", sa.BigInteger),
        sa.Column("is_private", sa.Boolean),
        sa.Column("is_verified", sa.Boolean),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("gone_at", sa.BigInteger),
        sa.Column("traits", sa.Integer, nullable=False),
        sa.Column("score", sa.Float),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_channels_followers", "channels", ["followers"])
    op.create_index("ix_channels_handle_network", "channels", ["handle", "network", "traits", "gone_at"])
    op.create_index("ix_channels_id_traits", "channels", ["id", "traits"])
    op.create_index("uq_channels_native_id_network", "channels", ["native_id", "network"], unique=True)
    op.create_index("uq_channels_uuid", "channels", ["uuid"], unique=True)


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("channel_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("followers", sa.BigInteger),
        sa.Column("follows", sa.BigInteger),
        sa.Column("posts", sa.BigInteger),
        sa.PrimaryKeyConstraint("channel_id", "seen_at", name="pk_snapshots"),
        sqlite_with_rowid=False,
    )


def _posts() -> None:
    op.create_table(
        "posts",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("native_id", sa.Text, nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("caption", sa.Text),
        sa.Column("posted_at", sa.BigInteger),
        sa.Column("likes", sa.BigInteger),
        sa.Column("comments", sa.BigInteger),
        sa.Column("media", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("mentions", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("counted_at", sa.BigInteger),
        sa.Column("gone_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_posts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_posts_author_id_posted_at", "posts", ["author_id", "posted_at"])
    op.create_index("uq_posts_native_id_network", "posts", ["native_id", "network"], unique=True)


def _comments() -> None:
    op.create_table(
        "comments",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("native_id", sa.Text, nullable=False),
        sa.Column("post_id", sa.BigInteger, nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("posted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_comments_author_id", "comments", ["author_id"])
    op.create_index("ix_comments_post_id_author_id", "comments", ["post_id", "author_id"])
    op.create_index("uq_comments_native_id_network", "comments", ["native_id", "network"], unique=True)


def _likes() -> None:
    op.create_table(
        "likes",
        sa.Column("post_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("post_id", "channel_id", name="pk_likes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_likes_channel_id", "likes", ["channel_id"])


def _follows() -> None:
    op.create_table(
        "follows",
        sa.Column("followed_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("follower_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("noted_at", sa.BigInteger, nullable=False),
        sa.Column("noted_before", sa.BigInteger),
        sa.PrimaryKeyConstraint("followed_id", "follower_id", name="pk_follows", postgresql_include=["until"]),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_follows_followed_id_noted_at", "follows", ["followed_id", "noted_at"])
    op.create_index("ix_follows_follower_id_followed_id", "follows", ["follower_id", "followed_id"])


def _mentions() -> None:
    op.create_table(
        "mentions",
        sa.Column("handle", _HANDLE, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("author_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("posts", sa.Integer, nullable=False),
        sa.Column("last_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("handle", "network", "author_id", name="pk_mentions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mentions_author_id_handle", "mentions", ["author_id", "handle"])
    op.create_index("ix_mentions_handle_network_posts", "mentions", ["handle", "network", "posts", "author_id"])


def _knowledge() -> None:
    op.create_table(
        "knowledge",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge"),
    )


def _samples() -> None:
    op.create_table(
        "samples",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("population", sa.BigInteger),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_samples"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_samples_channel_id_what", "samples", ["channel_id", "what", "taken_at"])


def _figures() -> None:
    op.create_table(
        "figures",
        sa.Column("channel_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("counted_at", sa.BigInteger, nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("followers", sa.Text, nullable=False),
        sa.Column("engaged", sa.Text, nullable=False),
        sa.Column("top", sa.Text, nullable=False),
        sa.Column("categories", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("channel_id", name="pk_figures"),
    )


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("owner", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("format", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("done_bytes", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("bad", sa.BigInteger, nullable=False),
        sa.Column("problems", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_imports_fingerprint", "imports", ["fingerprint"])
    op.create_index("ix_imports_owner_id", "imports", ["owner", "id"])


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("owner", sa.BigInteger, nullable=False),
        sa.Column("connection_id", sa.BigInteger),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("channel_id", sa.BigInteger),
        sa.Column("every_hours", sa.Integer, nullable=False),
        sa.Column("depth", sa.Text, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_plans_channel_id", "plans", ["channel_id"])
    op.create_index("ix_plans_owner", "plans", ["owner"])


def _collections() -> None:
    op.create_table(
        "collections",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("plan_id", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("todo", sa.Text, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collections_plan_id_started_at", "collections", ["plan_id", "started_at"])


def upgrade() -> None:
    """Make the tables of insight."""
    _channels()
    _snapshots()
    _posts()
    _comments()
    _likes()
    _follows()
    _mentions()
    _knowledge()
    _samples()
    _figures()
    _imports()
    _plans()
    _collections()
