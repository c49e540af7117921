"""10,000 WebSocket clients that follow the progress of one download, beside a bare uvicorn application that broadcasts.

A page of ours trickles a file for a while, so that progress is told twice a second; the peer's application sends as
many bytes to everybody as often. Clients are raw sockets in this process: they only count what comes.
"""

import asyncio
import base64
import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from benchmarks import serving
from benchmarks.report import Section, middle, ratio

CLIENTS = 10_000
ROUNDS_TOLD = 10
AT_ONCE = 200
_TRICKLE = 4096
_HEAD = 4
_BARE = """
import asyncio, sys, uvicorn
everybody = set()
go = asyncio.Event()
async def tell():
    text = "x" * int(sys.argv[2])
    await go.wait()
    while True:
        await asyncio.sleep(0.5)
        for send in list(everybody):
            await send({"type": "websocket.send", "text": text})
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        telling = asyncio.create_task(tell())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        telling.cancel()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "http":
        go.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await receive()
    await send({"type": "websocket.accept"})
    everybody.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        everybody.discard(send)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, ws_per_message_deflate=False, backlog=2048)
"""


@dataclass(slots=True)
class Found:
    """What one server needed."""

    joined: float
    """Seconds until everybody was connected."""
    spread: float
    """Seconds from the first client that had an event to the last one that had the same."""
    spent: float
    """Microseconds of processor time for an event to one client."""
    memory: float
    """Kilobytes for a client."""
    size: int


class Client(asyncio.Protocol):
    """One raw WebSocket client: upgrades, then notes when its next event came."""

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.told = 0
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to be upgraded."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        key = base64.b64encode(os.urandom(16)).decode()
        asking = (
            f"GET {self.crowd.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self.transport.write(asking.encode())

    def data_received(self, data: bytes) -> None:
        """Count events."""
        if not self.upgraded.done():
            if not data.startswith(b"HTTP/1.1 101"):
                self.upgraded.set_exception(ConnectionError(data[:200].decode(errors="replace")))
                return
            self.upgraded.set_result(None)
            data = data.partition(b"\r\n\r\n")[2]
        for _ in range(data.count(self.crowd.mark)):
            self.told += 1
            self.crowd.took(self.told, len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """It must not happen."""
        self.crowd.lost += 1
        if not self.upgraded.done():
            self.upgraded.set_exception(exc or ConnectionError("closed before it was upgraded"))


class Crowd:
    """All the clients of one server."""

    def __init__(self, path: str, mark: bytes) -> None:
        self.path = path
        self.mark = mark
        self.clients: list[Client] = []
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}
        self.count: dict[int, int] = {}
        self.lost = 0
        self.size = 0

    def took(self, number: int, size: int) -> None:
        """A client has had its so-manieth event."""
        now = time.perf_counter()
        self.first.setdefault(number, now)
        self.last[number] = now
        self.count[number] = self.count.get(number, 0) + 1
        self.size = size

    async def join(self, port: int, count: int) -> None:
        """Connect everybody, some at a time."""
        loop = asyncio.get_running_loop()
        for start in range(0, count, AT_ONCE):
            number = min(AT_ONCE, count - start)
            made = await asyncio.gather(
                *(loop.create_connection(lambda: Client(self), "127.0.0.1", port) for _ in range(number))
            )
            self.clients += [client for _, client in made]
            await asyncio.gather(*(client.upgraded for client in self.clients[start:]))

    async def all_told(self, times: int) -> None:
        """Until everybody has had so many events."""
        async with asyncio.timeout(120):
            while self.count.get(times, 0) < len(self.clients):
                if self.lost:
                    raise ConnectionError(f"{self.lost} clients were dropped")
                await asyncio.sleep(0.05)

    def leave(self) -> None:
        """Disconnect everybody."""
        for client in self.clients:
            client.transport.abort()


def measure(*, small: bool) -> Section:
    """Every number."""
    clients = CLIENTS // 10 if small else CLIENTS
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, clients * 2 + 1000), most))
    with tempfile.TemporaryDirectory() as folder:
        ours = uvloop.run(follow_ours(Path(folder), clients))
    size = max(1, ours.size - _HEAD)
    with bare(size) as (port, pid):
        theirs = uvloop.run(follow_bare(port, pid, clients, size))
    return Section(
        "sockets",
        ("what", "Entourage", "bare uvicorn", "Entourage / it"),
        (
            _row(f"{clients:,} clients connected and signed in", ours.joined, theirs.joined, "s"),
            _row("from the first to the last that has an event", ours.spread, theirs.spread, "s"),
            _row("processor time for an event to one client", ours.spent, theirs.spent, "µs"),
            _row("memory for a client", ours.memory, theirs.memory, "kB"),
        ),
        (f"The median of {ROUNDS_TOLD} events of {ours.size} bytes, told twice a second while a file comes in.",),
    )


def _row(what: str, ours: float, theirs: float, unit: str) -> tuple[str, ...]:
    digits = 2 if unit == "s" else 0
    return what, f"{ours:.{digits}f} {unit}", f"{theirs:.{digits}f} {unit}", ratio(ours, theirs)


async def follow_ours(home: Path, clients: int) -> Found:
    """Our server, while a file trickles in."""
    data = home / "data"
    serving.add_user(data)
    with serving.entourage(data, user_sockets=str(clients + 10)) as server:
        async with trickling() as url:
            crowd = Crowd(f"/ws/downloads?token={server.token}", b'"download_progress"')
            port = int(server.url.rpartition(":")[2])

            def begin() -> None:
                server.call("POST", "/queue", {"url": url, "platform": "web"})

            return await follow(crowd, port, server.pid, clients, begin)


@contextlib.contextmanager
def bare(size: int) -> Generator[tuple[int, int]]:
    """The bare application, telling so many bytes: its port and the number of its process."""
    port = serving.free_port()
    argv = [sys.executable, "-c", _BARE, str(port), str(size)]
    with serving.ended(subprocess.Popen(argv, stderr=subprocess.DEVNULL)) as process:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port, process.pid


async def follow_bare(port: int, pid: int, clients: int, size: int) -> Found:
    """The bare application, from the moment it is told to go."""

    def begin() -> None:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/go", timeout=30).close()

    return await follow(Crowd("/", b"x" * size), port, pid, clients, begin)


async def follow(crowd: Crowd, port: int, pid: int, clients: int, begin: Callable[[], None]) -> Found:
    """Connect, let it begin, and count."""
    held = serving.memory(pid, "VmRSS")
    began = time.perf_counter()
    await crowd.join(port, clients)
    joined = time.perf_counter() - began
    held = serving.memory(pid, "VmRSS") - held
    await asyncio.to_thread(begin)
    start = max(crowd.count, default=0)
    await crowd.all_told(start + 1)
    before = serving.busy(pid)
    await crowd.all_told(start + 1 + ROUNDS_TOLD)
    spent = (serving.busy(pid) - before) / (ROUNDS_TOLD * clients)
    spreads = [crowd.last[n] - crowd.first[n] for n in range(start + 2, start + 2 + ROUNDS_TOLD)]
    crowd.leave()
    await asyncio.sleep(0.5)
    return Found(joined, middle(spreads), spent * 1e6, held * 1024 / clients, crowd.size)


@contextlib.asynccontextmanager
async def trickling() -> AsyncGenerator[str]:
    """A file that comes in small pieces for as long as somebody takes them; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000000000\r\n\r\n"
            writer.write(head.encode())
            while True:
                writer.write(b"\0" * _TRICKLE)
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/long.7z"
