"""How numbers, sizes, times and states are said to people."""

from datetime import UTC, datetime, timedelta

from markupsafe import Markup

NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_STEP = 1024
_TEN = 10
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def size(count: float | None) -> str:
    """Bytes in the largest unit that keeps the number at or above one: 1.5 MB."""
    if count is None:
        return NOTHING
    value, unit = float(count), 0
    while abs(value) >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    digits = 0 if unit == 0 or value >= _STEP / _TEN else 1
    return f"{value:,.{digits}f} {_UNITS[unit]}"


def number(count: float) -> str:
    """A whole number with thin gaps between the thousands."""
    return f"{int(count):,}".replace(",", "\u202f")


def plural(count: int, one: str, many: str = "") -> str:
    """The number and its noun: 1 file, 2 files."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def span(seconds: float | None) -> str:
    """A length of time in one or two units: 45 s, 3 min, 2 h 5 min, 4 days."""
    if seconds is None:
        return NOTHING
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        minutes = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h {minutes} min" if minutes else f"{whole // _HOUR} h"
    return plural(whole // _DAY, "day")


def clock(seconds: float | None) -> str:
    """The length of a video or a sound: 0:07, 12:30, 1:02:03."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, rest = divmod(whole, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def moment(at: datetime | None, now: datetime | None = None) -> Markup:
    """A time as people say it (5 min ago, in 2 h), with the exact one behind it for browsers to show locally."""
    if at is None:
        return Markup("never")
    now = now or datetime.now(UTC)
    return Markup('<time datetime="{}" title="{}" data-moment>{}</time>').format(
        stamp(at), f"{at:%Y-%m-%d %H:%M} UTC", distance(at, now)
    )


def distance(at: datetime, now: datetime) -> str:
    """How long ago or ahead; beyond a month, the day."""
    ahead = (at - now).total_seconds()
    if abs(ahead) < _MINUTE:
        return "in a moment" if ahead > _TEN else "just now"
    if abs(ahead) > timedelta(days=31).total_seconds():
        return f"{at.day} {at:%b %Y}"
    return f"in {span(ahead)}" if ahead > 0 else f"{span(-ahead)} ago"


def day(at: datetime | None) -> str:
    """The day alone."""
    return NOTHING if at is None else f"{at.day} {at:%b %Y}"


def stamp(at: datetime) -> str:
    """The exact time for machines, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def sentence(text: str) -> str:
    """A text as a sentence: it begins with a capital and ends with a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")


def percent(part: float, whole: float) -> int:
    """Whole percent from 0 to 100; 0 of nothing."""
    return max(0, min(100, round(100 * part / whole))) if whole else 0


STATUS = {
    "pending": "Waiting",
    "downloading": "Running",
    "paused": "Paused",
    "completed": "Done",
    "failed": "Failed",
}
"""The states of queue items and files, as people say them."""

KINDS = {"image": "Pictures", "video": "Videos", "audio": "Sounds", "file": "Other files"}
