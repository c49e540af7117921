"""Downloads, blobs and bookmarks in the database; the tallies move with every change."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from entourage.archive.model import Download, DownloadFilter, DownloadStatus, Kept, Order
from entourage.archive.store.tables import blobs, bookmarks, downloads, tallies
from entourage.kernel.columns import Instant, among, upsert
from entourage.kernel.db import Tx
from entourage.networks.model import Media

_c = downloads.c
_columns = [_c[f.name] for f in fields(Download)]
EVER = datetime(1970, 1, 1, tzinfo=UTC)

_tally = upsert(tallies).values({column.name: sa.bindparam(column.name) for column in tallies.c})
_tally = _tally.on_conflict_do_update(
    index_elements=["owner", "hour", "platform", "source", "content_type", "status"],
    set_={"count": tallies.c.count + _tally.excluded.count, "size": tallies.c.size + _tally.excluded.size},
)

_written = [column.name for column in downloads.c if column.name != "id"]
_keep = upsert(downloads).values({name: sa.bindparam(name) for name in _written})
_keep = _keep.on_conflict_do_update(
    index_elements=["owner", "address_hash"],
    set_={name: _keep.excluded[name] for name in _written if name not in {"owner", "address_hash"}},
).returning(_c.id)
_by_address = sa.select(*_columns).where(_c.owner == sa.bindparam("whose"), _c.address_hash == sa.bindparam("address"))
_one = sa.select(*_columns).where(_c.id == sa.bindparam("download_id"))
_request = sa.select(_c.request).where(_c.id == sa.bindparam("download_id"))
_delete = sa.delete(downloads).where(_c.id == sa.bindparam("download_id"))
_blob = upsert(blobs).values({column.name: sa.bindparam(column.name) for column in blobs.c})
_blob = _blob.on_conflict_do_update(
    index_elements=["sha256"], set_={"verified_at": _blob.excluded.verified_at, "damaged": _blob.excluded.damaged}
)
_references = sa.select(sa.func.count()).select_from(downloads).where(_c.sha256 == sa.bindparam("hash"))
_delete_blob = sa.delete(blobs).where(blobs.c.sha256 == sa.bindparam("hash"))


def by_address(tx: Tx, owner: int, address_hash: str) -> Download | None:
    """What this owner has at that address."""
    row = tx.one(_by_address, whose=owner, address=address_hash)
    return None if row is None else Download(*row)


_known = sa.select(*_columns).where(_c.owner == sa.bindparam("whose"), among(_c.address_hash, "addresses"))


def known(tx: Tx, owner: int, addresses: Sequence[str]) -> Mapping[str, Download]:
    """Those of the addresses that this owner's archive knows."""
    rows = tx.all(_known, whose=owner, addresses=addresses)
    return {download.address_hash: download for download in (Download(*row) for row in rows)}


def get(tx: Tx, download_id: int) -> Download | None:
    """The download, or None."""
    row = tx.one(_one, download_id=download_id)
    return None if row is None else Download(*row)


def request_of(tx: Tx, download_id: int) -> Media | None:
    """The medium as its network described it, to fetch it again."""
    found = tx.value(_request, download_id=download_id)
    return None if found is None else msgspec.convert(found, Media)


def tally(tx: Tx, download: Download, by: int) -> None:
    """Count a download in (by 1) or out (by -1), in its hour and over all hours."""
    hour = download.finished_at.replace(minute=0, second=0, microsecond=0)
    size = by * (download.size or 0) if download.status is DownloadStatus.COMPLETED else 0
    for when in (hour, EVER):
        tx.run(
            _tally,
            owner=download.owner, hour=when, platform=download.platform, source=download.source,
            content_type=download.content_type, status=download.status, count=by, size=size,
        )  # fmt: skip


def keep(
    tx: Tx, order: Order, kept: Kept | None, *, attempts: int, error: str | None
) -> tuple[Download, Download | None]:
    """Record how fetching a file ended: kept, or failed with a reason. The new record, and the one it replaced."""
    media = order.media
    before = by_address(tx, order.owner, order.address_hash)
    if before is not None:
        tally(tx, before, -1)
    row: dict[str, Any] = {
        "owner": order.owner,
        "address_hash": order.address_hash,
        "url": media.page_url or media.url,
        "media_url": media.url,
        "platform": order.platform,
        "source": media.source,
        "content_type": media.content_type,
        "kind": kept.kind if kept else media.kind,
        "filename": kept.filename if kept else media.filename,
        "path": kept.path if kept else None,
        "size": kept.size if kept else None,
        "sha256": kept.sha256 if kept else None,
        "media_type": kept.media_type if kept else None,
        "width": kept.width if kept else None,
        "height": kept.height if kept else None,
        "duration": kept.duration if kept else None,
        "posted_at": media.posted_at,
        "finished_at": tx.now,
        "status": DownloadStatus.COMPLETED if kept else DownloadStatus.FAILED,
        "attempts": attempts,
        "error": error,
        "profile": order.profile,
        "upgraded": bool(kept and before and order.replaces == before.id),
        "caption": media.caption,
        "author": media.author,
        "facts": dict(media.facts),
        "queue_id": order.queue_id or None,
    }
    download_id = tx.value(_keep, request=msgspec.to_builtins(media), **row)
    download = Download(id=download_id, **row)
    tally(tx, download, 1)
    if kept:
        tx.run(
            _blob,
            sha256=kept.sha256, size=kept.size, media_type=kept.media_type, kept_at=tx.now, verified_at=tx.now,
            damaged=False,
        )  # fmt: skip
    return download, before


def delete(tx: Tx, download: Download) -> None:
    """Forget a download."""
    if tx.run(_delete, download_id=download.id):
        tally(tx, download, -1)


@functools.cache
def _update(names: frozenset[str]) -> sa.Update:
    return (
        sa.update(downloads)
        .where(_c.id == sa.bindparam("download_id"))
        .values({name: sa.bindparam(f"new_{name}", type_=_c[name].type) for name in sorted(names)})
    )


def update(tx: Tx, download_id: int, **changes: Any) -> None:
    """Set columns that no tally counts by."""
    bound = {f"new_{name}": value for name, value in changes.items()}
    tx.run(_update(frozenset(changes)), download_id=download_id, **bound)


def references(tx: Tx, sha256: str) -> int:
    """How many downloads have this content."""
    return tx.value(_references, hash=sha256)


def forget_blob(tx: Tx, sha256: str) -> None:
    """Forget that this content is kept."""
    tx.run(_delete_blob, hash=sha256)


_damage = sa.update(blobs).where(blobs.c.sha256 == sa.bindparam("hash")).values(
    verified_at=sa.bindparam("at", type_=Instant), damaged=sa.bindparam("is_damaged")
)  # fmt: skip
_blobs_after = (
    sa.select(blobs.c.sha256, blobs.c.size, blobs.c.damaged)
    .where(blobs.c.sha256 > sa.bindparam("after"))
    .order_by(blobs.c.sha256)
    .limit(sa.bindparam("most"))
)
_blob_sums = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(blobs.c.size), 0)).select_from(blobs)
_with_content = sa.select(*_columns).where(_c.sha256 == sa.bindparam("hash")).order_by(_c.id)
_after_id = sa.select(*_columns).where(_c.id > sa.bindparam("after")).order_by(_c.id).limit(sa.bindparam("most"))


def mark_verified(tx: Tx, sha256: str, *, damaged: bool) -> None:
    """Note when a file was last re-hashed and what came of it."""
    tx.run(_damage, hash=sha256, at=tx.now, is_damaged=damaged)


def blobs_after(tx: Tx, sha256: str, most: int) -> Sequence[tuple[str, int, bool]]:
    """The next contents in the order of their hashes: (hash, size, known to be damaged)."""
    return [(row[0], row[1], row[2]) for row in tx.all(_blobs_after, after=sha256, most=most)]


def blob_sums(tx: Tx) -> tuple[int, int]:
    """How many contents are kept, and their bytes."""
    row = tx.one(_blob_sums)
    return (row[0], int(row[1])) if row else (0, 0)


def with_content(tx: Tx, sha256: str) -> Sequence[Download]:
    """The downloads that have this content."""
    return [Download(*row) for row in tx.all(_with_content, hash=sha256)]


def after(tx: Tx, download_id: int, most: int) -> Sequence[Download]:
    """The next downloads in the order of their numbers, for walks over everything."""
    return [Download(*row) for row in tx.all(_after_id, after=download_id, most=most)]


_failures = (
    sa.select(_c.filename, _c.error)
    .where(
        _c.queue_id == sa.bindparam("item_id"),
        _c.status == sa.literal(DownloadStatus.FAILED, _c.status.type),
    )
    .order_by(_c.id)
    .limit(sa.bindparam("most"))
)


def failures(tx: Tx, queue_id: int, most: int) -> Sequence[tuple[str, str]]:
    """What an item could not have: (file name, reason)."""
    return [(row[0], row[1] or "") for row in tx.all(_failures, item_id=queue_id, most=most)]


_of_item = (
    sa.select(*_columns)
    .where(_c.queue_id == sa.bindparam("item_id"), _c.status == sa.bindparam("ended", type_=_c.status.type))
    .order_by(_c.id.desc())
    .limit(sa.bindparam("most"))
)


def of_item(tx: Tx, queue_id: int, status: DownloadStatus, most: int) -> Sequence[Download]:
    """The newest downloads of an item with this end."""
    return [Download(*row) for row in tx.all(_of_item, item_id=queue_id, ended=status, most=most)]


# --- lists


def _narrowed(statement: sa.Select[*tuple[Any, ...]], names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    for name in sorted(names & {"owner", "platform", "source", "status", "content_type", "kind", "queue_id"}):
        statement = statement.where(_c[name] == sa.bindparam(f"by_{name}", type_=_c[name].type))
    if "since" in names:
        statement = statement.where(_c.finished_at >= sa.bindparam("by_since", type_=Instant))
    if "until" in names:
        statement = statement.where(_c.finished_at < sa.bindparam("by_until", type_=Instant))
    if "search" in names:
        text = sa.bindparam("by_search", type_=sa.Text)
        statement = statement.where(
            sa.or_(*(sa.func.lower(column).like(text, escape="\\") for column in (_c.url, _c.media_url, _c.filename)))
        )
    return statement


def _bound(owner: int | None, wanted: DownloadFilter) -> dict[str, Any]:
    chosen: dict[str, Any] = {"owner": owner, **{f.name: getattr(wanted, f.name) for f in fields(wanted)}}
    if wanted.search:
        pattern = wanted.search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        chosen["search"] = f"%{pattern}%"
    return {name: value for name, value in chosen.items() if value not in {None, ""}}


@functools.cache
def _listing(names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    statement = _narrowed(sa.select(*_columns), names)
    return statement.order_by(_c.id.desc()).limit(sa.bindparam("most")).offset(sa.bindparam("skip"))


@functools.cache
def _counting(names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    return _narrowed(sa.select(sa.func.count()).select_from(downloads), names)


@functools.cache
def _tallied(names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(sa.func.coalesce(sa.func.sum(tallies.c.count), 0)).where(
        tallies.c.hour == sa.literal(EVER, Instant)
    )
    for name in sorted(names):
        statement = statement.where(tallies.c[name] == sa.bindparam(f"by_{name}", type_=tallies.c[name].type))
    return statement


@functools.cache
def _neighbour(names: frozenset[str], *, newer: bool) -> sa.Select[*tuple[Any, ...]]:
    statement = _narrowed(sa.select(_c.id), names)
    here: sa.BindParameter[int] = sa.bindparam("here", type_=sa.BigInteger)
    if newer:
        return statement.where(_c.id > here).order_by(_c.id).limit(1)
    return statement.where(_c.id < here).order_by(_c.id.desc()).limit(1)


def listing(tx: Tx, owner: int | None, wanted: DownloadFilter, *, skip: int, most: int) -> Sequence[Download]:
    """Downloads that match, the newest first."""
    bound = _bound(owner, wanted)
    names = frozenset(bound)
    return [Download(*row) for row in tx.all(_listing(names), skip=skip, most=most, **_prefixed(bound))]


def total(tx: Tx, owner: int | None, wanted: DownloadFilter) -> int:
    """How many match; from the tallies where they know (a million rows need not be counted)."""
    bound = _bound(owner, wanted)
    names = frozenset(bound)
    counted = names <= {"owner", "platform", "source", "content_type", "status"}
    return int(tx.value(_tallied(names) if counted else _counting(names), **_prefixed(bound)))


def neighbours(tx: Tx, owner: int | None, wanted: DownloadFilter, here: int) -> tuple[int | None, int | None]:
    """The next newer and the next older one that match."""
    bound = _bound(owner, wanted)
    names = frozenset(bound)
    values = _prefixed(bound)
    return (
        tx.value(_neighbour(names, newer=True), here=here, **values),
        tx.value(_neighbour(names, newer=False), here=here, **values),
    )


def _prefixed(bound: Mapping[str, Any]) -> dict[str, Any]:
    return {f"by_{name}": value for name, value in bound.items()}


# --- bookmarks

_bookmark = sa.select(bookmarks.c.cursor, bookmarks.c.last_post_at).where(
    bookmarks.c.owner == sa.bindparam("whose"), bookmarks.c.address_hash == sa.bindparam("address")
)
_set_bookmark = upsert(bookmarks).values({column.name: sa.bindparam(column.name) for column in bookmarks.c})
_set_bookmark = _set_bookmark.on_conflict_do_update(
    index_elements=["owner", "address_hash"],
    set_={
        "cursor": _set_bookmark.excluded.cursor,
        "last_post_at": sa.func.coalesce(_set_bookmark.excluded.last_post_at, bookmarks.c.last_post_at),
        "changed_at": _set_bookmark.excluded.changed_at,
    },
)


def bookmark(tx: Tx, owner: int, address_hash: str) -> tuple[str, datetime | None] | None:
    """How far an address has been read: the cursor, and when the last post seen was made."""
    row = tx.one(_bookmark, whose=owner, address=address_hash)
    return None if row is None else (row[0], row[1])


def set_bookmark(tx: Tx, owner: int, address_hash: str, cursor: str, last_post_at: datetime | None) -> None:
    """Note how far an address has been read."""
    tx.run(
        _set_bookmark, owner=owner, address_hash=address_hash, cursor=cursor, last_post_at=last_post_at,
        changed_at=tx.now,
    )  # fmt: skip


SCRUB = "scrub"
"""The bookmark of the scrub: the hash it stopped at. Nobody owns it, and no address has this hash."""


def scrub_mark(tx: Tx) -> str:
    """Where the last scrub stopped."""
    found = bookmark(tx, 0, SCRUB)
    return found[0] if found else ""


def set_scrub_mark(tx: Tx, sha256: str) -> None:
    """Note where a scrub stopped."""
    set_bookmark(tx, 0, SCRUB, sha256, None)
