"""What a job's handler may answer, and what each error it raises means."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from entourage.kernel.db import Tx

Record = Callable[[Tx], None]
"""Writes down a result in the transaction that ends the job; it may be run again if that transaction was undone."""


@dataclass(frozen=True, slots=True)
class Done:
    """The job is done. `record` runs in the transaction that says so, and only while the job is still ours."""

    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Another try after so many seconds (None: exponential with jitter); fails when the attempts are used up.

    `hold` names a lane in which nothing else shall start before then either.
    """

    after: float | None = None
    reason: str = ""
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed for good."""

    reason: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Postpone:
    """Not now: start again after so many seconds; this was no attempt."""

    after: float
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The network wants a person: open the breaker of `lane` (until then, or until a person closes it) and wait there.

    This was no attempt: the job starts again when the lane works again.
    """

    lane: str
    reason: str
    until: datetime | None = None


Outcome = Done | Again | Failed | Postpone | Broken
