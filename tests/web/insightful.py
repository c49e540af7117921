"""Facts for the pages: a creator with a crowd, the same words in every place where a stranger can write."""

from datetime import UTC, datetime, timedelta
from typing import Any

from browsing import Served

from entourage.accounts.model import OPERATOR
from entourage.insight import channels, recording
from entourage.insight.channels import ChannelFilter
from entourage.insight.model import Channel
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact

NETWORK = "instagram"
DAY = timedelta(days=1)
FIRST_NAMES = ("Anna", "John", "Marie", "Peter", "Julia", "Thomas", "Laura", "Michael")
PLACES = ("Berlin, Germany", "Paris, France", "Madrid, Spain", "Rome, Italy")


def now() -> datetime:
    """The time without its parts of a second, so that days can be counted back from it."""
    return datetime.now(UTC).replace(microsecond=0)


def profile(native_id: str, username: str, days_ago: float = 0, **told: Any) -> ProfileFact:
    told = {"network": NETWORK, "seen_at": now() - days_ago * DAY, **told}
    return ProfileFact(id=native_id, username=username, **told)


def post(native_id: str, author: str, caption: str, days_ago: float = 1, **told: Any) -> PostFact:
    posted = now() - days_ago * DAY
    return PostFact(
        network=NETWORK, id=native_id, author=author, caption=caption, posted_at=posted, seen_at=now(), **told
    )


def learn(served: Served, *facts: Fact) -> None:
    """Let the server know facts."""
    served.write(recording.learn, facts)


def found(served: Served, name: str) -> Channel:
    """The channel with such a name; it has to be there, alone."""
    items = served.read(channels.listing, OPERATOR, ChannelFilter(text=name)).items
    named = [one for one in items if one.username == name.removeprefix("@")] or items
    assert len(named) == 1, named
    return named[0]


def creator(username: str, native_id: str, crowd: int = 40, **told: Any) -> list[Fact]:
    """A creator who was seen on ten days, with followers who state names and places, posts, likes and comments."""
    facts: list[Fact] = [
        profile(native_id, username, ago, followers=1_000 - 10 * ago, follows=80, posts=50, **told)
        for ago in range(9, -1, -1)
    ]
    fans = [f"{native_id}-{number}" for number in range(crowd)]
    facts += [
        profile(
            fan,
            f"fan.{fan}",
            name=f"{FIRST_NAMES[number % len(FIRST_NAMES)]} Example",
            location=PLACES[number % len(PLACES)],
            biography=f"{20 + number % 30} years old. I love mountains and travel.",
            followers=100 + number,
            follows=200,
            posts=30,
        )
        for number, fan in enumerate(fans)
    ]
    facts += [FollowFact(network=NETWORK, follower=fan, followed=native_id, seen_at=now()) for fan in fans]
    facts += [
        post(
            f"{native_id}p{number}",
            native_id,
            f"Walking with @somebody #travel #mountains {number}",
            number + 1,
            likes=50 + number,
            comments=3,
            url=f"https://example.org/p/{number}",
        )
        for number in range(12)
    ]
    facts += [LikeFact(network=NETWORK, post=f"{native_id}p1", profile=fan, seen_at=now()) for fan in fans[:12]]
    facts += [
        CommentFact(
            network=NETWORK, id=f"c{fan}", post=f"{native_id}p1", author=fan, text="How far is it?", posted_at=now()
        )
        for fan in fans[:3]
    ]
    return facts
