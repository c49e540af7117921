"""Live news: what happens, told to open pages as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers.base import BaseRouteHandler
from litestar.response import Stream

from entourage.accounts import sessions
from entourage.accounts.model import Actor
from entourage.archive import preferences, queue
from entourage.archive.model import ItemStatus
from entourage.kernel.bus import Bus, Event
from entourage.kernel.db import Database, Tx
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import visitor_of

KINDS = {
    "queue.changed", "queue.progress", "queue.finished", "notice", "missed", "plan.changed", "collection.updated",
    "connection.changed", "import.progress", "import.finished",
}  # fmt: skip
QUIET_SECONDS = 15.0
"""After so much silence a comment goes out, so that proxies keep the line open and the session is looked at again."""


def as_text(event: Event) -> bytes:
    """An event as one message of an event stream."""
    return b"event: " + event.kind.encode() + b"\ndata: " + msgspec.json.encode(event.data) + b"\n\n"


def hello(tx: Tx, actor: Actor) -> dict[str, Any]:
    """What a page wants to know first: how many items are open, and whether notes may be shown."""
    counts = queue.listing(tx, actor, number=1, size=1).counts
    return {
        "open": counts[ItemStatus.PENDING] + counts[ItemStatus.DOWNLOADING],
        "notes": preferences.current(tx).notifications.browser.enabled,
    }


async def news(bus: Bus, database: Database, actor: Actor, cookie: str) -> AsyncIterator[bytes]:
    """Everything that concerns the actor, until the session ends or its rights change."""
    with bus.watch(None if actor.admin else actor.user_id) as watcher:
        first = await database.read(hello, actor)
        yield b"retry: 2000\nevent: hello\ndata: " + msgspec.json.encode(first) + b"\n\n"
        checked = asyncio.get_running_loop().time()
        while True:
            try:
                found = await asyncio.wait_for(watcher.next(), QUIET_SECONDS)
            except TimeoutError:
                found = []
            wanted = [event.encoded(as_text) for event in found if event.kind in KINDS]
            yield b"".join(wanted) or b": still here\n\n"
            now = asyncio.get_running_loop().time()
            if now - checked >= QUIET_SECONDS:
                checked = now
                session = await database.read(sessions.lookup, cookie)
                if session is None or session.actor != actor:
                    return


@get("/live")
async def live(request: Ask) -> Stream:
    """The stream of events that pages listen to."""
    parts, visitor = parts_of(request), visitor_of(request)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    content = news(parts.bus, parts.database, visitor.actor, visitor.cookie)
    return Stream(content, media_type="text/event-stream", headers=headers)


@get("/queue/open")
async def open_items(request: Ask) -> Response[bytes]:
    """How many items are open, for the mark beside the queue's name."""
    told = await parts_of(request).database.read(hello, visitor_of(request).actor)
    return Response(msgspec.json.encode(told), media_type=MediaType.JSON, headers={"Cache-Control": "no-store"})


HANDLERS: Sequence[BaseRouteHandler] = (live, open_items)
