"""Videos in pieces, from a loopback site through the real gate, proxy, yt-dlp and ffmpeg."""

import asyncio
import contextlib
import hashlib
import ipaddress
import json
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from emulators.media import clip, dash, ffmpeg, hls
from emulators.site import Reply, Request, Site

from entourage.kernel.egress import Gate
from entourage.kernel.errors import Damaged, Gone, Refused, Unreachable
from entourage.kernel.world import World
from entourage.networks import streams
from entourage.networks.model import Media, MediaKind, Way

LIVE = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:5\n#EXTINF:1.0,\n/hls/seg0.ts\n"
ONE_PIECE = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n{extra}#EXTINF:1.0,\n{piece}\n#EXT-X-ENDLIST\n"
KINDS = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".mp4": "video/mp4"}

Save = Callable[..., tuple[str, int]]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    hls(folder)
    dash(folder)
    return folder


class Films:
    """A site with the films, and manifests that a test adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests: dict[str, str] = {}
        self.site = Site(self.answer)

    def answer(self, request: Request) -> Reply:
        if request.path in self.manifests:
            return Reply(self.manifests[request.path].encode(), KINDS[".m3u8"])
        path = self.folder / request.path.lstrip("/")
        if not path.is_file():
            return Reply(status=404)
        return Reply(path.read_bytes(), KINDS.get(path.suffix, "application/octet-stream"))

    def manifest(self, text: str) -> str:
        self.manifests["/made.m3u8"] = text
        return "/made.m3u8"


@pytest.fixture
def site(films: Path) -> Generator[Films]:
    made = Films(films)
    with made.site:
        yield made


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "parts" / "video.part"


@pytest.fixture
def save(site: Films, part: Path, tmp_path: Path) -> Save:
    part.parent.mkdir()

    async def run(path: str, on_progress: streams.Progress | None, limit: int | None) -> tuple[str, int]:
        async with World(Gate([ipaddress.ip_network("127.0.0.1/32")]), tmp_path / "scratch") as world:
            return await streams.save(medium(site, path), part, world, on_progress=on_progress, limit=limit)

    def saved(path: str, on_progress: streams.Progress | None = None, limit: int | None = None) -> tuple[str, int]:
        return asyncio.run(run(path, on_progress, limit))

    return saved


def medium(site: Films, path: str) -> Media:
    url = f"http://127.0.0.1:{site.site.port}{path}"
    return Media("key", url, MediaKind.VIDEO, "../../x.mp4", "films", way=Way.STREAM)


def tracks(path: Path) -> list[str]:
    """The kinds of tracks in a file, as ffprobe sees them."""
    ffmpeg()
    argv = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "json", str(path)]
    told = subprocess.run(argv, check=True, capture_output=True, timeout=30).stdout
    return sorted(stream["codec_type"] for stream in json.loads(told)["streams"])


@pytest.mark.parametrize("path", ["/hls/master.m3u8", "/hls/index.m3u8", "/dash/manifest.mpd"])
def test_a_video_in_pieces_becomes_one_file(path: str, save: Save, part: Path) -> None:
    progress: list[tuple[int, int | None]] = []

    def told(here: int, total: int | None) -> None:
        progress.append((here, total))

    sha256, size = save(path, told)
    assert part.read_bytes()[4:8] == b"ftyp"
    assert tracks(part) == ["audio", "video"]
    assert sha256 == hashlib.sha256(part.read_bytes()).hexdigest()
    assert size == part.stat().st_size
    assert [here for here, _ in progress] == sorted(here for here, _ in progress)
    assert progress[-1][0] == progress[-1][1]
    assert [path.name for path in part.parent.iterdir()] == ["video.part"]


def test_a_plain_file_is_kept_as_it_is(save: Save, part: Path, films: Path) -> None:
    save("/clip.mp4")
    assert part.read_bytes() == clip(films).read_bytes()


def test_a_live_playlist_is_refused_and_nothing_of_it_is_fetched(save: Save, site: Films, part: Path) -> None:
    with pytest.raises(Refused, match="live"):
        save(site.manifest(LIVE))
    assert not site.site.asked("/hls/")
    assert not part.exists()


def test_a_live_playlist_behind_a_master_is_refused_too(save: Save, site: Films) -> None:
    site.manifests["/live.m3u8"] = LIVE
    master = (
        '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=320x240,CODECS="avc1.42c00d,mp4a.40.2"\n/live.m3u8\n'
    )
    with pytest.raises(Refused, match="live"):
        save(site.manifest(master))
    assert not site.site.asked("/hls/")


def test_a_piece_on_a_forbidden_host_is_refused_with_the_reason(save: Save, site: Films, part: Path) -> None:
    with pytest.raises(Refused, match=r"127\.0\.0\.2"):
        save(site.manifest(ONE_PIECE.format(extra="", piece="http://127.0.0.2:9/secret.ts")))
    assert list(part.parent.iterdir()) == []


def test_a_key_on_a_forbidden_host_is_refused_with_the_reason(save: Save, site: Films) -> None:
    extra = '#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.2:9/key"\n'
    with pytest.raises(Refused, match=r"127\.0\.0\.2"):
        save(site.manifest(ONE_PIECE.format(extra=extra, piece="/hls/seg0.ts")))


def test_a_piece_that_redirects_inside_is_refused(save: Save, site: Films) -> None:
    site.site.fail("/moved.ts", Reply(status=302, headers={"location": "http://169.254.169.254/latest"}), times=99)
    with pytest.raises(Refused, match=r"169\.254\.169\.254"):
        save(site.manifest(ONE_PIECE.format(extra="", piece="/moved.ts")))


def test_a_piece_of_this_machine_is_refused(save: Save, site: Films, part: Path) -> None:
    with pytest.raises(Refused):
        save(site.manifest(ONE_PIECE.format(extra="", piece="file:///etc/hostname")))
    assert list(part.parent.iterdir()) == []


def test_a_playlist_disguised_as_a_piece_is_not_followed(save: Save, site: Films, part: Path) -> None:
    site.manifests["/evil.ts"] = ONE_PIECE.format(extra="", piece="file:///etc/hostname")
    with pytest.raises(Damaged):
        save(site.manifest(ONE_PIECE.format(extra="", piece="/evil.ts")))
    assert list(part.parent.iterdir()) == []


def test_a_missing_piece_leaves_nothing_behind(save: Save, site: Films, part: Path) -> None:
    with pytest.raises((Unreachable, Gone)):
        save(site.manifest(ONE_PIECE.format(extra="", piece="/none.ts")))
    assert list(part.parent.iterdir()) == []


def test_a_missing_manifest_is_gone(save: Save) -> None:
    with pytest.raises(Gone):
        save("/nothing.m3u8")


def test_more_than_the_limit_is_refused(save: Save, part: Path) -> None:
    with pytest.raises(Refused, match="larger"):
        save("/hls/index.m3u8", limit=10_000)
    assert list(part.parent.iterdir()) == []


def test_without_ffmpeg_separate_tracks_are_refused_in_clear_words(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreachable, match="ffmpeg is not installed"):
        save("/dash/manifest.mpd")


def test_without_ffmpeg_a_whole_transport_stream_is_kept(
    save: Save, part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    save("/hls/index.m3u8")
    assert part.read_bytes()[:1] == b"G"


def test_a_link_among_the_pieces_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pieces"
    folder.mkdir()
    (folder / "medium.mp4").symlink_to("/etc/hostname")
    with pytest.raises(Refused):
        streams._pieces(folder)  # noqa: SLF001 - yt-dlp makes no links; a promise all the same


def test_cancelling_kills_the_child_and_leaves_nothing(site: Films, part: Path, tmp_path: Path) -> None:
    part.parent.mkdir()
    site.manifests["/endless.m3u8"] = (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
        + "#EXTINF:1.0,\n/hls/seg0.ts\n" * 20_000
        + "#EXT-X-ENDLIST\n"
    )

    async def run() -> None:
        begun = asyncio.Event()

        def told(_here: int, _total: int | None) -> None:
            begun.set()

        async with World(Gate([ipaddress.ip_network("127.0.0.1/32")]), tmp_path / "scratch") as world:
            source = medium(site, "/endless.m3u8")
            task = asyncio.create_task(streams.save(source, part, world, on_progress=told))
            await begun.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()

    asyncio.run(run())
    assert list(part.parent.iterdir()) == []
    assert not [pid for pid in _processes() if f":{site.site.port}/endless".encode() in pid]


def _processes() -> list[bytes]:
    """The command lines of this machine's processes."""
    found: list[bytes] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found
