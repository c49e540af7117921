"""The tables of API tokens and credits, and what is asked of them."""

import sqlalchemy as sa

from entourage.kernel.columns import Id, Instant, metadata

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.UniqueConstraint("token_hash"),
)
"""Tokens that do not expire, by their SHA-256; `hint` is the first characters, so that people can tell them apart."""
sa.Index("ix_api_tokens_user_id", api_tokens.c.user_id)

credit_accounts = sa.Table(
    "credit_accounts",
    metadata,
    sa.Column(
        "user_id",
        sa.BigInteger,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("renews_at", Instant, nullable=False),
)
"""What a user's plan is and how many credits are left until it renews; `since` is the day of the month to renew on."""

credit_ledger = sa.Table(
    "credit_ledger",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("token_id", sa.BigInteger),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sqlite_autoincrement=True,
)
"""Every change of a balance: charges by resource and channel, renewals, top-ups."""
sa.Index("ix_credit_ledger_user_id_id", credit_ledger.c.user_id, credit_ledger.c.id)
