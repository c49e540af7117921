"""The queue's pages: add addresses, look before adding, watch, and deal with items one by one or together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts.model import Actor
from entourage.archive import downloads, platforms, previews, queue
from entourage.archive.model import (
    BEST_PRIORITY,
    Download,
    DownloadFilter,
    DownloadStatus,
    Item,
    ItemStatus,
    Profile,
    QueuePage,
    QueueStats,
    Wish,
)
from entourage.archive.platforms import Platform
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid
from entourage.kernel.paging import Page
from entourage.web.faults import sentence
from entourage.web.frame import Blanks, back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import Form, form_of, local_path, visitor_of
from entourage.web.words import plural

SIZE = 50
MOST_ADDRESSES = 500
FILES_SHOWN = 120
WAITING = (ItemStatus.PENDING, ItemStatus.DOWNLOADING, ItemStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Seen:
    """An address as it was recognised while it is being typed; `problem` says why it cannot be added."""

    url: str
    platform: str
    source: str
    problem: str


def number_of(request: Ask, name: str = "page", least: int = 1, most: int = 1_000_000) -> int:
    """A whole number in the address of the page, within bounds; what is none counts as the least."""
    text = request.query_params.get(name, "")
    return min(most, max(least, int(text))) if text.isascii() and text.isdecimal() and len(text) < 12 else least  # noqa: PLR2004 - beyond every page


def chosen(request: Ask, name: str) -> str | None:
    """A choice in the address of the page; None where it is absent or empty."""
    return request.query_params.get(name, "").strip() or None


def addresses(text: str) -> list[str]:
    """The addresses in a text, each once: one a line, or several with blanks between."""
    found = list(dict.fromkeys(text.split()))
    return [url if "://" in url else f"https://{url}" for url in found if "." in url or "://" in url]


def wishes(form: Form) -> list[Wish]:
    """What the form asks for: a wish for each address, all with the same options."""
    profile = form.text("profile")
    return [
        Wish(
            url=url,
            platform=form.text("platform") or None,
            content_type=form.text("content_type") or None,
            priority=form.number("priority"),
            max_downloads=form.number("max_downloads"),
            days_back=form.number("days_back"),
            profile=Profile(profile) if profile in set(Profile) else None,
        )
        for url in addresses(form.text("urls"))[:MOST_ADDRESSES]
    ]


@dataclass(frozen=True, slots=True)
class QueueView:
    """What the queue's page shows: items, why those that wait do, and the numbers."""

    found: QueuePage
    reasons: Mapping[int, str]
    stats: QueueStats
    platforms: Sequence[Platform]


def reasons(tx: Tx, actor: Actor, items: Sequence[Item]) -> dict[int, str]:
    """Why each of the items that wait does."""
    said = ((item.id, queue.why(tx, actor, item.id)) for item in items if item.status in WAITING)
    return {item_id: why for item_id, why in said if why}


def look(tx: Tx, actor: Actor, status: ItemStatus | None, platform: str | None, number: int) -> QueueView:
    """One page of the queue with everything that is said about it."""
    found = queue.listing(tx, actor, status=status, platform=platform, number=number, size=SIZE)
    return QueueView(found, reasons(tx, actor, found.page.items), queue.stats(tx, actor), platforms.listing(tx, actor))


@get("/queue")
async def show(request: Ask) -> Response[Any]:
    """The queue."""
    return await _queue_page(request, {})


async def _queue_page(
    request: Ask, given: Mapping[str, str], problems: Mapping[str, str] | None = None, status: int = 200
) -> Response[Any]:
    name = chosen(request, "status")
    wanted = ItemStatus(name) if name in set(ItemStatus) else None
    platform = chosen(request, "platform")
    number = number_of(request)
    visitor = visitor_of(request)
    view = await parts_of(request).database.read(look, visitor.actor, wanted, platform, number)
    kept = {key: value for key, value in (("status", wanted), ("platform", platform)) if value}
    return page(
        request,
        "queue.html",
        status=status,
        view=view,
        wanted=wanted,
        platform=platform,
        given=Blanks(given),
        problems=Blanks(problems or {}),
        link=f"/queue?{urlencode(kept)}{'&' if kept else ''}",
    )


@post("/queue")
async def add(request: Ask) -> Response[Any] | Redirect:
    """Put every address of the form into the queue, or look at the first one when that was asked."""
    form, actor = await form_of(request), visitor_of(request).actor
    given = {name: form.text(name) for name in form.names() - {"csrf"}}
    try:
        wanted = wishes(form)
        if not wanted:
            return await _queue_page(request, given, {"urls": "Paste the address of a page, a profile or a file."}, 422)
        if form.has("preview"):
            return await _preview(request, wanted, given)
        added, refused = await parts_of(request).database.write(_add_all, actor, wanted)
    except Invalid as error:
        return await _queue_page(request, given, {"urls": sentence(error)}, 422)
    if not added:
        return await _queue_page(request, given, {"urls": " ".join(refused[:3])}, 422)
    text = f"{plural(len(added), 'address', 'addresses')} added."
    if refused:
        text += f" Not added: {' '.join(refused[:3])}"
    return back(request, "/queue", text, "bad" if refused else "good")


def _add_all(tx: Tx, actor: Actor, wanted: Sequence[Wish]) -> tuple[list[Item], list[str]]:
    added: list[Item] = []
    refused: list[str] = []
    for wish in wanted:
        try:
            with tx.savepoint():
                added.append(queue.add(tx, actor, wish))
        except (Invalid, Conflict) as error:
            refused.append(f"{wish.url}: {sentence(error)}")
    return added, refused


async def _preview(request: Ask, wanted: Sequence[Wish], given: Mapping[str, str]) -> Response[Any]:
    parts = parts_of(request)
    found, problem = None, ""
    try:
        found = await previews.preview(parts.archive, visitor_of(request).actor, wanted[0])
    except EntourageError as error:
        problem = sentence(error)
    return page(
        request,
        "preview.html",
        found=found,
        problem=problem,
        given=Blanks(given),
        url=wanted[0].url,
        others=len(wanted) - 1,
    )


@post("/queue/seen")
async def recognise(request: Ask) -> Response[Any]:
    """How the addresses in the form are understood, while they are being typed."""
    form = await form_of(request)
    found: list[Seen] = []
    for url in addresses(form.text("urls"))[:MOST_ADDRESSES]:
        try:
            _, platform, source = queue.checked(Wish(url=url))
        except EntourageError as error:
            found.append(Seen(url, "", "", sentence(error)))
        else:
            found.append(Seen(url, platform, source, ""))
    return page(request, "seen.html", found=found)


@dataclass(frozen=True, slots=True)
class ItemView:
    """What the page of one item shows."""

    item: Item
    why: str | None
    kept: Page[Download]
    failed: Page[Download]


def look_at(tx: Tx, actor: Actor, item_id: int) -> ItemView:
    """An item and its files."""
    item = queue.get(tx, actor, item_id)

    def files(status: DownloadStatus) -> Page[Download]:
        wanted = DownloadFilter(queue_id=item_id, status=status)
        return downloads.listing(tx, actor, wanted, number=1, size=FILES_SHOWN)

    return ItemView(item, queue.why(tx, actor, item_id), files(DownloadStatus.COMPLETED), files(DownloadStatus.FAILED))


@get("/queue/{item_id:int}")
async def show_item(request: Ask, item_id: FromPath[int]) -> Response[Any]:
    """One item: where it stands, its files, and what could not be had."""
    view = await parts_of(request).database.read(look_at, visitor_of(request).actor, item_id)
    return page(request, "item.html", view=view, item=view.item)


def _pause(tx: Tx, actor: Actor, item_id: int) -> None:
    queue.change(tx, actor, item_id, status=ItemStatus.PAUSED)


def _resume(tx: Tx, actor: Actor, item_id: int) -> None:
    queue.change(tx, actor, item_id, status=ItemStatus.PENDING)


def _retry(tx: Tx, actor: Actor, item_id: int) -> None:
    queue.retry(tx, actor, item_id)


def _first(tx: Tx, actor: Actor, item_id: int) -> None:
    queue.change(tx, actor, item_id, priority=BEST_PRIORITY)


DEEDS: Mapping[str, tuple[Callable[[Tx, Actor, int], None], str]] = {
    "pause": (_pause, "paused"),
    "resume": (_resume, "going on"),
    "retry": (_retry, "started again"),
    "first": (_first, "moved to the front"),
    "remove": (queue.remove, "removed; files that came in already are kept"),
}
"""What can be done with an item, and how that is said afterwards."""


@post("/queue/{item_id:int}/{deed:str}")
async def do(request: Ask, item_id: FromPath[int], deed: FromPath[str]) -> Redirect:
    """Do one thing with one item."""
    form = await form_of(request)
    to = local_path(form.text("back"), "/queue")
    if deed == "priority":
        priority = form.number("priority")
        await parts_of(request).database.write(queue.change, visitor_of(request).actor, item_id, priority=priority)
        return back(request, to, f"Priority {priority}.")
    if deed not in DEEDS:
        raise Conflict("There is no such action.")
    act, said = DEEDS[deed]
    await parts_of(request).database.write(act, visitor_of(request).actor, item_id)
    return back(request, to, f"Number {item_id}: {said}.")


@post("/queue/many")
async def do_many(request: Ask) -> Redirect:
    """Do one thing with every item that was ticked."""
    form = await form_of(request)
    deed, ids = form.text("deed"), form.numbers("id")
    to = local_path(form.text("back"), "/queue")
    if deed not in DEEDS or not ids:
        return back(request, to, "Tick the items first.", "bad")
    done, refused = await parts_of(request).database.write(_do_all, visitor_of(request).actor, deed, ids)
    text = f"{plural(done, 'item')} {DEEDS[deed][1]}." if done else ""
    return back(request, to, " ".join([text, *refused[:3]]).strip(), "bad" if refused else "good")


def _do_all(tx: Tx, actor: Actor, deed: str, ids: Sequence[int]) -> tuple[int, list[str]]:
    refused: list[str] = []
    for item_id in ids:
        try:
            with tx.savepoint():
                DEEDS[deed][0](tx, actor, item_id)
        except EntourageError as error:
            refused.append(f"Number {item_id}: {sentence(error)}")
    return len(ids) - len(refused), refused


@post("/queue/all")
async def do_all(request: Ask) -> Redirect:
    """Pause everything, let everything go on, or clear what is over."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    to = local_path(form.text("back"), "/queue")
    match form.text("deed"):
        case "pause":
            count = await database.write(queue.pause_all, actor)
            return back(request, to, f"{plural(count, 'item')} paused.")
        case "resume":
            count = await database.write(queue.resume_all, actor)
            return back(request, to, f"{plural(count, 'item')} going on.")
        case "clear":
            count = await database.write(queue.clear, actor, [ItemStatus.COMPLETED])
            return back(request, to, f"{plural(count, 'finished item')} cleared; the files are kept.")
        case "clear-failed":
            count = await database.write(queue.clear, actor, [ItemStatus.FAILED])
            return back(request, to, f"{plural(count, 'failed item')} cleared.")
        case _:
            raise Conflict("There is no such action.")


HANDLERS: Sequence[BaseRouteHandler] = (show, add, recognise, show_item, do, do_many, do_all)
