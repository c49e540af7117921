"""The schedules' pages: what is looked at again and again, when next, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts.model import Actor
from entourage.archive import platforms, schedules
from entourage.archive.model import Run, Schedule
from entourage.archive.platforms import Platform
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid, Problem
from entourage.web.entry import problems_of
from entourage.web.faults import sentence
from entourage.web.frame import back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.queueing import addresses
from entourage.web.visitor import Form, form_of, local_path, visitor_of
from entourage.web.words import span

RUNS = 100
DOTS = 14
PRESETS = (
    ("0 * * * *", "Every hour"),
    ("0 */4 * * *", "Every 4 hours"),
    ("0 6,18 * * *", "Twice a day"),
    ("0 4 * * *", "Every night at 4"),
    ("0 4 * * 1", "Every Monday at 4"),
)
NAMES = {
    "schedule": "cron", "config.timezone": "timezone", "config.max_downloads": "max_downloads",
    "config.days_back": "days_back", "config.priority": "priority", "config.downloader": "downloader",
}  # fmt: skip
"""How the archive calls the fields of our form."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every schedule, with its last runs, the oldest first."""

    schedules: Sequence[Schedule]
    runs: Mapping[str, Sequence[Run]]
    words: Mapping[str, str]


def look(tx: Tx, actor: Actor) -> Plan:
    """The schedules and how their last runs went."""
    found = schedules.listing(tx, actor)
    runs = {each.id: schedules.history(tx, actor, schedule_id=each.id, limit=DOTS)[::-1] for each in found}
    return Plan(found, runs, {each.id: words(each.cron, each.timezone) for each in found})


def words(cron: str, timezone: str) -> str:
    """A cron expression as people say it; the expression itself where it cannot be said."""
    try:
        return schedules.in_words(cron, timezone)
    except Invalid:
        return cron


@get("/schedules")
async def show(request: Ask) -> Response[Any]:
    """The list."""
    plan = await parts_of(request).database.read(look, visitor_of(request).actor)
    return page(request, "schedules.html", plan=plan)


async def _form_page(
    request: Ask, schedule: Schedule | None, given: Mapping[str, object], problems: Mapping[str, str], status: int = 200
) -> Response[Any]:
    actor, database = visitor_of(request).actor, parts_of(request).database
    known: Sequence[Platform] = await database.read(platforms.listing, actor)
    runs: Sequence[Run] = []
    if schedule is not None:
        runs = await database.read(schedules.history, actor, schedule_id=schedule.id, limit=RUNS)
    return page(
        request,
        "schedule.html",
        status=status,
        schedule=schedule,
        given=given,
        problems=problems,
        platforms=known,
        runs=runs,
        presets=PRESETS,
        zones=sorted(available_timezones()),
        words=words(str(given["cron"]), str(given["timezone"] or "UTC")),
        span=span,
    )


FIELDS = ("name", "address", "platform", "source", "content_type", "cron", "timezone", "max_downloads", "days_back",
          "downloader", "priority", "enabled", "monitor_days", "kind")  # fmt: skip
NEW: Mapping[str, object] = dict.fromkeys(FIELDS, "") | {
    "cron": "0 */4 * * *", "timezone": "UTC", "enabled": "on", "monitor_days": "30", "kind": "creator",
}  # fmt: skip


@get("/schedules/new")
async def show_new(request: Ask) -> Response[Any]:
    """The empty form."""
    given = {name: request.query_params.get(name) or value for name, value in NEW.items()}
    return await _form_page(request, None, given, {})


@get("/schedules/words")
async def say(request: Ask) -> Response[Any]:
    """A cron expression in words and its next times, while it is being typed."""
    cron, zone = request.query_params.get("cron", ""), request.query_params.get("timezone", "") or "UTC"
    problem, text = "", ""
    times: list[datetime] = []
    try:
        ZoneInfo(zone)
        now = parts_of(request).database.clock()
        for _ in range(3):
            now = schedules.next_run(cron, zone, now)
            times.append(now)
        text = schedules.in_words(cron, zone)
    except Invalid as error:
        problem = sentence(error).replace("Schedule ", "This ")
    except (KeyError, ValueError, OSError):  # what ZoneInfo raises for a name it does not know
        problem = "This is no time zone."
    return page(request, "cron.html", problem=problem, words=text, times=times)


def _config(form: Form) -> dict[str, object]:
    config: dict[str, object] = {}
    address = form.text("address")
    if address:
        config["url"] = addresses(address)[0] if addresses(address) else address
    for name in ("max_downloads", "days_back", "priority"):
        number = form.number(name)
        if number is not None:
            config[name] = number
    for name in ("downloader", "timezone"):
        if form.text(name):
            config[name] = form.text(name)
    return config


def _problems(error: EntourageError) -> dict[str, str]:
    found = {NAMES.get(name, name): text for name, text in problems_of(error).items()}
    if "url" in found or "thread_url" in found:
        found["address"] = found.pop("url", None) or found.pop("thread_url")
    if "forum_name" in found:
        found["source"] = found.pop("forum_name")
    return found


def _complete(form: Form) -> None:
    """Returns if the form says what is looked at, and under which name; raises Invalid."""
    if not form.text("name"):
        raise Invalid(Problem("name", "give it a name, so that you find it again"))
    if not form.text("source") and not form.text("address"):
        raise Invalid(Problem("source", "say whom to look at, or give an address below"))


@post("/schedules")
async def add(request: Ask) -> Response[Any] | Redirect:
    """Make a schedule, or watch a forum's thread."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    given = {name: form.text(name) for name in FIELDS}
    try:
        if form.text("kind") == "thread":
            days = form.number("monitor_days")
            address = (addresses(form.text("address")) or [form.text("address")])[0]
            made = await database.write(
                schedules.monitor,
                actor,
                forum_name=form.text("source") or address.split("/")[2 if "//" in address else 0],
                thread_url=address,
                thread_title=form.text("name") or None,
                monitor_days=30 if days is None else days,
            )
            return back(request, "/schedules", f"“{made.name}” is watched; the first look is under way.")
        source = form.text("source")
        _complete(form)
        made = await database.write(
            schedules.add,
            actor,
            name=form.text("name"),
            platform=form.text("platform") or "web",
            source=source or form.text("name"),
            content_type=form.text("content_type") or None,
            cron=form.text("cron"),
            enabled=form.has("enabled"),
            config=_config(form),
        )
    except (Invalid, Conflict, IndexError) as error:
        problems = _problems(error) if isinstance(error, EntourageError) else {"address": "This is not an address."}
        return await _form_page(request, None, given, problems, 422)
    return back(request, "/schedules", f"“{made.name}” is planned.")


@get("/schedules/{schedule_id:str}")
async def show_one(request: Ask, schedule_id: FromPath[str]) -> Response[Any]:
    """One schedule: its form and its history."""
    schedule = await parts_of(request).database.read(schedules.get, visitor_of(request).actor, schedule_id)
    return await _form_page(request, schedule, _given(schedule), {})


def _given(schedule: Schedule) -> dict[str, object]:
    config = schedule.config
    given = {name: config.get(name) or "" for name in ("max_downloads", "days_back", "downloader", "priority")}
    return {
        **NEW, **given,
        "name": schedule.name, "platform": schedule.platform, "source": schedule.source,
        "content_type": schedule.content_type or "", "cron": schedule.cron, "timezone": schedule.timezone,
        "enabled": "on" if schedule.enabled else "", "address": config.get("url") or config.get("thread_url") or "",
        "monitor_days": schedule.monitor_days or "",
    }  # fmt: skip


@post("/schedules/{schedule_id:str}")
async def change(request: Ask, schedule_id: FromPath[str]) -> Response[Any] | Redirect:
    """Change a schedule."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    schedule = await database.read(schedules.get, actor, schedule_id)
    given = {**_given(schedule), **{name: form.text(name) for name in FIELDS if form.has(name)}}
    given["enabled"] = form.text("enabled")
    try:
        config = {**schedule.config, **_config(form)}
        for name in ("max_downloads", "days_back", "priority", "downloader"):
            if not form.text(name):
                config.pop(name, None)
        await database.write(
            schedules.change,
            actor,
            schedule_id,
            name=form.text("name"),
            cron=form.text("cron"),
            enabled=form.has("enabled"),
            config=config,
        )
    except (Invalid, Conflict) as error:
        return await _form_page(request, schedule, given, _problems(error), 422)
    return back(request, "/schedules", f"“{form.text('name')}” was changed.")


@post("/schedules/{schedule_id:str}/{deed:str}")
async def do(request: Ask, schedule_id: FromPath[str], deed: FromPath[str]) -> Redirect:
    """Run it now, switch it on or off, or remove it."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    to = local_path(form.text("back"), "/schedules")
    schedule = await database.read(schedules.get, actor, schedule_id)
    match deed:
        case "run":
            item = await database.write(schedules.run_now, actor, schedule_id)
            return back(request, to, f"“{schedule.name}” runs as number {item.id} of the queue.")
        case "on" | "off":
            await database.write(schedules.change, actor, schedule_id, enabled=deed == "on")
            return back(request, to, f"“{schedule.name}” is switched {deed}.")
        case "remove":
            await database.write(schedules.remove, actor, schedule_id)
            return back(request, "/schedules", f"“{schedule.name}” was removed; what it brought is kept.")
        case _:
            raise Conflict("There is no such action.")


HANDLERS: Sequence[BaseRouteHandler] = (show, show_new, say, add, show_one, change, do)
