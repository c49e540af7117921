"""Answers that are given again while nothing in the database changes."""

from typing import Generic, Protocol, TypeVar

from entourage.kernel.db import Database


class Answer(Protocol):
    """What is kept: it has a size."""

    body: bytes


R = TypeVar("R", bound=Answer)


class Kept(Generic[R]):
    """Answers that are given again until anything in the database changes; needs a database that tells cheaply.

    An answer is marked with the state of the data from before it was made, so one that a change overtook is never used.
    """

    MOST = 2_000
    LARGEST = 200_000

    def __init__(self, database: Database) -> None:
        """Remember nothing yet."""
        self._database = database
        self._mark: int | None = None
        self._replies: dict[object, R] = {}

    def mark(self) -> int | None:
        """The state of the data now."""
        return self._database.fingerprint()

    def get(self, key: object, mark: int | None) -> R | None:
        """The answer to the same question, made from the same data."""
        if mark is None or mark != self._mark:
            return None
        return self._replies.get(key)

    def put(self, key: object, mark: int, reply: R) -> None:
        """Keep an answer made from data that was in the state `mark` or later."""
        if mark != self._mark:
            self._replies.clear()
            self._mark = mark
        if len(reply.body) <= self.LARGEST:
            if len(self._replies) >= self.MOST:
                del self._replies[next(iter(self._replies))]
            self._replies[key] = reply
