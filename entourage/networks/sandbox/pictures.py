"""Pictures of the sandbox: photographs with free licences, and what is made of them by cropping and recolouring."""

import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from entourage.networks import sandbox

THUMBNAIL = 320
"""The longer side of a thumbnail, in pixels."""

_SQUARE = 240
_SMALL = 700
_QUALITY = 88
_KEPT = 128
_MAKER, _RIGHTS = 0x013B, 0x8298
"""The EXIF tags for who made a picture and what may be done with it."""

_GRID = 5
_CELL = 9


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph as it ships: `name`.jpg, and what CREDITS.toml says of it."""

    name: str
    title: str
    maker: str
    licence: str
    licence_url: str
    source: str


@dataclass(frozen=True, slots=True)
class _Look:
    """How a picture is made of a photograph: the part it shows (left, top, right, bottom, of 1) and its colours."""

    words: str
    part: tuple[float, float, float, float] = (0, 0, 1, 1)
    mirrored: bool = False
    colour: float = 1.0
    light: float = 1.0
    tint: tuple[str, str, str] | None = None
    """Shadows, middle and lights of a picture in shades of one colour."""


_LOOKS: Final[Mapping[str, _Look]] = {
    "whole": _Look(""),
    "left": _Look(", from the left", part=(0, 0.1, 0.7, 1), colour=1.35, light=1.05),
    "right": _Look(", the other way round", part=(0.28, 0, 1, 0.92), mirrored=True, colour=0.75),
    "wide": _Look(" in black and white", part=(0, 0.22, 1, 0.78), tint=("black", "gray", "white")),
    "evening": _Look(", late in the day", part=(0.05, 0.05, 0.95, 0.95), tint=("#140f28", "#b0604a", "#ffe6b0")),
    "close": _Look(", closer", part=(0.22, 0.2, 0.8, 0.8), colour=1.15),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the sandbox. `name` is the file's name without its ending, and unique."""

    name: str
    title: str
    photograph: Photograph

    @property
    def look(self) -> str:
        """Which of the looks it has."""
        return self.name.removeprefix(f"{self.photograph.name}-")


@cache
def photographs() -> Mapping[str, Photograph]:
    """The photographs, by name."""
    told = tomllib.loads((files(sandbox) / "photographs" / "CREDITS.toml").read_text("utf-8"))
    return {name: Photograph(name=name, **about) for name, about in told.items()}


@cache
def pictures() -> Mapping[str, Picture]:
    """Every picture there is, by name."""
    found: dict[str, Picture] = {}
    for photograph in photographs().values():
        for look, how in _LOOKS.items():
            if look == "close" and max(_open(photograph.name).size) < _SMALL:
                continue  # nothing would be left of it
            name = f"{photograph.name}-{look}"
            found[name] = Picture(name, photograph.title + how.words, photograph)
    return found


def looks_of(photograph: str) -> Sequence[Picture]:
    """The pictures that are made of one photograph."""
    return [picture for picture in pictures().values() if picture.photograph.name == photograph]


@cache
def size(picture: Picture) -> tuple[int, int]:
    """How wide and how high the picture is, in pixels; it is not decoded for that."""
    left, top, right, bottom = _box(_LOOKS[picture.look], *_open(picture.photograph.name).size)
    return right - left, bottom - top


@lru_cache(maxsize=_KEPT)
def jpeg(picture: Picture) -> bytes:
    """The picture in full size, its maker and licence in its EXIF data; the same bytes every time."""
    return _saved(_made(picture), picture.photograph)


@lru_cache(maxsize=_KEPT * 2)
def thumbnail(picture: Picture) -> bytes:
    """The picture, small."""
    image = _made(picture, enough=THUMBNAIL * 2)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return _saved(image, picture.photograph)


@lru_cache(maxsize=_KEPT)
def square(picture: Picture) -> bytes:
    """The middle of the picture, 240 by 240 pixels."""
    return _saved(ImageOps.fit(_made(picture, enough=_SQUARE * 2), (_SQUARE, _SQUARE)), picture.photograph)


@lru_cache(maxsize=_KEPT * 2)
def avatar(seed: int) -> bytes:
    """A pattern that stands for a person, 45 by 45 pixels."""
    shade = Image.new("HSV", (1, 1), (seed * 47 % 256, 130, 170)).convert("RGB").getpixel((0, 0))
    image = Image.new("RGB", (_GRID * _CELL, _GRID * _CELL), "#f2efe9")
    draw = ImageDraw.Draw(image)
    for cell in range(_GRID * (_GRID // 2 + 1)):
        column, row = divmod(cell, _GRID)
        if (seed * 2654435761 >> cell) & 1:
            for mirrored in {column, _GRID - 1 - column}:
                left, top = mirrored * _CELL, row * _CELL
                draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), fill=shade)
    return _png(image)


@lru_cache(maxsize=_KEPT)
def pattern(seed: int) -> bytes:
    """The same, 180 by 180 pixels."""
    image = Image.open(io.BytesIO(avatar(seed)))
    return _png(image.resize((_GRID * _CELL * 4, _GRID * _CELL * 4), Image.Resampling.NEAREST))


@cache
def smiley() -> bytes:
    """A face that smiles, 22 by 22 pixels."""
    image = Image.new("RGBA", (88, 88))
    draw = ImageDraw.Draw(image)
    draw.ellipse((2, 2, 85, 85), fill="#ffcc4d")
    for eye in (26, 54):
        draw.ellipse((eye, 28, eye + 9, 42), fill="#664500")
    draw.arc((20, 26, 67, 68), 20, 160, fill="#664500", width=6)
    image.thumbnail((22, 22), Image.Resampling.LANCZOS)
    return _png(image)


@cache
def banner(seed: int) -> bytes:
    """A coloured strip as people put it below what they write, 320 by 48 pixels."""
    strip = Image.new("L", (320, 48))
    draw = ImageDraw.Draw(strip)
    for column in range(320):
        draw.line((column, 0, column, 48), fill=column * 255 // 319)
    hue = seed * 83 % 256
    ends = (f"hsl({hue}, 40%, 35%)", f"hsl({(hue + 60) % 256}, 50%, 75%)")
    return _png(ImageOps.colorize(strip, *ends))


def _open(name: str) -> Image.Image:
    return Image.open(io.BytesIO((files(sandbox) / "photographs" / f"{name}.jpg").read_bytes()))


def _box(look: _Look, width: int, height: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = look.part
    return int(left * width), int(top * height), int(right * width), int(bottom * height)


def _made(picture: Picture, enough: int | None = None) -> Image.Image:
    """The picture; where a longer side of `enough` pixels will do, it is decoded no larger than needed."""
    look = _LOOKS[picture.look]
    image = _open(picture.photograph.name)
    if enough is not None:
        image.draft("RGB", (enough, enough))
    image = image.convert("RGB")
    image = image.crop(_box(look, *image.size))
    if look.mirrored:
        image = ImageOps.mirror(image)
    if look.tint is not None:
        dark, middle, light = look.tint
        return ImageOps.colorize(ImageOps.autocontrast(image.convert("L"), 1), dark, light, middle)
    return ImageEnhance.Brightness(ImageEnhance.Color(image).enhance(look.colour)).enhance(look.light)


def _saved(image: Image.Image, photograph: Photograph) -> bytes:
    about = Image.Exif()
    about[_MAKER] = photograph.maker
    about[_RIGHTS] = f"{photograph.licence} {photograph.licence_url}"
    written = io.BytesIO()
    image.save(written, "JPEG", quality=_QUALITY, exif=about)
    return written.getvalue()


def _png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()
