"""Housekeeping: what is cleaned up once a day, and the scrub that re-hashes what is kept."""

import asyncio
from datetime import timedelta

from entourage.accounts import sessions
from entourage.archive import preferences, verification
from entourage.archive.faces import Faces
from entourage.archive.files import Shelf
from entourage.archive.store import queue as queue_store
from entourage.archive.store import schedules as schedule_store
from entourage.kernel import jobs, logs
from entourage.kernel.db import Database, Tx

EVERY = timedelta(days=1)
KEEP_JOBS = timedelta(hours=1)
STALE_PART = timedelta(days=30).total_seconds()
SCRUB_SECONDS = 600.0
"""A day's scrub reads for at most ten minutes and goes on where it stopped the day before."""

log = logs.logger("Housekeeping")


def plan_next(tx: Tx) -> None:
    """Plan tomorrow's clean-up."""
    jobs.defer(tx, "housekeeping", {}, lanes=("housekeeping",), priority=jobs.LAST, run_at=tx.now + EVERY)


def plan_first(tx: Tx) -> None:
    """Plan a clean-up unless one is planned already."""
    if not jobs.planned(tx, "housekeeping"):
        jobs.defer(
            tx, "housekeeping", {}, lanes=("housekeeping",), priority=jobs.LAST, run_at=tx.now + timedelta(minutes=5)
        )  # fmt: skip


async def tidy(database: Database, shelf: Shelf, faces: Faces) -> None:
    """Let go of what is old by the preferences, and re-hash part of what is kept."""
    days = (await database.read(preferences.current)).general.auto_cleanup_days
    if days:
        while await database.write(_forget_old, timedelta(days=days)):
            pass
    while await database.write(_purge_jobs):
        pass
    await database.write(sessions.tidy)
    await asyncio.to_thread(shelf.blobs.sweep, STALE_PART)
    await asyncio.to_thread(faces.sweep)
    report = await verification.scrub(database, shelf, SCRUB_SECONDS)
    if report.unsound:
        log.error(f"{report.unsound} kept files are damaged or missing; run `entourage verify` for the list")


def _forget_old(tx: Tx, age: timedelta) -> int:
    moment = tx.now - age
    items = queue_store.finished_before(tx, moment)
    for item in items:
        queue_store.delete(tx, item)
    schedule_store.clear_history(tx, moment)
    return len(items)


def _purge_jobs(tx: Tx) -> int:
    return jobs.purge(tx, tx.now - KEEP_JOBS)
