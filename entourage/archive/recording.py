"""Recording: how a file or a whole item ended, in one transaction with the job that brought it there."""

from dataclasses import replace

from entourage.archive import preferences, queue, runs
from entourage.archive.model import FINISHED, Download, DownloadStatus, Item, ItemStatus, Kept, Order, Profile
from entourage.archive.orders import bookmark_key, defer_order, order_of
from entourage.archive.store import downloads as store
from entourage.archive.store import queue as queue_store
from entourage.kernel import events, jobs, logs
from entourage.kernel.db import Tx
from entourage.kernel.jobs import Job
from entourage.networks import registry

log = logs.logger("Archive")


def kept(tx: Tx, order: Order, file: Kept, attempts: int) -> None:
    """Record that a file is kept and verified."""
    before = store.get(tx, order.replaces) if order.replaces is not None else None
    if (
        before is not None
        and before.sha256 is not None
        and _pixels(file.width, file.height) <= _pixels(before.width, before.height)
    ):
        # The measured pixels decide: what came is no larger, so what was kept stays and is not tried again.
        store.update(tx, before.id, upgraded=True)
        if file.sha256 != before.sha256:
            _erase(tx, file.sha256, None if file.path == before.path else file.path)
    else:
        download, replaced = store.keep(tx, order, file, attempts=attempts, error=None)
        _upgrade_later(tx, order, download)
        if replaced is not None and replaced.sha256 not in {None, file.sha256}:
            _erase(tx, replaced.sha256, None if replaced.path == file.path else replaced.path)
    _count(tx, order, done=1, size=file.size)


def _upgrade_later(tx: Tx, order: Order, download: Download) -> None:
    """Plan to fetch in the best size what was kept small, where the preferences want that."""
    fit = order.media.facts.get("fit")
    if order.profile is not Profile.FAST or fit is None or max(download.width or 0, download.height or 0) != fit:
        return
    best = preferences.current(tx).platforms.instagram.toolzu
    if best.enabled and best.auto_upgrade:
        facts = {name: value for name, value in order.media.facts.items() if name != "fit"}
        whole = replace(
            order, queue_id=0, profile=Profile.BEST, replaces=download.id, media=replace(order.media, facts=facts)
        )
        defer_order(tx, whole, priority=jobs.LAST)


def _pixels(width: int | None, height: int | None) -> int:
    return (width or 0) * (height or 0)


def _erase(tx: Tx, sha256: str | None, path: str | None) -> None:
    jobs.defer(tx, "erase", {"sha256": sha256, "path": path}, lanes=("housekeeping",), priority=1)


def failed(tx: Tx, job: Job, reason: str) -> None:
    """Record that a file could not be had after every try. What was kept of the same address before stays."""
    order = order_of(job)
    before = store.by_address(tx, order.owner, order.address_hash)
    if before is None or before.status is DownloadStatus.FAILED:
        store.keep(tx, order, None, attempts=job.attempts, error=reason)
    _count(tx, order, failed=1)
    tx.after_commit(
        lambda: log.warning(
            f"Could not get {order.media.filename}: {reason}", user=order.owner, queue_id=order.queue_id
        )
    )


def _count(tx: Tx, order: Order, *, done: int = 0, failed: int = 0, size: int = 0) -> None:
    if order.queue_id and queue_store.add_counts(tx, order.queue_id, done=done, failed=failed, size=size):
        complete_if_done(tx, order.queue_id)


def expansion_failed(tx: Tx, job: Job, reason: str) -> None:
    """Record that the list of an item's files could not be had; files that are planned already still come."""
    item = queue_store.get(tx, int(job.args["queue_id"]))
    if item is None or item.status in FINISHED:
        return
    queue_store.update(tx, item, error=reason, expanded=True)
    complete_if_done(tx, item.id)


def complete_if_done(tx: Tx, item_id: int) -> None:
    """End an item when it is expanded and every file of it is dealt with."""
    item = queue_store.get(tx, item_id)
    if item is None or item.status in FINISHED or not item.expanded:
        return
    if item.items_done + item.items_failed < item.items_total:
        return
    error = item.error
    if item.items_failed:
        missing = f"{item.items_failed} of {item.items_total} files could not be had"
        error = f"{error} {missing}." if error else f"{missing}; retry to try them again."
    status = ItemStatus.FAILED if error else ItemStatus.COMPLETED
    queue_store.update(tx, item, status=status, finished_at=tx.now, error=error)
    over = queue_store.get(tx, item_id)
    if over is None:
        return
    if over.items_done:
        jobs.defer(tx, "thumbnails", {"queue_id": item.id}, lanes=("housekeeping",), priority=jobs.LAST)
    if over.run_id is not None:
        mark = store.bookmark(tx, item.owner, bookmark_key(item))
        runs.end(tx, over.run_id, status, over.items_done, error, last_post_at=mark[1] if mark else None)
    _tell(tx, over)


def _tell(tx: Tx, item: Item) -> None:
    queue.announce(tx, item, "updated")
    seconds = (tx.now - (item.started_at or item.created_at)).total_seconds()
    told = {
        "queue_id": item.id,
        "platform": item.platform,
        "source": item.source,
        "items_done": item.items_done,
        "items_failed": item.items_failed,
        "duration": seconds,
        "status": str(item.status),
    }
    events.publish(tx, "queue.finished", told, user=item.owner)
    files = "1 file" if item.items_done == 1 else f"{item.items_done} files"
    name = registry.READERS[item.platform].DISPLAY_NAME
    well = item.status is ItemStatus.COMPLETED
    if well and not item.items_done:
        message = f"Nothing new from {item.source}"
    else:
        message = f"Downloaded {files} from {item.source}" if well else f"{item.source}: {item.error}"
    notice = {
        "level": "success" if well else "error",
        "title": "Download complete" if well else "Download failed",
        "message": message,
        "source": item.source,
        "queue_id": item.id,
    }
    events.publish(tx, "notice", notice, user=item.owner)
    write = log.info if well else log.warning
    tx.after_commit(lambda: write(f"{name}: {message}", user=item.owner, queue_id=item.id, count=item.items_done))
    jobs.defer(tx, "mail", {"queue_id": item.id}, lanes=("housekeeping",), priority=jobs.LAST, max_attempts=5)
