"""Jobs and lanes, one turn of planning at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest

from entourage.kernel import jobs, lanes, leases, planning, sweeping
from entourage.kernel.budget import Hours, Limits
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict, Invalid, NotFound, Throttled
from entourage.kernel.jobs import Job, NewJob
from entourage.kernel.outcomes import Again, Broken, Done, Failed, Outcome, Postpone
from entourage.kernel.settling import Ended
from entourage.kernel.tables import State


class Hand:
    """A worker without a loop: takes jobs and ends them when told."""

    def __init__(self, database: Database, owner: str = "hand") -> None:
        self.database = database
        self.owner = owner
        self.failures: list[tuple[int, str]] = []
        database.write_now(leases.register, owner)

    def take(self, free: int = 10) -> list[Job]:
        return self.turn(free=free)

    def turn(self, free: int = 10, ended: Sequence[Ended] = (), **options: Any) -> list[Job]:
        def failed(tx: Tx, job: Job, reason: str) -> None:
            self.failures.append((job.id, reason))

        turn = self.database.write_now(
            planning.turn, self.owner, free=free, ended=ended, on_failed={"k": failed}, **options
        )
        return list(turn.claimed)

    def end(self, *found: Job, outcome: Outcome | None = None, free: int = 0) -> list[Job]:
        return self.turn(free, [Ended(job, outcome or Done()) for job in found])


@pytest.fixture
def hand(database: Database) -> Hand:
    return Hand(database)


def defer(database: Database, *lanes: str, **options: Any) -> int:
    return database.write_now(jobs.defer, "k", {}, lanes=lanes or ("a",), **options)


def do(database: Database, change: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return database.write_now(change, *args, **options)


def state(database: Database, job: int) -> State:
    return do(database, jobs.get, job).state


def why(database: Database, job: int) -> str:
    return do(database, jobs.why, job).text


def test_a_job_is_ready_done_and_gone_in_one_line(database: Database, hand: Hand) -> None:
    job = database.write_now(jobs.defer, "k", {"a": [1, "é"]}, lanes=["b", "a", "b"], subject="s")
    [taken] = hand.take()
    assert (taken.id, taken.args, taken.lanes, taken.attempts) == (job, {"a": [1, "é"]}, ("a", "b"), 1)
    assert taken.state is State.RUNNING
    assert hand.take() == []
    hand.end(taken)
    assert state(database, job) is State.DONE
    assert do(database, jobs.count, "s") == do(database, jobs.count, "s", State.DONE) == 1


def test_an_undone_transaction_leaves_no_job(database: Database, hand: Hand) -> None:
    def fail(tx: Tx) -> None:
        jobs.defer(tx, "k", lanes=["a"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write_now(fail)
    assert hand.take() == []


def test_many_jobs_keep_everything_that_was_said_about_each(database: Database, hand: Hand, clock: Any) -> None:
    later = clock() + timedelta(seconds=1)
    new = [
        NewJob("k", {"n": n, "é": None}, ["a"], 1 + n % 10, later if n % 2 else None, f"s{n}" if n % 3 else None, 1 + n)
        for n in range(50)
    ]
    with database.writing() as tx:
        ids = jobs.defer_many(tx, new)
        kept = [jobs.get(tx, job) for job in ids]
    assert [
        NewJob(job.kind, job.args, list(job.lanes), job.priority, job.run_at, job.subject, job.max_attempts)
        for job in kept
    ] == [replace(job, run_at=job.run_at or clock()) for job in new]
    assert len(hand.take(50)) == 25


@pytest.mark.parametrize("priority", [0, 11, -3])
def test_a_priority_beyond_the_scale_is_refused(database: Database, priority: int) -> None:
    with pytest.raises(Invalid, match="priority"):
        defer(database, priority=priority)


def test_the_best_priority_goes_first_and_equal_ones_in_order(database: Database, hand: Hand) -> None:
    ids = [defer(database, priority=priority) for priority in (5, 1, 5, 10, 1)]
    assert [job.id for job in hand.take()] == [ids[1], ids[4], ids[0], ids[2], ids[3]]


def test_priorities_hold_across_lines(database: Database, hand: Hand) -> None:
    slow = [defer(database, "a", priority=7) for _ in range(3)]
    fast = [defer(database, "b", priority=2) for _ in range(3)]
    assert [job.id for job in hand.take(4)] == [*fast, slow[0]]


def test_creators_take_turns_however_much_each_of_them_has(database: Database, hand: Hand) -> None:
    with database.writing() as tx:
        jobs.defer_many(tx, [NewJob("k", lanes=["creator/big"]) for _ in range(50)])
        jobs.defer_many(tx, [NewJob("k", lanes=[f"creator/{index}"]) for index in range(3) for _ in range(3)])
    taken = [job.lanes[0] for _ in range(12) for job in hand.take(1)]
    assert sorted(taken[:4]) == sorted(taken[4:8]) == sorted(taken[8:]) == sorted(set(taken))


def test_no_more_run_at_once_than_a_lane_allows(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "downloads", Limits(at_once=3))
    ids = [defer(database, "downloads", f"host/{index}") for index in range(8)]
    first = hand.take()
    assert len(first) == 3
    assert hand.take() == []
    assert why(database, ids[7]) == "3 of 3 in downloads are running"
    second = hand.end(first[0], first[1], free=10)
    assert len(second) == 2
    last = hand.end(first[2], *second, free=10)
    assert {job.id for job in (*first, *second, *last)} == set(ids)


def test_a_freed_place_goes_to_the_best_of_those_that_waited_for_it(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "x", Limits(at_once=1))
    defer(database, "x", "a")
    [running] = hand.take()
    defer(database, "x", "b", priority=6)
    hand.take()
    best = defer(database, "x", "c", priority=2)
    hand.take()
    assert [job.id for job in hand.end(running, free=5)] == [best]


def test_a_line_that_wakes_into_another_block_passes_its_place_on(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "x", Limits(at_once=1))
    do(database, lanes.declare, "y", Limits(at_once=1))
    defer(database, "x", "a")
    defer(database, "y", "b")
    in_x, in_y = sorted(hand.take(), key=lambda job: job.lanes, reverse=True)
    in_x, in_y = (in_x, in_y) if "x" in in_x.lanes else (in_y, in_x)
    defer(database, "x", "y", priority=1)
    free = defer(database, "x", "c", priority=9)
    assert hand.take() == []
    assert [job.id for job in hand.end(in_x, free=5)] == [free]


def test_an_hour_holds_no_more_starts_than_allowed(database: Database, hand: Hand, clock: Any) -> None:
    do(database, lanes.declare, "ig", Limits(per_hour=4, per_day=6))
    ids = [defer(database, "ig") for _ in range(10)]
    assert len(hand.end(*hand.take(), free=10)) == 0
    assert why(database, ids[9]) == "0 of 4 an hour left in ig until 13:00 UTC"
    clock.advance(3599)
    assert hand.take() == []
    clock.advance(1)
    assert len(hand.take()) == 2
    assert why(database, ids[9]) == "0 of 6 a day left in ig until 03 March 12:00 UTC"
    clock.advance(23 * 3600)
    assert len(hand.take()) == 4


def test_what_was_used_survives_a_restart(database: Database, another: Callable[[], Database]) -> None:
    do(database, lanes.declare, "ig", Limits(per_hour=2))
    do(database, lanes.take, ["ig"], 2)
    again = another()
    with pytest.raises(Throttled, match="0 of 2 an hour left in ig until 13:00"):
        again.write_now(lanes.take, ["ig"])


def test_taking_uses_all_lanes_or_none(database: Database) -> None:
    do(database, lanes.declare, "a", Limits(per_hour=5))
    do(database, lanes.declare, "b", Limits(per_hour=1))
    do(database, lanes.take, ["a", "b"])
    with pytest.raises(Throttled) as caught:
        do(database, lanes.take, ["a", "b"])
    assert caught.value.retry_after == 3600
    assert do(database, lanes.get, "a").used_hour == 1


@pytest.mark.parametrize("jump", [-400 * 86400, -7200, -60, 7200, 400 * 86400])
def test_a_clock_that_is_set_gives_nobody_more_than_the_limit(
    database: Database, hand: Hand, clock: Any, jump: int
) -> None:
    do(database, lanes.declare, "ig", Limits(per_hour=4))
    for _ in range(20):
        defer(database, "ig")
    clock.advance(60)
    assert len(hand.take()) == 4
    clock.advance(600)
    clock.jump(jump)
    assert hand.take() == []
    clock.advance(2990)
    database.write_now(sweeping.sweep)
    assert hand.take() == []
    clock.advance(20)
    database.write_now(sweeping.sweep)
    assert len(hand.take()) == 4


@pytest.mark.parametrize("jump", [-400 * 86400, 400 * 86400])
def test_a_clock_that_is_set_neither_shortens_nor_prolongs_a_hold(
    database: Database, hand: Hand, clock: Any, jump: int
) -> None:
    do(database, lanes.hold, "ig", clock() + timedelta(seconds=600), "asked to wait")
    defer(database, "ig")
    assert hand.take() == []
    clock.jump(jump)
    clock.advance(500)
    database.write_now(sweeping.sweep)
    assert hand.take() == []
    clock.advance(101)
    database.write_now(sweeping.sweep)
    assert len(hand.take()) == 1


def test_a_retry_comes_within_a_day_although_the_clock_was_set_back(database: Database, hand: Hand, clock: Any) -> None:
    defer(database)
    hand.end(*hand.take(), outcome=Again(60, "busy"))
    clock.jump(-400 * 86400)
    database.write_now(sweeping.sweep)
    clock.advance(86400)
    assert len(hand.take()) == 1


def test_a_lane_sleeps_outside_its_hours(database: Database, hand: Hand, clock: Any) -> None:
    do(database, lanes.declare, "ig", Limits(hours=Hours(time(22), time(6), "Europe/Berlin")))
    job = defer(database, "ig")
    assert hand.take() == []
    assert why(database, job) == "ig sleeps until 21:00 UTC"
    clock.advance(9 * 3600)
    assert len(hand.take()) == 1


def test_raising_a_limit_takes_effect_at_once(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "ig", Limits(at_once=1, per_hour=1))
    for index in range(5):
        defer(database, "ig", f"l{index}")
    assert len(hand.take()) == 1
    assert hand.take() == []
    do(database, lanes.declare, "ig", Limits(at_once=3))
    assert len(hand.take()) == 2
    do(database, lanes.declare, "ig", Limits())
    assert len(hand.take()) == 2


def test_a_paused_lane_starts_nothing_until_resumed(database: Database, hand: Hand) -> None:
    job = defer(database, "ig")
    do(database, lanes.pause, "ig")
    assert hand.take() == []
    assert why(database, job) == "ig is paused: paused by you"
    do(database, lanes.resume, "ig")
    assert [one.id for one in hand.take()] == [job]


def test_a_broken_lane_waits_for_a_person(database: Database, hand: Hand, clock: Any) -> None:
    ids = [defer(database, "ig") for _ in range(2)]
    taken = hand.take(1)
    hand.end(*taken, outcome=Broken("ig", "it wants a code"))
    clock.advance(86400 * 30)
    assert hand.take() == []
    assert why(database, ids[1]) == "ig is stopped until a person looks: it wants a code"
    assert do(database, jobs.get, ids[0]).attempts == 0
    do(database, lanes.close_breaker, "ig")
    assert len(hand.take()) == 2


def test_one_job_tries_a_lane_after_its_freeze_and_closes_the_breaker(
    database: Database, hand: Hand, clock: Any
) -> None:
    ids = [defer(database, "ig", f"l{index}", max_attempts=9) for index in range(4)]
    do(database, lanes.open_breaker, "ig", "blocked", clock() + timedelta(hours=1))
    assert hand.take() == []
    clock.advance(3600)
    [probe] = hand.take()
    assert hand.take() == []
    assert "one job tries" in why(database, ids[3])
    assert hand.end(probe, outcome=Again(0, "still blocked"), free=9) == []
    clock.advance(900)
    [probe] = hand.take()
    assert len(hand.end(probe, free=9)) == 3
    assert do(database, lanes.get, "ig").broken is None


def test_a_probe_whose_worker_died_lets_another_try(database: Database, hand: Hand, clock: Any) -> None:
    for _ in range(2):
        defer(database, "ig")
    do(database, lanes.open_breaker, "ig", "blocked", clock())
    assert len(hand.take()) == 1
    do(database, planning.reap, [hand.owner], {})
    assert hand.take() == []
    clock.advance(900)
    assert len(hand.take()) == 1


def test_a_retry_after_holds_the_whole_lane_and_is_never_shortened(database: Database, hand: Hand, clock: Any) -> None:
    ids = [defer(database, "ig", f"l{index}") for index in range(2)]
    [first] = hand.take(1)
    hand.end(first, outcome=Again(600, "429 from ig", hold="ig"))
    do(database, lanes.hold, "ig", clock() + timedelta(seconds=5), "shorter")
    assert hand.take() == []
    assert why(database, ids[1]) == "ig waits until 12:10 UTC: 429 from ig"
    assert why(database, ids[0]) == "waits for its next try at 12:10 UTC: 429 from ig"
    clock.advance(600)
    assert len(hand.take()) == 2


def test_tries_are_counted_and_the_last_failure_is_told_in_the_same_transaction(
    database: Database, hand: Hand, clock: Any
) -> None:
    job = defer(database, max_attempts=2)
    hand.end(*hand.take(), outcome=Again(10, "no answer"))
    assert hand.take() == []
    clock.advance(10)
    [again] = hand.take()
    assert again.attempts == 2
    hand.end(again, outcome=Again(None, "still no answer"))
    assert state(database, job) is State.FAILED
    assert hand.failures == [(job, "still no answer")]
    assert why(database, job) == "still no answer"


def test_backing_off_takes_longer_each_time(database: Database, hand: Hand, clock: Any) -> None:
    job = defer(database, max_attempts=9)
    waits: list[float] = []
    for _ in range(4):
        [taken] = hand.take()
        hand.end(taken, outcome=Again(None, "x"))
        due = do(database, jobs.get, job).run_at
        waits.append((due - clock()).total_seconds())
        clock.advance(waits[-1])
    assert waits == sorted(waits)
    assert waits[0] < 7
    assert waits[-1] > 100


def test_a_postponed_job_used_up_no_attempt(database: Database, hand: Hand, clock: Any) -> None:
    job = defer(database, max_attempts=1)
    for _ in range(3):
        hand.end(*hand.take(), outcome=Postpone(5, "the disk is full"))
        assert state(database, job) is State.WAITING
        clock.advance(5)
    hand.end(*hand.take(), outcome=Failed("gone for good"))
    assert state(database, job) is State.FAILED


def test_a_job_planned_for_later_starts_then(database: Database, hand: Hand, clock: Any) -> None:
    job = defer(database, run_at=clock() + timedelta(hours=2))
    assert hand.take() == []
    assert why(database, job) == "is planned for 14:00 UTC"
    clock.advance(7200)
    assert [one.id for one in hand.take()] == [job]


def test_a_key_is_unique_among_the_unfinished(database: Database, hand: Hand) -> None:
    first = defer(database, key="x")
    assert defer(database, key="x") == first
    hand.end(*hand.take())
    second = defer(database, key="x")
    assert second != first
    with database.writing() as tx:
        assert jobs.defer_many(tx, [NewJob("k", key="x"), NewJob("k", key="y"), NewJob("k", key="y")])[0] == second
    hand.end(*hand.take(), outcome=Failed("no"))
    defer(database, key="x")
    with pytest.raises(Conflict):
        do(database, jobs.retry, second)


def test_a_cancelled_job_never_starts_and_frees_its_place_when_its_worker_lets_go(
    database: Database, hand: Hand
) -> None:
    do(database, lanes.declare, "a", Limits(at_once=1))
    running, ready = defer(database), defer(database)
    [taken] = hand.take()
    other = defer(database)
    assert do(database, jobs.cancel, ready) == 1
    assert do(database, jobs.cancel, running) == 1
    assert do(database, jobs.cancel, running) == 0
    assert hand.take() == []
    stopped = database.write_now(planning.turn, hand.owner, free=0, look_for_stops=True).stopped
    assert list(stopped) == [running]
    recorded: list[str] = []
    [next_one] = hand.end(taken, outcome=Done(lambda _: recorded.append("too late")), free=5)
    assert recorded == []
    assert next_one.id == other
    assert state(database, running) is State.CANCELLED


def test_a_paused_running_job_loses_no_attempt_and_goes_on_only_after_its_worker_let_go(
    database: Database, hand: Hand
) -> None:
    job = defer(database, subject="s")
    [taken] = hand.take()
    assert do(database, jobs.pause, subject="s") == 1
    assert why(database, job) == "paused by you"
    assert do(database, jobs.resume, subject="s") == 1
    assert hand.take() == []
    assert why(database, job) == "starts again as soon as its last run has stopped"
    [again] = hand.end(taken, outcome=Done(), free=1)
    assert (again.id, again.attempts) == (job, 1)
    assert again.claim > taken.claim


def test_pausing_by_subject_touches_only_that_subject(database: Database, hand: Hand) -> None:
    mine = [defer(database, subject="me") for _ in range(3)]
    other = defer(database, subject="you")
    do(database, jobs.pause, subject="me")
    assert [job.id for job in hand.take()] == [other]
    assert do(database, jobs.count, "me", State.PAUSED) == 3
    do(database, jobs.resume, subject="me")
    assert [job.id for job in hand.take()] == mine


def test_a_new_priority_counts_at_once_for_what_is_ready(database: Database, hand: Hand) -> None:
    first, second = defer(database, "a", priority=5), defer(database, "b", priority=6)
    hand.turn(free=0)
    do(database, jobs.reprioritise, 1, second)
    assert [job.id for job in hand.take(1)] == [second]
    assert [job.id for job in hand.take(1)] == [first]


def test_a_worse_priority_counts_as_well(database: Database, hand: Hand) -> None:
    first, second = defer(database, "a", priority=5), defer(database, "b", priority=6)
    hand.turn(free=0)
    do(database, jobs.reprioritise, 9, first)
    assert [job.id for job in hand.take(1)] == [second]


def test_a_failed_job_starts_afresh_when_told(database: Database, hand: Hand) -> None:
    job = defer(database, max_attempts=1)
    hand.end(*hand.take(), outcome=Failed("no"))
    assert do(database, jobs.retry, job) == 1
    [again] = hand.take()
    assert again.attempts == 1


def test_a_dead_workers_jobs_go_to_others_and_its_late_answers_change_nothing(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "a", Limits(at_once=1))
    job = defer(database)
    [taken] = hand.take()
    heir = Hand(database, "heir")
    assert do(database, planning.reap, [hand.owner], {}) == 1
    [inherited] = heir.take()
    assert (inherited.id, inherited.attempts) == (job, 2)
    recorded: list[str] = []
    hand.end(taken, outcome=Done(lambda _: recorded.append("late")))
    assert state(database, job) is State.RUNNING
    heir.end(inherited, outcome=Done(lambda _: recorded.append("heir")))
    assert recorded == ["heir"]
    assert do(database, lanes.get, "a").running == 0


def test_a_job_that_kills_its_workers_fails_in_the_end(database: Database) -> None:
    job = defer(database, max_attempts=2)
    told: list[str] = []

    def failed(_: Tx, job: Job, reason: str) -> None:
        told.append(f"{job.id} {reason}")

    for owner in ("one", "two"):
        Hand(database, owner).take()
        do(database, planning.reap, [owner], {"k": failed})
    assert state(database, job) is State.FAILED
    assert told == [f"{job} the worker that ran it stopped"]


def test_a_record_that_raises_undoes_only_itself(database: Database, hand: Hand) -> None:
    ids = [defer(database) for _ in range(3)]
    taken = hand.take()

    def good(tx: Tx) -> None:
        jobs.defer(tx, "recorded", lanes=["z"], subject="good")

    def bad(tx: Tx) -> None:
        jobs.defer(tx, "recorded", lanes=["z"], subject="bad")
        raise ZeroDivisionError

    ended = [Ended(job, Done(bad if index == 1 else good)) for index, job in enumerate(taken)]
    with pytest.raises(planning.settling.RecordFailed):
        hand.turn(0, ended)
    assert state(database, ids[0]) is State.RUNNING
    hand.turn(0, ended, careful=True)
    assert [state(database, job) for job in ids] == [State.DONE, State.WAITING, State.DONE]
    assert do(database, jobs.count, "good") == 2
    assert do(database, jobs.count, "bad") == 0
    assert "could not be stored" in why(database, ids[1])


def test_a_thousand_blocked_lines_are_parked_and_looked_at_no_more(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "ig", Limits(at_once=0))
    with database.writing() as tx:
        jobs.defer_many(tx, [NewJob("k", lanes=["ig", f"l{index}"]) for index in range(1000) for _ in range(2)])
    while database.write_now(planning.turn, hand.owner, free=8).next_at is not None:
        pass
    turn = database.write_now(planning.turn, hand.owner, free=8)
    assert (list(turn.claimed), turn.next_at) == ([], None)
    do(database, lanes.declare, "ig", Limits(at_once=5))
    assert len(hand.take(8)) == 5


def test_a_sweep_mends_whatever_was_miscounted(database: Database, hand: Hand) -> None:
    do(database, lanes.declare, "ig", Limits(at_once=1))
    defer(database, "ig", "a")
    defer(database, "ig", "b")
    [taken] = hand.take()
    with database.writing() as tx:
        tx.run(planning.sa.text("UPDATE lane_loads SET running = 7, parked = 0, wake_at = NULL"))
        tx.run(planning.sa.text("UPDATE lines SET head = NULL, blocked_by = NULL"))
    hand.end(taken)
    assert hand.take() == []
    do(database, sweeping.sweep)
    assert len(hand.take()) == 1
    assert do(database, lanes.get, "ig").running == 1


def test_finished_jobs_are_forgotten_on_demand_and_their_numbers_never_used_again(
    database: Database, hand: Hand, clock: Any
) -> None:
    old = defer(database)
    hand.end(*hand.take())
    clock.advance(100)
    assert do(database, jobs.purge, clock() - timedelta(seconds=50)) == 1
    with pytest.raises(NotFound):
        do(database, jobs.get, old)
    assert defer(database) > old


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_another_transaction_that_holds_a_lane_delays_only_that_lane(
    database: Database, another: Callable[[], Database]
) -> None:
    do(database, lanes.declare, "ig", Limits(per_hour=5))
    do(database, lanes.declare, "web", Limits(per_hour=5))
    hand = Hand(database)
    first, second = defer(database, "ig"), defer(database, "web")
    with another().writing() as tx:
        lanes.take(tx, ["ig"])
        assert [job.id for job in hand.take()] == [second]
    database.clock.advance(1)  # pyright: ignore[reportFunctionMemberAccess]
    assert [job.id for job in hand.take()] == [first]
