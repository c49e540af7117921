"""SQLite: one file, a reader per thread, one writer at a time; and its errors in our words."""

import contextlib
import sqlite3
import threading
from collections.abc import Generator
from pathlib import Path

from sqlalchemy.dialects import sqlite

from entourage.kernel.errors import Conflict, NotFound, StorageFull
from entourage.kernel.statements import BUSY_SECONDS, LOOK_SECONDS, Busy, Compiler

BRIEFLY_IN_A_ROW = 200
"""Brief transactions after which a usual one has to come: it is those that put the log back into the file."""


@contextlib.contextmanager
def named_errors() -> Generator[None]:
    """What the driver raises, as the states of the world that it means."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict("That exists already or is still in use.") from error
    except OverflowError as error:
        raise NotFound("There is nothing with so large a number.") from error
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise StorageFull("The database has no room left; free some disk space.") from error
        if "locked" in text or "busy" in text:
            raise Busy("The database is busy with another program's work; try again in a moment.") from error
        raise


@contextlib.contextmanager
def _stored(connection: sqlite3.Connection) -> Generator[sqlite3.Cursor]:
    """A transaction that writes, stored at the end, or undone."""
    cursor = connection.cursor()
    try:
        cursor.execute("BEGIN IMMEDIATE")
        yield cursor
        cursor.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            cursor.execute("ROLLBACK")
        raise
    finally:
        cursor.close()


class Sqlite:
    """Connections to one SQLite file: a reader per thread, and one writer at a time."""

    def __init__(self, url: str) -> None:
        self.path = url.removeprefix("sqlite:///")
        self.compiler = Compiler(sqlite.dialect(paramstyle="named"))
        self._write_lock = threading.Lock()
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._open_lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._brief: sqlite3.Connection | None = None
        self._briefly = 0

    def connect(self) -> sqlite3.Connection:
        """A new connection."""
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
        """A cursor in a transaction that sees one state."""
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
        """A cursor in a transaction that is stored at the end, or undone."""
        with self._write_lock:
            self._briefly = 0
            if self._writer is None:
                self._writer = self.connect()
            with _stored(self._writer) as cursor:
                yield cursor

    @contextlib.contextmanager
    def brief_writer(self) -> Generator[sqlite3.Cursor]:
        """As `writer`, for who must not wait: raises Busy where somebody else writes, and leaves the disk to others."""
        if self._briefly >= BRIEFLY_IN_A_ROW or not self._write_lock.acquire(blocking=False):
            raise Busy("Somebody else writes just now.")
        try:
            self._briefly += 1
            if self._brief is None:
                self._brief = self.connect()
                self._brief.execute("PRAGMA busy_timeout=0")
                self._brief.execute("PRAGMA wal_autocheckpoint=0")
            with _stored(self._brief) as cursor:
                yield cursor
        finally:
            self._write_lock.release()

    def fingerprint(self) -> int | None:
        """A number that changes when another connection changed the data; None where telling is not cheap."""
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
        """Let go of every connection."""
        with self._open_lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
