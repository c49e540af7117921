"""How what the archive knows becomes the shapes of the media contract."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from entourage.accounts.model import TokenPair, User
from entourage.archive import queue, schedules
from entourage.archive.model import Download, Item, ItemStatus, Profile, QueuePage, QueueStats, Run, Schedule, Tally
from entourage.archive.platforms import DOWNLOADERS, Platform
from entourage.archive.statistics import Overview
from entourage.doors.door import House
from entourage.doors.media import wire
from entourage.kernel.logbook import LogLine


def tokens(pair: TokenPair) -> wire.Tokens:
    """A first pair of tokens."""
    user = pair.user
    return wire.Tokens(
        access_token=pair.access,
        refresh_token=pair.refresh,
        token_type="bearer",  # noqa: S106 - the kind of token, no secret
        expires_in=pair.expires_in,
        user=wire.Person(id=user.id, username=user.username, email=user.email, role=str(user.role)),
    )


def refreshed(pair: TokenPair) -> wire.Refreshed:
    """The next pair of tokens."""
    return wire.Refreshed(
        access_token=pair.access,
        token_type="bearer",  # noqa: S106 - the kind of token, no secret
        expires_in=pair.expires_in,
        refresh_token=pair.refresh,
    )


def me(user: User) -> wire.Me:
    """The user who asks."""
    return wire.Me(
        id=user.id,
        username=user.username,
        email=user.email,
        role=str(user.role),
        created_at=wire.instant(user.created_at),
        last_login=wire.maybe(user.last_login),
    )


PROFILE_NAMES: Mapping[Profile, str] = {profile: name for name, profile in DOWNLOADERS.items()}


def facts(download: Download) -> wire.Facts:
    """What else is known of a file."""
    told = download.facts
    media_id = told.get("media_id") or told.get("id") or download.address_hash[:16]
    return wire.Facts(
        media_id=str(media_id),
        resolution=f"{download.width}x{download.height}" if download.width and download.height else None,
        upgraded=download.upgraded,
        downloader=None if download.profile is None else PROFILE_NAMES[download.profile],
        media_type=download.media_type,
        duration_seconds=download.duration,
        author=download.author,
        caption=download.caption,
        error=download.error,
        queue_id=download.queue_id,
    )


def download_in_list(download: Download, library: str) -> wire.DownloadInList:
    """A file in a list; `library` is the folder of the readable tree, with a slash at the end."""
    return wire.DownloadInList(
        id=download.id,
        url=download.url,
        url_hash=download.address_hash,
        platform=download.platform,
        source=download.source,
        content_type=download.content_type,
        filename=download.filename,
        file_path=None if download.path is None else library + download.path,
        file_size=download.size,
        file_hash=None if download.sha256 is None else "sha256:" + download.sha256,
        post_date=wire.maybe(download.posted_at),
        download_date=wire.instant(download.finished_at),
        status=download.status,
        attempts=download.attempts,
        metadata=facts(download),
    )


def download_alone(download: Download, library: str) -> wire.DownloadAlone:
    """A file on its own; `library` as for `download_in_list`."""
    return wire.DownloadAlone(
        id=download.id,
        url=download.url,
        platform=download.platform,
        source=download.source,
        content_type=download.content_type,
        filename=download.filename,
        file_path=None if download.path is None else library + download.path,
        file_size=download.size,
        file_hash=None if download.sha256 is None else "sha256:" + download.sha256,
        post_date=wire.maybe(download.posted_at),
        download_date=wire.instant(download.finished_at),
        status=download.status,
        attempts=download.attempts,
        metadata=facts(download),
        thumbnail_url=f"/api/v1/downloads/{download.id}/thumbnail",
    )


def queue_item(item: Item, library: str, now: datetime, why: str | None = None) -> wire.QueueItem:
    """An item of the queue, and `why` it waits where that is asked.

    It is expected to be done at the pace it had so far; null before its first file.
    """
    more: dict[str, Any] = dict(item.note)
    if item.content_type is not None:
        more["content_type"] = item.content_type
    if item.title is not None:
        more["title"] = item.title
    if why is not None:
        more["waiting_because"] = why
    expected: str | None = None
    gone = item.items_done + item.items_failed
    whole = max(item.items_total, item.expected or 0)
    if item.status == "downloading" and item.started_at is not None and 0 < gone < whole:
        expected = wire.instant(now + (now - item.started_at) / gone * (whole - gone))
    return wire.QueueItem(
        id=item.id,
        url=item.url,
        platform=item.platform,
        source=item.source,
        referer=item.referer,
        save_path=f"{library}{item.platform}/{item.source}",
        priority=item.priority,
        status=item.status,
        attempts=item.attempts,
        max_attempts=item.max_attempts,
        created_date=wire.instant(item.created_at),
        started_at=wire.maybe(item.started_at),
        download_date=wire.maybe(item.finished_at),
        progress=item.progress,
        estimated_completion=expected,
        assigned_worker=None,
        error_message=item.error,
        metadata=more,
    )


def queue_page(found: QueuePage, library: str, now: datetime) -> wire.Queue:
    """A page of the queue."""
    counts = {str(status): count for status, count in found.counts.items()}
    return wire.Queue(
        items=[queue_item(item, library, now) for item in found.page.items],
        total=found.page.total,
        pending=counts.get("pending", 0),
        downloading=counts.get("downloading", 0),
        completed=counts.get("completed", 0),
        failed=counts.get("failed", 0),
    )


def queue_added(item: Item) -> wire.QueueAdded:
    """What was put into the queue."""
    return wire.QueueAdded(
        id=item.id,
        url=item.url,
        platform=item.platform,
        source=item.source,
        status=item.status,
        created_date=wire.instant(item.created_at),
        task_id=queue.task_id(item),
    )


def queue_numbers(stats: QueueStats) -> wire.QueueNumbers:
    """The queue at a glance."""
    return wire.QueueNumbers(
        total=stats.total,
        pending=stats.pending,
        downloading=stats.downloading,
        completed=stats.completed,
        failed=stats.failed,
        avg_wait_time_seconds=None if stats.average_wait is None else round(stats.average_wait),
        estimated_completion=wire.maybe(stats.estimated_completion),
        active_workers=stats.active_workers,
    )


def scheduled_job(schedule: Schedule) -> wire.ScheduledJob:
    """A schedule."""
    return wire.ScheduledJob(
        id=schedule.id,
        name=schedule.name,
        platform=schedule.platform,
        source=schedule.source,
        content_type=schedule.content_type,
        schedule=schedule.cron,
        schedule_human=schedules.in_words(schedule.cron, schedule.timezone),
        enabled=schedule.enabled,
        last_run=wire.maybe(schedule.last_run),
        last_run_status=schedule.last_status,
        last_run_items=schedule.last_items,
        next_run=wire.maybe(schedule.next_run),
        total_runs=schedule.total_runs,
        success_count=schedule.success_count,
        failure_count=schedule.failure_count,
        config=schedule.config,
    )


def job_run(run: Run) -> wire.JobRun:
    """One execution of a schedule."""
    end = run.finished_at
    return wire.JobRun(
        id=run.id,
        job_id=run.schedule_id,
        started_at=wire.instant(run.started_at),
        completed_at=wire.maybe(end),
        duration_seconds=None if end is None else round((end - run.started_at).total_seconds()),
        status=run.status,
        items_downloaded=run.items,
        error_message=run.error,
    )


def platform(found: Platform) -> wire.PlatformShape:
    """A platform."""
    downloaders = found.downloaders
    return wire.PlatformShape(
        name=found.name,
        display_name=found.display_name,
        enabled=found.enabled,
        downloaders=None
        if downloaders is None
        else [wire.DownloaderShape(name=d.name, display_name=d.display_name, enabled=d.enabled) for d in downloaders],
        content_types=found.content_types,
        features=tuple(found.features),
        status=found.status,
        last_successful_download=wire.maybe(found.last_successful_download),
    )


def queued(item: Item, message: str | None = None) -> wire.Queued:
    """What a platform's download became."""
    return wire.Queued(queue_id=item.id, task_id=queue.task_id(item), status="queued", message=message)


def log_entry(line: LogLine) -> wire.LogEntry:
    """A line of the log."""
    return wire.LogEntry(
        id=line.id,
        timestamp=wire.precise(line.timestamp),
        level=line.level,
        module=line.module,
        message=line.message,
        metadata=line.metadata,
    )


def human(size: int) -> str:
    """Bytes for people, as the contract writes them: 45678901234 is 42.5 GB."""
    value, unit = float(size), "B"
    for larger in ("KB", "MB", "GB", "TB", "PB"):
        if value < 1024:  # noqa: PLR2004 - the step between the units
            break
        value, unit = value / 1024, larger
    return f"{round(value, 1):g} {unit}" if unit != "B" else f"{size} B"


def storage(used: int, limit: int | None) -> wire.Storage:
    """How full the archive is."""
    return wire.Storage(
        used_bytes=used,
        used_human=human(used),
        limit_bytes=limit,
        limit_human=None if limit is None else human(limit),
        percent=None if not limit else round(100 * used / limit, 1),
    )


def folder(house: House) -> str:
    """The library's folder as paths begin, with a slash at the end."""
    return f"{house.shelf.library.root}/"


def overview(found: Overview, now: datetime) -> wire.OverviewShape:
    """The dashboard's numbers."""
    run = found.next_run
    task = None
    if run is not None and run.next_run is not None:
        task = wire.NextTask(
            job_id=run.id,
            job_name=run.name,
            scheduled_time=wire.instant(run.next_run),
            in_seconds=max(0, round((run.next_run - now).total_seconds())),
        )
    today = found.by_platform_today
    return wire.OverviewShape(
        downloads=wire.DownloadCounts(
            today=found.today.total, week=found.week.total, month=found.month.total, total=found.whole.total
        ),
        queue=wire.QueueCounts(
            pending=found.queue.get(ItemStatus.PENDING, 0),
            downloading=found.queue.get(ItemStatus.DOWNLOADING, 0),
            failed=found.queue.get(ItemStatus.FAILED, 0),
        ),
        success_rate=wire.SuccessRates(
            today=found.today.success_rate, week=found.week.success_rate, month=found.month.success_rate
        ),
        storage=storage(found.storage_used, found.storage_limit),
        platforms={
            p.name: wire.PlatformToday(status=p.status, downloads_today=today[p.name].total if p.name in today else 0)
            for p in found.platforms
        },
        next_scheduled_task=task,
    )


def platform_stats(name: str, tally: Tally) -> wire.PlatformStats:
    """What came of one platform."""
    return wire.PlatformStats(
        platform=name,
        downloads=tally.total,
        success=tally.completed,
        failed=tally.failed,
        success_rate=tally.success_rate,
        total_size_bytes=tally.size,
    )
