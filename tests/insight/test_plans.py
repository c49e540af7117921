"""Plans: their times, what can be done with them while a run is on, and what they cost."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from collecting_bench import ADMIN, ANN, BEN, FOLLOWERS, SHALLOW, Bench, bench
from emulators import glass
from testclock import TestClock

from entourage.insight import costs, plans, runs
from entourage.insight.store.tables import channels, collections, samples, snapshots
from entourage.insight.watching import Depth, Plan, Status, Wish
from entourage.kernel import events, jobs
from entourage.kernel.db import Database
from entourage.kernel.errors import Conflict, Invalid, NotFound
from entourage.networks.reading import Listing

HOUR = 3600


@pytest.fixture
async def at(database: Database, clock: TestClock, tmp_path: Path) -> AsyncGenerator[Bench]:
    async with bench(database, clock, tmp_path) as made:
        made.glass.member("m1", "mia", followers=25)
        yield made


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"who": " "}, "who"),
        ({"who": "@not a name"}, "who"),
        ({"server": ""}, "server"),
        ({"server": "ftp://example.org"}, "server"),
        ({"server": "http://example.org"}, "server"),
        ({"server": "https://user:pass@example.org"}, "server"),
        ({"server": "https://example.org/path"}, "server"),
        ({"every_hours": 0}, "every_hours"),
        ({"every_hours": 745}, "every_hours"),
        ({"depth": Depth(posts=-1)}, "depth.posts"),
        ({"depth": Depth(posts=2, likers_of=3, comments_of=0)}, "depth.likers_of"),
        ({"connection_id": 7}, "connection_id"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_by_its_field(at: Bench, wishes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        at.watch(**wishes)
    assert [problem.field for problem in caught.value.problems][:1] == [field]
    assert at.rows(collections.c.id) == []


async def test_a_network_that_cannot_be_read_is_refused(at: Bench) -> None:
    with pytest.raises(Invalid, match="network"):
        at.database.write_now(plans.watch, ANN, network="nowhere", who="@mia")


async def test_the_same_channel_is_watched_once_by_each_user(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW)
    with pytest.raises(Conflict):
        at.watch(depth=SHALLOW, server=f"{at.glass.address}/")
    other = at.watch(actor=BEN, depth=SHALLOW)
    await at.over(plan)
    await at.over(other)
    with at.database.reading() as tx:
        assert [one.id for one in plans.listing(tx, BEN)] == [other.id]
        assert [one.id for one in plans.listing(tx, ADMIN)] == [plan.id, other.id]
        with pytest.raises(NotFound):
            plans.get(tx, BEN, plan.id)
    assert len(at.rows(channels.c.id)) == 1


async def test_two_equal_wishes_at_once_make_one_plan(at: Bench) -> None:
    def wish() -> object:
        with contextlib.suppress(Conflict):
            return at.watch(depth=SHALLOW)
        return None

    with at.database.writing() as tx:
        first = plans.watch(tx, ANN, network="glass", who="@mia", server=at.glass.address, depth=SHALLOW)
        second = asyncio.create_task(asyncio.to_thread(wish))
        await asyncio.sleep(0.3)  # enough for it to look for a twin, unless it waits for us
    assert await second is None
    assert [row[0] for row in at.rows(collections.c.plan_id)] == [first.id]


async def test_a_daily_look_that_fails_moves_no_run_in_full_depth(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW, every_hours=744)
    await at.over(plan)
    due = at.plan(plan).next_at
    with at.database.writing() as tx:
        job = jobs.next_of(tx, f"plan/{plan.id}")
        assert job is not None
        plans.fire_failed(tx, job, "no room")
    assert (at.runs(plan)[-1].error, at.plan(plan).next_at) == ("no room", due)


async def test_a_plan_runs_at_its_times_and_keeps_its_rhythm(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW, every_hours=6)
    await at.over(plan)
    due = at.clock() + timedelta(hours=6)
    assert at.plan(plan).next_at == due
    at.clock.advance(6 * HOUR + 60)
    await at.over(plan, 2)
    assert at.plan(plan).next_at == due + timedelta(hours=6)


async def test_missed_runs_are_made_up_for_by_one(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW, every_hours=6)
    await at.over(plan)
    at.clock.advance(100 * HOUR)
    await at.over(plan, 2)
    assert at.plan(plan).next_at == plan.created_at + timedelta(hours=102)
    with at.database.reading() as tx:
        waiting = jobs.next_of(tx, f"plan/{plan.id}")
    assert waiting is not None
    assert waiting.run_at == plan.created_at + timedelta(hours=102)
    assert len(at.runs(plan)) == 2


async def test_a_plan_that_goes_deep_once_a_week_sees_the_profile_every_day(at: Bench) -> None:
    plan = at.watch(depth=FOLLOWERS, every_hours=168)
    await at.over(plan)
    for day in range(1, 8):
        at.clock.advance(24 * HOUR)
        await at.over(plan, day + 1)
    asked = [run.counts for run in at.runs(plan)]
    assert [sorted(counts) for counts in asked] == [
        ["followers", "profile"], *[["profile"]] * 6, ["followers", "profile"]
    ]  # fmt: skip
    assert len([row for row in at.rows(snapshots.c.username) if row[0] == "mia"]) == 8


async def test_a_paused_run_rests_and_goes_on_where_it_was(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW)
    await at.over(plan)
    asked: list[Plan] = []

    def pauses(call: glass.Call) -> glass.Answer | None:
        if call.cursor == "10" and not asked:
            asked.append(at.database.write_now(plans.pause, ANN, plan.id))
        return None

    at.glass.changes.append(pauses)
    at.database.write_now(plans.change, ANN, plan.id, depth=FOLLOWERS)
    at.database.write_now(plans.run_now, ANN, plan.id)
    await at.until(lambda: at.why(plan) == "paused by you")
    assert (at.plan(plan).paused, at.plan(plan).next_at) == (True, None)
    with pytest.raises(Conflict):
        at.database.write_now(plans.run_now, ANN, plan.id)
    at.clock.advance(30 * HOUR)
    at.database.write_now(plans.resume, ANN, plan.id)
    run = await at.over(plan, 2)
    assert (run.status, run.counts["followers"]) == (Status.DONE, 25)
    assert [call.cursor for call in at.glass.asked("followers")] == ["", "10", "10", "20"]


async def test_a_run_is_stopped_at_once_and_the_plan_goes_on(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW)
    await at.over(plan)

    def stops(call: glass.Call) -> glass.Answer | None:
        if call.what == "followers":
            at.database.write_now(plans.stop, ANN, plan.id)
        return None

    at.glass.changes.append(stops)
    at.database.write_now(plans.change, ANN, plan.id, depth=FOLLOWERS)
    at.database.write_now(plans.run_now, ANN, plan.id)
    run = await at.over(plan, 2)
    assert (run.status, run.error) == (Status.CANCELLED, "You stopped it.")
    assert not at.plan(plan).paused
    at.glass.changes.clear()
    assert (await at.again(plan)).counts["followers"] == 25


async def test_a_stopped_run_keeps_its_samples(at: Bench) -> None:
    def stops(call: glass.Call) -> glass.Answer | None:
        if call.cursor == "20":
            at.database.write_now(plans.stop, ANN, plan.id)
        return None

    at.glass.changes.append(stops)
    plan = at.watch(depth=FOLLOWERS)
    assert (await at.over(plan)).status is Status.CANCELLED
    taken = at.rows(samples.c.what, samples.c.size, samples.c.population, samples.c.whole)
    assert taken == [("followers", 20, 25, False)]


async def test_a_removed_plan_leaves_nothing_waiting_and_keeps_what_was_learned(at: Bench) -> None:
    plan = at.watch(depth=FOLLOWERS)
    at.glass.changes.append(
        lambda call: (at.database.write_now(plans.remove, ANN, plan.id) if call.cursor == "10" else None) and None
    )
    await at.until(lambda: at.rows(collections.c.id) == [] and len(at.glass.asked("followers")) == 2)
    with at.database.reading() as tx:
        assert jobs.planned(tx, "plan") == 0
        assert jobs.next_of(tx, f"plan/{plan.id}") is None
    assert len(at.rows(channels.c.id)) == 11


async def test_changed_times_count_from_the_last_run(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW, every_hours=48)
    await at.over(plan)
    at.clock.advance(2 * HOUR)
    changed = at.database.write_now(plans.change, ANN, plan.id, every_hours=12)
    assert changed.next_at == plan.created_at + timedelta(hours=12)
    with at.database.reading() as tx:
        waiting = jobs.next_of(tx, f"plan/{plan.id}")
    assert waiting is not None
    assert waiting.run_at == changed.next_at
    with pytest.raises(Invalid):
        at.database.write_now(plans.change, ANN, plan.id, every_hours=1000)


async def test_only_the_newest_runs_are_remembered(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW)
    await at.over(plan)
    with at.database.writing() as tx:
        for number in range(60):
            runs.note_failure(tx, plan, f"No. {number}")
    found = at.runs(plan)
    assert (len(found), found[-1].error) == (runs.KEEP, "No. 59")


async def test_a_server_that_starts_gives_each_plan_its_job_back(at: Bench) -> None:
    plan = at.watch(depth=SHALLOW)
    await at.over(plan)
    with at.database.writing() as tx:
        jobs.cancel(tx, subject=f"plan/{plan.id}")
        plans.plan_all(tx)
        plans.plan_all(tx)
        assert jobs.planned(tx, "plan") == 1


async def test_whoever_watches_hears_how_a_run_goes(at: Bench) -> None:
    plan = at.watch(depth=FOLLOWERS)
    await at.over(plan)
    with at.database.reading() as tx:
        told = [one.data for one in events.after(tx, 0) if one.kind == "collection.updated" and one.user == ANN.user_id]
    assert [one["calls"] for one in told] == [0, 1, 2, 3, 4]
    assert [one["status"] for one in told] == ["running"] * 4 + ["done"]
    assert told[-1]["counts"] == {"profile": 1, "followers": 25}


def cost(at: Bench, depth: Depth) -> costs.Cost:
    with at.database.reading() as tx:
        return costs.cost(tx, ANN, Wish("glass", "@mia", at.glass.address, depth=depth))


async def test_a_dry_run_asks_nothing_and_counts_the_most_where_nothing_is_known(at: Bench) -> None:
    told = cost(at, Depth())
    assert told.by == {"profile": 1, "posts": 5, "followers": 50, "likers": 50, "comments": 50}
    assert (told.calls, told.hours) == (156, 156 / 3600)
    assert told.words == (
        "A run takes at most 156 calls of Glass: 1 for the profile, 5 for posts, 50 for followers, 50 for who "
        "likes its posts and 50 for comments. At 3,600 calls an hour that is 3 minutes of what one account may do."
    )
    assert at.glass.seen == []


async def test_a_dry_run_counts_what_a_connector_asks_beside_the_pages(at: Bench) -> None:
    at.reader.MORE_CALLS = {"profile": 1, Listing.FOLLOWERS: 2, Listing.LIKERS: 1}
    told = cost(at, Depth(comments_of=0))
    assert told.by == {"profile": 2, "posts": 5, "followers": 52, "likers": 55}


async def test_a_dry_run_uses_what_is_known_of_the_channel(at: Bench) -> None:
    for number in range(3):
        at.glass.post("m1", f"p{number}", likers=12 if number else 0)
    plan = at.watch()
    run = await at.over(plan)
    told = cost(at, Depth())
    assert told.by == {"profile": 1, "posts": 1, "followers": 3, "likers": 4}
    assert told.calls == run.calls
    seen = at.plan(plan)
    with at.database.reading() as tx:
        assert costs.cost(tx, ANN, seen) == told
