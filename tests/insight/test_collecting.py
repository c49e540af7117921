"""Collecting, through a real network of the test's own: one call after the other, whatever goes wrong in between."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from collecting_bench import ANN, BEN, FOLLOWERS, SHALLOW, Bench, bench
from emulators import glass
from emulators.glass import Call, Glass
from testclock import TestClock

from entourage.insight import collecting, plans
from entourage.insight.store.tables import channels, comments, follows, likes, posts, samples, snapshots
from entourage.insight.watching import Depth, Status
from entourage.kernel import lanes
from entourage.kernel.db import Database
from entourage.networks.reading import Batch, Listing

LEFT_ALONE = "ask to be left alone and are left out"
POSTS = Depth(posts=50, followers=0, likers_of=0, comments_of=0)


@pytest.fixture
async def at(database: Database, clock: TestClock, tmp_path: Path) -> AsyncGenerator[Bench]:
    async with bench(database, clock, tmp_path) as made:
        yield made


def prolific(at: Bench, posts: int) -> None:
    """Mia, who posted so often."""
    at.glass.member("m1", "mia")
    for number in range(posts):
        at.glass.post("m1", f"p{number}")


def numbers(at: Bench) -> tuple[int, int, int, int, int]:
    """How many channels, posts, comments, likes and follows are known."""
    return tuple(len(at.rows(table)) for table in (channels, posts, comments, likes, follows))  # pyright: ignore[reportReturnType]  # five


async def test_a_whole_channel_is_collected_call_by_call(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=34)
    for number in range(12):
        at.glass.post("m1", f"p{number}", likers=3, comments=2 if number > 8 else 0)
    run = await at.over(at.watch())
    assert (run.status, run.error, run.notes) == (Status.DONE, None, ())
    assert run.counts == {"profile": 1, "posts": 12, "followers": 34, "likers": 15, "comments": 6}
    assert numbers(at) == (35, 12, 6, 15, 34)
    asked = [call.what for call in at.glass.seen]
    assert asked == ["profile", *["posts"] * 2, *["followers"] * 4, *["likers"] * 5, *["comments"] * 3]
    assert run.calls == len(asked) == 15
    taken = at.rows(samples.c.what, samples.c.size, samples.c.population, samples.c.whole)
    assert taken == [
        ("comments", 6, 6, True),
        ("followers", 34, 34, True),
        ("likers", 15, 15, True),
        ("posts", 12, 12, True),
    ]


async def test_only_so_much_is_read_as_the_plan_wants(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=95)
    depth = Depth(posts=0, followers=25, likers_of=0, comments_of=0)
    run = await at.over(at.watch(depth=depth))
    assert (run.counts["followers"], len(at.glass.asked("followers"))) == (30, 3)
    assert at.rows(samples.c.what, samples.c.size, samples.c.population, samples.c.whole) == [
        ("followers", 30, 95, False)
    ]


async def test_who_is_missing_from_a_whole_list_has_left(at: Bench) -> None:
    mia = at.glass.member("m1", "mia", followers=22)
    plan = at.watch(depth=FOLLOWERS)
    await at.over(plan)
    left = mia.followers.pop(3)
    at.glass.member("n1", "newcomer")
    mia.followers.append("n1")
    await at.again(plan)
    ended = at.rows(channels.c.native_id, follows.c.until.is_not(None), channels.c.id == follows.c.follower_id)
    assert {row[0] for row in ended if row[1] and row[2]} == {left}
    assert numbers(at)[4] == 23


async def test_a_list_that_leaves_most_people_out_ends_nothing(at: Bench) -> None:
    mia = at.glass.member("m1", "mia", followers=22)
    plan = at.watch(depth=FOLLOWERS)
    await at.over(plan)
    mia.told_followers, mia.followers = 22, mia.followers[:4]
    run = await at.again(plan)
    assert run.counts["followers"] == 4
    assert "4 of 22 followers" in run.notes[0]
    assert all(row[0] is None for row in at.rows(follows.c.until))


async def test_whom_a_channel_follows_no_more_has_ended_too(at: Bench) -> None:
    mia = at.glass.member("m1", "mia")
    at.glass.member("x1", "xia")
    at.glass.member("y1", "yan")
    mia.followings = ["x1", "y1"]
    plan = at.watch(depth=Depth(posts=0, followers=0, followings=50, likers_of=0, comments_of=0))
    await at.over(plan)
    mia.followings = ["y1"]
    await at.again(plan)
    assert sorted(row[0] is None for row in at.rows(follows.c.until)) == [False, True]


async def test_a_second_run_counts_nothing_twice_and_a_profile_becomes_history(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=13)
    at.glass.post("m1", "p1", likers=3, comments=3)
    plan = at.watch()
    await at.over(plan)
    before = numbers(at)
    run = await at.again(plan)
    assert (numbers(at), run.counts["followers"]) == (before, 13)
    mine = [row for row in at.rows(snapshots.c.username, snapshots.c.seen_at) if row[0] == "mia"]
    assert len(mine) == 2


async def test_a_renamed_channel_is_followed_by_its_id(at: Bench) -> None:
    mia = at.glass.member("m1", "mia")
    plan = at.watch(depth=SHALLOW)
    await at.over(plan)
    mia.username = "mia_new"
    await at.again(plan)
    assert [call.of for call in at.glass.seen] == ["@mia", "m1"]
    assert at.rows(channels.c.username) == [("mia_new",)]


async def test_a_deleted_channel_is_known_to_be_gone_and_its_plan_rests(at: Bench) -> None:
    at.glass.member("m1", "mia")
    plan = at.watch(depth=SHALLOW)
    await at.over(plan)
    del at.glass.members["m1"]
    run = await at.again(plan)
    assert (run.status, run.error) == (Status.FAILED, "There is nobody of that name on Glass.")
    assert at.plan(plan).paused
    assert at.rows(channels.c.gone_at.is_not(None)) == [(True,)]


async def test_nobody_of_that_name_is_said_in_words(at: Bench) -> None:
    plan = at.watch("@nobody")
    run = await at.over(plan)
    assert (run.status, run.error) == (Status.FAILED, "There is nobody of that name on Glass.")
    assert (at.plan(plan).paused, at.rows(channels.c.id)) == (True, [])


async def test_a_plan_with_the_wrong_server_says_nothing_about_whom_another_plan_watches(at: Bench) -> None:
    at.glass.member("m1", "mia")
    await at.over(at.watch(depth=SHALLOW))
    at.clock.advance(60)
    elsewhere = Glass()
    async with elsewhere.server:
        lost = at.watch(actor=BEN, server=elsewhere.address, depth=SHALLOW)
        run = await at.over(lost)
    assert (run.status, run.error) == (Status.FAILED, "There is nobody of that name on Glass.")
    assert at.plan(lost).paused
    assert at.rows(channels.c.native_id, channels.c.gone_at) == [("m1", None)]


async def test_what_is_not_found_away_from_home_is_not_taken_to_be_gone(at: Bench) -> None:
    at.reader.everybody_is_at_home = False
    at.glass.member("m1", "mia", followers=2)
    at.glass.post("m1", "p1", likers=2)
    at.glass.changes.append(lambda call: glass.GONE if call.what == "likers" else None)
    plan = at.watch()
    assert (await at.over(plan)).notes == ("Gone.",)
    del at.glass.members["m1"]
    assert (await at.again(plan)).status is Status.FAILED
    assert at.plan(plan).paused
    assert {row[0] for row in at.rows(channels.c.gone_at)} == {row[0] for row in at.rows(posts.c.gone_at)} == {None}


async def test_a_private_list_is_noted_and_the_rest_is_read(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=5)
    at.glass.post("m1", "p1", likers=2)
    at.glass.changes.append(lambda call: glass.PRIVATE if call.what == "followers" else None)
    run = await at.over(at.watch())
    assert (run.status, run.notes) == (Status.DONE, ("That list is not shown to us.",))
    assert run.counts["likers"] == 2


async def test_a_post_that_is_deleted_in_between_is_known_to_be_gone(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=5)
    at.glass.post("m1", "p1", likers=2)

    def deleted(call: Call) -> glass.Answer | None:
        if call.what != "likers":
            return None
        at.clock.advance(1)
        return glass.GONE

    at.glass.changes.append(deleted)
    run = await at.over(at.watch())
    assert (run.status, run.notes) == (Status.DONE, ("Gone.",))
    assert at.rows(posts.c.native_id, posts.c.gone_at.is_not(None)) == [("p1", True)]


@pytest.mark.parametrize("period", [1, 2, 3])
async def test_a_cursor_that_goes_round_in_circles_is_left(at: Bench, period: int) -> None:
    mia = at.glass.member("m1", "mia", followers=60)
    mia.told_followers = 1000

    def loops(call: Call) -> glass.Answer | None:
        if call.what != "followers":
            return None
        place = int(call.cursor or 0)
        shown = [{"id": who, "username": f"u_{who}"} for who in mia.followers[place * 10 : place * 10 + 10]]
        return {"entries": shown, "cursor": str((place + 1) % period if place + 1 >= period else place + 1)}

    at.glass.changes.append(loops)
    run = await at.over(at.watch(depth=FOLLOWERS))
    assert run.status is Status.DONE
    assert "repeats itself" in run.notes[0]
    assert run.counts["followers"] == period * 10
    assert len(at.glass.asked("followers")) < 10


async def test_pages_that_bring_nothing_new_end_a_list(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=30)

    def stuck(call: Call) -> glass.Answer | None:
        if call.what != "followers":
            return None
        return {"entries": [{"id": "a", "username": "a"}], "cursor": f"c{len(at.glass.seen)}"}

    at.glass.changes.append(stuck)
    run = await at.over(at.watch(depth=FOLLOWERS))
    assert (run.counts["followers"], len(at.glass.asked("followers"))) == (1, 3)


async def test_pages_without_anything_of_its_own_are_read_past(at: Bench) -> None:
    prolific(at, 60)
    at.reader.bends.append(lambda _, cursor, batch: _without(batch) if 10 <= int(cursor or 0) < 40 else batch)
    run = await at.over(at.watch(depth=POSTS))
    assert (run.status, run.notes, run.counts["posts"]) == (Status.DONE, (), 30)
    assert at.rows(samples.c.size, samples.c.population, samples.c.whole) == [(30, 60, False)]


async def test_pages_that_bring_hardly_anything_are_read_on_for_a_while(at: Bench) -> None:
    prolific(at, 200)
    at.reader.bends.append(lambda _what, _cursor, batch: replace(batch, facts=batch.facts[:1], entries=1))
    run = await at.over(at.watch(depth=POSTS))
    assert run.notes == ("6 pages of posts brought only 6; no more were asked for.",)
    assert (run.counts["posts"], at.rows(samples.c.size, samples.c.whole)) == (6, [(6, False)])


async def test_a_server_with_short_pages_is_read_as_deep_as_any(at: Bench) -> None:
    prolific(at, 200)
    at.reader.bends.append(lambda _what, _cursor, batch: replace(batch, facts=batch.facts[:3], entries=3))
    run = await at.over(at.watch(depth=POSTS))
    assert (run.status, run.notes) == (Status.DONE, ())
    assert POSTS.posts <= run.counts["posts"] < POSTS.posts + 3


async def test_a_loop_that_passes_through_empty_pages_is_left(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=60)

    def loops(_: Listing, cursor: str | None, batch: Batch) -> Batch:
        place = int(cursor or 0) // 10
        return replace(batch if place % 2 else _without(batch), cursor=str((place + 1) % 4 * 10))

    at.reader.bends.append(loops)
    run = await at.over(at.watch(depth=FOLLOWERS))
    assert "repeats itself" in run.notes[0]
    assert run.counts["followers"] == 20


async def test_whoever_asks_to_be_left_alone_is_not_taken_to_have_left(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=22)
    plan = at.watch(depth=FOLLOWERS)
    await at.over(plan)

    def shy(_: Listing, cursor: str | None, batch: Batch) -> Batch:
        return replace(_without(batch), withheld=10) if cursor == "10" else batch

    at.reader.bends.append(shy)
    run = await at.again(plan)
    assert run.counts["followers"] == 12
    assert run.notes == (
        f"10 of the followers {LEFT_ALONE}; so it is not known who left, and nobody is taken to have done so.",
    )
    assert {row[0] for row in at.rows(follows.c.until)} == {None}
    assert (12, 22, True) in at.rows(samples.c.size, samples.c.population, samples.c.whole)


async def test_every_call_that_a_page_took_counts(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=5)
    at.reader.bends.append(lambda _what, _cursor, batch: replace(batch, calls=3))
    plan = at.watch(depth=FOLLOWERS)
    run = await at.over(plan)
    with at.database.reading() as tx:
        used = lanes.get(tx, plan.lane).used_hour
    assert (len(at.glass.seen), run.calls, used) == (2, 4, 4)


def _without(batch: Batch) -> Batch:
    return replace(batch, facts=[], entries=0)


async def test_a_limit_is_waited_for_and_holds_the_lane(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=25)
    first = iter([glass.throttled(90)])
    at.glass.changes.append(lambda call: next(first, None) if call.cursor == "10" else None)
    plan = at.watch(depth=FOLLOWERS)
    await at.until(lambda: len(at.glass.asked("followers")) == 2)
    await at.until(lambda: "slow down" in str(at.why(plan)))
    with at.database.reading() as tx:
        held = lanes.get(tx, plan.lane).held_until
    assert held is not None
    assert (held - at.clock()).total_seconds() == 90
    at.clock.advance(91)
    run = await at.over(plan)
    assert (run.status, run.counts["followers"]) == (Status.DONE, 25)


@pytest.mark.parametrize("trouble", [glass.HTML, glass.BROKEN], ids=["html", "502"])
async def test_what_fails_for_a_while_is_asked_again(at: Bench, trouble: glass.faults.Reply) -> None:
    at.glass.member("m1", "mia", followers=25)
    replies = iter([trouble, trouble])
    at.glass.changes.append(lambda call: next(replies, None) if call.cursor == "10" else None)
    plan = at.watch(depth=FOLLOWERS)
    for count in (2, 3):
        await at.until(lambda count=count: len(at.glass.asked("followers")) == count)
        await at.until(lambda: "next try" in str(at.why(plan)))
        at.clock.advance(60)
    run = await at.over(plan)
    assert (run.status, run.counts["followers"], run.notes) == (Status.DONE, 25, ())


async def test_a_list_that_cannot_be_read_at_all_is_left_out(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=25)
    at.glass.post("m1", "p1", likers=2)
    at.glass.changes.append(lambda call: glass.HTML if call.what == "followers" else None)
    plan = at.watch()
    for count in range(1, 6):
        await at.until(lambda count=count: len(at.glass.asked("followers")) == count)
        await at.until(lambda: "next try" in str(at.why(plan)))
        at.clock.advance(4000)
    run = await at.over(plan)
    assert (run.status, run.counts["likers"]) == (Status.DONE, 2)
    assert "could not be read to the end" in run.notes[0]


async def test_a_run_that_fails_in_the_middle_keeps_its_samples(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=25)
    at.glass.post("m1", "p1", likers=2)
    at.glass.changes.append(lambda call: glass.throttled(1) if call.cursor == "20" else None)
    plan = at.watch(depth=Depth(posts=5, likers_of=0, comments_of=0))
    for count in range(1, collecting.MOST_WAITS + 1):
        await at.until(lambda count=count: len(at.glass.asked("followers")) == count + 2)
        await at.until(lambda: at.why(plan) is None or "slow down" in str(at.why(plan)))
        at.clock.advance(2)
    assert (await at.over(plan)).status is Status.FAILED
    taken = at.rows(samples.c.what, samples.c.size, samples.c.population, samples.c.whole)
    assert taken == [("followers", 20, 25, False), ("posts", 1, 1, True)]


async def test_a_challenge_stops_the_lane_until_a_person_came(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=25)
    wants = [glass.CHALLENGE]
    at.glass.changes.append(lambda call: wants[0] if wants and call.cursor == "10" else None)
    plan = at.watch(depth=FOLLOWERS)
    await at.until(lambda: "until a person looks" in str(at.why(plan)))
    wants.clear()
    at.database.write_now(plans.pause, ANN, plan.id)
    at.database.write_now(plans.resume, ANN, plan.id)
    run = await at.over(plan)
    assert (run.status, run.counts["followers"]) == (Status.DONE, 25)


@pytest.mark.parametrize("deed", [plans.resume, plans.run_now])
async def test_whoever_says_go_on_ends_a_challenge_without_a_pause(at: Bench, deed: Callable[..., object]) -> None:
    at.glass.member("m1", "mia", followers=25)
    wants = [glass.CHALLENGE]
    at.glass.changes.append(lambda call: wants[0] if wants and call.cursor == "10" else None)
    plan = at.watch(depth=FOLLOWERS)
    await at.until(lambda: "until a person looks" in str(at.why(plan)))
    wants.clear()
    with at.database.reading() as tx:
        assert plans.wants_a_person(tx, ANN, plan.id) == glass.CHALLENGE["words"]
    at.database.write_now(deed, ANN, plan.id)
    run = await at.over(plan)
    assert (run.status, run.counts["followers"], len(at.runs(plan))) == (Status.DONE, 25, 1)


async def test_what_cannot_be_true_is_left_out_and_the_rest_kept(at: Bench) -> None:
    at.glass.member("m1", "mia", followers=2)
    odd = {"entries": [{"id": "", "username": "x"}, {"id": "ok", "username": "ok"}], "cursor": None}
    at.glass.changes.append(lambda call: odd if call.what == "followers" else None)
    run = await at.over(at.watch(depth=FOLLOWERS))
    assert "made no sense" in run.notes[0]
    assert {row[0] for row in at.rows(channels.c.native_id)} == {"m1", "ok"}
