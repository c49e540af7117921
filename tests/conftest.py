"""Both databases, migrated and empty, for every test that asks for `database`."""

import os
import shutil
import uuid
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from servers.presence import absent
from testclock import TestClock

from entourage.kernel.db import Database
from entourage.kernel.migrate import migrate

POSTGRES = os.environ.get("ENTOURAGE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")


@pytest.fixture
def anyio_backend() -> str:
    """Tests that are `async def` run in asyncio, as the product does."""
    return "asyncio"


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


def _postgres(name: str) -> str:
    parts = urlsplit(POSTGRES)
    return parts._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Generator[str]:
    """The name of a migrated database to copy; each process of the test run has its own."""
    name = f"entourage_template_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(_postgres("postgres"), autocommit=True, connect_timeout=5) as server:
            server.execute(f'CREATE DATABASE "{name}"'.encode())
    except psycopg.OperationalError:
        absent("PostgreSQL")
    try:
        migrate(_postgres(name))
        yield name
    finally:
        _drop(name)


def _drop(name: str) -> None:
    with psycopg.connect(_postgres("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """The address of a migrated, empty database."""
    if request.param == "sqlite":
        path = tmp_path / "entourage.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("postgres_template")
    name = f"entourage_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_postgres("postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    try:
        yield _postgres(name)
    finally:
        _drop(name)


@pytest.fixture
def postgres_url(postgres_template: str) -> Generator[str]:
    """The address of a migrated, empty PostgreSQL database, for what only a server can do."""
    name = f"entourage_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_postgres("postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"'.encode())
    try:
        yield _postgres(name)
    finally:
        _drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    request.getfixturevalue("postgres_template")
    name = f"entourage_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_postgres("postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield _postgres(name)
    finally:
        _drop(name)


@pytest.fixture
def database(database_url: str, clock: TestClock) -> Generator[Database]:
    """A migrated, empty database on the test's own clock."""
    opened = Database(database_url, clock)
    yield opened
    opened.close()


Opener = Callable[..., Database]


@pytest.fixture
def another(database_url: str, clock: TestClock) -> Generator[Opener]:
    """Opens the same database once more, as another process would; `another(clock)` with a clock of its own."""
    opened: list[Database] = []

    def open_it(own: Callable[[], datetime] = clock) -> Database:
        opened.append(Database(database_url, own))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()
