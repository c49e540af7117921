"""Measures the job queue on both databases, beside a plain poller in the same run.

The peer is what one writes by hand on a weekend: one table, `ORDER BY priority, id LIMIT 1`, one transaction to take a
job and one to end it, no lanes, no leases. Its table has the index it needs. Both do nothing in their jobs.
"""

import asyncio
import os
import resource
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.report import Section
from entourage.kernel import jobs, lanes, leases, planning
from entourage.kernel.budget import Limits
from entourage.kernel.db import Database, Tx
from entourage.kernel.jobs import Job, NewJob
from entourage.kernel.migrate import migrate
from entourage.kernel.outcomes import Done, Outcome
from entourage.kernel.worker import Running, Worker

SLOTS = 16
BATCH = 2000
Row = tuple[str, str, str]


def new_jobs(count: int, lines: int) -> Generator[list[NewJob]]:
    """`count` jobs over `lines` lines, as batches of one transaction each."""
    for start in range(0, count, BATCH):
        yield [
            NewJob("k", {"n": n}, ["downloads", "network", f"creator/{n % lines}"], priority=1 + n % 10)
            for n in range(start, min(start + BATCH, count))
        ]


def fill(database: Database, count: int, lines: int) -> float:
    """Seconds to write down `count` jobs."""
    began = time.perf_counter()
    for batch in new_jobs(count, lines):
        database.write_now(jobs.defer_many, batch)
    return time.perf_counter() - began


async def drain(database: Database, count: int, slots: int) -> float:
    """Seconds to do `count` jobs that wait."""
    done = 0
    ended = asyncio.Event()

    async def handle(_job: Job, _running: Running) -> Outcome:
        nonlocal done
        done += 1
        if done == count:
            ended.set()
        return Done()

    began = time.perf_counter()
    async with Worker(database, {"k": handle}, slots=slots):
        await ended.wait()
    return time.perf_counter() - began


async def latencies(database: Database, times: int) -> list[float]:
    """Seconds from the call of `defer` to the first line of the handler, the worker being idle."""
    started: asyncio.Queue[float] = asyncio.Queue()

    async def handle(_job: Job, _running: Running) -> Outcome:
        started.put_nowait(time.perf_counter())
        return Done()

    found: list[float] = []
    async with Worker(database, {"soon": handle}, slots=SLOTS):
        await asyncio.sleep(0.5)
        for _ in range(times):
            began = time.perf_counter()
            await database.write(jobs.defer, "soon", lanes=["soon"])
            found.append(await started.get() - began)
            await asyncio.sleep(0.01)
    return found


def looks(database: Database, owner: str, times: int) -> list[float]:
    """Seconds that one look costs when everything is blocked."""
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        turn = database.write_now(planning.turn, owner, free=SLOTS)
        found.append(time.perf_counter() - began)
        assert not turn.claimed
    return found


def block(tx: Tx) -> None:
    """Let nothing start."""
    lanes.declare(tx, "network", Limits(at_once=0))


def settle_blocked(database: Database, owner: str) -> float:
    """Seconds until planning has seen once that everything is blocked."""
    began = time.perf_counter()
    while database.write_now(planning.turn, owner, free=SLOTS).next_at is not None:
        pass
    return time.perf_counter() - began


async def idle(database: Database, seconds: float) -> float:
    """Share of a processor that an idle worker uses."""
    async with Worker(database, {}, slots=SLOTS):
        await asyncio.sleep(1.5)
        before = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(seconds)
        after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds


class Poller:
    """The peer: one table and a loop."""

    def __init__(self, connection: Any, mark: str) -> None:
        self.connection = connection
        self.mark = mark
        key = "INTEGER PRIMARY KEY" if mark == "?" else "BIGSERIAL PRIMARY KEY"
        connection.execute(f"CREATE TABLE poll (id {key}, priority INTEGER, state TEXT, lane TEXT, args TEXT)")
        connection.execute("CREATE INDEX poll_ready ON poll (priority, id) WHERE state = 'ready'")
        skip = "" if mark == "?" else " FOR UPDATE SKIP LOCKED"
        self.pick = f"SELECT id, args FROM poll WHERE state = 'ready' ORDER BY priority, id LIMIT 1{skip}"
        self.blocked = (
            "SELECT id FROM poll WHERE state = 'ready' AND lane NOT IN (SELECT lane FROM blocked) "
            "ORDER BY priority, id LIMIT 1"
        )

    def fill(self, count: int, lines: int) -> float:
        """Seconds to write down `count` jobs, in transactions as large as ours."""
        began = time.perf_counter()
        insert = f"INSERT INTO poll (priority, state, lane, args) VALUES ({', '.join([self.mark] * 4)})"
        for start in range(0, count, BATCH):
            rows = [(1 + n % 10, "ready", f"creator/{n % lines}", f'{{"n":{n}}}') for n in range(start, start + BATCH)]
            self.connection.execute("BEGIN")
            cursor = self.connection.cursor()
            cursor.executemany(insert, rows)
            self.connection.execute("COMMIT")
        return time.perf_counter() - began

    def drain(self, count: int) -> float:
        """Seconds to take and end `count` jobs, one after the other."""
        began = time.perf_counter()
        for _ in range(count):
            self.connection.execute("BEGIN" if self.mark != "?" else "BEGIN IMMEDIATE")
            job = self.connection.execute(self.pick).fetchone()[0]
            self.connection.execute(f"UPDATE poll SET state = 'running' WHERE id = {self.mark}", (job,))
            self.connection.execute("COMMIT")
            self.connection.execute("BEGIN" if self.mark != "?" else "BEGIN IMMEDIATE")
            self.connection.execute(f"UPDATE poll SET state = 'done' WHERE id = {self.mark}", (job,))
            self.connection.execute("COMMIT")
        return time.perf_counter() - began

    def looks(self, lines: int, times: int) -> list[float]:
        """Seconds that one look costs when every lane is blocked."""
        self.connection.execute("CREATE TABLE blocked (lane TEXT PRIMARY KEY)")
        cursor = self.connection.cursor()
        cursor.executemany(f"INSERT INTO blocked VALUES ({self.mark})", [(f"creator/{n}",) for n in range(lines)])
        found: list[float] = []
        for _ in range(times):
            began = time.perf_counter()
            assert self.connection.execute(self.blocked).fetchone() is None
            found.append(time.perf_counter() - began)
        return found


@contextmanager
def sqlite_peer(folder: Path) -> Generator[Poller]:
    """The peer on SQLite, with the settings we use."""
    connection = sqlite3.connect(folder / "peer.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    yield Poller(connection, "?")
    connection.close()


@contextmanager
def postgres_peer(url: str) -> Generator[Poller]:
    """The peer on PostgreSQL."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield Poller(connection, "%s")


@contextmanager
def postgres_database(server: str) -> Generator[str]:
    """An empty database of our own."""
    name = f"entourage_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def measure_one(name: str, url: str, peer: Callable[[], Any], count: int, lines: int) -> list[Row]:
    """Every number for one database."""
    migrate(url)
    database = Database(url)
    rows: list[Row] = []
    few = min(count, 5000)
    with peer() as poller:
        peer_fill, peer_drain = poller.fill(count, lines), poller.drain(few)
        peer_looks = poller.looks(lines, 20)
    filled = fill(database, count, lines)
    rows.append(ratio(f"{name}: jobs written down a second", count / filled, count / peer_fill))
    drained = asyncio.run(drain(database, count, SLOTS))
    rows.append(ratio(f"{name}: jobs done a second, {SLOTS} slots", count / drained, few / peer_drain))
    fill(database, few, lines)
    rows.append(ratio(f"{name}: the same, 4 slots", few / asyncio.run(drain(database, few, 4)), few / peer_drain))
    found = sorted(asyncio.run(latencies(database, 200)))
    rows.append((f"{name}: enqueue to start, median", f"{found[100] * 1000:.2f} ms", ""))
    rows.append((f"{name}: enqueue to start, 99 %", f"{found[198] * 1000:.2f} ms", ""))
    database.write_now(block)
    owner = leases.new_owner()
    database.write_now(leases.register, owner)
    fill(database, count, lines)
    rows.append((f"{name}: first look at it all, blocked", f"{settle_blocked(database, owner) * 1000:.0f} ms", ""))
    look, peer_look = statistics.median(looks(database, owner, 200)), statistics.median(peer_looks)
    rows.append((f"{name}: each look after that", f"{look * 1000:.3f} ms", f"{peer_look * 1000:.1f} ms"))
    rows.append((f"{name}: idle worker, of one processor", f"{asyncio.run(idle(database, 4)) * 100:.2f} %", ""))
    database.close()
    return rows


def ratio(what: str, ours: float, theirs: float) -> Row:
    """A row that compares."""
    return (what, f"{ours:,.0f}", f"{theirs:,.0f} ({ours / theirs:.1f} times)")


def measure(*, small: bool) -> Section:
    """Every number, on both databases; without a PostgreSQL server on SQLite alone."""
    count, lines = (10_000, 100) if small else (100_000, 1000)
    server = os.environ.get("ENTOURAGE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
    rows: list[Row] = []
    notes = [
        f"{count:,} jobs over {lines:,} lanes, none of which does anything.",
        "The peer is what one writes by hand: one table with its index, a transaction to take a job and one to end it.",
        "The peer has no lanes, no leases and nothing that survives a worker's end.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/entourage.db"
        rows += measure_one("SQLite", url, lambda: sqlite_peer(Path(folder)), count, lines)
    try:
        with postgres_database(server) as url:
            rows += measure_one("PostgreSQL", url, lambda: postgres_peer(url), count, lines)
    except psycopg.OperationalError:
        notes.append("There was no PostgreSQL server to measure on.")
    return Section("queue", ("what", "Entourage", "plain poller"), rows, notes)
