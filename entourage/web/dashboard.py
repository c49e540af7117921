"""The first page: how much there is, what runs, what comes next, and what needs a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get
from litestar.handlers.base import BaseRouteHandler

from entourage.accounts.model import Actor
from entourage.archive import downloads, queue, schedules, statistics
from entourage.archive.model import Download, DownloadFilter, DownloadStatus, Item, ItemStatus, Point, Schedule, Step
from entourage.archive.statistics import Overview
from entourage.kernel.db import Tx
from entourage.web.chart import bars
from entourage.web.collecting import Moved, moved
from entourage.web.frame import page
from entourage.web.parts import Ask, parts_of
from entourage.web.queueing import reasons
from entourage.web.visitor import visitor_of
from entourage.web.words import plural

DAYS = 30
NEWEST = 12
RUNNING = 6
WATCHED = 6
NEARLY_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Worry:
    """Something that will not get better without a person: what, how bad, and where to go."""

    level: str
    text: str
    link: str
    label: str


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the dashboard."""

    overview: Overview
    points: Sequence[Point]
    running: Sequence[Item]
    reasons: Mapping[int, str]
    newest: Sequence[Download]
    worries: Sequence[Worry]
    watched: Sequence[Moved]
    now: datetime


def look(tx: Tx, actor: Actor) -> Board:
    """The state of things for this actor."""
    overview = statistics.overview(tx, actor)
    running = queue.listing(tx, actor, status=ItemStatus.DOWNLOADING, number=1, size=RUNNING).page.items
    kept = DownloadFilter(status=DownloadStatus.COMPLETED)
    since = statistics.midnight(tx.now) - timedelta(days=DAYS - 1)
    return Board(
        overview=overview,
        points=statistics.timeline(tx, actor, since=since, until=tx.now, step=Step.DAY),
        running=running,
        reasons=reasons(tx, actor, running),
        newest=downloads.listing(tx, actor, kept, number=1, size=NEWEST).items,
        worries=worries(overview, schedules.listing(tx, actor)),
        watched=moved(tx, actor, WATCHED),
        now=tx.now,
    )


def worries(overview: Overview, planned: Sequence[Schedule]) -> list[Worry]:
    """What needs a person, the gravest first."""
    found: list[Worry] = []
    used, limit = overview.storage_used, overview.storage_limit
    if limit and used >= limit:
        text = "The storage limit is reached: nothing more is fetched until there is room or the limit is raised."
        found.append(Worry("bad", text, "/settings", "Settings"))
    elif limit and used >= limit * NEARLY_FULL:
        found.append(Worry("warn", "The storage is nearly full.", "/settings", "Settings"))
    for platform in overview.platforms:
        if platform.status == "blocked":
            text = (
                f"{platform.display_name} wants a person: sign in there with a browser, "
                "then resume or retry what waits (pause it first if it runs)."
            )
            found.append(Worry("bad", text, f"/queue?platform={platform.name}", "Queue"))
        elif platform.status == "degraded":
            text = f"{platform.display_name} asked us to wait; work there goes on by itself."
            found.append(Worry("warn", text, f"/queue?platform={platform.name}", "Queue"))
    failing = [schedule for schedule in planned if schedule.enabled and schedule.last_status == "failure"]
    found += [
        Worry("warn", f"The last run of “{schedule.name}” failed.", f"/schedules/{schedule.id}", "See why")
        for schedule in failing[:3]
    ]
    if len(failing) > 3:  # noqa: PLR2004 - as many as are shown above
        found.append(
            Worry("warn", f"{plural(len(failing) - 3, 'more schedule')} failed too.", "/schedules", "Schedules")
        )
    failed = overview.queue[ItemStatus.FAILED]
    if failed:
        text = f"{plural(failed, 'item')} in the queue failed and {'waits' if failed == 1 else 'wait'} for you."
        found.append(Worry("warn", text, "/queue?status=failed", "Look at it" if failed == 1 else "Look at them"))
    return sorted(found, key=lambda worry: worry.level != "bad")


@get("/")
async def show(request: Ask) -> Response[Any]:
    """The dashboard."""
    board = await parts_of(request).database.read(look, visitor_of(request).actor)
    return page(request, "dashboard.html", board=board, o=board.overview, chart=bars(board.points))


HANDLERS: Sequence[BaseRouteHandler] = (show,)
