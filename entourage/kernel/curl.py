"""The transfer thread: many HTTP exchanges at once on libcurl, behind the egress gate, awaited from asyncio."""

import asyncio
import contextlib
import logging
import os
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import certifi
import pycurl

from entourage.kernel.answers import error_of_transfer, headers_of
from entourage.kernel.egress import Gate
from entourage.kernel.errors import Unreachable

_log = logging.getLogger(__name__)
_BUFFER = 512 * 1024
_IDLE_HANDLES = 64
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Pace(NamedTuple):
    """How long an exchange may take, and how fast it may be."""

    connect: float = 20.0
    """Seconds until the connection stands (TLS included)."""
    slowest: int = 64
    """Bytes a second below which a body counts as stalled …"""
    patience: float = 30.0
    """… when it was so slow for this many seconds. The wait for the first byte is bounded by it too."""
    total: float = 0.0
    """Seconds for all of it; 0 is no limit."""
    rate: int = 0
    """The most bytes a second; 0 is no limit."""


class Enough(Exception):
    """Raised by a sink to end the exchange early and well."""


class Sink(Protocol):
    """Where an answer goes. Every call comes from the transfer thread; what is raised ends the exchange."""

    def head(self, exchange: "Exchange") -> None:
        """Status and headers are known; the body (if any) follows."""
        ...

    def body(self, chunk: bytes) -> None:
        """The next bytes of the body, as they came."""
        ...

    def done(self, failure: BaseException | None) -> None:
        """It is over, well or with `failure`; the last call. What it raises becomes the failure."""
        ...


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "cancelled",
        "contacted",
        "failure",
        "future",
        "headers",
        "opened",
        "pace",
        "refusals",
        "released",
        "request",
        "shown",
        "sink",
        "status",
        "url",
    )

    def __init__(self, url: str, shown: str, request: Sequence[str | bytes], sink: Sink, pace: Pace) -> None:
        self.url = url
        self.shown = shown
        self.request = request
        self.sink = sink
        self.pace = pace
        self.status = 0
        self.headers: Mapping[str, str] = _NO_HEADERS
        self.opened = False
        self.cancelled = False
        self.contacted = False
        self.failure: BaseException | None = None
        self.refusals: list[str] = []
        self.future: asyncio.Future[None] | None = None
        self.released: asyncio.Future[None] | None = None


class Curl:
    """The thread and its connections. Use it from one event loop; `close` ends what still runs."""

    def __init__(self, gate: Gate, *, ca_file: Path | None = None) -> None:
        self._gate = gate
        self._trust = _trust(ca_file)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._todo: deque[Exchange] = deque()
        self._unwanted: deque[Exchange] = deque()
        self._over: deque[Exchange] = deque()
        self._awake = False
        self._drains = False
        self._closing = False
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        # From here on: the thread's own.
        self._multi = pycurl.CurlMulti()
        self._poll = select.poll()
        self._deadline: float | None = None
        self._running: dict[Exchange, _Handle] = {}
        self._handles: dict[pycurl.Curl, _Handle] = {}
        self._idle: list[_Handle] = []
        self._lent: list[socket.socket] = []

    async def run(self, exchange: Exchange) -> None:
        """Runs `exchange` to its end; raises what its sink raised or what went wrong on the way.

        When cancelled, the exchange has let go of its sink before CancelledError leaves this call.
        """
        if self._closing:
            raise Unreachable("We are shutting down; nothing new is fetched.")
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._loop = loop
            self._thread = threading.Thread(target=self._work, name="transfers", daemon=True)
            self._thread.start()
        exchange.future = loop.create_future()
        self._todo.append(exchange)
        self._wake()
        try:
            await exchange.future
        except asyncio.CancelledError:
            exchange.released = loop.create_future()
            self._unwanted.append(exchange)
            self._wake()
            await settled(exchange.released)
            raise

    async def close(self) -> None:
        """Ends what runs (as unreachable), closes the connections and the thread."""
        self._closing = True
        self._wake()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._drain()
            self._thread = None
        if self._wake_in >= 0:
            os.close(self._wake_in)
            os.close(self._wake_out)
            self._wake_in = self._wake_out = -1

    def _wake(self) -> None:
        if not self._awake and self._wake_out >= 0:
            self._awake = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_out, b"\0")

    def _drain(self) -> None:
        """In the event loop: tells those who wait about all that ended since."""
        self._drains = False
        while self._over:
            exchange = self._over.popleft()
            future = exchange.future
            if future is not None and not future.done():
                if exchange.failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(exchange.failure)
            if exchange.released is not None and not exchange.released.done():
                exchange.released.set_result(None)

    # The thread ----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._time)
        self._multi.setopt(pycurl.M_MAXCONNECTS, _IDLE_HANDLES)
        self._poll.register(self._wake_in, select.POLLIN)
        try:
            while not self._closing:
                self._turn()
        except Exception:  # noqa: BLE001 - logged with its trace below, and everybody who waits is told
            _log.exception("The transfer thread ended; nothing is fetched until the server is started again.")
            self._closing = True
        for exchange in [*self._running, *self._todo, *self._unwanted]:
            self._end(exchange, Unreachable("We are shutting down; what came so far is kept."))
        self._tell()
        for handle in self._handles.values():
            handle.curl.close()
        self._multi.close()

    def _turn(self) -> None:
        """Waits until there is something to do, and does it. Idle, it waits without an end."""
        wait = None if self._deadline is None else max(0.0, (self._deadline - monotonic()) * 1000)
        for fd, mask in self._poll.poll(wait):
            if fd == self._wake_in:
                self._take()
            else:
                self._multi.socket_action(fd, _bits(mask))
        if self._deadline is not None and self._deadline <= monotonic():
            self._deadline = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        while self._lent:
            self._lent.pop().close()  # pycurl works on a duplicate
        self._reap()
        self._tell()

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_in, 4096)
        self._awake = False
        while self._todo:
            exchange = self._todo.popleft()
            if exchange.cancelled:
                continue
            handle = self._running[exchange] = self._handle()
            try:
                handle.prepare(exchange)
                self._multi.add_handle(handle.curl)
            except (pycurl.error, ValueError, UnicodeError) as error:
                self._end(exchange, Unreachable(f"{exchange.shown} could not be asked for: {error}."))
        while self._unwanted:
            exchange = self._unwanted.popleft()
            exchange.cancelled = True
            self._end(exchange, asyncio.CancelledError())

    def _handle(self) -> "_Handle":
        if self._idle:
            return self._idle.pop()
        handle = _Handle(self._gate, self._trust, self._lent)
        self._handles[handle.curl] = handle
        return handle

    def _watch(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            with contextlib.suppress(KeyError):
                self._poll.unregister(fd)
        else:
            mask = (select.POLLIN if what & pycurl.POLL_IN else 0) | (select.POLLOUT if what & pycurl.POLL_OUT else 0)
            self._poll.register(fd, mask)

    def _time(self, milliseconds: int) -> None:
        self._deadline = None if milliseconds < 0 else monotonic() + milliseconds / 1000

    def _reap(self) -> None:
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            for curl in good:
                self._finish(self._handles[curl], 0, "")
            for curl, code, message in bad:
                self._finish(self._handles[curl], code, message)

    def _finish(self, handle: "_Handle", code: int, message: str) -> None:
        exchange = handle.exchange
        if exchange is None:
            return
        failure = exchange.failure
        if failure is None:
            if code:
                refusals = [] if exchange.contacted else exchange.refusals
                failure = error_of_transfer(code, message, exchange.shown, refusals)
            try:
                handle.open()  # an answer without a body has not been shown to its sink yet
            except Exception as error:  # noqa: BLE001 - whatever a sink raises belongs to whoever waits
                failure = error
        self._end(exchange, None if isinstance(failure, Enough) else failure)

    def _end(self, exchange: Exchange, failure: BaseException | None) -> None:
        handle = self._running.pop(exchange, None)
        if handle is not None:
            with contextlib.suppress(pycurl.error):
                self._multi.remove_handle(handle.curl)
            handle.exchange = None
            if len(self._idle) < _IDLE_HANDLES:
                self._idle.append(handle)
            else:
                del self._handles[handle.curl]
                handle.curl.close()
            try:
                exchange.sink.done(failure)
            except Exception as error:  # noqa: BLE001 - as above
                failure = error
        exchange.failure = failure
        self._over.append(exchange)

    def _tell(self) -> None:
        """Asks the event loop to tell about all that ended: once for many."""
        if self._over and not self._drains and self._loop is not None:
            self._drains = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._drain)


class _Handle:
    """One easy handle, set up once and used for one exchange after another."""

    def __init__(self, gate: Gate, trust: Sequence[tuple[int, str]], lent: list[socket.socket]) -> None:
        self._gate = gate
        self._lent = lent
        self._lines: list[bytes] = []
        self._request: Sequence[str | bytes] | None = None
        self._pace: Pace | None = None
        self.exchange: Exchange | None = None
        curl = self.curl = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.BUFFERSIZE, _BUFFER),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.OPENSOCKETFUNCTION, self._socket),
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._body),
            *trust,
        ):
            curl.setopt(option, value)

    def prepare(self, exchange: Exchange) -> None:
        """Points the handle at the request of `exchange`."""
        curl, pace = self.curl, exchange.pace
        self._lines.clear()
        self.exchange = exchange
        curl.setopt(pycurl.URL, exchange.url)
        if exchange.request != self._request:
            curl.setopt(pycurl.HTTPHEADER, list(exchange.request))
            self._request = exchange.request
        if pace != self._pace:
            slowest = min(pace.slowest, pace.rate // 4) if pace.rate else pace.slowest
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(pace.connect * 1000))
            curl.setopt(pycurl.LOW_SPEED_LIMIT, max(1, slowest))
            curl.setopt(pycurl.LOW_SPEED_TIME, max(1, int(pace.patience)))
            curl.setopt(pycurl.TIMEOUT_MS, int(pace.total * 1000))
            curl.setopt(pycurl.MAX_RECV_SPEED_LARGE, pace.rate)
            self._pace = pace

    def open(self) -> None:
        """Reads the head, once, and shows it to the sink."""
        exchange = self.exchange
        if exchange is None or exchange.opened or not self._lines or self._lines[-1].strip():
            return
        exchange.opened = True
        exchange.status, exchange.headers = headers_of(self._lines)
        exchange.sink.head(exchange)

    def _body(self, chunk: bytes) -> int | None:
        exchange = self.exchange
        if exchange is None:
            return -1
        try:
            if not exchange.opened:
                self.open()
            exchange.sink.body(chunk)
        except Exception as error:  # noqa: BLE001 - kept for whoever waits; libcurl must not see it
            exchange.failure = error
            return -1
        return None

    def _socket(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        family, kind, protocol, peer = address
        reason = self._gate.refusal(peer[0]) if family in {socket.AF_INET, socket.AF_INET6} else "not an IP address"
        if reason is not None:
            if self.exchange is not None:
                self.exchange.refusals.append(reason)
            return pycurl.SOCKET_BAD
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError:
            return pycurl.SOCKET_BAD
        self._lent.append(opened)
        if self.exchange is not None:
            self.exchange.contacted = True
        return opened


def _bits(mask: int) -> int:
    bits = pycurl.CSELECT_IN if mask & select.POLLIN else 0
    if mask & select.POLLOUT:
        bits |= pycurl.CSELECT_OUT
    if mask & ~(select.POLLIN | select.POLLOUT):
        bits |= pycurl.CSELECT_ERR
    return bits


async def settled(future: asyncio.Future[Any]) -> None:
    """Waits until `future` is done, even if the waiting task is cancelled (again)."""
    while not future.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([future])


def _trust(ca_file: Path | None) -> list[tuple[int, str]]:
    """Which certificate authorities to trust: the given file, the environment's word, the machine's, certifi's."""
    if ca_file is not None:
        return [(pycurl.CAINFO, str(ca_file))]
    told = [
        (option, os.environ[name])
        for option, name in ((pycurl.CAINFO, "SSL_CERT_FILE"), (pycurl.CAPATH, "SSL_CERT_DIR"))
        if os.environ.get(name)
    ]
    if told:
        return told
    for file in (ssl.get_default_verify_paths().cafile, *_CA_FILES):
        if file and Path(file).is_file():
            return [(pycurl.CAINFO, file)]
    return [(pycurl.CAINFO, certifi.where())]
