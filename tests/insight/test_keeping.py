"""What is counted for who only reads is kept afterwards."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from entourage.accounts.model import OPERATOR
from entourage.insight import channels, figures, recording
from entourage.insight.keeping import LATELY, WAITING, Keeper
from entourage.insight.store import figures as store
from entourage.kernel.db import Database
from entourage.networks.facts import Fact, FollowFact, ProfileFact


@pytest.fixture
def known(database: Database) -> int:
    """A channel with a dozen followers."""
    seen = database.clock()
    facts: list[Fact] = [ProfileFact(network="sandbox", id="1", username="ada", seen_at=seen)]
    for number in range(12):
        facts += (
            ProfileFact(network="sandbox", id=f"f{number}", username=f"fan{number}", followers=9, seen_at=seen),
            FollowFact(network="sandbox", follower=f"f{number}", followed="1", seen_at=seen),
        )
    database.write_now(recording.learn, facts)
    with database.reading() as tx:
        return channels.search(tx, OPERATOR, "ada").items[0].id


async def until(done: Callable[[], Any]) -> Any:
    """What `done` says once it says something."""
    while not (found := done()):
        await asyncio.sleep(0.01)
    return found


def kept(database: Database, channel_id: int) -> store.Stored | None:
    with database.reading() as tx:
        return store.stored(tx, channel_id)


async def test_a_channel_that_is_asked_about_is_kept_soon_after(database: Database, known: int) -> None:
    keeper = Keeper(database)
    assert kept(database, known) is None
    keeper.asked([known, known + 1000])
    assert await until(lambda: kept(database, known)) is not None
    with database.reading() as tx:
        assert figures.of(tx, OPERATOR, known).counted_at == database.clock()
    await keeper.close()


async def test_from_threads_too_and_once_a_minute_at_most(database: Database, known: int) -> None:
    keeper = Keeper(database)
    await asyncio.gather(*(asyncio.to_thread(keeper.asked, [known]) for _ in range(20)))
    assert await until(lambda: kept(database, known))
    database.write_now(store.forget, known)
    keeper.asked([known])
    await asyncio.sleep(0.05)
    assert kept(database, known) is None
    assert timedelta(seconds=LATELY) == timedelta(minutes=1)
    await keeper.close()


async def test_more_than_can_wait_are_left_for_another_time(database: Database, known: int) -> None:
    keeper = Keeper(database)
    keeper.asked(range(10_000, 10_000 + WAITING + 1))
    keeper.asked([known])
    assert await until(lambda: kept(database, known))
    await keeper.close()


async def test_a_database_that_is_gone_ends_the_keeping_and_nothing_else(
    database: Database, another: Callable[[], Database], known: int
) -> None:
    other = another()
    keeper = Keeper(other)
    other.close()
    keeper.asked([known])
    await asyncio.sleep(0.05)
    assert kept(database, known) is None
    await keeper.close()
