"""What the sandbox's people post, who likes it and what is said below it."""

import random
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from entourage.networks.sandbox.people import DAY, Kind, People
from entourage.networks.sandbox.pictures import Picture, looks_of, pictures
from entourage.networks.sandbox.society import Society
from entourage.networks.sandbox.talk import FILMS
from entourage.networks.sandbox.tongues import Says, tongue

LAST_DAY = 2200
"""Creators post for so many days after the opening."""
LONGEST = 1 << 16
"""More posts than anybody ever makes."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = 3600
_BOOSTED = 6
"""For so many days after a boost, and in the first post since, its author mentions whom it is for."""
_REMOVED = 67
"""Every so many-th post of a creator is taken down again …"""
_REMOVED_AFTER = 20 * DAY
"""… so long after."""
_SLOWEST = 21 * DAY
"""After so long nobody likes or says anything any more."""
_AHEAD: Final = {"US": -6, "CA": -6, "MX": -6, "CO": -5, "PE": -5, "AR": -3, "BR": -3, "CL": -4, "GB": 0, "IE": 0}
_AHEAD_EAST: Final = {"PT": 0, "IN": 5, "ID": 7, "JP": 9, "KR": 9, "AU": 10, "NZ": 12, "TR": 3}
_FLATTERY = (
    "Nice pic",
    "🔥🔥🔥",
    "Great feed!",
    "wow amazing",
    "❤️❤️",
    "Follow me back?",
    "Cool 👏",
    "Beautiful post dear",
)
_FACES = ("", "", "", "", " 😍", " ❤️", " 🙌", " 😂", " 👏", " ✨")


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture (by its name) or a film."""

    name: str
    is_film: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """A post. `number` is the network's, `index` counts the author's."""

    author: int
    index: int
    at: int
    removed: int | None
    caption: str | None
    tags: Sequence[str]
    media: Sequence[Medium]

    @property
    def number(self) -> int:
        """Whose and the how many-th, in one."""
        return self.author * LONGEST + self.index


@dataclass(frozen=True, slots=True)
class Said:
    """A comment."""

    number: int
    author: int
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Likers:
    """Who likes a post, in the order of their likes."""

    who: Sequence[int]
    at: Sequence[int]


class Posts:
    """Everything that is posted. A post is made when it is looked at, and always the same."""

    def __init__(self, people: People, society: Society) -> None:
        self.people = people
        self.society = society
        self._times: dict[int, Sequence[int]] = {}
        self._boosts: dict[int, list[tuple[int, int]]] = {}
        for number, creator in enumerate(people.creators):
            for day, name in creator.boosts:
                self._boosts.setdefault(people.by_name[name], []).append((day * DAY, number))

    def count(self, author: int, at: int) -> int:
        """How many posts of somebody there are at a time."""
        return len(self.indexes(author, at))

    def indexes(self, author: int, at: int) -> list[int]:
        """Which posts of somebody there are at a time, the newest first."""
        times = self._times_of(author)
        last = bisect_right(times, at)
        if self.people.kind[author] != Kind.CREATOR:
            return list(range(last - 1, -1, -1))
        return [
            index
            for index in range(last - 1, -1, -1)
            if not _is_removed(author, index) or times[index] + _REMOVED_AFTER > at
        ]

    def ever(self, author: int, at: int) -> Sequence[int]:
        """As `indexes`, with those that were taken down since."""
        return range(bisect_right(self._times_of(author), at) - 1, -1, -1)

    def find(self, number: int) -> Post | None:
        """The post with this number, whenever it is from."""
        author, index = divmod(number, LONGEST)
        if not 0 <= author < self.people.total or index >= len(self._times_of(author)):
            return None
        return self.post(author, index)

    @lru_cache(maxsize=1024)  # noqa: B019 - the posts live as long as the server
    def post(self, author: int, index: int) -> Post:
        """One post of somebody."""
        at = self._times_of(author)[index]
        chance = self._chance("post", author, index)
        if self.people.kind[author] != Kind.CREATOR:
            media = [Medium(chance.choice(self._every_picture).name)]
            snaps = self.people.says(author).says.snaps
            return Post(author, index, at, None, chance.choice(snaps) if chance.random() < 0.8 else None, (), media)  # noqa: PLR2004 - a share, as below
        tags = self.tags(author, index)
        removed = at + _REMOVED_AFTER if _is_removed(author, index) else None
        return Post(
            author, index, at, removed, self._caption(author, index, chance, tags), tags, self._media(author, chance)
        )

    def tags(self, author: int, index: int) -> Sequence[str]:
        """The hashtags of a creator's post."""
        chance = self._chance("tags", author, index)
        known = self.people.creators[author].tags.split()
        return chance.sample(known, chance.randrange(2, min(5, len(known)) + 1))

    def tagged(self, tag: str, at: int) -> list[tuple[int, int]]:
        """The posts with a hashtag that there are at a time, as (author, index), the newest first."""
        found = [
            (self._times_of(author)[index], author, index)
            for author, creator in enumerate(self.people.creators)
            if tag in creator.tags.split()
            for index in self.indexes(author, at)
            if tag in self.tags(author, index)
        ]
        return [(author, index) for _, author, index in sorted(found, reverse=True)]

    @lru_cache(maxsize=512)  # noqa: B019 - as above
    def likers(self, author: int, index: int) -> Likers:
        """Who likes a post, ever: mostly followers of that time, few of them bought."""
        people, edges = self.people, self.society.followers(author)
        at = self._times_of(author)[index]
        chance = self._chance("likes", author, index)
        begun = edges.begun(at)
        rate = people.creators[author].rate if author < len(people.creators) else 0.22
        wanted = min(begun, round(begun * rate * chance.lognormvariate(0, 0.35)))
        found: list[tuple[int, int]] = []
        for place in chance.sample(range(begun), wanted):
            who = edges.who[place]
            if people.kind[who] == Kind.BOUGHT and chance.random() > 0.06:  # noqa: PLR2004
                continue
            when = at + 30 + int(chance.expovariate(1 / (11 * _HOUR)))
            if edges.until[place] > when < at + _SLOWEST:
                found.append((when, who))
        known = {who for _, who in found} | {author}
        for _ in range(wanted // 12):
            who = chance.randrange(people.first_folk, people.first_bought)
            when = at + int(chance.expovariate(1 / (30 * _HOUR)))
            if who not in known and people.there(who, when):
                known.add(who)
                found.append((when, who))
        found.sort()
        return Likers(array("H", (who for _, who in found)), array("i", (when for when, _ in found)))

    def likes(self, author: int, index: int, at: int) -> list[int]:
        """Who likes a post at a time, the newest first."""
        likers, gone = self.likers(author, index), self.people.gone
        return [
            likers.who[place]
            for place in range(bisect_right(likers.at, at) - 1, -1, -1)
            if gone[likers.who[place]] > at
        ]

    @lru_cache(maxsize=512)  # noqa: B019 - as above
    def said(self, author: int, index: int) -> Sequence[Said]:
        """What is said below a post, ever, in order."""
        people, likers = self.people, self.likers(author, index)
        chance = self._chance("said", author, index)
        share = 0.09 if people.kind[author] == Kind.CREATOR else 0.05
        wanted = min(len(likers.who), int(len(likers.who) * share * chance.uniform(0.4, 1.7) + chance.random()))
        said: list[tuple[int, int, str]] = []
        for place in chance.sample(range(len(likers.who)), wanted):
            who, when = likers.who[place], likers.at[place] + chance.randrange(20, 400)
            said.append((when, who, self._remark(author, who, chance)))
            if people.kind[author] == Kind.CREATOR and chance.random() < 0.25:  # noqa: PLR2004
                later = when + chance.randrange(300, 9 * _HOUR)
                thanks = chance.choice(people.says(author).says.thanks)
                said.append((later, author, thanks.format(who=people.username(who, later))))
        said.sort()
        first = (author * LONGEST + index) * 512
        return [Said(first + place, who, when, text) for place, (when, who, text) in enumerate(said)]

    def comments(self, author: int, index: int, at: int) -> list[Said]:
        """What is said below a post at a time, the newest first."""
        gone = self.people.gone
        return [one for one in reversed(self.said(author, index)) if one.at <= at < gone[one.author]]

    def _remark(self, author: int, who: int, chance: random.Random) -> str:
        people = self.people
        if people.kind[who] == Kind.BOUGHT:
            return chance.choice(_FLATTERY)
        own: Says = people.says(who if chance.random() < 0.45 else author).says  # noqa: PLR2004
        return chance.choice(own.comments) + chance.choice(_FACES)

    def _caption(self, author: int, index: int, chance: random.Random, tags: Sequence[str]) -> str:
        people = self.people
        creator = people.creators[author]
        says = tongue(creator.language).says
        subject = chance.choice(creator.subjects)
        text = chance.choice(says.captions).format(it=subject, It=subject[0].upper() + subject[1:])
        at = self._times_of(author)[index]
        partner = self._mentioned(author, index, chance)
        if partner is not None:
            text = f"{text} {chance.choice(says.mentions).format(who=people.username(partner, at))}"
        return f"{text}\n\n{' '.join(f'#{tag}' for tag in tags)}"

    def _mentioned(self, author: int, index: int, chance: random.Random) -> int | None:
        people, draw = self.people, chance.random()
        times = self._times_of(author)
        at, before = times[index], times[max(0, index - 1)]
        for begun, whom in self._boosts.get(author, ()):
            if begun <= at and (before < begun or at < begun + _BOOSTED * DAY):
                return whom
        partners = people.creators[author].mentions.split()
        found = people.by_name[partners[int(draw * 1000) % len(partners)]]
        # Friends, not fame: who is to grow by being mentioned is mentioned by their friends no more than anybody.
        return found if draw < 0.17 and people.there(found, at) else None  # noqa: PLR2004

    def _media(self, author: int, chance: random.Random) -> Sequence[Medium]:
        creator = self.people.creators[author]
        if creator.films and chance.random() < 0.12:  # noqa: PLR2004
            return [Medium(chance.choice(FILMS), is_film=True)]
        known = self._pictures_of[author]
        return [Medium(one.name) for one in chance.sample(known, min(len(known), chance.choice((1, 1, 1, 1, 2, 3))))]

    @cached_property
    def _every_picture(self) -> Sequence[Picture]:
        return list(pictures().values())

    @cached_property
    def _pictures_of(self) -> Sequence[Sequence[Picture]]:
        return [
            [picture for name in creator.photographs.split() for picture in looks_of(name)]
            for creator in self.people.creators
        ]

    def _times_of(self, author: int) -> Sequence[int]:
        if author not in self._times:
            kind = self.people.kind[author]
            chance = self._chance("times", author)
            times = self._by_habit(author, chance) if kind == Kind.CREATOR else self._now_and_then(author, chance)
            self._times[author] = array("i", times)
        return self._times[author]

    def _by_habit(self, author: int, chance: random.Random) -> list[int]:
        """On the creator's days, around the creator's hour, but for some weeks off."""
        creator = self.people.creators[author]
        country = creator.country
        hour = creator.hour - _AHEAD.get(country, _AHEAD_EAST.get(country, 1))
        on = [_WEEKDAYS.index(day) for day in creator.days.split()]
        monday = -self.people.origin.weekday()
        times: list[int] = []
        for week in range((self.people.joined[author] // DAY - monday) // 7 + 1, LAST_DAY // 7):
            if chance.random() < 0.07:  # noqa: PLR2004
                continue
            for day in on:
                late = int(chance.triangular(-0.5, 3.5, 0.4) * _HOUR)
                if chance.random() < 0.9:  # noqa: PLR2004
                    times.append((monday + week * 7 + day) * DAY + hour * _HOUR + late)
        return sorted(times)

    def _now_and_then(self, author: int, chance: random.Random) -> list[int]:
        people, kind = self.people, self.people.kind[author]
        joined, gone = people.joined[author], min(people.gone[author], LAST_DAY * DAY)
        if kind == Kind.BOUGHT:
            return sorted(joined + chance.randrange(20 * DAY) for _ in range(chance.choice((0, 0, 0, 1, 2, 4))))
        if kind == Kind.ORDINARY and chance.random() < 0.1:  # noqa: PLR2004
            return []
        every = 6 if kind == Kind.ORGANISATION else chance.randrange(8, 70)
        noon = -joined % DAY + 12 * _HOUR
        times: list[int] = []
        at = joined + noon
        draw = chance.random
        while at < gone:
            times.append(at + int((14 * draw() - 5) * _HOUR))
            at += (1 + int(draw() * (2 * every - 1))) * DAY
        return times

    def _chance(self, what: str, *numbers: int) -> random.Random:
        return random.Random(f"{self.people.seed}/{what}/{numbers}")  # noqa: S311 - it makes people up, no secrets


def _is_removed(author: int, index: int) -> bool:
    return (index * 31 + author * 7) % _REMOVED == 1
