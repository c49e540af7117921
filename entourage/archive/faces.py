"""Pictures of people and posts elsewhere that pages show: fetched once, kept small while somebody looks at them."""

import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from entourage.archive import thumbnails
from entourage.kernel.errors import EntourageError, NotFound
from entourage.kernel.world import World
from entourage.networks.model import MediaKind

LARGEST: Final = 12_000_000
"""Bytes of a picture that is fetched to be shown small."""
RETRY_SECONDS: Final = 3600.0
"""So long a picture that could not be had is not asked for again."""
UNSEEN_SECONDS: Final = 30 * 86_400.0
"""So long a picture is kept that nobody looks at."""
_NOTED_SECONDS: Final = 86_400.0
"""A look is noted once a day at most."""
_AT_ONCE: Final = 6


class Faces:
    """The small pictures in a folder, by the address that each is from."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._fetching = asyncio.Semaphore(_AT_ONCE)

    async def small(self, url: str) -> bytes:
        """The picture at `url`, small, as WebP; raises NotFound where it cannot be had (asked again after an hour)."""
        name = hashlib.sha256(url.encode()).hexdigest()
        path = self._folder / name[:2] / f"{name}.webp"
        missed = path.with_suffix(".missed")
        if (known := await asyncio.to_thread(_read, path)) is not None:
            return known
        if await asyncio.to_thread(_younger, missed, RETRY_SECONDS):
            raise NotFound("There is no picture.")
        async with self._fetching:
            try:
                page = await self._world.read(url, limit=LARGEST)
                made = await asyncio.to_thread(_shrunk, page.body, path)
            except EntourageError:
                made = None
        if made is None:
            await asyncio.to_thread(_miss, missed)
            raise NotFound("There is no picture.")
        return made

    def sweep(self) -> int:
        """Delete what nobody looked at for a month, and what is asked for again anyway; how many files that were."""
        swept = 0
        for path in self._folder.glob("*/*"):
            kept = RETRY_SECONDS if path.suffix == ".missed" else UNSEEN_SECONDS
            if not _younger(path, kept):
                path.unlink(missing_ok=True)
                swept += 1
        return swept


def _younger(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime < seconds
    except FileNotFoundError:
        return False


def _read(path: Path) -> bytes | None:
    """The file, and note that it was looked at (file systems are often told not to); None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        if not _younger(path, _NOTED_SECONDS):
            os.utime(path)
        return path.read_bytes()
    return None


def _shrunk(body: bytes, target: Path) -> bytes | None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        made = thumbnails.make(Path(file.name), MediaKind.IMAGE, target)
        return None if made is None else made.read_bytes()


def _miss(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
