"""Collecting: what becomes of each call's answer. Facts, progress and the next call are one transaction.

So a server that dies repeats one call at most and counts nothing twice: an answer counts only while its run stands
where it stood when the call was made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from entourage.accounts import connections
from entourage.accounts.model import Connection, ConnectionState
from entourage.insight import plans, recording, runs
from entourage.insight.store import plans as store
from entourage.insight.watching import (
    PROFILE,
    Collection,
    Newest,
    Plan,
    Sample,
    Status,
    Step,
    Turn,
    channel_steps,
    population_of,
    post_steps,
    turn,
)
from entourage.kernel import lanes
from entourage.kernel.db import Tx
from entourage.kernel.errors import Damaged, Invalid
from entourage.kernel.jobs import Job
from entourage.kernel.secrets import Secrets
from entourage.networks import registry
from entourage.networks.facts import CommentFact, Fact, FollowFact, PostFact, ProfileFact, checked
from entourage.networks.reading import Batch, Listing

NEARLY_ALL = 0.8
"""A list that was read to its end but has less than this share of what the profile tells is not all there is."""
MOST_FAILURES = 3
"""Steps in a row that could not be read; after that the whole run has failed."""
MOST_WAITS = 24
"""Times in a row that a network may ask us to wait before we leave it alone until the next run."""


@dataclass(frozen=True, slots=True)
class Order:
    """A call to be made: the next step of a run, and the account to make it with, if any."""

    plan: Plan
    run: Collection
    step: Step
    who: str
    """The channel: its id where that is known."""
    connection: Connection | None
    session: Mapping[str, str] | None

    @property
    def lane(self) -> str:
        """The lane that a limit or a challenge concerns."""
        return self.plan.lanes[-1]


def order(tx: Tx, job: Job, secrets: Secrets) -> Order | None:
    """What a job has to ask; None when that was answered already or its run is over."""
    run = store.run(tx, int(job.args["collection_id"]))
    if run is None or run.status is not Status.RUNNING or run.calls != job.args["call"] or run.step is None:
        return None
    plan = store.get(tx, run.plan_id)
    if plan is None:
        return None
    found = None if plan.connection_id is None else connections.find(tx, plan.connection_id)
    session = None if found is None else connections.session_of(tx, secrets, found.id)
    known = None if plan.channel_id is None else store.identity(tx, plan.channel_id)
    return Order(plan, run, run.step, run.todo.id or (known[0] if known else plan.who), found, session)


def met(tx: Tx, order: Order, fact: ProfileFact) -> None:
    """The profile was told: learn it, and plan what is asked next."""
    run, plan = order.run, order.plan
    if not _stands(tx, run):
        return
    fact = _seen(fact, _moment(tx, run))
    learned = recording.learn(tx, [fact])
    channel_id = learned.ids[fact.network, fact.id]
    if channel_id != plan.channel_id:
        store.update(tx, plan.id, channel_id=channel_id)
        plan = replace(plan, channel_id=channel_id)
    if fact.gone:
        failed(
            tx,
            replace(order, plan=plan),
            f"{fact.username} is no more on {registry.people(plan.network).DISPLAY_NAME}.",
        )
        plans.rest(tx, plan)
        return
    told = {Listing.POSTS: fact.posts, Listing.FOLLOWERS: fact.followers, Listing.FOLLOWINGS: fact.follows}
    populations = {str(what): count for what, count in told.items() if isinstance(count, int)}
    steps = channel_steps(plan.depth, registry.people(plan.network).LISTINGS) if run.todo.deep else ()
    todo = replace(run.todo, id=fact.id, steps=steps, populations=populations, failures=0, waits=0)
    _go_on(tx, plan, run, replace(run, todo=todo, calls=run.calls + 1, counts={**run.counts, PROFILE: 1}))


def listed(tx: Tx, order: Order, batch: Batch, strange: int = 0) -> None:
    """A page of a listing was told (`strange` entries made no sense): learn it, and read on or take the next step."""
    run, plan, step = order.run, order.plan, order.step
    if not _stands(tx, run):
        return
    moment = _moment(tx, run)
    for start in range(0, len(batch.facts), recording.MOST):
        recording.learn(tx, [_seen(fact, moment) for fact in batch.facts[start : start + recording.MOST]])
    after = turn(step, batch)
    if batch.calls > 1:
        lanes.spend(tx, plan.lanes, batch.calls - 1)
    counts = {**run.counts, step.what: run.counts.get(step.what, 0) + after.seen - step.seen}
    todo = replace(run.todo, failures=0, waits=0)
    if step.what == Listing.POSTS:
        wanted = max(plan.depth.likers_of, plan.depth.comments_of)
        todo = replace(todo, newest=_newest(todo.newest, batch.facts, todo.id, wanted))
    if strange:
        todo = todo.noted(f"Some of what the network told of {step.what} made no sense and was left out.")
    run = replace(run, todo=todo, calls=run.calls + max(1, batch.calls), counts=counts)
    if after.step is not None:
        run = replace(run, todo=replace(todo, steps=(after.step, *todo.steps[1:])))
        _go_on(tx, plan, order.run, run)
    else:
        _go_on(tx, plan, order.run, _ended(tx, plan, run, step, after))


def left_out(tx: Tx, order: Order, note: str, *, post_gone: bool = False) -> None:
    """The network would not tell this: remember why, and take the next step."""
    run, plan, step = order.run, order.plan, order.step
    if not _stands(tx, run):
        return
    if post_gone and step.of and run.todo.id is not None and _at_home(order, step.of):
        moment = _moment(tx, run)
        recording.learn(
            tx, [PostFact(network=plan.network, id=step.of, author=run.todo.id, seen_at=moment, gone=True)]
        )  # fmt: skip
    run = replace(run, todo=replace(run.todo, failures=0, waits=0), calls=run.calls + 1)
    _go_on(tx, plan, order.run, _ended(tx, plan, run, step, Turn(None, step.seen, step.withheld, note=note)))


def waited(tx: Tx, order: Order, words: str, seconds: float | None) -> None:
    """The network asks us to wait: nothing starts in the lane before then, and the same is asked again."""
    run = order.run
    if not _stands(tx, run):
        return
    waits = run.todo.waits + 1
    if waits > MOST_WAITS:
        failed(tx, order, words)
        return
    wait = seconds if seconds is not None else min(3600.0, 60.0 * 2 ** (waits - 1))
    lanes.hold(tx, order.lane, tx.now + timedelta(seconds=wait), words)
    after = replace(run, todo=replace(run.todo, waits=waits), calls=run.calls + 1)
    runs.save(tx, order.plan, run, after)


def challenged(tx: Tx, order: Order, words: str) -> None:
    """The network wants a person: nothing starts in the lane until one came, then the same is asked again."""
    run = order.run
    if not _stands(tx, run):
        return
    lanes.open_breaker(tx, order.lane, words)
    if order.connection is not None:
        connections.set_state(tx, order.connection.id, ConnectionState.WANTS_YOU, words)
    runs.save(tx, order.plan, run, replace(run, calls=run.calls + 1))


def failed(tx: Tx, order: Order, words: str, *, calls: int = 1) -> None:
    """The run cannot go on, after so many more calls; what it learned stays."""
    run = order.run
    if _stands(tx, run):
        runs.end(tx, order.plan, run, replace(run, status=Status.FAILED, error=words, calls=run.calls + calls))


def without_account(tx: Tx, order: Order, words: str) -> None:
    """The account that the plan reads with cannot be used; a plan whose account is no more rests."""
    failed(tx, order, words, calls=0)
    if order.connection is None:
        plans.rest(tx, order.plan)


def vanished(tx: Tx, order: Order, words: str) -> None:
    """There is no such profile (any more): watch it no longer until a person says so.

    That it is gone is learned only where this plan met it before, at a server that must know: a plan with the wrong
    address tells nothing about somebody who is watched rightly elsewhere.
    """
    plan, run = order.plan, order.run
    if not _stands(tx, run):
        return
    known = None if plan.channel_id is None else store.identity(tx, plan.channel_id)
    if known is not None and known[1] and store.has_met(tx, plan.id) and _at_home(order, known[0]):
        fact = ProfileFact(
            network=plan.network, id=known[0], username=known[1], seen_at=_moment(tx, run), gone=True
        )  # fmt: skip
        recording.learn(tx, [fact])
    failed(tx, order, words)
    plans.rest(tx, plan)


def signed_out(tx: Tx, order: Order, words: str) -> None:
    """The session does not count any more: its owner has to sign in again."""
    if order.connection is not None:
        connections.set_state(tx, order.connection.id, ConnectionState.SIGNED_OUT, words)
    failed(tx, order, words)


def call_failed(tx: Tx, job: Job, reason: str) -> None:
    """A call failed for good: leave the step out and go on; a run of which nothing can be read has failed."""
    run = store.run(tx, int(job.args["collection_id"]))
    plan = None if run is None else store.get(tx, run.plan_id)
    if run is None or plan is None or run.step is None or run.calls != job.args["call"]:
        return
    failures = run.todo.failures + 1
    after = replace(run, todo=replace(run.todo, failures=failures), calls=run.calls + 1)
    if run.step.what == PROFILE or failures >= MOST_FAILURES:
        runs.end(tx, plan, run, replace(after, status=Status.FAILED, error=reason))
        return
    note = f"{run.step.what.capitalize()} could not be read to the end: {reason}"
    _go_on(tx, plan, run, _ended(tx, plan, after, run.step, Turn(None, run.step.seen, run.step.withheld, note=note)))


def sound(fact: ProfileFact) -> ProfileFact:
    """The profile, if what it says can be true; raises Damaged."""
    try:
        checked(fact)
    except Invalid as error:
        raise Damaged(f"The network told something of this profile that cannot be: {error}") from error
    return fact


def sensible(batch: Batch) -> tuple[Batch, int]:
    """The page without what cannot be true (checked facts only), and how many that were."""
    kept: list[Fact] = []
    for fact in batch.facts:
        try:
            kept.append(checked(fact))
        except Invalid:
            continue
    return replace(batch, facts=kept, entries=min(batch.entries, len(kept))), len(batch.facts) - len(kept)


# What the records above are made of


def _stands(tx: Tx, run: Collection) -> bool:
    """Whether the run stands where it stood when the call was made."""
    found = store.run(tx, run.id)
    return found is not None and found.status is Status.RUNNING and found.calls == run.calls


def _at_home(order: Order, of: str) -> bool:
    return registry.people(order.plan.network).at_home(order.plan.server, order.session, of)


def _moment(tx: Tx, run: Collection) -> datetime:
    """When something was seen: by our clock, and never before the run began, also when the clock was set back."""
    return max(tx.now, run.started_at)


_F = TypeVar("_F", bound=Fact)


def _seen(fact: _F, moment: datetime) -> _F:
    return fact if isinstance(fact, CommentFact) else msgspec.structs.replace(fact, seen_at=moment)


def _newest(before: tuple[Newest, ...], facts: Sequence[Fact], author: str | None, most: int) -> tuple[Newest, ...]:
    found = list(before)
    for fact in facts:
        if isinstance(fact, PostFact) and fact.author == author and all(one.id != fact.id for one in found):
            likes, comments = (count if isinstance(count, int) else None for count in (fact.likes, fact.comments))
            found.append(Newest(fact.id, likes, comments))
    return tuple(found[:most])


def _go_on(tx: Tx, plan: Plan, before: Collection, after: Collection) -> None:
    """Take the next step, or end the run where none is left."""
    if after.step is not None:
        runs.save(tx, plan, before, after)
    else:
        runs.end(tx, plan, before, replace(after, status=Status.DONE))


def _ended(tx: Tx, plan: Plan, run: Collection, step: Step, after: Turn) -> Collection:
    """The run without its first step, which is over: what was seen of it is counted, what follows from it is added."""
    size, population, note, counts = after.seen, population_of(run.todo, step), after.note, run.counts
    people = step.what in runs.CIRCLES and plan.channel_id is not None
    if people:
        size = runs.seen_people(tx, plan, run, step)
        counts = {**counts, step.what: size}
    listed = size + after.withheld
    whole = after.whole and (population is None or listed >= population * NEARLY_ALL)
    if people and whole and not after.withheld:
        _end_missing(tx, plan, run, step)
    elif people and whole:
        # Who asked for that since the last run cannot be told from who left.
        left_alone = f"{after.withheld:,} of the {step.what} ask to be left alone and are left out"
        note = f"{left_alone}; so it is not known who left, and nobody is taken to have done so."
    elif after.whole and not whole and step.what != Listing.POSTS:  # profiles count shared posts and answers as well
        note = (
            f"The network listed {listed:,} of {population:,} {step.what}; whether the others are still there is open."
        )
    todo = replace(run.todo, steps=run.todo.steps[1:]).noted(note)
    if size or whole:
        todo = todo.sampled(step.what, Sample(size, population, whole))
    if step.what == Listing.POSTS:
        listings = registry.people(plan.network).LISTINGS
        todo = replace(todo, steps=(*todo.steps, *post_steps(plan.depth, listings, todo.newest)))
    return replace(run, todo=todo, counts=counts)


def _end_missing(tx: Tx, plan: Plan, run: Collection, step: Step) -> None:
    """The whole list was read: who was known to be in it and is not any more has left."""
    channel_id, moment = plan.channel_id or 0, _moment(tx, run)
    if step.what == Listing.FOLLOWERS:
        recording.lost(tx, channel_id, before=run.started_at, at=moment)
        return
    while gone := store.left(tx, channel_id, run.started_at, recording.MOST):
        ends = [
            FollowFact(network=plan.network, follower=run.todo.id or "", followed=who, seen_at=seen, until=moment)
            for who, seen in gone
        ]
        recording.learn(tx, ends)
