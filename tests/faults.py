"""A web server that does on demand what servers and networks do when they fail. Raw sockets: it may break any rule."""

import asyncio
import gzip
import hashlib
import random
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

Reply = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]
OLD = "Sun, 01 Mar 2026 10:00:00 GMT"
NEWER = "Mon, 02 Mar 2026 10:00:00 GMT"


def content(seed: int, size: int) -> bytes:
    """The same `size` bytes for the same seed, of no pattern."""
    return random.Random(seed).randbytes(size)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came. `before`: how often its path had been asked for."""

    path: str
    headers: dict[str, str]
    before: int

    @property
    def offset(self) -> int | None:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match.group(1)) if match else None


class FaultServer:
    """`async with FaultServer() as server: server.on("/x", reply); server.url("/x")`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[str, Reply] = {}
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def on(self, path: str, reply: Reply) -> str:
        """From now on `path` is answered by `reply`; returns the whole address."""
        self._replies[path] = reply
        return self.url(path)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")
                path = first.split(" ")[1]
                pairs = [line.partition(":") for line in lines if line]
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                asked = Asked(path, headers, sum(earlier.path == path for earlier in self.asked))
                self.asked.append(asked)
                await self._replies.get(path.partition("?")[0], missing)(asked, writer)
                await writer.drain()
                if writer.is_closing():
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Server: faults", *lines, "", ""]).encode("latin-1")


async def missing(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(head("404 Not Found", "Content-Length: 0"))


@dataclass(slots=True)
class File:
    """A file on a server, with its virtues and vices.

    `cuts`: how many bytes of the body each answer in turn gets before its connection breaks (None: all).
    `ranges`, `if_range`: whether the server honours these headers. `names_itself`: whether a 206 carries validators.
    `chunked`, `promise`: the framing, and a Content-Length other than the truth.
    """

    body: bytes
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    if_range: bool = True
    names_itself: bool = True
    chunked: bool = False
    promise: int | None = None
    promises: bool = True
    cuts: list[int | None] = field(default_factory=list[int | None])
    lines: tuple[str, ...] = ("Content-Type: application/octet-stream",)

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        start = asked.offset if self.ranges else None
        told = asked.headers.get("if-range")
        if self.if_range and told is not None and told not in {self.etag, self.modified}:
            start = None
        validators = [f"ETag: {self.etag}"] if self.etag else []
        validators += [f"Last-Modified: {self.modified}"] if self.modified else []
        if start is not None and start >= len(self.body):
            named = validators if self.names_itself else []
            range_line = f"Content-Range: bytes */{len(self.body)}"
            writer.write(head("416 Range Not Satisfiable", range_line, *named, "Content-Length: 0"))
            return
        body = self.body[start or 0 :]
        lines = [*self.lines, f"Date: {NEWER}"]
        if start is None or self.names_itself:
            lines += validators
        if start is not None:
            lines.append(f"Content-Range: bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        if self.promises:
            lines.append(f"Content-Length: {len(body) if self.promise is None else self.promise}")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        writer.write(head("206 Partial Content" if start is not None else "200 OK", *lines))
        cut = self.cuts.pop(0) if self.cuts else None
        self._send(writer, body if cut is None else body[:cut], whole=cut is None)
        await writer.drain()
        self_delimiting = self.chunked or (self.promises and self.promise is None)
        if cut is not None or not self_delimiting:
            await _flushed(writer)
            writer.close()

    def _send(self, writer: asyncio.StreamWriter, body: bytes, *, whole: bool) -> None:
        if not self.chunked:
            writer.write(body)
            return
        for at in range(0, len(body), 10_000):
            piece = body[at : at + 10_000]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if whole:
            writer.write(b"0\r\n\r\n")


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Waits until the kernel has taken everything, so that what was meant to arrive does."""
    writer.transport.set_write_buffer_limits(0)
    await writer.drain()


def status(line: str, *lines: str, times: int | None = None, then: Reply | None = None) -> Reply:
    """Answers with a status and no body, the first `times` times (None: always); `then` comes after."""

    async def reply(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if times is not None and then is not None and asked.before >= times:
            await then(asked, writer)
        else:
            writer.write(head(line, *lines, "Content-Length: 0"))

    return reply


def redirect(location: str, code: str = "302 Found") -> Reply:
    return status(code, f"Location: {location}")


def page(body: bytes, *lines: str) -> Reply:
    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", *lines, f"Content-Length: {len(body)}") + body)

    return reply


def drip(first: int, seconds: float) -> Reply:
    """A body that begins with `first` bytes and goes on at one byte every `seconds`, for ever."""

    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", "Content-Length: 1000000", 'ETag: "slow"') + b"x" * first)
        while True:
            await writer.drain()
            await asyncio.sleep(seconds)
            writer.write(b"x")

    return reply


def stall(begin: bytes) -> Reply:
    """Sends `begin` and then nothing, for ever, with the connection open."""

    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        await writer.drain()
        await asyncio.Event().wait()

    return reply


def endless(*lines: str) -> Reply:
    """A chunked body without end."""

    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", *lines, "Transfer-Encoding: chunked"))
        piece = b"10000\r\n" + b"e" * 65_536 + b"\r\n"
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    return reply


def bomb(size: int) -> Reply:
    """A small gzip body that decodes to `size` zeros."""
    packed = gzip.compress(bytes(size), 9)
    return page(packed, "Content-Encoding: gzip", "Content-Type: text/html")
