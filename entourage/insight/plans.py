"""Plans: channels that are watched, how often and how deep; their runs, begun, paused, stopped and looked back at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from entourage.accounts import connections
from entourage.accounts.model import Actor, ConnectionState
from entourage.insight import grammar, runs
from entourage.insight.people import handle_of
from entourage.insight.store import plans as store
from entourage.insight.watching import EVERY_HOURS, MOST_HOURS, Collection, Depth, Plan, Wish, checked_depth, server_of
from entourage.kernel import events, gauges, jobs, lanes
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid, NotFound, Problem
from entourage.kernel.jobs import Job
from entourage.networks import registry
from entourage.networks.facts import LONGEST_ID

DAILY = timedelta(hours=24)
"""A profile is seen at least so often, also by plans that go deep less often."""


def watch(
    tx: Tx,
    actor: Actor,
    *,
    network: str,
    who: str,
    server: str = "",
    connection_id: int | None = None,
    every_hours: int = EVERY_HOURS,
    depth: Depth | None = None,
) -> Plan:
    """Watch a channel from now on; the first run is at once.

    Raises Invalid naming the field, Conflict when the actor watches it already.
    """
    wish = Wish(network, who, server, connection_id, every_hours, Depth() if depth is None else depth)
    plan = wished(tx, actor, wish)
    tx.lock("plans")  # two equal wishes at once are to see each other
    if store.twin(tx, plan.owner, plan.network, plan.server, plan.who) is not None:
        raise Conflict(f"You watch {plan.who} already.")
    plan = replace(plan, next_at=tx.now + timedelta(hours=every_hours))
    plan = replace(plan, id=store.insert(tx, plan))
    runs.start(tx, plan, deep=True)
    _schedule(tx, plan)
    _announce(tx, plan, "added")
    return plan


def wished(tx: Tx, actor: Actor, wish: Wish) -> Plan:
    """The plan that a wish means, in order but not stored; raises Invalid naming the field."""
    if wish.network not in registry.PEOPLE:
        known = ", ".join(sorted(registry.PEOPLE))
        raise Invalid(Problem("network", f"cannot be read; known are {known}"))
    _check_hours(wish.every_hours)
    named = wish.connection_id is None or wish.server.strip()
    server = server_of(registry.PEOPLE[wish.network], wish.server) if named else ""
    if wish.connection_id is not None:
        server = _usable(tx, actor, wish.connection_id, wish.network, server)
    who, handle = _named(wish.network, wish.who)
    return Plan(
        id=0,
        owner=actor.user_id,
        connection_id=wish.connection_id,
        network=wish.network,
        server=server,
        who=who,
        channel_id=store.channel_called(tx, wish.network, who, handle),
        every_hours=wish.every_hours,
        depth=checked_depth(wish.depth),
        paused=False,
        created_at=tx.now,
        next_at=None,
    )


def _check_hours(every_hours: int) -> None:
    if not 1 <= every_hours <= MOST_HOURS:
        raise Invalid(Problem("every_hours", f"must be from 1 to {MOST_HOURS}"))


def _usable(tx: Tx, actor: Actor, connection_id: int, network: str, server: str) -> str:
    """The server of a connection, which must be the actor's and of this network (and server, if one is named)."""
    found = connections.find(tx, connection_id)
    if found is None or found.owner != actor.user_id:
        raise Invalid(Problem("connection_id", "is not one of your connections"))
    if found.network != network or (server and found.server != server):
        raise Invalid(Problem("connection_id", f"belongs to {found.network} at {found.server}"))
    return found.server


def _named(network: str, who: str) -> tuple[str, str | None]:
    """Whom to look for, and the handle if it is one."""
    who = who.strip()
    if not 1 <= len(who) <= LONGEST_ID or "\0" in who:
        raise Invalid(Problem("who", "must be @ and a user name, or the network's own id"))
    if not who.startswith("@"):
        return who, None
    handle = grammar.handle(network, who[1:])
    if handle is None:
        raise Invalid(Problem("who", f"cannot be a user name on {registry.PEOPLE[network].DISPLAY_NAME}"))
    return f"@{handle}", handle_of(handle)


def listing(tx: Tx, actor: Actor) -> Sequence[Plan]:
    """Every plan the actor may see, by network and name."""
    return store.listing(tx, None if actor.admin else actor.user_id)


def get(tx: Tx, actor: Actor, plan_id: int) -> Plan:
    """The plan; raises NotFound."""
    found = store.get(tx, plan_id)
    if found is None or not (actor.admin or found.owner == actor.user_id):
        raise NotFound("There is no such plan.")
    return found


def of_channel(tx: Tx, actor: Actor, channel_id: int) -> Sequence[Plan]:
    """The plans that watch a channel, as far as the actor may see them."""
    return [plan for plan in store.of_channel(tx, channel_id) if actor.admin or plan.owner == actor.user_id]


def latest(tx: Tx, plans: Sequence[Plan]) -> Mapping[int, Collection]:
    """The newest run of each plan that had any, by the plan's number."""
    return store.last_of(tx, [plan.id for plan in plans])


def collections(tx: Tx, actor: Actor, plan_id: int, most: int = runs.KEEP) -> Sequence[Collection]:
    """The runs of a plan, the newest first."""
    return store.newest(tx, get(tx, actor, plan_id).id, most)


def why(tx: Tx, actor: Actor, plan_id: int) -> str | None:
    """What the run that is under way waits for or does, in plain words; None when none is."""
    run = store.running(tx, get(tx, actor, plan_id).id)
    job = None if run is None else jobs.next_of(tx, runs.subject(run.id))
    return None if job is None else jobs.why(tx, job.id).text


def wants_a_person(tx: Tx, actor: Actor, plan_id: int) -> str | None:
    """What the network asks of a person before anything more may be sent for this plan; None where it asks nothing."""
    found = {lane: gauge.broken_why for lane, gauge in gauges.look(tx, get(tx, actor, plan_id).lanes).items()}
    return next((why for why in found.values() if why is not None), None)


def change(
    tx: Tx,
    actor: Actor,
    plan_id: int,
    *,
    every_hours: int | None = None,
    depth: Depth | None = None,
    connection_id: int | None = None,
    as_stranger: bool = False,
) -> Plan:
    """Change what is given; `as_stranger` lets go of the connection. A run that is under way keeps its depth."""
    before = get(tx, actor, plan_id)
    owner = replace(actor, user_id=before.owner)
    after = before
    if every_hours is not None and every_hours != before.every_hours:
        _check_hours(every_hours)
        begun = before.next_at and before.next_at - timedelta(hours=before.every_hours)
        soon = None if begun is None else max(tx.now, begun + timedelta(hours=every_hours))
        after = replace(after, every_hours=every_hours, next_at=soon)
    if depth is not None:
        after = replace(after, depth=checked_depth(depth))
    if connection_id is not None:
        _usable(tx, owner, connection_id, before.network, before.server)
        after = replace(after, connection_id=connection_id)
    elif as_stranger:
        after = replace(after, connection_id=None)
    if after == before:
        return before
    store.update(
        tx,
        plan_id,
        every_hours=after.every_hours,
        next_at=after.next_at,
        depth=after.depth,
        connection_id=after.connection_id,
    )
    run = store.running(tx, plan_id)
    if run is not None and after.connection_id != before.connection_id:
        runs.ask_anew(tx, after, run)
        if after.paused:
            jobs.pause(tx, subject=runs.subject(run.id))
    _schedule(tx, after)
    _announce(tx, after, "updated")
    return after


def pause(tx: Tx, actor: Actor, plan_id: int) -> Plan:
    """Look no more until `resume`; a run that is under way rests where it is."""
    plan = get(tx, actor, plan_id)
    if plan.paused:
        return plan
    run = store.running(tx, plan_id)
    if run is not None:
        jobs.pause(tx, subject=runs.subject(run.id))
    return rest(tx, plan)


def rest(tx: Tx, plan: Plan) -> Plan:
    """Plan no more runs of a plan until a person resumes it."""
    store.update(tx, plan.id, paused=True, next_at=None)
    resting = replace(plan, paused=True, next_at=None)
    _schedule(tx, resting)
    _announce(tx, resting, "updated")
    return resting


def resume(tx: Tx, actor: Actor, plan_id: int) -> Plan:
    """Look again: a run that rested goes on, else one begins at once; what waited for a person does not any more."""
    plan = get(tx, actor, plan_id)
    _a_person_came(tx, plan)
    if not plan.paused:
        return plan
    plan = replace(plan, paused=False, next_at=tx.now + timedelta(hours=plan.every_hours))
    store.update(tx, plan_id, paused=False, next_at=plan.next_at)
    run = store.running(tx, plan_id)
    if run is None:
        runs.start(tx, plan, deep=True)
    else:
        jobs.resume(tx, subject=runs.subject(run.id))
    _schedule(tx, plan)
    _announce(tx, plan, "updated")
    return plan


def remove(tx: Tx, actor: Actor, plan_id: int) -> None:
    """Watch a channel no more and forget the runs; what was learned stays."""
    plan = get(tx, actor, plan_id)
    run = store.running(tx, plan_id)
    if run is not None:
        runs.stop(tx, plan, run, "The plan was removed.")
    jobs.cancel(tx, subject=_subject(plan_id))
    store.delete(tx, plan_id)
    _announce(tx, plan, "removed")


def run_now(tx: Tx, actor: Actor, plan_id: int) -> Collection:
    """Look at once, in full depth, beside the plan's times; a run that waited for a person goes on instead.

    Raises Conflict while another run is under way.
    """
    plan = get(tx, actor, plan_id)
    waited = wants_a_person(tx, actor, plan_id) is not None
    _a_person_came(tx, plan)
    run = store.running(tx, plan_id)
    return run if waited and run is not None and not plan.paused else runs.start(tx, plan, deep=True)


def stop(tx: Tx, actor: Actor, plan_id: int) -> Plan:
    """Stop the run that is under way, if any; the next one comes at its time."""
    plan = get(tx, actor, plan_id)
    run = store.running(tx, plan_id)
    if run is not None:
        runs.stop(tx, plan, run, "You stopped it.")
    return plan


def disconnect(tx: Tx, actor: Actor, connection_id: int) -> Sequence[Plan]:
    """Forget a connection; the plans that use it are paused and listed, their runs stopped."""
    connections.get(tx, actor, connection_id)
    resting: list[Plan] = []
    for plan in store.of_connection(tx, connection_id):
        run = store.running(tx, plan.id)
        if run is not None:
            runs.stop(tx, plan, run, "The account that it read with was disconnected.")
        store.update(tx, plan.id, connection_id=None)
        resting.append(rest(tx, replace(plan, connection_id=None)))
    connections.remove(tx, actor, connection_id)
    return resting


def _a_person_came(tx: Tx, plan: Plan) -> None:
    """Whoever resumes says that what the network asked of a person is done."""
    lanes.close_breaker(tx, plan.lane)
    if plan.connection_id is not None:
        found = connections.find(tx, plan.connection_id)
        if found is not None and found.state is ConnectionState.WANTS_YOU:
            connections.set_state(tx, found.id, ConnectionState.OK)


# Times


def _subject(plan_id: int) -> str:
    return f"plan/{plan_id}"


def _schedule(tx: Tx, plan: Plan) -> None:
    """Keep exactly one job waiting for the next look of a plan, and none while it is paused."""
    jobs.cancel(tx, subject=_subject(plan.id))
    if not plan.paused and plan.next_at is not None:
        _defer(tx, plan, plan.next_at)


def _defer(tx: Tx, plan: Plan, next_at: datetime) -> None:
    jobs.defer(
        tx,
        "plan",
        {"plan_id": plan.id},
        lanes=("plans",),
        priority=2,
        run_at=min(next_at, tx.now + DAILY),
        subject=_subject(plan.id),
    )


def fire(tx: Tx, plan_id: int) -> None:
    """Do what is due: a run in full depth, or the daily look at the profile; missed ones are made up for by one."""
    plan = store.get(tx, plan_id)
    if plan is None or plan.paused or plan.next_at is None:
        return
    try:
        with tx.savepoint():
            runs.start(tx, plan, deep=plan.next_at <= tx.now)
    except Conflict:
        pass  # the last run has not ended: one at a time is enough
    except EntourageError as error:
        runs.note_failure(tx, plan, str(error))
    _next(tx, plan)


def fire_failed(tx: Tx, job: Job, reason: str) -> None:
    """A plan that was due could not begin, whatever the reason: remember why; the next time is another try."""
    plan = store.get(tx, int(job.args["plan_id"]))
    if plan is not None and not plan.paused:
        runs.note_failure(tx, plan, reason)
        _next(tx, plan)


def _next(tx: Tx, plan: Plan) -> None:
    """What was due was done, or tried: plan the next look. The daily one moves no run in full depth."""
    next_at = plan.next_at
    if next_at is None or next_at <= tx.now:
        next_at = _following(plan, tx.now)
        store.update(tx, plan.id, next_at=next_at)
    _defer(tx, plan, next_at)


def _following(plan: Plan, now: datetime) -> datetime:
    """The first time after now at which a plan is due; its rhythm stays."""
    every = timedelta(hours=plan.every_hours)
    due = now if plan.next_at is None else plan.next_at
    return due + every * max(1, (now - due) // every + 1)


def plan_all(tx: Tx) -> None:
    """When a server starts: let every plan that is not paused have its job, whatever happened before."""
    for plan in store.listing(tx, None):
        if not plan.paused and plan.next_at is not None and jobs.next_of(tx, _subject(plan.id)) is None:
            _defer(tx, plan, plan.next_at)


def _announce(tx: Tx, plan: Plan, action: str) -> None:
    told = {"id": plan.id, "network": plan.network, "who": plan.who, "channel_id": plan.channel_id}
    events.publish(
        tx, "plan.changed", {"action": action, "plan": {**told, "paused": plan.paused}}, user=plan.owner
    )  # fmt: skip
