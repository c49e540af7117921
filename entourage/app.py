"""The only place where the parts are put together: settings, database, network, archive, doors, pages and worker."""

import asyncio
import contextlib
import os
import secrets as random
import socket
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import uvicorn
from litestar.types import ASGIApp

from entourage.accounts import users
from entourage.accounts.tokens import Keys, Verifier
from entourage.archive import budgets, housekeeping, preferences
from entourage.archive.files import Shelf
from entourage.archive.jobs import ON_FAILED, Archive
from entourage.kernel import logs
from entourage.kernel.bus import Bus
from entourage.kernel.clock import Clock, system_clock
from entourage.kernel.db import Database, Tx
from entourage.kernel.egress import Gate
from entourage.kernel.logs import Logs
from entourage.kernel.migrate import migrate
from entourage.kernel.secrets import Secrets, open_key
from entourage.kernel.settings import Settings
from entourage.kernel.worker import Worker
from entourage.kernel.world import World

log = logs.logger("Server")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that lives as long as a process does."""

    settings: Settings
    database: Database
    secrets: Secrets
    keys: Keys
    verifier: Verifier
    bus: Bus
    world: World
    shelf: Shelf
    archive: Archive
    logs: Logs

    def worker(self, *, slots: int | None = None) -> Worker:
        """A worker that runs the archive's jobs."""
        handlers = self.archive.handlers()
        return Worker(self.database, handlers, slots=slots or self.settings.slots, on_failed=ON_FAILED)


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, *, clock: Clock = system_clock, console: bool = True, relay: bool = False
) -> AsyncGenerator[Parts]:
    """Every part, ready for use: the database migrated, the lanes declared, the logs open."""
    settings.data.mkdir(parents=True, exist_ok=True)
    secrets = open_key(settings.key_file, settings.secret_key or None)
    await asyncio.to_thread(migrate, settings.database_url)
    database = Database(settings.database_url, clock)
    gate = Gate([ip_network(network) for network in settings.allow_networks])
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, database.close)
        room = settings.log_megabytes * 1024**2
        options = {} if console else {"console": None}
        book = logs.start(settings.logs, level=settings.log_level, limit=room, clock=clock, **options)
        stack.callback(book.close)
        world = await stack.enter_async_context(World(gate, settings.data / "scratch"))
        bus = await stack.enter_async_context(Bus(database, relay=relay))
        shelf = Shelf(settings.data)
        archive = Archive(database, bus, world, shelf, secrets)
        stack.push_async_callback(archive.close)
        await database.write(_prepare)
        keys = Keys.of(secrets, settings.access_seconds)
        yield Parts(settings, database, secrets, keys, Verifier(database, keys), bus, world, shelf, archive, book)


def _prepare(tx: Tx) -> None:
    budgets.declare(tx, preferences.current(tx))
    housekeeping.plan_first(tx)


class Front:
    """The one ASGI application: opens the parts when the server starts, and sends each request to its door."""

    def __init__(self, settings: Settings, *, work: bool = True, ready: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._work = work
        self._ready = ready
        self._doors: ASGIApp | None = None
        self._pages: ASGIApp | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or live through one lifespan (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        app = self._doors if scope["path"].startswith(("/api/", "/ws/", "/docs")) else self._pages
        if app is None:
            raise RuntimeError("the server is not open")
        await app(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            async with opened(self._settings) as parts, self._working(parts):
                await self._open_doors(parts)
                await send({"type": "lifespan.startup.complete"})
                if self._ready is not None:
                    self._ready()
                await receive()
        except Exception as error:
            log.exception("The server could not start or stop as it should.")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _working(self, parts: Parts) -> AsyncGenerator[None]:
        if not self._work:
            yield
            return
        async with parts.worker():
            yield

    async def _open_doors(self, parts: Parts) -> None:
        from entourage.doors import door  # noqa: PLC0415 - `entourage work` needs no doors
        from entourage.doors.media import routes  # noqa: PLC0415
        from entourage.web import pages  # noqa: PLC0415

        house = door.House(
            settings=parts.settings,
            database=parts.database,
            verifier=parts.verifier,
            keys=parts.keys,
            secrets=parts.secrets,
            bus=parts.bus,
            shelf=parts.shelf,
            logs=parts.logs,
        )
        self._doors = routes.build(house)
        code = None
        if not await parts.database.read(users.exist):
            code = random.token_hex(4)
            log.info(f"Nobody has an account yet: open {parts.settings.url}/setup and enter the code {code}")
        self._pages = pages.build(
            parts.settings, parts.database, parts.secrets, parts.bus, parts.archive, setup_code=code
        )


def serve(settings: Settings, *, work: bool = True, ready: Callable[[], None] | None = None) -> None:
    """Run the server until it is told to stop (SIGINT, SIGTERM). Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        config = uvicorn.Config(
            Front(settings, work=work, ready=ready),
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            ws_max_size=65_536,
            timeout_graceful_shutdown=10,
        )
        uvicorn.Server(config).run(sockets=[listening])


async def work(settings: Settings) -> None:
    """Run a worker alone until it is told to stop."""
    async with opened(settings, relay=True) as parts:
        async with parts.worker():
            log.info(f"Worker {os.getpid()} is running.")
            await asyncio.Event().wait()
