"""Tokens of API clients that do not expire: shown once, kept as a hash, revoked by their owner or an administrator."""

import hashlib
import re
import secrets
import threading
from datetime import datetime
from typing import NamedTuple

from entourage.accounts.model import Actor, Holder, Token, name_key
from entourage.accounts.store import credits as store
from entourage.accounts.store import people
from entourage.accounts.tokens import RECHECK, REMEMBERED
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Problem, Unauthenticated

BYTES = 20
LONGEST_LABEL = 100
CREDITS_FIRST = "An administrator has to give you credits first."
_HINT = 6
_TOKEN = re.compile(r"[0-9a-f]{40}")


def add(tx: Tx, actor: Actor, username: str, label: str = "") -> str:
    """A new token (40 hex characters), which is told here and never again.

    By an administrator for anybody; by users for themselves once an administrator gave them credits. Raises NotFound,
    NotAllowed and Invalid.
    """
    if len(label) > LONGEST_LABEL or not (label.isprintable() or not label):
        raise Invalid(Problem("label", f"at most {LONGEST_LABEL} characters, in one line"))
    found = people.login(tx, name_key(username))
    if found is None or not (actor.admin or found[0].id == actor.user_id):
        raise NotFound(f"There is no user called {username}.")
    if found[0].disabled:
        raise Conflict(f"{found[0].username} is disabled, and so would the token be.")
    if not may_add(tx, actor):
        raise NotAllowed(CREDITS_FIRST)
    token = secrets.token_hex(BYTES)
    store.add_token(tx, found[0].id, _hash(token), token[:_HINT], label)
    return token


def may_add(tx: Tx, actor: Actor) -> bool:
    """Whether the actor may make tokens: administrators, and users whom one gave credits."""
    return actor.admin or store.account(tx, actor.user_id) is not None


def listing(tx: Tx, actor: Actor, user_id: int | None = None) -> list[Token]:
    """The tokens of a user, the oldest first: one's own, or anybody's and (without a user) everybody's for an
    administrator.
    """
    if user_id is None and not actor.admin:
        user_id = actor.user_id
    if user_id is not None and not (actor.admin or user_id == actor.user_id):
        raise NotFound("There is no such user.")
    return store.tokens(tx, user_id)


def revoke(tx: Tx, actor: Actor, token_id: int) -> None:
    """Let a token count no more; nothing happens where it was revoked before. Raises NotFound for what is not ours."""
    owner = store.token_owner(tx, token_id)
    if owner is None or not (actor.admin or owner == actor.user_id):
        raise NotFound("There is no such token.")
    store.revoke_token(tx, token_id)


def known(tx: Tx, token: str) -> Holder:
    """Who holds this token; raises Unauthenticated for one that is unknown or revoked, or whose user is disabled."""
    found = store.holder(tx, _hash(token)) if _TOKEN.fullmatch(token) else None
    if found is None:
        raise Unauthenticated("This token does not count.")
    return found


class _Known(NamedTuple):
    holder: Holder
    checked_at: datetime


class Verifier:
    """Says who shows an API token, quickly: what was verified is believed for a few seconds without the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def known(self, token: str, now: datetime) -> Holder | None:
        """Who shows this token, if it was verified a moment ago; never waits."""
        entry = self._known.get(token)
        # A clock that was set back must not lengthen what is believed.
        if entry is not None and entry.checked_at <= now < entry.checked_at + RECHECK:
            return entry.holder
        return None

    async def recognise(self, token: str) -> Holder:
        """Who shows this token; raises Unauthenticated."""
        if not _TOKEN.fullmatch(token):
            raise Unauthenticated("This token does not count.")
        return await self._database.read(self._verify, token)

    def _verify(self, tx: Tx, token: str) -> Holder:
        try:
            holder = known(tx, token)
        except Unauthenticated:
            with self._lock:
                self._known.pop(token, None)
            raise
        with self._lock:
            self._known.pop(token, None)
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[token] = _Known(holder, tx.now)
        return holder


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
