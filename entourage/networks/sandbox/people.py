"""Who there is in the sandbox: creators, organisations, ordinary people and accounts made to be sold, from a seed."""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import IntEnum
from functools import lru_cache

from entourage.networks.sandbox.tongues import INTERESTS, SPOKEN, Creator, Name, Tongue, creators, plain, tongues

DAY = 86_400
NEVER = 2**31 - 1
"""A time that does not come."""
BOUGHT = 430
"""So many accounts were made to be sold."""
HORIZON = 730
"""For so many days after the opening there are new people; posts go on."""

_FIRST_ID = 40_000_000
_STEP = 7_919
_ORGANISATION = 26
"""Every so many-th of the folk is an organisation."""
_PURGED_ON = -38 * DAY
"""The network found out about some of the bought accounts on this day, and deleted them …"""
_PURGED = 9
"""… every so many-th."""
_FLAG = 0x1F1E6 - ord("A")


class Kind(IntEnum):
    """What sort of account it is; the network itself does not tell."""

    CREATOR = 0
    ORGANISATION = 1
    ORDINARY = 2
    BOUGHT = 3


@dataclass(frozen=True, slots=True)
class About:
    """What a profile says that does not change."""

    name: str | None
    biography: str | None
    has_picture: bool
    link: str | None
    location: str | None
    is_private: bool
    is_verified: bool


class People:
    """Everybody, by number: first the creators, then the folk, then what was made to be sold. Times are in seconds
    from `origin`, the midnight before the opening.
    """

    def __init__(self, seed: int, opened: datetime) -> None:
        self.seed = seed
        self.origin = datetime.combine(opened.astimezone(UTC).date(), time(), UTC)
        self.creators: Sequence[Creator] = creators()
        self.first_folk = len(self.creators)
        self.folk = sum(SPOKEN.values())
        self.first_bought = self.first_folk + self.folk
        self.total = self.first_bought + BOUGHT
        self.kind = bytearray()
        self.tongue = bytearray()
        self.woman = bytearray()
        self.born = array("H")
        self.joined = array("i")
        self.gone = array("i")
        self.likes = array("H")
        """The interests, as bits."""
        self.sociable = bytearray()
        self._given = bytearray()
        self._family = bytearray()
        self._city = bytearray()
        self._chance = random.Random(f"people/{seed}")  # noqa: S311 - it makes people up, no secrets
        self._fill()
        self.usernames: list[str] = []
        self.before: dict[int, tuple[int, str]] = {}
        """Who had another name, until when, and which."""
        self.by_name: dict[str, int] = {}
        self._name_all()

    def moment(self, at: int) -> datetime:
        """The time in the calendar."""
        return self.origin + timedelta(seconds=at)

    def seconds(self, moment: datetime) -> int:
        """The time from the origin on."""
        return int((moment - self.origin).total_seconds())

    def id(self, number: int) -> str:
        """What the network calls a person for ever."""
        return str(_FIRST_ID + number * _STEP)

    def number(self, native_id: str) -> int | None:
        """Whose id this is; None for nobody's."""
        if not native_id.isascii() or not native_id.isdecimal() or len(native_id) > len(str(_FIRST_ID)):
            return None
        number, rest = divmod(int(native_id) - _FIRST_ID, _STEP)
        return number if not rest and 0 <= number < self.total else None

    def username(self, number: int, at: int) -> str:
        """The name that somebody has at a time."""
        if number in self.before and at < self.before[number][0]:
            return self.before[number][1]
        return self.usernames[number]

    def named(self, username: str, at: int) -> int | None:
        """Who has this name at a time; None for nobody."""
        number = self.by_name.get(username.lower())
        return number if number is not None and self.username(number, at) == username.lower() else None

    def there(self, number: int, at: int) -> bool:
        """Whether somebody is on the network at a time."""
        return self.joined[number] <= at < self.gone[number]

    def says(self, number: int) -> Tongue:
        """The language that somebody speaks."""
        return tongues()[self.tongue[number]]

    @lru_cache(maxsize=512)  # noqa: B019 - the people live as long as the server
    def about(self, number: int) -> About:
        """What somebody's profile says."""
        kind = Kind(self.kind[number])
        if kind is Kind.CREATOR:
            who = self.creators[number]
            return About(who.name, who.biography, True, who.link, who.place or None, False, who.verified)  # noqa: FBT003 - the fields of a profile
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311 - as above
        if kind is Kind.BOUGHT:
            return self._bought(number, chance)
        return self._organisation(number, chance) if kind is Kind.ORGANISATION else self._ordinary(number, chance)

    def _fill(self) -> None:
        chance, codes = self._chance, list(SPOKEN)
        for creator in self.creators:
            joined = -chance.randrange(500, 1000) * DAY + chance.randrange(DAY)
            self._add(Kind.CREATOR, codes.index(creator.language), joined, NEVER, self.origin.year - creator.age)
        for place, (_, many) in enumerate(SPOKEN.items()):
            for _ in range(many):
                kind = Kind.ORDINARY if chance.randrange(_ORGANISATION) else Kind.ORGANISATION
                joined = self._joined()
                gone = joined + chance.randrange(30, 1500) * DAY if chance.random() < 0.02 else NEVER  # noqa: PLR2004 - a share, as below
                years = min(78, 15 + int(chance.gammavariate(2.4, 6.5)))
                self._add(kind, place, joined, gone, self.origin.year - years)
        for number in range(BOUGHT):
            lot = number // 70
            joined = -(420 - 45 * (lot % 4)) * DAY + chance.randrange(3 * DAY)
            gone = NEVER if number % _PURGED else _PURGED_ON + number * 60
            self._add(Kind.BOUGHT, chance.randrange(len(codes)), joined, gone, 1990)

    def _add(self, kind: Kind, tongue: int, joined: int, gone: int, born: int) -> None:
        chance = self._chance
        spoken = tongues()[tongue]
        woman = chance.random() < 0.52  # noqa: PLR2004
        self.kind.append(kind)
        self.tongue.append(tongue)
        self.woman.append(woman)
        self.born.append(born)
        self.joined.append(joined)
        self.gone.append(gone)
        likes = 0
        for _ in range(chance.choice((1, 2, 2, 3))):
            likes |= 1 << chance.randrange(len(INTERESTS))
        self.likes.append(likes)
        self.sociable.append(30 if kind is Kind.ORGANISATION else chance.randrange(5, 30))
        self._given.append(chance.randrange(len(spoken.female if woman else spoken.male)))
        self._family.append(chance.randrange(len(spoken.family)))
        self._city.append(chance.randrange(len(spoken.cities)))

    def _joined(self) -> int:
        draw = self._chance.random()
        first, last = (-1600, -365) if draw < 0.78 else (-365, 0) if draw < 0.9 else (0, HORIZON)  # noqa: PLR2004
        return self._chance.randrange(first * DAY, last * DAY)

    def _name_all(self) -> None:
        for number in range(self.total):
            name = self._free(self._wished(number))
            self.usernames.append(name)
            self.by_name[name] = number
        for number, creator in enumerate(self.creators):
            if creator.was is not None:
                self._rename(number, creator.was[0] * DAY, creator.was[1])
        for number in range(self.first_folk, self.first_bought):
            if self._chance.random() < 0.015:  # noqa: PLR2004
                start = max(self.joined[number] + DAY, -365 * DAY)
                before = self._free(f"{self._name(number)[0].plain}{self._chance.randrange(100, 999)}")
                self._rename(number, start + self._chance.randrange(400 * DAY), before)

    def _rename(self, number: int, until: int, before: str) -> None:
        self.before[number] = (until, before)
        self.by_name[before] = number

    def _free(self, wished: str) -> str:
        name = wished
        while name in self.by_name:
            name = f"{wished}{self._chance.randrange(1, 1000)}"
        return name

    def _wished(self, number: int) -> str:
        chance, kind = self._chance, self.kind[number]
        if kind == Kind.CREATOR:
            return self.creators[number].username
        given, family = self._name(number)
        year = self.born[number] % 100
        if kind == Kind.BOUGHT:
            digits = chance.randrange(10_000, 99_999_999)
            return chance.choice((f"{given.plain}{digits}", f"{given.plain}_{family.plain}{digits}", f"user{digits}"))
        if kind == Kind.ORGANISATION:
            city = plain(self.says(number).cities[self._city[number]][0])
            return chance.choice((f"{family.plain}_{city or 'shop'}", f"{city or family.plain}_club"))[:30]
        return chance.choice((
            f"{given.plain}_{family.plain}",
            f"{given.plain}{family.plain}",
            f"{given.plain}{year:02}",
            f"{given.plain}_{family.plain}{year:02}",
            f"{family.plain}_{given.plain}",
            f"{given.plain}_{family.plain[:1]}",
            f"the_{given.plain}",
            f"{given.plain}{family.plain[:3]}",
        ))[:30]  # fmt: skip

    def _name(self, number: int) -> tuple[Name, Name]:
        spoken = self.says(number)
        given = (spoken.female if self.woman[number] else spoken.male)[self._given[number]]
        return given, spoken.family[self._family[number]]

    def _ordinary(self, number: int, chance: random.Random) -> About:
        spoken = self.says(number)
        given, family = self._name(number)
        city, country = spoken.cities[self._city[number]]
        full = f"{family.written}{given.written}" if spoken.family_first else f"{given.written} {family.written}"
        latin = f"{given.plain.title()} {family.plain.title()}"
        short = f"{given.written} {family.written[:1]}."
        name = chance.choices((full, given.written, latin, short, given.written.lower(), None), (60, 14, 8, 6, 6, 6))[0]
        where = spoken.countries[country]
        location = chance.choices(
            (city, f"{city}, {where}", where, chance.choice(spoken.vague), None), (30, 14, 8, 4, 44)
        )[0]
        link = f"https://{plain(given.written) or given.plain}{number}.example" if chance.random() < 0.09 else None  # noqa: PLR2004
        return About(
            name=name,
            biography=self._biography(number, chance, city, country),
            has_picture=chance.random() < 0.94,  # noqa: PLR2004
            link=link,
            location=location,
            is_private=chance.random() < 0.12,  # noqa: PLR2004
            is_verified=False,
        )

    def _biography(self, number: int, chance: random.Random, city: str, country: str) -> str | None:
        if chance.random() < 0.13:  # noqa: PLR2004
            return None
        spoken, parts = self.says(number), list[str]()
        born = self.born[number]
        if chance.random() < 0.2:  # noqa: PLR2004
            parts.append(chance.choice(spoken.ages).format(age=self.origin.year - born, year=born))
        for place, words in enumerate(spoken.interests):
            if self.likes[number] >> place & 1 and chance.random() < 0.75:  # noqa: PLR2004
                parent = words[0 if self.woman[number] else 1]  # mothers come first there, then fathers
                parts.append(parent if INTERESTS[place] == "family" else chance.choice(words))
        if chance.random() < 0.3:  # noqa: PLR2004
            parts.append(chance.choice(spoken.work).format(city=city))
        if chance.random() < 0.12:  # noqa: PLR2004
            parts.append("".join(chr(_FLAG + ord(letter)) for letter in country))
        if chance.random() < 0.08:  # noqa: PLR2004
            parts.append(city)
        said = chance.choice((" | ", " · ", ", ", " / ", "\n")).join(parts)
        if not said or chance.random() < 0.4:  # noqa: PLR2004
            said = f"{said}\n{chance.choice(spoken.lines)}" if said else chance.choice(spoken.lines)
        return said

    def _organisation(self, number: int, chance: random.Random) -> About:
        spoken = self.says(number)
        city, country = spoken.cities[self._city[number]]
        family = self._name(number)[1].written
        year = self.origin.year - chance.randrange(2, 90)
        gaps = {"family": family, "city": city, "year": year}
        lines = " ".join(chance.sample(spoken.says.shop_lines, 2)).format_map(gaps)
        return About(
            name=chance.choice(spoken.says.shops).format_map(gaps),
            biography=f"{lines} {city}, {spoken.countries[country]}",
            has_picture=True,
            link=f"https://{self.usernames[number].replace('_', '-')}.example",
            location=f"{city}, {spoken.countries[country]}",
            is_private=False,
            is_verified=chance.random() < 0.05,  # noqa: PLR2004
        )

    def _bought(self, number: int, chance: random.Random) -> About:
        given, family = self._name(number)
        name = chance.choices((f"{given.written} {family.written}", self.usernames[number], None), (4, 3, 3))[0]
        return About(
            name=name,
            biography=chance.choice(self.says(number).lines) if chance.random() < 0.06 else None,  # noqa: PLR2004
            has_picture=chance.random() < 0.15,  # noqa: PLR2004
            link=None,
            location=None,
            is_private=chance.random() < 0.04,  # noqa: PLR2004
            is_verified=False,
        )
