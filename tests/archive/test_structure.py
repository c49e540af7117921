"""The structural check: what a file is, by its bytes, and whether it is whole."""

import io
import os
import random
import shutil
import struct
import subprocess
import zlib
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from entourage.archive import structure
from entourage.kernel.errors import Damaged, Gone, Refused
from entourage.networks.model import MediaKind

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None and not os.environ.get("CI"), reason="needs ffmpeg to make recordings"
)
HTML = b"<!-- x -->\n<!DOCTYPE html><html><body>Please sign in</body></html>"


@cache
def picture(name: str) -> bytes:
    """A picture with noise in it (a plain one would survive cuts), in the form that `name` says."""
    noise = Image.effect_noise((300, 200), 80).convert("RGB")
    frames = [Image.effect_noise((120, 90), 60).convert("RGB") for _ in range(3)]
    target = io.BytesIO()
    if name.startswith("animated-"):
        frames[0].save(target, name.removeprefix("animated-"), save_all=True, append_images=frames[1:], duration=50)
    else:
        noise.save(target, name)
    return target.getvalue()


@cache
def recording(name: str, *options: str) -> bytes:
    sources = ["-f", "lavfi", "-i", "testsrc=d=1:s=160x120:r=10", "-f", "lavfi", "-i", "sine=d=1"]
    target = Path(os.environ.get("TMPDIR", "/tmp")) / f"entourage-{os.getpid()}.{name}"
    try:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *sources, "-shortest", *options, str(target)], check=True)
        return target.read_bytes()
    finally:
        target.unlink(missing_ok=True)


def inspect(folder: Path, body: bytes, expected: MediaKind = MediaKind.FILE) -> structure.Inspection:
    path = folder / "file.part"
    path.write_bytes(body)
    return structure.inspect(path, expected)


PICTURES = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif"}


@pytest.mark.parametrize(("name", "extension"), PICTURES.items())
def test_a_picture_is_known_by_its_bytes_and_measured(tmp_path: Path, name: str, extension: str) -> None:
    found = inspect(tmp_path, picture(name), MediaKind.IMAGE)
    assert (found.kind, found.extension) == (MediaKind.IMAGE, extension)
    assert (found.width, found.height, found.duration) == (300, 200, None)
    assert found.media_type.startswith("image/")


@pytest.mark.parametrize("name", ["animated-GIF", "animated-WEBP", "animated-PNG"])
def test_animations_are_pictures(tmp_path: Path, name: str) -> None:
    found = inspect(tmp_path, picture(name), MediaKind.IMAGE)
    assert (found.kind, found.width, found.height) == (MediaKind.IMAGE, 120, 90)


@pytest.mark.parametrize("name", [*PICTURES, "animated-GIF", "animated-WEBP", "animated-PNG"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_picture_is_damaged(tmp_path: Path, name: str, kept: float) -> None:
    body = picture(name)
    with pytest.raises(Damaged):
        inspect(tmp_path, body[: int(len(body) * kept)], MediaKind.IMAGE)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_without_its_last_bytes_is_damaged(tmp_path: Path, name: str) -> None:
    with pytest.raises(Damaged):
        inspect(tmp_path, picture(name)[:-3], MediaKind.IMAGE)


def test_a_changed_byte_in_a_png_is_noticed(tmp_path: Path) -> None:
    body = bytearray(picture("PNG"))
    body[len(body) // 2] ^= 0xFF
    with pytest.raises(Damaged):
        inspect(tmp_path, bytes(body), MediaKind.IMAGE)


def test_a_picture_on_its_side_is_measured_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    target = io.BytesIO()
    Image.new("RGB", (300, 200)).save(target, "JPEG", exif=exif)
    found = inspect(tmp_path, target.getvalue())
    assert (found.width, found.height) == (200, 300)


def png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    for width, height in ((60_000, 60_000), (13_400, 13_400)):
        with pytest.raises(Refused):
            inspect(tmp_path, png(width, height, zlib.compress(bytes(1000))), MediaKind.IMAGE)
    webp = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0"
    webp += (16_382).to_bytes(3, "little") * 2
    with pytest.raises(Refused):
        inspect(tmp_path, webp, MediaKind.IMAGE)


@pytest.mark.parametrize("kind", [MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.AUDIO])
def test_a_web_page_answered_for_a_medium_is_gone_with_a_clear_sentence(tmp_path: Path, kind: MediaKind) -> None:
    for body in (HTML, b"\xef\xbb\xbf \n<html>", b"<head><title>x"):
        with pytest.raises(Gone, match="web page"):
            inspect(tmp_path, body, kind)


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>',
        b"<svg/>",
        b'{"error": "not found"}',
        b"Not found",
        b"%PDF-1.7 ...",
        b"PK\3\4 ...",
    ],
)
def test_svg_text_and_documents_are_no_pictures(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(Gone, match="Not a picture"):
        inspect(tmp_path, body, MediaKind.IMAGE)
    assert inspect(tmp_path, body, MediaKind.FILE).kind is MediaKind.FILE


def test_a_page_asked_for_as_a_file_is_a_file(tmp_path: Path) -> None:
    found = inspect(tmp_path, HTML, MediaKind.FILE)
    assert (found.media_type, found.kind) == ("text/html", MediaKind.FILE)


def test_bytes_of_no_known_form_are_a_file_and_no_picture(tmp_path: Path) -> None:
    assert inspect(tmp_path, b"\0\1\2\3" * 100).media_type == "application/octet-stream"
    with pytest.raises(Damaged, match="cannot be read as a picture"):
        inspect(tmp_path, b"\0\1\2\3" * 100, MediaKind.IMAGE)


@pytest.mark.parametrize("kind", MediaKind)
def test_an_empty_file_is_damaged(tmp_path: Path, kind: MediaKind) -> None:
    with pytest.raises(Damaged, match="empty"):
        inspect(tmp_path, b"", kind)


RECORDINGS = {
    "mp4": ("video/mp4", MediaKind.VIDEO, "mp4"),
    "mov": ("video/quicktime", MediaKind.VIDEO, "mov"),
    "webm": ("video/webm", MediaKind.VIDEO, "webm"),
    "mkv": ("video/x-matroska", MediaKind.VIDEO, "mkv"),
    "avi": ("video/x-msvideo", MediaKind.VIDEO, "avi"),
    "flv": ("video/x-flv", MediaKind.VIDEO, "flv"),
    "ts": ("video/mp2t", MediaKind.VIDEO, "ts"),
    "mp3": ("audio/mpeg", MediaKind.AUDIO, "mp3"),
    "wav": ("audio/wav", MediaKind.AUDIO, "wav"),
    "flac": ("audio/flac", MediaKind.AUDIO, "flac"),
}


@pytest.fixture(params=["with ffprobe", "without ffprobe"])
def probing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
    if request.param == "without ffprobe":
        monkeypatch.setenv("PATH", str(tmp_path))
    return request.param == "with ffprobe"


@needs_ffmpeg
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    found = inspect(tmp_path, recording(name), MediaKind.VIDEO)
    assert (found.media_type, found.kind, found.extension) == RECORDINGS[name]
    if found.kind is MediaKind.VIDEO:
        assert (found.width, found.height) == (160, 120)
    assert found.duration is not None
    assert 0.9 < found.duration < 1.3


@needs_ffmpeg
@pytest.mark.parametrize("name", ["mp4", "mov", "webm", "mkv", "avi", "flv", "mp3", "wav"])
@pytest.mark.parametrize("kept", [0.1, 0.51, 0.9])
def test_a_cut_recording_is_damaged_with_ffprobe_and_without(
    tmp_path: Path, name: str, kept: float, *, probing: bool
) -> None:
    del probing
    body = recording_of(name)
    assert inspect(tmp_path, body).kind is not MediaKind.FILE
    for length in (int(len(body) * kept), len(body) - 1):
        with pytest.raises(Damaged):
            inspect(tmp_path, body[:length], MediaKind.VIDEO)


_PATH = os.environ.get("PATH", "")


def recording_of(name: str, *options: str) -> bytes:
    """As `recording`, also where a test hides ffmpeg from the product."""
    hidden = os.environ["PATH"]
    os.environ["PATH"] = _PATH
    try:
        return recording(name, *options)
    finally:
        os.environ["PATH"] = hidden


@needs_ffmpeg
def test_mp4_and_webm_are_measured_without_ffprobe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [recording(name) for name in ("mp4", "mov", "webm", "mkv")]
    monkeypatch.setenv("PATH", str(tmp_path))
    for body in bodies:
        found = inspect(tmp_path, body)
        assert (found.width, found.height) == (160, 120)
        assert found.duration == pytest.approx(1.0, abs=0.2)


@needs_ffmpeg
def test_an_index_in_front_and_a_fragmented_file_are_walked_too(tmp_path: Path) -> None:
    for flags in ("+faststart", "frag_keyframe+empty_moov"):
        body = recording("mp4", "-movflags", flags)
        assert inspect(tmp_path, body).extension == "mp4"
        with pytest.raises(Damaged):
            inspect(tmp_path, body[: len(body) * 3 // 4])


@needs_ffmpeg
def test_a_video_container_with_sound_alone_is_sound(tmp_path: Path, *, probing: bool) -> None:
    del probing
    for name, extension in (("mp4", "m4a"), ("mkv", "mka"), ("webm", "webm")):
        found = inspect(tmp_path, recording_of(name, "-vn"))
        assert (found.kind, found.extension) == (MediaKind.AUDIO, extension)
        assert found.media_type.startswith("audio/")


@needs_ffmpeg
def test_a_video_where_a_picture_was_expected_is_kept_as_what_it_is(tmp_path: Path) -> None:
    assert inspect(tmp_path, recording("mp4"), MediaKind.IMAGE).kind is MediaKind.VIDEO


def test_a_container_that_only_begins_like_one_is_damaged(tmp_path: Path, *, probing: bool) -> None:
    del probing
    heads = [
        b"\0\0\0\x18ftypmp42",
        b"\x1a\x45\xdf\xa3",
        b"RIFF\xff\0\0\0AVI ",
        b"OggS",
        b"FLV\1",
        b"ID3",
        b"\xff\xfb\x90\0",
    ]
    for head in heads:
        for rest in (b"", b"\0" * 50, b"\xff" * 500, random.Random(7).randbytes(2000)):
            with pytest.raises(Damaged):
                inspect(tmp_path, head + rest, MediaKind.VIDEO)
