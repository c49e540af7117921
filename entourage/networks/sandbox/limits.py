"""How much the sandbox's API lets somebody ask, when it wants to see a person, and what it can be told to do wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock

WINDOW = 3600.0
"""Seconds in which calls are counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls an account may make in an hour, how many somebody who is not signed in may, and after how many
    calls an account has to show a person (None: never).
    """

    per_hour: int = 20_000
    strangers_per_hour: int = 5_000
    challenge_after: int | None = None


class Fault(StrEnum):
    """What an answer can be instead of what was promised."""

    HTML = "html"
    BROKEN = "broken"
    """JSON that ends in the middle."""
    FAILING = "failing"
    THROTTLED = "throttled"
    LOOPING = "looping"
    """The next page is this one."""
    CHALLENGED = "challenged"


Faults = Callable[[str, int], Fault | None]
"""Decides by the path of a call and how many calls there were before it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands: what is left of the limit, and when it is whole again."""

    limit: int
    left: int
    wait: float
    """Seconds until then."""
    refused: bool
    wanted: bool
    """Whether a person has to come first."""


@dataclass(slots=True)
class _Count:
    began: datetime
    calls: int = 0
    since_seen: int = 0


class Gatekeeper:
    """Counts the calls by who makes them; used from several threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: dict[str, _Count] = {}
        self._lock = Lock()

    def count(self, who: str, now: datetime, *, known: bool) -> Standing:
        """One more call of an account (`known`) or of a stranger."""
        limit = self._limits.per_hour if known else self._limits.strangers_per_hour
        after = self._limits.challenge_after if known else None
        with self._lock:
            count = self._counts.setdefault(who, _Count(now))
            if not 0 <= (now - count.began).total_seconds() < WINDOW:
                count.began, count.calls = now, 0
            wait = WINDOW - (now - count.began).total_seconds()
            if after is not None and count.since_seen >= after:
                return Standing(limit, limit - count.calls, wait, refused=False, wanted=True)
            if count.calls >= limit:
                return Standing(limit, 0, wait, refused=True, wanted=False)
            count.calls += 1
            count.since_seen += 1
            return Standing(limit, limit - count.calls, wait, refused=False, wanted=False)

    def seen(self, who: str) -> None:
        """A person came for this account."""
        with self._lock:
            if who in self._counts:
                self._counts[who].since_seen = 0
