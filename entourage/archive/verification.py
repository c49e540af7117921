"""Verification: what is kept is hashed again and compared with what was recorded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from entourage.archive.files import Shelf
from entourage.archive.store import downloads as store
from entourage.kernel.db import Database, Tx

BATCH = 200
_START = ""


@dataclass(slots=True)
class Report:
    """What a verification found. `problems` has a sentence for each unsound file; `last` is where it stopped."""

    checked: int = 0
    size: int = 0
    damaged: int = 0
    missing: int = 0
    relinked: int = 0
    problems: list[str] = field(default_factory=list[str])
    last: str = _START

    @property
    def unsound(self) -> int:
        """Files that are not what was recorded."""
        return self.damaged + self.missing


async def verify(
    database: Database,
    shelf: Shelf,
    *,
    after: str = _START,
    until: float | None = None,
    told: Callable[[Report], None] | None = None,
) -> Report:
    """Re-hash kept files in the order of their hashes, from `after` on, until `until` (monotonic seconds).

    What is damaged or missing is marked, never deleted; readable links that are missing are made again.
    """
    report = Report(last=after)
    while until is None or time.monotonic() < until:
        batch = await database.read(store.blobs_after, report.last, BATCH)
        if not batch:
            report.last = _START
            break
        for sha256, size, _ in batch:
            await _check(database, shelf, report, sha256, size)
            report.last = sha256
            if told is not None:
                told(report)
            if until is not None and time.monotonic() >= until:
                break
    return report


async def _check(database: Database, shelf: Shelf, report: Report, sha256: str, size: int) -> None:
    report.checked += 1
    path = shelf.blobs.path(sha256)
    if not path.exists():
        report.missing += 1
        problem = "is missing"
    elif not await asyncio.to_thread(shelf.blobs.verify, sha256):
        report.damaged += 1
        problem = "is damaged: its bytes have changed"
    else:
        report.size += size
        await database.write(store.mark_verified, sha256, damaged=False)
        for owner_path in await database.read(_paths, sha256):
            report.relinked += await asyncio.to_thread(shelf.library.relink, owner_path, path)
        return
    await database.write(store.mark_verified, sha256, damaged=True)
    names = await database.read(_names, sha256)
    report.problems.append(f"{', '.join(names) or sha256} {problem}")


def _paths(tx: Tx, sha256: str) -> Sequence[str]:
    return [download.path for download in store.with_content(tx, sha256) if download.path]


def _names(tx: Tx, sha256: str) -> Sequence[str]:
    return [f"{download.filename} (download {download.id})" for download in store.with_content(tx, sha256)]


async def scrub(database: Database, shelf: Shelf, seconds: float) -> Report:
    """Verify for so long, going on where the last scrub stopped."""
    after = await database.read(store.scrub_mark)
    report = await verify(database, shelf, after=after, until=time.monotonic() + seconds)
    await database.write(store.set_scrub_mark, report.last)
    return report


def kept(tx: Tx) -> tuple[int, int]:
    """How many files are kept, each content once, and their bytes."""
    return store.blob_sums(tx)
