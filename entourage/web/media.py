"""Kept files as browsers get them: whole or in ranges, named by their content, and never allowed to act as a page."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from litestar import HttpMethod, Response, route
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from entourage.archive import downloads
from entourage.kernel.errors import NotFound
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import visitor_of

CHUNK = 256 * 1024
SHOWN = frozenset(
    {
        "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime",
        "audio/mpeg", "audio/mp4", "audio/ogg", "audio/flac", "audio/wav", "audio/x-wav", "audio/webm", "audio/aac",
    }
)  # fmt: skip
"""What browsers may show in place; everything else is saved, whatever its name says."""
SANDBOX = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def span_of(wanted: str | None, size: int) -> tuple[int, int] | None:
    """The first and last byte that a Range header wants, None for the whole file; IndexError where there is none.

    What is not one simple range is answered whole, as RFC 9110 (14.2) allows.
    """
    match = _RANGE.fullmatch((wanted or "").replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    else:
        first, last = max(0, size - int(match[2])), size - 1
    if first >= size or last < first:
        raise IndexError(wanted)
    return first, last


async def pieces(file: BinaryIO, first: int, count: int) -> AsyncIterator[bytes]:
    """`count` bytes of a file from `first` on; the file is closed at the end."""
    try:
        await asyncio.to_thread(file.seek, first)
        while count > 0:
            piece = await asyncio.to_thread(file.read, min(CHUNK, count))
            if not piece:
                return
            count -= len(piece)
            yield piece
    finally:
        file.close()


def disposition(name: str, *, attachment: bool) -> str:
    """The Content-Disposition of a file, its name spelled for old and new browsers."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%;]', "_", name)
    how = "attachment" if attachment else "inline"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _send(
    request: Ask, path: Path, *, tag: str, media_type: str, name: str, attachment: bool, lasting: bool
) -> Response[Any]:
    etag = f'"{tag}"'
    headers = {
        **SANDBOX,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable" if lasting else "private, no-cache",
        "Content-Disposition": disposition(name, attachment=attachment),
    }
    given = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if etag in given or "*" in given:
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError:
        raise NotFound("The file is missing on the disk; `entourage verify` says what else is.") from None
    size = os.fstat(file.fileno()).st_size
    wanted = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        wanted = None
    try:
        part = span_of(wanted, size)
    except IndexError:
        file.close()
        return Response(
            b"", status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"}, media_type=media_type
        )
    first, last = part or (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    count = 0 if request.method == "HEAD" else last - first + 1
    return Stream(
        pieces(file, first, count), status_code=206 if part else 200, headers=headers, media_type=media_type
    )  # fmt: skip


@route("/media/{download_id:int}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def media(request: Ask, download_id: FromPath[int]) -> Response[Any]:
    """The verified bytes of a download. `?save` makes the browser save it."""
    parts = parts_of(request)
    download = await parts.database.read(downloads.get, visitor_of(request).actor, download_id)
    path = parts.shelf.blob_path(download)
    kind = download.media_type or "application/octet-stream"
    shown = kind.partition(";")[0].strip().lower() in SHOWN
    return await _send(
        request,
        path,
        tag=download.sha256 or str(download.id),
        media_type=kind if shown else "application/octet-stream",
        name=download.filename,
        attachment=not shown or "save" in request.query_params,
        lasting=_is_lasting(request, download.sha256),
    )


@route("/thumb/{download_id:int}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def thumb(request: Ask, download_id: FromPath[int]) -> Response[Any]:
    """A small picture of a download."""
    parts = parts_of(request)
    download = await parts.database.read(downloads.get, visitor_of(request).actor, download_id)
    path = await parts.shelf.thumbnail(download)
    return await _send(
        request,
        path,
        tag=f"{download.sha256}-small",
        media_type="image/webp",
        name=f"{download.filename}.webp",
        attachment=False,
        lasting=_is_lasting(request, download.sha256),
    )


def _is_lasting(request: Ask, sha256: str | None) -> bool:
    """Whether the address names the content (`?v=` and the start of its hash), so that it may be kept for ever."""
    version = request.query_params.get("v", "")
    return len(version) >= 12 and (sha256 or "").startswith(version)  # noqa: PLR2004 - as long as our pages give it


HANDLERS: Sequence[BaseRouteHandler] = (media, thumb)
