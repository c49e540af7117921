"""The one source of time, so that tests can replace it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present in UTC, in whole milliseconds (what the database keeps)."""


def system_clock() -> datetime:
    """The present by the machine's clock, in UTC and whole milliseconds."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)
