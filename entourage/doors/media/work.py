"""What is to be fetched: the sections "Queue", "Scheduler" and "Platform Endpoints"."""

from collections.abc import Mapping
from typing import Any

from litestar import delete, get, patch, post
from msgspec import UNSET

from entourage.accounts.model import Actor
from entourage.archive import platforms, queue, schedules
from entourage.archive.model import Item, ItemStatus, Profile, Wish
from entourage.archive.platforms import DOWNLOADERS
from entourage.doors.asking import Asked, body, query
from entourage.doors.door import Reply, visit_of
from entourage.doors.media import shaping, wire
from entourage.doors.media.dialect import answer, done, name_in, number_in, paged
from entourage.kernel.db import Tx
from entourage.kernel.errors import Invalid, Problem

# --- "Queue Endpoints"


@get("/queue")
async def list_queue(request: Asked) -> Reply:
    """A page of the queue."""
    visit, asked = visit_of(request), query(request, wire.QueueQuery)
    status = None if asked.status is None else ItemStatus(asked.status)
    found = await visit.read(
        queue.listing, status=status, platform=asked.platform, number=asked.page, size=asked.per_page
    )
    told = shaping.queue_page(found, shaping.folder(visit.house), visit.now)
    return paged(request, told, found.page.total, asked.page, asked.per_page)


@post("/queue", status_code=201)
async def add_to_queue(request: Asked) -> Reply:
    """Put an address into the queue."""
    visit, asked = visit_of(request), await body(request, wire.QueueAdd)
    wish = Wish(
        url=asked.url,
        platform=asked.platform,
        source=asked.source,
        content_type=asked.content_type,
        priority=asked.priority,
        max_downloads=asked.max_downloads,
        days_back=asked.days_back,
        profile=_profile(asked.metadata),
        referer=asked.referer,
        note=asked.metadata,
    )
    return answer(shaping.queue_added(await visit.write(queue.add, wish)), 201)


@get("/queue/{item_id:str}")
async def get_queue_item(request: Asked) -> Reply:
    """An item of the queue, and in its metadata why it waits."""
    visit = visit_of(request)
    item, why = await visit.read(_explained, number_in(request, "item_id"))
    return answer(shaping.queue_item(item, shaping.folder(visit.house), visit.now, why))


def _explained(tx: Tx, actor: Actor, item_id: int) -> tuple[Item, str | None]:
    return queue.get(tx, actor, item_id), queue.why(tx, actor, item_id)


@patch("/queue/{item_id:str}")
async def change_queue_item(request: Asked) -> Reply:
    """Another priority, paused, or going on."""
    visit, asked = visit_of(request), await body(request, wire.QueueChange)
    item = await visit.write(
        queue.change,
        number_in(request, "item_id"),
        priority=None if asked.priority is UNSET else asked.priority,
        status=None if asked.status is UNSET else ItemStatus(asked.status),
    )
    return answer(wire.QueueChanged(id=item.id, status=item.status, priority=item.priority))


@delete("/queue/{item_id:str}", status_code=200)
async def remove_queue_item(request: Asked) -> Reply:
    """Out of the queue, at once; files that are kept stay."""
    await visit_of(request).write(queue.remove, number_in(request, "item_id"))
    return done()


@post("/queue/{item_id:str}/retry", status_code=200)
async def retry_queue_item(request: Asked) -> Reply:
    """Run a failed item again."""
    item = await visit_of(request).write(queue.retry, number_in(request, "item_id"))
    return answer(
        wire.QueueRetried(id=item.id, status=item.status, attempts=item.attempts, task_id=queue.task_id(item))
    )


@post("/queue/clear", status_code=200)
async def clear_queue(request: Asked) -> Reply:
    """Finished items out of the list."""
    visit, asked = visit_of(request), await body(request, wire.QueueClear)
    statuses = [ItemStatus(status) for status in dict.fromkeys(asked.status)]
    return answer(wire.QueueCleared(deleted=await visit.write(queue.clear, statuses)))


@get("/queue/stats")
async def queue_stats(request: Asked) -> Reply:
    """The queue at a glance."""
    return answer(shaping.queue_numbers(await visit_of(request).read(queue.stats)))


def _profile(metadata: Mapping[str, Any]) -> Profile | None:
    """The download profile that `metadata.downloader` names."""
    name = metadata.get("downloader")
    if name is None:
        return None
    if not isinstance(name, str) or name not in DOWNLOADERS:
        raise Invalid(Problem("metadata.downloader", f"must be one of {', '.join(DOWNLOADERS)}"))
    return DOWNLOADERS[name]


# --- "Scheduler Endpoints"


@get("/scheduler/jobs")
async def list_jobs(request: Asked) -> Reply:
    """The schedules: all of them, or a page where that is asked for."""
    visit, asked = visit_of(request), query(request, wire.JobsQuery)
    found = await visit.read(schedules.listing)
    size = asked.per_page or max(len(found), 1)
    shown = found[(asked.page - 1) * size : asked.page * size]
    told = wire.ScheduledJobs(jobs=[shaping.scheduled_job(schedule) for schedule in shown])
    return paged(request, told, len(found), asked.page, size)


@post("/scheduler/jobs", status_code=201)
async def add_job(request: Asked) -> Reply:
    """A new schedule."""
    visit, asked = visit_of(request), await body(request, wire.JobAdd)
    made = await visit.write(
        schedules.add,
        name=asked.name,
        platform=asked.platform,
        source=asked.source,
        content_type=asked.content_type,
        cron=asked.schedule,
        enabled=asked.enabled,
        config=asked.config,
    )
    told = wire.JobAdded(id=made.id, name=made.name, next_run=wire.maybe(made.next_run), enabled=made.enabled)
    return answer(told, 201)


@patch("/scheduler/jobs/{job_id:str}")
async def change_job(request: Asked) -> Reply:
    """What the body names is changed."""
    visit, asked = visit_of(request), await body(request, wire.JobChange)
    made = await visit.write(
        schedules.change,
        name_in(request, "job_id"),
        name=None if asked.name is UNSET else asked.name,
        cron=None if asked.schedule is UNSET else asked.schedule,
        enabled=None if asked.enabled is UNSET else asked.enabled,
        config=None if asked.config is UNSET else asked.config,
        content_type=None if asked.content_type is UNSET else asked.content_type,
    )
    told = wire.JobChanged(id=made.id, schedule=made.cron, enabled=made.enabled, next_run=wire.maybe(made.next_run))
    return answer(told)


@delete("/scheduler/jobs/{job_id:str}", status_code=200)
async def remove_job(request: Asked) -> Reply:
    """A schedule and its history are forgotten; what it fetched stays."""
    await visit_of(request).write(schedules.remove, name_in(request, "job_id"))
    return done()


@post("/scheduler/jobs/{job_id:str}/run", status_code=202)
async def run_job(request: Asked) -> Reply:
    """Run a schedule now, beside its plan."""
    item = await visit_of(request).write(schedules.run_now, name_in(request, "job_id"))
    told = wire.JobStarted(task_id=queue.task_id(item), status="queued", message="Job execution queued")
    return answer(told, 202)


@get("/scheduler/history")
async def job_history(request: Asked) -> Reply:
    """The newest runs that match."""
    visit, asked = visit_of(request), query(request, wire.HistoryQuery)
    found = await visit.read(schedules.history, schedule_id=asked.job_id, status=asked.status, limit=asked.limit)
    told = wire.History(history=[shaping.job_run(run) for run in found])
    return paged(request, told, len(found), 1, asked.limit)


# --- "Platform Endpoints"


@get("/platforms")
async def list_platforms(request: Asked) -> Reply:
    """Every platform, and whether it works."""
    found = await visit_of(request).read(platforms.listing)
    told = wire.Platforms(platforms=[shaping.platform(each) for each in found])
    return paged(request, told, len(found), 1, max(len(found), 1))


@post("/platforms/instagram/download", status_code=202)
async def download_instagram(request: Asked) -> Reply:
    """Queue what a creator posts on Instagram."""
    visit, asked = visit_of(request), await body(request, wire.InstagramDownload)
    item = await visit.write(
        platforms.request,
        "instagram",
        username=asked.username,
        content_type=asked.content_type,
        profile=None if asked.downloader is None else DOWNLOADERS[asked.downloader],
        max_downloads=asked.max_downloads,
        days_back=asked.days_back,
        priority=asked.priority,
    )
    return answer(shaping.queued(item, "Download queued successfully"), 202)


@post("/platforms/tiktok/download", status_code=202)
async def download_tiktok(request: Asked) -> Reply:
    """Queue what a creator posts on TikTok."""
    visit, asked = visit_of(request), await body(request, wire.TiktokDownload)
    item = await visit.write(
        platforms.request,
        "tiktok",
        username=asked.username,
        max_downloads=asked.max_downloads,
        days_back=asked.days_back,
        priority=asked.priority,
    )
    return answer(shaping.queued(item), 202)


@post("/platforms/forum/monitor", status_code=201)
async def monitor_thread(request: Asked) -> Reply:
    """Watch a forum thread until some days after its last post."""
    visit, asked = visit_of(request), await body(request, wire.Monitor)
    made = await visit.write(
        schedules.monitor,
        forum_name=asked.forum_name,
        thread_url=asked.thread_url,
        thread_title=asked.thread_title,
        monitor_days=asked.monitor_days,
    )
    told = wire.Monitored(thread_id=made.id, status="active", monitor_until=wire.maybe(made.until))
    return answer(told, 201)


HANDLERS = [
    list_queue, add_to_queue, get_queue_item, change_queue_item,
    remove_queue_item, retry_queue_item, clear_queue, queue_stats,
    list_jobs, add_job, change_job, remove_job, run_job, job_history,
    list_platforms, download_instagram, download_tiktok, monitor_thread,
]  # fmt: skip
