"""Runs of plans: how one begins, asks its next call, stands and ends. One call of a network is one job."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from entourage.insight import samples
from entourage.insight.store import plans as store
from entourage.insight.watching import (
    Collection,
    Plan,
    Sample,
    Status,
    Step,
    first_steps,
    network_lane,
    population_of,
)
from entourage.kernel import events, jobs, lanes
from entourage.kernel.budget import Limits
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict
from entourage.kernel.events import News
from entourage.networks import registry
from entourage.networks.reading import Listing, Reads

KEEP = 50
"""So many runs of a plan are remembered."""
TRIES = 6
"""A call that fails is tried again so often: over about ten minutes."""
CIRCLES = frozenset({Listing.FOLLOWERS, Listing.FOLLOWINGS})
"""Lists of the channel's own people, of which each is kept once."""
AT_ONCE = 4
"""So many plans may read one server at once; an account does one thing at a time."""


def subject(collection_id: int) -> str:
    """What the jobs of a run are known by."""
    return f"collection/{collection_id}"


def declare_lanes(tx: Tx, plan: Plan) -> None:
    """Give the lanes of a plan the pace that its network bears."""
    reader = registry.people(plan.network)
    declare_network(tx, reader, plan.server)
    for account in plan.lanes[1:]:
        lanes.declare(tx, account, Limits(at_once=1, per_hour=reader.CALLS_PER_HOUR))


def declare_network(tx: Tx, reader: Reads, server: str) -> str:
    """Give a network's server the pace that it bears; the name of its lane."""
    lane = network_lane(reader.NAME, server)
    lanes.declare(tx, lane, Limits(at_once=AT_ONCE, per_hour=reader.CALLS_PER_HOUR))
    return lane


def start(tx: Tx, plan: Plan, *, deep: bool) -> Collection:
    """Begin a run: in full depth, or only to see the profile. Raises Conflict while one is under way."""
    tx.lock(f"plan/{plan.id}")
    if store.running(tx, plan.id) is not None:
        raise Conflict("This channel is being looked at just now.")
    declare_lanes(tx, plan)
    run = Collection(0, plan.id, Status.RUNNING, tx.now, None, first_steps(deep=deep), 0, {}, None)
    run = replace(run, id=store.insert_run(tx, run))
    store.purge(tx, plan.id, KEEP)
    ask(tx, plan, run)
    announce(tx, plan, run)
    return run


def note_failure(tx: Tx, plan: Plan, reason: str) -> None:
    """Remember a run that could not even begin, and why."""
    run = Collection(0, plan.id, Status.FAILED, tx.now, tx.now, first_steps(deep=True), 0, {}, reason)
    announce(tx, plan, replace(run, id=store.insert_run(tx, run)))
    store.purge(tx, plan.id, KEEP)


def ask(tx: Tx, plan: Plan, run: Collection) -> None:
    """Plan the next call of a run, as soon as its lanes allow; there is never more than one."""
    jobs.defer(
        tx,
        "collect",
        {"collection_id": run.id, "call": run.calls},
        lanes=plan.lanes,
        subject=subject(run.id),
        max_attempts=TRIES,
        key=f"collect/{run.id}/{run.calls}",
    )


def ask_anew(tx: Tx, plan: Plan, run: Collection) -> None:
    """Plan the next call again, because the plan goes another way (another account) from now on."""
    jobs.cancel(tx, subject=subject(run.id))
    declare_lanes(tx, plan)
    ask(tx, plan, run)


def save(tx: Tx, plan: Plan, before: Collection, after: Collection) -> bool:
    """Store how a run stands after a call, and plan the next one if it goes on; False when it was stopped meanwhile."""
    if not store.set_run(tx, after, before.calls):
        return False
    if after.status is Status.RUNNING:
        ask(tx, plan, after)
    announce(tx, plan, after)
    return True


def end(tx: Tx, plan: Plan, before: Collection, after: Collection) -> None:
    """End a run after a call, and note how much of the channel it looked at."""
    if save(tx, plan, before, replace(after, finished_at=tx.now)):
        _note(tx, plan, after)


def stop(tx: Tx, plan: Plan, run: Collection, why: str) -> None:
    """End a run at once; what it learned stays, and how much of the channel that is, is noted."""
    jobs.cancel(tx, subject=subject(run.id))
    if store.stop_run(tx, run.id, why):
        _note(tx, plan, run)
        announce(tx, plan, replace(run, status=Status.CANCELLED, finished_at=tx.now, error=why))


def _note(tx: Tx, plan: Plan, run: Collection) -> None:
    """Keep what a run looked at, the list that it was in the middle of included, and have its figures made anew."""
    todo, step = run.todo, run.step
    if plan.channel_id is None:
        return
    if step is not None and step.seen:
        size = seen_people(tx, plan, run, step) if step.what in CIRCLES else step.seen
        todo = todo.sampled(step.what, Sample(size, population_of(todo, step), whole=False))
    for what, sample in todo.samples.items():
        samples.note(tx, plan.channel_id, Listing(what), sample.size, sample.population, whole=sample.whole)
    if todo.samples:
        jobs.defer(tx, "recount", {"channel_id": plan.channel_id}, lanes=("insight",), priority=jobs.LAST)


def seen_people(tx: Tx, plan: Plan, run: Collection, step: Step) -> int:
    """How many different people a run saw in one of CIRCLES, which may have shifted while it was read."""
    counted = store.seen_followers if step.what == Listing.FOLLOWERS else store.seen_followings
    return counted(tx, plan.channel_id or 0, run.started_at)


def announce(tx: Tx, plan: Plan, run: Collection) -> None:
    """Tell the plan's owner how a run stands; what is said while it goes on is soon forgotten."""
    told: Mapping[str, Any] = {
        "id": run.id,
        "plan_id": plan.id,
        "network": plan.network,
        "who": plan.who,
        "channel_id": plan.channel_id,
        "status": str(run.status),
        "step": run.step.what if run.step is not None else None,
        "calls": run.calls,
        "counts": dict(run.counts),
        "error": run.error,
    }
    passing = run.status is Status.RUNNING and run.calls > 0
    events.publish_many(tx, [News("collection.updated", told, plan.owner)], passing=passing)
