"""Pictures of people elsewhere: fetched once, kept while somebody looks at them."""

import io
import os
import time
from collections.abc import AsyncGenerator
from ipaddress import ip_network
from pathlib import Path

import pytest
from bench import jpeg, opened
from faults import FaultServer
from PIL import Image

from entourage.archive import housekeeping
from entourage.archive.faces import RETRY_SECONDS, UNSEEN_SECONDS, Faces
from entourage.kernel.egress import Gate
from entourage.kernel.errors import NotFound
from entourage.kernel.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncGenerator[FaultServer]:
    async with FaultServer() as begun:
        file = io.BytesIO()
        Image.new("RGB", (900, 600), "green").save(file, "JPEG")
        begun.on("/face.jpg", jpeg(file.getvalue()))
        yield begun


@pytest.fixture
async def faces(tmp_path: Path) -> AsyncGenerator[Faces]:
    async with World(Gate([ip_network("127.0.0.0/8")]), tmp_path / "scratch") as world:
        yield Faces(world, tmp_path / "faces")


def kept(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "faces").rglob("*") if path.is_file()]


def age(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


async def test_a_picture_is_fetched_once_and_small(server: FaultServer, faces: Faces, tmp_path: Path) -> None:
    first = await faces.small(server.url("/face.jpg"))
    with Image.open(io.BytesIO(first)) as image:
        assert (image.format, image.size) == ("WEBP", (480, 320))
    assert await faces.small(server.url("/face.jpg")) == first
    assert (len(server.asked), len(kept(tmp_path))) == (1, 1)


async def test_what_cannot_be_had_is_asked_for_again_after_an_hour(
    server: FaultServer, faces: Faces, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            await faces.small(server.url("/none.jpg"))
    asked = len(server.asked)
    (missed,) = kept(tmp_path)
    age(missed, RETRY_SECONDS + 1)
    with pytest.raises(NotFound):
        await faces.small(server.url("/none.jpg"))
    assert len(server.asked) == 2 * asked


async def test_what_nobody_looks_at_goes_and_what_somebody_does_stays(
    server: FaultServer, faces: Faces, tmp_path: Path
) -> None:
    assert faces.sweep() == 0  # there is no folder yet
    await faces.small(server.url("/face.jpg"))
    with pytest.raises(NotFound):
        await faces.small(server.url("/none.jpg"))
    assert faces.sweep() == 0
    for path in kept(tmp_path):
        age(path, UNSEEN_SECONDS + 1)
    await faces.small(server.url("/face.jpg"))  # a look at it is enough
    assert faces.sweep() == 1
    assert [path.suffix for path in kept(tmp_path)] == [".webp"]
    age(kept(tmp_path)[0], UNSEEN_SECONDS + 1)
    assert faces.sweep() == 1
    assert kept(tmp_path) == []


async def test_the_daily_clean_up_sweeps(sqlite_template: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'entourage.db'}"
    (tmp_path / "entourage.db").write_bytes(sqlite_template.read_bytes())
    async with opened(url, tmp_path / "data") as bench:
        old = tmp_path / "data" / "faces" / "ab" / "ab.webp"
        old.parent.mkdir(parents=True)
        old.touch()
        age(old, UNSEEN_SECONDS + 1)
        await housekeeping.tidy(bench.parts.database, bench.parts.shelf, bench.parts.archive.faces)
        assert not old.exists()
