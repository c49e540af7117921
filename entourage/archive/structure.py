"""The structural check: a file is what its bytes are, and is kept only if it is whole."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image, ImageFile

from entourage.archive import containers, ffmpeg
from entourage.archive.containers import Facts
from entourage.kernel.errors import Damaged, Gone, Refused
from entourage.networks.model import MediaKind

MOST_PIXELS = 178_000_000
"""The largest picture that is decoded; a header that claims more is a bomb or beyond use."""

_HEAD = 4096
_FRAME_BUDGET = 1_000_000_000
_SIDEWAYS = {5, 6, 7, 8}
_ORIENTATION = 0x0112
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file turned out to be. `extension` has no dot; sizes are in pixels as shown, `duration` in seconds."""

    media_type: str
    kind: MediaKind
    extension: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class _Form:
    media_type: str
    kind: MediaKind
    extension: str
    walk: Callable[[BinaryIO], Facts] | None = None


_KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}


def _form(media_type: str, extension: str, walk: Callable[[BinaryIO], Facts] | None = None) -> _Form:
    return _Form(media_type, _KINDS.get(media_type.partition("/")[0], MediaKind.FILE), extension, walk)


_MATROSKA = _form("video/x-matroska", "mkv", containers.matroska)
_MP3 = _form("audio/mpeg", "mp3", containers.mp3)
_TS = _form("video/mp2t", "ts", containers.transport_stream)
_TIFF = _form("image/tiff", "tif")
_SIGNATURES: tuple[tuple[int, bytes, _Form], ...] = (
    (0, b"\xff\xd8\xff", _form("image/jpeg", "jpg")),
    (0, b"\x89PNG\r\n\x1a\n", _form("image/png", "png")),
    (0, b"GIF87a", _form("image/gif", "gif")),
    (0, b"GIF89a", _form("image/gif", "gif")),
    (8, b"WEBP", _form("image/webp", "webp")),
    (0, b"II*\0", _TIFF),
    (0, b"MM\0*", _TIFF),
    (0, b"\0\0\1\0", _form("image/x-icon", "ico")),
    (0, b"\x1a\x45\xdf\xa3", _MATROSKA),
    (8, b"AVI ", _form("video/x-msvideo", "avi", containers.riff)),
    (8, b"WAVE", _form("audio/wav", "wav", containers.riff)),
    (0, b"OggS", _form("audio/ogg", "ogg", containers.ogg)),
    (0, b"FLV\1", _form("video/x-flv", "flv", containers.flv)),
    (0, b"fLaC", _form("audio/flac", "flac")),
    (0, b"ID3", _MP3),
    (0, b"\0\0\1\xba", _form("video/mpeg", "mpg")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _form("video/x-ms-asf", "wmv")),
    (0, b"%PDF-", _form("application/pdf", "pdf")),
    (0, b"PK\3\4", _form("application/zip", "zip")),
)
_PICTURE_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"msf1": "heic"}
_HTML = re.compile(
    rb"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|title|meta|noscript)\b", re.IGNORECASE | re.DOTALL
)
_MARKUP = re.compile(rb"(?:<\?xml\b|<!--|<svg\b|<!doctype\s+svg)", re.IGNORECASE)


def inspect(path: Path, expected: MediaKind) -> Inspection:
    """What the file at `path` is, checked to be whole and readable. Blocks; bounded in time and memory.

    Raises Damaged for a cut or undecodable file, Gone for something that is no medium where one was `expected` (a web
    page, a text), Refused for a picture of absurd size.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if not head:
            raise Damaged("The file is empty.")
        form = _recognise(head)
        if form is None:
            return _unrecognised(head, expected)
        file.seek(0)
        if form.kind is MediaKind.IMAGE:
            return _picture(file, path, form)
        facts = form.walk(file) if form.walk is not None else Facts()
    if form.kind is MediaKind.FILE:
        _insist(form.media_type, expected)
        return Inspection(form.media_type, form.kind, form.extension)
    return _recording(path, form, facts)


def _recognise(head: bytes) -> _Form | None:
    for offset, magic, form in _SIGNATURES:
        if head.startswith(magic, offset) and (offset != 8 or head.startswith(b"RIFF")):  # noqa: PLR2004 - RIFF's kind
            return form
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return _iso_form(head)
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return _form("image/bmp", "bmp")
    if head[:1] == b"G" and len(head) > 376 and head[188:189] == head[376:377] == b"G":  # noqa: PLR2004 - TS packets
        return _TS
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # noqa: PLR2004 - the mark of MPEG audio
        return _MP3
    return None


def _iso_form(head: bytes) -> _Form:
    if head[4:8] == b"ftyp":
        size = min(struct.unpack(">I", head[:4])[0], len(head))
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, size, 4))]
        for brand in brands:
            if brand in _PICTURE_BRANDS:
                name = _PICTURE_BRANDS[brand]
                return _form(f"image/{name}", name)
        if brands[0] in {b"M4A ", b"M4B "}:
            return _form("audio/mp4", "m4a", containers.iso)
        if brands[0] != b"qt  ":
            return _form("video/mp4", "mp4", containers.iso)
    return _form("video/quicktime", "mov", containers.iso)


_NOUNS = {MediaKind.IMAGE: "a picture", MediaKind.VIDEO: "a video", MediaKind.AUDIO: "a sound file"}


def _insist(came: str, expected: MediaKind) -> None:
    if expected in _NOUNS:
        raise Gone(f"Not {_NOUNS[expected]} came but something else ({came}); it was not kept.")


def _unrecognised(head: bytes, expected: MediaKind) -> Inspection:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        if expected in _NOUNS:
            raise Gone(
                f"A web page came where {_NOUNS[expected]} was expected; it was not kept. "
                "Often this means that the file was removed or needs a log-in."
            )
        return Inspection("text/html", MediaKind.FILE, "html")
    if _MARKUP.match(text):
        _insist("XML or SVG", expected)
        return Inspection("image/svg+xml" if b"<svg" in head.lower() else "application/xml", MediaKind.FILE, "xml")
    if b"\0" not in head and _is_text(head):
        _insist("text", expected)
        return Inspection("text/plain", MediaKind.FILE, "")
    if expected in _NOUNS:
        raise Damaged(f"What came cannot be read as {_NOUNS[expected]}; it was not kept.")
    return Inspection("application/octet-stream", MediaKind.FILE, "")


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > _HEAD - 4 and len(head) == _HEAD  # a character across the end of what was read
    return True


# Pictures ----------------------------------------------------------------------------------------------------------


def _picture(file: BinaryIO, path: Path, form: _Form) -> Inspection:
    if form.extension in {"gif", "png"}:
        (containers.gif if form.extension == "gif" else containers.png)(file)
    elif form.extension == "webp":
        containers.riff(file)
        _check_pixels(*_webp_size(path))
    elif form.extension in {"heic", "avif"}:
        containers.iso(file, still=True)
        if form.extension == "heic":  # no decoder for it is installed with us
            return Inspection(form.media_type, form.kind, form.extension)
    try:
        width, height = _decode(file, form)
    except (Refused, Damaged):
        raise
    except Image.DecompressionBombError as error:
        raise Refused("The picture claims an absurd size; it was not kept.") from error
    except Exception as error:  # what broken files make decoders raise has no common class
        raise Damaged(f"The picture cannot be decoded ({error}); it was not kept.") from error
    return Inspection(form.media_type, form.kind, form.extension, width, height)


def _decode(file: BinaryIO, form: _Form) -> tuple[int, int]:
    """Decodes every frame (of very long animations as many as the budget allows); the size as shown."""
    if form.extension == "png":
        file.seek(0)
        with Image.open(file, formats=["PNG"]) as image:
            _check_pixels(*image.size)
            image.verify()  # every chunk's checksum
    file.seek(0)
    with Image.open(file, formats=_FORMATS) as image:
        width, height = image.size
        _check_pixels(width, height)
        orientation = image.getexif().get(_ORIENTATION)
        if form.extension == "jpg":
            image.draft(None, (max(1, width // 8), max(1, height // 8)))  # reads all of it, in an eighth of the room
        image.load()
        _decode_rest(image, width * height)
    return (height, width) if orientation in _SIDEWAYS else (width, height)


def _decode_rest(image: ImageFile.ImageFile, pixels: int) -> None:
    if image.format not in {"GIF", "WEBP", "PNG", "AVIF"}:
        return
    frames = cast("int", getattr(image, "n_frames", 1))
    for number in range(1, min(frames, _FRAME_BUDGET // max(1, pixels))):
        image.seek(number)
        image.load()


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Refused(f"The picture claims {width} by {height} pixels, more than is decoded; it was not kept.")


def _webp_size(path: Path) -> tuple[int, int]:
    """The canvas of a WebP file, read before a decoder makes room for it."""
    with path.open("rb") as file:
        head = file.read(30)
    if len(head) < 30:  # noqa: PLR2004 - the shortest there is
        raise Damaged("The picture is cut.")
    chunk = head[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


# Video and sound ---------------------------------------------------------------------------------------------------


def _recording(path: Path, form: _Form, facts: Facts) -> Inspection:
    probed = ffmpeg.probe(path)
    if probed is not None:
        facts = Facts(
            width=probed.width or facts.width,
            height=probed.height or facts.height,
            duration=probed.duration or facts.duration,
            video=probed.video or facts.video,
            audio=probed.audio or facts.audio,
        )
    media_type, extension, kind = form.media_type, form.extension, form.kind
    if form is _MATROSKA and _is_webm(path):
        media_type, extension = "video/webm", "webm"
    if kind is MediaKind.VIDEO and facts.audio and not facts.video:
        kind, media_type = MediaKind.AUDIO, media_type.replace("video/", "audio/")
        extension = {"mp4": "m4a", "mkv": "mka"}.get(extension, extension)
    elif media_type == "audio/ogg" and facts.video:
        kind, media_type, extension = MediaKind.VIDEO, "video/ogg", "ogv"
    return Inspection(media_type, kind, extension, facts.width, facts.height, facts.duration)


def _is_webm(path: Path) -> bool:
    with path.open("rb") as file:
        return b"webm" in file.read(64)
