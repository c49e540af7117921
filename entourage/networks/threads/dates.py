"""When something was posted, from the many ways in which forums write it."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_MONTHS = {
    m: n
    for n, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1)
}
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[./-](\d{1,2})[./-](\d{1,2})(?!\d)")
_MONTH_DAY = re.compile(r"\b([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b", re.IGNORECASE)
_DAY_MONTH = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.?\s+([a-z]{3})[a-z]*\.?,?\s+(\d{4})\b", re.IGNORECASE)
_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([ap])\.?m\b)?", re.IGNORECASE)
_NOON = 12


def from_unix(text: str) -> datetime | None:
    """A count of seconds since 1970 (XenForo's `data-time`)."""
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def from_iso(text: str) -> datetime | None:
    """An ISO 8601 time; one without an offset is taken as UTC."""
    try:
        when = datetime.fromisoformat(text.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day_comes_first(texts: Iterable[str]) -> bool:
    """Whether a page writes 31-12-2024 rather than 12-31-2024: one date that can only be read one way tells."""
    return any(int(found[1]) > _NOON for text in texts for found in _NUMERIC.finditer(text) if found[2] != ".")


def from_words(text: str, *, day_first: bool = False, now: datetime | None = None) -> datetime | None:
    """A time as a forum prints it for people (English month names, or digits), taken as UTC; None if unreadable.

    Dates with dots are day.month.year everywhere; `day_first` decides for those with dashes and slashes. "Today" and
    "yesterday" need `now`.
    """
    day = _day(text, day_first=day_first, now=now)
    if day is None:
        return None
    clock = _CLOCK.search(text)
    if clock is None:
        return day
    hour = int(clock[1])
    if clock[4]:
        hour = hour % _NOON + (_NOON if clock[4].lower() == "p" else 0)
    try:
        return day.replace(hour=hour, minute=int(clock[2]), second=int(clock[3] or 0))
    except ValueError:
        return day


def _day(text: str, *, day_first: bool, now: datetime | None) -> datetime | None:
    words = text.lower()
    if now is not None and ("today" in words or "yesterday" in words):
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if "today" in words else midnight - timedelta(days=1)
    if found := _YEAR_FIRST.search(text):
        return _date(int(found[1]), int(found[2]), int(found[3]))
    if found := _NUMERIC.search(text):
        a, b, year = int(found[1]), int(found[3]), int(found[4])
        year += 2000 if year < 100 else 0  # noqa: PLR2004 - a year of two digits
        return _date(year, b, a) if day_first or found[2] == "." else _date(year, a, b)
    if found := _MONTH_DAY.search(text):
        return _date(int(found[3]), _MONTHS.get(found[1].lower(), 0), int(found[2]))
    if found := _DAY_MONTH.search(text):
        return _date(int(found[3]), _MONTHS.get(found[2].lower(), 0), int(found[1]))
    return None


def _date(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
