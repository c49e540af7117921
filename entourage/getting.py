"""`entourage get`: addresses downloaded now, with a progress bar in the terminal."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from entourage import app
from entourage.accounts.model import OPERATOR
from entourage.archive import previews, queue
from entourage.archive.model import FINISHED, Item, ItemStatus, Profile, Wish
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid, Problem
from entourage.kernel.settings import Settings

LOOK_SECONDS = 0.2
STILL_SECONDS, SAID_SECONDS = 3.0, 30.0
IMPATIENT_SECONDS = 0.5
"""How long somebody who presses Ctrl+C waits for what is nearly there."""


def wish(url: str, given: argparse.Namespace) -> Wish:
    """What the command line asks for."""
    return Wish(
        url=url,
        platform=given.platform,
        source=given.source,
        content_type=given.content_type,
        priority=1,
        max_downloads=given.max_downloads,
        days_back=given.days_back,
        profile=Profile(given.profile) if given.profile else None,
    )


def checked(wishes: Sequence[Wish]) -> None:
    """Raise Invalid for what cannot be asked for, each problem under its address, before anything is opened."""
    problems: list[Problem] = []
    for each in wishes:
        try:
            queue.checked(each)
        except Invalid as error:
            problems += [
                Problem(each.url if problem.field == "url" else f"--{problem.field.replace('_', '-')}", problem.message)
                for problem in error.problems
            ]
    if problems:
        raise Invalid(*dict.fromkeys(problems))


async def show(settings: Settings, wishes: Sequence[Wish]) -> bool:
    """List what is behind the addresses without fetching it; whether all could be listed."""
    err = Console(stderr=True, highlight=False)
    well = True
    async with app.opened(settings, console=False) as parts:
        for each in wishes:
            try:
                found = await previews.preview(parts.archive, OPERATOR, each, most=1000)
            except EntourageError as error:
                err.print(_named(each.url, error), style="red", markup=False, soft_wrap=True)
                well = False
                continue
            for media in found.media:
                sys.stdout.write(f"{media.filename}\t{media.url}\n")
            more = " and more" if found.more else ""
            told = f"{found.title}: {len(found.media)} files{more}, {found.known} of them kept already"
            err.print(told, markup=False, soft_wrap=True)
    return well


async def get(settings: Settings, wishes: Sequence[Wish]) -> bool:
    """Fetch what is behind the addresses; whether everything came. Ctrl+C stops; what is left stays in the queue."""
    console = Console(stderr=True, highlight=False)
    async with app.opened(settings, console=False) as parts:
        ids = [await _queued(parts.database, each) for each in wishes]
        watching = asyncio.create_task(_watch(parts.database, ids, console))
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, watching.cancel)
        try:
            async with parts.worker(grace=IMPATIENT_SECONDS):
                items = await watching
        except asyncio.CancelledError:
            told = "Stopped. What was not finished stays in the queue and goes on with the next start."
            console.print(told, soft_wrap=True)
            return False
        failures = await parts.database.read(_failures, ids)
    for failure in failures:
        console.print(failure, style="red", markup=False, soft_wrap=True)
    for item in items:
        kept = f"{item.items_known} kept already" if item.items_known else ""
        console.print(f"{item.title or item.source}: {item.items_done} new files", kept, markup=False, soft_wrap=True)
    return all(item.status is ItemStatus.COMPLETED for item in items)


async def _queued(database: Database, each: Wish) -> int:
    try:
        return (await database.write(queue.add, OPERATOR, each)).id
    except Conflict:
        twin = await database.read(queue.twin, OPERATOR, each)
        if twin is None:
            raise
        if twin.status is ItemStatus.PAUSED:  # it is asked for now, and nobody else would let it go on
            await database.write(queue.change, OPERATOR, twin.id, status=ItemStatus.PENDING)
        return twin.id


def _failures(tx: Tx, ids: Sequence[int]) -> Sequence[str]:
    lines: list[str] = []
    for item_id in ids:
        item = queue.get(tx, OPERATOR, item_id)
        lines += queue.failed_files(tx, OPERATOR, item_id)
        if item.error:
            lines.append(_named(item.url, item.error))
    return lines


def _named(url: str, error: object) -> str:
    return str(error) if url in str(error) else f"{url}: {error}"


def _look(tx: Tx, ids: Sequence[int]) -> Sequence[Item]:
    return [queue.get(tx, OPERATOR, item_id) for item_id in ids]


def _reasons(tx: Tx, ids: Sequence[int]) -> Sequence[str]:
    """Why each item that waits does, in a line."""
    waiting = ((queue.get(tx, OPERATOR, item_id), queue.why(tx, OPERATOR, item_id)) for item_id in ids)
    return [f"{item.title or item.source}: {why}" for item, why in waiting if why]


class _Stillness:
    """Notices that nothing has moved for a while, and lets the reasons be told: each once, and now and then only."""

    def __init__(self) -> None:
        self._before: object = None
        self._next_at = time.monotonic() + STILL_SECONDS
        self._told: set[str] = set()

    def of(self, items: Sequence[Item]) -> bool:
        """Whether it is time to say why nothing moves."""
        now = [(item.items_done, item.items_failed, item.items_total, item.bytes_done) for item in items]
        if now != self._before:
            self._before, self._next_at = now, time.monotonic() + STILL_SECONDS
        return time.monotonic() >= self._next_at

    def news(self, reasons: Sequence[str]) -> Sequence[str]:
        """Those that were not told before."""
        fresh = [reason for reason in reasons if reason not in self._told]
        self._told.update(fresh)
        self._next_at = time.monotonic() + (SAID_SECONDS if fresh else STILL_SECONDS)
        return fresh


async def _watch(database: Database, ids: Sequence[int], console: Console) -> Sequence[Item]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
    )
    bars: dict[int, TaskID] = {}
    stillness = _Stillness()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        while True:
            items = await database.read(_look, ids)
            if stillness.of(items):
                for reason in stillness.news(await database.read(_reasons, ids)):
                    console.print(reason, markup=False, soft_wrap=True)
            for item in items:
                if item.id not in bars:
                    bars[item.id] = progress.add_task(item.source, total=None, size="")
                progress.update(
                    bars[item.id],
                    description=(item.title or item.source)[:40],
                    completed=item.items_done + item.items_failed,
                    total=max(item.items_total, item.expected or 0) or None,
                    size=f"{item.bytes_done / 1e6:.1f} MB",
                )
            if all(item.status in FINISHED for item in items):
                return items
            await asyncio.sleep(LOOK_SECONDS)
