"""The database: one small port (`Tx`) over SQLite or PostgreSQL; how statements run is the kernel's secret.

Statements are written once with SQLAlchemy Core, compiled once per dialect and run on the driver directly
(docs/decisions/0003-database.md has the measurements). What is read-then-written by several processes takes `tx.lock`.
"""

import asyncio
import contextlib
import functools
import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from entourage.kernel import sqlite
from entourage.kernel.bells import Bells
from entourage.kernel.clock import Clock, system_clock
from entourage.kernel.statements import CHANNEL, READERS, Busy, Compiler, Row

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 6


class Tx:
    """One transaction. `now` is its moment: everything it writes carries the same time."""

    def __init__(self, cursor: Any, compiler: Compiler, clock: Clock, *, writes: bool) -> None:
        self._cursor = cursor
        self._compiler = compiler
        self.now = clock()
        self.clock = clock
        self.writes = writes
        self.dialect = compiler.dialect.name
        self.bells: set[str] = set()
        self._after: list[Callable[[], None]] = []

    def one(self, statement: sa.ClauseElement, **params: Any) -> Row | None:
        """The first row, or None."""
        ready = self._compiler(statement)
        row = self._cursor.execute(ready.text, ready.bind(params)).fetchone()
        return None if row is None else ready.read(row)

    def all(self, statement: sa.ClauseElement, **params: Any) -> list[Row]:
        """Every row."""
        ready = self._compiler(statement)
        rows = self._cursor.execute(ready.text, ready.bind(params)).fetchall()
        return [ready.read(row) for row in rows] if ready.readers else rows

    def value(self, statement: sa.ClauseElement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(statement, **params)
        return None if row is None else row[0]

    def run(self, statement: sa.ClauseElement, **params: Any) -> int:
        """Run a change; how many rows it touched."""
        ready = self._compiler(statement)
        return self._cursor.execute(ready.text, ready.bind(params)).rowcount

    def many(self, statement: sa.ClauseElement, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run a change once per row of parameters; how many rows it touched in all."""
        ready = self._compiler(statement)
        bound = [ready.bind(row) for row in rows]
        if not bound:
            return 0
        self._cursor.executemany(ready.text, bound)
        return self._cursor.rowcount

    def reserve(self, table: str, count: int) -> Sequence[int]:
        """Keys for `count` new rows of a table whose `id` counts up by itself and is never used twice."""
        if self._compiler.dialect.name == "postgresql":
            text = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
            return [row[0] for row in self._cursor.execute(text, (table, count))]
        row = self._cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        first = 1 if row is None else row[0] + 1
        return range(first, first + count)

    def lock(self, name: str) -> None:
        """Let no other transaction that locks the same name run until this one ends (SQLite has one writer anyway)."""
        if self._compiler.dialect.name == "postgresql":
            self._cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))

    @contextlib.contextmanager
    def savepoint(self) -> Generator[None]:
        """Undo what happens inside, and only that, when it raises."""
        self._cursor.execute("SAVEPOINT inner_step")
        try:
            yield
        except BaseException:
            self._cursor.execute("ROLLBACK TO SAVEPOINT inner_step")
            self._cursor.execute("RELEASE SAVEPOINT inner_step")
            raise
        self._cursor.execute("RELEASE SAVEPOINT inner_step")

    def after_commit(self, then: Callable[[], None]) -> None:
        """Call `then` (in the transaction's thread) once this transaction is safely stored, never if it is undone."""
        self._after.append(then)

    def ring(self, bell: str) -> None:
        """Once this transaction is stored, wake who listens for `bell`, here and in other processes."""
        if bell not in self.bells:
            self.bells.add(bell)
            if self._compiler.dialect.name == "postgresql":
                self._cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, bell))

    def committed(self) -> None:
        """Run what waits for the commit; called by the database alone."""
        for then in self._after:
            then()


class Engine(Protocol):
    """What either database offers."""

    compiler: Compiler

    def reader(self) -> contextlib.AbstractContextManager[Any]:
        """A cursor in a transaction that sees one state."""
        ...

    def writer(self) -> contextlib.AbstractContextManager[Any]:
        """A cursor in a transaction that is stored at the end, or undone."""
        ...

    def brief_writer(self) -> contextlib.AbstractContextManager[Any]:
        """As `writer`, or Busy where one would have to wait, for another writer or for the disk."""
        ...

    def fingerprint(self) -> int | None:
        """A number that changes when another connection changed the data; None where telling is not cheap."""
        ...

    def heard(self, stop: threading.Event) -> Generator[None]:
        """Yields whenever another process may have rung a bell, until `stop`."""
        ...

    def nudge(self) -> None:
        """Let `heard` look up."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


NamedErrors = Callable[[], contextlib.AbstractContextManager[None]]


def _opened(url: str) -> tuple[Engine, NamedErrors]:
    if url.startswith("sqlite:"):
        return sqlite.Sqlite(url), sqlite.named_errors
    from entourage.kernel import postgres  # noqa: PLC0415 - most servers run without, and start the sooner

    return postgres.Postgres(url), postgres.named_errors


class Database:
    """Opens a database and runs transactions in it, from threads (`reading`, `writing`) or from the event loop."""

    def __init__(self, url: str, clock: Clock = system_clock) -> None:
        """Open `sqlite:///path/to/file` or `postgresql://…`; nothing is created besides an empty SQLite file."""
        self.url = url
        self.clock = clock
        self._engine, self._named_errors = _opened(url)
        self.dialect_name = self._engine.compiler.dialect.name
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        writers = 1 if self.dialect_name == "sqlite" else READERS
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")
        self._bells = Bells(self._engine.heard)

    @contextlib.contextmanager
    def reading(self) -> Generator[Tx]:
        """A transaction that sees one state of the data and changes nothing."""
        with self._named_errors(), self._engine.reader() as cursor:
            yield Tx(cursor, self._engine.compiler, self.clock, writes=False)

    @contextlib.contextmanager
    def writing(self) -> Generator[Tx]:
        """A transaction that is stored whole when the block ends, and not at all when it raises."""
        with self._stored(self._engine.writer) as tx:
            yield tx

    @contextlib.contextmanager
    def _stored(self, writer: Callable[[], contextlib.AbstractContextManager[Any]]) -> Generator[Tx]:
        with self._named_errors(), writer() as cursor:
            tx = Tx(cursor, self._engine.compiler, self.clock, writes=True)
            yield tx
        tx.committed()
        self._bells.ring(tx.bells)

    async def read(self, do: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`do(tx, …)` in a reading transaction, in a thread."""

        def work() -> R:
            with self.reading() as tx:
                return do(tx, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def write(self, do: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`do(tx, …)` in a writing transaction, in a thread; tried again when another writer got in the way."""
        work = functools.partial(self.write_now, do, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writers, work)

    async def write_briefly(self, do: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As `write`, for a change of a few rows: here and now where nobody has to be waited for, else in a thread.

        Handing such a change to a thread of SQLite's takes longer than the change. `do` must be safe to run again.
        """
        with contextlib.suppress(Busy), self._stored(self._engine.brief_writer) as tx:
            return do(tx, *args, **kwargs)
        return await self.write(do, *args, **kwargs)

    def write_now(self, do: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As `write`, in the calling thread. `do` must be safe to run again after it was undone."""
        for attempt in range(TRIES):
            try:
                with self.writing() as tx:
                    return do(tx, *args, **kwargs)
            except Busy:
                if attempt == TRIES - 1:
                    raise
                time.sleep(random.uniform(0.01, 0.1) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError

    def fingerprint(self) -> int | None:
        """A number that changes when another connection changed the data; None where telling is not cheap."""
        return self._engine.fingerprint()

    def listen(self, bell: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` (in any thread, quickly) after each commit that rang `bell`, at once for this process and
        within half a second for others; now and then it is called for nothing. Returns what ends it.
        """
        return self._bells.listen(bell, wake)

    def ring(self, bell: str) -> None:
        """Wake who listens for `bell` in this process, without a transaction."""
        self._bells.ring({bell})

    def close(self) -> None:
        """Let go of every connection; running transactions are awaited."""
        self._bells.close(self._engine.nudge)
        self._readers.shutdown()
        self._writers.shutdown()
        self._engine.close()
