"""Workers: jobs run, stop, survive and are recorded once."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from entourage.kernel import jobs, lanes, leases
from entourage.kernel.budget import Limits
from entourage.kernel.clock import system_clock
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Challenged, Damaged, Gone, StorageFull, Throttled, Unreachable
from entourage.kernel.jobs import Job, NewJob
from entourage.kernel.outcomes import Again, Broken, Done, Failed, Outcome, Postpone
from entourage.kernel.tables import State
from entourage.kernel.worker import Running, Worker

PATIENCE = 30


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def state(database: Database, job: int) -> State:
    with database.reading() as tx:
        return jobs.get(tx, job).state


async def reaches(database: Database, job: int, wanted: State) -> Job:
    """The job once it has that state."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await database.read(jobs.get, job)
            if found.state is wanted and found.owner is None:
                return found
            await asyncio.sleep(0.005)


async def explained(database: Database, job: int) -> Job:
    """The job once it has a reason for not being done."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await database.read(jobs.get, job)
            if found.reason is not None:
                return found
            await asyncio.sleep(0.005)


class Gate:
    """A handler that tells when it began and ends when it is let."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[Running] = asyncio.Queue()
        self.open = asyncio.Event()
        self.interrupted: list[int] = []

    async def __call__(self, job: Job, running: Running) -> Outcome:
        self.began.put_nowait(running)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            assert running.cancelled.is_set()
            self.interrupted.append(job.id)
            raise
        return Done()


async def test_every_job_runs_once_and_is_recorded_with_its_end(database: Database) -> None:
    ran: list[int] = []

    def record(tx: Tx) -> None:
        jobs.defer(tx, "left for later", lanes=["z"], subject="made")

    async def handle(job: Job, _: Running) -> Outcome:
        ran.append(job.args["n"])
        return Done(record)

    with database.writing() as tx:
        ids = jobs.defer_many(tx, [NewJob("k", {"n": n}, [f"l{n % 7}"], subject="s") for n in range(300)])
    async with Worker(database, {"k": handle, "left for later": handle_nothing}, slots=16):
        await until(lambda: len(ran) == 300)
        await reaches(database, ids[-1], State.DONE)
    with database.reading() as tx:
        assert jobs.count(tx, "s", State.DONE) == 300
        assert jobs.count(tx, "made") == 300
    assert sorted(ran) == list(range(300))


async def handle_nothing(job: Job, running: Running) -> Outcome:
    return Done()


async def test_a_job_deferred_while_the_worker_sleeps_starts_at_once(database: Database) -> None:
    gate = Gate()
    gate.open.set()
    async with Worker(database, {"k": gate}, slots=2), asyncio.timeout(PATIENCE):
        for _ in range(3):
            await database.write(jobs.defer, "k", lanes=["a"])
            await gate.began.get()


async def test_a_job_of_another_process_starts_soon(database: Database, another: Callable[[], Database]) -> None:
    gate = Gate()
    gate.open.set()
    elsewhere = another()
    async with Worker(database, {"k": gate}, slots=2), asyncio.timeout(PATIENCE):
        await elsewhere.write(jobs.defer, "k", lanes=["a"])
        await gate.began.get()


@pytest.mark.parametrize("stop", [jobs.cancel, jobs.pause])
async def test_cancelling_and_pausing_act_at_once_in_the_middle(database: Database, stop: Callable[..., int]) -> None:
    gate = Gate()
    async with Worker(database, {"k": gate}, slots=2), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"], subject="s")
        running = await gate.began.get()
        await database.write(stop, subject="s")
        await running.cancelled.wait()
        found = await reaches(database, job, State.CANCELLED if stop is jobs.cancel else State.PAUSED)
        assert gate.interrupted == [job]
        assert found.attempts == (1 if stop is jobs.cancel else 0)


async def test_another_process_can_cancel_what_runs_here(database: Database, another: Callable[[], Database]) -> None:
    gate = Gate()
    elsewhere = another()
    async with Worker(database, {"k": gate}, slots=2), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"])
        running = await gate.began.get()
        await elsewhere.write(jobs.cancel, job)
        await running.cancelled.wait()


async def test_a_paused_job_goes_on_when_resumed(database: Database) -> None:
    gate = Gate()
    async with Worker(database, {"k": gate}, slots=2), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"], max_attempts=1)
        running = await gate.began.get()
        await database.write(jobs.pause, job)
        await database.write(jobs.resume, job)
        again = await gate.began.get()
        assert running.cancelled.is_set()
        assert again.job.attempts == 1
        gate.open.set()
        await reaches(database, job, State.DONE)


async def test_stopping_releases_what_runs_and_counts_no_try(database: Database) -> None:
    gate = Gate()
    await database.write(lanes.declare, "a", Limits(at_once=1))
    async with Worker(database, {"k": gate}, slots=2, grace=0.01), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"])
        await gate.began.get()
    with database.reading() as tx:
        found = jobs.get(tx, job)
        assert (found.state, found.attempts, found.owner) == (State.READY, 0, None)
        assert lanes.get(tx, "a").running == 0
        assert leases.peers(tx) == []
    gate.open.set()
    async with Worker(database, {"k": gate}, slots=2):
        await reaches(database, job, State.DONE)


async def test_stopping_lets_jobs_that_are_nearly_done_end(database: Database) -> None:
    gate = Gate()
    worker = Worker(database, {"k": gate}, slots=2)
    await worker.start()
    job = await database.write(jobs.defer, "k", lanes=["a"])
    await gate.began.get()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    gate.open.set()
    await stopping
    assert state(database, job) is State.DONE


async def test_a_handler_deaf_to_being_cancelled_keeps_nobody_from_stopping(database: Database) -> None:
    began, open_at_last = asyncio.Event(), asyncio.Event()

    async def deaf(job: Job, running: Running) -> Outcome:
        began.set()
        while not open_at_last.is_set():
            try:
                await open_at_last.wait()
            except asyncio.CancelledError:
                continue
        return Done()

    async with Worker(database, {"k": deaf}, slots=2, grace=0.01), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"])
        await began.wait()
    assert state(database, job) is State.READY
    open_at_last.set()


class LosesOneAnswer(Database):
    """A database whose first claim is stored, but its answer does not arrive."""

    lost = False

    async def write(self, do: Any, *args: Any, **options: Any) -> Any:
        answer = await super().write(do, *args, **options)
        if getattr(answer, "claimed", ()) and not self.lost:
            self.lost = True
            raise Unreachable("the connection broke at the commit")
        return answer


async def test_jobs_of_a_claim_whose_answer_got_lost_are_started_all_the_same(database_url: str, clock: Any) -> None:
    gate = Gate()
    gate.open.set()
    database = LosesOneAnswer(database_url, clock)
    async with Worker(database, {"k": gate}, slots=2), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"])
        found = await reaches(database, job, State.DONE)
    assert database.lost
    assert found.attempts == 1
    database.close()


async def test_a_handler_that_answers_nonsense_is_told_so(database: Database) -> None:
    async def handle(job: Job, running: Running) -> Any:
        return None

    async with Worker(database, {"k": handle}, slots=2), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"], max_attempts=1)
        found = await reaches(database, job, State.FAILED)
    assert "which is no outcome" in (found.reason or "")


async def test_the_number_of_slots_can_change_while_running(database: Database) -> None:
    gate = Gate()
    async with Worker(database, {"k": gate}, slots=1) as worker, asyncio.timeout(PATIENCE):
        with database.writing() as tx:
            ids = jobs.defer_many(tx, [NewJob("k", lanes=["a"]) for _ in range(5)])
        await gate.began.get()
        assert len(worker.running) == 1
        worker.slots = 3
        await gate.began.get()
        await gate.began.get()
        assert len(worker.running) == 3
        gate.open.set()
        await reaches(database, ids[-1], State.DONE)


@pytest.mark.parametrize(
    ("error", "expected", "attempts"),
    [
        (Throttled("slow down", 30), State.WAITING, 1),
        (Unreachable("no route"), State.WAITING, 1),
        (Damaged("cut"), State.WAITING, 1),
        (ValueError("a bug"), State.WAITING, 1),
        (StorageFull("no room"), State.WAITING, 0),
        (Challenged("log in"), State.READY, 0),
        (Gone("404"), State.FAILED, 1),
    ],
)
async def test_errors_mean_what_they_say(
    database: Database, error: Exception, expected: State, attempts: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(job: Job, running: Running) -> Outcome:
        running.lane = "account"
        raise error

    async with Worker(database, {"k": handle}, slots=1), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["account", "a"])
        found = await explained(database, job)
    assert (found.state, found.attempts) == (expected, attempts)
    assert str(error) in (found.reason or "")
    lane = {row.name: row for row in database.write_now(lanes.every)}.get("account")
    if isinstance(error, Throttled):
        assert lane is not None
        assert lane.held == "slow down"
        assert (found.run_at - database.clock()).total_seconds() == 30
    if isinstance(error, Challenged):
        assert lane is not None
        assert lane.broken == "log in"
    assert ("Traceback" in caplog.text) == isinstance(error, ValueError)


@pytest.mark.parametrize(
    "outcome",
    [
        *(Again(after, "later", hold="a") for after in (1e18, -1e18, math.inf, math.nan)),
        *(Postpone(after, "later") for after in (1e18, math.nan)),
        Broken("strange", "confirm", datetime(9998, 1, 1, tzinfo=UTC)),
    ],
    ids=repr,
)
async def test_a_wait_beyond_any_calendar_keeps_no_other_job_from_running(database: Database, outcome: Outcome) -> None:
    async def endless(job: Job, _: Running) -> Outcome:
        return outcome

    async with Worker(database, {"endless": endless, "k": handle_nothing}, slots=1), asyncio.timeout(PATIENCE):
        odd = await database.write(jobs.defer, "endless", lanes=["a"])
        found = await explained(database, odd)
        other = await database.write(jobs.defer, "k", lanes=["b"])
        await reaches(database, other, State.DONE)
    if not isinstance(outcome, Broken):
        assert 0 <= (found.run_at - database.clock()).total_seconds() <= 86_400


async def test_a_final_failure_is_recorded_by_its_kind(database: Database) -> None:
    async def handle(job: Job, running: Running) -> Outcome:
        return Failed("no such page")

    def failed(tx: Tx, job: Job, reason: str) -> None:
        jobs.defer(tx, "k", lanes=["z"], subject=f"{job.id}: {reason}", run_at=tx.now.replace(year=2099))

    async with Worker(database, {"k": handle}, slots=1, on_failed={"k": failed}), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"])
        await reaches(database, job, State.FAILED)
    with database.reading() as tx:
        assert jobs.count(tx, f"{job}: no such page") == 1


async def test_one_bad_record_among_many_spoils_only_its_own_job(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def record(tx: Tx) -> None:
        raise ZeroDivisionError

    async def handle(job: Job, running: Running) -> Outcome:
        return Done(record if job.args["n"] == 7 else None)

    async with Worker(database, {"k": handle}, slots=16), asyncio.timeout(PATIENCE):
        with database.writing() as tx:
            ids = jobs.defer_many(tx, [NewJob("k", {"n": n}, ["a"], max_attempts=1) for n in range(16)])
        for n, job in enumerate(ids):
            await reaches(database, job, State.FAILED if n == 7 else State.DONE)
    assert "ZeroDivisionError" in caplog.text


async def test_a_job_nobody_here_knows_waits_for_one_who_does(database: Database) -> None:
    async with Worker(database, {}, slots=1), asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "strange", lanes=["a"])
        found = await explained(database, job)
    assert found.reason == "nothing here knows how to do strange"
    assert found.attempts == 0


async def test_a_silent_workers_jobs_are_taken_over_and_it_notices(
    database: Database, another: Callable[[], Database]
) -> None:
    gate, heir_gate = Gate(), Gate()
    first = Worker(database, {"k": gate}, slots=1, lease=0.6, grace=0.01)
    elsewhere = another()
    async with first, asyncio.timeout(PATIENCE):
        job = await database.write(jobs.defer, "k", lanes=["a"])
        running = await gate.began.get()
        name = first.owner
        first.slots = 0  # else it may take the job over from itself
        await elsewhere.write(leases.forget, name)  # as who saw it silent for a lease does
        async with Worker(elsewhere, {"k": heir_gate}, slots=1, lease=0.6):
            inherited = await heir_gate.began.get()
            assert inherited.job.id == job
            assert inherited.job.attempts == 2
            await running.cancelled.wait()
            assert first.owner != name
            heir_gate.open.set()
            await reaches(database, job, State.DONE)


async def test_a_worker_whose_beat_stands_still_for_a_lease_is_dead(database: Database) -> None:
    gate = Gate()
    gate.open.set()
    strange = leases.Peer("elsewhere", "another machine", 1, 1, 5)
    with database.writing() as tx:
        leases.register(tx, strange.owner)
        tx.run(leases.sa.update(leases.workers).values(place=strange.place, pid=strange.pid, pid_started=1))
        jobs.defer(tx, "k", lanes=["a"])
    from entourage.kernel import planning  # noqa: PLC0415 - only here

    [claimed] = database.write_now(planning.turn, strange.owner, free=1).claimed
    async with Worker(database, {"k": gate}, slots=1, lease=0.3), asyncio.timeout(PATIENCE):
        taken = await gate.began.get()
        assert taken.job.id == claimed.id


async def test_an_idle_worker_leaves_the_database_alone(database_url: str) -> None:
    database = Database(database_url, system_clock)
    turns: list[Any] = []
    writing = database.write_now

    def counted(*args: Any, **options: Any) -> Any:
        turns.append(args[0])
        return writing(*args, **options)

    database.write_now = counted  # the one place all of them pass
    try:
        async with Worker(database, {}, slots=4):
            await asyncio.sleep(1.2)  # until the echo of its own registration has passed
            turns.clear()
            await asyncio.sleep(2)
            assert turns == []
    finally:
        database.close()
