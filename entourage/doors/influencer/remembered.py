"""Answers that are given again, and paid again, until facts are learned: clients ask for the same figures often."""

import time
from typing import Final, NamedTuple

from entourage.doors.door import Visit
from entourage.insight import recording
from entourage.kernel.db import Database, Tx

MOST: Final = 4_000
LARGEST: Final = 100_000
"""Bytes of an answer that is remembered: at most 400 MB would be, in practice a hundredth of it."""
LASTING: Final = 60.0
"""Seconds after which an answer is made anew all the same: days begin, and people are judged anew."""


class Answer(NamedTuple):
    """What was answered, and what it was sold as."""

    body: bytes
    resource: str
    subject: str
    until: float
    """By the clock of time.monotonic."""


class Remembered:
    """What was answered, by question. An answer made from what is known no longer is never used.

    Facts that this server learned count at once, those of other processes within half a second.
    """

    def __init__(self, database: Database) -> None:
        """Remember nothing yet."""
        self._answers: dict[object, Answer] = {}
        self._version = -1
        self._news = object()
        """Another one with each ring of the bell, which may come from any thread."""
        self._taken_in: object = None
        """The news that `_version` was read after."""
        database.listen(recording.BELL, self._heard)

    def _heard(self) -> None:
        self._news = object()

    async def version(self, visit: Visit) -> int:
        """The version of what is known, by which `get` and `put` go."""
        news = self._news
        if news is not self._taken_in:
            found = await visit.glance(_version)
            if found > self._version:  # else somebody else looked in between
                self._answers.clear()
                self._version = found
            self._taken_in = news
        return self._version

    def get(self, question: object) -> Answer | None:
        """The answer, if it is remembered and still holds; None while it is not known whether it does."""
        found = self._answers.get(question)
        holds = found is not None and self._news is self._taken_in and found.until > time.monotonic()
        return found if holds else None

    def put(self, question: object, version: int, resource: str, subject: str, body: bytes) -> None:
        """Remember an answer that was made from this version, or a later one."""
        if version != self._version or len(body) > LARGEST:
            return
        if len(self._answers) >= MOST:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = Answer(body, resource, subject, time.monotonic() + LASTING)


def _version(tx: Tx, _: object) -> int:
    return recording.version(tx)
