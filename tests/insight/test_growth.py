"""Growth: one entry a day on which the profile was seen, the oldest first."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from crowd_of import ANN, DAY, known, learn, profile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entourage.insight import growth
from entourage.insight.growth import Change
from entourage.insight.store.tables import channels
from entourage.kernel.db import Database
from entourage.kernel.errors import Invalid
from entourage.networks.facts import ProfileFact


def seen(moment: datetime, followers: int | None, follows: int | None = None, username: str = "dior") -> ProfileFact:
    return ProfileFact(
        network="instagram", id="1", username=username, seen_at=moment, followers=followers, follows=follows
    )


def history(database: Database, since: date = date(2020, 1, 1)) -> Sequence[Change]:
    number = known(database, "1").id
    with database.reading() as tx:
        return growth.history(tx, ANN, number, since)


def day(number: int, hour: float = 12) -> datetime:
    """An hour of a day before the clock's own (the second of March 2026 is day 0)."""
    return datetime(2026, 3, 2, tzinfo=UTC) - number * DAY + timedelta(hours=hour)


def test_each_day_has_the_numbers_as_they_were_seen_last_on_it(database: Database) -> None:
    learn(
        database,
        seen(day(2, 0), 100, 5), seen(day(2, 23.99), 110, 6), seen(day(1, 0), 220, 7), seen(day(0, 10), 220, None),
        seen(day(0, 9), 1, 1),
    )  # fmt: skip
    assert history(database) == [
        Change(date(2026, 2, 28), 110, 0.0, 6),
        Change(date(2026, 3, 1), 220, 100.0, 7),
        Change(date(2026, 3, 2), 220, 0.0, None),
    ]


def test_days_without_a_look_have_no_entry_and_the_change_is_against_the_entry_before(database: Database) -> None:
    learn(database, seen(day(30), 1000), seen(day(3), 1500), seen(day(2), 1499))
    found = history(database)
    assert [one.date for one in found] == [date(2026, 1, 31), date(2026, 2, 27), date(2026, 2, 28)]
    assert [one.change for one in found] == [0.0, 50.0, -0.0667]


def test_the_first_day_of_a_period_is_compared_with_the_last_look_before_it(database: Database) -> None:
    learn(database, seen(day(100), 400), seen(day(95), None), seen(day(10), 500))
    number = known(database, "1").id
    with database.reading() as tx:
        page = growth.changes(tx, ANN, number, 90)
    assert [(one.followers, one.change) for one in page.items] == [(500, 25.0)]


@pytest.mark.parametrize(("before", "after", "change"), [(0, 0, 0.0), (0, 7, 100.0), (7, 0, -100.0), (3, 4, 33.3)])
def test_changes_are_rounded_and_exist_also_from_nobody(
    database: Database, before: int, after: int, change: float
) -> None:
    learn(database, seen(day(1), before), seen(day(0), after))
    assert history(database)[1].change == change


def test_a_profile_that_was_renamed_keeps_its_growth(database: Database) -> None:
    learn(database, seen(day(3), 10), seen(day(2), 20, username="maison"), seen(day(1), 30, username="dior"))
    assert [one.followers for one in history(database)] == [10, 20, 30]


@pytest.mark.parametrize(("days", "entries"), [(90, 90), (180, 180), (360, 360)])
def test_a_period_ends_today_and_comes_in_pages(database: Database, days: int, entries: int) -> None:
    learn(database, *(seen(day(number), 1000 + number) for number in range(400)))
    number = known(database, "1").id
    with database.reading() as tx:
        first, last = growth.changes(tx, ANN, number, days), growth.changes(tx, ANN, number, days, days // 20 + 1)
        full = growth.changes(tx, ANN, number, days, size=500)
    assert (first.total, len(first.items), len(full.items)) == (entries, 20, entries)
    assert first.items[0].date == date(2026, 3, 2) - timedelta(days=days - 1)
    assert full.items[-1].date == date(2026, 3, 2)
    assert [one.date for one in full.items] == sorted(one.date for one in full.items)
    assert list(full.items[-len(last.items) :] if last.items else []) == list(last.items)


@pytest.mark.parametrize("days", [0, 89, 91, 365, -90])
def test_another_period_is_refused(database: Database, days: int) -> None:
    with database.reading() as tx, pytest.raises(Invalid, match="period"):
        growth.changes(tx, ANN, 1, days)


def test_a_channel_of_which_nothing_was_seen_has_no_changes(database: Database) -> None:
    with database.reading() as tx:
        assert growth.changes(tx, ANN, 1, 90).total == 0


_channels = itertools.count(100)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.integers(0, 20 * 24 * 3600), st.none() | st.integers(0, 10**9), max_size=12),
    st.integers(0, 20),
)
def test_any_history_has_the_last_number_of_each_day(
    database: Database, looks: Mapping[int, int | None], days: int
) -> None:
    native_id = str(next(_channels))
    first = datetime(2026, 1, 1, tzinfo=UTC)
    facts = {first + timedelta(seconds=second): followers for second, followers in looks.items()}
    learn(database, *(profile(native_id, seen_at=moment, followers=count) for moment, count in facts.items()))
    expected: dict[date, int] = {}
    for moment in sorted(facts):
        followers = facts[moment]
        if followers is not None:
            expected[moment.date()] = followers
    since = (first + days * DAY).date()
    with database.reading() as tx:
        number = tx.value(sa.select(channels.c.id).where(channels.c.native_id == native_id))
        found = growth.history(tx, ANN, number or 0, since)
    assert {one.date: one.followers for one in found} == {d: count for d, count in expected.items() if d >= since}
    before = [count for d, count in expected.items() if d < since] or [found[0].followers] if found else []
    for one, earlier in zip(found, [*before[-1:], *(each.followers for each in found)], strict=False):
        assert (one.change > 0) == (one.followers > earlier)
        assert (one.change < 0) == (one.followers < earlier)
