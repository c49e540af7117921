"""The tables of API tokens and credits, and what is asked of them."""

from collections.abc import Iterable

import sqlalchemy as sa

from entourage.accounts.model import Account, Entry, Holder, Token
from entourage.accounts.store.people import users
from entourage.kernel.columns import Id, Instant, metadata, to_ms, upsert
from entourage.kernel.db import Row, Tx
from entourage.kernel.paging import Page

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

_bind = sa.bindparam

# Tokens

_ADD_TOKEN = (
    sa.insert(api_tokens)
    .values(
        user_id=_bind("user_id"),
        token_hash=_bind("token_hash"),
        hint=_bind("hint"),
        label=_bind("label"),
        created_at=_bind("created_at"),
    )
    .returning(api_tokens.c.id)
)
_HOLDER = (
    sa.select(users.c.id, users.c.username, users.c.role, api_tokens.c.id, credit_accounts.c.plan)
    .select_from(
        api_tokens.join(users, users.c.id == api_tokens.c.user_id).outerjoin(
            credit_accounts, credit_accounts.c.user_id == api_tokens.c.user_id
        )
    )
    .where(
        api_tokens.c.token_hash == _bind("token"),
        api_tokens.c.revoked_at.is_(None),
        users.c.disabled.is_(sa.false()),
    )
)
_token_columns = (
    api_tokens.c.id,
    users.c.username,
    api_tokens.c.hint,
    api_tokens.c.label,
    api_tokens.c.created_at,
    api_tokens.c.revoked_at,
)
_TOKENS = sa.select(*_token_columns).join(users, users.c.id == api_tokens.c.user_id).order_by(api_tokens.c.id)
_TOKENS_OF = _TOKENS.where(api_tokens.c.user_id == _bind("owner"))
_TOKEN_OWNER = sa.select(api_tokens.c.user_id).where(api_tokens.c.id == _bind("token_id"))
_REVOKE_TOKEN = (
    sa.update(api_tokens)
    .where(api_tokens.c.id == _bind("token_id"), api_tokens.c.revoked_at.is_(None))
    .values(revoked_at=_bind("moment"))
)


def add_token(tx: Tx, user_id: int, token_hash: str, hint: str, label: str) -> int:
    """Add a token; its number."""
    return tx.value(_ADD_TOKEN, user_id=user_id, token_hash=token_hash, hint=hint, label=label, created_at=tx.now)


def holder(tx: Tx, token_hash: str) -> Holder | None:
    """Who holds this token, or None where there is none, it was revoked or its user is disabled."""
    row = tx.one(_HOLDER, token=token_hash)
    return None if row is None else Holder(row[0], row[1], row[2], row[3], row[4])


def tokens(tx: Tx, user_id: int | None = None) -> list[Token]:
    """The tokens of a user, or everybody's; the oldest first."""
    rows = tx.all(_TOKENS) if user_id is None else tx.all(_TOKENS_OF, owner=user_id)
    return [Token(*row) for row in rows]


def token_owner(tx: Tx, token_id: int) -> int | None:
    """Whose token this is."""
    return tx.value(_TOKEN_OWNER, token_id=token_id)


def revoke_token(tx: Tx, token_id: int) -> bool:
    """Let a token count no more; False where it was revoked before."""
    return tx.run(_REVOKE_TOKEN, token_id=token_id, moment=tx.now) == 1


# Accounts

_account_columns = (
    credit_accounts.c.user_id,
    credit_accounts.c.plan,
    credit_accounts.c.balance,
    credit_accounts.c.since,
    credit_accounts.c.renews_at,
)
_ACCOUNT = sa.select(*_account_columns).where(credit_accounts.c.user_id == _bind("owner"))
_LOCKED_ACCOUNT = _ACCOUNT.with_for_update()
_ADD_ACCOUNT = (
    upsert(credit_accounts)
    .values(
        user_id=_bind("user_id"),
        plan=_bind("plan"),
        balance=_bind("balance"),
        since=_bind("since"),
        renews_at=_bind("renews_at"),
    )
    .on_conflict_do_nothing(index_elements=["user_id"])
)
_SET_ACCOUNT = (
    sa.update(credit_accounts)
    .where(credit_accounts.c.user_id == _bind("owner"))
    .values(
        plan=_bind("new_plan"),
        balance=_bind("new_balance"),
        since=_bind("new_since"),
        renews_at=_bind("new_renews_at"),
    )
)
_SPEND = (
    sa.update(credit_accounts)
    .where(
        credit_accounts.c.user_id == _bind("owner"),
        credit_accounts.c.balance >= _bind("price"),
        credit_accounts.c.renews_at > _bind("moment"),
    )
    .values(balance=credit_accounts.c.balance - _bind("price"))
    .returning(credit_accounts.c.balance)
)


def account(tx: Tx, user_id: int) -> Account | None:
    """A user's account as it stands in the table, which may be due for renewal."""
    row = tx.one(_ACCOUNT, owner=user_id)
    return None if row is None else Account(*row)


def locked_account(tx: Tx, user_id: int) -> Account | None:
    """As `account`, and nobody else changes it until this transaction ends."""
    row = tx.one(_LOCKED_ACCOUNT, owner=user_id)
    return None if row is None else Account(*row)


def add_account(tx: Tx, account: Account) -> bool:
    """Open an account; False where the user has one."""
    return (
        tx.run(
            _ADD_ACCOUNT,
            user_id=account.user_id,
            plan=account.plan,
            balance=account.balance,
            since=account.since,
            renews_at=account.renews_at,
        )
        == 1
    )


def set_account(tx: Tx, account: Account) -> None:
    """Replace what is known of an account."""
    tx.run(
        _SET_ACCOUNT,
        owner=account.user_id,
        new_plan=account.plan,
        new_balance=account.balance,
        new_since=account.since,
        new_renews_at=account.renews_at,
    )


def spend(tx: Tx, user_id: int, price: int) -> int | None:
    """Take credits from an account; what is left, or None (nothing taken) where it has too few or must renew first."""
    return tx.value(_SPEND, owner=user_id, price=price, moment=tx.now)


# The ledger

_ADD_ENTRY = sa.insert(credit_ledger).values(
    user_id=_bind("user_id"),
    at=_bind("at", type_=sa.BigInteger),
    token_id=_bind("token_id"),
    change=_bind("change"),
    balance=_bind("balance"),
    why=_bind("why"),
    subject=_bind("subject"),
)
_ENTRIES = (
    sa.select(
        credit_ledger.c.id,
        credit_ledger.c.at,
        credit_ledger.c.token_id,
        credit_ledger.c.change,
        credit_ledger.c.balance,
        credit_ledger.c.why,
        credit_ledger.c.subject,
    )
    .where(credit_ledger.c.user_id == _bind("owner"))
    .order_by(credit_ledger.c.id.desc())
    .limit(_bind("size"))
    .offset(_bind("skipped"))
)
_ENTRY_COUNT = sa.select(sa.func.count()).select_from(credit_ledger).where(credit_ledger.c.user_id == _bind("owner"))


def add_entries(tx: Tx, rows: Iterable[Row]) -> None:
    """Note changes of balances: (user, token or None, change, balance after it, why, subject or None) each."""
    at = to_ms(tx.now)  # once for all: there may be hundreds
    tx.many(
        _ADD_ENTRY,
        [
            {
                "user_id": user_id,
                "at": at,
                "token_id": token_id,
                "change": change,
                "balance": balance,
                "why": why,
                "subject": subject,
            }
            for user_id, token_id, change, balance, why, subject in rows
        ],
    )


def entries(tx: Tx, user_id: int, number: int, size: int) -> Page[Entry]:
    """A page of a user's ledger, the newest first."""
    rows = tx.all(_ENTRIES, owner=user_id, size=size, skipped=(number - 1) * size)
    return Page([Entry(*row) for row in rows], tx.value(_ENTRY_COUNT, owner=user_id), number, size)
