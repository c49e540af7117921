"""Pictures of channels and posts: fetched through the egress gate once, kept small, and served from here.

Browsers never ask the networks themselves: nobody learns who is looked at, and no page needs a foreign host.
"""

from typing import Any

from litestar import Response, get
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath

from entourage.insight import channels, content
from entourage.kernel.errors import NotFound
from entourage.web.media import SANDBOX
from entourage.web.parts import Ask, Parts, parts_of
from entourage.web.visitor import visitor_of


async def _sent(parts: Parts, url: str | None) -> Response[Any]:
    if not url:
        raise NotFound("There is no picture.")
    headers = {**SANDBOX, "Cache-Control": "private, max-age=86400"}
    return Response(await parts.archive.faces.small(url), media_type="image/webp", headers=headers)


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
