"""What is kept, and the numbers about it: the sections "Download Endpoints" and "Statistics Endpoints"."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from litestar import delete, get, post

from entourage.archive import downloads, statistics
from entourage.archive.model import DownloadFilter, DownloadStatus, Step, Tally
from entourage.doors.asking import Asked, body, query
from entourage.doors.door import Reply, visit_of
from entourage.doors.files import FileReply, kept_file
from entourage.doors.media import shaping, wire
from entourage.doors.media.dialect import answer, done, number_in, paged
from entourage.kernel.errors import Invalid, Problem

DAYS: Mapping[str, int] = {"today": 1, "week": 7, "month": 30, "year": 365}
"""How many days, with this one, a period has (days are UTC)."""


@get("/downloads")
async def list_downloads(request: Asked) -> Reply:
    """A page of the downloads that match."""
    visit, asked = visit_of(request), query(request, wire.DownloadsQuery)
    since, until = span(asked.date_from, asked.date_to)
    wanted = DownloadFilter(
        platform=asked.platform,
        source=asked.source,
        status=None if asked.status is None else DownloadStatus(asked.status),
        since=since,
        until=until,
        search=asked.search,
    )
    page = await visit.read(downloads.listing, wanted, number=asked.page, size=asked.per_page)
    library = shaping.folder(visit.house)
    told = wire.Downloads(
        items=[shaping.download_in_list(found, library) for found in page.items],
        total=page.total,
        page=page.number,
        per_page=page.size,
        total_pages=page.pages,
    )
    return paged(request, told, page.total, page.number, page.size, lasting=True)


@get("/downloads/{download_id:str}")
async def get_download(request: Asked) -> Reply:
    """A download."""
    visit = visit_of(request)
    found = await visit.glance(downloads.get, number_in(request, "download_id"))
    return answer(shaping.download_alone(found, shaping.folder(visit.house)), lasting=True)


@delete("/downloads/{download_id:str}", status_code=200)
async def delete_download(request: Asked) -> Reply:
    """Forget a download, and its file where that is asked."""
    visit, asked = visit_of(request), query(request, wire.DeleteQuery)
    await visit.write(downloads.remove, number_in(request, "download_id"), delete_file=asked.delete_file)
    return done()


@get("/downloads/{download_id:str}/thumbnail")
async def get_thumbnail(request: Asked) -> FileReply:
    """A small picture of a download."""
    visit = visit_of(request)
    found = await visit.read(downloads.get, number_in(request, "download_id"))
    path = await visit.house.shelf.thumbnail(found)
    return FileReply(path, "image/webp", f"{found.sha256}-small")


@get("/downloads/{download_id:str}/file")
async def get_file(request: Asked) -> FileReply:
    """The bytes of a download."""
    visit = visit_of(request)
    found = await visit.read(downloads.get, number_in(request, "download_id"))
    return kept_file(found, visit.house.shelf.blob_path(found))


@get("/downloads/stats")
async def download_stats(request: Asked) -> Reply:
    """Downloads of a period, counted by platform and source, and day by day."""
    visit, asked = visit_of(request), query(request, wire.StatsQuery)
    since = None if asked.period == "all" else first_day(visit.now, asked.period)
    found = await visit.read(statistics.downloads, since=since)
    return answer(
        wire.DownloadStats(
            total_downloads=found.whole.total,
            completed=found.whole.completed,
            failed=found.whole.failed,
            success_rate=found.whole.success_rate,
            total_size_bytes=found.whole.size,
            by_platform=_totals(found.by_platform),
            by_source=_totals(found.by_source),
            timeline=[wire.DayCount(date=str(p.at.date()), count=p.tally.total) for p in found.timeline],
            by_content_type=_totals(found.by_content_type) if asked.group_by == "content_type" else None,
        )
    )


@post("/downloads/bulk", status_code=200)
async def bulk_downloads(request: Asked) -> Reply:
    """One thing done to many downloads; each that could not be done is told."""
    visit, asked = visit_of(request), await body(request, wire.Bulk)
    came = await visit.write(downloads.bulk, asked.action, asked.ids, delete_files=asked.delete_files)
    return answer(wire.BulkDone(success=came.success, failed=came.failed, errors=came.errors))


@get("/stats/overview")
async def stats_overview(request: Asked) -> Reply:
    """The dashboard's numbers."""
    visit = visit_of(request)
    found = await visit.read(statistics.overview)
    return answer(shaping.overview(found, visit.now))


@get("/stats/timeline")
async def stats_timeline(request: Asked) -> Reply:
    """Downloads over time; steps in which nothing came are zero."""
    visit, asked = visit_of(request), query(request, wire.TimelineQuery)
    since = visit.now - timedelta(days=1) if asked.period == "day" else first_day(visit.now, asked.period)
    points = await visit.read(statistics.timeline, since=since, until=visit.now, step=Step(asked.group_by))
    return answer(
        wire.Timeline(
            timeline=[
                wire.TimelinePoint(
                    timestamp=wire.instant(point.at),
                    downloads=point.tally.total,
                    success=point.tally.completed,
                    failed=point.tally.failed,
                )
                for point in points
            ]
        )
    )


@get("/stats/platforms")
async def stats_platforms(request: Asked) -> Reply:
    """Everything ever, by platform."""
    found = await visit_of(request).read(statistics.by_platform)
    return answer(wire.PlatformsStats(platforms=[shaping.platform_stats(*entry) for entry in sorted(found.items())]))


def span(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """From the start of the first day to the end of the last; raises Invalid where they are turned round."""
    if first is not None and last is not None and last < first:
        raise Invalid(Problem("date_to", "must not be before date_from"))
    since = None if first is None else datetime(first.year, first.month, first.day, tzinfo=UTC)
    if last is None or last == date.max:
        return since, None
    return since, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)


def first_day(now: datetime, period: str) -> datetime:
    """The start of the first day of a period that ends today."""
    return statistics.midnight(now) - timedelta(days=DAYS[period] - 1)


def _totals(tallies: Mapping[str, Tally]) -> Mapping[str, int]:
    return {name: tally.total for name, tally in tallies.items()}


HANDLERS = [
    list_downloads,
    get_download,
    delete_download,
    get_thumbnail,
    get_file,
    download_stats,
    bulk_downloads,
    stats_overview,
    stats_timeline,
    stats_platforms,
]
