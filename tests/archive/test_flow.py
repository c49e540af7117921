"""From an address to verified files: the whole way, against servers that serve well and badly."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import faults
import pytest
import sqlalchemy as sa
from bench import ADMIN, ANN, PATIENCE, Bench, html, jpeg, opened, picture
from faults import FaultServer

from entourage import app
from entourage.archive import downloads, preferences, queue, schedules, verification
from entourage.archive.model import (
    FINISHED,
    Download,
    DownloadStatus,
    ItemStatus,
    Order,
    Profile,
)
from entourage.archive.orders import address_hash, defer_order
from entourage.archive.progress import ROOM_SECONDS
from entourage.archive.store.tables import blobs
from entourage.kernel import lanes
from entourage.kernel.db import Tx
from entourage.kernel.settings import Settings
from entourage.networks.model import Media, MediaKind

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncGenerator[FaultServer]:
    async with FaultServer() as started:
        yield started


@pytest.fixture
async def bench(database_url: str, tmp_path: Path) -> AsyncGenerator[Bench]:
    async with opened(database_url, tmp_path / "data") as ready:
        yield ready


async def test_a_page_becomes_verified_files_with_links_and_notes(bench: Bench, server: FaultServer) -> None:
    bodies = {f"/{n}.jpg": picture(n) for n in range(5)}
    for path, body in bodies.items():
        server.on(path, jpeg(body))
    item = await bench.run(server.on("/page", html(*bodies)))
    assert (item.status, item.items_total, item.items_done, item.progress) == (ItemStatus.COMPLETED, 5, 5, 100)
    assert item.title == "Harbour"
    found = await bench.kept()
    assert sorted(bench.bytes_of(one) for one in found) == sorted(bodies.values())
    for one in found:
        assert (one.status, one.width, one.height, one.media_type) == (DownloadStatus.COMPLETED, 60, 40, "image/jpeg")
        link = bench.parts.shelf.library_path(one)
        assert link is not None
        assert link.read_bytes() == bench.bytes_of(one)
        assert link.with_name(f"{link.name}.json").exists()
        assert (await bench.parts.shelf.thumbnail(one)).stat().st_size > 0
    report = await verification.verify(bench.parts.database, bench.parts.shelf)
    assert (report.checked, report.unsound) == (5, 0)


async def test_a_second_run_fetches_only_what_is_new(bench: Bench, server: FaultServer) -> None:
    for n in range(3):
        server.on(f"/{n}.jpg", jpeg(picture(n)))
    url = server.on("/page", html("/0.jpg", "/1.jpg"))
    await bench.run(url)
    server.on("/page", html("/0.jpg", "/1.jpg", "/2.jpg"))
    asked = len(server.asked)
    again = await bench.run(url)
    assert (again.items_total, again.items_done, again.items_known) == (1, 1, 2)
    assert {one.path for one in server.asked[asked:]} == {"/page", "/2.jpg"}
    assert len(await bench.kept()) == 3


async def test_the_same_content_under_two_addresses_is_kept_once(bench: Bench, server: FaultServer) -> None:
    body = picture(1)
    server.on("/a.jpg", jpeg(body))
    server.on("/b.jpg", jpeg(body))
    await bench.run(server.on("/page", html("/a.jpg", "/b.jpg")))
    first, second = await bench.kept()
    assert first.sha256 == second.sha256
    assert first.path != second.path
    await bench.parts.database.write(downloads.remove, ANN, first.id, delete_file=True)
    await bench.until(lambda: not (bench.parts.settings.data / "library" / str(first.path)).is_symlink())
    assert bench.bytes_of(second) == body
    await bench.parts.database.write(downloads.remove, ANN, second.id, delete_file=True)
    await bench.until(lambda: not bench.parts.shelf.blobs.exists(str(second.sha256)))


async def test_what_the_server_asks_to_wait_for_is_waited_for(bench: Bench, server: FaultServer) -> None:
    slow = faults.status("429 Too Many Requests", "Retry-After: 1", times=1, then=jpeg(picture(1)))
    item = await bench.run(server.on("/a.jpg", slow))
    assert item.status is ItemStatus.COMPLETED
    (kept,) = await bench.kept()
    assert kept.attempts >= 1
    assert sum(one.path == "/a.jpg" for one in server.asked) >= 2


async def test_a_file_that_is_refused_for_good_fails_with_its_reason(bench: Bench, server: FaultServer) -> None:
    server.on("/good.jpg", jpeg(picture(1)))
    server.on("/html.jpg", faults.page(b"<!doctype html><p>Please sign in", "Content-Type: image/jpeg"))
    item = await bench.run(server.on("/page", html("/good.jpg", "/gone.jpg", "/html.jpg")))
    assert (item.status, item.items_done, item.items_failed) == (ItemStatus.FAILED, 1, 2)
    failed = {one.media_url.rsplit("/", 1)[1]: one for one in await bench.kept(status=DownloadStatus.FAILED)}
    assert set(failed) == {"gone.jpg", "html.jpg"}
    assert "404" in str(failed["gone.jpg"].error)
    assert "page" in str(failed["html.jpg"].error)
    assert all(one.sha256 is None and one.path is None for one in failed.values())
    server.on("/gone.jpg", jpeg(picture(2)))
    server.on("/html.jpg", jpeg(picture(3)))
    again = await bench.over(await bench.parts.database.write(queue.retry, ANN, item.id))
    assert (again.status, again.items_done, again.items_known) == (ItemStatus.COMPLETED, 2, 1)
    assert await bench.kept(status=DownloadStatus.FAILED) == []


async def test_pausing_stops_in_the_middle_of_a_file_and_resuming_goes_on_there(
    bench: Bench, server: FaultServer
) -> None:
    body = picture(1, 900, 700)
    begun, gate = asyncio.Event(), asyncio.Event()
    whole = jpeg(body)

    async def slowly(asked: faults.Asked, writer: asyncio.StreamWriter) -> None:
        if gate.is_set():
            await whole(asked, writer)
            return
        lines = ("Content-Type: image/jpeg", 'ETag: "one"', f"Content-Length: {len(body)}")
        writer.write(faults.head("200 OK", *lines) + body[:300_000])
        await writer.drain()
        if len(server.asked) > 1:
            begun.set()
        await asyncio.Event().wait()

    item = await bench.add(server.on("/big.jpg", slowly))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    await bench.until(lambda: any(p.stat().st_size >= 200_000 for p in bench.parts.shelf.blobs.incoming.glob("*.part")))
    paused = await bench.parts.database.write(queue.change, ANN, item.id, status=ItemStatus.PAUSED)
    assert paused.status is ItemStatus.PAUSED
    gate.set()
    await bench.parts.database.write(queue.change, ANN, item.id, status=ItemStatus.PENDING)
    assert (await bench.over(item)).status is ItemStatus.COMPLETED
    assert 200_000 <= (server.asked[-1].offset or 0) <= 300_000
    (kept,) = await bench.kept()
    assert (bench.bytes_of(kept), kept.attempts) == (body, 1)


async def test_removing_an_item_stops_its_transfer_at_once(bench: Bench, server: FaultServer) -> None:
    server.on("/page", html("/slow.jpg"))
    server.on("/slow.jpg", faults.drip(1000, 0.05))
    item = await bench.add(server.url("/page"))
    await bench.until(lambda: any(one.path == "/slow.jpg" for one in server.asked))
    await bench.parts.database.write(queue.remove, ANN, item.id)

    def idle() -> bool:
        with bench.parts.database.reading() as tx:
            return lanes.get(tx, "downloads").running == 0

    await bench.until(idle)
    assert await bench.kept() == []


async def test_limits_of_the_user_are_kept(bench: Bench, server: FaultServer) -> None:
    for n in range(6):
        server.on(f"/{n}.jpg", jpeg(picture(n)))
    item = await bench.run(server.on("/page", html(*(f"/{n}.jpg" for n in range(6)))), max_downloads=4)
    assert (item.items_total, item.items_done) == (4, 4)


async def test_an_address_inside_is_refused_with_the_reason_and_not_touched(
    database_url: str, tmp_path: Path, server: FaultServer
) -> None:
    given = Settings(data=tmp_path / "data", database=database_url)
    async with app.opened(given, console=False) as parts, parts.worker():
        bench = Bench(parts)
        item = await bench.run(server.on("/a.jpg", jpeg(picture(1))))
    assert item.status is ItemStatus.FAILED
    assert "127.0.0.1" in str(item.error)
    assert server.asked == []


async def test_measured_pixels_decide_a_quality_upgrade(bench: Bench, server: FaultServer) -> None:
    small, large = picture(1, 60, 40), picture(2, 120, 80)

    async def have(body: bytes, profile: Profile, replaces: int | None) -> Download:
        server.on("/photo.jpg", jpeg(body))
        media = Media("p1", server.url("/photo.jpg"), MediaKind.IMAGE, "photo.jpg", "harbour", "post")
        order = Order(0, ANN.user_id, "instagram", media, address_hash("instagram", "p1"), profile, replaces)
        before = replaces and (await bench.parts.database.read(downloads.get, ANN, replaces))
        await bench.parts.database.write(defer_order, order)
        deadline = time.monotonic() + PATIENCE
        while True:
            found = await bench.kept()
            if found and found[0] != before:
                return found[0]
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    first = await have(small, Profile.FAST, None)
    upgraded = await have(large, Profile.BEST, first.id)
    assert (upgraded.id, upgraded.width, upgraded.upgraded) == (first.id, 120, True)
    assert bench.bytes_of(upgraded) == large
    await bench.until(lambda: not bench.parts.shelf.blobs.exists(str(first.sha256)))


async def test_where_only_the_largest_is_offered_the_small_profile_makes_it_small(
    bench: Bench, server: FaultServer
) -> None:
    server.on("/photo.jpg", jpeg(picture(1, 900, 600)))
    await _wish_upgrades(bench, wished=False)
    await bench.parts.database.write(defer_order, _small_order(server))
    while not (found := await bench.kept()):
        await asyncio.sleep(0.02)
    (kept,) = found
    assert (kept.width, kept.height) == (640, 427)
    assert bench.parts.shelf.blobs.verify(str(kept.sha256))


async def test_what_was_kept_small_is_upgraded_by_itself_where_that_is_wished(
    bench: Bench, server: FaultServer
) -> None:
    server.on("/photo.jpg", jpeg(picture(1, 900, 600)))
    await _wish_upgrades(bench, wished=True)
    await bench.parts.database.write(defer_order, _small_order(server))
    while not (found := await bench.kept()) or not found[0].upgraded:
        await asyncio.sleep(0.02)
    (kept,) = found
    assert (kept.width, kept.height, kept.profile) == (900, 600, Profile.BEST)
    assert bench.bytes_of(kept) == picture(1, 900, 600)


def _small_order(server: FaultServer) -> Order:
    facts: dict[str, object] = {"fit": 640}
    media = Media("p1", server.url("/photo.jpg"), MediaKind.IMAGE, "photo.jpg", "harbour", "post", facts=facts)
    return Order(0, ANN.user_id, "instagram", media, address_hash("instagram", "p1"), Profile.FAST)


async def _wish_upgrades(bench: Bench, *, wished: bool) -> None:
    patch = {"platforms": {"instagram": {"toolzu": {"auto_upgrade": wished}}}}
    await bench.parts.database.write(preferences.change, ADMIN, patch, bench.parts.secrets)


async def test_an_upgrade_that_is_no_larger_changes_nothing(bench: Bench, server: FaultServer) -> None:
    server.on("/photo.jpg", jpeg(picture(1, 120, 80)))
    media = Media("p1", server.url("/photo.jpg"), MediaKind.IMAGE, "photo.jpg", "harbour", "post")
    order = Order(0, ANN.user_id, "instagram", media, address_hash("instagram", "p1"), Profile.FAST)
    await bench.parts.database.write(defer_order, order)
    while not (found := await bench.kept()):
        await asyncio.sleep(0.02)
    (first,) = found
    server.on("/photo.jpg", jpeg(picture(2, 60, 40)))
    again = Order(0, ANN.user_id, "instagram", media, order.address_hash, Profile.BEST, first.id)
    await bench.parts.database.write(defer_order, again)
    while not (await bench.kept())[0].upgraded:
        await asyncio.sleep(0.02)
    (kept,) = await bench.kept()
    assert (kept.sha256, kept.width) == (first.sha256, 120)
    assert bench.bytes_of(kept) == picture(1, 120, 80)


async def test_a_full_store_waits_and_goes_on_when_there_is_room(bench: Bench, server: FaultServer) -> None:
    secrets = bench.parts.secrets
    server.on("/0.jpg", jpeg(picture(0)))
    await bench.run(server.url("/0.jpg"))
    await bench.parts.database.write(_fill)
    await bench.parts.database.write(preferences.change, ADMIN, {"general": {"storage_limit_gb": 1}}, secrets)
    await asyncio.sleep(ROOM_SECONDS)  # for so long the last look at the room counts
    server.on("/1.jpg", jpeg(picture(1)))
    item = await bench.add(server.url("/1.jpg"))
    deadline = time.monotonic() + PATIENCE
    while "storage limit" not in str(await bench.parts.database.read(queue.why, ANN, item.id)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert len(await bench.kept()) == 1


def _fill(tx: Tx) -> None:
    tx.run(sa.update(blobs).values(size=2 * 1024**3))


async def test_a_schedule_that_is_due_queues_its_address_and_keeps_its_history(
    bench: Bench, server: FaultServer
) -> None:
    server.on("/0.jpg", jpeg(picture(0)))
    url = server.on("/page", html("/0.jpg"))
    made = await bench.parts.database.write(
        schedules.add,
        ANN,
        name="Harbour",
        platform="web",
        source="harbour",
        content_type=None,
        cron="0 */4 * * *",
        enabled=True,
        config={"url": url},
    )
    assert (made.id, made.next_run is not None) == ("web-harbour-all", True)
    item = await bench.parts.database.write(schedules.run_now, ANN, made.id)
    await bench.over(item)
    after = await bench.parts.database.read(schedules.get, ANN, made.id)
    assert (after.total_runs, after.success_count, after.last_status, after.last_items) == (1, 1, "success", 1)
    (run,) = await bench.parts.database.read(schedules.history, ANN)
    assert (run.status, run.items, run.error) == ("success", 1, None)
    assert made.next_run is not None
    await bench.parts.database.write(schedules.fire, made.id, made.next_run)
    assert (await bench.parts.database.read(schedules.history, ANN))[0].status == "running"


SERVE = """
import sys
from pathlib import Path
from entourage import app
from entourage.kernel import lanes
from entourage.kernel.db import Tx
from entourage.kernel.settings import Settings
import asyncio
asyncio.run(app.work(Settings(data=Path(sys.argv[1]), database=sys.argv[2], allow_networks=("127.0.0.0/8",))))
"""


async def test_a_killed_process_loses_nothing_and_the_next_one_finishes(
    database_url: str, tmp_path: Path, server: FaultServer
) -> None:
    bodies = {f"/{n}.jpg": picture(n, 200, 150) for n in range(40)}

    async def slowly(asked: faults.Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await jpeg(bodies[asked.path])(asked, writer)

    for path in bodies:
        server.on(path, slowly)
    data = tmp_path / "data"
    settings = Settings(data=data, database=database_url, allow_networks=("127.0.0.0/8",))
    async with app.opened(settings, console=False) as parts:
        item = await Bench(parts).add(server.on("/page", html(*bodies)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for wait_for in (5, 15):
        child = subprocess.Popen([sys.executable, "-c", SERVE, str(data), database_url], env=environment)
        try:
            target = len(server.asked) + wait_for
            deadline = time.monotonic() + PATIENCE
            while len(server.asked) < target:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    async with opened(database_url, data) as bench:
        deadline = time.monotonic() + 100
        while (found := await bench.item(item)).status not in FINISHED:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert (found.status, found.items_done, found.items_total) == (ItemStatus.COMPLETED, 40, 40)
        kept = await bench.kept()
        assert sorted(bench.bytes_of(one) for one in kept) == sorted(bodies.values())
        report = await verification.verify(bench.parts.database, bench.parts.shelf)
        assert (report.checked, report.unsound) == (40, 0)
        assert list(bench.parts.shelf.blobs.incoming.glob("*.part")) == []
