"""The database: one small port (`Tx`) over SQLite or PostgreSQL; how statements run is this module's secret.

Statements are written once with SQLAlchemy Core, compiled once per dialect and run on the driver directly
(docs/decisions/0003-database.md has the measurements). What is read-then-written by several processes takes `tx.lock`.
"""

import asyncio
import contextlib
import functools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

import psycopg
import psycopg.errors
import psycopg_pool
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from entourage.kernel.bells import Bells
from entourage.kernel.clock import Clock, system_clock
from entourage.kernel.errors import Conflict, NotFound, StorageFull, Unreachable

P = ParamSpec("P")
R = TypeVar("R")
Row = tuple[Any, ...]
"""A row in the order of the statement's columns; stores turn it into a dataclass."""

BUSY_SECONDS = 30
READERS = 8
TRIES = 6
CHANNEL = "entourage"
LOOK_SECONDS = 0.5


class _Statement(NamedTuple):
    text: str
    fixed: Mapping[str, Any]
    binders: tuple[tuple[str, Callable[[Any], Any]], ...]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]

    def bind(self, params: Mapping[str, Any]) -> dict[str, Any]:
        bound = {**self.fixed, **params}
        for name, convert in self.binders:
            bound[name] = convert(bound[name])
        return bound

    def read(self, row: Sequence[Any]) -> Row:
        if not self.readers:
            return row if isinstance(row, tuple) else tuple(row)
        values = list(row)
        for index, convert in self.readers:
            values[index] = convert(values[index])
        return tuple(values)


class _Compiler:
    """Compiles each statement once; a statement is kept by identity, so build statements once too."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self.dialect = dialect
        self.kept: dict[int, tuple[sa.ClauseElement, _Statement]] = {}

    def __call__(self, statement: sa.ClauseElement) -> _Statement:
        found = self.kept.get(id(statement))
        if found is None:
            if len(self.kept) > 5000:  # noqa: PLR2004 - a bound against statements built in a loop; they recompile
                self.kept.clear()
            found = self.kept[id(statement)] = (statement, self._compile(statement))
        return found[1]

    def _compile(self, statement: sa.ClauseElement) -> _Statement:
        compiled = cast("SQLCompiler", statement.compile(dialect=self.dialect))
        binders: dict[str, Callable[[Any], Any]] = {}  # by name: one that stands twice is converted once
        for parameter, name in compiled.bind_names.items():
            convert = _binder(parameter.type, self.dialect)
            if convert is not None:
                binders[name] = convert
        readers: list[tuple[int, Callable[[Any], Any]]] = []
        if isinstance(statement, sa.sql.expression.ReturnsRows):
            for index, column in enumerate(statement.exported_columns):
                convert = _reader(column.type, self.dialect)
                if convert is not None:
                    readers.append((index, convert))
        return _Statement(str(compiled), dict(compiled.params), tuple(binders.items()), tuple(readers))


def _binder(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, sa.types.TypeDecorator):
        return lambda value: kind.process_bind_param(value, dialect)
    return None


def _reader(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, sa.types.TypeDecorator):
        return lambda value: kind.process_result_value(value, dialect)
    if isinstance(kind, sa.Boolean) and dialect.name == "sqlite":
        return lambda value: None if value is None else bool(value)
    return None


class Tx:
    """One transaction. `now` is its moment: everything it writes carries the same time."""

    def __init__(self, cursor: Any, compiler: _Compiler, clock: Clock, *, writes: bool) -> None:
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

    def many(self, statement: sa.ClauseElement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run a change once per row of parameters."""
        ready = self._compiler(statement)
        bound = [ready.bind(row) for row in rows]
        if bound:
            self._cursor.executemany(ready.text, bound)

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


class Database:
    """Opens a database and runs transactions in it, from threads (`reading`, `writing`) or from the event loop."""

    def __init__(self, url: str, clock: Clock = system_clock) -> None:
        """Open `sqlite:///path/to/file` or `postgresql://…`; nothing is created besides an empty SQLite file."""
        self.url = url
        self.clock = clock
        self._engine: _Sqlite | _Postgres = _Sqlite(url) if url.startswith("sqlite:") else _Postgres(url)
        self.dialect_name = self._engine.compiler.dialect.name
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        writers = 1 if self.dialect_name == "sqlite" else READERS
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")
        self._bells = Bells(self._engine.heard)

    @contextlib.contextmanager
    def reading(self) -> Generator[Tx]:
        """A transaction that sees one state of the data and changes nothing."""
        with self._engine.reader() as cursor, _named_errors():
            yield Tx(cursor, self._engine.compiler, self.clock, writes=False)

    @contextlib.contextmanager
    def writing(self) -> Generator[Tx]:
        """A transaction that is stored whole when the block ends, and not at all when it raises."""
        with _named_errors(), self._engine.writer() as cursor:
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

    def write_now(self, do: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As `write`, in the calling thread. `do` must be safe to run again after it was undone."""
        for attempt in range(TRIES):
            try:
                with self.writing() as tx:
                    return do(tx, *args, **kwargs)
            except (Busy, psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
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


class Busy(Unreachable):
    """The database is held by another writer for longer than we wait."""


@contextlib.contextmanager
def _named_errors() -> Generator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict("That exists already or is still in use.") from error
    except psycopg.errors.IntegrityError as error:
        raise Conflict("That exists already or is still in use.") from error
    except (OverflowError, psycopg.errors.NumericValueOutOfRange) as error:
        raise NotFound("There is nothing with so large a number.") from error
    except psycopg.errors.DiskFull as error:
        raise StorageFull("The database has no room left; free some disk space.") from error
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
        raise
    except psycopg.OperationalError as error:
        raise Unreachable("The database does not answer; trying again.") from error
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise StorageFull("The database has no room left; free some disk space.") from error
        if "locked" in text or "busy" in text:
            raise Busy("The database is busy with another program's work; try again in a moment.") from error
        raise


class _Sqlite:
    """Connections to one SQLite file: a reader per thread, and one writer at a time."""

    def __init__(self, url: str) -> None:
        self.path = url.removeprefix("sqlite:///")
        self.compiler = _Compiler(sqlite.dialect(paramstyle="named"))
        self._write_lock = threading.Lock()
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._open_lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None

    def connect(self) -> sqlite3.Connection:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-16000",
            "mmap_size=268435456",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
        with self._open_lock:
            self._open.append(connection)
        return connection

    @contextlib.contextmanager
    def reader(self) -> Generator[sqlite3.Cursor]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")
            cursor.close()

    @contextlib.contextmanager
    def writer(self) -> Generator[sqlite3.Cursor]:
        with self._write_lock:
            if self._writer is None:
                self._writer = self.connect()
            cursor = self._writer.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
            finally:
                cursor.close()

    def fingerprint(self) -> int | None:
        connection = getattr(self._local, "watcher", None)
        if connection is None:
            connection = self._local.watcher = self.connect()
        return connection.execute("PRAGMA data_version").fetchone()[0]

    def heard(self, stop: threading.Event) -> Generator[None]:
        """Yields once, and whenever another connection changed something, until `stop`."""
        before: int | None = None
        while not stop.wait(LOOK_SECONDS):
            with contextlib.suppress(sqlite3.OperationalError):
                now = self.fingerprint()
                if now != before:
                    before = now
                    yield

    def nudge(self) -> None:
        """Nothing: waiting for `stop` ends at once."""

    def close(self) -> None:
        with self._open_lock:
            for connection in self._open:
                connection.close()
            self._open.clear()


class _Postgres:
    """A pool of connections to a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self.compiler = _Compiler(postgresql.dialect(paramstyle="pyformat"))
        plain = self._plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        name = urlsplit(plain).path.lstrip("/")
        self._pool: psycopg_pool.ConnectionPool[psycopg.Connection[Row]] = psycopg_pool.ConnectionPool(
            plain,
            min_size=1,
            max_size=READERS * 2,
            open=False,
            timeout=BUSY_SECONDS,
            name=name or "entourage",
            kwargs={"autocommit": True, "prepare_threshold": 3},
            check=psycopg_pool.ConnectionPool.check_connection,
        )
        self._lock = threading.Lock()

    def _opened(self) -> psycopg_pool.ConnectionPool[psycopg.Connection[Row]]:
        with self._lock:
            if self._pool.closed:
                self._pool.open()
        return self._pool

    @contextlib.contextmanager
    def reader(self) -> Generator[Any]:
        with self._opened().connection() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield cursor

    @contextlib.contextmanager
    def writer(self) -> Generator[Any]:
        with self._opened().connection() as connection, connection.transaction(), connection.cursor() as cursor:
            yield cursor

    def fingerprint(self) -> int | None:
        return None

    def heard(self, stop: threading.Event) -> Generator[None]:
        """Yields whenever any process rang a bell, and when some may have been missed, until `stop`."""
        while not stop.is_set():
            try:
                with psycopg.connect(self._plain, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    yield
                    while not stop.is_set():
                        for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                            yield
            except psycopg.OperationalError:
                stop.wait(1)

    def nudge(self) -> None:
        """Let `heard` look up."""
        with contextlib.suppress(psycopg.Error, psycopg_pool.PoolTimeout), self.writer() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))

    def close(self) -> None:
        if not self._pool.closed:
            self._pool.close()
