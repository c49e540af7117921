"""Pictures of channels and posts: fetched through the egress gate once, kept small, and served from here.

Browsers never ask the networks themselves: nobody learns who is looked at, and no page needs a foreign host.
"""

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from litestar import Response, get
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath

from entourage.archive import thumbnails
from entourage.insight import channels, content
from entourage.kernel.errors import EntourageError, NotFound
from entourage.networks.model import MediaKind
from entourage.web.media import SANDBOX
from entourage.web.parts import Ask, Parts, parts_of
from entourage.web.visitor import visitor_of

LARGEST = 12_000_000
"""Bytes of a picture that is fetched to be shown small."""
_RETRY_SECONDS: Final = 3600
_AT_ONCE: Final = asyncio.Semaphore(6)


async def _small(parts: Parts, url: str) -> Path:
    """The picture at `url`, small, on our disk; raises NotFound where it cannot be had (asked again after an hour)."""
    name = hashlib.sha256(url.encode()).hexdigest()
    kept = parts.settings.data / "faces" / name[:2] / f"{name}.webp"
    missed = kept.with_suffix(".missed")
    if kept.exists():
        return kept
    if missed.exists() and time.time() - missed.stat().st_mtime < _RETRY_SECONDS:
        raise NotFound("There is no picture.")
    async with _AT_ONCE:
        try:
            page = await parts.archive.world.read(url, limit=LARGEST)
            made = await asyncio.to_thread(_shrunk, page.body, kept)
        except EntourageError:
            made = None
    if made is None:
        await asyncio.to_thread(_miss, missed)
        raise NotFound("There is no picture.")
    return made


def _shrunk(body: bytes, target: Path) -> Path | None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        return thumbnails.make(Path(file.name), MediaKind.IMAGE, target)


def _miss(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


async def _sent(parts: Parts, url: str | None) -> Response[Any]:
    if not url:
        raise NotFound("There is no picture.")
    path = await _small(parts, url)
    headers = {**SANDBOX, "Cache-Control": "private, max-age=86400"}
    return Response(await asyncio.to_thread(path.read_bytes), media_type="image/webp", headers=headers)


@get("/channels/{uuid:str}/picture")
async def portrait(request: Ask, uuid: FromPath[str]) -> Response[Any]:
    """The picture of a channel."""
    parts = parts_of(request)
    channel = await parts.database.read(channels.get, visitor_of(request).actor, uuid)
    return await _sent(parts, channel.picture)


@get("/posts/{post_id:int}/picture")
async def still(request: Ask, post_id: FromPath[int]) -> Response[Any]:
    """The first picture of a post."""
    parts = parts_of(request)
    post = await parts.database.read(content.get, visitor_of(request).actor, post_id)
    return await _sent(parts, next((media.url for media in post.media if media.type == "image"), None))


HANDLERS: tuple[BaseRouteHandler, ...] = (portrait, still)
