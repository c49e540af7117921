"""Counting: what is brought up to date is what counting from the beginning gives, whatever happened in between."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from crowd_of import ANN, follow, followed_by, judge, known, learn, profile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testclock import TestClock

from entourage.insight import counting, crowds, engaged, recording
from entourage.insight.crowds import Crowd
from entourage.insight.model import Age, Gender, Traits
from entourage.insight.store import figures as store
from entourage.insight.store.tables import channels, figures, follows
from entourage.kernel.db import Database, Tx

_stars = itertools.count(1_000_000)
PEOPLE = 6
LEVELS = [Traits("DE", Gender.MALE, Age.LATE, 1), Traits("FR", Gender.FEMALE, Age.EARLY, 5), None]

changes = st.tuples(st.just("follow"), st.integers(0, PEOPLE - 1), st.integers(0, 9), st.none() | st.integers(0, 9))
lists = st.tuples(st.just("list"), st.sets(st.integers(0, PEOPLE - 1)), st.integers(0, 9))
counts = st.tuples(st.just("count"), st.booleans())


def counted(tx: Tx, channel_id: int) -> Crowd:
    """Who follows, counted one by one."""
    rows = tx.all(
        sa.select(channels.c.traits)
        .join(follows, follows.c.follower_id == channels.c.id)
        .where(follows.c.followed_id == channel_id, follows.c.until.is_(None))
    )
    return crowds.crowd(Counter(row[0] for row in rows))


def largest(tx: Tx, channel_id: int, most: int) -> list[int]:
    rows = tx.all(
        sa.select(channels.c.id, channels.c.followers)
        .join(follows, follows.c.follower_id == channels.c.id)
        .where(follows.c.followed_id == channel_id, follows.c.until.is_(None), channels.c.followers.is_not(None))
    )
    return [row[0] for row in sorted(rows, key=lambda row: (-row[1], row[0]))[:most]]


def current(database: Database, channel_id: int, *, writes: bool = True) -> counting.Counts:
    with database.writing() if writes else database.reading() as tx:
        return counting.current(tx, channel_id, 0)


def mark(database: Database, channel_id: int, by: int = 1000) -> None:
    """Make what is kept of a channel recognisable: as many more are known as were counted."""
    with database.writing() as tx:
        kept = store.stored(tx, channel_id)
        assert kept is not None
        people: Mapping[str, Any] = {**kept.followers, "known": kept.followers["known"] + by}
        tx.run(sa.update(figures).where(figures.c.channel_id == channel_id).values(followers=people))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes | lists | counts, max_size=25))
def test_any_history_of_follows_is_counted_as_if_from_the_beginning(
    database: Database, history: Iterable[tuple[Any, ...]]
) -> None:
    star = str(next(_stars))
    people = [f"{star}{number}" for number in range(PEOPLE)]
    learn(database, profile(star), *(profile(one, followers=int(one[-1])) for one in people))
    for number, one in enumerate(people):
        judge(database, one, LEVELS[number % len(LEVELS)])
    channel = known(database, star).id
    for what, *told in history:
        if what == "follow":
            who, day, until = told
            learn(database, follow(people[who], star, day, until))
        elif what == "list":
            who, day = told
            learn(database, *(follow(people[one], star, day) for one in sorted(who)))
            moment = follow("", "", day).seen_at
            database.write_now(recording.lost, channel, before=moment, at=moment)
        else:
            assert current(database, channel, writes=told[0]).followers == _now(database, channel)
    after = current(database, channel)
    assert after.followers == _now(database, channel)
    with database.reading() as tx:
        assert list(after.top) == largest(tx, channel, counting.TOP)


def _now(database: Database, channel_id: int) -> Crowd:
    with database.reading() as tx:
        return counted(tx, channel_id)


def test_who_came_and_left_is_counted_into_what_is_kept(database: Database) -> None:
    learn(database, profile("1"))
    ids = followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    assert current(database, channel).followers.known == 5
    mark(database, channel)
    learn(database, follow(ids[0], "1", 2, until=2), follow(ids[1], "1", 3, until=3))
    followed_by(database, "1", [LEVELS[1]] * 3, first=200)
    learn(database, profile("300"), follow("300", "1", 1, until=1))  # we never saw this one following
    judge(database, "300", LEVELS[0])
    after = current(database, channel).followers
    assert (after.known, after.countries) == (1000 + 5 - 2 + 3, {"DE": 3, "FR": 3})


def test_what_is_noted_again_without_change_is_not_counted_again(database: Database) -> None:
    learn(database, profile("1"))
    ids = followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    current(database, channel)
    mark(database, channel)
    learn(database, *(follow(one, "1", 3) for one in ids), *(follow(one, "1", -3) for one in ids))
    assert current(database, channel).followers.known == 1005


def test_who_came_and_left_between_two_counts_is_counted_from_the_beginning(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    current(database, channel)
    mark(database, channel)
    followed_by(database, "1", [LEVELS[0]], first=200)
    learn(database, follow("200", "1", 2, until=2))
    assert current(database, channel).followers.known == 5


def test_who_only_reads_gets_the_same_and_keeps_nothing(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    assert current(database, channel, writes=False).followers.known == 5
    with database.reading() as tx:
        assert store.stored(tx, channel) is None
    current(database, channel)
    followed_by(database, "1", [LEVELS[0]], first=200)
    assert current(database, channel, writes=False).followers.known == 6
    with database.reading() as tx:
        kept = store.stored(tx, channel)
    assert kept is not None
    assert kept.followers["known"] == 5


def test_traits_that_changed_are_counted_when_the_count_is_too_old(database: Database, clock: TestClock) -> None:
    learn(database, profile("1"))
    ids = followed_by(database, "1", [LEVELS[0]] * 50)
    channel = known(database, "1").id
    current(database, channel)
    for one in ids[:20]:
        judge(database, one, LEVELS[1])
    clock.advance(4)
    assert current(database, channel).followers.countries == {"DE": 50}
    clock.advance(2)
    assert current(database, channel).followers.countries == {"DE": 30, "FR": 20}


def test_who_was_judged_anew_and_left_never_makes_less_than_nobody(database: Database) -> None:
    learn(database, profile("1"))
    ids = followed_by(database, "1", [LEVELS[0]] * 30)
    channel = known(database, "1").id
    current(database, channel)
    judge(database, ids[0], LEVELS[1])
    learn(database, follow(ids[0], "1", 2, until=2))
    assert current(database, channel).followers.countries == {"DE": 29}


def test_a_clock_that_was_set_back_makes_everything_counted_again(database: Database, clock: TestClock) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    current(database, channel)
    mark(database, channel)
    clock.jump(-3600)
    followed_by(database, "1", [LEVELS[0]], first=200)
    assert current(database, channel).followers.known == 6


def test_what_another_version_kept_is_counted_again(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    current(database, channel)
    with database.writing() as tx:
        tx.run(sa.update(figures).values(version=counting.VERSION + 1, followers={"something": "else"}))
    assert current(database, channel).followers.known == 5


@pytest.mark.parametrize("piece", [1, 3, 7, 100])
def test_pieces_of_any_size_count_everybody_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[number % 3] for number in range(14)])
    channel = known(database, "1").id
    monkeypatch.setattr(store, "AT_ONCE", piece)
    assert current(database, channel).followers == Crowd(
        14, 10, {"DE": 5, "FR": 5}, {1: 5, 2: 5}, {2: 5, 3: 5}, {1: 5, 5: 5}
    )


def test_the_largest_followers_stay_the_largest_while_some_come_and_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "SPARE_TOP", 8)
    monkeypatch.setattr(counting, "TOP", 4)
    learn(database, profile("1"))
    ids = followed_by(database, "1", [LEVELS[0]] * 20)
    channel = known(database, "1").id
    current(database, channel)
    for first, gone in ((300, ids[-3:]), (50, ["300"]), (120, ids[-5:-3]), (60, ["120"]), (400, ids[-7:-5])):
        followed_by(database, "1", [LEVELS[0]], first=first)
        learn(database, *(follow(one, "1", 2, until=2) for one in gone))
        after = current(database, channel)
        with database.reading() as tx:
            assert list(after.top) == largest(tx, channel, 4)


def test_the_largest_are_found_by_walking_from_the_top_as_well(database: Database) -> None:
    learn(database, profile("1"), *(profile(str(number), followers=number) for number in range(500, 600)))
    followed_by(database, "1", [LEVELS[0]] * 20)
    channel = known(database, "1").id
    with database.reading() as tx:
        for most in (5, 20, 50):
            assert store.largest(tx, channel, most, among_many=True) == largest(tx, channel, most)
            assert store.largest(tx, channel, most, among_many=False) == largest(tx, channel, most)


def test_the_top_followers_come_in_pages_the_largest_first(database: Database) -> None:
    learn(database, profile("1"))
    ids = followed_by(database, "1", [LEVELS[0]] * 120)
    channel = known(database, "1").id
    with database.reading() as tx:
        first, last = engaged.top(tx, ANN, channel), engaged.top(tx, ANN, channel, 5)
        beyond = engaged.top(tx, ANN, channel, 6)
    assert (first.total, first.pages) == (100, 5)
    assert [one.native_id for one in first.items] == ids[:-21:-1]
    assert [one.native_id for one in last.items] == ids[39:19:-1]
    assert beyond.items == []


def test_counts_of_a_channel_that_is_not_there_are_of_nobody(database: Database) -> None:
    assert current(database, 99, writes=False).followers == Crowd()


def test_what_was_counted_ahead_is_kept_and_what_came_since_is_counted_in(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    with database.reading() as tx:
        counted = counting.ahead(tx, channel, 0)
        assert store.stored(tx, channel) is None
    assert counted is not None
    followed_by(database, "1", [LEVELS[1]] * 3, first=200)
    database.write_now(counting.keep, counted)
    mark(database, channel)
    assert current(database, channel).followers.known == 1000 + 5 + 3
    with database.reading() as tx:
        assert counting.ahead(tx, channel, 0) is None


def test_what_was_counted_ahead_gives_way_to_what_was_kept_since(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [LEVELS[0]] * 5)
    channel = known(database, "1").id
    with database.reading() as tx:
        counted = counting.ahead(tx, channel, 0)
    assert counted is not None
    followed_by(database, "1", [LEVELS[1]] * 3, first=200)
    assert current(database, channel).followers.known == 8
    mark(database, channel)
    database.write_now(counting.keep, counted)
    assert current(database, channel).followers.known == 1008
