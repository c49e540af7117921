"""Schedules: when they fire, how they end, and what cannot be one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from testclock import TestClock

from entourage.accounts.model import Actor, Role
from entourage.archive import budgets, preferences, queue, runs, schedules
from entourage.archive.model import ItemStatus, Schedule
from entourage.archive.orders import bookmark_key
from entourage.archive.recording import complete_if_done
from entourage.archive.store import downloads as store
from entourage.archive.store import queue as queue_store
from entourage.kernel import jobs
from entourage.kernel.db import Database
from entourage.kernel.errors import Conflict, Invalid, NotFound

ANN, BOB = Actor(2, "ann", Role.USER), Actor(3, "bob", Role.USER)
THREAD = "https://forum.example.org/threads/harbour.42/"


@pytest.fixture(autouse=True)
def lanes(database: Database) -> None:
    with database.writing() as tx:
        budgets.declare(tx, preferences.current(tx))


def make(database: Database, **changes: Any) -> Schedule:
    wanted: dict[str, Any] = {
        "name": "Harbour",
        "platform": "web",
        "source": "harbour",
        "content_type": None,
        "cron": "0 */4 * * *",
        "enabled": True,
        "config": {"url": "https://example.org/harbour"},
    }
    with database.writing() as tx:
        return schedules.add(tx, ANN, **(wanted | changes))


@pytest.mark.parametrize(
    ("cron", "zone", "after", "wanted"),
    [
        ("0 */4 * * *", "UTC", "2026-03-02T12:30", "2026-03-02T16:00"),
        ("30 9 * * 1-5", "Europe/Berlin", "2026-03-06T10:00", "2026-03-09T08:30"),
        # The night in which clocks in Berlin go forward has no 02:30: it fires when that hour would have begun.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00"),
        # The night in which they go back has it twice; once is enough.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30"),
    ],
)
def test_a_cron_expression_fires_by_the_clocks_of_its_zone(cron: str, zone: str, after: str, wanted: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert schedules.next_run(cron, zone, moment) == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "61 * * * *", "0 0 31 2 *", "* * * * * *", "@daily", "x y z a b", "0 0 * * 9"]
)
def test_what_never_fires_is_refused_by_name(database: Database, cron: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(database, cron=cron)
    assert [problem.field for problem in refused.value.problems] == ["schedule"]
    with database.reading() as tx:
        assert schedules.listing(tx, ANN) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"platform": "myspace"}, "platform"),
        ({"config": {}}, "source"),
        ({"config": {"url": "https://example.org/", "colour": "red"}}, "config.colour"),
        ({"config": {"url": "https://example.org/", "max_downloads": "many"}}, "config.max_downloads"),
        ({"config": {"url": "https://example.org/", "downloader": "magic"}}, "config.downloader"),
        ({"config": {"url": "https://example.org/", "timezone": "Mars/Olympus"}}, "config.timezone"),
        ({"config": {"url": "ftp://example.org/"}}, "url"),
    ],
)
def test_a_bad_schedule_names_its_field(database: Database, change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(database, **change)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_names_become_readable_ids_that_differ(database: Database) -> None:
    first, second = make(database), make(database)
    assert (first.id, second.id) == ("web-harbour-all", "web-harbour-all-2")


def test_a_schedule_that_is_due_runs_once_also_after_a_long_pause(database: Database, clock: TestClock) -> None:
    made = make(database)
    assert made.next_run is not None
    clock.advance(timedelta(days=3).total_seconds())
    with database.writing() as tx:
        schedules.fire(tx, made.id, made.next_run)
        schedules.fire(tx, made.id, made.next_run)
    with database.reading() as tx:
        after = schedules.get(tx, ANN, made.id)
        assert queue.listing(tx, ANN, number=1, size=10).page.total == 1
        assert after.next_run is not None
        assert after.next_run > clock()
        assert jobs.count(tx, f"schedule/{made.id}") == 2


def test_a_schedule_that_is_switched_off_has_no_next_run(database: Database) -> None:
    made = make(database)
    with database.writing() as tx:
        off = schedules.change(tx, ANN, made.id, enabled=False)
        assert (off.enabled, off.next_run) == (False, None)
        assert made.next_run is not None
        schedules.fire(tx, made.id, made.next_run)
        assert queue.listing(tx, ANN, number=1, size=10).page.total == 0
        assert schedules.change(tx, ANN, made.id, enabled=True).next_run is not None


def test_a_run_that_has_not_ended_keeps_the_next_from_starting(database: Database) -> None:
    made = make(database)
    with database.writing() as tx:
        schedules.run_now(tx, ANN, made.id)
    with database.writing() as tx, pytest.raises(Conflict):
        schedules.run_now(tx, ANN, made.id)


def test_taking_a_run_out_of_the_queue_ends_it(database: Database) -> None:
    made = make(database)
    with database.writing() as tx:
        item = schedules.run_now(tx, ANN, made.id)
        queue.remove(tx, ANN, item.id)
        (run,) = schedules.history(tx, ANN)
    assert (run.status, run.error) == ("failure", "It was taken out of the queue.")


def test_another_users_schedule_is_not_there(database: Database) -> None:
    made = make(database)
    with database.writing() as tx:
        for act in (schedules.get, schedules.remove, schedules.run_now):
            with pytest.raises(NotFound):
                act(tx, BOB, made.id)
        assert schedules.listing(tx, BOB) == []


def test_a_thread_is_monitored_until_so_many_days_after_its_last_post(database: Database, clock: TestClock) -> None:
    with database.writing() as tx:
        watched = schedules.monitor(tx, ANN, forum_name="Harbour", thread_url=THREAD, monitor_days=30)
        assert (watched.id, watched.until) == ("thread-42", clock() + timedelta(days=30))
        (item,) = queue.listing(tx, ANN, number=1, size=10).page.items
        posted = clock() - timedelta(days=12)
        store.set_bookmark(tx, ANN.user_id, bookmark_key(item), "{}", posted)
        queue_store.update(tx, item, expanded=True)
        complete_if_done(tx, item.id)
        after = schedules.get(tx, ANN, watched.id)
        assert (after.until, after.success_count) == (posted + timedelta(days=30), 1)
    clock.advance(timedelta(days=19).total_seconds())
    with database.writing() as tx:
        due = schedules.get(tx, ANN, watched.id).next_run
        assert due is not None
        schedules.fire(tx, watched.id, due)
        ended = schedules.get(tx, ANN, watched.id)
        assert (ended.enabled, ended.next_run) == (False, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"thread_url": "javascript:alert(1)"}, "thread_url"),
        ({"forum_name": ""}, "forum_name"),
        ({"monitor_days": 0}, "monitor_days"),
    ],
)
def test_a_thread_that_cannot_be_watched_names_its_field(
    database: Database, change: dict[str, Any], field: str
) -> None:
    wanted: dict[str, Any] = {"forum_name": "Harbour", "thread_url": THREAD, "monitor_days": 30}
    with database.writing() as tx, pytest.raises(Invalid) as refused:
        schedules.monitor(tx, ANN, **(wanted | change))
    assert [problem.field for problem in refused.value.problems] == [field]


def test_ending_a_run_twice_counts_once(database: Database) -> None:
    made = make(database)
    with database.writing() as tx:
        item = schedules.run_now(tx, ANN, made.id)
        assert item.run_id is not None
        runs.end(tx, item.run_id, ItemStatus.COMPLETED, 3, None)
        runs.end(tx, item.run_id, ItemStatus.FAILED, 0, "again")
        after = schedules.get(tx, ANN, made.id)
    assert (after.total_runs, after.success_count, after.failure_count, after.last_items) == (1, 1, 0, 3)


@pytest.mark.parametrize(
    ("cron", "words"), [("0 */4 * * *", "Every 4 hours"), ("30 9 * * 1-5", "At 09:30, Monday through Friday")]
)
def test_a_cron_expression_is_put_into_words(cron: str, words: str) -> None:
    assert schedules.in_words(cron, "UTC") == words
