"""Tokens of API clients: short-lived access tokens, and refresh tokens that each work once."""

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt

from entourage.accounts.model import Actor, TokenPair, User
from entourage.accounts.store import people as store
from entourage.kernel.columns import from_ms
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Unauthenticated
from entourage.kernel.secrets import Secrets

ACCESS_SECONDS = 900
REFRESH = timedelta(days=30)
RECHECK = timedelta(seconds=3)
"""How long a token may be believed after it was revoked or its user disabled."""
REMEMBERED = 10_000

_ALGORITHM = "HS256"
_EXPIRED = "Your session has expired; sign in again."
# Times are judged by our own clock, so the library checks signature and presence alone.
_OPTIONS: Any = {
    "require": ["sub", "exp", "iat", "jti", "fam"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class Keys:
    """What tokens are signed with, and how long an access token counts."""

    access: bytes
    refresh: bytes
    access_seconds: int = ACCESS_SECONDS

    @classmethod
    def of(cls, secrets: Secrets, access_seconds: int = ACCESS_SECONDS) -> "Keys":
        """The keys derived from the server's secret."""
        return cls(secrets.derive("access tokens"), secrets.derive("refresh tokens"), access_seconds)


class _Claims(NamedTuple):
    user_id: int
    family: int
    expires_at: datetime


def issue(tx: Tx, keys: Keys, user: User) -> TokenPair:
    """The first pair of tokens for a user who proved who they are."""
    return _pair(tx, keys, store.add_family(tx, user.id, tx.now + REFRESH), user)


async def refresh(database: Database, keys: Keys, token: str) -> TokenPair:
    """The next pair; raises Unauthenticated. A token used before revokes its whole family: one of two is a thief."""
    pair = await database.write(rotate, keys, token)
    if pair is None:
        raise Unauthenticated(_EXPIRED)
    return pair


def rotate(tx: Tx, keys: Keys, token: str) -> TokenPair | None:
    """As `refresh`, but answers None where it refuses, because raising would undo the revocation."""
    claims = _read(token, keys.refresh)
    if claims is None or claims.expires_at <= tx.now:
        return None
    user = store.family_user(tx, claims.family, claims.user_id)
    if user is None or not store.use_refresh_token(tx, _hash(token)):
        store.revoke_family(tx, claims.family)
        return None
    return _pair(tx, keys, claims.family, user)


def log_out(tx: Tx, keys: Keys, token: str) -> None:
    """Revoke the family of an access or refresh token; nothing happens for what is neither."""
    claims = _read(token, keys.access) or _read(token, keys.refresh)
    if claims is not None:
        store.revoke_family(tx, claims.family)


class _Known(NamedTuple):
    actor: Actor
    expires_at: datetime
    checked_at: datetime


class Verifier:
    """Says who shows an access token, quickly: what was verified is believed for a few seconds without the database."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def known(self, token: str, now: datetime | None = None) -> Actor | None:
        """Who shows this token, if it was verified a moment ago; never waits. `now` saves a look at the clock."""
        entry = self._known.get(token)
        if entry is None:
            return None
        now = now or self._database.clock()
        # A clock that was set back must not lengthen what is believed.
        if now < entry.expires_at and entry.checked_at <= now < entry.checked_at + RECHECK:
            return entry.actor
        return None

    async def recognise(self, token: str) -> Actor:
        """Who shows this token; raises Unauthenticated for one that is wrong, expired or revoked."""
        return self.known(token) or await self._database.read(self.verify, token)

    async def recognise_until(self, token: str) -> tuple[Actor, datetime]:
        """As `recognise`, and when the token expires: for connections that outlive a request."""
        actor = await self.recognise(token)
        known = self._known.get(token)
        return actor, self._database.clock() + RECHECK if known is None else known.expires_at

    def verify(self, tx: Tx, token: str) -> Actor:
        """As `recognise`, asking the database."""
        claims = _read(token, self._keys.access)
        if claims is None:
            raise Unauthenticated("This is not a valid access token.")
        if claims.expires_at <= tx.now:
            self._forget(token)
            raise Unauthenticated("The access token has expired.")
        user = store.family_user(tx, claims.family, claims.user_id)
        if user is None:
            self._forget(token)
            raise Unauthenticated("The access token was revoked.")
        with self._lock:
            self._known.pop(token, None)
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[token] = _Known(user.actor, claims.expires_at, tx.now)
        return user.actor

    def forget_all(self) -> None:
        """Believe nothing without the database again."""
        with self._lock:
            self._known.clear()

    def _forget(self, token: str) -> None:
        with self._lock:
            self._known.pop(token, None)


def _pair(tx: Tx, keys: Keys, family: int, user: User) -> TokenPair:
    now = int(tx.now.timestamp())
    claims: dict[str, int | str] = {"fam": family, "iat": now}
    access = _sign(keys.access, user, {**claims, "exp": now + keys.access_seconds, "role": str(user.role)})
    refresh_token = _sign(keys.refresh, user, {**claims, "exp": now + int(REFRESH.total_seconds())})
    store.add_refresh_token(tx, family, _hash(refresh_token), tx.now + REFRESH)
    return TokenPair(access, refresh_token, keys.access_seconds, user)


def _sign(key: bytes, user: User, claims: dict[str, int | str]) -> str:
    named = {"sub": str(user.id), "jti": secrets.token_urlsafe(16), **claims}
    return jwt.encode(named, key, algorithm=_ALGORITHM)


def _read(token: str, key: bytes) -> _Claims | None:
    try:
        claims = jwt.decode(token, key, algorithms=[_ALGORITHM], options=_OPTIONS)
        return _Claims(int(claims["sub"]), int(claims["fam"]), from_ms(int(claims["exp"]) * 1000))
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
