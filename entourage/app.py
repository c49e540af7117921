"""The only place where the parts are put together: settings, database, network, archive, doors, pages and worker."""

import asyncio
import contextlib
import errno
import os
import secrets as random
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network
from typing import Any

import uvicorn
from litestar.types import ASGIApp

from entourage.accounts import users
from entourage.accounts.tokens import Keys, Verifier
from entourage.archive import budgets, housekeeping, preferences
from entourage.archive.files import Shelf
from entourage.archive.jobs import ON_FAILED as ARCHIVE_FAILED
from entourage.archive.jobs import Archive
from entourage.insight import importing, plans, recording
from entourage.insight.importing import ON_FAILED as IMPORT_FAILED
from entourage.insight.importing import Importer
from entourage.insight.jobs import ON_FAILED as COLLECT_FAILED
from entourage.insight.jobs import Collector
from entourage.insight.keeping import Keeper
from entourage.kernel import logs
from entourage.kernel.bus import Bus
from entourage.kernel.clock import Clock, system_clock
from entourage.kernel.db import Database, Tx
from entourage.kernel.egress import Gate
from entourage.kernel.logs import Logs
from entourage.kernel.migrate import migrate
from entourage.kernel.secrets import Secrets, open_key
from entourage.kernel.settings import Settings
from entourage.kernel.worker import GRACE_SECONDS, Worker
from entourage.kernel.world import World

log = logs.logger("Server")

BACKLOG = 2048
ON_FAILED = {**ARCHIVE_FAILED, **COLLECT_FAILED, **IMPORT_FAILED}
"""What is recorded when a job has failed for good, by its kind."""


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
    collector: Collector
    importer: Importer
    keeper: Keeper
    logs: Logs

    def worker(self, *, grace: float = GRACE_SECONDS) -> Worker:
        """A worker that runs every kind of job; at its end it gives them `grace` seconds before it stops them."""
        handlers = {**self.archive.handlers(), **self.collector.handlers(), "import": self.importer.handle}
        return Worker(self.database, handlers, slots=self.settings.slots, on_failed=ON_FAILED, grace=grace)


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
        archive = Archive(database, bus, world, shelf, secrets, learn=recording.learn)
        stack.push_async_callback(archive.close)
        keeper = Keeper(database)
        stack.push_async_callback(keeper.close)
        await database.write(_prepare)
        keys = Keys.of(secrets, settings.access_seconds)
        yield Parts(
            settings=settings,
            database=database,
            secrets=secrets,
            keys=keys,
            verifier=Verifier(database, keys),
            bus=bus,
            world=world,
            shelf=shelf,
            archive=archive,
            collector=Collector(database, world, secrets),
            importer=Importer(database, bus, settings.data / "imports"),
            keeper=keeper,
            logs=book,
        )


def _prepare(tx: Tx) -> None:
    budgets.declare(tx, preferences.current(tx))
    housekeeping.plan_first(tx)
    importing.declare(tx)
    plans.plan_all(tx)


class Front:
    """The one ASGI application: opens the parts when the server starts, and sends each request to its door."""

    def __init__(self, settings: Settings, *, work: bool = True, ready: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._work = work
        self._ready = ready
        self._doors: ASGIApp | None = None
        self._influencer: ASGIApp | None = None
        self._pages: ASGIApp | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or live through one lifespan (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/v1") and path[3:4] in {"", "/"}:
            app = self._influencer
        else:
            app = self._doors if path.startswith(("/api/", "/ws/", "/docs")) else self._pages
        if app is None:
            raise RuntimeError("the server is not open")
        await app(scope, receive, send)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Ready to answer, and at work, until the block ends."""
        async with opened(self._settings) as parts, self._working(parts):
            await self._open_doors(parts)
            yield

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        async with self.open():
            await send({"type": "lifespan.startup.complete"})
            if self._ready is not None:
                self._ready()
            await receive()
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
        from entourage.doors.influencer import routes as influencer  # noqa: PLC0415
        from entourage.doors.limits import Limiter  # noqa: PLC0415
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
        turnstile = door.Turnstile(parts.settings, Limiter())
        self._doors = routes.build(house, turnstile)
        self._influencer = influencer.build(house, parts.keeper, turnstile)
        code = None
        if not await parts.database.read(users.exist):
            code = random.token_hex(4)
            log.info(f"Nobody has an account yet: open {parts.settings.url}/setup and enter the code {code}")
        self._pages = pages.build(
            parts.settings,
            parts.database,
            parts.secrets,
            parts.bus,
            parts.archive,
            keeper=parts.keeper,
            setup_code=code,
        )


def serve(settings: Settings, *, work: bool = True, ready: Callable[[Settings], None] | None = None) -> None:
    """Run the server until it is told to stop (SIGINT, SIGTERM). `ready` is told the settings with the port it got.

    Raises OSError when the port cannot be had, and whatever keeps the parts from opening.
    """
    with _listening(settings) as listening:
        settings = replace(settings, port=listening.getsockname()[1])
        front = Front(settings, work=work)
        config = uvicorn.Config(
            front,
            lifespan="off",  # we open the parts ourselves: uvicorn would turn an error into a traceback of its own
            log_config=None,
            access_log=False,
            server_header=False,
            ws="websockets-sansio",  # opens 10,000 sockets in 40% of the time of the older one, with less memory
            ws_max_size=65_536,
            ws_per_message_deflate=False,  # the same event would be compressed once per client
            timeout_graceful_shutdown=3,  # open live pages hold a stream; they come back by themselves
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
        )
        server = uvicorn.Server(config)
        for sign in (signal.SIGINT, signal.SIGTERM):
            # From the first moment on; and uvicorn raises the signal again after its end, which must not kill us then.
            signal.signal(sign, server.handle_exit)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_answer(front, server, listening, partial(ready, settings) if ready else None))


async def _answer(
    front: Front, server: uvicorn.Server, listening: socket.socket, ready: Callable[[], None] | None
) -> None:
    async with front.open():
        if ready is not None:
            ready()
        await server.serve(sockets=[listening])


@contextlib.contextmanager
def _listening(settings: Settings) -> Generator[socket.socket]:
    """The socket; who connects from now on waits until the server answers."""
    place = f"port {settings.port} of {settings.host}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise OSError(f"{settings.host} is no address of this machine; choose another with --host.") from error
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OSError(f"Another program has {place}; stop it, or choose another port with --port.") from error
            raise OSError(f"Cannot listen on {place}: {error.strerror}.") from error
        yield listening


async def work(settings: Settings) -> None:
    """Run a worker alone until it is told to stop."""
    async with opened(settings, relay=True) as parts, parts.worker():
        log.info(f"Worker {os.getpid()} is running.")
        await asyncio.Event().wait()
