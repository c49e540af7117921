"""The library's pages: a grid that loads what is looked at, filters kept in the address, and the viewer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import MediaType, Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts.model import Actor
from entourage.archive import downloads, platforms
from entourage.archive.downloads import BulkAction
from entourage.archive.model import Download, DownloadFilter, DownloadStatus
from entourage.archive.platforms import Platform
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict
from entourage.kernel.paging import Page
from entourage.networks.model import MediaKind
from entourage.web.frame import Blanks, back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.queueing import chosen, number_of
from entourage.web.visitor import form_of, local_path, visitor_of
from entourage.web.words import plural

SIZE = 120
"""Tiles a page: what the grid asks for at once, and what a browser without scripts sees."""
FILTERS = ("platform", "source", "kind", "status", "from", "to", "q", "item")
MOST_SOURCES = 1000


def wanted_of(request: Ask) -> DownloadFilter:
    """The filter in the address; what cannot be read does not filter. The last day counts whole."""
    kind, status, item = chosen(request, "kind"), chosen(request, "status"), chosen(request, "item")
    last = _day(chosen(request, "to"))
    return DownloadFilter(
        platform=chosen(request, "platform"),
        source=chosen(request, "source"),
        kind=MediaKind(kind) if kind in set(MediaKind) else None,
        status=DownloadStatus(status) if status in set(DownloadStatus) else None,
        since=_day(chosen(request, "from")),
        until=last + timedelta(days=1) if last else None,
        search=chosen(request, "q"),
        queue_id=number_of(request, "item", most=2**62) if item else None,
    )


def _day(text: str | None) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) if text else None
    except ValueError:
        return None


def filters_of(request: Ask) -> dict[str, str]:
    """The filters that are set, as they stand in the address."""
    return {name: value for name in FILTERS if (value := chosen(request, name))}


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the library and what its filters offer."""

    found: Page[Download]
    sources: Sequence[tuple[str, str, int]]
    platforms: Sequence[Platform]


def look(tx: Tx, actor: Actor, wanted: DownloadFilter, number: int) -> Shown:
    """A page of what matches, and the choices for the filters."""
    found = downloads.listing(tx, actor, wanted, number=number, size=SIZE)
    sources = downloads.sources(tx, actor, wanted.platform)[:MOST_SOURCES]
    return Shown(found, sources, platforms.listing(tx, actor))


@get("/library")
async def show(request: Ask) -> Response[Any]:
    """The grid."""
    wanted, filters = wanted_of(request), filters_of(request)
    shown = await parts_of(request).database.read(look, visitor_of(request).actor, wanted, number_of(request))
    query = urlencode(filters)
    return page(
        request,
        "library.html",
        found=shown.found,
        sources=shown.sources,
        platforms=shown.platforms,
        filters=Blanks(filters),
        query=query,
        link=f"/library?{query}{'&' if query else ''}",
        first=msgspec.json.encode({"total": shown.found.total, "tiles": [tile(d) for d in shown.found.items]}).decode(),
    )


def tile(download: Download) -> Mapping[str, object]:
    """What the grid needs to know of a file."""
    picture = download.status is DownloadStatus.COMPLETED and download.kind in {MediaKind.IMAGE, MediaKind.VIDEO}
    return {
        "id": download.id,
        "thumb": f"/thumb/{download.id}?v={(download.sha256 or '')[:12]}" if picture else None,
        "kind": "warn" if download.status is DownloadStatus.FAILED else str(download.kind),
        "name": download.filename,
        "source": download.source,
        "seconds": download.duration,
    }


@get("/library/tiles")
async def tiles(request: Ask) -> Response[bytes]:
    """One page of the grid, for the script that draws what is looked at."""
    actor, wanted = visitor_of(request).actor, wanted_of(request)
    found = await parts_of(request).database.read(
        downloads.listing, actor, wanted, number=number_of(request), size=SIZE
    )  # fmt: skip
    body = msgspec.json.encode({"total": found.total, "tiles": [tile(download) for download in found.items]})
    return Response(body, media_type=MediaType.JSON, headers={"Cache-Control": "no-store"})


@post("/library/many")
async def do_many(request: Ask) -> Redirect:
    """Do one thing with every file that was ticked."""
    form = await form_of(request)
    ids, deed = form.numbers("id"), form.text("deed")
    to = local_path(form.text("back"), "/library")
    deeds: Mapping[str, tuple[BulkAction, bool, str]] = {
        "forget": ("delete", False, "taken out of the library; what is on the disk stays"),
        "delete": ("delete", True, "deleted"),
        "retry": ("retry", False, "fetched again"),
        "good": ("mark_upgraded", False, "marked as good enough"),
    }
    if deed not in deeds:
        raise Conflict("There is no such action.")
    if not ids:
        return back(request, to, "Tick the files first.", "bad")
    action, files, said = deeds[deed]
    done = await parts_of(request).database.write(
        downloads.bulk, visitor_of(request).actor, action, ids, delete_files=files
    )
    text = f"{plural(done.success, 'file')} {said}." if done.success else ""
    if done.failed:
        text += f" {plural(done.failed, 'file')} not: {done.errors[0].partition(': ')[2]}"
    return back(request, to, text.strip(), "bad" if done.failed else "good")


@dataclass(frozen=True, slots=True)
class View:
    """A file in the viewer, and its neighbours within the filter."""

    download: Download
    newer: Download | None
    older: Download | None


def look_at(tx: Tx, actor: Actor, wanted: DownloadFilter, download_id: int) -> View:
    """A file and the ones beside it."""
    newer, older = downloads.neighbours(tx, actor, wanted, download_id)
    return View(
        downloads.get(tx, actor, download_id),
        downloads.get(tx, actor, newer) if newer else None,
        downloads.get(tx, actor, older) if older else None,
    )


@get("/library/{download_id:int}")
async def show_one(request: Ask, download_id: FromPath[int]) -> Response[Any]:
    """The viewer."""
    view = await parts_of(request).database.read(
        look_at, visitor_of(request).actor, wanted_of(request), download_id
    )  # fmt: skip
    query = urlencode(filters_of(request))
    return page(request, "viewer.html", view=view, d=view.download, tail=f"?{query}" if query else "")


@post("/library/{download_id:int}/{deed:str}")
async def do(request: Ask, download_id: FromPath[int], deed: FromPath[str]) -> Redirect:
    """Delete one file, or fetch it again."""
    form, actor = await form_of(request), visitor_of(request).actor
    database, to = parts_of(request).database, local_path(form.text("back"), "/library")
    match deed:
        case "delete":
            await database.write(downloads.remove, actor, download_id, delete_file=True)
            return back(request, to, "The file was deleted.")
        case "retry":
            await database.write(downloads.retry, actor, download_id)
            return back(request, to, "The file is fetched again.")
        case _:
            raise Conflict("There is no such action.")


@get("/history")
async def history(request: Ask) -> Redirect:
    """The address that notifications of the media API name; the library, with the same filters."""
    query = urlencode(filters_of(request))
    return Redirect(f"/library?{query}" if query else "/library", status_code=303)


HANDLERS: Sequence[BaseRouteHandler] = (show, tiles, do_many, show_one, do, history)
