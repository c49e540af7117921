"""Expansion: from an address to the files behind it, planned as they are learned."""

import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from entourage.archive import preferences, queue
from entourage.archive.model import (
    FINISHED,
    Download,
    DownloadStatus,
    Item,
    ItemStatus,
    Order,
    Profile,
)
from entourage.archive.orders import address_hash, bookmark_key, job_of
from entourage.archive.recording import complete_if_done
from entourage.archive.store import downloads as store
from entourage.archive.store import queue as queue_store
from entourage.kernel import jobs
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Invalid
from entourage.networks.facts import Fact, checked
from entourage.networks.model import About, Cursor, Found, Media

BATCH = 50
FACTS = 500
FLUSH_SECONDS = 1.0

Learn = Callable[[Tx, Sequence[Fact]], object]
"""Keeps what was seen of people and posts; it runs in the transaction that plans the files seen with them."""


class Listing:
    """What an expansion has found so far; batches of it are planned while the rest is still being learned."""

    def __init__(self, item: Item, since: datetime | None, database: Database, learn: Learn | None = None) -> None:
        self._item = item
        self._since = since
        self._database = database
        self._learn = learn
        self._batch: list[Media] = []
        self._facts: list[Fact] = []
        self._flushed_at = time.monotonic()
        self._cursor: str | None = None
        self.seen = 0
        self._last_post_at: datetime | None = None

    @property
    def full(self) -> bool:
        """Whether as many files are listed as the user wants."""
        return self._item.max_downloads is not None and self.seen >= self._item.max_downloads

    async def take(self, found: Found) -> None:
        """Note one thing that the connector found."""
        if isinstance(found, About):
            await self._database.write(_entitle, self._item.id, found.title, found.expected)
        elif isinstance(found, Cursor):
            self._cursor = found.value
            self._saw(found.last_post_at)
            await self.flush()
        else:
            if isinstance(found, Media):
                self._note(found)
            elif self._learn is not None:
                self._heard(found)
            full = len(self._batch) >= BATCH or len(self._facts) >= FACTS
            if full or time.monotonic() - self._flushed_at > FLUSH_SECONDS:
                await self.flush()

    def _heard(self, fact: Fact) -> None:
        with contextlib.suppress(Invalid):  # what cannot be true is no reason to bring no files
            self._facts.append(checked(fact))

    def _note(self, media: Media) -> None:
        self._saw(media.posted_at)
        if media.posted_at is not None and self._since is not None and media.posted_at < self._since:
            return
        self.seen += 1
        self._batch.append(media)

    def _saw(self, posted_at: datetime | None) -> None:
        if posted_at is not None and (self._last_post_at is None or posted_at > self._last_post_at):
            self._last_post_at = posted_at

    async def flush(self) -> None:
        """Plan what was found since the last time."""
        batch, self._batch = self._batch, []
        facts, self._facts = self._facts, []
        cursor, self._cursor = self._cursor, None
        self._flushed_at = time.monotonic()
        if batch or cursor or facts:
            await self._database.write(self._plan, batch, facts, cursor)

    def _plan(self, tx: Tx, batch: Sequence[Media], facts: Sequence[Fact], cursor: str | None) -> None:
        if facts and self._learn is not None:
            self._learn(tx, facts)
        plan(tx, self._item.id, batch, cursor, self._last_post_at)


def begin(tx: Tx, item_id: int) -> Item | None:
    """Mark an item as running; None when it was removed or is over."""
    item = queue_store.get(tx, item_id)
    if item is None or item.status in FINISHED or item.status is ItemStatus.PAUSED:
        return None
    if item.status is not ItemStatus.DOWNLOADING or item.started_at is None:
        queue_store.update(tx, item, status=ItemStatus.DOWNLOADING, started_at=tx.now)
        item = queue_store.get(tx, item_id)
        if item is not None:
            queue.announce(tx, item, "updated")
    return item


def _entitle(tx: Tx, item_id: int, title: str, expected: int | None) -> None:
    item = queue_store.get(tx, item_id)
    if item is not None:
        queue_store.update(tx, item, title=title[:500] or None, expected=expected)


def plan(tx: Tx, item_id: int, found: Sequence[Media], cursor: str | None, last_post_at: datetime | None) -> None:
    """Plan a fetch for each file that is new; those that are kept, or on their way already, are only counted."""
    item = queue_store.get(tx, item_id)
    if item is None:
        return
    wanted = {address_hash(item.platform, media.key): media for media in found}
    known = store.known(tx, item.owner, list(wanted))
    upgrading = preferences.current(tx).platforms.instagram.toolzu.auto_upgrade
    orders: list[Order] = []
    for address, media in wanted.items():
        before = known.get(address)
        replaces = before.id if before and _upgradable(item, before, upgrading=upgrading) else None
        if before is None or before.status is DownloadStatus.FAILED or replaces is not None:
            orders.append(Order(item.id, item.owner, item.platform, media, address, item.profile, replaces))
    planned = [job_of(order, priority=item.priority, max_attempts=item.max_attempts) for order in orders]
    running = jobs.unfinished(tx, [job.key for job in planned if job.key])
    new = [job for job in planned if job.key not in running]
    jobs.defer_many(tx, new)
    queue_store.add_counts(tx, item.id, total=len(new), known=len(wanted) - len(new))
    if cursor is not None:
        store.set_bookmark(tx, item.owner, bookmark_key(item), cursor, last_post_at)


def _upgradable(item: Item, before: Download, *, upgrading: bool) -> bool:
    return (
        upgrading
        and item.profile is Profile.BEST
        and before.profile is Profile.FAST
        and before.status is DownloadStatus.COMPLETED
        and not before.upgraded
    )


def expanded(tx: Tx, item_id: int) -> None:
    """Note that everything behind an address is planned."""
    item = queue_store.get(tx, item_id)
    if item is None or item.status in FINISHED:
        return
    queue_store.update(tx, item, expanded=True)
    complete_if_done(tx, item_id)
