"""The whole way against a real nginx: pages, resumes, slow files, redirects, refusals and videos in pieces."""

import asyncio
import io
import json
import shutil
import subprocess
from collections.abc import AsyncGenerator, Generator
from importlib.resources import files
from pathlib import Path

import pytest
from bench import ANN, Bench, opened, picture
from faults import content
from PIL import Image
from servers.entourage_server import entourage, started
from servers.nginx_server import Nginx, nginx
from servers.process import absent

from entourage.archive import queue
from entourage.archive.model import DownloadStatus, ItemStatus
from entourage.kernel import lanes
from entourage.networks import sandbox
from entourage.networks.model import MediaKind

pytestmark = pytest.mark.anyio
LOCATIONS = """
location /steady/ { limit_rate 2m; }
location /slow/ { limit_rate 2k; }
location /moved/ { rewrite ^/moved/(.*)$ http://127.0.0.1:{other}/$1 redirect; }
location /busy/ { if (!-f $document_root/open) { add_header Retry-After 1 always; return 429; } }
location /failing/ { if (!-f $document_root/open) { add_header Retry-After 1 always; return 503; } }
location = /refused/401.jpg { return 401; }
location = /refused/403.jpg { return 403; }
location = /refused/410.jpg { return 410; }
location = /refused/451.jpg { return 451; }
location /packed/ { gzip on; gzip_min_length 1; gzip_types *; }
location /circle/ { return 302 /circle/; }
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nginx]:
    with nginx(tmp_path_factory.mktemp("nginx"), LOCATIONS) as server:
        yield server


@pytest.fixture
async def bench(sqlite_template: Path, tmp_path: Path) -> AsyncGenerator[Bench]:
    shutil.copyfile(sqlite_template, tmp_path / "entourage.db")
    async with opened(f"sqlite:///{tmp_path / 'entourage.db'}", tmp_path / "data") as ready:
        yield ready


def page(web: Nginx, path: str, *sources: str) -> str:
    shown = "".join(f'<img src="{source}" width="600" height="400">' for source in sources)
    return web.put(path, f"<html><title>Harbour</title><body>{shown}".encode())


def large_picture() -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (1800, 1400), content(7, 1800 * 1400 * 3)).save(out, "PNG", compress_level=0)
    return out.getvalue()


async def test_a_page_and_its_pictures_come_also_when_nginx_compresses_them(bench: Bench, web: Nginx) -> None:
    bodies = [picture(number) for number in range(8)]
    for number, body in enumerate(bodies):
        web.put(f"/packed/{number}.jpg", body)
    item = await bench.run(page(web, "/packed/page.html", *(f"{number}.jpg" for number in range(8))))
    assert (item.status, item.items_done) == (ItemStatus.COMPLETED, 8)
    assert sorted(map(bench.bytes_of, await bench.kept())) == sorted(bodies)


async def test_a_file_whose_process_was_killed_goes_on_where_it_was(tmp_path: Path, web: Nginx) -> None:
    body = large_picture()
    url = web.put("/steady/large.png", body)
    data = tmp_path / "data"
    given = ("get", url, "--data", data, "--allow-network", "127.0.0.0/8")
    with started(*given) as running:
        note = await _noted(data / "incoming", at_least=1_000_000)
        running.kill()
    ended = entourage(*given)
    assert ended.code == 0, ended.err
    whole = [one for one in web.answered("/steady/large.png") if one.sent > 100_000]
    first, second = whole
    begun = int(second.range.removeprefix("bytes=").removesuffix("-"))
    assert (first.status, second.status) == (200, 206)
    assert second.if_range.startswith('"')
    assert note <= begun < len(body)
    assert begun + second.sent == len(body)
    (blob,) = (data / "blobs").glob("*/*")
    assert blob.read_bytes() == body


async def _noted(incoming: Path, at_least: int) -> int:
    """How many bytes a note vouches for, once it is so many."""
    async with asyncio.timeout(30):
        while True:
            for note in incoming.glob("*.part.json"):
                if (size := json.loads(note.read_text())["bytes"]) >= at_least:
                    return size
            await asyncio.sleep(0.02)


async def test_a_slow_file_is_let_go_at_once_when_its_item_is_removed(bench: Bench, web: Nginx) -> None:
    body = picture(1, 900, 700)
    item = await bench.add(web.put("/slow/a.jpg", body))
    await bench.until(lambda: list(bench.parts.shelf.blobs.incoming.glob("*.part")))
    await bench.parts.database.write(queue.remove, ANN, item.id)
    await bench.until(lambda: [one for one in web.answered("/slow/a.jpg") if not one.range][1:])
    _, ended = web.answered("/slow/a.jpg")
    assert ended.sent < len(body)

    def idle() -> bool:
        with bench.parts.database.reading() as tx:
            return lanes.get(tx, "downloads").running == 0

    await bench.until(idle)
    assert await bench.kept() == []


async def test_a_redirect_to_another_port_is_followed_through_the_gate(bench: Bench, web: Nginx) -> None:
    body = picture(11)
    web.put("/there/a.jpg", body)
    item = await bench.run(f"{web.url}/moved/there/a.jpg")
    assert item.status is ItemStatus.COMPLETED
    (kept,) = await bench.kept()
    assert bench.bytes_of(kept) == body
    ports = {int(url.rpartition(":")[2]) for url in (web.url, web.other_url)}
    assert {one.port for one in web.answered("/moved/there/a.jpg")} | {
        one.port for one in web.answered("/there/a.jpg")
    } == ports


@pytest.mark.parametrize("place", ["busy", "failing"])
async def test_what_is_busy_is_asked_again_when_it_said(bench: Bench, web: Nginx, place: str) -> None:
    body = picture(21)
    (web.root / "open").unlink(missing_ok=True)
    item = await bench.add(web.put(f"/{place}/a.jpg", body))
    await bench.until(lambda: web.answered(f"/{place}/a.jpg"))
    assert await bench.kept() == []
    web.put("/open", b"")
    assert (await bench.over(item)).status is ItemStatus.COMPLETED
    (kept,) = await bench.kept()
    assert bench.bytes_of(kept) == body


async def test_what_fails_for_ever_fails_with_its_reason_after_its_tries(bench: Bench, web: Nginx) -> None:
    (web.root / "open").unlink(missing_ok=True)
    item = await bench.run(web.put("/failing/b.jpg", picture(1)))
    assert item.status is ItemStatus.FAILED
    assert "503" in str(item.error)
    assert len(web.answered("/failing/b.jpg")) == 3


async def test_refusals_are_named_file_by_file(bench: Bench, web: Nginx) -> None:
    names = ["401.jpg", "403.jpg", "410.jpg", "451.jpg", "none.jpg", "/circle/"]
    web.put("/refused/good.jpg", picture(5))
    item = await bench.run(page(web, "/refused/page.html", "good.jpg", *names))
    assert (item.status, item.items_done, item.items_failed) == (ItemStatus.FAILED, 1, len(names))
    failed = await bench.kept(status=DownloadStatus.FAILED)
    assert len({str(one.error) for one in failed}) == len(names)
    for one in failed:
        assert one.error
        assert one.media_url in one.error
        assert (one.sha256, one.path, one.size) == (None, None, None)
    assert all(len(web.answered(f"/refused/{name}")) == 1 for name in names[:4])


@pytest.fixture(scope="module")
def clips(web: Nginx, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A real film with sound, cut into pieces by ffmpeg as HLS and as DASH; the addresses of both."""
    program = shutil.which("ffmpeg")
    if program is None:
        absent("ffmpeg")
    film = Path(str(files(sandbox))) / "clips" / "mountain-path.mp4"
    made: dict[str, str] = {}
    for name, options in (
        ("film.m3u8", ("-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod")),
        ("film.mpd", ("-f", "dash", "-seg_duration", "1", "-adaptation_sets", "id=0,streams=v id=1,streams=a")),
    ):
        folder = web.root / name.replace(".", "-")
        folder.mkdir()
        sound = ("-f", "lavfi", "-i", "sine=frequency=330")
        coded = ("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-shortest")
        subprocess.run(
            [program, "-loglevel", "error", "-i", film, *sound, *coded, *options, folder / name],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        made[name] = f"{web.url}/{folder.name}/{name}"
    return made


@pytest.mark.parametrize("name", ["film.m3u8", "film.mpd"])
async def test_a_video_in_pieces_becomes_one_verified_file_with_a_poster(
    bench: Bench, web: Nginx, clips: dict[str, str], name: str
) -> None:
    item = await bench.run(clips[name])
    assert (item.status, item.items_done, item.error) == (ItemStatus.COMPLETED, 1, None)
    (kept,) = await bench.kept()
    assert (kept.kind, kept.media_type) == (MediaKind.VIDEO, "video/mp4")
    assert kept.duration is not None
    assert kept.duration > 1
    assert (kept.width or 0) > 100
    with Image.open(await bench.parts.shelf.thumbnail(kept)) as poster:
        assert poster.width > 50
    assert bench.parts.shelf.blobs.verify(str(kept.sha256))
    assert list(bench.parts.shelf.blobs.incoming.iterdir()) == []
    assert sorted(_streams(bench.parts.shelf.blob_path(kept))) == ["audio", "video"]


def _streams(film: Path) -> list[str]:
    probe = shutil.which("ffprobe")
    assert probe is not None
    asked = (probe, "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0")
    return subprocess.run([*asked, film], check=True, capture_output=True, text=True).stdout.split()


async def test_a_video_that_lacks_a_piece_is_not_kept(bench: Bench, web: Nginx, clips: dict[str, str]) -> None:
    source = web.root / "film-m3u8"
    folder = web.root / "holed"
    shutil.copytree(source, folder)
    pieces = sorted(folder.glob("*.ts"))
    pieces[len(pieces) // 2].unlink()
    await bench.try_once()
    item = await bench.add(f"{web.url}/holed/film.m3u8")
    await bench.until(lambda: web.answered(f"/holed/{pieces[len(pieces) // 2].name}"))
    found = await bench.over(item)
    assert found.status is ItemStatus.FAILED
    (failed,) = await bench.kept(status=DownloadStatus.FAILED)
    assert failed.error
    assert list((bench.parts.settings.data / "blobs").glob("*/*")) == []


async def test_playlists_that_point_inside_are_refused(tmp_path: Path, web: Nginx, sqlite_template: Path) -> None:
    web.put(
        "/inside.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://10.99.0.1/secret.ts\n#EXT-X-ENDLIST\n"
    )
    web.put("/file.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    shutil.copyfile(sqlite_template, tmp_path / "entourage.db")
    async with opened(f"sqlite:///{tmp_path / 'entourage.db'}", tmp_path / "data") as bench:
        for name in ("inside", "file"):
            item = await bench.run(f"{web.url}/{name}.m3u8")
            assert item.status is ItemStatus.FAILED
        failed = {one.media_url.rpartition("/")[2]: one for one in await bench.kept(status=DownloadStatus.FAILED)}
    assert "10.99.0.1" in str(failed["inside.m3u8"].error)
    assert failed["file.m3u8"].error
    assert list((tmp_path / "data" / "blobs").glob("*/*")) == []
