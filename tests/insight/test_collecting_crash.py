"""kill -9 in the middle of a collection: the next process goes on with the same call, and nothing is counted twice."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import sqlalchemy as sa
from collecting_bench import ADMIN, ANN
from emulators import glass
from emulators.glass import Glass, GlassReader

from entourage.insight import plans
from entourage.insight.store.tables import channels, follows, likes, posts
from entourage.insight.watching import Collection, Depth, Status
from entourage.kernel.db import Database, Tx
from entourage.networks import registry

PROGRAM = Path(__file__).with_name("collector.py")


@pytest.fixture
def reader() -> Generator[None]:
    registry.PEOPLE["glass"] = GlassReader()
    yield
    del registry.PEOPLE["glass"]


def last(tx: Tx, plan_id: int) -> Collection:
    return plans.collections(tx, ADMIN, plan_id)[0]


async def test_a_killed_server_repeats_one_call_at_most(database_url: str, tmp_path: Path, reader: None) -> None:
    network = Glass()
    network.member("m1", "mia", followers=150)
    for number in range(25):
        network.post("m1", f"p{number}", likers=4)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    children: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        program = [sys.executable, str(PROGRAM), database_url, str(tmp_path / "scratch")]
        children.append(subprocess.Popen(program, env=environment))

    def kill() -> None:
        children[-1].kill()
        children[-1].wait()

    def kills_now(call: glass.Call) -> glass.Answer | None:
        """The server dies while it waits for the answer, or just after it came."""
        if len(network.seen) in {3, 9, 14, 20}:
            kill()
            begin()
        return None

    network.changes.append(kills_now)
    database = Database(database_url)
    try:
        async with network.server:
            depth = Depth(followers=1000, likers_of=5, comments_of=0)
            plan = database.write_now(
                plans.watch, ANN, network="glass", who="@mia", server=network.address, depth=depth
            )  # fmt: skip
            begin()
            deadline = time.monotonic() + 60
            while (run := await database.read(last, plan.id)).status is Status.RUNNING:
                assert time.monotonic() < deadline, run
                await asyncio.sleep(0.05)
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert (run.status, run.notes) == (Status.DONE, ())
    assert run.counts == {"profile": 1, "posts": 25, "followers": 150, "likers": 20}
    assert run.calls == 1 + 3 + 15 + 5
    assert len(network.seen) == run.calls + 4
    with database.reading() as tx:
        known = [tx.value(sa.select(sa.func.count()).select_from(table)) for table in (channels, posts, likes, follows)]
    assert known == [151, 25, 20, 150]
    database.close()
