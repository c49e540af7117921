"""From an address to bytes that can be trusted: small answers in memory, files resumed, hashed and of exact length."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from entourage import __version__
from entourage.kernel.address import Address, read
from entourage.kernel.answers import Page, error_of_status, filename_of
from entourage.kernel.curl import Curl, Exchange, Pace, settled
from entourage.kernel.egress import Gate
from entourage.kernel.errors import Refused, Unreachable
from entourage.kernel.landing import Kept, Landing, Progress, Reading
from entourage.kernel.parts import reopen

USER_AGENT = f"Mozilla/5.0 (compatible; Entourage/{__version__})"

_MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_PEEK = 4096
_WHOLE_PAGE = 120.0
_LINE_BREAK = re.compile(r"[\r\n\0]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_OURS = frozenset({"accept-encoding", "connection", "content-length", "expect", "host", "if-range", "range", "te"})
"""Headers that belong to us and to libcurl; a connector's are left out."""
_HARMLESS = frozenset({"accept", "accept-language", "referer", "user-agent"})
"""What is sent on to another origin; whatever else a connector set may be a credential."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that came whole: `size` bytes with `sha256` (hex) lie in the part file."""

    url: str
    sha256: str
    size: int
    content_type: str
    etag: str | None
    last_modified: str | None
    filename_hint: str | None
    promised: int | None
    """The length the server promised and that was checked; None where it promised none."""
    resumed_from: int
    redirects: Sequence[str]


class Client:
    """Our one HTTP client. Only GET; every connection passes the gate; no cookies, no proxies, nothing from outside."""

    def __init__(self, gate: Gate, *, pace: Pace | None = None, ca_file: Path | None = None) -> None:
        self._curl = Curl(gate, ca_file=ca_file)
        self._pace = pace or Pace()

    async def close(self) -> None:
        """Ends what runs and closes all connections."""
        await self._curl.close()

    async def read(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = 16_000_000) -> Page:
        """The answer to a GET of `url`, redirects followed and checked, at most `limit` bytes after decoding.

        Raises Throttled (429), Gone (other 4xx), Unreachable (5xx, connection, time), Refused (the gate, too large, a
        bomb), Damaged (not what was promised).
        """
        pace = self._pace if self._pace.total else self._pace._replace(total=_WHOLE_PAGE)
        return await self._page(url, headers, Reading(limit), pace)

    async def head(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """As `read`, but the connection is closed after the first 4 kB: enough to tell what the content is."""
        return await self._page(url, headers, Reading(_PEEK, peek=True), self._pace._replace(total=_WHOLE_PAGE))

    async def save(
        self,
        url: str,
        part: Path,
        *,
        headers: Mapping[str, str] | None = None,
        expected: int | None = None,
        limit: int | None = None,
        rate: int | None = None,
        on_progress: Progress | None = None,
    ) -> Received:
        """Brings the file at `url` into `part`, whole or not at all; goes on where an earlier try ended.

        `expected` is a size known from elsewhere, `limit` the most bytes taken, `rate` the most bytes a second.
        Errors as for `read`, and StorageFull. When it fails or is cancelled, `part` stays, to be resumed where the
        server allows it; what is damaged or refused is deleted.
        """
        pace = self._pace if rate is None else self._pace._replace(rate=rate)
        landing = Landing(url, part, await _kept(part, url), expected=expected, limit=limit, progress=on_progress)
        try:
            trail, exchange = await self._follow(url, headers, landing, pace)
            if landing.again:
                trail, exchange = await self._follow(url, headers, landing, pace)
        finally:
            landing.release()
        if not landing.whole:
            raise error_of_status(exchange.status, exchange.headers, trail[-1].shown)
        if on_progress is not None:
            on_progress(landing.size, landing.size)
        return Received(
            url=trail[-1].url,
            sha256=landing.digest,
            size=landing.size,
            content_type=exchange.headers.get("content-type", ""),
            etag=landing.etag,
            last_modified=landing.last_modified,
            filename_hint=filename_of(exchange.headers),
            promised=landing.promised,
            resumed_from=landing.resumed_from,
            redirects=tuple(address.url for address in trail[1:]),
        )

    async def _page(self, url: str, headers: Mapping[str, str] | None, reading: Reading, pace: Pace) -> Page:
        trail, exchange = await self._follow(url, headers, reading, pace)
        if not 200 <= exchange.status < 300:  # noqa: PLR2004 - HTTP's own numbers
            raise error_of_status(exchange.status, exchange.headers, trail[-1].shown)
        return Page(trail[-1].url, exchange.status, exchange.headers, reading.content)

    async def _follow(
        self, url: str, headers: Mapping[str, str] | None, sink: "Landing | Reading", pace: Pace
    ) -> tuple[list[Address], Exchange]:
        """Goes to `url` and wherever it redirects to; returns the way and the exchange at its end."""
        address = read(url)
        trail = [address]
        own = headers or {}
        while True:
            exchange = Exchange(address.url, address.shown, _request(address, own, sink.asks), sink, pace)
            try:
                await self._curl.run(exchange)
            except Unreachable:
                # A refusal whose own page was cut is still that refusal.
                if not exchange.opened or 200 <= exchange.status < 300:  # noqa: PLR2004 - HTTP's own numbers
                    raise
            location = exchange.headers.get("location")
            if exchange.status not in _REDIRECTS or not location:
                return trail, exchange
            following = address.follow(location)
            if following.origin != address.origin:
                own = {name: value for name, value in own.items() if name.lower() in _HARMLESS}
            if any(following == earlier for earlier in trail):
                way = " → ".join(step.shown for step in [*trail, following])
                raise Refused(f"The address redirects in a circle: {way}.")
            if len(trail) > _MOST_REDIRECTS:
                raise Refused(f"{trail[0].shown} redirects more than {_MOST_REDIRECTS} times.")
            address = following
            trail.append(address)


async def _kept(part: Path, url: str) -> Kept | None:
    """What an earlier try left in `part`, checked in a thread; nothing is left behind when cancelled."""
    if not os.path.exists(f"{part}.json"):  # noqa: PTH110, ASYNC240 - one stat; the thread is for hashing
        return None
    stop = Event()
    work = asyncio.ensure_future(asyncio.to_thread(reopen, part, url, stop))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await settled(work)
        if work.exception() is None and (kept := work.result()) is not None:
            kept[0].close(whole=False)
        raise


def _request(address: Address, own: Mapping[str, str], asks: Sequence[str]) -> list[str | bytes]:
    """The header lines of a request; raises Refused for headers that would break out of their line."""
    lines: list[str | bytes] = list(asks)
    named: set[str] = set()
    for name, value in own.items():
        lower = name.lower()
        if lower in _OURS or lower.startswith(("proxy-", "transfer-")):
            continue
        if not _TOKEN.match(name) or _LINE_BREAK.search(value):
            raise Refused(f"The header {name[:40]!r} cannot be sent.")
        named.add(lower)
        # "Name:" alone would make libcurl leave the header out.
        line = f"{name}: {value}" if value.strip() else f"{name};"
        lines.append(line if line.isascii() else line.encode())
    if "user-agent" not in named:
        lines.append(f"User-Agent: {USER_AGENT}")
    if address.authorization is not None and "authorization" not in named:
        lines.append(f"Authorization: {address.authorization}")
    return lines
