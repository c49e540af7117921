"""The log's pages: filter, search, follow, take away, clear."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.response import Redirect, Stream

from entourage.accounts.model import Actor
from entourage.kernel import logbook, logsearch
from entourage.kernel.errors import Invalid, NotFound, Problem
from entourage.web.frame import Blanks, back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.queueing import chosen, number_of
from entourage.web.visitor import form_of, visitor_of
from entourage.web.words import plural, size

LINES = 200
FILTERS = ("level", "module", "q", "from", "to")


def _eyes(actor: Actor) -> int | None:
    """Whose lines may be seen: None is everybody's."""
    return None if actor.admin else actor.user_id


def _moment(text: str | None, *, end: bool) -> datetime | None:
    try:
        found = datetime.combine(date.fromisoformat(text), time(), UTC) if text else None
    except ValueError:
        return None
    return found + timedelta(days=1, milliseconds=-1) if found and end else found


@get("/logs")
async def show(request: Ask) -> Response[Any]:
    """The newest lines that match."""
    root, actor = parts_of(request).settings.logs, visitor_of(request).actor
    level = chosen(request, "level")
    look = partial(
        logsearch.search,
        root,
        level=level if level in logbook.LEVELS else None,
        and_above=True,
        module=chosen(request, "module"),
        text=chosen(request, "q"),
        date_from=_moment(chosen(request, "from"), end=False),
        date_to=_moment(chosen(request, "to"), end=True),
        limit=number_of(request, "lines", LINES, logsearch.MOST_LINES),
        visible_to=_eyes(actor),
    )
    found = await asyncio.to_thread(look)
    filters = {name: value for name in FILTERS if (value := chosen(request, name))}
    newest = await asyncio.to_thread(logsearch.last_id, root)
    return page(
        request,
        "logs.html",
        found=found,
        filters=Blanks(filters),
        levels=logbook.LEVELS,
        newest=newest,
        more=f"/logs?{urlencode({**filters, 'lines': logsearch.MOST_LINES})}",
        today=parts_of(request).database.clock().date(),
    )


@get("/logs/newer")
async def newer(request: Ask) -> Response[Any]:
    """The lines after a number, as rows of the table."""
    root, actor = parts_of(request).settings.logs, visitor_of(request).actor
    after = number_of(request, "after", 0, 2**62)
    lines = await asyncio.to_thread(logsearch.newer, root, after, limit=LINES, visible_to=_eyes(actor))
    level, module, text = chosen(request, "level"), chosen(request, "module"), chosen(request, "q")
    levels = logbook.LEVELS[logbook.LEVELS.index(level) :] if level in logbook.LEVELS else logbook.LEVELS
    shown = [
        line
        for line in reversed(lines)
        if line.level in levels
        and (not module or line.module.casefold() == module.casefold())
        and (not text or text.casefold() in line.message.casefold())
    ]
    return page(request, "log-lines.html", lines=shown, newest=lines[-1].id if lines else after, fresh=True)


@get("/logs/download")
async def download(request: Ask) -> Stream:
    """The log of a day."""
    root, actor = parts_of(request).settings.logs, visitor_of(request).actor
    given = _moment(chosen(request, "date"), end=False)
    if given is None:
        raise NotFound("Say of which day the log is wanted.")
    as_text = chosen(request, "format") != "json"
    load = partial(logsearch.download, root, given.date(), as_text=as_text, visible_to=_eyes(actor))
    pieces = await asyncio.to_thread(load)
    name = f"entourage_{given:%Y%m%d}.{'log' if as_text else 'jsonl'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Stream(pieces, media_type="application/octet-stream", headers=headers)


@post("/logs/clear")
async def clear(request: Ask) -> Redirect:
    """Delete the logs of old days, by an administrator."""
    visitor_of(request).actor.needs_admin()
    days = (await form_of(request)).number("older_than_days")
    if days is None or days < 0:
        raise Invalid(Problem("older_than_days", "must be a whole number from 0"))
    root = parts_of(request).settings.logs
    gone = await asyncio.to_thread(logbook.clear, root, days, parts_of(request).database.clock)
    return back(request, "/logs", f"{plural(gone.files, 'file')} deleted ({size(gone.bytes)}).")


HANDLERS: Sequence[BaseRouteHandler] = (show, newer, download, clear)
