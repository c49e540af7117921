"""How much of a limit is used: uses within a sliding window, and the hours in which anything is allowed. Pure rules.

A window slides: within any stretch of an hour (a day) there are never more uses than the limit. A bucket that refills
would allow twice the limit across the moment of its refill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from entourage.kernel.errors import Invalid, Problem

HOUR = 3_600_000
DAY = 24 * HOUR
_GRAINS = 60

Uses = list[list[int]]
"""[first, last, count] of uses close together, in ms, oldest first; all count until `last` left the window."""


def used(uses: Uses, now: int, window: int) -> int:
    """How many uses the window that ends now holds."""
    return sum(count for _, last, count in uses if last + window > now)


def add(uses: Uses, now: int, window: int, count: int) -> Uses:
    """The uses with `count` more, without those that left the window; uses within a sixtieth of it are kept as one."""
    kept = [use for use in uses if use[1] + window > now]
    if kept and now - kept[-1][0] < window // _GRAINS:
        first, _, before = kept[-1]
        kept[-1] = [first, now, before + count]
    else:
        kept.append([now, now, count])
    return kept


def free_at(uses: Uses, now: int, window: int, limit: int, count: int) -> int | None:
    """The first moment from now on at which `count` more fit into the limit; None if they never will."""
    if count > limit:
        return None
    room = limit - used(uses, now, window)
    if room >= count:
        return now
    for _, last, freed in uses:
        if last + window > now:
            room += freed
            if room >= count:
                return last + window
    raise AssertionError


def shift(uses: Uses, by: int, now: int) -> Uses:
    """The uses as a clock tells them that was set by `by`; none of them lies in the future."""
    return [[min(first + by, now), min(last + by, now), count] for first, last, count in uses]


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day in which a lane is open, in a time zone; they may cross midnight, equal ends mean always."""

    opens: time
    closes: time
    zone: str = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Invalid(Problem("zone", f"There is no time zone {self.zone!r}.")) from error

    def open_from(self, now: datetime) -> datetime:
        """`now` if it lies in the allowed hours, else the moment at which they begin."""
        if self.opens == self.closes:
            return now
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for days in (-1, 0, 1, 2):
            day = today + timedelta(days=days)
            begin = datetime.combine(day, self.opens, zone).astimezone(UTC)
            end_day = day if self.opens < self.closes else day + timedelta(days=1)
            end = datetime.combine(end_day, self.closes, zone).astimezone(UTC)
            if now < end:
                return max(begin, now)
        raise AssertionError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lane allows; None is no limit."""

    at_once: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    hours: Hours | None = None

    def __post_init__(self) -> None:
        problems: Sequence[Problem] = [
            Problem(name, "A limit cannot be negative.")
            for name, value in (("at_once", self.at_once), ("per_hour", self.per_hour), ("per_day", self.per_day))
            if value is not None and value < 0
        ]
        if problems:
            raise Invalid(*problems)
