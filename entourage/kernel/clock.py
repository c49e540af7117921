"""The one source of time, so that tests can replace it."""

import contextlib
import math
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

Clock = Callable[[], datetime]
"""Returns the present in UTC, in whole milliseconds (what the database keeps)."""


LONGEST_WAIT = 86_400.0
"""Seconds. Nobody makes us wait longer at once, by mistake or on purpose: after a day we ask again."""


def bearable(seconds: float) -> float:
    """A wait that somebody told, in seconds, as far as we follow it: never negative, never endless, never NaN."""
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


class Steady(NamedTuple):
    """A reading of a clock that nobody sets: milliseconds since the machine started, comparable within one `boot`."""

    boot: str
    ms: int


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._boot = f"{socket.gethostname()}/{uuid.uuid4()}"
        # Since boot and through suspend, the same for every process of the machine; elsewhere good for this process.
        self._source = getattr(time, "CLOCK_BOOTTIME", None)
        if self._source is not None:
            with contextlib.suppress(OSError):
                self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def __call__(self) -> datetime:
        """The present in UTC and whole milliseconds."""
        return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

    def steady(self) -> Steady:
        """How long this machine has been running."""
        seconds = time.monotonic() if self._source is None else time.clock_gettime(self._source)
        return Steady(self._boot, int(seconds * 1000))


system_clock = SystemClock()
"""The present by the machine's clock, in UTC and whole milliseconds."""


def steady(clock: Clock) -> Steady | None:
    """The steady reading that belongs to `clock`, or None where it has none (then only its own word counts)."""
    read = getattr(clock, "steady", None)
    return None if read is None else read()
