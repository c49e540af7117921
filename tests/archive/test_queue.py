"""The queue: what is asked for, in order, by whom."""

from collections.abc import Sequence

import pytest

from entourage.accounts.model import Actor, Role
from entourage.archive import budgets, preferences, queue
from entourage.archive.model import Item, ItemStatus, Wish
from entourage.kernel import jobs, lanes
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict, Invalid, NotFound
from entourage.kernel.secrets import Secrets
from entourage.kernel.tables import State

ADMIN = Actor(1, "admin", Role.ADMIN)
ANN, BOB = Actor(2, "ann", Role.USER), Actor(3, "bob", Role.USER)


@pytest.fixture(autouse=True)
def declared(database: Database) -> None:
    with database.writing() as tx:
        budgets.declare(tx, preferences.current(tx))


def add(database: Database, actor: Actor, url: str, **wishes: object) -> Item:
    with database.writing() as tx:
        return queue.add(tx, actor, Wish(url, **wishes))  # pyright: ignore[reportArgumentType]  # test data


def problems(error: Invalid) -> Sequence[str]:
    return [problem.field for problem in error.problems]


def test_an_address_becomes_a_pending_item_with_a_job(database: Database) -> None:
    item = add(database, ANN, "HTTPS://Example.org/gallery")
    assert (item.url, item.platform, item.source) == ("https://example.org/gallery", "web", "example.org")
    assert (item.status, item.priority, item.progress) == (ItemStatus.PENDING, 5, 0)
    with database.reading() as tx:
        waiting = jobs.next_of(tx, f"queue/{item.id}")
    assert waiting is not None
    assert (waiting.kind, waiting.args) == ("expand", {"queue_id": item.id})


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"url": "ftp://example.org/x"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://user:secret@example.org/"}, "url"),
        ({"url": "https://example.org/a b"}, "url"),
        ({"url": "https://example.org/" + "x" * 5000}, "url"),
        ({"url": "https://example.org/", "priority": 0}, "priority"),
        ({"url": "https://example.org/", "priority": 11}, "priority"),
        ({"url": "https://example.org/", "max_downloads": 0}, "max_downloads"),
        ({"url": "https://example.org/", "days_back": -1}, "days_back"),
        ({"url": "https://example.org/", "platform": "myspace"}, "platform"),
        ({"url": "https://example.org/", "content_type": "stories"}, "content_type"),
        ({"url": "https://example.org/", "source": "  "}, "source"),
    ],
)
def test_what_cannot_be_accepted_names_its_field_and_stores_nothing(
    database: Database, wish: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        add(database, ANN, **wish)  # pyright: ignore[reportArgumentType]  # test data
    assert problems(refused.value) == [field]
    with database.reading() as tx:
        assert queue.listing(tx, ADMIN, number=1, size=10).page.total == 0


def test_the_same_address_is_not_queued_twice_but_another_user_may(database: Database) -> None:
    add(database, ANN, "https://example.org/a")
    with pytest.raises(Conflict):
        add(database, ANN, "https://example.org/a")
    assert add(database, BOB, "https://example.org/a").owner == BOB.user_id


def test_a_user_sees_only_their_own_items_and_an_administrator_all(database: Database) -> None:
    mine, theirs = add(database, ANN, "https://example.org/a"), add(database, BOB, "https://example.org/b")
    with database.reading() as tx:
        assert [item.id for item in queue.listing(tx, ANN, number=1, size=10).page.items] == [mine.id]
        assert queue.listing(tx, ADMIN, number=1, size=10).page.total == 2
        with pytest.raises(NotFound):
            queue.get(tx, ANN, theirs.id)


def test_the_list_is_in_the_order_of_running(database: Database) -> None:
    low = add(database, ANN, "https://example.org/low", priority=9)
    high = add(database, ANN, "https://example.org/high", priority=1)
    middle = add(database, ANN, "https://example.org/middle")
    with database.reading() as tx:
        page = queue.listing(tx, ANN, number=1, size=2).page
        assert [item.id for item in page.items] == [high.id, middle.id]
        assert (page.total, page.pages) == (3, 2)
        assert [item.id for item in queue.listing(tx, ANN, number=2, size=2).page.items] == [low.id]


def test_pausing_rests_the_jobs_and_resuming_lets_them_go_on(database: Database) -> None:
    item = add(database, ANN, "https://example.org/a")
    with database.writing() as tx:
        assert queue.change(tx, ANN, item.id, status=ItemStatus.PAUSED).status is ItemStatus.PAUSED
        assert _state(tx, item) is State.PAUSED
        assert queue.why(tx, ANN, item.id) == "Paused by you; it goes on when you resume it."
        assert queue.change(tx, ANN, item.id, status=ItemStatus.PENDING).status is ItemStatus.PENDING
        assert _state(tx, item) is State.WAITING


def _state(tx: Tx, item: Item) -> State | None:
    job = jobs.next_of(tx, f"queue/{item.id}")
    return None if job is None else job.state


def test_a_new_priority_reaches_the_jobs(database: Database) -> None:
    item = add(database, ANN, "https://example.org/a")
    with database.writing() as tx:
        assert queue.change(tx, ANN, item.id, priority=1).priority == 1
        job = jobs.next_of(tx, f"queue/{item.id}")
        assert job is not None
        assert job.priority == 1


def test_removing_an_item_cancels_its_work(database: Database) -> None:
    item = add(database, ANN, "https://example.org/a")
    with database.writing() as tx:
        queue.remove(tx, ANN, item.id)
    with database.reading() as tx:
        assert jobs.next_of(tx, f"queue/{item.id}") is None
        assert queue.listing(tx, ADMIN, number=1, size=10).counts[ItemStatus.PENDING] == 0


def test_only_what_is_over_can_be_cleared(database: Database) -> None:
    add(database, ANN, "https://example.org/a")
    with database.writing() as tx:
        assert queue.clear(tx, ANN, [ItemStatus.COMPLETED, ItemStatus.FAILED]) == 0
        with pytest.raises(Invalid):
            queue.clear(tx, ANN, [ItemStatus.PENDING])


def test_a_pending_item_cannot_be_retried(database: Database) -> None:
    item = add(database, ANN, "https://example.org/a")
    with database.writing() as tx, pytest.raises(Conflict):
        queue.retry(tx, ANN, item.id)


def test_estimates_are_none_where_nothing_is_known(database: Database) -> None:
    add(database, ANN, "https://example.org/a")
    with database.reading() as tx:
        stats = queue.stats(tx, ANN)
    assert (stats.total, stats.pending) == (1, 1)
    assert stats.average_wait is None
    assert stats.estimated_completion is None


def test_a_platform_that_is_switched_off_takes_nothing(database: Database) -> None:
    with database.writing() as tx:
        preferences.change(tx, ADMIN, {"platforms": {"web": {"enabled": False}}}, Secrets(b"k" * 32))
    with pytest.raises(Invalid) as refused:
        add(database, ANN, "https://example.org/a")
    assert problems(refused.value) == ["platform"]


def test_resuming_lets_a_platform_that_asked_for_a_person_work_again(database: Database) -> None:
    item = add(database, ANN, "https://example.org/a")
    with database.writing() as tx:
        lanes.open_breaker(tx, "platform/web", "it asks for a person")
        queue.change(tx, ANN, item.id, status=ItemStatus.PAUSED)
        assert lanes.get(tx, "platform/web").broken == "it asks for a person"
        queue.change(tx, ANN, item.id, status=ItemStatus.PENDING)
        assert lanes.get(tx, "platform/web").broken is None


@pytest.mark.parametrize("number", [2**63, -(2**70), 10**30])
def test_a_number_beyond_all_bounds_is_of_nothing(database: Database, number: int) -> None:
    with pytest.raises(NotFound), database.reading() as tx:
        queue.get(tx, ANN, number)
