"""Crowds: how many people there are of each country, gender, age and level. Pure, and quick for a million of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from entourage.insight.model import UNJUDGED

T = TypeVar("T", int, str)
_A = ord("A") - 1


@dataclass(frozen=True, slots=True)
class Crowd:
    """People by what they were judged as; who could not be told apart in one thing is not in that mapping."""

    known: int = 0
    judged: int = 0
    """Those whose profile was seen."""
    countries: Mapping[str, int] = field(default_factory=dict[str, int])
    genders: Mapping[int, int] = field(default_factory=dict[int, int])
    ages: Mapping[int, int] = field(default_factory=dict[int, int])
    levels: Mapping[int, int] = field(default_factory=dict[int, int])

    @property
    def possible(self) -> bool:
        """Whether there are no fewer than none of anything."""
        parts = (self.countries, self.genders, self.ages, self.levels)
        return min(self.known, self.judged, *(min(part.values(), default=0) for part in parts)) >= 0


def crowd(codes: Mapping[int, int]) -> Crowd:
    """The people that there are of each code of traits (see model.Traits.code), also fewer than none."""
    seen = [(code, people) for code, people in codes.items() if code != UNJUDGED]
    return Crowd(
        known=sum(codes.values()),
        judged=sum(people for _, people in seen),
        countries={_letters(country): people for country, people in _by(seen, lambda code: code >> 8).items()},
        genders=_by(seen, lambda code: code >> 6 & 3),
        ages=_by(seen, lambda code: code >> 3 & 7),
        levels=_by(seen, lambda code: code & 7),
    )


def together(one: Crowd, other: Crowd) -> Crowd:
    """Both crowds as one."""
    return Crowd(
        one.known + other.known,
        one.judged + other.judged,
        _sum(one.countries, other.countries),
        _sum(one.genders, other.genders),
        _sum(one.ages, other.ages),
        _sum(one.levels, other.levels),
    )


def kept(one: Crowd) -> Mapping[str, Any]:
    """The crowd as plain JSON."""
    return msgspec.to_builtins(one, str_keys=True)


def read(value: Mapping[str, Any]) -> Crowd:
    """The inverse of `kept`."""
    return msgspec.convert(value, Crowd, strict=False)


def _by(codes: list[tuple[int, int]], part: Callable[[int], int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for code, people in codes:
        value = part(code)
        if value:
            counts[value] = counts.get(value, 0) + people
    return counts


def _sum(one: Mapping[T, int], other: Mapping[T, int]) -> Mapping[T, int]:
    counts = dict(one)
    for value, people in other.items():
        counts[value] = counts.get(value, 0) + people
    return {value: people for value, people in counts.items() if people}


def _letters(country: int) -> str:
    return chr((country >> 5) + _A) + chr((country & 31) + _A)
