"""`entourage import`: files of facts, exports and sidecars read now, with a progress bar in the terminal."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from entourage.accounts.model import OPERATOR
from entourage.insight import importing
from entourage.insight.importers import sources
from entourage.insight.importers.model import Import
from entourage.kernel.db import Database
from entourage.kernel.errors import EntourageError, Invalid

WORDS: Mapping[str, tuple[str, str]] = {
    "profile": ("profile", "profiles"),
    "post": ("post", "posts"),
    "comment": ("comment", "comments"),
    "like": ("like", "likes"),
    "follow": ("follow", "follows"),
}
_Bar = Callable[[int, int, Mapping[str, int]], None]


def show(paths: Sequence[Path]) -> bool:
    """Read inputs and say what would be imported, keeping nothing; whether all of it could be read."""
    console = _console()
    well = True
    for path in paths:
        try:
            with _bar(console, path) as told:
                found = importing.examine(path, lambda done, size, told=told: told(done, size, {}))
        except EntourageError as error:
            _wrong(console, error)
            well = False
            continue
        console.print(
            f"{_named(path)}: {found.format}: would bring {counted(found.counts)}", markup=False, soft_wrap=True
        )
        if found.ignored:
            console.print(f"{_number(found.ignored, 'file', 'files')} of other kinds left out", soft_wrap=True)
        well &= not _bad(console, found.bad, found.problems)
    return well


def bring(database: Database, paths: Sequence[Path]) -> bool:
    """Import inputs, each from where an earlier run left it; whether every record could be read."""
    console = _console()
    well = True
    for path in paths:
        try:
            found = _one(database, path, console)
        except EntourageError as error:
            _wrong(console, error)
            well = False
            continue
        told = {kind: counts["told"] for kind, counts in found.counts.items()}
        new = sum(counts["new"] for counts in found.counts.values())
        console.print(f"{_named(path)}: {found.format}: {counted(told)}; {new:,} new", markup=False, soft_wrap=True)
        well &= not _bad(console, found.bad, found.problems)
    return well


def _one(database: Database, path: Path, console: Console) -> Import:
    mark = sources.fingerprint(path)
    noted = database.write_now(importing.note, OPERATOR, path, path.name, mark)
    if noted.done_bytes:
        console.print(f"{_named(path)}: goes on where it was left", markup=False, soft_wrap=True)
    with _bar(console, path) as told:
        try:
            return importing.run(
                database,
                noted.id,
                lambda now: told(now.done_bytes, now.size, {kind: one["told"] for kind, one in now.counts.items()}),
            )
        except KeyboardInterrupt:
            console.print("Stopped. What was read is kept; the same command goes on from there.", soft_wrap=True)
            raise


def _named(path: Path) -> str:
    return sources.shown(str(path))


def counted(counts: Mapping[str, int]) -> str:
    """Facts by kind, in words."""
    return ", ".join(_number(count, *WORDS[kind]) for kind, count in counts.items()) or "nothing"


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _console() -> Console:
    return Console(stderr=True, highlight=False)


@contextmanager
def _bar(console: Console, path: Path) -> Generator[_Bar]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(sources.shown(path.name)[:40], total=None, facts="")

        def told(done: int, size: int, counts: Mapping[str, int]) -> None:
            progress.update(task, completed=done, total=size or None, facts=counted(counts) if counts else "")

        yield told


def _bad(console: Console, bad: int, problems: Sequence[str]) -> bool:
    for problem in problems:
        console.print(problem, style="red", markup=False, soft_wrap=True)
    if bad > len(problems):
        console.print(f"… and {bad - len(problems):,} more", style="red", soft_wrap=True)
    if bad:
        told = f"{_number(bad, 'record was', 'records were')} left out; everything else was read"
        console.print(told, style="red", soft_wrap=True)
    return bool(bad)


def _wrong(console: Console, error: EntourageError) -> None:
    lines = [f"{each.field}: {each.message}" for each in error.problems] if isinstance(error, Invalid) else [str(error)]
    for line in lines:
        console.print(f"entourage: {line}", style="red", markup=False, soft_wrap=True)
