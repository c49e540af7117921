"""The shelf: kept files on disk, their readable links and their thumbnails."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from entourage.archive import structure, thumbnails
from entourage.archive.library import Library
from entourage.archive.model import Download, DownloadStatus, Kept, Order
from entourage.kernel import parts
from entourage.kernel.blobs import Blobs
from entourage.kernel.errors import NotFound
from entourage.networks.model import MediaKind

WORKERS = 4


class Shelf:
    """Everything the archive has on disk below the data folder."""

    def __init__(self, data: Path) -> None:
        self.blobs = Blobs(data)
        self.library = Library(data / "library", data / "blobs")
        self._thumbnails = data / "thumbnails"
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="shelf")
        self._making: dict[str, asyncio.Future[Path | None]] = {}

    def part(self, order: Order) -> Path:
        """Where the bytes of an order arrive; the same place at every try, so that they can be resumed."""
        return self.blobs.part(f"{order.owner}/{order.address_hash}")

    async def put(self, order: Order, part: Path, sha256: str, size: int, owner_name: str) -> Kept:
        """Check that a file is whole and what it should be, store it under its hash, and link it into the library.

        Raises Damaged and Gone as `structure.inspect`; the part is deleted then.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._put, order, part, sha256, size, owner_name)

    def _put(self, order: Order, part: Path, sha256: str, size: int, owner_name: str) -> Kept:
        try:
            found = structure.inspect(part, order.media.kind)
        except BaseException:
            parts.discard(part)
            raise
        fit = order.media.facts.get("fit")
        if isinstance(fit, int) and found.kind is MediaKind.IMAGE and max(found.width or 0, found.height or 0) > fit:
            with parts.storage_errors():
                sha256, size = thumbnails.shrink(part, fit)
            found = structure.inspect(part, order.media.kind)
        blob = self.blobs.adopt(part, sha256)
        with parts.storage_errors():
            path = self.library.place(order, owner_name, found.extension, blob)
            self.library.annotate(path, order)
        return Kept(
            sha256=sha256,
            size=size,
            path=path,
            filename=Path(path).name,
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
