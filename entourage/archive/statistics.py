"""Statistics of the archive; all from one set of sums, so that they agree with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from entourage.accounts.model import Actor
from entourage.archive import platforms, preferences
from entourage.archive.model import Grouping, ItemStatus, Point, Schedule, Step, Tally
from entourage.archive.platforms import Platform
from entourage.archive.queue import owner_of
from entourage.archive.store import downloads as download_store
from entourage.archive.store import queue as queue_store
from entourage.archive.store import schedules as schedule_store
from entourage.archive.store import tallies
from entourage.kernel.db import Tx

GIGABYTE = 1024**3
LONGEST_TIMELINE = 20_000
NOTHING = Tally(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Downloads of a span of time, whole and by their properties; the timeline has a point a day."""

    whole: Tally
    by_platform: Mapping[str, Tally]
    by_source: Mapping[str, Tally]
    by_content_type: Mapping[str, Tally]
    timeline: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the dashboard shows. Storage is in bytes; a limit of None is none."""

    today: Tally
    week: Tally
    month: Tally
    whole: Tally
    queue: Mapping[ItemStatus, int]
    storage_used: int
    storage_limit: int | None
    by_platform_today: Mapping[str, Tally]
    platforms: Sequence[Platform]
    next_run: Schedule | None


def midnight(moment: datetime) -> datetime:
    """The start of the UTC day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def downloads(tx: Tx, actor: Actor, *, since: datetime | None = None, until: datetime | None = None) -> Breakdown:
    """Downloads that ended within [since, until), whole hours."""
    owner = owner_of(actor)
    first = since or _first_hour(tx, owner)
    return Breakdown(
        whole=tallies.whole(tx, owner, since, until),
        by_platform=tallies.grouped(tx, Grouping.PLATFORM, owner, since, until),
        by_source=tallies.grouped(tx, Grouping.SOURCE, owner, since, until),
        by_content_type=tallies.grouped(tx, Grouping.CONTENT_TYPE, owner, since, until),
        timeline=timeline(tx, actor, since=first, until=until or tx.now, step=Step.DAY),
    )


def _first_hour(tx: Tx, owner: int | None) -> datetime:
    """The first hour that has anything, or this day."""
    hours = tallies.hours(tx, owner, download_store.EVER)
    return next(iter(hours), midnight(tx.now))


def timeline(tx: Tx, actor: Actor, *, since: datetime, until: datetime, step: Step) -> Sequence[Point]:
    """A point per step from the one that holds `since` to the one before `until`; steps without anything are zero."""
    sums: dict[datetime, Tally] = {}
    for hour, tally in tallies.hours(tx, owner_of(actor), _start(since, step), until).items():
        start = _start(hour, step)
        before = sums.get(start, NOTHING)
        sums[start] = Tally(
            before.completed + tally.completed, before.failed + tally.failed, before.size + tally.size
        )  # fmt: skip
    points: list[Point] = []
    at = _start(since, step)
    while at < until and len(points) < LONGEST_TIMELINE:
        points.append(Point(at, sums.get(at, NOTHING)))
        at = _next(at, step)
    return points


def _start(moment: datetime, step: Step) -> datetime:
    if step is Step.HOUR:
        return moment.replace(minute=0, second=0, microsecond=0)
    day = midnight(moment)
    if step is Step.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step is Step.MONTH else day


def _next(start: datetime, step: Step) -> datetime:
    if step is Step.MONTH:
        return (start + timedelta(days=32)).replace(day=1)
    return start + {Step.HOUR: timedelta(hours=1), Step.DAY: timedelta(days=1), Step.WEEK: timedelta(days=7)}[step]


def by_platform(tx: Tx, actor: Actor) -> Mapping[str, Tally]:
    """Everything ever, by platform."""
    return tallies.grouped(tx, Grouping.PLATFORM, owner_of(actor))


def overview(tx: Tx, actor: Actor) -> Overview:
    """The numbers of the dashboard: today, the last 7 days, the last 30 days (UTC days), and ever."""
    owner = owner_of(actor)
    today = midnight(tx.now)
    limit = preferences.current(tx).general.storage_limit_gb
    return Overview(
        today=tallies.whole(tx, owner, today),
        week=tallies.whole(tx, owner, today - timedelta(days=6)),
        month=tallies.whole(tx, owner, today - timedelta(days=29)),
        whole=tallies.whole(tx, owner),
        queue=queue_store.counts(tx, owner=owner),
        storage_used=download_store.blob_sums(tx)[1],
        storage_limit=limit * GIGABYTE if limit else None,
        by_platform_today=tallies.grouped(tx, Grouping.PLATFORM, owner, today),
        platforms=platforms.listing(tx, actor),
        next_run=schedule_store.soonest(tx, owner),
    )
