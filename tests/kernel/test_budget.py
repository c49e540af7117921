"""Limits within sliding windows, and allowed hours."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.kernel import budget
from entourage.kernel.budget import HOUR, Hours, Limits, Uses
from entourage.kernel.errors import Invalid


@given(st.integers(1, 30), st.lists(st.integers(0, HOUR // 3), max_size=60))
def test_no_hour_ever_holds_more_than_the_limit(limit: int, waits: list[int]) -> None:
    uses: Uses = []
    taken: list[int] = []
    now = 1_000_000_000
    for wait in waits:
        now += wait
        if budget.free_at(uses, now, HOUR, limit, 1) == now:
            uses = budget.add(uses, now, HOUR, 1)
            taken.append(now)
    for start in taken:
        assert sum(start <= moment < start + HOUR for moment in taken) <= limit


def test_the_moment_at_which_more_fits_is_told_and_true() -> None:
    uses: Uses = []
    for minute in (0, 10, 20):
        uses = budget.add(uses, minute * 60_000, HOUR, 1)
    now = 30 * 60_000
    assert budget.free_at(uses, now, HOUR, 3, 1) == HOUR
    assert budget.free_at(uses, now, HOUR, 3, 2) == HOUR + 10 * 60_000
    assert budget.free_at(uses, now, HOUR, 3, 4) is None
    assert budget.free_at(uses, HOUR, HOUR, 3, 1) == HOUR


def test_thousands_of_uses_are_kept_in_few_entries() -> None:
    uses: Uses = []
    for second in range(7200):
        uses = budget.add(uses, second * 1000, HOUR, 1)
    assert len(uses) <= 62
    assert 3600 <= budget.used(uses, 7199_000, HOUR) <= 3660


def test_uses_never_lie_in_the_future_of_a_clock_that_was_set_back() -> None:
    uses = budget.add([], 10 * HOUR, HOUR, 3)
    assert budget.shift(uses, -9 * HOUR, HOUR) == [[HOUR, HOUR, 3]]
    assert budget.shift(uses, -8 * HOUR, HOUR) == [[HOUR, HOUR, 3]]


@pytest.mark.parametrize(
    ("opens", "closes", "zone", "now", "expected"),
    [
        (time(9), time(17), "UTC", "2026-03-02T12:00", "2026-03-02T12:00"),
        (time(9), time(17), "UTC", "2026-03-02T08:59", "2026-03-02T09:00"),
        (time(9), time(17), "UTC", "2026-03-02T17:00", "2026-03-03T09:00"),
        (time(22), time(6), "UTC", "2026-03-02T23:30", "2026-03-02T23:30"),
        (time(22), time(6), "UTC", "2026-03-02T05:59", "2026-03-02T05:59"),
        (time(22), time(6), "UTC", "2026-03-02T06:00", "2026-03-02T22:00"),
        (time(9), time(17), "Asia/Tokyo", "2026-03-02T07:59", "2026-03-02T07:59"),
        (time(9), time(17), "Asia/Tokyo", "2026-03-02T08:00", "2026-03-03T00:00"),
        (time(9), time(17), "Europe/Berlin", "2026-03-29T06:30", "2026-03-29T07:00"),
        (time(9), time(17), "Europe/Berlin", "2026-03-28T06:30", "2026-03-28T08:00"),
        (time(0), time(0), "UTC", "2026-03-02T03:00", "2026-03-02T03:00"),
    ],
)
def test_hours_open_when_a_person_in_that_zone_would_say_so(
    opens: time, closes: time, zone: str, now: str, expected: str
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert Hours(opens, closes, zone).open_from(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    st.datetimes(
        datetime(2024, 1, 1),  # noqa: DTZ001 - made aware below
        datetime(2028, 1, 1),  # noqa: DTZ001 - made aware below
    ),
)
def test_hours_always_open_within_a_day_and_are_open_then(opens: time, closes: time, zone: str, now: datetime) -> None:
    hours = Hours(opens.replace(second=0, microsecond=0), closes.replace(second=0, microsecond=0), zone)
    moment = now.replace(tzinfo=UTC)
    first = hours.open_from(moment)
    assert moment <= first <= moment + timedelta(hours=26)
    assert hours.open_from(first) == first


def test_nonsense_limits_are_refused() -> None:
    with pytest.raises(Invalid, match="per_hour"):
        Limits(per_hour=-1)
    with pytest.raises(Invalid, match="time zone"):
        Hours(time(1), time(2), "Mars/Olympus")
