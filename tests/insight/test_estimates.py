"""Figures with their intervals, against published values and by simulation."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight.estimates import adjusted, interval, mean, share
from entourage.insight.quality import bought_share, model_of


def test_wilsons_interval_is_that_of_the_literature() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3 (score, no continuity correction).
    for count, size, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        found = share(count, size)
        assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_more_of_a_population_was_seen_the_surer_it_is() -> None:
    some, most, everybody = share(30, 100), share(30, 100, 150), share(30, 100, 100)
    assert some.low < most.low < everybody.low == everybody.value == everybody.high < most.high < some.high
    assert share(30, 100, 90) == type(everybody)(0.3, 0.3, 0.3, 100, 90)


def test_of_nobody_nothing_is_known() -> None:
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)
    assert (share(0, 0).size, share(0, 0).population) == (0, None)
    nothing = adjusted(0, 0, hits=0.9, hits_deviation=0.01, alarms=0.1, alarms_deviation=0.01)
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    assert mean(0, 1, 0).high == float("inf")


@given(st.integers(1, 10_000), st.floats(0, 1), st.none() | st.integers(1, 1_000_000))
def test_a_share_lies_within_its_interval_and_that_within_all(size: int, part: float, population: int | None) -> None:
    found = share(round(part * size), size, population)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(1, 1000), st.floats(0, 1), st.floats(0.5, 1), st.floats(0, 0.4))
def test_an_adjusted_share_lies_within_its_interval(size: int, part: float, hits: float, alarms: float) -> None:
    found = adjusted(round(part * size), size, hits=hits, hits_deviation=0.02, alarms=alarms, alarms_deviation=0.02)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    found = mean(50, 10, 100)
    assert (found.low, found.high) == (pytest.approx(48.04, abs=0.01), pytest.approx(51.96, abs=0.01))


def test_nineteen_of_twenty_adjusted_intervals_hold_the_truth() -> None:
    chance = random.Random(5)
    held = 0
    for _ in range(400):
        truth, size = chance.random(), 300
        found = sum(chance.random() < (0.93 if chance.random() < truth else 0.05) for _ in range(size))
        told = adjusted(found, size, hits=0.93, hits_deviation=0.01, alarms=0.05, alarms_deviation=0.01)
        held += told.low <= truth <= told.high
    assert held / 400 > 0.92


@pytest.mark.parametrize("network", ["twitter", "instagram", "somewhere"])
def test_the_shares_of_bought_followers_hold_the_truth_wherever_the_rates_lie(network: str) -> None:
    model, chance = model_of(network), random.Random(6)
    elsewhere = [(model.hits, model.alarms)]
    if network == "somewhere":  # nobody knows the sellers of other networks
        elsewhere += [(0.98, 0.3), (0.6, 0.02), (0.6, 0.3), (0.8, 0.15), (0.999, 0.001)]
    for hits, alarms in elsewhere:
        held = 0
        for _ in range(300):
            truth, size = chance.random(), 300
            found = sum(chance.random() < (hits if chance.random() < truth else alarms) for _ in range(size))
            told = bought_share(found, size, network)
            held += told.low <= truth <= told.high
        assert held / 300 > 0.92, (hits, alarms)


def test_rates_are_drawn_that_can_be() -> None:
    # All of a sample is suspected: with no rate above 1 that cannot be too few, and with none below 0 not too many.
    everybody = adjusted(1000, 1000, hits=0.98, hits_deviation=0.4, alarms=0.06, alarms_deviation=0.2)
    assert everybody.low > 0.99
    nobody = adjusted(0, 1000, hits=0.98, hits_deviation=0.4, alarms=0.06, alarms_deviation=0.2)
    assert nobody.high < 0.02


@given(st.floats(0.01, 0.99), st.floats(0.001, 2), st.integers(0, 10))
def test_any_mean_and_deviation_of_a_rate_gives_an_interval(mean: float, deviation: float, found: int) -> None:
    told = adjusted(found, 10, hits=mean, hits_deviation=deviation, alarms=mean / 2, alarms_deviation=deviation)
    assert 0 <= told.low <= told.value <= told.high <= 1


def test_few_people_without_a_bought_one_leave_room_for_some() -> None:
    told = adjusted(0, 10, hits=0.99, hits_deviation=0.01, alarms=0.02, alarms_deviation=0.01)
    assert told.high > share(0, 10).high


def test_the_middle_of_many_values() -> None:
    assert interval(range(1001)) == (25, 975)
    assert interval([7]) == (7, 7)
