"""What somebody who had watched some of the sandbox's creators for a year would have kept, as facts."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from entourage.kernel.errors import NotFound
from entourage.networks.facts import Fact, FollowFact, LikeFact, ProfileFact
from entourage.networks.sandbox import telling
from entourage.networks.sandbox.network import Network, network, written
from entourage.networks.sandbox.people import DAY
from entourage.networks.sandbox.reading import NAME, comment_fact, post_fact, profile_fact

WATCHED = (
    "slowtrains",
    "fitwithkai",
    "hoshitabi",
    "pixelpfad",
    "vivienglow",
    "perroygato",
    "rodadesamba",
    "kleingarten88",
    "nonnainpigiama",
    "nattuppsala",
)
"""Creators with something to see: steady and verified, bought, Japanese, grown by mentions, suddenly famous, rising,
fading, small with a season, old and loved, renamed."""
EVERY = timedelta(days=1)
"""So often the creators' profiles were looked at."""
LIKED_DAYS = 90
"""Who likes and what is said was looked at for the posts of so many days."""
MOST_LIKERS = 100
MOST_COMMENTS = 50


def facts(
    until: datetime,
    days: int = 365,
    who: Sequence[str] | None = None,
    *,
    server: str = "http://127.0.0.1:8808",
    seed: int = 1,
    opened: datetime | None = None,
) -> Iterator[Fact]:
    """What was seen in the `days` before `until` of the creators `who` (their user names; WATCHED).

    People come first, then those whom they follow, posts, and follows. `server` is where the sandbox is (its
    pictures are there), `opened` its first start: `until`, unless that is told. Raises NotFound for a name that nobody
    has.
    """
    return _Watch(network(seed, opened or until), until, server).facts(days, who or WATCHED)


class _Watch:
    """One look back over the time before `until`."""

    def __init__(self, network: Network, until: datetime, server: str) -> None:
        self._network = network
        self._server = server
        self._now = network.people.seconds(until)

    def facts(self, days: int, names: Sequence[str]) -> Iterator[Fact]:
        """Who there was, the creators day by day, their posts, what these got, and who came and left."""
        watched = [self._number(name) for name in names]
        begun = self._now - days * DAY
        crowd = {
            who
            for number in watched
            for who in (*self._fans(number, begun), *self._answering(number))
            if who not in watched
        }
        for who in sorted(crowd):
            yield from self._person(who, begun)
        for number in watched:
            for late in range(0, days * DAY + 1, int(EVERY.total_seconds())):
                if self._network.people.there(number, begun + late):
                    yield self._profile(number, begun + late)
        for number in watched:
            yield from self._posts(number, begun)
        for number in watched:
            yield from self._follows(number, begun)

    def _number(self, name: str) -> int:
        number = self._network.people.named(name.removeprefix("@"), self._now)
        if number is None:
            raise NotFound(f"The sandbox has nobody called {name!r}.")
        return number

    def _profile(self, number: int, at: int) -> ProfileFact:
        return profile_fact(telling.person(self._network, number, at, self._server), self._moment(at))

    def _person(self, number: int, begun: int) -> Iterator[Fact]:
        """Somebody as they are, or as they were before they went."""
        gone = self._network.people.gone[number]
        if gone > self._now:
            yield self._profile(number, self._now)
        elif gone > begun:
            last = self._profile(number, gone - 1)
            yield last
            yield msgspec.structs.replace(last, seen_at=self._moment(gone), gone=True)

    def _fans(self, number: int, begun: int) -> Iterator[int]:
        edges = self._network.society.followers(number)
        for place in range(edges.begun(self._now)):
            if edges.until[place] > begun:
                yield edges.who[place]

    def _follows(self, number: int, begun: int) -> Iterator[Fact]:
        """Each follow as it was first seen at a daily look, and when it was seen to have ended."""
        people, edges = self._network.people, self._network.society.followers(number)
        for place in range(edges.begun(self._now)):
            first = self._look(edges.since[place], begun)
            ended = edges.until[place]
            end = self._look(ended, begun) if ended <= self._now else None
            if ended <= first:
                continue  # it came and went between two looks
            yield FollowFact(
                network=NAME,
                follower=people.id(edges.who[place]),
                followed=people.id(number),
                seen_at=self._moment(first),
                until=None if end is None else self._moment(end),
            )

    def _look(self, at: int, begun: int) -> int:
        """When what happened at `at` was seen."""
        every = int(EVERY.total_seconds())
        return min(self._now, begun + max(0, -(-(at - begun) // every)) * every)

    def _recent(self, number: int) -> Sequence[int]:
        posts = self._network.posts
        oldest = self._now - LIKED_DAYS * DAY
        return [index for index in posts.indexes(number, self._now) if posts.post(number, index).at > oldest]

    def _answering(self, number: int) -> Iterator[int]:
        """Who likes or says something below the posts that were looked at."""
        posts = self._network.posts
        for index in self._recent(number):
            yield from posts.likes(number, index, self._now)[:MOST_LIKERS]
            yield from (one.author for one in posts.comments(number, index, self._now)[:MOST_COMMENTS])

    def _posts(self, number: int, begun: int) -> Iterator[Fact]:
        posts, people = self._network.posts, self._network.people
        for index in posts.ever(number, self._now):
            post = posts.post(number, index)
            if post.at <= begun:
                break
            shown = post.removed is None or post.removed > self._now
            last = self._now if shown or post.removed is None else post.removed - 1
            fact = post_fact(telling.post(self._network, number, index, last, self._server), self._moment(last))
            yield fact
            if not shown:
                yield msgspec.structs.replace(fact, seen_at=self._moment(last + 1), gone=True)
        for index in self._recent(number):
            native = written(posts.post(number, index).number)
            for who in posts.likes(number, index, self._now)[:MOST_LIKERS]:
                yield LikeFact(network=NAME, post=native, profile=people.id(who), seen_at=self._moment(self._now))
            for one in posts.comments(number, index, self._now)[:MOST_COMMENTS]:
                yield comment_fact(telling.comment(self._network, one, self._now, self._server), native)

    def _moment(self, at: int) -> datetime:
        return self._network.people.moment(at)
