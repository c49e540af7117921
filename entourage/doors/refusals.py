"""Why a request is refused before any verb sees it."""

from entourage.kernel.errors import EntourageError


class RateLimited(EntourageError):
    """Too many requests in this hour; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadRequest(EntourageError):
    """The request cannot be read."""


class TooLarge(EntourageError):
    """The body is larger than anything we take."""


class WrongType(EntourageError):
    """The body is of a content type that this call does not read."""
