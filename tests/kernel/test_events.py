"""Events: everything stored is heard once, progress is heard soon, slow readers are told."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from entourage.kernel import events
from entourage.kernel.bus import MISSED, Bus, Event, as_json
from entourage.kernel.db import Database, Tx
from entourage.kernel.events import News

PATIENCE = 30


async def test_what_is_published_is_heard_by_those_it_concerns(database: Database) -> None:
    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        mine, yours, every = bus.watch(1), bus.watch(2), bus.watch()
        with database.writing() as tx:
            events.publish(tx, "to one", {"n": 1}, user=1)
            events.publish(tx, "to all", {"n": 2})
        heard = [await collect(watcher, count) for watcher, count in ((mine, 2), (yours, 1), (every, 2))]
    assert [[event.kind for event in one] for one in heard] == [["to one", "to all"], ["to all"], ["to one", "to all"]]
    assert heard[0][0].data == {"n": 1}
    assert heard[0][0].id is not None


async def collect(watcher: Any, count: int) -> list[Event]:
    found: list[Event] = []
    while len(found) < count:
        found.extend(await watcher.next())
    return found


def publish_and_fail(tx: Tx) -> None:
    events.publish(tx, "undone", {})
    raise ZeroDivisionError


async def test_what_is_undone_is_never_heard(database: Database) -> None:
    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        watcher = bus.watch()
        with pytest.raises(ZeroDivisionError):
            await database.write(publish_and_fail)
        with database.writing() as tx:
            events.publish(tx, "stored", {})
        assert [event.kind for event in await watcher.next()] == ["stored"]


async def test_events_of_another_process_are_heard(database: Database, another: Callable[[], Database]) -> None:
    elsewhere = another()
    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        watcher = bus.watch()
        for number in range(3):
            await elsewhere.write(events.publish, "there", {"n": number})
            assert [event.data for event in await watcher.next()] == [{"n": number}]


async def test_an_event_stored_after_a_later_one_is_not_overlooked(database: Database) -> None:
    if database.dialect_name == "sqlite":
        return  # one writer: the order of numbers is the order of commits
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with database.writing() as tx:
            events.publish(tx, "first", {})
            began.set()
            assert go_on.wait(PATIENCE)

    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        watcher = bus.watch()
        waiting = asyncio.create_task(asyncio.to_thread(slow))
        await asyncio.to_thread(began.wait, PATIENCE)
        await database.write(events.publish, "second", {})
        assert [event.kind for event in await watcher.next()] == ["second"]
        go_on.set()
        await waiting
        assert [event.kind for event in await watcher.next()] == ["first"]


async def test_a_slow_reader_loses_the_oldest_and_is_told(database: Database) -> None:
    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        with bus.watch(size=3) as slow, bus.watch(size=10) as quick:
            for number in range(5):
                bus.tell("progress", {"n": number})
            heard = await slow.next()
            assert [(event.kind, event.data) for event in heard] == [
                (MISSED, {"count": 2}),
                *(("progress", {"n": number}) for number in (2, 3, 4)),
            ]
            assert len(await quick.next()) == 5


async def test_progress_is_never_stored_where_watchers_are(database: Database) -> None:
    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        watcher = bus.watch(7)
        bus.tell("progress", {"n": 1}, user=7)
        bus.tell("progress", {"n": 2}, user=8)
        [event] = await watcher.next()
        assert event.id is None
    with database.reading() as tx:
        assert events.last(tx) == 0


async def test_progress_of_a_worker_process_arrives_thinned_out(
    database: Database, another: Callable[[], Database]
) -> None:
    async with Bus(database) as bus, Bus(another(), relay=True) as relay, asyncio.timeout(PATIENCE):
        watcher = bus.watch(1)
        for number in range(1000):
            relay.tell("progress", {"item": number % 2, "n": number}, user=1, about=number % 2)
        heard = await collect(watcher, 2)
        assert sorted(event.data["n"] for event in heard) == [998, 999]
        assert all(event.id is None for event in heard)


async def test_an_event_is_encoded_once_for_all(database: Database) -> None:
    encoded: list[Event] = []

    def encode(event: Event) -> bytes:
        encoded.append(event)
        return as_json(event)

    async with Bus(database) as bus, asyncio.timeout(PATIENCE):
        watchers = [bus.watch() for _ in range(100)]
        bus.tell("progress", {"n": 1})
        sent = {id(event.encoded(encode)) for watcher in watchers for event in await watcher.next()}
    assert len(sent) == len(encoded) == 1


async def test_who_left_hears_nothing(database: Database) -> None:
    heard: list[Event] = []
    async with Bus(database) as bus:
        leave = bus.listen(heard.append)
        bus.tell("a", {})
        leave()
        with bus.watch() as watcher:
            pass
        bus.tell("b", {})
        assert [event.kind for event in heard] == ["a"]
        assert watcher.waiting == 0


async def test_old_events_are_forgotten_passing_ones_first(database: Database, clock: Any) -> None:
    with database.writing() as tx:
        events.publish(tx, "lasting", {})
        events.publish_many(tx, [News("progress", {})], passing=True)
    clock.advance(60)
    keep = {"keep": timedelta(hours=1), "keep_passing": timedelta(seconds=30)}
    assert database.write_now(events.trim, **keep) == 1
    with database.reading() as tx:
        assert [event.kind for event in events.after(tx, 0)] == ["lasting"]
    clock.advance(3600)
    assert database.write_now(events.trim, **keep) == 1
    with database.writing() as tx:
        events.publish(tx, "next", {})
        assert events.last(tx) > 2
