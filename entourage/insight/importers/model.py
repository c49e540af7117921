"""What importers speak of: formats, steps through a file, and what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from entourage.networks.facts import Fact


class Format(StrEnum):
    """What an input turned out to be; the text is what people read."""

    FACTS = "facts"
    INSTAGRAM_EXPORT = "Instagram export"
    INSTALOADER = "instaloader"
    GALLERY_DL = "gallery-dl"
    MIXTURE = "mixture"


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that was left out: where it stands ("line 17", "posts_1.json, entry 3"), and why, for people."""

    where: str
    why: str


class Place(NamedTuple):
    """Where to go on within a member: so many bytes in (0 where a format cannot), after so many lines or entries."""

    offset: int = 0
    entries: int = 0


START = Place()


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of one member, read; reading the member from `place` goes on after it.

    `done` is how many of the member's bytes were used up so far.
    """

    facts: Sequence[Fact]
    bad: Sequence[Bad]
    place: Place
    done: int


class Status(StrEnum):
    """Where an import stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it is stored. `size` and `done_bytes` are for a bar; `counts` has what was told and what was new.

    `position` is where the same input goes on. `problems` are the first bad records; `bad` counts all of them.
    """

    id: int
    owner: int
    name: str
    path: str
    format: Format | None
    fingerprint: str
    status: Status
    size: int
    position: Mapping[str, Any]
    done_bytes: int
    counts: Mapping[str, Mapping[str, int]]
    bad: int
    problems: Sequence[str]
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def progress(self) -> float:
        """How far it is, from 0 to 1."""
        if self.status is Status.DONE:
            return 1.0
        return min(1.0, self.done_bytes / self.size) if self.size else 0.0

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status in {Status.DONE, Status.FAILED, Status.CANCELLED}


class Broken(Exception):
    """A member cannot be read any further: cut off, damaged, locked, or a bomb. Its text is for people."""
