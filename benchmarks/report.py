"""What a benchmark found, as a table for the terminal and for the guide."""

import os
import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "performance.md"


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's numbers. `notes` say under which conditions they were found."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    page: Path = PAGE
    """The page of the guide that shows them."""

    def text(self) -> str:
        """For a terminal."""
        table = [self.columns, *self.rows]
        widths = [max(len(row[index]) for row in table) for index in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([f"== {self.name}", *lines, *(f"  {note}" for note in self.notes)])

    def markdown(self) -> str:
        """For the guide."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]
        return "\n".join([*table, "", *(f"{note}\n" for note in self.notes)]).rstrip()


def machine() -> str:
    """The facts that a number depends on."""
    cpu = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    parts = [
        f"{os.cpu_count()} x {cpu[1].strip() if cpu else platform.machine()}",
        f"{int(memory[1]) // 1_000_000} GB of memory" if memory else "",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"load {os.getloadavg()[0]:.1f} before",
        f"{datetime.now(UTC):%Y-%m-%d}",
    ]
    return ", ".join(part for part in parts if part)


def _read(path: str) -> str:
    return Path(path).read_text("utf-8") if Path(path).exists() else ""


def write(section: Section, facts: str) -> None:
    """Put the numbers into the guide, between the marks of their name."""
    page = section.page.read_text("utf-8")
    begin, end = f"<!-- {section.name}: begin -->", f"<!-- {section.name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{section.page} has no place for {section.name}")
    section.page.write_text(f"{before}{begin}\n\n{section.markdown()}\n\nMeasured on {facts}.\n\n{end}{after}", "utf-8")


def ratio(ours: float, theirs: float) -> str:
    """How many times theirs ours is."""
    return f"{ours / theirs:.2f}" if theirs else "-"


def middle(values: Sequence[float]) -> float:
    """The median: one disturbed run does not count."""
    return statistics.median(values)
