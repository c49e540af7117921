"""A clock for tests."""

from datetime import UTC, datetime, timedelta

from entourage.kernel.clock import Steady


class TestClock:
    """A clock that stands still until told. `advance`: time passes; `jump`: somebody sets the clock."""

    __test__ = False

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        self.passed = 0.0

    def __call__(self) -> datetime:
        return self.now

    def steady(self) -> Steady:
        return Steady("test", int(self.passed * 1000))

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed += seconds

    def jump(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
