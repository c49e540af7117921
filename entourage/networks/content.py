"""What the first bytes of an answer are: a picture, a video, a manifest of one, a page, or some other file."""

from dataclasses import dataclass
from enum import StrEnum

from entourage.networks.model import MediaKind


class Form(StrEnum):
    """What has to be done with an answer."""

    PAGE = "page"
    MANIFEST = "manifest"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Content:
    """A form; for files the kind and the usual extension, with its dot."""

    form: Form
    kind: MediaKind = MediaKind.FILE
    extension: str = ""


_IMAGE, _VIDEO, _AUDIO = MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.AUDIO

_SIGNATURES: tuple[tuple[int, bytes, MediaKind, str], ...] = (
    (0, b"\xff\xd8\xff", _IMAGE, ".jpg"),
    (0, b"\x89PNG\r\n\x1a\n", _IMAGE, ".png"),
    (0, b"GIF8", _IMAGE, ".gif"),
    (8, b"WEBP", _IMAGE, ".webp"),
    (4, b"ftypavif", _IMAGE, ".avif"),
    (4, b"ftypavis", _IMAGE, ".avif"),
    (4, b"ftypheic", _IMAGE, ".heic"),
    (4, b"ftypmif1", _IMAGE, ".heic"),
    (0, b"II*\x00", _IMAGE, ".tif"),
    (0, b"MM\x00*", _IMAGE, ".tif"),
    (0, b"\xff\x0a", _IMAGE, ".jxl"),
    (4, b"JXL \r\n\x87\n", _IMAGE, ".jxl"),
    (4, b"ftypM4A", _AUDIO, ".m4a"),
    (4, b"ftypqt", _VIDEO, ".mov"),
    (4, b"ftyp", _VIDEO, ".mp4"),
    (0, b"FLV\x01", _VIDEO, ".flv"),
    (8, b"AVI LIST", _VIDEO, ".avi"),
    (0, b"\x00\x00\x01\xba", _VIDEO, ".mpg"),
    (0, b"\x1aE\xdf\xa3", _VIDEO, ".webm"),
    (8, b"WAVE", _AUDIO, ".wav"),
    (0, b"ID3", _AUDIO, ".mp3"),
    (0, b"fLaC", _AUDIO, ".flac"),
    (0, b"OggS", _AUDIO, ".ogg"),
    (0, b"%PDF-", MediaKind.FILE, ".pdf"),
    (0, b"PK\x03\x04", MediaKind.FILE, ".zip"),
)

_TYPES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
    "image/svg+xml": ".svg",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/mp2t": ".ts",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "audio/flac": ".flac",
}

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webp", ".avif", ".heic", ".bmp", ".tif", ".tiff", ".jxl"}
)
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv", ".flv"})
AUDIO_SUFFIXES = frozenset({".mp3", ".m4a", ".ogg", ".oga", ".opus", ".flac", ".wav", ".aac"})
MANIFEST_SUFFIXES = frozenset({".m3u8", ".mpd"})

_MANIFEST_TYPES = frozenset(
    {
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "audio/mpegurl",
        "audio/x-mpegurl",
        "application/dash+xml",
    }
)
_TS_PACKET = 188


def kind_of_suffix(suffix: str) -> MediaKind | None:
    """The kind that an extension promises (with its dot, lower case), or None for what is no medium."""
    if suffix in IMAGE_SUFFIXES:
        return MediaKind.IMAGE
    if suffix in VIDEO_SUFFIXES:
        return MediaKind.VIDEO
    return MediaKind.AUDIO if suffix in AUDIO_SUFFIXES else None


def is_manifest_type(content_type: str) -> bool:
    """Whether a declared content type is that of an HLS or DASH manifest."""
    return content_type.partition(";")[0].strip().lower() in _MANIFEST_TYPES


def look(head: bytes, content_type: str = "") -> Content:
    """What an answer is, by its first bytes; the declared `content_type` decides only where they say nothing."""
    for offset, magic, kind, extension in _SIGNATURES:
        if head.startswith(magic, offset):
            return Content(Form.FILE, kind, extension)
    if head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G":
        return Content(Form.FILE, MediaKind.VIDEO, ".ts")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"#extm3u") or (text.startswith(b"<") and b"<mpd" in text):
        return Content(Form.MANIFEST, MediaKind.VIDEO, ".mp4")
    declared = content_type.partition(";")[0].strip().lower()
    if declared in {"text/html", "application/xhtml+xml"} or _is_html(text):
        return Content(Form.PAGE)
    kinds = [kind for kind in (MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.AUDIO) if declared.startswith(f"{kind}/")]
    return Content(Form.FILE, kinds[0] if kinds else MediaKind.FILE, _TYPES.get(declared, ""))


def _is_html(text: bytes) -> bool:
    while text.startswith(b"<!--"):
        _, ended, text = text.partition(b"-->")
        text = text.lstrip() if ended else b""
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
