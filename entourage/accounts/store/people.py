"""The tables of people who use this server, and what is asked of them."""

from datetime import datetime

import sqlalchemy as sa

from entourage.accounts.model import PasswordHash, Role, User
from entourage.kernel.columns import Choice, Id, Instant, metadata, upsert
from entourage.kernel.db import Row, Tx

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("name_key", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("role", Choice(Role), nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_login", Instant),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.UniqueConstraint("name_key"),
)

login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("name_hash", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.Column("locked_until", Instant),
)
"""Wrong passwords by name, known or not. Hashed, because people type passwords into the wrong field."""
sa.Index("ix_login_failures_last_at", login_failures.c.last_at)

token_families = sa.Table(
    "token_families",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)
"""One log-in of a client, and every token that came from it."""
sa.Index("ix_token_families_user_id", token_families.c.user_id)
sa.Index("ix_token_families_expires_at", token_families.c.expires_at)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("family_id", sa.BigInteger, sa.ForeignKey("token_families.id", ondelete="CASCADE"), nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)
sa.Index("ix_refresh_tokens_family_id", refresh_tokens.c.family_id)

browser_sessions = sa.Table(
    "browser_sessions",
    metadata,
    sa.Column("id_hash", sa.Text, primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)
sa.Index("ix_browser_sessions_user_id", browser_sessions.c.user_id)
sa.Index("ix_browser_sessions_expires_at", browser_sessions.c.expires_at)

_bind = sa.bindparam
_user_columns = (
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.role,
    users.c.created_at,
    users.c.last_login,
    users.c.disabled,
)


def _user(row: Row) -> User:
    return User(*row[:7])


# Users

_USER = sa.select(*_user_columns).where(users.c.id == _bind("user_id"))
_LOGIN = sa.select(*_user_columns, users.c.password_hash).where(users.c.name_key == _bind("key"))
_EVERYONE = sa.select(*_user_columns).order_by(users.c.id)
_ANYONE = sa.select(users.c.id).limit(1)
_OTHER_ADMIN = (
    sa.select(users.c.id)
    .where(users.c.role == Role.ADMIN, users.c.disabled.is_(sa.false()), users.c.id != _bind("user_id"))
    .limit(1)
)
_ADD_USER = (
    sa.insert(users)
    .values(
        username=_bind("username"),
        name_key=_bind("key"),
        email=_bind("email"),
        role=_bind("role"),
        password_hash=_bind("password_hash"),
        created_at=_bind("created_at"),
        disabled=False,
    )
    .returning(users.c.id)
)
_SET_PASSWORD = sa.update(users).where(users.c.id == _bind("user_id")).values(password_hash=_bind("new"))
_SET_EMAIL = sa.update(users).where(users.c.id == _bind("user_id")).values(email=_bind("new"))
_SET_ROLE = sa.update(users).where(users.c.id == _bind("user_id")).values(role=_bind("new"))
_SET_DISABLED = sa.update(users).where(users.c.id == _bind("user_id")).values(disabled=_bind("new"))
_SET_LAST_LOGIN = sa.update(users).where(users.c.id == _bind("user_id")).values(last_login=_bind("new"))


def user(tx: Tx, user_id: int) -> User | None:
    """The user with this number."""
    row = tx.one(_USER, user_id=user_id)
    return None if row is None else _user(row)


def login(tx: Tx, key: str) -> tuple[User, PasswordHash] | None:
    """The user whose name has this key, with what is stored of the password."""
    row = tx.one(_LOGIN, key=key)
    return None if row is None else (_user(row), PasswordHash(row[7]))


def everyone(tx: Tx) -> list[User]:
    """All users, the oldest first."""
    return [_user(row) for row in tx.all(_EVERYONE)]


def anyone(tx: Tx) -> bool:
    """Whether there is a user at all."""
    return tx.one(_ANYONE) is not None


def another_administrator(tx: Tx, user_id: int) -> bool:
    """Whether an administrator who may sign in remains without this user."""
    return tx.one(_OTHER_ADMIN, user_id=user_id) is not None


def add_user(tx: Tx, *, username: str, key: str, email: str | None, role: Role, password: PasswordHash) -> int:
    """Add a user; the new number. Raises Conflict where the name is taken."""
    return tx.value(
        _ADD_USER, username=username, key=key, email=email, role=role, password_hash=password, created_at=tx.now
    )


def set_password(tx: Tx, user_id: int, password: PasswordHash) -> None:
    """Replace what is stored of the password."""
    tx.run(_SET_PASSWORD, user_id=user_id, new=password)


def set_email(tx: Tx, user_id: int, email: str | None) -> None:
    """Replace the e-mail address."""
    tx.run(_SET_EMAIL, user_id=user_id, new=email)


def set_role(tx: Tx, user_id: int, role: Role) -> None:
    """Replace the role."""
    tx.run(_SET_ROLE, user_id=user_id, new=role)


def set_disabled(tx: Tx, user_id: int, *, disabled: bool) -> None:
    """Shut a user out, or let them in again."""
    tx.run(_SET_DISABLED, user_id=user_id, new=disabled)


def set_last_login(tx: Tx, user_id: int) -> None:
    """Note that the user signed in now."""
    tx.run(_SET_LAST_LOGIN, user_id=user_id, new=tx.now)


# Wrong passwords

_FAILURES = sa.select(login_failures.c.failures, login_failures.c.last_at, login_failures.c.locked_until).where(
    login_failures.c.name_hash == _bind("name")
)
_insert_failures = upsert(login_failures).values(
    name_hash=_bind("name"), failures=_bind("count"), last_at=_bind("moment"), locked_until=_bind("until")
)
_SET_FAILURES = _insert_failures.on_conflict_do_update(
    index_elements=["name_hash"],
    set_={
        "failures": _insert_failures.excluded.failures,
        "last_at": _insert_failures.excluded.last_at,
        "locked_until": _insert_failures.excluded.locked_until,
    },
)
_CLEAR_FAILURES = sa.delete(login_failures).where(login_failures.c.name_hash == _bind("name"))
_FORGET_FAILURES = sa.delete(login_failures).where(login_failures.c.last_at < _bind("before"))


def failures(tx: Tx, name: str) -> tuple[int, datetime, datetime | None] | None:
    """How many wrong passwords this name had, when the last came, and until when the name is locked."""
    row = tx.one(_FAILURES, name=name)
    return None if row is None else (row[0], row[1], row[2])


def set_failures(tx: Tx, name: str, count: int, until: datetime | None) -> None:
    """Replace what is known of the wrong passwords of a name."""
    tx.run(_SET_FAILURES, name=name, count=count, moment=tx.now, until=until)


def clear_failures(tx: Tx, name: str) -> None:
    """Forget the wrong passwords of a name."""
    tx.run(_CLEAR_FAILURES, name=name)


def forget_failures(tx: Tx, before: datetime) -> None:
    """Forget all wrong passwords from before then."""
    tx.run(_FORGET_FAILURES, before=before)


# Tokens

_ADD_FAMILY = (
    sa.insert(token_families)
    .values(user_id=_bind("user_id"), created_at=_bind("created_at"), expires_at=_bind("expires_at"))
    .returning(token_families.c.id)
)
_ADD_REFRESH = sa.insert(refresh_tokens).values(
    token_hash=_bind("token_hash"), family_id=_bind("family_id"), expires_at=_bind("expires_at")
)
_USE_REFRESH = (
    sa.update(refresh_tokens)
    .where(
        refresh_tokens.c.token_hash == _bind("token"),
        refresh_tokens.c.used_at.is_(None),
        refresh_tokens.c.expires_at > _bind("moment"),
    )
    .values(used_at=_bind("moment"))
)
_EXTEND_FAMILY = sa.update(token_families).where(token_families.c.id == _bind("family")).values(expires_at=_bind("new"))
_FAMILY = (
    sa.select(*_user_columns)
    .select_from(token_families.join(users, users.c.id == token_families.c.user_id))
    .where(
        token_families.c.id == _bind("family"),
        token_families.c.user_id == _bind("user_id"),
        token_families.c.revoked_at.is_(None),
        users.c.disabled.is_(sa.false()),
    )
)
_REVOKE_FAMILY = (
    sa.update(token_families)
    .where(token_families.c.id == _bind("family"), token_families.c.revoked_at.is_(None))
    .values(revoked_at=_bind("moment"))
)
_REVOKE_ALL = (
    sa.update(token_families)
    .where(token_families.c.user_id == _bind("owner"), token_families.c.revoked_at.is_(None))
    .values(revoked_at=_bind("moment"))
)
_FORGET_FAMILIES = sa.delete(token_families).where(token_families.c.expires_at < _bind("before"))
_FORGET_REFRESH = sa.delete(refresh_tokens).where(refresh_tokens.c.expires_at < _bind("before"))


def add_family(tx: Tx, user_id: int, expires_at: datetime) -> int:
    """Begin a family of tokens; its number."""
    return tx.value(_ADD_FAMILY, user_id=user_id, created_at=tx.now, expires_at=expires_at)


def add_refresh_token(tx: Tx, family: int, token_hash: str, expires_at: datetime) -> None:
    """Add a token to its family, which then lives as long."""
    tx.run(_ADD_REFRESH, token_hash=token_hash, family_id=family, expires_at=expires_at)
    tx.run(_EXTEND_FAMILY, family=family, new=expires_at)


def use_refresh_token(tx: Tx, token_hash: str) -> bool:
    """Mark a token as used; False where it was used before, has expired or never was. Only one caller gets True."""
    return tx.run(_USE_REFRESH, token=token_hash, moment=tx.now) == 1


def family_user(tx: Tx, family: int, user_id: int) -> User | None:
    """Whose tokens these are, or None where the family was revoked or the user is disabled."""
    row = tx.one(_FAMILY, family=family, user_id=user_id)
    return None if row is None else _user(row)


def revoke_family(tx: Tx, family: int) -> None:
    """Let no token of this family count any more."""
    tx.run(_REVOKE_FAMILY, family=family, moment=tx.now)


def revoke_families(tx: Tx, user_id: int) -> None:
    """Let no token of this user count any more."""
    tx.run(_REVOKE_ALL, owner=user_id, moment=tx.now)


def forget_tokens(tx: Tx) -> None:
    """Forget the tokens that have expired."""
    tx.run(_FORGET_REFRESH, before=tx.now)
    tx.run(_FORGET_FAMILIES, before=tx.now)


# Browser sessions

_ADD_SESSION = sa.insert(browser_sessions).values(
    id_hash=_bind("id_hash"),
    user_id=_bind("user_id"),
    created_at=_bind("created_at"),
    expires_at=_bind("expires_at"),
)
_SESSION = (
    sa.select(*_user_columns, browser_sessions.c.expires_at)
    .select_from(browser_sessions.join(users, users.c.id == browser_sessions.c.user_id))
    .where(
        browser_sessions.c.id_hash == _bind("session"),
        browser_sessions.c.expires_at > _bind("moment"),
        users.c.disabled.is_(sa.false()),
    )
)
_EXTEND_SESSION = (
    sa.update(browser_sessions)
    .where(browser_sessions.c.id_hash == _bind("session"), browser_sessions.c.expires_at > _bind("moment"))
    .values(expires_at=_bind("new"))
)
_END_SESSION = sa.delete(browser_sessions).where(browser_sessions.c.id_hash == _bind("session"))
_END_SESSIONS = sa.delete(browser_sessions).where(
    browser_sessions.c.user_id == _bind("owner"), browser_sessions.c.id_hash != _bind("kept")
)
_FORGET_SESSIONS = sa.delete(browser_sessions).where(browser_sessions.c.expires_at < _bind("before"))


def add_session(tx: Tx, id_hash: str, user_id: int, expires_at: datetime) -> None:
    """Add a browser session."""
    tx.run(_ADD_SESSION, id_hash=id_hash, user_id=user_id, created_at=tx.now, expires_at=expires_at)


def session(tx: Tx, id_hash: str) -> tuple[User, datetime] | None:
    """Whose session this is and until when, or None where it has ended or the user is disabled."""
    row = tx.one(_SESSION, session=id_hash, moment=tx.now)
    return None if row is None else (_user(row), row[7])


def extend_session(tx: Tx, id_hash: str, expires_at: datetime) -> None:
    """Let a session live longer, unless it has ended."""
    tx.run(_EXTEND_SESSION, session=id_hash, moment=tx.now, new=expires_at)


def end_session(tx: Tx, id_hash: str) -> None:
    """End one session."""
    tx.run(_END_SESSION, session=id_hash)


def end_sessions(tx: Tx, user_id: int, kept: str = "") -> None:
    """End all sessions of a user, besides the one that is kept."""
    tx.run(_END_SESSIONS, owner=user_id, kept=kept)


def forget_sessions(tx: Tx) -> None:
    """Forget the sessions that have expired."""
    tx.run(_FORGET_SESSIONS, before=tx.now)
