"""The pages of collecting: which channels are watched, how deep, what a run would cost, and how the runs went."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts import connections
from entourage.accounts.model import Actor, Connection
from entourage.insight import channels, costs, growth, plans
from entourage.insight.model import Channel
from entourage.insight.watching import EVERY_HOURS, Collection, Depth, Plan, Wish
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid
from entourage.networks import registry
from entourage.web.entry import problems_of
from entourage.web.faults import sentence
from entourage.web.frame import back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import Form, form_of, local_path, visitor_of

RHYTHMS = ((6, "Every 6 hours"), (12, "Twice a day"), (24, "Every day"), (72, "Every 3 days"), (168, "Every week"))
DEPTHS: Sequence[tuple[str, str, Depth]] = (
    ("light", "The newest posts and a look at who follows", Depth(30, 200, 0, 3, 50, 3, 50)),
    ("usual", "Enough for most figures", Depth()),
    ("deep", "Many followers and whom the channel follows", Depth(300, 5_000, 500, 20, 300, 20, 300)),
)
"""Ready-made depths: a name, what it is for, and the numbers."""
WORDS: Mapping[str, str] = {
    "posts": "Posts",
    "followers": "Followers",
    "followings": "Whom it follows",
    "likers_of": "Posts whose likers are read",
    "likers": "Likers of each",
    "comments_of": "Posts whose comments are read",
    "comments": "Comments of each",
}
STEPS: Mapping[str, str] = {
    "profile": "the profile", "posts": "posts", "followers": "followers", "followings": "whom it follows",
    "likers": "who likes its posts", "comments": "comments", "hashtag": "a hashtag",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watched:
    """A plan as the list shows it."""

    plan: Plan
    channel: Channel | None
    run: Collection | None
    why: str | None
    wants: str | None = None
    """What the network asks of a person, where one plan is shown."""


def look(tx: Tx, actor: Actor) -> Sequence[Watched]:
    """Every plan, with its channel and its last run."""
    found = plans.listing(tx, actor)
    who = channels.many(tx, [plan.channel_id for plan in found if plan.channel_id is not None])
    runs = plans.latest(tx, found)
    return [_watched(tx, actor, plan, who, runs.get(plan.id)) for plan in found]


def _watched(tx: Tx, actor: Actor, plan: Plan, who: Mapping[int, Channel], run: Collection | None) -> Watched:
    waits = plans.why(tx, actor, plan.id) if run is not None and run.status == "running" else None
    return Watched(plan, who.get(plan.channel_id or 0), run, waits)


@get("/collecting")
async def show(request: Ask) -> Response[Any]:
    """The plans."""
    found = await parts_of(request).database.read(look, visitor_of(request).actor)
    return page(request, "plans.html", watched=found, steps=STEPS, networks=registry.PEOPLE)


@dataclass(frozen=True, slots=True)
class Moved:
    """A watched channel as the dashboard shows it: its last run, and the followers won or lost in a week (if seen)."""

    plan: Plan
    channel: Channel
    run: Collection | None
    week: int | None


def moved(tx: Tx, actor: Actor, most: int) -> Sequence[Moved]:
    """The largest of the channels that are watched."""
    found = {plan.channel_id: plan for plan in plans.listing(tx, actor) if plan.channel_id is not None}
    known = [one for one in channels.many(tx, found).values() if one.seen_at is not None]
    shown = sorted(known, key=lambda one: (-(one.followers or 0), one.id))[:most]
    runs = plans.latest(tx, [found[one.id] for one in shown])
    since = tx.now.date() - timedelta(days=7)
    made: list[Moved] = []
    for one in shown:
        days = growth.history(tx, actor, one.id, since)
        week = days[-1].followers - days[0].followers if len(days) > 1 else None
        made.append(Moved(found[one.id], one, runs.get(found[one.id].id), week))
    return made


def _given(form: Form) -> dict[str, str]:
    names = ("network", "who", "server", "connection_id", "every_hours", *WORDS)
    return {name: form.text(name) for name in names}


def _of(plan: Plan | None, query: Mapping[str, str]) -> dict[str, str]:
    """What the form shows at first: the plan's values, else what the address names, else the usual ones."""
    depth = Depth() if plan is None else plan.depth
    given = {one.name: str(getattr(depth, one.name)) for one in fields(Depth)}
    if plan is None:
        named = {name: query.get(name, "") for name in ("network", "who", "server", "connection_id")}
        return given | named | {"every_hours": str(EVERY_HOURS)}
    return given | {
        "network": plan.network, "who": plan.who, "server": plan.server, "every_hours": str(plan.every_hours),
        "connection_id": str(plan.connection_id or ""),
    }  # fmt: skip


def _depth(form: Form) -> Depth:
    usual = Depth()
    numbers = {name: form.number(name) for name in WORDS}
    return Depth(**{name: getattr(usual, name) if value is None else value for name, value in numbers.items()})


def _server(tx: Tx, actor: Actor, network: str, server: str) -> str:
    """The server that is meant: where none is named and only one of the network is known, that one."""
    found = {plan.server for plan in plans.listing(tx, actor) if plan.network == network}
    found |= {one.server for one in connections.mine(tx, actor) if one.network == network}
    return found.pop() if not server and len(found) == 1 else server


async def _wish(request: Ask, form: Form) -> Wish:
    name = form.text("who")
    is_id = name.startswith(("did:", "@")) or name.isdecimal()
    return Wish(
        network=form.text("network"),
        who=name if is_id or not name else f"@{name}",
        server=await parts_of(request).database.read(
            _server, visitor_of(request).actor, form.text("network"), form.text("server")
        ),
        connection_id=form.number("connection_id"),
        every_hours=form.number("every_hours") or EVERY_HOURS,
        depth=_depth(form),
    )


async def _form_page(
    request: Ask, plan: Plan | None, given: Mapping[str, str], problems: Mapping[str, str], status: int = 200
) -> Response[Any]:
    actor, database = visitor_of(request).actor, parts_of(request).database
    mine: Sequence[Connection] = await database.read(connections.mine, actor)
    known = await database.read(plans.listing, actor)
    servers = sorted({*(one.server for one in known), *(one.server for one in mine)})
    runs = () if plan is None else await database.read(plans.collections, actor, plan.id)
    watched = None if plan is None else await database.read(_one, actor, plan)
    return page(
        request, "plan.html", status=status, plan=plan, given=given, problems=problems, connections=mine,
        networks=registry.PEOPLE, rhythms=RHYTHMS, depths=DEPTHS, labels=WORDS, runs=runs, watched=watched, steps=STEPS,
        servers=servers, fields=[one.name for one in fields(Depth)], chosen=_chosen(given),
    )  # fmt: skip


def _chosen(given: Mapping[str, str]) -> str:
    """The name of the ready-made depth whose numbers these are; empty for others."""
    numbers = [given[one.name] for one in fields(Depth)]
    return next((name for name, _, depth in DEPTHS if numbers == [str(number) for number in astuple(depth)]), "")


def _one(tx: Tx, actor: Actor, plan: Plan) -> Watched:
    who = channels.many(tx, [] if plan.channel_id is None else [plan.channel_id])
    shown = _watched(tx, actor, plan, who, plans.latest(tx, [plan]).get(plan.id))
    return replace(shown, wants=plans.wants_a_person(tx, actor, plan.id))


@get("/collecting/new")
async def show_new(request: Ask) -> Response[Any]:
    """The form for a new plan."""
    return await _form_page(request, None, _of(None, dict(request.query_params.items())), {})


@post("/collecting/cost")
async def cost(request: Ask) -> Response[Any]:
    """What a run would cost, while the form is being filled in; nothing is asked of the network."""
    form = await form_of(request)
    if not form.text("who"):
        return page(request, "cost.html", cost=None, problem="Name somebody to see what a run would cost.")
    try:
        wish = await _wish(request, form)
        found = await parts_of(request).database.read(costs.cost, visitor_of(request).actor, wish)
    except EntourageError as error:
        return page(request, "cost.html", cost=None, problem=sentence(error))
    return page(request, "cost.html", cost=found, problem="")


@post("/collecting")
async def add(request: Ask) -> Response[Any] | Redirect:
    """Watch a channel."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    try:
        wish = await _wish(request, form)
        made = await database.write(
            plans.watch, actor, network=wish.network, who=wish.who, server=wish.server,
            connection_id=wish.connection_id, every_hours=wish.every_hours, depth=wish.depth,
        )  # fmt: skip
    except (Invalid, Conflict) as error:
        return await _form_page(request, None, _given(form), _problems(error), 422)
    return back(request, f"/collecting/{made.id}", f"{made.who} is watched; the first run is under way.")


def _problems(error: EntourageError) -> dict[str, str]:
    return {name.removeprefix("depth."): text for name, text in problems_of(error).items()}


@get("/collecting/{plan_id:int}")
async def show_one(request: Ask, plan_id: FromPath[int]) -> Response[Any]:
    """One plan: how its runs went, and its form."""
    plan = await parts_of(request).database.read(plans.get, visitor_of(request).actor, plan_id)
    return await _form_page(request, plan, _of(plan, {}), {})


@post("/collecting/{plan_id:int}")
async def change(request: Ask, plan_id: FromPath[int]) -> Response[Any] | Redirect:
    """Change how often and how deep a channel is looked at, and through which account."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    plan = await database.read(plans.get, actor, plan_id)
    try:
        connection = form.number("connection_id")
        await database.write(
            plans.change, actor, plan_id, every_hours=form.number("every_hours"), depth=_depth(form),
            connection_id=connection, as_stranger=connection is None,
        )  # fmt: skip
    except (Invalid, Conflict) as error:
        return await _form_page(request, plan, _of(plan, {}) | _given(form), _problems(error), 422)
    return back(request, f"/collecting/{plan_id}", "The plan was changed.")


@post("/collecting/{plan_id:int}/{deed:str}")
async def do(request: Ask, plan_id: FromPath[int], deed: FromPath[str]) -> Redirect:
    """Run, stop, pause, resume or remove a plan."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    to = local_path(form.text("back"), "/collecting")
    plan = await database.read(plans.get, actor, plan_id)
    match deed:
        case "run":
            await database.write(plans.run_now, actor, plan_id)
            return back(request, to, f"{plan.who} is being looked at.")
        case "stop":
            await database.write(plans.stop, actor, plan_id)
            return back(request, to, "The run was stopped; what it learned is kept.")
        case "pause":
            await database.write(plans.pause, actor, plan_id)
            return back(request, to, f"{plan.who} is not looked at until you resume.")
        case "resume":
            await database.write(plans.resume, actor, plan_id)
            return back(request, to, f"{plan.who} is looked at again.")
        case "remove":
            await database.write(plans.remove, actor, plan_id)
            return back(request, "/collecting", f"{plan.who} is not watched any more; what was learned is kept.")
        case _:
            raise Conflict("There is no such action.")


HANDLERS: Sequence[BaseRouteHandler] = (show, show_new, cost, add, show_one, change, do)
