"""What insight knows: channels and what can be told of a person from a profile. Pure data and rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from entourage.networks.facts import MediaFact


@dataclass(frozen=True, slots=True)
class Person:
    """What a profile says of itself, as far as it is known: the input of every method that judges people."""

    network: str
    username: str
    name: str | None = None
    biography: str | None = None
    picture: str | None = None
    link: str | None = None
    location: str | None = None
    followers: int | None = None
    follows: int | None = None
    posts: int | None = None
    is_private: bool | None = None
    is_verified: bool | None = None


class Gender(IntEnum):
    """What a name tells; the number is what is stored."""

    UNKNOWN = 0
    MALE = 1
    FEMALE = 2
    ORGANISATION = 3


class Age(IntEnum):
    """A band of years; the number is what is stored."""

    UNKNOWN = 0
    TEENS = 1
    EARLY = 2
    LATE = 3
    MIDDLE = 4
    MATURE = 5
    OLDER = 6

    @property
    def words(self) -> str:
        """The band as the contract writes it."""
        return ("", "13-17", "18-24", "25-34", "35-44", "45-54", "55+")[self]


class Confidence(StrEnum):
    """How much a single judgement is worth."""

    STATED = "stated"
    """The person says so."""
    LIKELY = "likely"
    HINT = "hint"
    """Better than nothing for many people together; never to be shown for one."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What is judged of a person: ISO 3166-1 country (None unknown), gender, age, quality level (0 unknown, 1 to 5)."""

    country: str | None = None
    gender: Gender = Gender.UNKNOWN
    age: Age = Age.UNKNOWN
    level: int = 0

    @property
    def code(self) -> int:
        """All of it in one whole number, so that a million followers are counted by one column."""
        first, second = (ord(self.country[0]) - 64, ord(self.country[1]) - 64) if self.country else (0, 0)
        return (((first << 5 | second) << 2 | self.gender) << 3 | self.age) << 3 | self.level

    @classmethod
    def of(cls, code: int) -> "Traits":
        """The inverse of `code`."""
        first, second = code >> 13 & 31, code >> 8 & 31
        country = chr(first + 64) + chr(second + 64) if first and second else None
        return cls(country, Gender(code >> 6 & 3), Age(code >> 3 & 7), code & 7)


UNJUDGED = -1
"""The code of somebody of whom only the id is known: no profile was seen, so nothing could be judged."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A profile on a network, as it was last seen. `id` is ours; `uuid` is what contracts call it."""

    id: int
    uuid: str
    network: str
    native_id: str
    username: str | None
    """None while nothing but the network's id is known."""
    name: str | None
    biography: str | None
    picture: str | None
    link: str | None
    location: str | None
    followers: int | None
    follows: int | None
    posts: int | None
    is_private: bool | None
    is_verified: bool | None
    first_seen: datetime
    seen_at: datetime | None
    """None while no profile was seen."""
    gone_at: datetime | None
    traits: Traits | None
    score: float | None
    """The probability that this is a genuine account (insight/quality.py)."""

    @property
    def person(self) -> Person:
        """The channel as the methods see it."""
        return Person(
            self.network, self.username or "", self.name, self.biography, self.picture, self.link, self.location,
            self.followers, self.follows, self.posts, self.is_private, self.is_verified,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it was last seen; `tags` and `mentions` were read from its caption."""

    id: int
    network: str
    native_id: str
    author_id: int
    url: str | None
    caption: str | None
    posted_at: datetime | None
    likes: int | None
    comments: int | None
    media: Sequence[MediaFact]
    tags: Sequence[str]
    mentions: Sequence[str]
    seen_at: datetime
    gone_at: datetime | None
