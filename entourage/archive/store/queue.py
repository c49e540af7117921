"""Queue items in the database; the counts per status move with every change."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from entourage.archive.model import FINISHED, Item, ItemStatus, Wish
from entourage.archive.store.tables import queue, queue_counts
from entourage.kernel.columns import among, upsert
from entourage.kernel.db import Row, Tx

_c = queue.c


def _item(row: Row) -> Item:
    return Item(*row)


_insert = (
    sa.insert(queue)
    .values(
        {column.name: sa.bindparam(column.name) for column in queue.c if column.name != "id"},
    )
    .returning(_c.id)
)
_one = sa.select(queue).where(_c.id == sa.bindparam("item_id"))
_open_twin = sa.select(_c.id).where(
    _c.url == sa.bindparam("address"),
    _c.owner == sa.bindparam("whose"),
    sa.func.coalesce(_c.content_type, "") == sa.bindparam("what"),
    _c.status.in_([sa.literal("pending"), sa.literal("downloading"), sa.literal("paused")]),
)
_count = upsert(queue_counts).values(
    owner=sa.bindparam("owner"),
    platform=sa.bindparam("platform"),
    status=sa.bindparam("status"),
    count=sa.bindparam("by"),
)
_count = _count.on_conflict_do_update(
    index_elements=["owner", "platform", "status"], set_={"count": queue_counts.c.count + _count.excluded.count}
)
_delete = sa.delete(queue).where(_c.id == sa.bindparam("item_id"))


def insert(tx: Tx, *, owner: int, wish: Wish, platform: str, source: str, priority: int, max_attempts: int,
           run_id: int | None) -> Item:  # fmt: skip
    """Store a new pending item."""
    item_id = tx.value(
        _insert,
        owner=owner, url=wish.url, platform=platform, source=source, content_type=wish.content_type,
        referer=wish.referer, priority=priority, status=ItemStatus.PENDING, attempts=0, max_attempts=max_attempts,
        max_downloads=wish.max_downloads, days_back=wish.days_back, profile=wish.profile, note=dict(wish.note),
        title=None, expanded=False, expected=None, items_total=0, items_done=0, items_failed=0, items_known=0,
        bytes_done=0, created_at=tx.now, started_at=None, finished_at=None, error=None, run_id=run_id,
    )  # fmt: skip
    count(tx, owner, platform, ItemStatus.PENDING, 1)
    item = get(tx, item_id)
    if item is None:
        raise AssertionError
    return item


def get(tx: Tx, item_id: int) -> Item | None:
    """The item, or None."""
    row = tx.one(_one, item_id=item_id)
    return None if row is None else _item(row)


def unfinished_twin(tx: Tx, owner: int, url: str, content_type: str | None) -> int | None:
    """The item of the same owner, address and kind of content that is not finished yet."""
    return tx.value(_open_twin, whose=owner, address=url, what=content_type or "")


def count(tx: Tx, owner: int, platform: str, status: ItemStatus, by: int) -> None:
    """Move the count of items of this owner, platform and status."""
    tx.run(_count, owner=owner, platform=platform, status=status, by=by)


@functools.cache
def _update(names: frozenset[str]) -> sa.Update:
    return (
        sa.update(queue)
        .where(_c.id == sa.bindparam("item_id"))
        .values({name: sa.bindparam(f"new_{name}", type_=_c[name].type) for name in sorted(names)})
    )


def update(tx: Tx, item: Item, **changes: Any) -> None:
    """Set columns of an item; a new status moves the counts."""
    tx.run(_update(frozenset(changes)), item_id=item.id, **{f"new_{name}": value for name, value in changes.items()})
    status = changes.get("status")
    if status is not None and status != item.status:
        count(tx, item.owner, item.platform, item.status, -1)
        count(tx, item.owner, item.platform, status, 1)


_add = (
    sa.update(queue)
    .where(_c.id == sa.bindparam("item_id"))
    .values(
        items_total=_c.items_total + sa.bindparam("total"),
        items_done=_c.items_done + sa.bindparam("done"),
        items_failed=_c.items_failed + sa.bindparam("failed"),
        items_known=_c.items_known + sa.bindparam("known"),
        bytes_done=_c.bytes_done + sa.bindparam("size"),
    )
    .returning(
        _c.expanded, _c.items_total, _c.items_done, _c.items_failed
    )
)  # fmt: skip


def add_counts(
    tx: Tx, item_id: int, *, total: int = 0, done: int = 0, failed: int = 0, known: int = 0, size: int = 0
) -> bool:
    """Add to the numbers of an item; whether all its files are dealt with now (False when the item is gone)."""
    row = tx.one(_add, item_id=item_id, total=total, done=done, failed=failed, known=known, size=size)
    if row is None:
        return False
    expanded, total, done, failed = row
    return bool(expanded) and done + failed >= total


def delete(tx: Tx, item: Item) -> None:
    """Forget an item."""
    if tx.run(_delete, item_id=item.id):
        count(tx, item.owner, item.platform, item.status, -1)


@functools.cache
def _section(status: ItemStatus, filters: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(queue).where(_c.status == sa.literal(status, _c.status.type))
    for name in sorted(filters):
        statement = statement.where(_c[name] == sa.bindparam(f"by_{name}"))
    order = (_c.id.desc(),) if status in FINISHED else (_c.priority, _c.id)
    return statement.order_by(*order).limit(sa.bindparam("most")).offset(sa.bindparam("skip"))


SECTIONS = (ItemStatus.DOWNLOADING, ItemStatus.PENDING, ItemStatus.PAUSED, ItemStatus.FAILED, ItemStatus.COMPLETED)


def listing(
    tx: Tx, *, owner: int | None, status: ItemStatus | None, platform: str | None, skip: int, most: int
) -> Sequence[Item]:
    """Items that match: what runs, then what waits in the order it will run, then the newest of what is over."""
    wanted = {"owner": owner, "platform": platform}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    bound = {f"by_{name}": value for name, value in chosen.items()}
    sizes = counts(tx, owner=owner, platform=platform)
    found: list[Item] = []
    for section in (status,) if status else SECTIONS:
        if len(found) < most and skip < sizes[section]:
            statement = _section(section, frozenset(chosen))
            found += [_item(row) for row in tx.all(statement, skip=skip, most=most - len(found), **bound)]
        skip = max(0, skip - sizes[section])
    return found


@functools.cache
def _counts(filters: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(queue_counts.c.status, sa.func.sum(queue_counts.c.count)).group_by(queue_counts.c.status)
    for name in sorted(filters):
        statement = statement.where(queue_counts.c[name] == sa.bindparam(f"by_{name}"))
    return statement


def counts(tx: Tx, *, owner: int | None, platform: str | None = None) -> Mapping[ItemStatus, int]:
    """How many items stand where; every status has an entry."""
    wanted = {"owner": owner, "platform": platform}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    found = dict(tx.all(_counts(frozenset(chosen)), **{f"by_{name}": value for name, value in chosen.items()}))
    return {status: int(found.get(status) or 0) for status in ItemStatus}


@functools.cache
def _with_status(*, owned: bool) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(queue).where(among(_c.status, "statuses")).order_by(_c.id).limit(sa.bindparam("most"))
    return statement.where(_c.owner == sa.bindparam("whose")) if owned else statement


def with_status(tx: Tx, statuses: Iterable[ItemStatus], *, owner: int | None, most: int = 1000) -> Sequence[Item]:
    """Up to `most` items in one of these states."""
    bound: dict[str, Any] = {"statuses": [str(status) for status in statuses], "most": most}
    if owner is not None:
        bound["whose"] = owner
    return [_item(row) for row in tx.all(_with_status(owned=owner is not None), **bound)]


@functools.cache
def _recent(*, owned: bool) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(_c.created_at, _c.started_at, _c.finished_at).where(
        _c.started_at.is_not(None), _c.finished_at >= sa.bindparam("since", type_=_c.finished_at.type)
    )
    if owned:
        statement = statement.where(_c.owner == sa.bindparam("whose"))
    return statement.order_by(_c.finished_at.desc()).limit(200)


def recent_times(tx: Tx, *, owner: int | None, since: datetime) -> Sequence[tuple[datetime, datetime, datetime]]:
    """When the last 200 items finished since then were created, started and finished."""
    bound: dict[str, Any] = {"since": since}
    if owner is not None:
        bound["whose"] = owner
    return [(row[0], row[1], row[2]) for row in tx.all(_recent(owned=owner is not None), **bound)]


_finished_before = (
    sa.select(queue)
    .where(among(_c.status, "statuses"), _c.finished_at < sa.bindparam("moment", type_=_c.finished_at.type))
    .limit(sa.bindparam("most"))
)


def finished_before(tx: Tx, moment: datetime, *, most: int = 1000) -> Sequence[Item]:
    """Finished items that ended before then, for the clean-up."""
    statuses = [str(status) for status in FINISHED]
    return [_item(row) for row in tx.all(_finished_before, moment=moment, most=most, statuses=statuses)]
