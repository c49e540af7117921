"""What goes wrong on the way of a file: each fault once, against a server that really commits it."""

import asyncio
import gzip
import resource
import subprocess
import sys
import zlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import brotli
import faults
import pytest
from faults import NEWER, OLD, FaultServer, File, content, sha256

from entourage.kernel.curl import Pace
from entourage.kernel.egress import Gate, networks
from entourage.kernel.errors import Conflict, Damaged, Gone, Refused, StorageFull, Throttled, Unreachable
from entourage.kernel.parts import note_path
from entourage.kernel.transfer import Client

pytestmark = pytest.mark.anyio
SIZE = 300_000
BODY = content(1, SIZE)
OTHER = content(2, SIZE)
HALF = SIZE // 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


@asynccontextmanager
async def client(pace: Pace | None = None) -> AsyncGenerator[Client]:
    opened = Client(Gate(networks(["127.0.0.1"])), pace=pace)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def server() -> AsyncGenerator[FaultServer]:
    async with FaultServer() as started:
        yield started


@pytest.fixture
async def web() -> AsyncGenerator[Client]:
    async with client() as opened:
        yield opened


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


def gzip_in_br(body: bytes) -> bytes:
    return brotli.compress(gzip.compress(body))


class Moved(asyncio.Event):
    """Set when a transfer tells of its progress."""

    def told(self, _done: int, _total: int | None) -> None:
        self.set()


def kept(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


async def test_a_file_comes_whole_with_its_hash_and_what_the_server_said_of_it(
    web: Client, server: FaultServer, part: Path
) -> None:
    lines = ("Content-Type: image/jpeg", "Content-Disposition: attachment; filename*=UTF-8''caf%C3%A9.jpg")
    url = server.on("/f", File(BODY, modified=OLD, lines=lines))
    told: list[tuple[int, int | None]] = []
    received = await web.save(url, part, on_progress=lambda done, total: told.append((done, total)))
    assert part.read_bytes() == BODY
    assert (received.sha256, received.size, received.promised) == (sha256(BODY), SIZE, SIZE)
    assert (received.content_type, received.etag, received.last_modified) == ("image/jpeg", '"one"', OLD)
    assert (received.filename_hint, received.resumed_from, received.redirects) == ("café.jpg", 0, ())
    assert told[-1] == (SIZE, SIZE)
    assert server.asked[0].headers["accept-encoding"] == "identity"


async def test_a_body_cut_once_is_resumed_with_if_range(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, cuts=[HALF]))
    with pytest.raises(Unreachable, match="cut off"):
        await web.save(url, part)
    assert 0 < kept(part) <= HALF
    received = await web.save(url, part)
    assert (received.sha256, part.read_bytes()) == (sha256(BODY), BODY)
    assert received.resumed_from > 0
    assert server.asked[1].headers["if-range"] == '"one"'
    assert server.asked[1].headers["range"] == f"bytes={received.resumed_from}-"


async def test_a_body_cut_always_is_never_reported_as_complete(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, ranges=False, cuts=[HALF] * 4))
    for _ in range(4):
        with pytest.raises(Unreachable, match="cut off"):
            await web.save(url, part)
    assert kept(part) <= HALF


async def test_a_body_cut_again_and_again_arrives_in_the_end(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, cuts=[100_000, 80_000, 60_000]))
    for _ in range(3):
        with pytest.raises(Unreachable):
            await web.save(url, part)
    assert (await web.save(url, part)).sha256 == sha256(BODY)


async def test_a_file_that_changed_before_the_resume_is_fetched_anew(
    web: Client, server: FaultServer, part: Path
) -> None:
    file = File(BODY, cuts=[HALF])
    url = server.on("/f", file)
    with pytest.raises(Unreachable):
        await web.save(url, part)
    file.body, file.etag = OTHER, '"two"'
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from, part.read_bytes()) == (sha256(OTHER), 0, OTHER)


async def test_a_changed_file_is_fetched_anew_also_where_if_range_is_ignored(
    web: Client, server: FaultServer, part: Path
) -> None:
    file = File(BODY, if_range=False, cuts=[HALF])
    url = server.on("/f", file)
    with pytest.raises(Unreachable):
        await web.save(url, part)
    file.body, file.etag = OTHER, '"two"'
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from, part.read_bytes()) == (sha256(OTHER), 0, OTHER)
    assert [asked.headers.get("range") is not None for asked in server.asked] == [False, True, False]


async def test_a_piece_that_does_not_say_of_what_it_is_a_piece_is_not_joined(
    web: Client, server: FaultServer, part: Path
) -> None:
    file = File(BODY, if_range=False, names_itself=False, cuts=[HALF])
    url = server.on("/f", file)
    with pytest.raises(Unreachable):
        await web.save(url, part)
    file.body = OTHER
    assert (await web.save(url, part)).sha256 == sha256(OTHER)


async def test_a_piece_of_a_file_of_another_length_is_not_joined(web: Client, server: FaultServer, part: Path) -> None:
    file = File(BODY, if_range=False, cuts=[HALF])
    url = server.on("/f", file)
    with pytest.raises(Unreachable):
        await web.save(url, part)
    file.body = OTHER + b"more"
    assert (await web.save(url, part)).sha256 == sha256(OTHER + b"more")


async def test_an_ignored_range_starts_over(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, ranges=False, cuts=[HALF]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from, part.read_bytes()) == (sha256(BODY), 0, BODY)


async def test_a_weak_etag_is_no_reason_to_resume(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, etag='W/"one"', cuts=[HALF]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    assert (await web.save(url, part)).sha256 == sha256(BODY)
    assert "range" not in server.asked[1].headers


async def test_an_old_date_resumes_and_a_fresh_one_does_not(web: Client, server: FaultServer, tmp_path: Path) -> None:
    for name, modified, resumes in (("old", OLD, True), ("fresh", NEWER, False)):
        url = server.on(f"/{name}", File(BODY, etag=None, modified=modified, cuts=[HALF]))
        with pytest.raises(Unreachable):
            await web.save(url, tmp_path / name)
        received = await web.save(url, tmp_path / name)
        assert received.sha256 == sha256(BODY)
        assert (received.resumed_from > 0) is resumes
        assert server.asked[-1].headers.get("if-range") == (OLD if resumes else None)


@pytest.mark.parametrize("names_itself", [True, False])
async def test_416_on_a_complete_file_is_the_end_of_it(
    web: Client, server: FaultServer, part: Path, *, names_itself: bool
) -> None:
    url = server.on("/f", File(BODY, cuts=[HALF], names_itself=True))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    await web.save(url, part)  # whole, but the process died before the file was adopted
    server.on("/f", File(BODY, names_itself=names_itself))
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from, part.read_bytes()) == (sha256(BODY), SIZE, BODY)
    assert server.asked[-1].headers["range"] == f"bytes={SIZE}-"
    assert len(server.asked) == 3


async def test_416_on_a_file_that_shrank_starts_over(web: Client, server: FaultServer, part: Path) -> None:
    file = File(BODY, if_range=False, cuts=[HALF])
    url = server.on("/f", file)
    with pytest.raises(Unreachable):
        await web.save(url, part)
    file.body = OTHER[:1000]
    received = await web.save(url, part)
    assert (received.sha256, received.size) == (sha256(OTHER[:1000]), 1000)


async def test_half_of_what_was_promised_is_not_a_file(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY[:HALF], promise=SIZE))
    with pytest.raises(Unreachable, match="cut off"):
        await web.save(url, part)


async def test_half_of_what_was_promised_is_not_a_file_in_chunks_either(
    web: Client, server: FaultServer, part: Path
) -> None:
    url = server.on("/f", File(BODY[:HALF], promise=SIZE, chunked=True))
    with pytest.raises(Damaged, match="promised"):
        await web.save(url, part)
    assert not part.exists()
    assert not note_path(part).exists()


async def test_chunks_without_their_end_are_a_cut(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, chunked=True, promises=False, cuts=[HALF, None]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    assert (await web.save(url, part)).sha256 == sha256(BODY)


async def test_a_length_known_from_elsewhere_must_agree(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY))
    with pytest.raises(Damaged, match="announced"):
        await web.save(url, part, expected=SIZE + 1)
    assert (await web.save(url, part, expected=SIZE)).size == SIZE
    url = server.on("/chunked", File(BODY, chunked=True, promises=False))
    with pytest.raises(Damaged, match="announced"):
        await web.save(url, part, expected=SIZE + 1)
    assert not part.exists()


async def test_two_different_lengths_are_no_length(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", faults.page(BODY, f"Content-Length: {SIZE + 5}"))
    with pytest.raises((Damaged, Unreachable)):
        await web.save(url, part)


async def test_429_says_how_long_to_wait(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/s", faults.status("429 Too Many Requests", "Retry-After: 17"))
    with pytest.raises(Throttled) as seconds:
        await web.save(url, part)
    assert seconds.value.retry_after == 17
    date = ("Date: Sun, 01 Mar 2026 10:00:00 GMT", "Retry-After: Sun, 01 Mar 2026 10:02:00 GMT")
    url = server.on("/d", faults.status("429 Too Many Requests", *date))
    with pytest.raises(Throttled) as dated:
        await web.read(url)
    assert dated.value.retry_after == 120
    assert not part.exists()


@pytest.mark.parametrize("told", ["Fri, 31 Dec 9999 23:59:59 GMT", "9" * 20, "9" * 5_000])
async def test_no_server_makes_us_wait_longer_than_a_day(web: Client, server: FaultServer, told: str) -> None:
    url = server.on("/s", faults.status("503 Service Unavailable", f"Retry-After: {told}"))
    with pytest.raises(Unreachable) as raised:
        await web.read(url)
    assert raised.value.retry_after == 86_400


async def test_503_twice_is_unreachable_twice_and_then_comes(web: Client, server: FaultServer, part: Path) -> None:
    failing = faults.status("503 Service Unavailable", "Retry-After: 3", times=2, then=File(BODY))
    url = server.on("/f", failing)
    for _ in range(2):
        with pytest.raises(Unreachable, match="503") as raised:
            await web.save(url, part)
        assert raised.value.retry_after == 3
    assert (await web.save(url, part)).sha256 == sha256(BODY)


async def test_a_503_between_keeps_what_was_there(web: Client, server: FaultServer, part: Path) -> None:
    file = File(BODY, cuts=[HALF])
    url = server.on("/f", file)
    with pytest.raises(Unreachable):
        await web.save(url, part)
    server.on("/f", faults.status("503 Service Unavailable"))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    server.on("/f", file)
    assert (await web.save(url, part)).resumed_from > 0


@pytest.mark.parametrize("code", [401, 403, 404, 410, 451])
async def test_what_is_not_for_us_is_gone(web: Client, server: FaultServer, part: Path, code: int) -> None:
    url = server.on("/f", faults.status(f"{code} No"))
    with pytest.raises(Gone, match=str(code)):
        await web.save(url, part)
    with pytest.raises(Gone, match=str(code)):
        await web.read(url)


async def test_a_redirect_loop_is_named(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/a", faults.redirect("/b"))
    server.on("/b", faults.redirect("/c"))
    server.on("/c", faults.redirect("/a"))
    with pytest.raises(Refused, match=r"circle: .*/a → .*/b → .*/c → .*/a"):
        await web.save(url, part)
    assert len(server.asked) == 3


async def test_too_many_redirects_end(web: Client, server: FaultServer, part: Path) -> None:
    for step in range(20):
        server.on(f"/{step}", faults.redirect(f"/{step + 1}"))
    with pytest.raises(Refused, match="more than 10"):
        await web.save(server.url("/0"), part)
    assert len(server.asked) == 11


async def test_redirects_are_followed_and_told(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/a", faults.redirect("b?x=1#there", "301 Moved"))
    server.on("/b", File(BODY))
    received = await web.save(url, part)
    assert (received.url, received.redirects) == (server.url("/b?x=1"), (server.url("/b?x=1"),))


async def test_a_body_at_one_byte_a_second_is_given_up_and_kept(server: FaultServer, part: Path) -> None:
    url = server.on("/f", faults.drip(500, 1.0))
    async with client(Pace(slowest=1000, patience=1)) as impatient:
        with pytest.raises(Unreachable, match="stalled"):
            await impatient.save(url, part)
    assert kept(part) >= 500
    assert note_path(part).exists()


@pytest.mark.parametrize(
    "begin",
    [b"", b"HTTP/1.1 200 OK\r\n", faults.head("200 OK", "Content-Length: 100"), faults.head("200 OK") + b"some"],
    ids=["silent", "half a head", "no body", "half a body"],
)
async def test_a_stalled_server_is_given_up(server: FaultServer, part: Path, begin: bytes) -> None:
    url = server.on("/f", faults.stall(begin))
    async with client(Pace(slowest=100, patience=1)) as impatient:
        with pytest.raises(Unreachable, match="stalled"):
            await impatient.save(url, part)
        with pytest.raises(Unreachable, match="stalled"):
            await impatient.read(url)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("br", brotli.compress),
        ("gzip, br", gzip_in_br),
    ],
    ids=["gzip", "x-gzip", "deflate", "raw deflate", "br", "gzip in br"],
)
async def test_an_encoding_nobody_asked_for_is_taken_off(
    web: Client, server: FaultServer, part: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(BODY)
    url = server.on("/f", faults.page(packed, f"Content-Encoding: {encoding}", 'ETag: "one"'))
    received = await web.save(url, part)
    assert (received.sha256, received.size, part.read_bytes()) == (sha256(BODY), SIZE, BODY)
    url = server.on("/cut", faults.page(packed[:-9], f"Content-Encoding: {encoding}", 'ETag: "one"'))
    with pytest.raises(Damaged, match=r"cut|decoded"):
        await web.save(url, part)
    assert not part.exists()


async def test_what_came_encoded_is_not_resumed_at_a_wrong_place(web: Client, server: FaultServer, part: Path) -> None:
    packed = gzip.compress(BODY)
    url = server.on("/f", File(packed, lines=("Content-Encoding: gzip",), cuts=[HALF]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    assert (await web.save(url, part)).sha256 == sha256(BODY)
    assert "range" not in server.asked[1].headers


async def test_an_unknown_encoding_is_not_kept(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", faults.page(BODY, "Content-Encoding: rot13"))
    with pytest.raises(Damaged, match="rot13"):
        await web.save(url, part)
    assert not part.exists()


async def test_a_decompression_bomb_is_refused(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", faults.bomb(200 << 20))
    with pytest.raises(Refused, match="bomb"):
        await web.save(url, part)
    assert not part.exists()
    with pytest.raises(Refused, match="larger"):
        await web.read(url, limit=1_000_000)


async def test_an_endless_body_ends_at_the_limit(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", faults.endless())
    with pytest.raises(Refused, match="larger"):
        await web.save(url, part, limit=3_000_000)
    assert not part.exists()
    with pytest.raises(Refused, match="larger"):
        await web.read(url, limit=3_000_000)


async def test_a_body_announced_too_large_is_not_begun(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY))
    with pytest.raises(Refused, match="larger"):
        await web.save(url, part, limit=SIZE - 1)
    assert not part.exists()


@pytest.mark.parametrize("code", ["204 No Content", "205 Reset Content"])
async def test_an_answer_without_a_file_is_no_empty_file(
    web: Client, server: FaultServer, part: Path, code: str
) -> None:
    url = server.on("/f", faults.stall(faults.head(code)))
    with pytest.raises((Gone, Unreachable)):
        async with client(Pace(patience=1)) as impatient:
            await impatient.save(url, part)
    assert not part.exists()


@pytest.fixture
def small_files_only() -> Generator[int]:
    """No file of this process can grow beyond 100 kB: to a writer, the disk is full there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield 100_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_keeps_what_came_and_the_rest_comes_when_there_is_room(
    web: Client, server: FaultServer, part: Path, small_files_only: int
) -> None:
    url = server.on("/f", File(BODY))
    with pytest.raises(StorageFull, match="kept"):
        await web.save(url, part)
    assert kept(part) == small_files_only
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (await web.save(url, part)).sha256 == sha256(BODY)


@pytest.fixture
def full_disk(tmp_path: Path) -> Generator[Path]:
    """A small file system with hardly any room left."""
    place = tmp_path / "full"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    (place / "other").write_bytes(bytes(280_000))
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


async def test_a_file_system_without_room_keeps_what_came(web: Client, server: FaultServer, full_disk: Path) -> None:
    part = full_disk / "file.part"
    url = server.on("/f", File(BODY))
    for _ in range(2):
        with pytest.raises(StorageFull, match="kept"):
            await web.save(url, part)
    assert BODY.startswith(part.read_bytes())
    (full_disk / "other").unlink()
    assert (await web.save(url, part)).sha256 == sha256(BODY)


async def test_cancelling_acts_in_the_middle_and_the_rest_comes_later(
    web: Client, server: FaultServer, part: Path
) -> None:
    moved = Moved()
    body = content(3, 1_000_000)
    url = server.on(
        "/f", faults.stall(faults.head("200 OK", "Content-Length: 1000000", 'ETag: "one"') + body[:500_000])
    )
    saving = asyncio.ensure_future(web.save(url, part, on_progress=moved.told))
    await moved.wait()
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert note_path(part).exists()
    server.on("/f", File(body))
    received = await web.save(url, part)
    assert received.sha256 == sha256(body)
    assert received.resumed_from > 0


async def test_killed_in_the_middle_it_goes_on_from_the_last_note(web: Client, server: FaultServer, part: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from entourage.kernel.egress import Gate, networks\n"
        "from entourage.kernel.transfer import Client\n"
        "web = Client(Gate(networks(['127.0.0.1'])))\n"
        "asyncio.run(web.save(sys.argv[1], pathlib.Path(sys.argv[2])))\n"
    )
    url = server.on("/f", faults.drip(400_000, 0.1))
    fetching = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, str(part))
    while not note_path(part).exists():
        await asyncio.sleep(0.05)
    fetching.kill()
    await fetching.wait()
    server.on("/f", File(b"x" * 1_000_000, etag='"slow"'))
    received = await web.save(url, part)
    assert received.sha256 == sha256(b"x" * 1_000_000)
    assert received.resumed_from >= 400_000


async def test_a_second_writer_of_the_same_part_is_turned_away(web: Client, server: FaultServer, part: Path) -> None:
    moved = Moved()
    url = server.on("/f", faults.stall(faults.head("200 OK", "Content-Length: 9999", 'ETag: "one"') + b"begun"))
    saving = asyncio.ensure_future(web.save(url, part, on_progress=moved.told))
    await moved.wait()
    server.on("/f", File(BODY))
    with pytest.raises(Conflict):
        await web.save(url, part)
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)
    assert part.read_bytes() == b"begun"


async def test_a_part_that_rotted_on_the_disk_is_not_resumed(web: Client, server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY, cuts=[HALF]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    rotten = bytearray(part.read_bytes())
    rotten[1000] ^= 1
    part.write_bytes(rotten)
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from) == (sha256(BODY), 0)


async def test_what_was_written_after_the_last_note_is_not_trusted(
    web: Client, server: FaultServer, part: Path
) -> None:
    url = server.on("/f", File(BODY, cuts=[HALF]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    noted = kept(part)
    with part.open("ab") as file:
        file.write(bytes(5000))  # as a power failure may leave it
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from) == (sha256(BODY), noted)


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"bytes": "x"}', b"\xff\xfe"])
async def test_a_broken_note_means_starting_over(web: Client, server: FaultServer, part: Path, note: bytes) -> None:
    url = server.on("/f", File(BODY, cuts=[HALF]))
    with pytest.raises(Unreachable):
        await web.save(url, part)
    note_path(part).write_bytes(note)
    received = await web.save(url, part)
    assert (received.sha256, received.resumed_from) == (sha256(BODY), 0)


async def test_a_part_of_another_address_is_not_continued(web: Client, server: FaultServer, part: Path) -> None:
    with pytest.raises(Unreachable):
        await web.save(server.on("/one", File(BODY, cuts=[HALF])), part)
    received = await web.save(server.on("/two", File(OTHER)), part)
    assert (received.sha256, received.resumed_from) == (sha256(OTHER), 0)


async def test_a_server_that_hangs_up_or_talks_nonsense_is_unreachable(
    web: Client, server: FaultServer, part: Path
) -> None:
    async def hang_up(_: faults.Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def nonsense(_: faults.Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    for reply in (hang_up, nonsense):
        with pytest.raises(Unreachable):
            await web.save(server.on("/f", reply), part)
        with pytest.raises(Unreachable):
            await web.read(server.on("/f", reply))


async def test_a_closed_port_and_an_unknown_host_are_unreachable(web: Client, part: Path) -> None:
    async with FaultServer() as gone:
        url = gone.url("/f")
    with pytest.raises(Unreachable):
        await web.save(url, part)
    with pytest.raises(Unreachable, match="could not be found"):
        await web.save("http://nowhere.invalid/f", part)


async def test_a_limited_rate_is_kept_to_and_is_no_stall(server: FaultServer, part: Path) -> None:
    url = server.on("/f", File(BODY))
    clock = asyncio.get_running_loop().time
    async with client(Pace(slowest=10_000_000, patience=1)) as limited:
        begun = clock()
        received = await limited.save(url, part, rate=200_000)
    assert received.sha256 == sha256(BODY)
    assert clock() - begun > 1  # a lower bound: no slow machine can break it
