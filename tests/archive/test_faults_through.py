"""What goes wrong on the way, through the whole archive: a file is kept with the right bytes or fails with a reason."""

import asyncio
import gzip
import hashlib
import io
import shutil
import sqlite3
import sys
import zlib
from collections.abc import AsyncGenerator
from pathlib import Path

import faults
import psycopg
import pytest
from bench import ADMIN, ANN, Bench, html, jpeg, opened, picture
from faults import Asked, FaultServer, File, content
from PIL import Image
from servers.entourage_server import entourage, started

from entourage.archive import preferences, queue, verification
from entourage.archive.model import FINISHED, DownloadStatus, Item, ItemStatus
from entourage.kernel import lanes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncGenerator[FaultServer]:
    async with FaultServer() as begun:
        yield begun


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copyfile(sqlite_template, tmp_path / "entourage.db")
    return f"sqlite:///{tmp_path / 'entourage.db'}"


@pytest.fixture
async def bench(sqlite_url: str, tmp_path: Path) -> AsyncGenerator[Bench]:
    async with opened(sqlite_url, tmp_path / "data") as ready:
        yield ready


async def many_at_once(bench: Bench) -> None:
    patch = {"general": {"concurrent_downloads": 16}}
    await bench.parts.database.write(preferences.change, ADMIN, patch, bench.parts.secrets)


async def over(bench: Bench, item: Item, seconds: float) -> Item:
    """The item once it is finished, however long its tries take."""
    async with asyncio.timeout(seconds):
        while (found := await bench.item(item)).status not in FINISHED:
            await asyncio.sleep(0.1)
    return found


async def nothing_half_written(bench: Bench, right: dict[str, bytes]) -> None:
    """What is kept is right, byte for byte, and nothing else can be seen: no blob, no link, no note."""
    kept = await bench.kept(status=DownloadStatus.COMPLETED)
    assert {one.media_url.rpartition("/")[2]: bench.bytes_of(one) for one in kept} == right
    data = bench.parts.settings.data
    hashes = {path.name for path in (data / "blobs").glob("*/*")}
    assert hashes == {hashlib.sha256(body).hexdigest() for body in right.values()}
    assert sum(path.is_symlink() for path in (data / "library").rglob("*")) == len(right)
    report = await verification.verify(bench.parts.database, bench.parts.shelf)
    assert (report.checked, report.unsound) == (len(hashes), 0)


async def test_what_another_try_mends_is_kept_with_the_right_bytes(bench: Bench, server: FaultServer) -> None:
    await many_at_once(bench)
    right = {f"{name}.jpg": picture(number, 300, 200) for number, name in enumerate(
        ("cut", "ignored", "weak", "silent", "changed", "deaf", "slow429", "busy503", "packed", "moved", "chunked")
    )}  # fmt: skip
    half = 40_000

    def put(name: str, reply: faults.Reply) -> None:
        server.on(f"/{name}.jpg", reply)

    async def changing(asked: Asked, writer: asyncio.StreamWriter, *, heeds: bool) -> None:
        name = asked.path.strip("/")
        if asked.before == 0:
            await jpeg(picture(77, 310, 210), cuts=[half], etag='"old"')(asked, writer)
        else:
            await jpeg(right[name], etag='"new"', if_range=heeds)(asked, writer)

    async def changed(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await changing(asked, writer, heeds=True)

    async def deaf(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await changing(asked, writer, heeds=False)

    put("cut", jpeg(right["cut.jpg"], cuts=[half]))
    put("ignored", jpeg(right["ignored.jpg"], cuts=[half], ranges=False))
    put("weak", jpeg(right["weak.jpg"], cuts=[half], etag='W/"weak"'))
    put("silent", jpeg(right["silent.jpg"], cuts=[half], names_itself=False))
    put("changed", changed)
    put("deaf", deaf)
    again = "Retry-After: 1"
    put("slow429", faults.status("429 Too Many Requests", again, times=1, then=jpeg(right["slow429.jpg"])))
    put("busy503", faults.status("503 Busy", again, times=2, then=jpeg(right["busy503.jpg"])))
    packed = gzip.compress(right["packed.jpg"])
    put("packed", faults.page(packed, "Content-Type: image/jpeg", "Content-Encoding: gzip"))
    async with FaultServer() as other:
        put("moved", faults.redirect(other.on("/moved.jpg", jpeg(right["moved.jpg"]))))
        put("chunked", jpeg(right["chunked.jpg"], cuts=[half], chunked=True, promises=False))
        item = await over(bench, await bench.add(server.on("/page", html(*(f"/{name}" for name in right)))), 60)
    assert (item.status, item.items_done) == (ItemStatus.COMPLETED, len(right)), item
    await nothing_half_written(bench, right)
    assert list(bench.parts.shelf.blobs.incoming.iterdir()) == []


@pytest.mark.timeout(180)  # half a minute of silence is part of it
async def test_what_cannot_be_mended_fails_with_its_reason(bench: Bench, server: FaultServer) -> None:
    await many_at_once(bench)
    await bench.try_once()
    body = picture(1, 300, 200)
    half = len(body) // 2
    kind = "Content-Type: image/jpeg"
    wrong: dict[str, tuple[faults.Reply, str]] = {
        "cut": (jpeg(body, cuts=[half] * 9), "cut off"),
        "promised": (jpeg(body[:half], promise=len(body)), "cut off"),
        "lied": (jpeg(body[:half], promise=len(body), chunked=True), "promised"),
        "unended": (jpeg(body, cuts=[half] * 9, chunked=True, promises=False), "lost|cut|ended"),
        "silently": (jpeg(body[:half], promises=False), "decode|picture|damaged|cut"),
        "circle": (faults.redirect("/circle.jpg"), "circle"),
        "drip": (faults.drip(5, 1.0), "stalled"),
        "stall": (faults.stall(faults.head("200 OK", kind, f"Content-Length: {len(body)}") + body[:half]), "stalled"),
        "login": (faults.page(b"<!doctype html><title>Sign in</title><p>Please", kind), "web page"),
        "gone": (faults.missing, "404"),
        "bomb": (_bomb(kind), "bomb"),
        "endless": (faults.endless(kind), "larger than"),
        "inside": (faults.redirect("http://10.99.0.1/secret.jpg"), "10.99.0.1"),
        "metadata": (faults.redirect("http://169.254.169.254/latest/meta-data/"), "169.254.169.254"),
        "scheme": (faults.redirect("file:///etc/passwd"), "http"),
        "pixels": (faults.page(_pixel_bomb(), "Content-Type: image/png"), "absurd|claims"),
        "empty": (faults.page(b"", kind), "empty|picture|byte"),
    }
    for name, (reply, _) in wrong.items():
        server.on(f"/{name}.jpg", reply)
    server.on("/good.jpg", jpeg(body))
    sources = [*(f"/{name}.jpg" for name in wrong), "/good.jpg"]
    item = await over(bench, await bench.add(server.on("/page", html(*sources))), 100)
    assert (item.status, item.items_done, item.items_failed) == (ItemStatus.FAILED, 1, len(wrong)), item
    failed = {one.filename.partition(".")[0]: one for one in await bench.kept(status=DownloadStatus.FAILED)}
    said = {name: str(failed[name].error) for name in wrong}
    unclear = {
        name: said[name] for name, (_, words) in wrong.items() if not any(w in said[name] for w in words.split("|"))
    }
    assert unclear == {}
    assert all(one.path is None and one.sha256 is None for one in failed.values())
    await nothing_half_written(bench, {"good.jpg": body})


def _bomb(kind: str) -> faults.Reply:
    """A picture's body that is a small gzip of very many zeros, which nobody asked for."""
    return faults.page(gzip.compress(bytes(100_000_000), 9), kind, "Content-Encoding: gzip")


def _pixel_bomb() -> bytes:
    """A PNG of few bytes that claims, truly, to be of 900 million pixels."""

    def chunk(name: bytes, inner: bytes) -> bytes:
        return len(inner).to_bytes(4, "big") + name + inner + zlib.crc32(name + inner).to_bytes(4, "big")

    side = 30_000
    size = side.to_bytes(4, "big")
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side // 8 + 1)) for _ in range(side)) + packer.flush()
    ihdr = chunk(b"IHDR", size + size + bytes([1, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (faults.bomb(900_000_000), "larger than"),
        (faults.endless("Content-Type: text/html"), "larger than"),
        (faults.redirect("http://[::ffff:10.0.0.1]/"), "10.0.0.1"),
        (faults.redirect("/page"), "circle"),
        (faults.status("500 Oops"), "500"),
        (faults.page(b"<html><p>nothing here", "Content-Type: text/html"), "no pictures"),
        (faults.page(b"<div>" * 200_000, "Content-Type: text/html"), ""),
    ],
)
async def test_a_page_that_means_harm_fails_with_its_reason(
    bench: Bench, server: FaultServer, reply: faults.Reply, words: str
) -> None:
    await bench.try_once()
    item = await over(bench, await bench.add(server.on("/page", reply)), 50)
    assert item.status is ItemStatus.FAILED
    assert item.error
    assert words in item.error
    await nothing_half_written(bench, {})


async def test_names_never_lead_out_of_the_library_and_always_fit(
    bench: Bench, server: FaultServer, tmp_path: Path
) -> None:
    names = [
        *("..%2F..%2F..%2Fescaped.jpg", "%2Fetc%2Fescaped.jpg", "..jpg", ".hidden.jpg", "-rf.jpg", "con.jpg"),
        *("a" * 300 + ".jpg", "%C3%A4" * 90 + ".jpg", "%FF%FE.jpg", "%E2%80%AEgpj.exe.jpg"),
        *("%00null.jpg", "a%0Ab.jpg", "a.jpg.json"),
    ]
    right: dict[str, bytes] = {}
    for number, name in enumerate(names):
        right[name] = picture(number)
        disposition = ("Content-Disposition: attachment; filename=../../escaped.jpg",) if number % 2 else ()
        server.on(f"/{name}", File(right[name], lines=("Content-Type: image/jpeg", *disposition)))
    before = sorted(path for path in tmp_path.iterdir() if not path.name.startswith(("data", "entourage.db")))
    sources = [f"/{name}" for name in names]
    item = await bench.run(server.on("/page", html(*sources)), source="../../../escaped")
    assert (item.status, item.items_done) == (ItemStatus.COMPLETED, len(names)), [
        one.error for one in await bench.kept(status=DownloadStatus.FAILED)
    ]
    library = bench.parts.settings.data / "library"
    for one in await bench.kept():
        link = bench.parts.shelf.library_path(one)
        assert link is not None
        assert link.parent.resolve().is_relative_to(library.resolve())
        assert len(link.name.encode()) <= 255 - len(".json")
        assert link.read_bytes() == bench.bytes_of(one)
        assert link.name.isprintable()
        assert not link.name.startswith((".", "-"))
    assert len({one.path for one in await bench.kept()}) == len(names)
    assert sorted(path for path in tmp_path.iterdir() if not path.name.startswith(("data", "entourage.db"))) == before
    assert not list(tmp_path.parent.glob("*escaped*"))


async def test_a_page_of_five_thousand_pictures_is_paused_goes_on_and_comes_whole(
    bench: Bench, server: FaultServer
) -> None:
    count = 5000
    body = picture(1)
    for number in range(count):
        server.on(f"/{number}.jpg", jpeg(body))
    url = server.on("/page", html(*(f"/{number}.jpg" for number in range(count))))
    item = await bench.add(url)
    await bench.until(lambda: len(server.asked) > 300)
    await bench.parts.database.write(queue.change, ANN, item.id, status=ItemStatus.PAUSED)
    await bench.until(lambda: _running(bench) == 0)
    asked = len(server.asked)
    assert asked < count
    assert (await bench.item(item)).status is ItemStatus.PAUSED
    await bench.parts.database.write(queue.change, ANN, item.id, status=ItemStatus.PENDING)
    found = await over(bench, item, 100)
    assert (found.status, found.items_total, found.items_done) == (ItemStatus.COMPLETED, count, count)
    assert len(list((bench.parts.settings.data / "blobs").glob("*/*"))) == 1
    assert len({one.path for one in server.asked if one.path.endswith(".jpg")}) == count


def _running(bench: Bench) -> int:
    with bench.parts.database.reading() as tx:
        return lanes.get(tx, "downloads").running + lanes.get(tx, "expansions").running


async def test_an_expansion_is_left_at_once_when_its_item_is_removed(bench: Bench, server: FaultServer) -> None:
    begin = faults.head("200 OK", "Content-Type: text/html", "Content-Length: 100000") + b"<html><img src=/a.jpg>"
    item = await bench.add(server.on("/page", faults.stall(begin + b" " * 5000)))
    await bench.until(lambda: len(server.asked) == 2)
    await bench.parts.database.write(queue.remove, ANN, item.id)
    await bench.until(lambda: _running(bench) == 0)
    assert [one.path for one in server.asked] == ["/page", "/page"]
    again = await bench.run(server.on("/b.jpg", jpeg(picture(1))))
    assert again.status is ItemStatus.COMPLETED


HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


async def test_a_database_that_another_program_holds_only_delays_the_work(
    bench: Bench, server: FaultServer, tmp_path: Path
) -> None:
    right = {f"{number}.jpg": picture(number) for number in range(30)}
    for name, body in right.items():
        server.on(f"/{name}", jpeg(body))
    url = server.on("/page", html(*right))
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(tmp_path / "entourage.db")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    item = await bench.add(url)
    assert await holder.stdout.readline() == b"held\n"
    adding = asyncio.create_task(bench.add(server.on("/late.jpg", jpeg(picture(99)))))
    await asyncio.sleep(7)  # as long as it is held
    assert (await bench.item(item)).status in {ItemStatus.PENDING, ItemStatus.DOWNLOADING}  # reading goes on
    assert not adding.done()
    holder.stdin.write(b"\n")
    await holder.wait()
    late = await adding
    assert (await over(bench, item, 60)).status is ItemStatus.COMPLETED
    assert (await over(bench, late, 60)).status is ItemStatus.COMPLETED
    await nothing_half_written(bench, {**right, "late.jpg": picture(99)})


async def test_a_database_server_that_drops_every_connection_again_and_again_only_delays_the_work(
    postgres_url: str, tmp_path: Path, server: FaultServer
) -> None:
    right = {f"{number}.jpg": picture(number) for number in range(60)}

    async def slowly(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await jpeg(right[asked.path.strip("/")])(asked, writer)

    for name in right:
        server.on(f"/{name}", slowly)
    async with opened(postgres_url, tmp_path / "data") as bench:
        item = await bench.add(server.on("/page", html(*right)))
        for asked in (5, 15, 30, 45):
            await bench.until(lambda wanted=asked: len(server.asked) > wanted)
            assert await asyncio.to_thread(_drop_connections, postgres_url) > 0
        async with asyncio.timeout(60):
            while not await _finished(bench, item):
                await asyncio.sleep(0.1)
        found = await bench.item(item)
        assert (found.status, found.items_done, found.items_total) == (ItemStatus.COMPLETED, 60, 60)
        await nothing_half_written(bench, right)


async def _finished(bench: Bench, item: Item) -> bool:
    return (await bench.item(item)).status in FINISHED


def _drop_connections(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as own:
        return len(
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        )


async def test_a_full_disk_delays_the_work_and_nothing_is_lost(tmp_path: Path, server: FaultServer) -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (1600, 1300), content(3, 1600 * 1300 * 3)).save(out, "PNG", compress_level=0)
    large, small = out.getvalue(), picture(2)
    server.on("/large.png", File(large, lines=("Content-Type: image/png",)))
    server.on("/small.jpg", jpeg(small))
    url = server.on("/page", html("/large.png", "/small.jpg"))
    data = tmp_path / "data"
    given = ("--data", data, "--allow-network", "127.0.0.0/8")
    little = ("sh", "-c", 'ulimit -f 6000 && exec "$@"', "sh")  # 3 MB in each file, which is less than the picture
    with started("get", url, *given, prefix=little) as running:
        incoming = data / "incoming"
        async with asyncio.timeout(60):
            while not (list(incoming.glob("*.json")) and list((data / "blobs").glob("*/*"))):
                await asyncio.sleep(0.1)
        await asyncio.to_thread(running.waits_for, "Harbour: waits for .*no room left")
        running.kill()
    (blob,) = (data / "blobs").glob("*/*")
    assert blob.read_bytes() == small
    _let_a_minute_pass(data)
    before = len(server.asked)
    ended = await asyncio.to_thread(entourage, "get", url, *given)
    assert ended.code == 0, ended.err
    assert sorted(path.read_bytes() for path in (data / "blobs").glob("*/*")) == sorted([small, large])
    assert [one.path for one in server.asked[before:]].count("/small.jpg") == 0
    assert (server.asked[-1].offset or 0) > 1_000_000


def _let_a_minute_pass(data: Path) -> None:
    """What waits for room is looked at once a minute; the minute is over now."""
    connection = sqlite3.connect(data / "entourage.db")
    with connection:
        connection.execute("UPDATE jobs SET run_at = created_at WHERE reason IS NOT NULL")
    connection.close()
