"""The sandbox, running: a small network with real photographs, served over HTTP on a loopback port."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import uvicorn

from entourage.kernel.clock import Clock, system_clock
from entourage.networks.sandbox import talk
from entourage.networks.sandbox.answers import Pace
from entourage.networks.sandbox.api import Api
from entourage.networks.sandbox.export import WATCHED
from entourage.networks.sandbox.galleries import FILM_PAGES, GALLERIES
from entourage.networks.sandbox.limits import Faults, Limits
from entourage.networks.sandbox.network import network
from entourage.networks.sandbox.site import Site
from entourage.networks.sandbox.tongues import creators

HOST = "127.0.0.1"
FAST = Pace()
GENEROUS = Limits()
WATCHABLE = Pace(rate=200_000, latency=0.1)
"""Slow enough to see files come in."""

_BACKLOG = 128
_MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Place:
    """An address of the sandbox, and what is there."""

    url: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox. Its threads: a short one, a long one, one more, one that grows, one with a gap."""

    url: str
    port: int
    threads: Sequence[Place]
    galleries: Sequence[Place]
    videos: Sequence[Place]
    people: Sequence[Place] = ()
    """The creators of whom a year can be exported; every account's password is network.PASSWORD."""


@contextlib.asynccontextmanager
async def running(
    *,
    port: int = 0,
    pace: Pace = FAST,
    seed: int = 1,
    starts: Sequence[datetime] = (),
    every: timedelta = timedelta(minutes=1),
    clock: Clock = system_clock,
    limits: Limits = GENEROUS,
    faults: Faults | None = None,
) -> AsyncGenerator[Sandbox]:
    """The sandbox, for as long as the block lasts. `port` 0 takes any free one; raises OSError for one that is taken.

    The same seed gives the same people, posts and pictures, byte for byte. `starts` are the times of this and all
    earlier starts: after each of them the thread that grows gets a post `every` so often, at most talk.MOST_GROWN. The
    first of them opened the social network. `limits` and `faults` are those of its API.
    """
    site = _site(seed, starts, every, pace=pace, clock=clock, limits=limits, faults=faults)
    with contextlib.ExitStack() as stack:
        sandbox, served = _open(stack, port, site)
        try:
            yield sandbox
        finally:
            await asyncio.to_thread(served.stop)


@contextlib.contextmanager
def serving(
    *,
    port: int = 0,
    pace: Pace = FAST,
    seed: int = 1,
    starts: Sequence[datetime] = (),
    every: timedelta = timedelta(minutes=1),
    clock: Clock = system_clock,
    limits: Limits = GENEROUS,
    faults: Faults | None = None,
) -> Generator[Sandbox]:
    """As `running`, for a caller that has no loop of its own."""
    site = _site(seed, starts, every, pace=pace, clock=clock, limits=limits, faults=faults)
    with contextlib.ExitStack() as stack:
        sandbox, served = _open(stack, port, site)
        try:
            yield sandbox
        finally:
            served.stop()


def _site(
    seed: int,
    starts: Sequence[datetime],
    every: timedelta,
    *,
    pace: Pace,
    clock: Clock,
    limits: Limits,
    faults: Faults | None,
) -> Site:
    people = network(seed, starts[0] if starts else talk.OPENED)
    api = Api(people, seed, clock, limits, faults)
    return Site(talk.threads(seed, starts, every), people, api, pace=pace, clock=clock)


class _Served:
    """A server in a thread and loop of its own, so that pictures in the making never hold up the caller."""

    def __init__(self, listening: socket.socket, site: Site) -> None:
        self._site = site
        config = uvicorn.Config(
            site,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what is being sent, then the server."""
        self._site.hurry = True
        self._server.should_exit = True
        self._thread.join()


def _open(stack: contextlib.ExitStack, port: int, site: Site) -> tuple[Sandbox, _Served]:
    listening = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(_BACKLOG)  # from here on callers may connect; they wait until the server is up
    taken: int = listening.getsockname()[1]
    url = f"http://{HOST}:{taken}"
    return _described(url, taken), _Served(listening, site)


def _described(url: str, port: int) -> Sandbox:
    return Sandbox(
        url=url,
        port=port,
        threads=[Place(f"{url}/threads/{plan.slug}.{plan.id}/", plan.title, plan.about) for plan in talk.PLANS],
        galleries=[
            Place(url + gallery.path, gallery.title, f"{len(gallery.pictures)} pictures") for gallery in GALLERIES
        ],
        videos=[Place(url + film.path, film.title, film.media_type) for film in FILM_PAGES],
        people=[
            Place(f"{url}/people/{creator.username}", creator.name, creator.category)
            for creator in creators()
            if creator.username in WATCHED
        ],
    )
