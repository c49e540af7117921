"""Schedules: addresses that are looked at again and again, and forum threads that are monitored."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, Options
from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from entourage.accounts.model import Actor, Role
from entourage.archive import platforms, queue, runs
from entourage.archive.model import Item, ItemStatus, Run, Schedule, Wish
from entourage.archive.queue import owner_of
from entourage.archive.store import schedules as store
from entourage.kernel import jobs
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid, NotFound, Problem
from entourage.networks import registry

MONITOR_CRON = "17 */2 * * *"
"""A monitored thread is looked at every two hours."""
FIELDS = 5
LONGEST_NAME = 200
MOST_MONITOR_DAYS = 3650
KNOWN_CONFIG = {"max_downloads", "days_back", "downloader", "priority", "timezone", "url", "thread_url", "referer"}


def listing(tx: Tx, actor: Actor) -> Sequence[Schedule]:
    """Every schedule the actor may see, by name."""
    return store.listing(tx, owner_of(actor))


def get(tx: Tx, actor: Actor, schedule_id: str) -> Schedule:
    """The schedule; raises NotFound."""
    found = store.get(tx, schedule_id)
    if found is None or not (actor.admin or found.owner == actor.user_id):
        raise NotFound("There is no such schedule.")
    return found


def add(
    tx: Tx,
    actor: Actor,
    *,
    name: str,
    platform: str,
    source: str,
    content_type: str | None,
    cron: str,
    enabled: bool,
    config: Mapping[str, Any],
) -> Schedule:
    """Make a schedule. The address is the config's `url`, or the platform's address of `source`."""
    url = str(config.get("url") or config.get("thread_url") or "")
    if not url:
        url = platforms.address_of(platform, source, content_type, field="source")
    wish = _wish(url, platform, source, content_type, config)
    queue.checked(wish)
    zone = _zone(config)
    following = next_run(cron, zone, tx.now)
    schedule = _new(
        tx,
        actor,
        slug=f"{platform}-{source}-{content_type or 'all'}",
        name=name,
        wish=wish,
        cron=cron,
        timezone=zone,
        enabled=enabled,
        config=config,
        following=following if enabled else None,
    )
    _plan(tx, schedule)
    return schedule


def _new(
    tx: Tx,
    actor: Actor,
    *,
    slug: str,
    name: str,
    wish: Wish,
    cron: str,
    timezone: str,
    enabled: bool,
    config: Mapping[str, Any],
    following: datetime | None,
    monitor_days: int | None = None,
) -> Schedule:
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid(Problem("name", f"must have 1 to {LONGEST_NAME} characters"))
    schedule = Schedule(
        id=_free_id(tx, slug),
        owner=actor.user_id,
        name=name.strip(),
        platform=wish.platform or "web",
        source=(wish.source or "").strip(),
        content_type=wish.content_type,
        url=wish.url,
        cron=" ".join(cron.split()),
        timezone=timezone,
        enabled=enabled,
        config=dict(config),
        monitor_days=monitor_days,
        until=tx.now + timedelta(days=monitor_days) if monitor_days else None,
        created_at=tx.now,
        next_run=following,
        last_run=None,
        last_status=None,
        last_items=None,
        total_runs=0,
        success_count=0,
        failure_count=0,
    )
    store.insert(tx, schedule)
    return schedule


def _free_id(tx: Tx, text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "schedule"
    taken, number = slug, 1
    while store.get(tx, taken) is not None:
        number += 1
        taken = f"{slug}-{number}"
    return taken


def _wish(url: str, platform: str, source: str, content_type: str | None, config: Mapping[str, Any]) -> Wish:
    unknown = sorted(set(config) - KNOWN_CONFIG)
    if unknown:
        raise Invalid(*(Problem(f"config.{name}", "is not known") for name in unknown))
    numbers: dict[str, int | None] = {}
    for name in ("max_downloads", "days_back", "priority"):
        value = config.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise Invalid(Problem(f"config.{name}", "must be a whole number"))
        numbers[name] = value
    downloader = config.get("downloader")
    if downloader is not None and downloader not in platforms.DOWNLOADERS:
        known = " and ".join(platforms.DOWNLOADERS)
        raise Invalid(Problem("config.downloader", f"is not known; known are {known}"))
    return Wish(
        url=url,
        platform=platform,
        source=source,
        content_type=content_type,
        profile=platforms.DOWNLOADERS[downloader] if downloader else None,
        referer=config.get("referer"),
        max_downloads=numbers["max_downloads"],
        days_back=numbers["days_back"],
        priority=numbers["priority"],
    )


def _zone(config: Mapping[str, Any]) -> str:
    name = config.get("timezone") or "UTC"
    try:
        ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(Problem("config.timezone", "is not a time zone such as Europe/Berlin")) from error
    return str(name)


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """The next time a cron expression fires, in UTC; raises Invalid for what is no cron expression."""
    if len(cron.split()) != FIELDS:
        raise Invalid(Problem("schedule", "must be a cron expression of five fields, such as 0 */4 * * *"))
    try:
        local = croniter(cron, after.astimezone(ZoneInfo(timezone))).get_next(datetime)
    except (CroniterBadCronError, CroniterBadDateError, ValueError, KeyError, AttributeError) as error:
        raise Invalid(Problem("schedule", "is no cron expression that ever fires, such as 0 */4 * * *")) from error
    return local.astimezone(UTC)


def in_words(cron: str, timezone: str) -> str:
    """A cron expression in plain words."""
    options = Options()
    options.casing_type = CasingTypeEnum.Sentence
    options.use_24hour_time_format = True
    try:
        words = ExpressionDescriptor(cron, options).get_full_description()
    except Exception as error:  # the library raises bare Exceptions for what it cannot put into words
        raise Invalid(Problem("schedule", "is no cron expression, such as 0 */4 * * *")) from error
    return words if timezone == "UTC" else f"{words} ({timezone})"


def change(
    tx: Tx,
    actor: Actor,
    schedule_id: str,
    *,
    name: str | None = None,
    cron: str | None = None,
    enabled: bool | None = None,
    config: Mapping[str, Any] | None = None,
    content_type: str | None = None,
) -> Schedule:
    """Change what is given. A schedule that is switched off has no next run."""
    before = get(tx, actor, schedule_id)
    settings = dict(config) if config is not None else dict(before.config)
    kind = content_type or before.content_type
    url = str(settings.get("url") or settings.get("thread_url") or before.url)
    queue.checked(_wish(url, before.platform, before.source, kind, settings))
    zone = _zone(settings)
    expression = " ".join((cron or before.cron).split())
    following = next_run(expression, zone, tx.now)
    on = before.enabled if enabled is None else enabled
    label = before.name if name is None else name.strip()
    if not 1 <= len(label) <= LONGEST_NAME:
        raise Invalid(Problem("name", f"must have 1 to {LONGEST_NAME} characters"))
    until = before.until
    if on and until is not None and until <= tx.now:
        until = tx.now + timedelta(days=before.monitor_days or 1)
    store.update(
        tx,
        schedule_id,
        name=label,
        cron=expression,
        timezone=zone,
        enabled=on,
        config=settings,
        content_type=kind,
        url=url,
        until=until,
        next_run=following if on else None,
    )
    after = get(tx, actor, schedule_id)
    _plan(tx, after)
    return after


def remove(tx: Tx, actor: Actor, schedule_id: str) -> None:
    """Forget a schedule and its history; what it fetched stays."""
    schedule = get(tx, actor, schedule_id)
    jobs.cancel(tx, subject=_subject(schedule))
    store.delete(tx, schedule.id)


def run_now(tx: Tx, actor: Actor, schedule_id: str) -> Item:
    """Run a schedule at once, beside its plan; raises Conflict while it is running."""
    return _start(tx, get(tx, actor, schedule_id))


def history(
    tx: Tx, actor: Actor, *, schedule_id: str | None = None, status: str | None = None, limit: int = 100
) -> Sequence[Run]:
    """Runs that match, the newest first; status is success or failure (or running)."""
    return store.history(tx, owner_of(actor), schedule_id=schedule_id, status=status, most=limit)


def monitor(
    tx: Tx, actor: Actor, *, forum_name: str, thread_url: str, thread_title: str | None = None, monitor_days: int = 30
) -> Schedule:
    """Watch a forum thread until `monitor_days` after the last post seen; the first look is at once."""
    if not 1 <= monitor_days <= MOST_MONITOR_DAYS:
        raise Invalid(Problem("monitor_days", f"must be from 1 to {MOST_MONITOR_DAYS}"))
    wish = Wish(url=thread_url, platform="forum", source=forum_name)
    try:
        clean, _, _ = queue.checked(wish)
    except Invalid as error:
        names = {"url": "thread_url", "source": "forum_name"}
        raise Invalid(*(Problem(names.get(p.field, p.field), p.message) for p in error.problems)) from error
    number = re.search(r"\d+", thread_url.rstrip("/").rsplit("/", 1)[-1])
    schedule = _new(
        tx,
        actor,
        slug=f"thread-{number[0] if number else forum_name}",
        name=thread_title or f"{forum_name}: {registry.READERS['forum'].source_of(thread_url)}",
        wish=clean,
        cron=MONITOR_CRON,
        timezone="UTC",
        enabled=True,
        config={"thread_url": clean.url},
        following=next_run(MONITOR_CRON, "UTC", tx.now),
        monitor_days=monitor_days,
    )
    _plan(tx, schedule)
    _start(tx, schedule)
    return schedule


def _subject(schedule: Schedule) -> str:
    return f"schedule/{schedule.id}"


def _plan(tx: Tx, schedule: Schedule) -> None:
    """Keep exactly one job waiting for the next run of a schedule, and none for one that is switched off."""
    jobs.cancel(tx, subject=_subject(schedule))
    if schedule.enabled and schedule.next_run is not None:
        jobs.defer(
            tx,
            "schedule",
            {"schedule_id": schedule.id, "due": schedule.next_run.isoformat()},
            lanes=("schedules",),
            priority=1,
            run_at=schedule.next_run,
            subject=_subject(schedule),
        )


def _start(tx: Tx, schedule: Schedule) -> Item:
    """Queue the address of a schedule as a run of it."""
    owner = Actor(user_id=schedule.owner, username="", role=Role.USER)
    wish = _wish(schedule.url, schedule.platform, schedule.source, schedule.content_type, schedule.config)
    run_id = store.start_run(tx, schedule)
    return queue.add(tx, owner, wish, run_id=run_id)


def fire(tx: Tx, schedule_id: str, due: datetime) -> None:
    """Do what is due: queue the address and plan the next run. Missed runs are made up for by one."""
    schedule = store.get(tx, schedule_id)
    if schedule is None or not schedule.enabled or schedule.next_run != due:
        return
    if schedule.until is not None and schedule.until <= tx.now:
        store.update(tx, schedule.id, enabled=False, next_run=None)
        return
    try:
        with tx.savepoint():
            _start(tx, schedule)
    except Conflict:
        pass  # the last run has not ended: one at a time is enough
    except EntourageError as error:
        run_id = store.start_run(tx, schedule)
        runs.end(tx, run_id, ItemStatus.FAILED, 0, str(error))
    store.update(tx, schedule.id, next_run=next_run(schedule.cron, schedule.timezone, tx.now))
    again = store.get(tx, schedule.id)
    if again is not None and again.next_run is not None:
        jobs.defer(
            tx,
            "schedule",
            {"schedule_id": again.id, "due": again.next_run.isoformat()},
            lanes=("schedules",),
            priority=1,
            run_at=again.next_run,
            subject=_subject(again),
        )
