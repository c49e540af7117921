"""Brings a database to the newest schema; safe when several processes start at once.

The revisions are the files in `migrations/versions/`, named `<revision>_<words>.py`, one after the other without
branches. Alembic is imported only when there is something to do, so that a start with nothing pending stays quick.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from entourage.kernel.columns import metadata
from entourage.kernel.errors import Damaged, Unreachable
from entourage.kernel.secrets import mask_url

BUSY_SECONDS = 120
_LOCK = 7_301_994_455


def revisions() -> list[str]:
    """Every revision there is, oldest first."""
    return sorted(file.name.partition("_")[0] for file in _folder().glob("[0-9]*_*.py"))


def pending(url: str) -> list[str]:
    """The revisions that the database still lacks, oldest first; a database that does not exist lacks all."""
    every, current = revisions(), _current(url)
    if current is None:
        return every
    if current not in every:
        raise RuntimeError(
            f"The database was used by a newer version of Entourage (schema {current}); "
            "start that version again, or restore a backup made before the update. Nothing was changed."
        )
    return every[every.index(current) + 1 :]


def migrate(url: str) -> list[str]:
    """Apply what is pending and say which revisions were applied; each process may call it at its start."""
    if not pending(url):
        return []
    try:
        with _locked(url) as connection:
            return _upgrade(connection)
    except OperationalError as error:
        why = str(error.orig).partition("\n")[0]
        raise Unreachable(f"The database {mask_url(url)} cannot be written: {why}. Nothing was changed.") from error


def differences(connection: sa.Connection) -> list[Any]:
    """What Alembic sees as different between the database and `columns.metadata`; empty when they agree."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - only tests ask
    from alembic.migration import MigrationContext  # noqa: PLC0415

    return list(compare_metadata(MigrationContext.configure(connection), metadata))


@contextmanager
def connecting(url: str) -> Generator[sa.Connection]:
    """A connection of SQLAlchemy's own, for schema work alone; SQLite begins each transaction as a writer."""
    engine = sa.create_engine(_engine_url(url), poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _own_transactions)
        event.listen(engine, "begin", _begin_writing)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _locked(url: str) -> Generator[sa.Connection]:
    with connecting(url) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def _upgrade(connection: sa.Connection) -> list[str]:
    from alembic.config import Config  # noqa: PLC0415 - costs a fifth of a second, and most starts need none of it
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.set_main_option("version_locations", str(_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    applied: list[str] = []

    def steps(revision: Any, _: Any) -> Any:
        found = script._upgrade_revs("head", revision)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]  # as Alembic's own upgrade command does
        applied.extend(step.revision.revision for step in found)
        return found

    environment = EnvironmentContext(config, script, fn=steps)
    environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    environment.run_migrations()
    return applied


def _folder() -> Path:
    return Path(str(files("entourage.kernel"))) / "migrations" / "versions"


def _engine_url(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _own_transactions(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_writing(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _current(url: str) -> str | None:
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.is_file():
            return None
        row = _current_of_sqlite(path)
    else:
        row = _current_of_postgres(_engine_url(url).replace("postgresql+psycopg://", "postgresql://", 1))
    return None if row is None else str(row[0])


def _current_of_sqlite(path: Path) -> tuple[Any, ...] | None:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise Unreachable(f"The database {path} cannot be opened: {error}. Nothing was changed.") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(
            f"{path} cannot be read as a database ({error}). Nothing was changed; put a backup in its place, "
            "or move it away to begin with an empty one."
        ) from error
    finally:
        connection.close()


def _current_of_postgres(url: str) -> tuple[Any, ...] | None:
    import psycopg  # noqa: PLC0415 - most servers run without, and start the sooner

    try:
        with psycopg.connect(url) as server:
            exists = server.execute("SELECT to_regclass('alembic_version')").fetchone()
            if exists is None or exists[0] is None:
                return None
            return server.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.OperationalError as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise Unreachable(f"The database {mask_url(url)} does not answer: {why}. Nothing was changed.") from error
    except psycopg.ProgrammingError as error:
        raise Unreachable(f"The address of the database cannot be used: {str(error).splitlines()[0]}") from error
