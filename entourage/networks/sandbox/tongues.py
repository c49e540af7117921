"""The words of the sandbox's people: names, places and sentences by language, and who its creators are."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from entourage.networks import sandbox

SPOKEN: Final[Mapping[str, int]] = {
    "en": 1080,
    "es": 660,
    "de": 640,
    "pt": 520,
    "fr": 440,
    "ja": 600,
    "it": 320,
    "id": 300,
    "tr": 280,
    "nl": 280,
    "pl": 270,
    "ko": 300,
    "sv": 240,
}
"""The languages of the sandbox, and how many people speak each."""
INTERESTS: Final[Sequence[str]] = (
    "travel",
    "food",
    "fitness",
    "gaming",
    "music",
    "fashion",
    "beauty",
    "photography",
    "pets",
    "technology",
    "books",
    "garden",
    "family",
    "football",
)

_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ł": "l",
        "ı": "i",  # noqa: RUF001 - Turkish has it
        "ø": "o",
        "æ": "ae",
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
    }
)


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is written, and in the letters of user names."""

    written: str
    plain: str


class _Names(msgspec.Struct, frozen=True):
    female: str
    male: str
    family: str


class _Places(msgspec.Struct, frozen=True):
    cities: Sequence[str]
    countries: str
    vague: Sequence[str]


class _About(msgspec.Struct, frozen=True):
    age: Sequence[str]
    work: Sequence[str]
    lines: Sequence[str]


class Says(msgspec.Struct, frozen=True):
    """What people write below posts: sentences with gaps ({it}, {who}, {family}, {city}, {year})."""

    captions: Sequence[str]
    mentions: Sequence[str]
    thanks: Sequence[str]
    comments: Sequence[str]
    snaps: Sequence[str]
    shops: Sequence[str]
    shop_lines: Sequence[str]


class _Told(msgspec.Struct, frozen=True):
    names: _Names
    places: _Places
    about: _About
    interests: Mapping[str, Sequence[str]]
    says: Says


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language and what those who speak it are called, where they live and what they say."""

    code: str
    female: Sequence[Name]
    male: Sequence[Name]
    family: Sequence[Name]
    cities: Sequence[tuple[str, str]]
    """Name and country (ISO 3166-1)."""
    countries: Mapping[str, str]
    vague: Sequence[str]
    ages: Sequence[str]
    work: Sequence[str]
    lines: Sequence[str]
    interests: Sequence[Sequence[str]]
    """In the order of INTERESTS."""
    says: Says

    @property
    def family_first(self) -> bool:
        """Whether the family's name comes first, without a space."""
        return self.code in {"ja", "ko"}


class Creator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who posts for many; days count from the opening of the network."""

    username: str
    name: str
    category: str
    language: str
    place: str
    country: str
    followers: int
    biography: str
    tags: str
    subjects: Sequence[str]
    photographs: str
    days: str
    hour: int
    growth: str
    rate: float
    """The share of the followers who like a post."""
    mentions: str = ""
    interest: str = ""
    """Of those who follow, where it is not the category."""
    link: str | None = None
    verified: bool = False
    films: bool = False
    women: float = 0.5
    age: int = 30
    languages: str = ""
    bought: Sequence[tuple[int, int]] = ()
    boosts: Sequence[tuple[int, str]] = ()
    was: tuple[int, str] | None = None

    @property
    def audience(self) -> Mapping[str, int]:
        """How much each language counts among those who follow."""
        told = self.languages or f"{self.language}:12 en:2"
        return {code: int(weight) for code, _, weight in (part.partition(":") for part in told.split())}


class _Creators(msgspec.Struct, frozen=True):
    creator: Sequence[Creator]


@cache
def creators() -> Sequence[Creator]:
    """The creators, in the order of their numbers."""
    return msgspec.toml.decode(_file("creators"), type=_Creators).creator


@cache
def tongues() -> Sequence[Tongue]:
    """The languages, in the order of SPOKEN."""
    return [_tongue(code) for code in SPOKEN]


@cache
def tongue(code: str) -> Tongue:
    """The language with this code."""
    return tongues()[list(SPOKEN).index(code)]


def plain(text: str) -> str:
    """The text in the letters of user names, as far as it has any: a to z and digits."""
    folded = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


def _tongue(code: str) -> Tongue:
    told = msgspec.toml.decode(_file(code), type=_Told)
    cities = [(city, country) for city, _, country in (each.partition("|") for each in told.places.cities)]
    countries = [part.partition(":") for part in told.places.countries.split()]
    return Tongue(
        code=code,
        female=_names(told.names.female),
        male=_names(told.names.male),
        family=_names(told.names.family),
        cities=cities,
        countries={country: name.replace("_", " ") for country, _, name in countries},
        vague=told.places.vague,
        ages=told.about.age,
        work=told.about.work,
        lines=told.about.lines,
        interests=[told.interests[name] for name in INTERESTS],
        says=told.says,
    )


def _names(told: str) -> Sequence[Name]:
    parts = [part.replace("_", " ").partition("=") for part in told.split()]
    return [Name(written, latin or plain(written)) for written, _, latin in parts]


def _file(name: str) -> bytes:
    return files(sandbox).joinpath(f"folk/{name}.toml").read_bytes()
