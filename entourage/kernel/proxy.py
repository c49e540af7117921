"""The egress proxy: the only way into the world for child processes, with the gate in it."""

import asyncio
import base64
import contextlib
import re
import secrets
import socket
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

from entourage.kernel import address
from entourage.kernel.egress import Gate
from entourage.kernel.errors import EntourageError, Refused

_HEAD_LIMIT = 65_536
_CHUNK = 65_536
_HEAD_WAIT = 30.0
_CONNECT_WAIT = 20.0
_SILENCE = 300.0
_MOST_NOTED = 100
_INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d ")
_CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection"})
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"})


@dataclass(slots=True, eq=False)
class Grant:
    """One child's right to use the proxy, and what it did with it."""

    url: str = field(repr=False)
    limit: int | None = None
    """The most bytes it may receive."""
    received: int = 0
    sent: int = 0
    refused: list[str] = field(default_factory=list[str])
    """Why something was not fetched, in the order it was tried."""
    connections: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def refuse(self, reason: str) -> None:
        """Remembers `reason`, once, up to a bounded number."""
        if reason not in self.refused and len(self.refused) < _MOST_NOTED:
            self.refused.append(reason)


class Proxy:
    """An HTTP proxy (CONNECT, and plain http) on a port of 127.0.0.1. Each child has a credential of its own."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._grants: dict[str, Grant] = {}
        self._server: asyncio.Server | None = None
        self._port = 0
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_LIMIT)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    @contextlib.asynccontextmanager
    async def grant(self, *, limit: int | None = None) -> AsyncGenerator[Grant]:
        """A credential that is good inside the `async with`; its connections are cut at the end."""
        user, password = secrets.token_hex(8), secrets.token_urlsafe(24)
        grant = Grant(f"http://{user}:{password}@127.0.0.1:{self._port}", limit)
        key = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        self._grants[key] = grant
        try:
            yield grant
        finally:
            del self._grants[key]
            _cut(grant)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        grant: Grant | None = None
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._serving.add(task)
        try:
            async with asyncio.timeout(_HEAD_WAIT):
                head = await reader.readuntil(b"\r\n\r\n")
            request = _Request.read(head)
            grant = self._grants.get(request.authorization)
            if grant is None:
                await _answer(writer, 407, "Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="egress"')
                return
            grant.connections.add(writer)
            await self._forward(request, grant, reader, writer)
        except _Malformed as error:
            await _answer(writer, error.status, "Malformed")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the child left, or sent what is no HTTP
        except asyncio.CancelledError:
            pass  # the proxy closes; nobody awaits this task
        finally:
            if grant is not None:
                grant.connections.discard(writer)
            await _close(writer)
            self._serving.discard(task)

    async def _forward(
        self, request: "_Request", grant: Grant, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            world_reader, world_writer = await self._connect(request.host, request.port)
        except Refused as error:
            grant.refuse(str(error))
            await _answer(writer, 403, "Forbidden", f"X-Refused: {str(error).encode('ascii', 'replace').decode()}")
            return
        except (OSError, TimeoutError):
            await _answer(writer, 502, "Bad Gateway")
            return
        grant.connections.add(world_writer)
        try:
            if not request.head:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _either(_outward(reader, world_writer, grant, None), _inward(world_reader, writer, grant))
            else:
                world_writer.write(request.head)
                grant.sent += len(request.head)
                await _either(
                    _outward(reader, world_writer, grant, request.length), _reply(world_reader, writer, grant)
                )
        finally:
            grant.connections.discard(world_writer)
            await _close(world_writer)

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address of `host` that the gate lets pass and that answers."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_WAIT):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            reasons: list[str] = []
            failure: OSError | None = None
            for family, _, _, _, peer in found:
                reason = self._gate.refusal(str(peer[0]))
                if reason is not None:
                    reasons.append(reason)
                    continue
                try:
                    return await asyncio.open_connection(str(peer[0]), port, family=family)
                except OSError as error:
                    failure = error
        if reasons and failure is None:
            raise Refused(f"{host} was not contacted: {reasons[0]}.")
        raise failure or OSError("no address")


class _Malformed(EntourageError):
    """What the child sent is no request that we forward."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to the proxy, and its head as it goes on into the world."""

    host: str
    port: int
    authorization: str
    head: bytes = b""
    """Empty for CONNECT: nothing of ours goes before the child's own bytes."""
    length: int = 0

    @classmethod
    def read(cls, raw: bytes) -> "_Request":
        first, *lines = raw.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3:  # noqa: PLR2004 - method, target, version
            raise _Malformed(400)
        method, target, _ = words
        fields = [(name.strip().lower(), line) for line in lines if line for name in (line.partition(":")[0],)]
        values = {name: line.partition(":")[2].strip() for name, line in fields}
        try:
            where = address.read(f"http://{target}/" if method == "CONNECT" else target)
        except Refused as error:
            raise _Malformed(400) from error
        authorization = values.get("proxy-authorization", "")
        if method == "CONNECT":
            return cls(where.host, where.port, authorization)
        if where.scheme != "http" or "transfer-encoding" in values:
            raise _Malformed(411 if where.scheme == "http" else 400)
        length = values.get("content-length", "0")
        if not length.isdecimal():
            raise _Malformed(400)
        kept = [line for name, line in fields if name not in _HOP_BY_HOP]
        # One request for each connection: the answer's end needs no reading of ours.
        head = "\r\n".join([f"{method} {where.target} HTTP/1.1", *kept, "Connection: close", "", ""])
        return cls(where.host, where.port, authorization, head.encode("latin-1"), int(length))


async def _either(*flows: Coroutine[None, None, None]) -> None:
    """Runs the flows until one of them ends, then ends the others."""
    tasks = [asyncio.ensure_future(flow) for flow in flows]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outward(reader: asyncio.StreamReader, world: asyncio.StreamWriter, grant: Grant, length: int | None) -> None:
    """The child's bytes into the world: `length` of them (None: all there are); ends when the child is gone."""
    while length is None or length > 0:
        chunk = await reader.read(_CHUNK if length is None else min(_CHUNK, length))
        if not chunk:
            return
        grant.sent += len(chunk)
        length = None if length is None else length - len(chunk)
        world.write(chunk)
        await world.drain()
    await reader.read(1)  # nothing more may come: this waits for the child to close


async def _inward(world: asyncio.StreamReader, writer: asyncio.StreamWriter, grant: Grant) -> None:
    """The world's bytes to the child, counted; ends at their end, at the limit, or after a long silence."""
    while True:
        async with asyncio.timeout(_SILENCE):
            chunk = await world.read(_CHUNK)
        if not chunk:
            return
        grant.received += len(chunk)
        if grant.limit is not None and grant.received > grant.limit:
            grant.refuse(f"More than the {grant.limit} bytes allowed were on their way; the transfer was stopped.")
            _cut(grant)
            return
        writer.write(chunk)
        await writer.drain()


async def _reply(world: asyncio.StreamReader, writer: asyncio.StreamWriter, grant: Grant) -> None:
    """The world's answer to the child, marked as the last one on this connection."""
    async with asyncio.timeout(_SILENCE):
        head = await world.readuntil(b"\r\n\r\n")
    while _INTERIM.match(head):
        async with asyncio.timeout(_SILENCE):
            head = await world.readuntil(b"\r\n\r\n")
    grant.received += len(head)
    first, *lines = head.split(b"\r\n")
    kept = [line for line in lines if line and line.partition(b":")[0].strip().lower() not in _CONNECTION]
    writer.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]))
    await _inward(world, writer, grant)


async def _answer(writer: asyncio.StreamWriter, status: int, words: str, *lines: str) -> None:
    head = [f"HTTP/1.1 {status} {words}", *lines, "Content-Length: 0", "Connection: close", "", ""]
    with contextlib.suppress(OSError):
        writer.write("\r\n".join(head).encode("ascii"))
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()


def _cut(grant: Grant) -> None:
    for writer in list(grant.connections):
        writer.transport.abort()
