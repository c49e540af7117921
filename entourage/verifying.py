"""`entourage verify`: everything that is kept is hashed again, with a progress bar."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from entourage import app
from entourage.archive import verification
from entourage.kernel.settings import Settings


async def verify(settings: Settings) -> bool:
    """Hash what is kept again; whether every file is sound. What is not is named on standard output."""
    err, out = Console(stderr=True, highlight=False), Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with app.opened(settings, console=False) as parts:
        count, _ = await parts.database.read(verification.kept)
        with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
            bar = progress.add_task("Verifying", total=count)
            report = await verification.verify(
                parts.database, parts.shelf, told=lambda so_far: progress.update(bar, completed=so_far.checked)
            )
    for problem in report.problems:
        out.print(problem, markup=False, soft_wrap=True)
    sound = report.checked - report.unsound
    out.print(f"{sound} of {report.checked} files are sound ({report.size / 1e6:.1f} MB hashed).")
    if report.relinked:
        out.print(f"{report.relinked} links of the library were missing and are there again.")
    return not report.unsound
