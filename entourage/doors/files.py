"""Kept files as answers: ranges, validators, and nothing a stranger's bytes could do to a browser."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from litestar.types import Receive, Scope, Send

from entourage.archive.model import Download
from entourage.doors.door import RawHeaders, visit_in
from entourage.kernel.errors import NotFound
from entourage.networks.model import MediaKind

PIECE: Final = 256 * 1024
_SANDBOX: Final = b"sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
_WHOLE, _PARTIAL, _UNCHANGED, _NO_SUCH_RANGE = 200, 206, 304, 416


class FileReply:
    """The bytes of a file that never changes; `tag` is what its content is known by."""

    def __init__(self, path: Path, media_type: str, tag: str, *, disposition: str = "inline") -> None:
        self._path = path
        self._tag = f'"{tag}"'.encode()
        self._headers: RawHeaders = [
            (b"content-type", media_type.encode()),
            (b"content-disposition", disposition.encode("latin-1")),
            (b"content-security-policy", _SANDBOX),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cache-control", b"private, max-age=3600"),
            (b"accept-ranges", b"bytes"),
            (b"etag", self._tag),
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send what is asked for: the whole, one range, or that nothing has changed."""
        visit = visit_in(scope)
        if self._same(visit.headers.get(b"if-none-match", b"")):
            await self._begin(send, _UNCHANGED, [])
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        loop = asyncio.get_running_loop()
        try:
            descriptor = await loop.run_in_executor(None, os.open, self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFound("The file is missing on the disk.") from error
        try:
            size = os.fstat(descriptor).st_size
            span = self._span(visit.headers, size)
            if span is None:
                await self._begin(send, _NO_SUCH_RANGE, [(b"content-range", b"bytes */%d" % size), _length(0)])
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            first, end = span
            if (first, end) == (0, size):
                await self._begin(send, _WHOLE, [_length(size)])
            else:
                told = (b"content-range", b"bytes %d-%d/%d" % (first, end - 1, size))
                await self._begin(send, _PARTIAL, [told, _length(end - first)])
            while first < end and visit.method != "HEAD":
                piece = await loop.run_in_executor(None, os.pread, descriptor, min(PIECE, end - first), first)
                if not piece:
                    raise EOFError(f"{self._path} became shorter while it was sent")
                first += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            os.close(descriptor)

    async def _begin(self, send: Send, status: int, more: RawHeaders) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [*self._headers, *more]})

    def _same(self, tags: bytes) -> bool:
        return bool(tags) and (
            tags.strip() == b"*" or self._tag in (t.strip().removeprefix(b"W/") for t in tags.split(b","))
        )

    def _span(self, headers: Mapping[bytes, bytes], size: int) -> tuple[int, int] | None:
        """From where up to where; the whole for no range, several, or one that cannot be read; None beyond the end."""
        unit, _, asked = headers.get(b"range", b"").decode("latin-1").partition("=")
        first, dash, last = asked.strip().partition("-")
        if unit.strip().lower() != "bytes" or not dash or not (first + last).isascii():
            return 0, size
        if headers.get(b"if-range", self._tag) != self._tag:
            return 0, size
        if not first and last.isdigit():
            length = int(last[:20])
            return (max(0, size - length), size) if length and size else None
        if not first.isdigit() or (last and not last.isdigit()):
            return 0, size
        start, end = int(first[:20]), int(last[:20]) + 1 if last else size
        if last and end <= start:
            return 0, size
        return (start, min(end, size)) if start < size else None


def _length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def kept_file(download: Download, path: Path) -> FileReply:
    """The file of a download: shown when its content is a picture or a video, else to be saved."""
    shown = download.kind in {MediaKind.IMAGE, MediaKind.VIDEO} and download.media_type not in {None, "image/svg+xml"}
    media_type = download.media_type if shown and download.media_type else "application/octet-stream"
    tag = download.sha256 or str(download.id)
    return FileReply(path, media_type, tag, disposition=disposition(download.filename, shown=shown))


def disposition(filename: str, *, shown: bool = False) -> str:
    """A Content-Disposition for a name of any characters (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%/' else "_" for c in filename)
    encoded = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return f'{"inline" if shown else "attachment"}; filename="{plain}"{encoded}'
