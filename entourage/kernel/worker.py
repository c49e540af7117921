"""The worker: runs jobs in an asyncio pool; what may start is planning's decision, this only carries it out.

One turn at a time goes to the database. What ends while a turn is under way is stored with the next one, so the more
there is to do, the more jobs share a commit.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from entourage.kernel import jobs, leases, planning, sweeping
from entourage.kernel.db import Database
from entourage.kernel.errors import (
    Challenged,
    Conflict,
    Damaged,
    EntourageError,
    Gone,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    StorageFull,
    Throttled,
    Unreachable,
)
from entourage.kernel.jobs import Job
from entourage.kernel.outcomes import Again, Broken, Failed, Outcome, Postpone
from entourage.kernel.planning import Turn
from entourage.kernel.settling import Ended, OnFailed, RecordFailed

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LEASE_SECONDS = 30.0
GRACE_SECONDS = 5.0
SWEEP_SECONDS = 60.0
FULL_SECONDS = 60.0
STRANGE_SECONDS = 60.0
TROUBLE_SECONDS = 1.0


@dataclass(slots=True)
class Running:
    """A job in a handler's hands."""

    job: Job
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the job was cancelled or paused, or the worker stops; the handler's task is cancelled as well."""
    lane: str | None = None
    """The lane that a Challenged or Throttled raised by the handler concerns; the handler sets it."""


Handler = Callable[[Job, Running], Awaitable[Outcome]]
"""Does a job. It may be called again for the same job, so doing it twice must do no harm."""


class Worker:
    """Takes jobs and runs them, at most `slots` at once, from `start` until `stop` (or as a context manager)."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        slots: int,
        on_failed: Mapping[str, OnFailed] | None = None,
        owner: str | None = None,
        lease: float = LEASE_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        """`on_failed`: by kind, told in the same transaction that a job failed for good.

        `lease`: seconds of silence after which other workers take a worker's jobs. `grace`: seconds that running
        jobs have when the worker stops.
        """
        self.database = database
        self.owner = owner or leases.new_owner()
        self._handlers = handlers
        self._on_failed = on_failed or {}
        self._slots = slots
        self._lease = lease
        self._grace = grace
        self._watch = leases.Watch(lease)
        self._rung = asyncio.Event()
        self._look_for_stops = False
        self._in_doubt = False
        """The last turn failed, and its answer may be what was lost."""
        self._next_at: datetime | None = None
        self._running: dict[int, tuple[Running, asyncio.Task[None]]] = {}
        self._ended: list[Ended] = []
        self._stopping = False
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._deaf: list[Callable[[], None]] = []

    @property
    def slots(self) -> int:
        """How many jobs run at once at most; may be changed at any time, running jobs are not stopped for it."""
        return self._slots

    @slots.setter
    def slots(self, slots: int) -> None:
        self._slots = slots
        self._rung.set()

    @property
    def running(self) -> list[Job]:
        """The jobs that run here now."""
        return [running.job for running, _ in self._running.values()]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to take jobs."""
        loop = asyncio.get_running_loop()
        await self.database.write(leases.register, self.owner)

        def ring(*, stops: bool) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(self._ring, stops)

        self._deaf = [
            self.database.listen(jobs.BELL, lambda: ring(stops=False)),
            self.database.listen(jobs.STOP_BELL, lambda: ring(stops=True)),
        ]
        self._rung.set()
        self._tasks = [asyncio.create_task(self._plan()), asyncio.create_task(self._keep_alive())]

    async def stop(self) -> None:
        """Take no more jobs, give those that run a moment, and release the rest without counting the try."""
        self._stopping = True
        self._ending.set()
        for end in self._deaf:
            end()
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace)
        left = list(self._running.values())
        for running, task in left:
            running.cancelled.set()
            task.cancel()
        if left:
            await asyncio.wait([task for _, task in left], timeout=max(1.0, self._grace))
        for running, _ in self._running.values():  # deaf to being cancelled: whatever they still answer is ignored
            self._ended.append(Ended(running.job, None))
        self._running.clear()
        self._rung.set()
        for task in self._tasks:
            await task
        await self.database.write(leases.forget, self.owner)

    def _ring(self, stops: bool) -> None:  # noqa: FBT001 - called by the loop
        self._look_for_stops |= stops
        self._rung.set()

    async def _plan(self) -> None:
        while True:
            self._rung.clear()
            turn = await self._turn()
            if turn is None:
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            self._next_at = turn.next_at
            for job in turn.claimed:
                running = Running(job)
                self._running[job.id] = (running, asyncio.create_task(self._run(running)))
            for job_id in turn.stopped:
                self._interrupt(job_id)
            if self._stopping and not self._running and not self._ended:
                return
            await self._wait()

    async def _turn(self) -> Turn | None:
        ended, self._ended = self._ended, []
        look, self._look_for_stops = self._look_for_stops, False
        free = 0 if self._stopping else max(0, self._slots - len(self._running))
        try:
            try:
                turn = await self._ask(ended, free, look, careful=False)
            except RecordFailed:
                turn = await self._ask(ended, free, look, careful=True)
        except EntourageError as error:
            log.warning("jobs: what ended is kept and stored later: %s", error)
        except Exception:
            log.exception("jobs: planning failed; what ended is kept and stored later")
        else:
            self._in_doubt = False
            return turn
        self._ended = ended + self._ended
        self._look_for_stops |= look
        self._in_doubt = True
        return None

    async def _ask(self, ended: list[Ended], free: int, look: bool, *, careful: bool) -> Turn:  # noqa: FBT001 - passed on
        return await self.database.write(
            planning.turn,
            self.owner,
            ended=ended,
            free=free,
            on_failed=self._on_failed,
            careful=careful,
            look_for_stops=look,
            known=list(self._running) if self._in_doubt else None,
        )

    async def _wait(self) -> None:
        """Until rung for, or until something is due; the clock is looked at each second because it may be set."""
        while not self._rung.is_set():
            timeout = LOOK_SECONDS
            if self._next_at is not None:
                due = (self._next_at - self.database.clock()).total_seconds()
                if due <= 0:
                    return
                timeout = min(timeout, due)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._rung.wait()

    async def _run(self, running: Running) -> None:
        job = running.job
        outcome: Outcome | None
        try:
            handler = self._handlers.get(job.kind)
            if handler is None:
                outcome = Postpone(STRANGE_SECONDS, f"nothing here knows how to do {job.kind}")
            else:
                outcome = await handler(job, running)
                if not isinstance(outcome, Outcome):  # pyright: ignore[reportUnnecessaryIsInstance]  # None would mean: interrupted
                    raise TypeError(f"the handler of {job.kind} answered {outcome!r}, which is no outcome")  # noqa: TRY301 - as if the handler had raised
        except asyncio.CancelledError:
            outcome = None if running.cancelled.is_set() else Again(None, "it was interrupted")
        except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes an outcome
            outcome = outcome_of(error, running)
        if self._running.get(job.id, (None,))[0] is running:
            del self._running[job.id]
            self._ended.append(Ended(job, outcome))
            self._rung.set()

    def _interrupt(self, job_id: int) -> None:
        if job_id in self._running:
            running, task = self._running[job_id]
            if not running.cancelled.is_set():
                running.cancelled.set()
                task.cancel()

    async def _keep_alive(self) -> None:
        """Show that we live, take over from workers that died, and sweep now and then."""
        loop = asyncio.get_running_loop()
        sweep_at, sweep_from = loop.time() + SWEEP_SECONDS, 0
        while not self._stopping:
            try:
                if not await self.database.write(leases.beat, self.owner):
                    await self._begin_anew()
                dead = self._watch.dead(await self.database.read(leases.peers), self.owner)
                if dead and await self.database.write(planning.reap, dead, self._on_failed):
                    log.warning("jobs: took over what %d stopped workers held", len(dead))
                    self._rung.set()
                if loop.time() >= sweep_at:
                    sweep_from = await self.database.write(sweeping.sweep, sweep_from)
                    sweep_at = loop.time() + (0 if sweep_from else SWEEP_SECONDS)
                    self._rung.set()
            except EntourageError as error:
                log.warning("jobs: %s", error)
            except Exception:
                log.exception("jobs: the look at other workers failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._lease / 3):
                    await self._ending.wait()

    async def _begin_anew(self) -> None:
        """We were silent for so long that our jobs were given to others: stop them here, go on under a new name."""
        log.warning("jobs: this worker was silent for too long; its jobs were given to others")
        taken, self._running = self._running, {}
        for running, task in taken.values():
            running.cancelled.set()
            task.cancel()
        self.owner = leases.new_owner()
        await self.database.write(leases.register, self.owner)
        self._rung.set()


def outcome_of(error: Exception, running: Running) -> Outcome:  # noqa: PLR0911 - a table of cases
    """What an error raised by a handler means for its job."""
    match error:
        case Throttled():
            return Again(error.retry_after, str(error), hold=running.lane)
        case Unreachable():
            return Again(error.retry_after, str(error))
        case Damaged():
            return Again(None, str(error))
        case StorageFull():
            return Postpone(FULL_SECONDS, str(error))
        case Challenged() if running.lane is not None:
            return Broken(running.lane, str(error))
        case Challenged() | Gone() | Refused() | Invalid() | NotFound() | Conflict() | NotAllowed():
            return Failed(str(error))
        case _:
            log.error("job %d (%s) ended in an error", running.job.id, running.job.kind, exc_info=error)
            return Again(None, f"{type(error).__name__}: {error}"[:500])
