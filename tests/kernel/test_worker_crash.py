"""kill -9: no job is lost, none is recorded twice, no place in a lane stays taken."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import sqlalchemy as sa

from entourage.kernel import jobs, lanes, migrate
from entourage.kernel.budget import Limits
from entourage.kernel.db import Database
from entourage.kernel.jobs import NewJob
from entourage.kernel.tables import State, lane_loads
from entourage.kernel.tables import jobs as table

PROGRAM = Path(__file__).with_name("crash_worker.py")
Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(database_url: str) -> Generator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin() -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, str(PROGRAM), database_url, "8"], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def left(database: Database) -> int:
    with database.reading() as tx:
        return tx.value(sa.select(sa.func.count()).select_from(table).where(table.c.state != State.DONE))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not end"
        time.sleep(0.02)


def test_killed_workers_lose_nothing_and_finish_nothing_twice(database_url: str, start: Start) -> None:
    with migrate.connecting(database_url) as connection, connection.begin():
        connection.execute(sa.text("CREATE TABLE ledger (job BIGINT NOT NULL, done_by TEXT NOT NULL)"))
    database = Database(database_url)
    total = 1500
    with database.writing() as tx:
        lanes.declare(tx, "downloads", Limits(at_once=12))
        jobs.defer_many(tx, [NewJob("k", lanes=["downloads", f"host/{n % 10}"], max_attempts=50) for n in range(total)])
    steady = start()
    for _ in range(3):
        victim = start()
        before = left(database)
        wait_until(lambda before=before: left(database) < before - random.randint(1, 60) or left(database) == 0)
        victim.kill()
        victim.wait()
    wait_until(lambda: left(database) == 0)
    with database.reading() as tx:
        rows, distinct = tx.one(
            sa.select(sa.func.count(), sa.func.count(sa.distinct(sa.column("job")))).select_from(sa.table("ledger"))
        ) or (0, 0)
        assert (rows, distinct) == (total, total)
        assert tx.value(sa.select(sa.func.count(sa.distinct(sa.text("done_by")))).select_from(sa.table("ledger"))) > 1
        assert tx.value(sa.select(sa.func.sum(lane_loads.c.running))) == 0
    steady.kill()
    database.close()
