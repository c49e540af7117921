"""Imports: files that others made become facts, batch by batch, each with the place where the next run goes on."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from entourage.accounts.model import Actor
from entourage.insight import recording
from entourage.insight.importers import reading, sources
from entourage.insight.importers.model import Format, Import, Status
from entourage.insight.importers.reading import Batch
from entourage.insight.store import imports as store
from entourage.kernel import events, jobs, lanes
from entourage.kernel.budget import Limits
from entourage.kernel.bus import Bus
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict, Invalid, NotFound
from entourage.kernel.jobs import Job
from entourage.kernel.outcomes import Done, Failed, Outcome, Postpone
from entourage.kernel.worker import Running
from entourage.networks.facts import Fact, FollowFact

log = logging.getLogger(__name__)

LANE: Final = "imports"
SHOWN: Final = 100
"""So many bad records are kept word for word; the others are counted."""
TRIES: Final = 25
"""A worker that is stopped in the middle uses one up; a file that brings workers down has to end some time."""
TOLD_SECONDS: Final = 0.25
PAUSES: Final = (0.0, 0.2, 1.0, 3.0)
"""Before each look at an import that somebody else moves at the same time."""
LATER_SECONDS: Final = 30.0
LEFT_SECONDS: Final = 24 * 3600
"""So old must an upload be that no import wants before it is thrown away."""
OnProgress = Callable[[Import], None]


class TakenOver(Conflict):
    """An import was stopped, or another process goes on with it."""


def declare(tx: Tx) -> None:
    """Give the imports' lane its limit: one at a time, for they all write to the same tables."""
    lanes.declare(tx, LANE, Limits(at_once=1))


def add(tx: Tx, actor: Actor, path: Path, name: str, fingerprint: str) -> Import:
    """Plan an import of what lies at `path` (a file, a folder or an archive on this machine), shown as `name`.

    Where the same input was begun before and not finished, that import goes on: `fingerprint` tells (see sources; it
    is taken before the transaction begins, for it takes a while).
    """
    found = note(tx, actor, path, name, fingerprint)
    if found.finished:
        store.wait(tx, found.id)
    jobs.defer(
        tx, "import", {"import": found.id}, lanes=(LANE,), subject=_subject(found.id), max_attempts=TRIES,
        key=_subject(found.id),
    )  # fmt: skip
    return _there(tx, found.id)


def note(tx: Tx, actor: Actor, path: Path, name: str, fingerprint: str) -> Import:
    """The import of an input, to be run by the caller: the one that was begun, or a new one."""
    twin = store.unfinished_twin(tx, actor.user_id, fingerprint)
    if twin is not None:
        return twin
    made = store.insert(
        tx,
        owner=actor.user_id,
        name=sources.shown(name),
        path=sources.written(path.resolve()),
        fingerprint=fingerprint,
    )
    return _there(tx, made)


def listing(tx: Tx, actor: Actor, most: int = 100) -> Sequence[Import]:
    """The actor's imports, newest first; an administrator sees all."""
    return store.listing(tx, None if actor.admin else actor.user_id, most)


def get(tx: Tx, actor: Actor, import_id: int) -> Import:
    """The import; raises NotFound."""
    found = store.get(tx, import_id)
    if found is None or not (actor.admin or found.owner == actor.user_id):
        raise NotFound("There is no such import.")
    return found


def cancel(tx: Tx, actor: Actor, import_id: int) -> Import:
    """Stop an import; what it brought stays, and adding the same input again goes on. Raises NotFound."""
    found = get(tx, actor, import_id)
    if not found.finished:
        store.end(tx, found.id, Status.CANCELLED)
        jobs.cancel(tx, subject=_subject(found.id))
        _tell_finished(tx, found)
    return get(tx, actor, import_id)


def forget(tx: Tx, actor: Actor, import_id: int) -> None:
    """Take a finished import off the list; what it brought stays. Raises NotFound, Conflict."""
    found = get(tx, actor, import_id)
    if not found.finished:
        raise Conflict("This import is not finished; cancel it first.")
    store.delete(tx, found.id)


def _there(tx: Tx, import_id: int) -> Import:
    found = store.get(tx, import_id)
    if found is None:
        raise NotFound("There is no such import.")
    return found


def _subject(import_id: int) -> str:
    return f"import/{import_id}"


def _tell_finished(tx: Tx, found: Import) -> None:
    events.publish(tx, "import.finished", {"import_id": found.id, "name": found.name}, user=found.owner)


# Running


@dataclass(frozen=True, slots=True)
class Examined:
    """What a dry run tells: what would be imported, and what is wrong with the rest."""

    format: Format
    counts: Mapping[str, int]
    bad: int
    problems: Sequence[str]
    ignored: int


def examine(path: Path, on_progress: Callable[[int, int], None] | None = None) -> Examined:
    """Read everything and keep nothing; `on_progress` is told bytes done and bytes in all. Raises NotFound, Invalid."""
    counts: dict[str, int] = {}
    problems: list[str] = []
    bad = ignored = 0
    with sources.opened(path) as source:
        seen = reading.survey(source)
        for batch in reading.batches(source, seen, {}):
            for kind, told in _told(batch.facts).items():
                counts[kind] = counts.get(kind, 0) + told
            problems += [f"{each.where}: {each.why}" for each in batch.bad[: SHOWN - len(problems)]]
            bad += len(batch.bad)
            ignored += batch.ignored
            if on_progress is not None:
                on_progress(batch.done, seen.size)
    return Examined(seen.format, counts, bad, problems, ignored)


def _told(facts: Sequence[Fact]) -> Mapping[str, int]:
    """How many of each kind; a follow that was seen at two times is one."""
    counts = Counter(str(fact.__struct_config__.tag) for fact in facts)
    if "follow" in counts:
        edges = {(fact.network, fact.follower, fact.followed) for fact in facts if isinstance(fact, FollowFact)}
        counts["follow"] = len(edges)
    return counts


class _Run:
    """One import under way: the input open, and how far it was noted down."""

    def __init__(self, found: Import) -> None:
        self.found = found
        self._batches: Iterator[Batch] | None = None
        self._stack = contextlib.ExitStack()
        self._size = 0
        self._format: Format | None = None
        self._used = threading.Lock()
        """A thread that was left behind by a cancelled job may still read."""

    def open(self) -> None:
        """Look at the input; raises NotFound, Invalid."""
        source = self._stack.enter_context(sources.opened(sources.path_of(self.found.path), self.found.name))
        seen = reading.survey(source)
        self._size, self._format = seen.size, seen.format
        self._batches = reading.batches(source, seen, self.found.position)

    def begin(self, tx: Tx) -> None:
        """Note that it runs, in this process from now on."""
        store.start(tx, self.found.id, form=self._format, size=self._size)
        self.found = _there(tx, self.found.id)

    def next(self) -> Batch | None:
        """The next batch; None at the end."""
        with self._used:
            return None if self._batches is None else next(self._batches, None)

    def keep(self, tx: Tx, batch: Batch) -> Import:
        """Learn a batch and note where the next begins, both or neither; raises TakenOver where it is not ours now."""
        learned = recording.learn(tx, batch.facts)
        counts = {kind: dict(found) for kind, found in self.found.counts.items()}
        for kind, told in _told(batch.facts).items():
            count = counts.setdefault(kind, {"told": 0, "new": 0})
            count["told"] += told
            count["new"] += min(told, learned.new.get(kind, 0))
        room = max(0, SHOWN - len(self.found.problems))
        problems = [*self.found.problems, *(f"{bad.where}: {bad.why}" for bad in batch.bad[:room])]
        moved: dict[str, Any] = {
            "position": batch.position,
            "done_bytes": min(batch.done, self._size),
            "counts": counts,
            "bad": self.found.bad + len(batch.bad),
            "problems": problems,
        }
        if not store.move(tx, self.found, **moved):
            raise TakenOver("This import was stopped, or another process goes on with it.")
        return replace(self.found, **moved)

    def close(self) -> None:
        """Let go of the input."""
        with self._used:
            self._batches = None
            self._stack.close()


@contextlib.contextmanager
def _running(found: Import) -> Generator[_Run]:
    run = _Run(found)
    try:
        yield run
    finally:
        run.close()


def run(database: Database, import_id: int, on_progress: OnProgress | None = None) -> Import:
    """Do an import in this thread, from where it was left; the import as it ended.

    Raises NotFound and Invalid where nothing could be read, and Conflict where something could not be kept (both are
    noted down as well); TakenOver where another process took it over.
    """
    found = database.write_now(_there, import_id)
    try:
        with _running(found) as work:
            work.open()
            database.write_now(work.begin)
            while (batch := work.next()) is not None:
                work.found = database.write_now(work.keep, batch)
                if on_progress is not None:
                    on_progress(work.found)
            return database.write_now(_finish, import_id, Status.DONE)
    except TakenOver:
        raise
    except (NotFound, Invalid, Conflict) as error:
        database.write_now(_finish, import_id, Status.FAILED, str(error))
        raise


def _finish(tx: Tx, import_id: int, status: Status, error: str | None = None) -> Import:
    if store.end(tx, import_id, status, error, only_unfinished=True):
        _tell_finished(tx, _there(tx, import_id))
    return _there(tx, import_id)


@dataclass(slots=True)
class Importer:
    """Does the imports that are planned as jobs. Files in `uploads` are deleted when their import has ended."""

    database: Database
    bus: Bus
    uploads: Path | None = None
    _told: dict[int, float] = field(default_factory=dict[int, float])

    async def handle(self, job: Job, running: Running) -> Outcome:  # noqa: ARG002 - as handlers are called
        """Do one import, or go on with it; a cancelled one ends between two batches."""
        reason = ""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            found = await self.database.read(store.get, int(job.args["import"]))
            if found is None or found.finished:
                return Done()
            try:
                return await self._do(found)
            except TakenOver as error:  # cancelled, or what a cancelled run was just storing came in between
                reason = str(error)
        return Postpone(LATER_SECONDS, reason)

    async def _do(self, found: Import) -> Outcome:
        try:
            await self._bring(found)
        except TakenOver:
            raise
        except (NotFound, Invalid, Conflict) as error:
            await self._clear(await self.database.write(_finish, found.id, Status.FAILED, str(error)))
            return Failed(str(error))
        await self._clear(await self.database.write(_finish, found.id, Status.DONE))
        return Done()

    async def _bring(self, found: Import) -> None:
        with _running(found) as work:
            await asyncio.to_thread(work.open)
            await self.database.write(work.begin)
            self._tell(work.found)
            while (batch := await asyncio.to_thread(work.next)) is not None:
                work.found = await self.database.write(work.keep, batch)
                self._tell(work.found)

    def _tell(self, found: Import) -> None:
        now = time.monotonic()
        if now - self._told.get(found.id, 0.0) < TOLD_SECONDS:
            return
        self._told = {found.id: now}
        told = {
            "import_id": found.id,
            "name": found.name,
            "progress": round(found.progress, 4),
            "counts": found.counts,
            "bad": found.bad,
        }
        self.bus.tell("import.progress", told, user=found.owner, about=found.id)

    async def _clear(self, found: Import) -> None:
        """Delete the upload that was imported, and those that nobody came back for."""
        if self.uploads is None or not await asyncio.to_thread(self.uploads.is_dir):
            return
        in_use = await self.database.read(store.paths_in_use)
        await asyncio.to_thread(_sweep, self.uploads, sources.path_of(found.path), in_use)


def _sweep(uploads: Path, done: Path, in_use: set[str]) -> None:
    for path in uploads.resolve().iterdir():
        with contextlib.suppress(OSError):
            old = time.time() - path.stat().st_mtime > LEFT_SECONDS
            if path.is_file() and sources.written(path) not in in_use and (path == done or old):
                path.unlink()


def job_failed(tx: Tx, job: Job, reason: str) -> None:
    """Note on the import that its job failed for good (see kernel.settling)."""
    _finish(tx, int(job.args["import"]), Status.FAILED, reason)


ON_FAILED = {"import": job_failed}
