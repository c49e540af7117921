"""PostgreSQL: a pool of connections to a server; and its errors in our words. Imported only where it is used."""

import contextlib
import threading
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import psycopg.errors
import psycopg_pool
from sqlalchemy.dialects import postgresql

from entourage.kernel.errors import Conflict, NotFound, StorageFull, Unreachable
from entourage.kernel.statements import BUSY_SECONDS, CHANNEL, LOOK_SECONDS, READERS, Busy, Compiler, Row


@contextlib.contextmanager
def named_errors() -> Generator[None]:
    """What the driver raises, as the states of the world that it means."""
    try:
        yield
    except psycopg.errors.IntegrityError as error:
        raise Conflict("That exists already or is still in use.") from error
    except (OverflowError, psycopg.errors.NumericValueOutOfRange) as error:
        raise NotFound("There is nothing with so large a number.") from error
    except psycopg.errors.DiskFull as error:
        raise StorageFull("The database has no room left; free some disk space.") from error
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
        raise Busy("Another change to the same data was first; try again.") from error
    except psycopg.OperationalError as error:
        raise Unreachable("The database does not answer; trying again.") from error


def _configured(connection: psycopg.Connection[Row]) -> None:
    # To compile a statement to machine code takes longer than to run any of ours: a second, for counting a million.
    connection.execute("SET jit = off")


class Postgres:
    """A pool of connections to a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self.compiler = Compiler(postgresql.dialect(paramstyle="pyformat"))
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
            configure=_configured,
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
        """A cursor in a transaction that sees one state."""
        with self._opened().connection() as connection:
            # Said with BEGIN: a statement of its own would be one more way to the server and back.
            connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor

    @contextlib.contextmanager
    def writer(self) -> Generator[Any]:
        """A cursor in a transaction that is stored at the end, or undone."""
        with self._opened().connection() as connection:
            connection.isolation_level, connection.read_only = None, None
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor

    def brief_writer(self) -> contextlib.AbstractContextManager[Any]:
        """Raises Busy: each statement waits for another process, and each transaction for the disk."""
        raise Busy("PostgreSQL is never asked without waiting.")

    def fingerprint(self) -> int | None:
        """A number that changes when another connection changed the data; None where telling is not cheap."""
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
        """Let go of every connection."""
        if not self._pool.closed:
            self._pool.close()
