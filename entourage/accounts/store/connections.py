"""The table of accounts on networks that users own, and what is asked of it."""

import sqlalchemy as sa

from entourage.kernel.columns import Id, Instant, metadata

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("server", sa.Text, nullable=False),
    sa.Column("native_id", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("owner", "network", "server", "native_id"),
    sqlite_autoincrement=True,
)
"""`session` is sealed (kernel/secrets.py); nobody is ever shown it."""
