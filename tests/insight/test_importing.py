"""Imports: what is read is learned once, whatever stops them, and goes on where it was left."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from insight.exports import INSTALOADER, NEW, archive, folder, lines, person, profile

from entourage.accounts.model import OPERATOR, Actor, Role
from entourage.insight import importing
from entourage.insight.importers import sources
from entourage.insight.importers.model import Broken, Format, Import, Status
from entourage.insight.store.tables import channels, comments, follows, likes, posts
from entourage.kernel import jobs
from entourage.kernel.bus import Bus, Event
from entourage.kernel.db import Database
from entourage.kernel.errors import Conflict, Invalid, NotFound
from entourage.kernel.worker import Worker

ANN = Actor(1, "ann", Role.USER)
BOB = Actor(2, "bob", Role.USER)
PROGRAM = Path(__file__).with_name("import_killed.py")
NAMED = "instagram-dior-2026-01-02-x1Y2z3.zip"


def noted(database: Database, path: Path, actor: Actor = OPERATOR) -> Import:
    return database.write_now(importing.note, actor, path, path.name, sources.fingerprint(path))


def brought(database: Database, path: Path) -> Import:
    return importing.run(database, noted(database, path).id)


def kept(database: Database) -> dict[str, int]:
    with database.reading() as tx:
        tables = (channels, posts, comments, likes, follows)
        return {table.name: tx.value(sa.select(sa.func.count()).select_from(table)) for table in tables}


def many(path: Path, count: int) -> Path:
    path.write_bytes(lines(list(map(profile, range(1, count + 1)))))
    return path


def test_an_import_brings_facts_and_says_how_many_were_new(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 10)
    path.write_bytes(path.read_bytes() + b"nonsense\n" + lines([profile(1, followers=99)]))
    found = brought(database, path)
    assert (found.status, found.format, found.name) == (Status.DONE, Format.FACTS, "facts.jsonl")
    assert found.counts == {"profile": {"told": 11, "new": 10}}
    assert (found.bad, found.problems[0][:24]) == (1, "line 11: JSON is malform")
    assert (found.progress, found.done_bytes, found.finished) == (1.0, found.size, True)
    assert found.finished_at is not None


def test_importing_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    path = archive(tmp_path / NAMED, NEW)
    first = brought(database, path)
    before = kept(database)
    second = brought(database, path)
    assert second.id != first.id
    assert {kind: counts["told"] for kind, counts in second.counts.items()} == {
        kind: counts["told"] for kind, counts in first.counts.items()
    }
    assert sum(counts["new"] for counts in second.counts.values()) == 0
    assert kept(database) == before
    assert before == {"channels": 6, "posts": 5, "comments": 0, "likes": 1, "follows": 5}


def test_what_sidecars_tell_is_joined_to_what_an_export_named(database: Database, tmp_path: Path) -> None:
    brought(database, archive(tmp_path / NAMED, NEW))
    people = kept(database)["channels"]
    brought(database, folder(tmp_path / "kept", INSTALOADER))
    assert kept(database)["channels"] == people  # dior, ann, bob and cem are who the export meant
    with database.reading() as tx:
        found = {row[0]: row[1] for row in tx.all(sa.select(channels.c.handle, channels.c.native_id))}
    assert (found["dior"], found["ann"], found["eve"]) == ("7", "8", "@eve")


def test_only_the_first_hundred_bad_records_are_kept_word_for_word(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b"nonsense\n" * 5000 + lines([profile(1)]) + b"nonsense\n" * 5000)
    found = brought(database, path)
    assert (found.bad, len(found.problems), found.problems[0][:7]) == (10_000, 100, "line 1:")
    assert found.counts == {"profile": {"told": 1, "new": 1}}


def test_a_dry_run_tells_the_same_and_keeps_nothing(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 5000)
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    told: list[tuple[int, int]] = []
    found = importing.examine(path, lambda done, size: told.append((done, size)))
    assert (found.format, found.counts, found.bad, len(found.problems)) == (Format.FACTS, {"profile": 5000}, 1, 1)
    assert told[-1] == (path.stat().st_size, path.stat().st_size)
    assert set(kept(database).values()) == {0}


def test_what_cannot_be_read_at_all_is_noted_with_its_reason(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(Invalid):
        brought(database, path)
    with database.reading() as tx:
        (found,) = importing.listing(tx, OPERATOR)
    assert found.status is Status.FAILED
    assert found.error is not None
    assert "no whole zip archive" in found.error


# Stopped and gone on with


class Stopped(Exception):
    """What ends a run in the middle."""


def stop_after(batches: int) -> Callable[[Import], None]:
    left = [batches]

    def look(_: Import) -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    return look


def test_a_stopped_import_goes_on_where_it_was_and_counts_nothing_twice(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 20_000)
    with pytest.raises(Stopped):
        importing.run(database, noted(database, path).id, stop_after(2))
    left = noted(database, path)
    assert left.status is Status.RUNNING
    assert 0 < left.counts["profile"]["told"] < 20_000
    seen: list[int] = []
    found = importing.run(database, left.id, lambda now: seen.append(now.counts["profile"]["told"]))
    assert found.id == left.id
    assert found.counts == {"profile": {"told": 20_000, "new": 20_000}}
    assert seen[0] > left.counts["profile"]["told"]
    assert kept(database)["channels"] == 20_000


def test_an_input_that_was_changed_is_another_import(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 20_000)
    with pytest.raises(Stopped):
        importing.run(database, noted(database, path).id, stop_after(1))
    before = noted(database, path)
    many(path, 20_001)
    assert noted(database, path).id != before.id


@pytest.mark.parametrize("form", ["lines", "export"])
def test_after_kill_9_the_same_import_goes_on(database_url: str, tmp_path: Path, form: str) -> None:
    if form == "lines":
        path = many(tmp_path / "facts.jsonl", 15_000)
    else:
        people = [{"string_list_data": [{"value": f"user{n}", "timestamp": 1_700_000_000}]} for n in range(6_000)]
        path = archive(tmp_path / NAMED, {"connections/followers_and_following/followers_1.json": people})
    stored: list[int] = []
    kills = 0
    while True:
        with subprocess.Popen(
            [sys.executable, str(PROGRAM), database_url, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines_read = [process.stdout.readline().strip() for _ in range(2)]
            process.kill()
            lines_read += process.stdout.read().split()
        whole = [line for line in lines_read if line]
        stored += [int(line) for line in whole if line != "done"]
        if "done" in whole:
            break
        kills += 1
        assert kills < 50
    assert kills > 0
    assert stored == sorted(stored)
    database = Database(database_url)
    try:
        with database.reading() as tx:
            (found,) = importing.listing(tx, OPERATOR)
        expected = {"lines": ("profile", 15_000, "channels", 15_000), "export": ("follow", 6_000, "follows", 6_000)}
        kind, told, table, rows = expected[form]
        assert found.status is Status.DONE
        assert found.counts[kind]["told"] == told
        assert kept(database)[table] == rows
    finally:
        database.close()


def test_two_at_once_never_count_anything_twice(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 10_000)
    one = noted(database, path)
    assert noted(database, path).id == one.id

    def overtaken(now: Import) -> None:
        if now.counts["profile"]["told"] < 4_000:
            importing.run(database, one.id)

    with pytest.raises(Conflict):
        importing.run(database, one.id, overtaken)
    with database.reading() as tx:
        found = importing.get(tx, OPERATOR, one.id)
    assert found.status is Status.DONE
    assert found.counts == {"profile": {"told": 10_000, "new": 10_000}}
    assert kept(database)["channels"] == 10_000


# As jobs, with their verbs


async def until(database: Database, actor: Actor, import_id: int, wanted: Callable[[Import], bool]) -> Import:
    deadline = time.monotonic() + 60
    while True:
        found = await database.read(importing.get, actor, import_id)
        if wanted(found):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


def finished(found: Import) -> bool:
    return found.finished


async def test_a_planned_import_is_done_by_the_worker_and_told_to_its_owner(database: Database, tmp_path: Path) -> None:
    uploads = tmp_path / "imports"
    uploads.mkdir()
    path = many(uploads / "one.jsonl", 10_000)
    abandoned, young = many(uploads / "two.jsonl", 1), many(uploads / "three.jsonl", 1)
    os.utime(abandoned, (1, 1))
    told: list[Event] = []
    async with Bus(database) as bus:
        bus.listen(told.append)
        importer = importing.Importer(database, bus, uploads)
        await database.write(importing.declare)
        planned = await database.write(importing.add, ANN, path, "my facts", sources.fingerprint(path))
        assert planned.status is Status.WAITING
        async with Worker(database, {"import": importer.handle}, slots=2, on_failed=importing.ON_FAILED):
            found = await until(database, ANN, planned.id, finished)
            while not any(event.kind == "import.finished" for event in told) or path.exists():
                await asyncio.sleep(0.01)
    assert (found.status, found.name, found.counts["profile"]["new"]) == (Status.DONE, "my facts", 10_000)
    assert {event.user for event in told} == {ANN.user_id}
    assert told[0].kind == "import.progress"
    assert told[0].data["import_id"] == planned.id
    assert (path.exists(), abandoned.exists(), young.exists()) == (False, False, True)


def test_an_upload_is_known_by_the_name_it_was_given(database: Database, tmp_path: Path) -> None:
    tree = {"connections/followers_and_following/followers_1.json": [person("ann")]}
    path = archive(tmp_path / "8c1f.zip", tree)
    found = database.write_now(importing.add, ANN, path, NAMED, sources.fingerprint(path))
    assert importing.run(database, found.id).counts["follow"]["new"] == 1
    path.write_bytes(b"PK\x03\x04")
    found = database.write_now(importing.add, ANN, path, "mine.zip", sources.fingerprint(path))
    with pytest.raises(Invalid, match=r"^mine\.zip: "):
        importing.run(database, found.id)


async def test_an_import_that_fails_says_why_and_its_upload_goes(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"<html>")
    async with Bus(database) as bus:
        importer = importing.Importer(database, bus, tmp_path)
        planned = await database.write(importing.add, ANN, path, "page.html", sources.fingerprint(path))
        async with Worker(database, {"import": importer.handle}, slots=2, on_failed=importing.ON_FAILED):
            found = await until(database, ANN, planned.id, finished)
            while path.exists():
                await asyncio.sleep(0.01)
    assert found.status is Status.FAILED
    assert found.error is not None
    assert "nothing in it that can be imported" in found.error


@pytest.mark.parametrize("name", [b"facts\xff.jsonl", b"folder\xff"])
def test_a_name_that_is_no_utf_8_can_be_imported(database: Database, tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    if not path.suffix:
        path.mkdir()
    many(path / os.fsdecode(b"in\xfe.jsonl") if path.is_dir() else path, 5000)
    found = brought(database, path)
    assert (found.name, found.counts["profile"]["new"]) == (path.name.replace("\udcff", "\\xff"), 5000)


async def test_what_cannot_be_kept_fails_the_import_instead_of_putting_it_off(
    database: Database, tmp_path: Path
) -> None:
    path = many(tmp_path / "facts.jsonl", 3)
    brought(database, path)
    with database.writing() as tx:  # somebody else's row has what the next one needs
        tx.run(sa.update(channels).where(channels.c.native_id == "1").values(native_id="9"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    async with Bus(database) as bus:
        importer = importing.Importer(database, bus)
        planned = await database.write(importing.add, ANN, path, path.name, sources.fingerprint(path))
        async with Worker(database, {"import": importer.handle}, slots=2, on_failed=importing.ON_FAILED):
            found = await until(database, ANN, planned.id, finished)
    assert found.status is Status.FAILED
    os.utime(path, (1_600_000_000, 1_600_000_000))
    with pytest.raises(Conflict):
        brought(database, path)
    with database.reading() as tx:
        assert {one.status for one in importing.listing(tx, OPERATOR)} == {Status.DONE, Status.FAILED}


async def test_a_cancelled_import_stops_and_adding_it_again_goes_on(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 15_000)
    async with Bus(database) as bus:
        importer = importing.Importer(database, bus)
        planned = await database.write(importing.add, ANN, path, path.name, sources.fingerprint(path))
        async with Worker(database, {"import": importer.handle}, slots=2, on_failed=importing.ON_FAILED):
            await until(database, ANN, planned.id, lambda now: bool(now.counts))
            stopped = await database.write(importing.cancel, ANN, planned.id)
            assert stopped.status is Status.CANCELLED
            again = await database.write(importing.add, ANN, path, path.name, sources.fingerprint(path))
            found = await until(database, ANN, planned.id, finished)
    assert again.id == planned.id
    assert found.status is Status.DONE
    assert found.counts == {"profile": {"told": 15_000, "new": 15_000}}


def test_an_import_is_its_owners_and_the_administrators_only(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 1)
    anns = database.write_now(importing.add, ANN, path, path.name, sources.fingerprint(path))
    bobs = database.write_now(importing.add, BOB, path, path.name, sources.fingerprint(path))
    assert anns.id != bobs.id
    with database.reading() as tx:
        assert [found.id for found in importing.listing(tx, ANN)] == [anns.id]
        assert [found.id for found in importing.listing(tx, OPERATOR)] == [bobs.id, anns.id]
        with pytest.raises(NotFound):
            importing.get(tx, ANN, bobs.id)
    with pytest.raises(NotFound):
        database.write_now(importing.cancel, ANN, bobs.id)


def test_what_is_not_finished_is_not_forgotten(database: Database, tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 1)
    found = database.write_now(importing.add, ANN, path, path.name, sources.fingerprint(path))
    with pytest.raises(Conflict):
        database.write_now(importing.forget, ANN, found.id)
    database.write_now(importing.cancel, ANN, found.id)
    with database.reading() as tx:
        assert jobs.next_of(tx, f"import/{found.id}") is None
    database.write_now(importing.forget, ANN, found.id)
    with database.reading() as tx:
        assert importing.listing(tx, ANN) == []


def test_what_is_not_there_or_never_ends_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No such file"):
        sources.fingerprint(tmp_path / "nowhere")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(Invalid, match="neither a file nor a folder"):
        sources.fingerprint(pipe)
    with pytest.raises(Invalid, match="neither a file nor a folder"):
        importing.examine(pipe)


def test_a_file_that_became_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    path = many(tmp_path / "facts.jsonl", 3)
    with sources.opened(path) as source:
        (member,) = source.members()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(Broken, match="it is no file any more"):
            member.opened()
