"""The content-addressed store: whole files under their SHA-256, and the folder where unfinished ones wait."""

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from entourage.kernel import durable
from entourage.kernel.errors import NotFound
from entourage.kernel.parts import discard, note_path, storage_errors

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_MODE = 0o640


class Blobs:
    """Files below `root`: `blobs/ab/ab…` are whole and durable, `incoming/` holds what is on its way.

    Every call blocks on the disk: from asyncio, call it in a thread.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self._blobs = root / "blobs"
        self.incoming.mkdir(parents=True, exist_ok=True)
        self._blobs.mkdir(exist_ok=True)

    def part(self, name: str) -> Path:
        """Where the unfinished file of a job lies; `name` is the job's own key, any text."""
        return self.incoming / f"{hashlib.sha256(name.encode()).hexdigest()[:40]}.part"

    def path(self, sha256: str) -> Path:
        """Where the blob lies or would lie."""
        if not _DIGEST.match(sha256):
            raise NotFound("There is no such file.")
        return self._blobs / sha256[:2] / sha256

    def exists(self, sha256: str) -> bool:
        """Whether the blob is here."""
        return self.path(sha256).is_file()

    def open(self, sha256: str) -> BufferedReader:
        """The blob, opened for reading; raises NotFound."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError as error:
            raise NotFound("The file is no longer here.") from error

    def adopt(self, part: Path, sha256: str) -> Path:
        """Makes `part`, whose bytes have `sha256`, a blob: durable first, then visible. One that is here already stays.

        Whoever calls vouches for the hash (the transfer computed it while writing). Raises StorageFull.
        """
        return self.adopt_all([(part, sha256)])[0]

    def adopt_all(self, parts: Sequence[tuple[Path, str]]) -> Sequence[Path]:
        """As `adopt`, for many at once: they share what waiting for the disk costs."""
        moves = [(part, self.path(sha256)) for part, sha256 in parts]
        with storage_errors():
            fresh: dict[Path, Path] = {}
            for part, target in moves:
                if target.exists():
                    discard(part)
                else:
                    part.chmod(_MODE)
                    fresh[part] = target
            durable.sync_files(fresh)
            for part, target in fresh.items():
                self._move(part, target)
            # Those of blobs that were here, too: whoever put them there may not have come so far.
            durable.sync_folders({target.parent for _, target in moves})
        return [target for _, target in moves]

    def _move(self, part: Path, target: Path) -> None:
        try:
            part.rename(target)  # over the same bytes, where two of them came at once
        except FileNotFoundError:
            target.parent.mkdir(exist_ok=True)
            durable.sync_folders([self._blobs])
            part.rename(target)
        note_path(part).unlink(missing_ok=True)

    def delete(self, sha256: str) -> bool:
        """Deletes the blob; whether there was one. The caller knows that nothing refers to it."""
        try:
            self.path(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def verify(self, sha256: str) -> bool:
        """Whether the bytes of the blob still have its hash; raises NotFound if it is not here."""
        with self.open(sha256) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def walk(self) -> Iterator[str]:
        """The hashes of all blobs, in order."""
        for folder in sorted(self._blobs.iterdir()):
            if folder.is_dir():
                yield from sorted(entry.name for entry in folder.iterdir() if _DIGEST.match(entry.name))

    def sweep(self, older_than: float) -> int:
        """Deletes what has lain in `incoming` untouched for `older_than` seconds; returns how many files that were."""
        limit = time.time() - older_than
        swept = 0
        for entry in list(self.incoming.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file() and entry.stat().st_mtime < limit:
                    entry.unlink()
                    swept += 1
        return swept
