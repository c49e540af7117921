"""Who may use this server: users, their roles, and the proofs they carry."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from entourage.kernel.errors import Invalid, NotAllowed, Problem

PasswordHash = NewType("PasswordHash", str)
"""What is stored of a password; only `passwords` makes one."""

_USERNAME = re.compile(r"\w[\w.@+-]{0,63}\Z")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}\Z")


class Role(StrEnum):
    """What a user may do: everything, or everything with what is theirs."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True)
class User:
    """An account on this server."""

    id: int
    username: str
    email: str | None
    role: Role
    created_at: datetime
    last_login: datetime | None
    disabled: bool

    @property
    def actor(self) -> "Actor":
        """The user as the one who acts."""
        return Actor(self.id, self.username, self.role)


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf a verb runs."""

    user_id: int
    username: str
    role: Role

    @property
    def admin(self) -> bool:
        """Whether everything on this server is theirs to see and change."""
        return self.role is Role.ADMIN

    def needs_admin(self) -> None:
        """Returns if the actor is an administrator, else raises NotAllowed."""
        if not self.admin:
            raise NotAllowed("Only an administrator may do this.")


OPERATOR = Actor(0, "operator", Role.ADMIN)
"""Whoever runs commands on the machine itself."""


@dataclass(frozen=True, slots=True)
class Holder(Actor):
    """Who shows an API token: the user, and which token."""

    token_id: int
    plan: str | None
    """What they may ask for; None for who has no account of credits yet."""


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as its owner sees it: never the token itself."""

    id: int
    username: str
    hint: str
    """Its first characters."""
    label: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """A user's credits."""

    user_id: int
    plan: str
    balance: int
    since: datetime
    """Whose day and time of the month the account renews at."""
    renews_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: by how much a balance changed, what it was then, and why."""

    id: int
    at: datetime
    token_id: int | None
    change: int
    balance: int
    why: str
    subject: str | None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets for its password: `access` to show with each request, `refresh` to get the next pair."""

    access: str
    refresh: str
    expires_in: int
    """Seconds until `access` expires."""
    user: User


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser that is signed in."""

    actor: Actor
    csrf: str
    """What every form of this session must send back."""
    expires_at: datetime


class ConnectionState(StrEnum):
    """Whether an account on a network can be used."""

    OK = "ok"
    WANTS_YOU = "wants_you"
    """The network wants a person: something must be confirmed there before it lets us go on."""
    SIGNED_OUT = "signed_out"
    """What proved who we are does not count any more; its owner has to sign in again."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An account on a network that a user lets this server use. What proves it is never part of this."""

    id: int
    owner: int
    network: str
    server: str
    native_id: str
    username: str
    state: ConnectionState
    reason: str | None
    """Why it cannot be used, in words for its owner."""
    created_at: datetime

    @property
    def lane(self) -> str:
        """The lane of everything that is done with this account."""
        return f"account/{self.id}"


def name_key(username: str) -> str:
    """What makes two user names the same: compatibility forms and case do not tell them apart."""
    return unicodedata.normalize("NFKC", username.strip()).casefold()


def checked_name(username: str) -> str:
    """The user name in its stored form; raises Invalid."""
    name = unicodedata.normalize("NFKC", username.strip())
    if not _USERNAME.match(name):
        raise Invalid(
            Problem("username", "1 to 64 letters, digits or any of . _ @ + -, beginning with a letter or digit")
        )
    return name


def checked_email(email: str | None) -> str | None:
    """The address in its stored form, None for none; raises Invalid."""
    if email is None or not email.strip():
        return None
    if not _EMAIL.match(email.strip()):
        raise Invalid(Problem("email", "this is not an e-mail address"))
    return email.strip()
