"""The jobs of collecting: one call of a network each, and plans that are due."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial

from entourage.accounts import connections
from entourage.accounts.model import ConnectionState
from entourage.insight import collecting, figures, plans
from entourage.insight.collecting import Order
from entourage.insight.watching import PROFILE
from entourage.kernel.db import Database
from entourage.kernel.errors import (
    Challenged,
    Conflict,
    EntourageError,
    Gone,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from entourage.kernel.jobs import Job
from entourage.kernel.outcomes import Again, Done, Outcome, Record
from entourage.kernel.secrets import Secrets
from entourage.kernel.worker import Handler, Running
from entourage.kernel.world import World
from entourage.networks import registry
from entourage.networks.reading import PATIENCE, Access, Listing, Reads

ON_FAILED = {"collect": collecting.call_failed, "plan": plans.fire_failed}
"""What is recorded when a job has failed for good, by its kind."""


class Collector:
    """Asks the networks what plans want to know."""

    def __init__(self, database: Database, world: World, secrets: Secrets) -> None:
        self._database = database
        self._world = world
        self._secrets = secrets

    def handlers(self) -> Mapping[str, Handler]:
        """What the worker runs, by kind of job."""
        return {"collect": self.collect, "plan": self.plan, "recount": self.recount}

    async def plan(self, job: Job, _: Running) -> Outcome:
        """Begin the run of a plan that is due."""
        return Done(partial(plans.fire, plan_id=int(job.args["plan_id"])))

    async def recount(self, job: Job, _: Running) -> Outcome:
        """Count a channel anew after it was looked at, before anybody asks."""
        return Done(partial(figures.recount, channel_id=int(job.args["channel_id"])))

    async def collect(self, job: Job, running: Running) -> Outcome:
        """Make the next call of a run."""
        order = await self._database.read(collecting.order, job, self._secrets)
        if order is None:
            return Done()
        running.lane = order.lane
        if (missing := _missing(order)) is not None:
            return Done(partial(collecting.without_account, order=order, words=missing))
        try:
            return Done(await self._answer(order))
        except _ANSWERS as answer:
            return Done(_record(order, answer))
        except Unreachable as trouble:
            return Again(trouble.retry_after, str(trouble))

    async def _answer(self, order: Order) -> Record:
        """Ask, and say what is to be recorded; raises the errors of `Reads`."""
        reader = registry.people(order.plan.network)
        keeping = _Keeping(self._database, self._secrets, order)
        access = Access(self._world, order.plan.server, order.session, None if order.connection is None else keeping)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await _asked(reader, access, order)
        except TimeoutError:
            raise Unreachable(f"{reader.DISPLAY_NAME} did not answer in time.") from None
        finally:
            await keeping.done()


async def _asked(reader: Reads, access: Access, order: Order) -> Record:
    step = order.step
    if step.what == PROFILE:
        return partial(collecting.met, order=order, fact=collecting.sound(await reader.profile(access, order.who)))
    batch = await reader.listing(access, Listing(step.what), step.of or order.who, step.cursor)
    batch, strange = collecting.sensible(batch)
    return partial(collecting.listed, order=order, batch=batch, strange=strange)


_ANSWERS = (Challenged, Throttled, Unauthenticated, NotFound, Gone, NotAllowed, Conflict, Refused, Invalid)
"""What a network may say instead of what was asked; anything else is trouble, and the same is asked again."""


def _missing(order: Order) -> str | None:
    """Why the account that a plan reads with cannot be used; None where it can, or none is wanted."""
    account = order.connection
    if order.plan.connection_id is not None and account is None:
        return "The account that this plan reads with is not connected any more; choose another one."
    if account is not None and account.state is ConnectionState.SIGNED_OUT:
        return account.reason or "The account is signed out; sign in again to go on."
    return None


def _record(order: Order, error: EntourageError) -> Record:  # noqa: PLR0911 - a table of cases
    """What an answer other than the wanted one means for the run."""
    words, step = str(error), order.step
    match error:
        case Challenged():
            return partial(collecting.challenged, order=order, words=words)
        case Throttled():
            return partial(collecting.waited, order=order, words=words, seconds=error.retry_after)
        case Unauthenticated() if order.connection is not None:
            return partial(collecting.signed_out, order=order, words=words)
        case NotFound() | Gone() if step.what == PROFILE:
            return partial(collecting.vanished, order=order, words=words)
        case NotFound() | Gone():
            return partial(collecting.left_out, order=order, note=words, post_gone=True)
        case NotAllowed() | Unauthenticated() | Conflict() if step.what != PROFILE:
            return partial(collecting.left_out, order=order, note=words)
        case _:
            return partial(collecting.failed, order=order, words=words)


class _Keeping:
    """Keeps a renewed session at once, from whatever thread it is told."""

    def __init__(self, database: Database, secrets: Secrets, order: Order) -> None:
        self._database = database
        self._secrets = secrets
        self._connection = order.connection
        self._loop = asyncio.get_running_loop()
        self._writes: list[Future[None]] = []

    def __call__(self, session: Mapping[str, str]) -> None:
        """Keep it: the one before may count no longer."""
        if self._connection is not None:
            kept = self._database.write(
                connections.keep_session, self._secrets, self._connection.id, dict(session)
            )  # fmt: skip
            self._writes.append(asyncio.run_coroutine_threadsafe(kept, self._loop))

    async def done(self) -> None:
        """Everything that was told is stored."""
        for write in self._writes:
            await asyncio.shield(asyncio.wrap_future(write))
