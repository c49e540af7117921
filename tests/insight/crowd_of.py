"""Facts about people for tests of figures, told through recording as connectors tell them."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from entourage.accounts.model import Actor, Role
from entourage.insight import recording
from entourage.insight.model import Channel, Traits
from entourage.insight.store import channels as store
from entourage.insight.store.tables import channels
from entourage.kernel.db import Database
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact

ANN = Actor(2, "ann", Role.USER)
DAY = timedelta(days=1)
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
_PEOPLE = itertools.count(1)


def at(day: float) -> datetime:
    """Noon, so many days after the first of January."""
    return START + day * DAY


def profile(native_id: str, username: str | None = None, day: float = 0, **told: Any) -> ProfileFact:
    told = {"network": "instagram", "seen_at": at(day), **told}
    return ProfileFact(id=native_id, username=username or f"user{native_id}", **told)


def post(native_id: str, author: str, caption: str = "", day: float = 0, **told: Any) -> PostFact:
    told = {"seen_at": at(day + 2), "posted_at": at(day), **told}
    return PostFact(network="instagram", id=native_id, author=author, caption=caption, **told)


def follow(follower: str, followed: str, day: float = 0, until: float | None = None) -> FollowFact:
    end = None if until is None else at(until)
    return FollowFact(network="instagram", follower=follower, followed=followed, seen_at=at(day), until=end)


def like(post_id: str, who: str) -> LikeFact:
    return LikeFact(network="instagram", post=post_id, profile=who, seen_at=at(0))


def comment(post_id: str, who: str) -> CommentFact:
    number = next(_PEOPLE)
    return CommentFact(network="instagram", id=f"c{number}", post=post_id, author=who, text="!", posted_at=at(0))


def learn(database: Database, *facts: Fact) -> None:
    database.write_now(recording.learn, facts)


def known(database: Database, native_id: str, network: str = "instagram") -> Channel:
    """The channel of an id; it has to be there."""
    with database.reading() as tx:
        number = tx.value(
            sa.select(channels.c.id).where(channels.c.native_id == native_id, channels.c.network == network)
        )
        found = store.get(tx, number)
    assert found is not None
    return found


def judge(database: Database, native_id: str, traits: Traits | None) -> None:
    """Let somebody have these traits, whatever the methods think of the profile."""
    with database.writing() as tx:
        tx.run(
            sa.update(channels)
            .where(channels.c.native_id == native_id)
            .values(traits=-1 if traits is None else traits.code)
        )


def followed_by(database: Database, followed: str, traits: Sequence[Traits | None], first: int = 100) -> list[str]:
    """Let a channel have followers with these traits (None: nobody saw the profile); their ids."""
    ids = [str(first + number) for number in range(len(traits))]
    learn(database, *(profile(one, followers=10 * int(one)) for one in ids), *(follow(one, followed) for one in ids))
    for one, each in zip(ids, traits, strict=True):
        judge(database, one, each)
    return ids
