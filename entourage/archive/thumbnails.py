"""Thumbnails of pictures and posters of videos: small, upright, without metadata, and never worth an error."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from PIL import Image, ImageFile, ImageOps

from entourage.archive import ffmpeg
from entourage.archive.structure import MOST_PIXELS
from entourage.networks.model import MediaKind

LONGEST_SIDE = 480
_QUALITY = 80
_SHRUNK_QUALITY = 88


def make(source: Path, kind: MediaKind, target: Path) -> Path | None:
    """Writes a picture of `source` with at most 480 pixels a side to `target`, in the format of its suffix.

    Returns `target`, or None where none can be made (sound, no decoder, no ffmpeg for a video). Blocks: run it in a
    thread. `target` appears whole or not at all.
    """
    try:
        if kind is MediaKind.IMAGE:
            with _opened(source) as image:
                return _write(image, target)
        if kind is MediaKind.VIDEO:
            return _poster(source, target)
    except Exception:  # noqa: BLE001 - decoders raise anything; a missing thumbnail is no failure
        return None
    return None


def shrink(path: Path, longest_side: int) -> tuple[str, int]:
    """Make the picture at `path` smaller in place, in its own format; its new SHA-256 and size.

    For networks that offer only their largest size where a small one is wanted. Raises OSError, and changes nothing.
    """
    smaller = path.with_name(path.name + ".small")
    with _opened(path) as image:
        form = image.format or "JPEG"
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
        upright.save(smaller, form, quality=_SHRUNK_QUALITY)
    smaller.replace(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _opened(source: Path) -> ImageFile.ImageFile:
    image = Image.open(source)
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError("too large")
    return image


def _write(image: Image.Image, target: Path) -> Path:
    image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # JPEG alone: decodes near the wanted size
    # Shrunk before it is turned: a copy of a large picture would cost twice its room.
    orientation = image.getexif().get(0x0112)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if orientation is not None:
        image = ImageOps.exif_transpose(image)
    see_through = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    image = image.convert("RGBA" if see_through else "RGB")
    if target.suffix in {".jpg", ".jpeg"} and see_through:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image.info = {}
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.suffix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            image.save(file, format="WEBP" if target.suffix == ".webp" else "JPEG", quality=_QUALITY)
        Path(draft).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
    return target


def _poster(source: Path, target: Path) -> Path | None:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "still.png"
        if not ffmpeg.still(source, picture, LONGEST_SIDE):
            return None
        with Image.open(picture) as image:
            return _write(image, target)
