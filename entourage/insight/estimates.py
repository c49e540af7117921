"""A figure about many people with what it is worth: how many were looked at, and between what the truth lies."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

MINIMUM = 10
"""Fewer judged people than this are not enough data: nothing is said of them."""
CERTAINTY = 1.959963984540054
"""Standard deviations to either side that hold 95 of 100 (the two-sided 95 % point of the normal distribution)."""
DRAWS = 400
"""How often a bootstrap draws: its bounds are then sure to about a hundredth of the interval's width."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval, from `size` people out of `population` (None: not known). Shares are 0 to 1."""

    value: float
    low: float
    high: float
    size: int
    population: int | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """How a figure is had, in words for the person who reads it. `version` changes when figures would change."""

    name: str
    words: str
    source: str
    version: int


def share(count: float, size: int, population: int | None = None) -> Estimate:
    """The share `count` / `size` with Wilson's 95 % interval, narrower the more of the population was looked at.

    Where everybody was looked at, nothing is left to chance and the interval is the value itself. A `population`
    smaller than the sample (people left since) counts as the sample. Source: E. B. Wilson, Journal of the American
    Statistical Association 22 (1927), 209-212; the finite population correction is (N - n) / (N - 1).
    """
    if size <= 0:
        return Estimate(0.0, 0.0, 1.0, 0, population)
    value = min(1.0, max(0.0, count / size))
    left = _left(size, population)
    if left <= 0:
        return Estimate(value, value, value, size, population)
    # The correction scales the variance, which is the same as a sample that is larger by its inverse.
    effective = size / left
    squared = CERTAINTY * CERTAINTY
    centre = (value + squared / (2 * effective)) / (1 + squared / effective)
    half = CERTAINTY * math.sqrt(value * (1 - value) / effective + squared / (4 * effective * effective))
    half /= 1 + squared / effective
    return Estimate(value, min(value, max(0.0, centre - half)), max(value, min(1.0, centre + half)), size, population)


def mean(value: float, deviation: float, size: int, population: int | None = None) -> Estimate:
    """The mean of `size` people with its 95 % interval; `deviation` is the standard deviation among them."""
    if size <= 0:
        return Estimate(value, -math.inf, math.inf, 0, population)
    half = CERTAINTY * deviation * math.sqrt(max(0.0, _left(size, population)) / size)
    return Estimate(value, value - half, value + half, size, population)


def adjusted(
    count: int,
    size: int,
    *,
    hits: float,
    hits_deviation: float,
    alarms: float,
    alarms_deviation: float,
    population: int | None = None,
) -> Estimate:
    """The true share of what a test found `count` times in `size`, with what the test misses and what it imagines.

    `hits` is the share of the true ones that the test finds (its true positive rate), `alarms` the share of the others
    that it finds as well (its false positive rate); their deviations say how sure those are. The value is
    (c - alarms) / (hits - alarms), kept within 0 and 1. The interval holds the middle 95 % of a bootstrap that draws
    the sample and both rates again, from beta distributions, for no rate is below 0 or above 1; the same input gives
    the same interval. Source: W. J. Rogan, B. Gladen, American Journal of Epidemiology 107 (1978), 71-76; "adjusted
    count" of G. Forman, Data Mining and Knowledge Discovery 17 (2008), 164-206.
    """
    if size <= 0:
        return Estimate(0.0, 0.0, 1.0, 0, population)
    found = min(1.0, max(0.0, count / size))
    value = _corrected(found, hits, alarms)
    low, high = _bootstrapped(_sampled(found, size, population), (hits, hits_deviation), (alarms, alarms_deviation))
    return Estimate(value, min(value, low), max(value, high), size, population)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Between what the middle 95 % of `values` lie, of which there is at least one."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


def _left(size: int, population: int | None) -> float:
    """The part of the variance that the people who were not looked at leave."""
    if population is None:
        return 1.0
    if population <= size:
        return 0.0
    return (population - size) / (population - 1)


_Moments = tuple[float, float]
"""A mean and a standard deviation."""


def _sampled(found: float, size: int, population: int | None) -> _Moments:
    """What another sample might have had, when this one has `found`."""
    # Agresti and Coull's two more of each keep a sample without one or without the other from looking certain.
    smoothed, left = (found * size + 2) / (size + 4), _left(size, population)
    return found + (smoothed - found) * left, math.sqrt(smoothed * (1 - smoothed) / (size + 4) * left)


_FLATTEST = 2.0
"""The sum of a beta distribution's two parameters where it is as flat as the uniform one; below, it has two heaps at 0
and 1, which no rate has."""


def _beta(mean: float, deviation: float) -> tuple[float, float]:
    """The parameters of the beta distribution with this mean and deviation (by the method of moments).

    Where the deviation is too large for that, as it is for a rate near 1 that may be anything elsewhere, the flattest
    one that is on average as far from `mean` as that, which has its own mean nearer to the middle.
    """
    if mean > 1 - mean:
        second, first = _beta(1 - mean, deviation)
        return first, second
    total = mean * (1 - mean) / (deviation * deviation) - 1
    if total < _FLATTEST:
        # moved (1 - moved) / 3 + (moved - mean)^2 = deviation^2, solved for `moved`: at most in the middle
        half = 1 / 6 - mean
        moved = 1.5 * (math.sqrt(max(0.0, half * half - 2 / 3 * (mean * mean - deviation * deviation))) - half)
        total, mean = _FLATTEST, min(max(moved, mean), 1 / 2)
    return total * mean, total * (1 - mean)


def _draws(moments: _Moments, chance: random.Random) -> Sequence[float]:
    mean, deviation = moments
    if deviation <= 0:
        return [mean] * DRAWS
    parameters = _beta(mean, deviation)
    return [chance.betavariate(*parameters) for _ in range(DRAWS)]


@lru_cache(maxsize=64)
def _rates(hits: _Moments, alarms: _Moments) -> Sequence[tuple[float, float]]:
    """Draws of the two rates of a test; there are few tests, and many samples."""
    chance = random.Random(1908)  # noqa: S311 - the draws of a bootstrap need no secrecy
    return list(zip(_draws(hits, chance), _draws(alarms, chance), strict=True))


def _corrected(found: float, hits: float, alarms: float) -> float:
    return min(1.0, max(0.0, (found - alarms) / max(0.05, hits - alarms)))


@lru_cache(maxsize=4096)
def _bootstrapped(found: _Moments, hits: _Moments, alarms: _Moments) -> tuple[float, float]:
    shares = _draws(found, random.Random(1927))  # noqa: S311 - as above
    return interval([_corrected(one, *rates) for one, rates in zip(shares, _rates(hits, alarms), strict=True)])
