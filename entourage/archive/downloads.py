"""Downloads: the files that are kept, and those that could not be had."""

from collections.abc import Sequence
from typing import Literal

from entourage.accounts.model import Actor
from entourage.archive.model import BulkResult, Download, DownloadFilter, DownloadStatus, Order
from entourage.archive.orders import defer_order
from entourage.archive.queue import owner_of
from entourage.archive.store import downloads as store
from entourage.archive.store import tallies
from entourage.kernel import jobs
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid, NotFound, Problem
from entourage.kernel.paging import Page

BulkAction = Literal["delete", "retry", "mark_upgraded"]
MOST_AT_ONCE = 10_000


def listing(tx: Tx, actor: Actor, wanted: DownloadFilter, *, number: int, size: int) -> Page[Download]:
    """A page of the downloads that match, the newest first."""
    owner = owner_of(actor)
    found = store.listing(tx, owner, wanted, skip=(number - 1) * size, most=size)
    return Page(found, store.total(tx, owner, wanted), number, size)


def get(tx: Tx, actor: Actor, download_id: int) -> Download:
    """The download; raises NotFound."""
    found = store.get(tx, download_id)
    if found is None or not (actor.admin or found.owner == actor.user_id):
        raise NotFound("There is no such download.")
    return found


def neighbours(tx: Tx, actor: Actor, wanted: DownloadFilter, download_id: int) -> tuple[int | None, int | None]:
    """The numbers of the next newer and the next older download that match."""
    return store.neighbours(tx, owner_of(actor), wanted, download_id)


def sources(tx: Tx, actor: Actor, platform: str | None = None) -> Sequence[tuple[str, str, int]]:
    """Every creator, forum or site with something kept: (platform, source, files)."""
    return tallies.sources(tx, owner_of(actor), platform)


def remove(tx: Tx, actor: Actor, download_id: int, *, delete_file: bool) -> None:
    """Forget a download. The file goes too when asked, unless another download has the same content."""
    download = get(tx, actor, download_id)
    store.delete(tx, download)
    if delete_file and download.sha256 is not None:
        # The file goes after the commit, by a job: a crash between the two leaves work to do, not a broken record.
        jobs.defer(tx, "erase", {"sha256": download.sha256, "path": download.path}, lanes=("housekeeping",), priority=1)


def retry(tx: Tx, actor: Actor, download_id: int) -> None:
    """Fetch a failed download again; raises Conflict when it is kept already."""
    download = get(tx, actor, download_id)
    if download.status is not DownloadStatus.FAILED:
        raise Conflict("This file is kept already.")
    _fetch_again(tx, download, replaces=None)


def _fetch_again(tx: Tx, download: Download, *, replaces: int | None) -> None:
    media = store.request_of(tx, download.id)
    if media is None:
        raise Conflict("Too little is known of this file to fetch it again.")
    order = Order(
        queue_id=0,
        owner=download.owner,
        platform=download.platform,
        media=media,
        address_hash=download.address_hash,
        profile=download.profile,
        replaces=replaces,
    )
    if not defer_order(tx, order):
        raise Conflict("This file is being fetched already.")


def mark_upgraded(tx: Tx, actor: Actor, download_id: int) -> None:
    """Say that a download is as good as it gets: it is not upgraded again."""
    download = get(tx, actor, download_id)
    if download.status is not DownloadStatus.COMPLETED:
        raise Conflict("This file is not kept, so it cannot be marked as upgraded.")
    store.update(tx, download.id, upgraded=True)


def bulk(tx: Tx, actor: Actor, action: BulkAction, ids: Sequence[int], *, delete_files: bool = False) -> BulkResult:
    """Do one thing to many downloads; what cannot be done is said for each, the rest is done."""
    if len(ids) > MOST_AT_ONCE:
        raise Invalid(Problem("ids", f"has more than {MOST_AT_ONCE} entries"))
    errors: list[str] = []
    for download_id in dict.fromkeys(ids):
        try:
            if action == "delete":
                remove(tx, actor, download_id, delete_file=delete_files)
            elif action == "retry":
                retry(tx, actor, download_id)
            else:
                mark_upgraded(tx, actor, download_id)
        except EntourageError as error:
            errors.append(f"{download_id}: {error}")
    return BulkResult(len(dict.fromkeys(ids)) - len(errors), len(errors), errors)
