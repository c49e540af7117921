"""How the server is run: the sections "Settings Endpoints" and "Logs Endpoints"."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

from litestar import delete, get, patch
from litestar.types import Receive, Scope, Send

from entourage.accounts.model import Actor
from entourage.archive import preferences
from entourage.doors.asking import Asked, json_body, query
from entourage.doors.door import Reply, visit_in, visit_of
from entourage.doors.files import disposition
from entourage.doors.media import shaping, wire
from entourage.doors.media.dialect import NO_STORE, answer, paged
from entourage.kernel import logbook, logsearch
from entourage.kernel.errors import Invalid, Problem


@get("/settings")
async def get_settings(request: Asked) -> Reply:
    """Every setting, secrets masked; for administrators."""
    visit = visit_of(request)
    visit.actor.needs_admin()
    found = await visit.house.database.read(preferences.current)
    return answer(preferences.masked(found, str(visit.house.shelf.library.root)))


@patch("/settings")
async def change_settings(request: Asked) -> Reply:
    """Change what the body names; for administrators."""
    visit, asked = visit_of(request), await json_body(request)
    if not isinstance(asked, dict):
        raise Invalid(Problem("body", "must be an object"))
    changed = await visit.write(preferences.change, cast("dict[str, Any]", asked), visit.house.secrets)
    return answer(wire.SettingsChanged(message="Settings updated successfully", updated_fields=changed))


@get("/logs")
async def list_logs(request: Asked) -> Reply:
    """The newest lines of the log that match."""
    visit, asked = visit_of(request), query(request, wire.LogsQuery)
    found = await asyncio.to_thread(
        logsearch.search,
        visit.house.settings.logs,
        level=asked.level,
        module=asked.module,
        text=asked.search,
        date_from=_utc(asked.date_from),
        date_to=_utc(asked.date_to),
        limit=asked.limit,
        visible_to=_sees(visit.actor),
    )
    told = wire.LogList(
        logs=[shaping.log_entry(line) for line in found.lines], total=found.total, filtered=found.filtered
    )
    return paged(request, told, found.filtered, 1, asked.limit)


@get("/logs/download")
async def download_log(request: Asked) -> "LogFile":
    """The log of a day as a file."""
    visit, asked = visit_of(request), query(request, wire.LogFileQuery)
    day = asked.date or visit.now.date()
    pieces = await asyncio.to_thread(
        logsearch.download,
        visit.house.settings.logs,
        day,
        as_text=asked.format == "text",
        visible_to=_sees(visit.actor),
    )
    ending = "log" if asked.format == "text" else "jsonl"
    return LogFile(pieces, f"media_downloader_{day:%Y%m%d}.{ending}")


@delete("/logs", status_code=200)
async def clear_logs(request: Asked) -> Reply:
    """Delete the logs of days longer ago; for administrators."""
    visit, asked = visit_of(request), query(request, wire.LogsClearQuery)
    visit.actor.needs_admin()
    root, clock = visit.house.settings.logs, visit.house.database.clock
    gone = await asyncio.to_thread(logbook.clear, root, asked.older_than_days, clock)
    return answer(wire.LogsCleared(deleted_files=gone.files, deleted_size_bytes=gone.bytes))


class LogFile:
    """A day's log on its way, a piece at a time."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces = pieces
        self._name = name

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-disposition", disposition(self._name).encode("latin-1")),
            NO_STORE,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while visit_in(scope).method != "HEAD":
            piece = await asyncio.to_thread(next, self._pieces, None)
            if piece is None:
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _sees(actor: Actor) -> int | None:
    """Whose lines somebody may read: administrators everybody's."""
    return None if actor.admin else actor.user_id


def _utc(moment: datetime | None) -> datetime | None:
    """The moment; one without a zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


HANDLERS = [get_settings, change_settings, list_logs, download_log, clear_logs]
