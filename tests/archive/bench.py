"""An archive at work, and pictures to put on servers: what the tests of the whole way share."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import faults
from faults import File, content
from PIL import Image

from entourage import app
from entourage.accounts.model import Actor, Role
from entourage.archive import downloads, preferences, queue
from entourage.archive.model import FINISHED, Download, DownloadFilter, Item, Wish
from entourage.kernel.settings import Settings

ANN = Actor(2, "ann", Role.USER)
ADMIN = Actor(1, "admin", Role.ADMIN)
PATIENCE = 30.0


def picture(seed: int, width: int = 60, height: int = 40) -> bytes:
    """A real JPEG that is different for each seed."""
    noise = Image.frombytes("RGB", (width, height), content(seed, width * height * 3))
    out = io.BytesIO()
    noise.save(out, "JPEG")
    return out.getvalue()


def jpeg(body: bytes, **vices: object) -> File:
    return File(body, lines=("Content-Type: image/jpeg",), **vices)  # pyright: ignore[reportArgumentType]  # test data


def html(*sources: str) -> faults.Reply:
    shown = "".join(f'<img src="{source}" width="600" height="400">' for source in sources)
    return faults.page(f"<html><title>Harbour</title><body>{shown}".encode(), "Content-Type: text/html")


@dataclass
class Bench:
    """An archive with a database of its own."""

    parts: app.Parts

    async def add(self, url: str, actor: Actor = ANN, **wishes: object) -> Item:
        wish = Wish(url, **wishes)  # pyright: ignore[reportArgumentType]  # test data
        return await self.parts.database.write(queue.add, actor, wish)

    async def try_once(self) -> None:
        """From now on what fails once has failed."""
        patch = {"general": {"retry_attempts": 1}}
        await self.parts.database.write(preferences.change, ADMIN, patch, self.parts.secrets)

    async def item(self, item: Item) -> Item:
        return await self.parts.database.read(queue.get, ADMIN, item.id)

    async def until(self, true: Callable[[], "object"]) -> None:
        """Wait until something is true of the world; fail when it never is."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def over(self, item: Item) -> Item:
        deadline = time.monotonic() + PATIENCE
        while (found := await self.item(item)).status not in FINISHED:
            why = await self.parts.database.read(queue.why, ADMIN, item.id)
            assert time.monotonic() < deadline, (found, why)
            await asyncio.sleep(0.02)
        return found

    async def run(self, url: str, **wishes: object) -> Item:
        return await self.over(await self.add(url, ANN, **wishes))

    async def kept(self, **wanted: object) -> list[Download]:
        found = DownloadFilter(**wanted)  # pyright: ignore[reportArgumentType]  # test data
        page = await self.parts.database.read(downloads.listing, ADMIN, found, number=1, size=200)
        assert page.total == len(page.items)
        return list(page.items)

    def bytes_of(self, download: Download) -> bytes:
        return self.parts.shelf.blob_path(download).read_bytes()


@asynccontextmanager
async def opened(url: str, data: Path, **settings: object) -> AsyncGenerator[Bench]:
    given = Settings(data=data, database=url, allow_networks=("127.0.0.0/8",), **settings)  # pyright: ignore[reportArgumentType]  # test data
    async with app.opened(given, console=False) as parts, parts.worker():
        yield Bench(parts)
