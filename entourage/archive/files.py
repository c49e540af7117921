"""The shelf: kept files on disk, their readable links and their thumbnails."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from entourage.archive import structure, thumbnails
from entourage.archive.library import Library
from entourage.archive.model import Download, DownloadStatus, Kept, Order
from entourage.kernel import parts
from entourage.kernel.blobs import Blobs
from entourage.kernel.errors import NotFound
from entourage.networks.model import MediaKind

WORKERS = 4
TAKERS = 2
"""Threads that take in small files: while one waits for the disk the other decodes."""
SMALL = 4_000_000
MOST_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A file that has come whole and waits to be taken in."""

    order: Order
    part: Path
    sha256: str
    size: int
    owner_name: str
    kept: asyncio.Future[Kept]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a file was found to be, and its hash and size as it is to be kept."""

    found: structure.Inspection
    sha256: str
    size: int


class Shelf:
    """Everything the archive has on disk below the data folder."""

    def __init__(self, data: Path) -> None:
        self.blobs = Blobs(data)
        self.library = Library(data / "library", data / "blobs")
        self.faces = data / "faces"
        self._thumbnails = data / "thumbnails"
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="shelf")
        self._making: dict[str, asyncio.Future[Path | None]] = {}
        self._lock = threading.Lock()
        self._arrived: deque[_Arrival] = deque()
        self._takers = 0

    def part(self, order: Order) -> Path:
        """Where the bytes of an order arrive; the same place at every try, so that they can be resumed."""
        return self.blobs.part(f"{order.owner}/{order.address_hash}")

    async def put(self, order: Order, part: Path, sha256: str, size: int, owner_name: str) -> Kept:
        """Check that a file is whole and what it should be, store it under its hash, and link it into the library.

        Small files that arrive together are stored together. Raises Damaged and Gone as `structure.inspect`; the part
        is deleted then.
        """
        loop = asyncio.get_running_loop()
        arrival = _Arrival(order, part, sha256, size, owner_name, loop.create_future())
        if size > SMALL:
            self._threads.submit(self._take, [arrival], loop)
        else:
            with self._lock:
                self._arrived.append(arrival)
                more = self._takers < TAKERS
                self._takers += more
            if more:
                self._threads.submit(self._take_all, loop)
        return await arrival.kept

    def _take_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take what has arrived until nothing more has."""
        while True:
            with self._lock:
                arrivals = [self._arrived.popleft() for _ in range(min(MOST_TOGETHER, len(self._arrived)))]
                if not arrivals:
                    self._takers -= 1
                    return
            self._take(arrivals, loop)

    def _take(self, arrivals: Sequence["_Arrival"], loop: asyncio.AbstractEventLoop) -> None:
        told: list[tuple[_Arrival, Kept | BaseException]] = []
        checked: list[tuple[_Arrival, _Checked]] = []
        for arrival in arrivals:
            try:
                checked.append((arrival, _check(arrival)))
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever waits
                told.append((arrival, error))
        try:
            blobs = self.blobs.adopt_all([(arrival.part, it.sha256) for arrival, it in checked])
        except BaseException as error:  # noqa: BLE001 - as above
            if len(checked) == 1:
                told.append((checked[0][0], error))
            else:  # one of them is to blame: the others must not suffer
                for arrival, _ in checked:
                    self._take([arrival], loop)
        else:
            told += [
                (arrival, self._placed(arrival, it, blob)) for (arrival, it), blob in zip(checked, blobs, strict=True)
            ]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, told)

    def _placed(self, arrival: "_Arrival", it: "_Checked", blob: Path) -> Kept | BaseException:
        found = it.found
        try:
            with parts.storage_errors():
                path = self.library.place(arrival.order, arrival.owner_name, found.extension, blob)
        except BaseException as error:  # noqa: BLE001 - as above
            return error
        return Kept(
            sha256=it.sha256,
            size=it.size,
            path=path,
            filename=path.rpartition("/")[2],
            kind=found.kind,
            media_type=found.media_type,
            width=found.width,
            height=found.height,
            duration=found.duration,
        )

    def blob_path(self, download: Download) -> Path:
        """The verified bytes of a download; raises NotFound when nothing is kept."""
        if download.status is not DownloadStatus.COMPLETED or download.sha256 is None:
            raise NotFound("There is no file: it could not be had.")
        path = self.blobs.path(download.sha256)
        if not path.is_file():
            raise NotFound("The file is missing on the disk; run `entourage verify` to see what else is.")
        return path

    def library_path(self, download: Download) -> Path | None:
        """Where the readable link of a download stands."""
        return self.library.absolute(download.path) if download.path else None

    def thumbnail_path(self, sha256: str) -> Path:
        """Where the small picture of a content is kept."""
        return self._thumbnails / sha256[:2] / f"{sha256}.webp"

    async def thumbnail(self, download: Download) -> Path:
        """A small picture of a download, made the first time it is asked for; raises NotFound where there is none."""
        blob = self.blob_path(download)
        sha256 = download.sha256 or ""
        target = self.thumbnail_path(sha256)
        if target.is_file():
            return target
        if download.kind not in {MediaKind.IMAGE, MediaKind.VIDEO}:
            raise NotFound("There is no picture of this file.")
        making = self._making.get(sha256)
        if making is None:
            making = asyncio.ensure_future(
                asyncio.get_running_loop().run_in_executor(self._threads, thumbnails.make, blob, download.kind, target)
            )
            self._making[sha256] = making
            making.add_done_callback(lambda _: self._making.pop(sha256, None))
        made = await asyncio.shield(making)
        if made is None:
            raise NotFound("There is no picture of this file.")
        return made

    def erase(self, sha256: str, path: str | None, *, last: bool) -> None:
        """Take a file out of the library; its bytes and thumbnail too when it was the last download of them."""
        if path is not None:
            self.library.remove(path)
        if last:
            self.thumbnail_path(sha256).unlink(missing_ok=True)
            self.blobs.delete(sha256)

    def close(self) -> None:
        """Let running work end."""
        self._threads.shutdown()


def _check(arrival: _Arrival) -> _Checked:
    """What the file is; made smaller first where its order wants that. Raises Damaged and Gone."""
    part, media = arrival.part, arrival.order.media
    try:
        found = structure.inspect(part, media.kind)
    except BaseException:
        parts.discard(part)
        raise
    fit = media.facts.get("fit")
    if isinstance(fit, int) and found.kind is MediaKind.IMAGE and max(found.width or 0, found.height or 0) > fit:
        with parts.storage_errors():
            sha256, size = thumbnails.shrink(part, fit)
        return _Checked(structure.inspect(part, media.kind), sha256, size)
    return _Checked(found, arrival.sha256, arrival.size)


def _tell(told: Sequence[tuple[_Arrival, Kept | BaseException]]) -> None:
    """In the event loop: how it ended, to those who still wait."""
    for arrival, outcome in told:
        if arrival.kept.done():
            continue
        if isinstance(outcome, Kept):
            arrival.kept.set_result(outcome)
        else:
            arrival.kept.set_exception(outcome)
