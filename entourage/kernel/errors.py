"""The states of the world that a verb can report; each door puts them into its own words."""

from dataclasses import dataclass
from datetime import datetime

from entourage.kernel.clock import bearable


class EntourageError(Exception):
    """Whatever we report on purpose: its text is fit for a person to read and holds no secret."""


class NotFound(EntourageError):
    """There is no such thing, or the actor may not know of it."""


class Conflict(EntourageError):
    """The thing exists already, or its state does not allow what was asked."""


class NotAllowed(EntourageError):
    """The actor is known but lacks the right."""


class Unauthenticated(EntourageError):
    """The credentials are missing, wrong or expired."""


class LockedOut(EntourageError):
    """Too many wrong tries; credentials are not looked at before `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that cannot be accepted, and why. `field` is the name the caller used, dotted."""

    field: str
    message: str


class Invalid(EntourageError):
    """The input cannot be accepted; nothing was changed."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.problems = problems


class OutOfCredit(EntourageError):
    """The balance does not cover the price."""


class Throttled(EntourageError):
    """The other side asks us to wait: `retry_after` seconds (a day at most) where it said how long."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = None if retry_after is None else bearable(retry_after)


class Challenged(EntourageError):
    """The network wants a person (a log-in, a check-point); nothing more may be sent until one came."""


class Unreachable(EntourageError):
    """The other side could not be reached, failed or stalled; another try may succeed."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = None if retry_after is None else bearable(retry_after)


class Damaged(EntourageError):
    """What came is not what was promised (cut, changed, undecodable); it was thrown away, another try may succeed."""


class Gone(EntourageError):
    """The other side says for good that there is nothing for us (404, 410, private, wrong kind of content).

    `status` is the HTTP status, where it said so in one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Refused(EntourageError):
    """We do not go there, or do not take that: a forbidden network, another scheme, too large, a bomb."""


class StorageFull(EntourageError):
    """No room is left (or the configured limit is reached); nothing was lost, work goes on when there is room."""


class ChildFailed(EntourageError):
    """A child process ended with an error: its exit code and the end of what it printed to standard error."""

    def __init__(self, code: int, stderr: str) -> None:
        super().__init__(stderr.strip().splitlines()[-1] if stderr.strip() else f"exit code {code}")
        self.code = code
        self.stderr = stderr
