"""How right the methods of insight are: each module `accuracy_*.py` beside this one measures some and gives rows."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "accuracy.md"
DATA = Path(__file__).parent.parent.parent / "shared" / "data"
"""Public data sets that are not part of the project; what stands on the page says which."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the page, off the run that writes it."""

    what: str
    """The method: "mentions", "quality", "gender" …"""
    data: str
    """The data set, by a name under which it can be found."""
    size: int
    """How many cases were judged."""
    measure: str
    """What the figure is and how it was had: "AUC, 10-fold"."""
    value: str
    elsewhere: str = ""
    """What others reached on the same data with the same measure, where that is known."""


Measurement = Callable[[], Iterable[Row]]
"""What such a module calls `rows`: it measures and gives its rows, in the order of the page."""


def modules() -> list[str]:
    """The names of the modules that measure, in the order of the page: by their names."""
    return sorted(path.stem for path in Path(__file__).parent.glob("accuracy_*.py"))


def measure(*, small: bool) -> report.Section:
    """Every measurement once. There is nothing to make smaller: accuracy is counted, not timed."""
    del small
    rows = list(_rows())
    return report.Section(
        "accuracy",
        ("what", "data", "cases", "measure", "Entourage", "reached elsewhere"),
        [(row.what, row.data, f"{row.size:,}", row.measure, row.value, row.elsewhere) for row in rows],
        page=PAGE,
    )


def _rows() -> Iterator[Row]:
    for name in modules():
        rows: Measurement = importlib.import_module(f"benchmarks.{name}").rows
        yield from rows()
