"""Changes of a few rows are stored here and now where nobody has to be waited for, else in a thread."""

import asyncio
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict
from entourage.kernel.sqlite import BRIEFLY_IN_A_ROW

_ADD = sa.text("INSERT INTO knowledge (id, version) VALUES (:id, :version)")
_SUM = sa.text("SELECT count(*), sum(version) FROM knowledge")


def add(tx: Tx, number: int) -> str:
    tx.run(_ADD, id=number, version=1)
    return threading.current_thread().name


def count(database: Database) -> int:
    with database.reading() as tx:
        return tx.all(_SUM)[0][0]


@pytest.fixture
def here() -> str:
    return threading.current_thread().name


async def test_on_sqlite_no_thread_is_needed_and_the_log_is_put_back_now_and_then(
    database: Database, here: str
) -> None:
    threads = [await database.write_briefly(add, number) for number in range(BRIEFLY_IN_A_ROW + 2)]
    assert count(database) == BRIEFLY_IN_A_ROW + 2
    if database.dialect_name == "sqlite":
        assert [name == here for name in threads] == [True] * BRIEFLY_IN_A_ROW + [False, True]
    else:
        assert here not in threads


async def test_who_finds_another_writer_waits_in_a_thread(
    database: Database, another: Callable[[], Database], here: str
) -> None:
    holding, let_go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        add(tx, 1)
        holding.set()
        let_go.wait(10)

    for holder in (database, another()):
        holding.clear()
        let_go.clear()
        work = asyncio.create_task(asyncio.to_thread(holder.write_now, hold))
        await asyncio.to_thread(holding.wait, 10)
        brief = asyncio.create_task(database.write_briefly(add, 2))
        await asyncio.sleep(0.05)
        if database.dialect_name == "sqlite":
            assert not brief.done()
        let_go.set()
        await work
        assert await brief != here
        await database.write(lambda tx: tx.run(sa.text("DELETE FROM knowledge")))


async def test_what_fails_is_undone_and_the_next_is_stored(database: Database) -> None:
    def twice(tx: Tx) -> None:
        add(tx, 1)
        add(tx, 1)

    with pytest.raises(Conflict):
        await database.write_briefly(twice)
    assert count(database) == 0
    await database.write_briefly(add, 1)
    assert count(database) == 1


async def test_who_listens_is_told(database: Database) -> None:
    rung = threading.Event()
    database.listen("brief", rung.set)
    rung.clear()
    await database.write_briefly(lambda tx: tx.ring("brief"))
    assert await asyncio.to_thread(rung.wait, 5)
