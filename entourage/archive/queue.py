"""The queue: addresses to fetch, in the order of their priority."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

from entourage.accounts.model import Actor
from entourage.archive import preferences, runs
from entourage.archive.model import (
    BEST_PRIORITY,
    FINISHED,
    LAST_PRIORITY,
    Item,
    ItemStatus,
    QueuePage,
    QueueStats,
    Wish,
)
from entourage.archive.store import downloads as kept_store
from entourage.archive.store import queue as store
from entourage.kernel import events, jobs, lanes
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, Invalid, NotFound, Problem
from entourage.kernel.paging import Page
from entourage.kernel.tables import State
from entourage.networks import registry

LONGEST_URL = 4096
LONGEST_NAME = 200
MOST_DOWNLOADS = 1_000_000
MOST_DAYS = 36_500
RECENT = timedelta(days=7)


def subject(item_id: int) -> str:
    """What the jobs of an item are known by."""
    return f"queue/{item_id}"


def owner_of(actor: Actor) -> int | None:
    """Whose things an actor may see: None is everyone's."""
    return None if actor.admin else actor.user_id


def task_id(item: Item) -> str:
    """The opaque name of an item's work."""
    return hashlib.sha256(f"task/{item.id}/{item.created_at.timestamp()}".encode()).hexdigest()[:32]


def add(tx: Tx, actor: Actor, wish: Wish, *, run_id: int | None = None) -> Item:
    """Put an address into the queue.

    Raises Invalid naming the field, Conflict when the same address waits or runs already.
    """
    current = preferences.current(tx)
    wish, platform, source = checked(wish)
    if not preferences.enabled(current, platform, wish.profile):
        raise Invalid(Problem("platform", f"{platform} is switched off in the settings"))
    twin = store.unfinished_twin(tx, actor.user_id, wish.url, wish.content_type)
    if twin is not None:
        raise Conflict(f"This address is in the queue already, as number {twin}.")
    item = store.insert(
        tx,
        owner=actor.user_id,
        wish=wish,
        platform=platform,
        source=source,
        priority=wish.priority or current.general.default_priority,
        max_attempts=max(1, current.general.retry_attempts),
        run_id=run_id,
    )
    defer_expansion(tx, item)
    announce(tx, item, "added")
    return item


def twin(tx: Tx, actor: Actor, wish: Wish) -> Item | None:
    """The unfinished item of the same address, if there is one."""
    clean, _, _ = checked(wish)
    found = store.unfinished_twin(tx, actor.user_id, clean.url, clean.content_type)
    return None if found is None else store.get(tx, found)


def checked(wish: Wish) -> tuple[Wish, str, str]:
    """The wish with its address in order, its platform and its source; raises Invalid naming the field."""
    problems: list[Problem] = []
    url = _address(wish.url, problems)
    if wish.priority is not None and not BEST_PRIORITY <= wish.priority <= LAST_PRIORITY:
        problems.append(Problem("priority", f"must be from {BEST_PRIORITY} (first) to {LAST_PRIORITY} (last)"))
    if wish.max_downloads is not None and not 1 <= wish.max_downloads <= MOST_DOWNLOADS:
        problems.append(Problem("max_downloads", f"must be from 1 to {MOST_DOWNLOADS}"))
    if wish.days_back is not None and not 1 <= wish.days_back <= MOST_DAYS:
        problems.append(Problem("days_back", f"must be from 1 to {MOST_DAYS}"))
    if wish.source is not None and not 1 <= len(wish.source.strip()) <= LONGEST_NAME:
        problems.append(Problem("source", f"must have 1 to {LONGEST_NAME} characters"))
    if wish.platform is not None and wish.platform not in registry.READERS:
        known = ", ".join(registry.READERS)
        problems.append(Problem("platform", f"is not known; known are {known}"))
    if problems:
        raise Invalid(*problems)
    reader = registry.READERS[wish.platform] if wish.platform else registry.reader_for(url)
    if wish.content_type is not None and wish.content_type not in reader.CONTENT_TYPES:
        choices = ", ".join(reader.CONTENT_TYPES)
        raise Invalid(Problem("content_type", f"is not one of {choices}, which {reader.DISPLAY_NAME} has"))
    source = (wish.source or reader.source_of(url)).strip()
    clean = Wish(
        url=url,
        platform=reader.NAME,
        source=source,
        content_type=wish.content_type,
        priority=wish.priority,
        max_downloads=wish.max_downloads,
        days_back=wish.days_back,
        profile=wish.profile,
        referer=wish.referer,
        note=wish.note,
    )
    return clean, reader.NAME, source


def _address(url: str, problems: list[Problem]) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.port != 0
    except ValueError:
        named, parts = False, urlsplit("")
    if len(url) > LONGEST_URL:
        problems.append(Problem("url", f"is longer than {LONGEST_URL} characters"))
    elif parts.scheme.lower() not in {"http", "https"} or not named:
        problems.append(Problem("url", "must be an address that starts with http:// or https://"))
    elif any(ord(letter) <= ord(" ") or ord(letter) == 0x7F for letter in url):  # noqa: PLR2004 - DEL
        problems.append(Problem("url", "must not contain blanks or control characters"))
    elif parts.username is not None or parts.password is not None:
        problems.append(Problem("url", "must not carry a user name or password"))
    else:
        netloc = parts.netloc.lower()
        return urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", parts.query, parts.fragment))
    return url


def defer_expansion(tx: Tx, item: Item) -> None:
    """Plan the job that lists what is behind the item's address."""
    host = urlsplit(item.url).hostname or ""
    jobs.defer(
        tx,
        "expand",
        {"queue_id": item.id},
        lanes=("expansions", f"platform/{item.platform}", f"host/{host}"),
        priority=item.priority,
        subject=subject(item.id),
        max_attempts=item.max_attempts,
        key=f"expand/{item.id}",
    )


def announce(tx: Tx, item: Item, action: str) -> None:
    """Tell who may see it that an item was added, updated or removed."""
    told = {"id": item.id, "platform": item.platform, "source": item.source, "status": str(item.status)}
    events.publish(tx, "queue.changed", {"action": action, "item": told}, user=item.owner)


def get(tx: Tx, actor: Actor, item_id: int) -> Item:
    """The item; raises NotFound."""
    item = store.get(tx, item_id)
    if item is None or not (actor.admin or item.owner == actor.user_id):
        raise NotFound("There is no such item in the queue.")
    return item


def listing(
    tx: Tx, actor: Actor, *, status: ItemStatus | None = None, platform: str | None = None, number: int, size: int
) -> QueuePage:
    """A page of the queue: what runs first, then what waits in its order, then the newest of what is over."""
    owner = owner_of(actor)
    items = store.listing(
        tx, owner=owner, status=status, platform=platform, skip=(number - 1) * size, most=size
    )  # fmt: skip
    counts = store.counts(tx, owner=owner, platform=platform)
    total = counts[status] if status else sum(counts.values())
    return QueuePage(Page(items, total, number, size), store.counts(tx, owner=owner))


def change(
    tx: Tx, actor: Actor, item_id: int, *, priority: int | None = None, status: ItemStatus | None = None
) -> Item:
    """Give an item another place in the queue, pause it, or let it go on (status pending)."""
    item = get(tx, actor, item_id)
    if priority is not None and not BEST_PRIORITY <= priority <= LAST_PRIORITY:
        raise Invalid(Problem("priority", f"must be from {BEST_PRIORITY} (first) to {LAST_PRIORITY} (last)"))
    if status not in {None, ItemStatus.PAUSED, ItemStatus.PENDING}:
        raise Invalid(Problem("status", "can be set to paused, or to pending to go on"))
    if status is not None and item.status in FINISHED:
        raise Conflict(f"This item is {item.status}; retry it to run it again.")
    if priority is not None and priority != item.priority:
        store.update(tx, item, priority=priority)
        jobs.reprioritise(tx, priority, subject=subject(item.id))
    if status is ItemStatus.PAUSED and item.status is not ItemStatus.PAUSED:
        store.update(tx, item, status=ItemStatus.PAUSED)
        jobs.pause(tx, subject=subject(item.id))
    elif status is ItemStatus.PENDING and item.status is ItemStatus.PAUSED:
        going = ItemStatus.DOWNLOADING if item.started_at else ItemStatus.PENDING
        store.update(tx, item, status=going)
        jobs.resume(tx, subject=subject(item.id))
        _a_person_came(tx, item)
    changed = get(tx, actor, item_id)
    if changed != item:
        announce(tx, changed, "updated")
    return changed


def pause_all(tx: Tx, actor: Actor) -> int:
    """Pause everything that waits or runs; how many items that were."""
    waiting = store.with_status(
        tx, (ItemStatus.PENDING, ItemStatus.DOWNLOADING), owner=owner_of(actor), most=MOST_DOWNLOADS
    )
    for item in waiting:
        change(tx, actor, item.id, status=ItemStatus.PAUSED)
    return len(waiting)


def resume_all(tx: Tx, actor: Actor) -> int:
    """Let everything go on that is paused; how many items that were."""
    paused = store.with_status(tx, (ItemStatus.PAUSED,), owner=owner_of(actor), most=MOST_DOWNLOADS)
    for item in paused:
        change(tx, actor, item.id, status=ItemStatus.PENDING)
    return len(paused)


def remove(tx: Tx, actor: Actor, item_id: int) -> None:
    """Take an item out of the queue and stop its work at once; files that are kept already stay."""
    item = get(tx, actor, item_id)
    jobs.cancel(tx, subject=subject(item.id))
    store.delete(tx, item)
    if item.run_id is not None:
        runs.end(tx, item.run_id, ItemStatus.FAILED, item.items_done, "It was taken out of the queue.")
    announce(tx, item, "removed")


def retry(tx: Tx, actor: Actor, item_id: int) -> Item:
    """Run a failed item again: only what failed is fetched. Raises Conflict when there is nothing to run again."""
    item = get(tx, actor, item_id)
    if item.status is ItemStatus.PAUSED:
        return change(tx, actor, item_id, status=ItemStatus.PENDING)
    if item.status is not ItemStatus.FAILED:
        raise Conflict(f"This item is {item.status}; only failed ones can be run again.")
    twin = store.unfinished_twin(tx, item.owner, item.url, item.content_type)
    if twin is not None:
        raise Conflict(f"This address is in the queue already, as number {twin}.")
    jobs.cancel(tx, subject=subject(item.id))
    store.update(
        tx,
        item,
        status=ItemStatus.PENDING,
        attempts=item.attempts + 1,
        expanded=False,
        expected=None,
        items_total=0,
        items_done=0,
        items_failed=0,
        items_known=0,
        bytes_done=0,
        started_at=None,
        finished_at=None,
        error=None,
    )
    again = get(tx, actor, item_id)
    _a_person_came(tx, item)
    defer_expansion(tx, again)
    announce(tx, again, "updated")
    return again


def _a_person_came(tx: Tx, item: Item) -> None:
    """Let a platform that asked for a person work again: somebody resumed or retried something of it."""
    lane = f"platform/{item.platform}"
    if lanes.get(tx, lane).broken:
        lanes.close_breaker(tx, lane)


def clear(tx: Tx, actor: Actor, statuses: Sequence[ItemStatus]) -> int:
    """Take finished items out of the list; how many. Their files stay."""
    wrong = [status for status in statuses if status not in FINISHED]
    if wrong or not statuses:
        raise Invalid(Problem("status", "can be completed and failed; what is not finished is removed one by one"))
    removed = 0
    while True:
        items = store.with_status(tx, statuses, owner=owner_of(actor))
        for item in items:
            store.delete(tx, item)
            announce(tx, item, "removed")
        removed += len(items)
        if not items:
            return removed


def stats(tx: Tx, actor: Actor) -> QueueStats:
    """The queue at a glance; times are estimated from the items of the last week, and None without any."""
    owner = owner_of(actor)
    counts = store.counts(tx, owner=owner)
    recent = store.recent_times(tx, owner=owner, since=tx.now - RECENT)
    ahead = counts[ItemStatus.PENDING] + counts[ItemStatus.DOWNLOADING]
    running = lanes.get(tx, "downloads").running
    wait = sum((start - made).total_seconds() for made, start, _ in recent) / len(recent) if recent else None
    completion = None
    if ahead and recent:
        # Items pass at the pace of the recent ones: the span they took together, by their number.
        first = min(start for _, start, _ in recent)
        last = max(end for _, _, end in recent)
        busy = min((last - first).total_seconds(), sum((end - start).total_seconds() for _, start, end in recent))
        completion = tx.now + timedelta(seconds=max(1.0, busy / len(recent) * ahead))
    return QueueStats(
        total=sum(counts.values()),
        pending=counts[ItemStatus.PENDING],
        downloading=counts[ItemStatus.DOWNLOADING],
        paused=counts[ItemStatus.PAUSED],
        completed=counts[ItemStatus.COMPLETED],
        failed=counts[ItemStatus.FAILED],
        average_wait=wait,
        estimated_completion=completion,
        active_workers=running,
    )


def why(tx: Tx, actor: Actor, item_id: int) -> str | None:
    """Why an item waits, in plain words; None when it does not wait."""
    item = get(tx, actor, item_id)
    if item.status in FINISHED:
        return None
    if item.status is ItemStatus.PAUSED:
        return "Paused by you; it goes on when you resume it."
    waiting = jobs.next_of(tx, subject=subject(item.id))
    if waiting is None or waiting.state is State.RUNNING:
        return None
    return jobs.why(tx, waiting.id).text


def failed_files(tx: Tx, actor: Actor, item_id: int, most: int = 100) -> Sequence[str]:
    """What could not be had of an item: a sentence a file."""
    item = get(tx, actor, item_id)
    return [f"{name}: {error}" for name, error in kept_store.failures(tx, item.id, most)]
