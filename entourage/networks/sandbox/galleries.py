"""The sandbox's galleries and film pages."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gallery:
    """A page with pictures, each behind a thumbnail."""

    name: str
    title: str
    pictures: Sequence[str]

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/galleries/{self.name}/"


@dataclass(frozen=True, slots=True)
class Film:
    """A page with a film: one file, or a playlist of pieces (HLS)."""

    name: str
    title: str
    source: str
    media_type: str

    @property
    def path(self) -> str:
        """Where the page is."""
        return f"/films/{self.name}/"


def _each(look: str, *photographs: str) -> Sequence[str]:
    return [f"{name}-{look}" for name in photographs]


GALLERIES = (
    Gallery(
        "uphill",
        "Uphill",
        [
            *_each("whole", "autumn-slope", "mountain-path", "woodland-brook", "hilltop-sunset", "dandelions"),
            *_each("evening", "autumn-slope", "mountain-path", "woodland-brook"),
            *_each("close", "mountain-path", "hilltop-sunset", "dandelions", "woodland-brook"),
        ],
    ),
    Gallery(
        "black-and-white",
        "Black and white",
        _each("wide", "brushes", "cat", "coffee", "dandelions", "evening-room", "fig", "raccoon", "two-dogs"),
    ),
    Gallery(
        "after-dark",
        "After dark",
        [*_each("whole", "deep-field", "night-launch", "evening-room"), *_each("right", "deep-field", "night-launch")],
    ),
)

FILM_PAGES = (
    Film("mountain-path-film", "Along the path", "/films/mountain-path.mp4", "video/mp4"),
    Film(
        "woodland-brook-film",
        "By the brook",
        "/films/woodland-brook/woodland-brook.m3u8",
        "application/vnd.apple.mpegurl",
    ),
)
