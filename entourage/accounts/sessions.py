"""Signing in: the password check with its lock-out, and the sessions of browsers."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from entourage.accounts import passwords
from entourage.accounts.model import Actor, BrowserSession, PasswordHash, User, name_key
from entourage.accounts.store import people as store
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import LockedOut, Unauthenticated

TRIES = 5
LOCKED = timedelta(minutes=15)
SESSION = timedelta(days=14)
_RENEW = timedelta(hours=1)
"""A session is written again only when this much of its time has passed, so that reading pages costs no writes."""

_WRONG = "Incorrect username or password"
_COOKIE_BYTES = 32


async def log_in(database: Database, username: str, password: str) -> User:
    """Who this is; raises Unauthenticated, or LockedOut after five wrong passwords for one name in a row.

    A name that nobody has answers the same, after the same time.
    """
    name = _hash(name_key(username))
    # The try counts before the password is looked at, so that many at once get no more than five.
    locked_until = await database.write(_count_try, name)
    if locked_until is not None:
        raise LockedOut("Too many wrong passwords for this name; wait a quarter of an hour.", locked_until)
    found = await database.read(store.login, name_key(username))
    stored = None if found is None else found[1]
    if not await passwords.matches(stored, password) or stored is None:
        raise Unauthenticated(_WRONG)
    renewed = await passwords.renewed(stored, password)
    user = await database.write(_admit, name, name_key(username), stored, renewed)
    if user is None:
        raise Unauthenticated(_WRONG)
    return user


async def change_password(database: Database, actor: Actor, old: str, new: str, *, cookie: str = "") -> None:
    """Replace one's own password; ends everything opened with the old one but the browser session of `cookie`.

    Raises as `log_in` for a wrong old password, and Invalid for a new one that is too short.
    """
    replacement = await passwords.hashed(new)
    await log_in(database, actor.username, old)
    await database.write(_replace_password, actor.user_id, replacement, cookie)


def start(tx: Tx, user: User) -> tuple[str, BrowserSession]:
    """Open a session for a user who proved who they are: the value of its cookie, and the session."""
    cookie = secrets.token_urlsafe(_COOKIE_BYTES)
    expires_at = tx.now + SESSION
    store.add_session(tx, _hash(cookie), user.id, expires_at)
    return cookie, BrowserSession(user.actor, csrf_token(cookie), expires_at)


def lookup(tx: Tx, cookie: str) -> BrowserSession | None:
    """The session of this cookie, or None where there is none, it has ended, or the user was disabled."""
    found = store.session(tx, _hash(cookie))
    return None if found is None else BrowserSession(found[0].actor, csrf_token(cookie), found[1])


def extend(tx: Tx, cookie: str) -> BrowserSession | None:
    """As `lookup`, and the session lives its full time again from now on."""
    store.extend_session(tx, _hash(cookie), tx.now + SESSION)
    return lookup(tx, cookie)


async def recognise(database: Database, cookie: str) -> BrowserSession | None:
    """As `lookup`, and extends the session now and then while it is in use."""
    session = await database.read(lookup, cookie)
    if session is not None and session.expires_at < database.clock() + SESSION - _RENEW:
        return await database.write(extend, cookie)
    return session


def close(tx: Tx, cookie: str) -> None:
    """End a session; nothing happens where it has ended."""
    store.end_session(tx, _hash(cookie))


def csrf_token(cookie: str) -> str:
    """What forms must send back; made from the cookie, which it does not give away."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def csrf_matches(cookie: str, given: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(csrf_token(cookie).encode(), given.encode())


def tidy(tx: Tx) -> None:
    """Forget sessions, tokens and wrong passwords that no longer matter; for a daily job."""
    store.forget_sessions(tx)
    store.forget_tokens(tx)
    store.forget_failures(tx, tx.now - LOCKED)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _count_try(tx: Tx, name: str) -> datetime | None:
    """Count a try as a wrong one; until when the name is locked, or None where the password may be looked at."""
    tx.lock(f"login:{name}")
    known = store.failures(tx, name)
    count = 0
    if known is not None:
        count, last_at, locked_until = known
        # A lock further off than any lock lasts is the trace of a clock that was set back.
        if locked_until is not None and tx.now < locked_until <= tx.now + LOCKED:
            return locked_until
        if locked_until is not None or last_at < tx.now - LOCKED:
            count = 0
    count += 1
    store.set_failures(tx, name, count, tx.now + LOCKED if count >= TRIES else None)
    return None


def _admit(tx: Tx, name: str, key: str, checked: PasswordHash, renewed: PasswordHash | None) -> User | None:
    found = store.login(tx, key)
    if found is None or found[1] != checked or found[0].disabled:
        return None
    user = found[0]
    store.clear_failures(tx, name)
    store.set_last_login(tx, user.id)
    if renewed is not None:
        store.set_password(tx, user.id, renewed)
    return store.user(tx, user.id)


def _replace_password(tx: Tx, user_id: int, replacement: PasswordHash, cookie: str) -> None:
    store.set_password(tx, user_id, replacement)
    store.revoke_families(tx, user_id)
    store.end_sessions(tx, user_id, kept=_hash(cookie))
