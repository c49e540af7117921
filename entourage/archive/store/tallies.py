"""Sums over the tallies: what statistics are made of."""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from entourage.archive.model import DownloadStatus, Grouping, Tally
from entourage.archive.store.downloads import EVER
from entourage.archive.store.tables import downloads, tallies
from entourage.kernel.columns import Instant
from entourage.kernel.db import Row, Tx

_c = tallies.c
_sums = (_c.status, sa.func.sum(_c.count), sa.func.sum(_c.size))


def _when(statement: sa.Select[*tuple[Any, ...]], names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    if names & {"since", "until"}:
        statement = statement.where(_c.hour > sa.literal(EVER, Instant))
    else:
        statement = statement.where(_c.hour == sa.literal(EVER, Instant))
    if "since" in names:
        statement = statement.where(_c.hour >= sa.bindparam("since", type_=Instant))
    if "until" in names:
        statement = statement.where(_c.hour < sa.bindparam("until", type_=Instant))
    if "owner" in names:
        statement = statement.where(_c.owner == sa.bindparam("owner"))
    return statement


@functools.cache
def _grouped(by: Grouping | None, names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    key = _c[by.value] if by else sa.literal("")
    grouping = (_c[by.value], _c.status) if by else (_c.status,)
    return _when(sa.select(key, *_sums), names).group_by(*grouping)


@functools.cache
def _hours(names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    return _when(sa.select(_c.hour, *_sums), names | {"since"}).group_by(_c.hour, _c.status).order_by(_c.hour)


def _bound(owner: int | None, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    chosen = {"owner": owner, "since": since, "until": until}
    return {name: value for name, value in chosen.items() if value is not None}


def _gather(rows: Sequence[Row]) -> dict[Any, Tally]:
    found: dict[Any, Tally] = {}
    for key, status, count, size in rows:
        before = found.get(key, Tally(0, 0, 0))
        if status is DownloadStatus.COMPLETED:
            found[key] = Tally(before.completed + int(count), before.failed, before.size + int(size))
        else:
            found[key] = Tally(before.completed, before.failed + int(count), before.size)
    return {key: tally for key, tally in found.items() if tally.total}


def whole(tx: Tx, owner: int | None, since: datetime | None = None, until: datetime | None = None) -> Tally:
    """Everything that ended within [since, until)."""
    bound = _bound(owner, since, until)
    return _gather(tx.all(_grouped(None, frozenset(bound)), **bound)).get("", Tally(0, 0, 0))


def grouped(
    tx: Tx, by: Grouping, owner: int | None, since: datetime | None = None, until: datetime | None = None
) -> Mapping[str, Tally]:
    """The same by platform, source or kind of content; only what has any."""
    bound = _bound(owner, since, until)
    return _gather(tx.all(_grouped(by, frozenset(bound)), **bound))


def hours(tx: Tx, owner: int | None, since: datetime, until: datetime | None = None) -> Mapping[datetime, Tally]:
    """The same by the hour; only hours that have any."""
    bound = _bound(owner, since, until)
    return _gather(tx.all(_hours(frozenset(bound)), **bound))


@functools.cache
def _sources(names: frozenset[str]) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(_c.platform, _c.source, sa.func.sum(_c.count)).where(
        _c.hour == sa.literal(EVER, Instant), _c.status == sa.literal(DownloadStatus.COMPLETED, _c.status.type)
    )
    for name in sorted(names):
        statement = statement.where(_c[name] == sa.bindparam(f"by_{name}"))
    return (
        statement.group_by(_c.platform, _c.source)
        .having(sa.func.sum(_c.count) > 0)
        .order_by(_c.platform, _c.source)
    )  # fmt: skip


def sources(tx: Tx, owner: int | None, platform: str | None) -> Sequence[tuple[str, str, int]]:
    """Every source with something kept: (platform, source, files)."""
    chosen = {"owner": owner, "platform": platform}
    bound = {f"by_{name}": value for name, value in chosen.items() if value is not None}
    rows = tx.all(_sources(frozenset(n.removeprefix("by_") for n in bound)), **bound)
    return [(row[0], row[1], int(row[2])) for row in rows]


_latest = sa.select(sa.func.max(downloads.c.finished_at)).where(
    downloads.c.id
    == sa.select(sa.func.max(downloads.c.id))
    .where(
        downloads.c.platform == sa.bindparam("platform"),
        downloads.c.status == sa.literal(DownloadStatus.COMPLETED, downloads.c.status.type),
    )
    .scalar_subquery()
)


def latest(tx: Tx, platform: str) -> datetime | None:
    """When something of this platform last came in well."""
    found = tx.value(_latest, platform=platform)
    return found if isinstance(found, datetime) or found is None else None
