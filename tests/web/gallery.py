"""A library to look at: pictures that are drawn, downloads that are kept, and rows by the hundred thousand."""

import asyncio
import colorsys
import hashlib
import math
import random
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from PIL import Image, ImageDraw, ImageFilter

from entourage.accounts import users
from entourage.accounts.model import OPERATOR, Actor
from entourage.archive.files import Shelf
from entourage.archive.model import Download, Kept, Order, Profile
from entourage.archive.store import downloads as store
from entourage.archive.store.tables import downloads as downloads_table
from entourage.kernel.db import Database, Tx
from entourage.networks.model import Media, MediaKind

SOURCES = (
    ("instagram", "harbour.lights"), ("instagram", "anna.in.the.north"), ("tiktok", "potters_wheel"),
    ("forum", "Alpine Club"), ("forum", "Film & Grain"), ("web", "example.org"),
)  # fmt: skip
CAPTIONS = (
    "First light over the bay. Three hours of waiting for four minutes of this.",
    "The second kiln firing went better than the first.\nGlaze: celadon, two coats.\n\n#pottery #slow",
    "Fog until noon, then all at once the ridge.",
    "Portra 400, pushed one stop.",
)


def draw(seed: int, width: int, height: int) -> bytes:
    """A landscape that nobody took: a sky, a sun, hills."""
    dice = random.Random(seed)
    hue = dice.random()

    def tone(shift: float, saturation: float, value: float) -> tuple[int, int, int]:
        red, green, blue = colorsys.hsv_to_rgb((hue + shift) % 1, saturation, value)
        return int(red * 255), int(green * 255), int(blue * 255)

    small = Image.new("RGB", (1, 3))
    for row, colour in enumerate((tone(0, 0.5, 0.55), tone(0.05, 0.35, 0.85), tone(0.1, 0.25, 0.97))):
        small.putpixel((0, row), colour)
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    x, y, radius = dice.uniform(0.2, 0.8) * width, dice.uniform(0.2, 0.5) * height, dice.uniform(0.05, 0.13) * width
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tone(0.12, 0.2, 1))
    for layer in range(4):
        base, phase = height * (0.5 + layer * 0.13), dice.uniform(0, 6)
        points = [
            (px, base + math.sin(px / width * dice.uniform(4, 5) + phase) * height * 0.07 + dice.uniform(-4, 4))
            for px in range(0, width + 16, 16)
        ]
        pen.polygon(
            [(0, height), *points, (width, height)], fill=tone(-0.04 * layer, 0.45 + layer * 0.12, 0.62 - layer * 0.13)
        )
    out = BytesIO()
    picture.filter(ImageFilter.GaussianBlur(0.8)).save(out, "JPEG", quality=82)
    return out.getvalue()


def media_of(number: int, now: datetime, kind: MediaKind = MediaKind.IMAGE) -> tuple[str, Media]:
    """What a network would have said of picture `number`."""
    platform, source = SOURCES[number % len(SOURCES)]
    suffix = {MediaKind.IMAGE: "jpg", MediaKind.VIDEO: "mp4", MediaKind.AUDIO: "mp3", MediaKind.FILE: "zip"}[kind]
    return platform, Media(
        key=f"seed-{number}",
        url=f"https://media.example.org/{number}.{suffix}",
        kind=kind,
        filename=f"{source.replace(' ', '_')}_{number:05}.{suffix}",
        source=source,
        content_type={"instagram": "posts", "tiktok": "videos", "forum": "attachment"}.get(platform, "file"),
        posted_at=now - timedelta(hours=7 * number),
        page_url=f"https://example.org/p/{number}",
        author=source,
        caption=CAPTIONS[number % len(CAPTIONS)],
        facts={"likes": 40 + number * 7, "post": f"C{number:06}"},
    )


async def hang(database: Database, shelf: Shelf, count: int, owner: int) -> list[Download]:
    """Put `count` drawn pictures into the archive, as a worker would, spread over the last weeks."""
    now, found = database.clock(), list[Download]()
    for number in reversed(range(count)):
        platform, media = media_of(number, now)
        width, height = ((900, 1125), (1200, 800), (1000, 1000))[number % 3]
        body = draw(number, width, height)
        sha256 = hashlib.sha256(body).hexdigest()
        order = Order(0, owner, platform, media, hashlib.sha256(media.key.encode()).hexdigest(), Profile.BEST)
        part = shelf.part(order)
        await asyncio.to_thread(_write, part, body)
        kept = await shelf.put(order, part, sha256, len(body), "anna")
        found.append(await database.write(_keep, order, kept, timedelta(hours=number * 9 % 700)))
    return found


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _keep(tx: Tx, order: Order, kept: Kept | None, age: timedelta, error: str | None = None) -> Download:
    tx.now -= age
    return store.keep(tx, order, kept, attempts=1, error=error)[0]


async def lose(database: Database, owner: int, number: int, error: str) -> Download:
    """Record a file that could not be had."""
    platform, media = media_of(number, database.clock())
    order = Order(0, owner, platform, media, hashlib.sha256(media.key.encode()).hexdigest(), None)
    return await database.write(_keep, order, None, timedelta(hours=3), error)


_columns = [column.name for column in downloads_table.c if column.name != "id"]
_insert = sa.insert(downloads_table).values({name: sa.bindparam(name) for name in _columns})


def copy(tx: Tx, originals: list[Download], count: int) -> None:
    """Rows, many: each shows one of the pictures that are kept."""
    described = msgspec.to_builtins(Media(key="x", url="https://media.example.org/x", kind=MediaKind.IMAGE,
                                          filename="x", source="x"))  # fmt: skip
    rows: list[dict[str, Any]] = []
    for number in range(count):
        download = originals[number % len(originals)]
        row = {name: getattr(download, name) for name in Download.__dataclass_fields__ if name != "id"}
        row["address_hash"] = hashlib.sha256(f"copy-{number}".encode()).hexdigest()
        row["filename"] = f"{number:06}_{download.filename}"
        rows.append({**row, "request": described})
    tx.many(_insert, rows)
    for index, download in enumerate(originals):
        store.tally(tx, download, count // len(originals) + (index < count % len(originals)))


def admin(served: Any) -> Actor:
    """The first administrator of a server."""
    return served.read(users.everyone, OPERATOR)[0].actor


async def shelve(
    database: Database,
    shelf: Shelf,
    owner: int,
    body: bytes,
    name: str,
    *,
    kind: MediaKind = MediaKind.IMAGE,
    caption: str | None = None,
    source: str = "example.org",
) -> Download:
    """Put one file of any kind into the archive."""
    media = Media(key=name, url=f"https://example.org/{name}", kind=kind, filename=name, source=source, caption=caption)
    order = Order(0, owner, "web", media, hashlib.sha256(name.encode()).hexdigest(), None)
    part = shelf.part(order)
    await asyncio.to_thread(_write, part, body)
    kept = await shelf.put(order, part, hashlib.sha256(body).hexdigest(), len(body), "anna")
    return await database.write(_keep, order, kept, timedelta())
