"""Who follows whom in the sandbox, since when and until when."""

import random
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import accumulate
from math import log

from entourage.networks.sandbox.people import DAY, HORIZON, NEVER, Kind, People
from entourage.networks.sandbox.tongues import INTERESTS, SPOKEN, Creator

_REACH = 105
"""People know each other if their numbers are at most this far apart."""
_START = -1100
"""The first day on which anybody followed a creator."""
_MASK = 0xFFFFFFFF

_Edge = tuple[int, int, int]
"""Since when, who, until when."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Everybody on the other end of somebody's follows: `since` is sorted, `ends` are the ends there are, sorted."""

    who: Sequence[int]
    since: Sequence[int]
    until: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, edges: Iterable[_Edge]) -> "Edges":
        """Sorted; what would have ended before it began is left out."""
        kept = sorted(edge for edge in edges if edge[0] < edge[2])
        since, who, until = zip(*kept, strict=True) if kept else ((), (), ())
        ends = array("i", sorted(end for end in until if end != NEVER))
        return cls(array("H", who), array("i", since), array("i", until), ends)

    def count(self, at: int) -> int:
        """How many there are at a time."""
        return bisect_right(self.since, at) - bisect_right(self.ends, at)

    def begun(self, at: int) -> int:
        """How many had begun by a time, whether they have ended since or not."""
        return bisect_right(self.since, at)

    def at(self, at: int) -> list[int]:
        """Who there is at a time, the newest first."""
        until, who = self.until, self.who
        return [who[place] for place in range(self.begun(at) - 1, -1, -1) if until[place] > at]


class Society:
    """Follows among the people. What is not needed is not worked out."""

    def __init__(self, people: People) -> None:
        self.people = people
        self._chance = random.Random(f"society/{people.seed}")  # noqa: S311 - it makes people up, no secrets
        self._fans: dict[int, list[_Edge]] = {number: [] for number in range(len(people.creators))}
        self._idols: dict[int, list[_Edge]] = {}
        """By person, which creators they follow; and whom the creators follow."""
        self._followed_by_creators: dict[int, list[_Edge]] = {}
        self._noise: dict[int, list[_Edge]] = {}
        """By person, which of the accounts made to be sold follow them to look real."""
        self._followers: dict[int, Edges] = {}
        self._followings: dict[int, Edges] = {}
        for number, creator in enumerate(people.creators):
            self._find_audience(number, creator)
        for number, creator in enumerate(people.creators):
            self._buy(number, creator)
            self._follow_back(number, creator)
        for number in range(people.first_bought, people.total):
            self._pretend(number)

    def followers(self, number: int) -> Edges:
        """Who follows somebody, ever."""
        if number not in self._followers:
            self._acquaint(number)
        return self._followers[number]

    def followings(self, number: int) -> Edges:
        """Whom somebody follows, ever."""
        if number not in self._followings:
            self._acquaint(number)
        return self._followings[number]

    def _edges(self, number: int, found: Iterable[_Edge]) -> Edges:
        """Nobody follows or is followed before they are there or after they are gone."""
        joined, gone = self.people.joined, self.people.gone
        mine, end = joined[number], gone[number]
        return Edges.of((max(since, mine, joined[who]), who, min(until, end, gone[who])) for since, who, until in found)

    def _add(self, follower: int, followed: int, since: int, until: int = NEVER) -> None:
        self._fans[followed].append((since, follower, until))
        self._idols.setdefault(follower, []).append((since, followed, until))

    # Creators and those who follow them ----------------------------------------------------------------------------

    def _find_audience(self, number: int, creator: Creator) -> None:
        chance, people = self._chance, self.people
        days = self._days(creator, people.joined[number] // DAY)
        total = accumulate(days)
        weights = list(total)
        opened = weights[-_START]
        wanted = min(int(people.folk * 0.8), int(creator.followers * 1.2 * weights[-1] / opened))
        leaves = 0.24 if creator.growth == "fading" else 0.06
        drawn = chance.choices(range(_START, _START + len(days)), cum_weights=weights, k=wanted)
        for who, day in zip(self._drawn_to(creator, wanted), drawn, strict=True):
            since = day * DAY + int(chance.random() * DAY)
            since = max(since, people.joined[who] + int(chance.random() * 30 * DAY))
            until = NEVER
            if chance.random() < leaves:
                until = since + int(chance.expovariate(1 / 140) * DAY) + DAY
            self._add(who, number, since, until)

    def _drawn_to(self, creator: Creator, wanted: int) -> list[int]:
        """Who comes to follow a creator: by language, interest, gender and age, and by chance."""
        people, chance = self.people, self._chance
        spoken = [creator.audience.get(code, 0.12) for code in SPOKEN]
        liked = 1 << INTERESTS.index(creator.interest or creator.category) if creator.growth else 0
        ages = [0.25 + 4 / (1 + ((year - creator.age) / 8) ** 2) for year in range(100)]
        gender = (1 - creator.women + 0.04, creator.women + 0.04)
        year = people.origin.year
        keys: list[tuple[float, int]] = []
        for who in range(people.first_folk, people.first_bought):
            weight = spoken[people.tongue[who]] * ages[year - people.born[who]] * gender[people.woman[who]]
            if people.likes[who] & liked:
                weight *= 7
            keys.append((log(chance.random()) / weight, who))
        found = [who for _, who in nlargest(wanted, keys)]
        chance.shuffle(found)
        return found

    def _days(self, creator: Creator, began: int) -> list[float]:
        """How many come on each day, from _START to HORIZON, as shares."""
        base, slope = _SHAPES[creator.growth]
        year = 1.0 - base
        before = max(1, -365 - began)
        days: list[float] = []
        for day in range(_START, HORIZON + 1):
            if day < began:
                days.append(0.0)
            elif day < -365:  # noqa: PLR2004 - the year before the opening begins here
                days.append(base / before)
            elif day <= 0:
                days.append(year / 365 * (1 + slope * (day + 182) / 182))
            else:
                days.append(year / 365 * 0.6)
            if creator.growth == "seasonal":
                in_season = 90 < (self.people.origin.timetuple().tm_yday + day) % 365 < 200  # noqa: PLR2004 - spring
                days[-1] *= 2.2 if in_season else 0.5
        for on, size in self._jumps(creator):
            for late in range(14):
                days[on + late - _START] += year * size * 0.75**late / 4
        return days

    @staticmethod
    def _jumps(creator: Creator) -> Iterator[tuple[int, float]]:
        if creator.growth == "viral":
            yield -140 - len(creator.username), 1.5
        for on, _ in creator.boosts:
            yield on, 1.1

    def _buy(self, number: int, creator: Creator) -> None:
        """Followers in steps: an order is delivered within a day and a half."""
        stock = range(self.people.first_bought, self.people.total)
        left = self._chance.sample(stock, len(stock))
        for on, many in creator.bought:
            lot = dict.fromkeys([who for who in left if self.people.there(who, on * DAY)][:many])
            left = [who for who in left if who not in lot]
            for who in lot:
                self._add(who, number, on * DAY + int(self._chance.random() * 1.5 * DAY))

    def _follow_back(self, number: int, creator: Creator) -> None:
        chance, people = self._chance, self.people
        partners = [people.by_name[name] for name in creator.mentions.split()]
        for partner in partners:
            since = max(people.joined[number], people.joined[partner], -500 * DAY) + chance.randrange(300 * DAY)
            self._add(number, partner, since)
        fans = [fan for fan in self._fans[number] if people.kind[fan[1]] != Kind.BOUGHT and fan[1] >= people.first_folk]
        for since, who, _ in chance.sample(fans, min(len(fans), chance.randrange(20, 160))):
            later = since + chance.randrange(40 * DAY)
            self._idols.setdefault(number, []).append((later, who, NEVER))
            self._followed_by_creators.setdefault(who, []).append((later, number, NEVER))

    # Everybody else ------------------------------------------------------------------------------------------------

    def _pretend(self, number: int) -> None:
        """Whom an account that was made to be sold follows to look real."""
        chance, people = self._chance, self.people
        joined = people.joined[number]
        folk = range(people.first_folk, people.first_bought)
        for who in chance.sample(folk, chance.randrange(150, 520)):
            if people.kind[who] == Kind.ORGANISATION or chance.random() < 0.6:  # noqa: PLR2004 - a share
                since = max(joined, people.joined[who]) + int(chance.random() * 150 * DAY)
                self._idols.setdefault(number, []).append((since, who, NEVER))
                self._noise.setdefault(who, []).append((since, number, NEVER))

    def _acquaint(self, number: int) -> None:
        """Work out who follows somebody and whom they follow; those near by follow from the two numbers alone."""
        to = [*self._fans.get(number, ()), *self._followed_by_creators.get(number, ()), *self._noise.get(number, ())]
        by = [*self._idols.get(number, ())]
        for since, other, way in self._friends(number):
            if way & 1:
                to.append((since, other, NEVER))
            if way & 2:
                by.append((since, other, NEVER))
        self._followers[number] = self._edges(number, to)
        self._followings[number] = self._edges(number, by)

    def _friends(self, number: int) -> Iterator[_Edge]:
        """Since when somebody knows those near by, who these are, and who follows: 1 they, 2 somebody, 3 both."""
        people = self.people
        first, many = people.first_folk, people.folk
        if not first <= number < people.first_bought:
            return
        mine, place, salt = people.sociable[number], number - first, people.seed * 0x27D4EB2F
        sociable, joined, since = people.sociable, people.joined, people.joined[number]
        for step in (*range(-_REACH, 0), *range(1, _REACH + 1)):
            other = first + (place + step) % many
            low, high = (number, other) if number < other else (other, number)
            mixed = (low * 0x9E3779B1 ^ high * 0x85EBCA77 ^ salt) & _MASK
            mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6D & _MASK
            mixed = (mixed ^ mixed >> 12) * 0x297A2D39 & _MASK
            mixed ^= mixed >> 15
            if (mixed & 1023) < mine * sociable[other]:
                share = (mixed >> 14 & 0xFFFF) / 0x10000
                way = self._way(number, other, mixed >> 10 & 15)
                yield max(since, joined[other]) + int(share * share * 500 * DAY), other, way

    def _way(self, number: int, other: int, drawn: int) -> int:
        """Who of two that know each other follows the other; `drawn` is one of sixteen."""
        kind = self.people.kind
        low, high = (1, 2) if other < number else (2, 1)
        way = high if drawn < 2 else low if drawn < 4 else 3  # noqa: PLR2004 - shares of sixteen that are one-sided
        if drawn < 13:  # noqa: PLR2004 - organisations follow few
            way &= ~((kind[other] == Kind.ORGANISATION) | (kind[number] == Kind.ORGANISATION) << 1)
        return way


_SHAPES: Mapping[str, tuple[float, float]] = {
    "steady": (0.6, 0.1),
    "rising": (0.3, 0.9),
    "viral": (0.45, 0.0),
    "fading": (0.95, -0.8),
    "mentioned": (0.35, 0.0),
    "seasonal": (0.5, 0.0),
}
"""By kind of growth: the share of the followers who came before the year, and how the pace changed in it."""
