"""Unfinished files: a `.part` and beside it what is known of it, so that a resume never joins what does not belong."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from io import FileIO
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, cast

from entourage.kernel.answers import ContentRange, content_range, moment
from entourage.kernel.errors import Conflict, StorageFull

_CHUNK = 1 << 20
_HOLD = 256 << 10
_BETWEEN_NOTES = 1.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_STRONG_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Validators:
    """What says that two answers are pieces of the same file."""

    url: str
    etag: str | None
    last_modified: str | None
    length: int | None
    strong_date: bool = False
    """Whether Last-Modified was old enough when seen that a second change would have shown (False if not needed)."""

    @property
    def if_range(self) -> str | None:
        """The value for If-Range, or None where nothing is strong enough to resume with (RFC 9110, 13.1.5)."""
        if self.etag is not None and self.etag.startswith('"'):
            return self.etag
        return self.last_modified if self.strong_date else None

    def fits(self, headers: Mapping[str, str], offset: int) -> bool:
        """Whether a 206 continues this file at `offset`: the same validators, the right place, the same total."""
        piece = content_range(headers.get("content-range", ""))
        if piece is None or piece.first != offset or piece.last is None or piece.last < offset:
            return False
        if self.etag != headers.get("etag"):
            return False
        if self.etag is None and self.last_modified != headers.get("last-modified"):
            return False
        return self._total_fits(piece)

    def complete(self, headers: Mapping[str, str], size: int) -> bool:
        """Whether a 416 says that `size` bytes are all there is of this same file."""
        piece = content_range(headers.get("content-range", ""))
        if self.length is None or size != self.length or piece is None or piece.total != size:
            return False
        etag, date = headers.get("etag"), headers.get("last-modified")
        return etag in {None, self.etag} and date in {None, self.last_modified}

    def _total_fits(self, piece: ContentRange) -> bool:
        if piece.total is None:
            return self.length is not None and piece.last == self.length - 1
        if self.length is not None and piece.total != self.length:
            return False
        return piece.last == piece.total - 1


def validators(url: str, headers: Mapping[str, str], length: int | None) -> Validators:
    """The validators that a full answer (200) to `url` carries."""
    etag = headers.get("etag") or None
    strong_date = False
    if etag is None or not etag.startswith('"'):
        modified, answered = moment(headers.get("last-modified")), moment(headers.get("date"))
        strong_date = modified is not None and answered is not None and answered - modified >= _STRONG_AFTER
    return Validators(
        url=url,
        etag=etag,
        last_modified=headers.get("last-modified") or None,
        length=length,
        strong_date=strong_date,
    )


class PartFile:
    """One `.part` open for writing, locked against a second writer, with the running hash of what is in it.

    The note beside it says how many bytes were had of which file and their hash, and is written about once a second
    and at the end: after a crash, only what a note vouches for is used.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with storage_errors():
            self._file = FileIO(os.open(path, flags, 0o640), "r+")
        self.path = path
        self.size = 0
        self.hash = hashlib.sha256()
        self._held: list[bytes] = []
        self._holding = 0
        self._validators: Validators | None = None
        self._noted = False
        self._note_at = 0.0
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise Conflict("Somebody else is fetching this file at the moment.") from error

    def begin(self, known: Validators | None) -> None:
        """Starts over from nothing; `known` are the validators to resume with later, if that is possible."""
        _forget(self.path)
        self._held.clear()
        self._holding = 0
        with storage_errors():
            self._file.truncate(0)
            if self.size:
                self._file.seek(0)
                self.size, self.hash = 0, hashlib.sha256()
        self._noted = False
        self._note_at = monotonic() + _BETWEEN_NOTES
        self._validators = known if known is not None and known.if_range is not None else None

    def proceed(self, known: Validators) -> None:
        """Goes on behind the bytes that `reopen` vouched for."""
        with storage_errors():
            self._file.truncate(self.size)
            self._file.seek(self.size)
        self._validators, self._noted = known, True

    def write(self, chunk: bytes) -> None:
        """Appends `chunk`; raises StorageFull when there is no room. Small chunks are put together before they go."""
        self._held.append(chunk)
        self.size += len(chunk)
        self._holding += len(chunk)
        if self._holding >= _HOLD:
            self.flush()
        if self._validators is not None and monotonic() >= self._note_at:
            self.note()

    def flush(self) -> None:
        """Writes and hashes what is held back; what finds no room is not counted in `size`."""
        if not self._held:
            return
        held = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._holding, self.size = 0, self.size - len(held)
        try:
            written = self._file.write(held)
            while written < len(held):
                written += self._file.write(memoryview(held)[written:])
        except OSError as error:
            raise _worded(error) from error
        self.hash.update(held)
        self.size += len(held)

    def note(self) -> None:
        """Writes down what is here, if it can be resumed. A failure costs only the resume."""
        known = self._validators
        if known is None or not self.size:
            return
        self.flush()
        self._note_at = monotonic() + _BETWEEN_NOTES
        text = json.dumps({**asdict(known), "bytes": self.size, "sha256": self.hash.hexdigest()})
        beside = note_path(self.path)
        draft = beside.with_name(beside.name + "~")
        try:
            draft.write_text(text)
            draft.replace(beside)
            self._noted = True
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()

    def close(self, *, whole: bool) -> None:
        """Lets go of the file. What is not whole is noted for a resume; what is whole only if it has a note already."""
        try:
            self.flush()
            if not whole or self._noted:
                self.note()
        finally:
            self._file.close()

    def discard(self) -> None:
        """Closes and deletes the file and its note."""
        self._file.close()
        discard(self.path)


def reopen(path: Path, url: str, stop: Event) -> tuple[PartFile, Validators] | None:
    """The `.part` at `path` as far as its note vouches for it, or None if it is no use for `url` (or `stop` is set).

    Blocks: it reads and hashes the whole file.
    """
    noted = _read_note(path)
    if noted is None:
        return None
    known, size, digest = noted
    if known.url != url or known.if_range is None or size <= 0:
        return None
    part = PartFile(path)
    try:
        buffer = memoryview(bytearray(_CHUNK))
        file = part._file  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own module
        while part.size < size and not stop.is_set():
            count = file.readinto(buffer[: min(_CHUNK, size - part.size)])
            if not count:
                break
            part.hash.update(buffer[:count])
            part.size += count
    except OSError:
        part.discard()
        return None
    if part.size == size and part.hash.hexdigest() == digest:
        return part, known
    part._file.close()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own module
    return None


def note_path(part: Path) -> Path:
    """Where the note on `part` lies."""
    return Path(f"{part}.json")


def discard(part: Path) -> None:
    """Deletes `part` and its note, if they are there."""
    _forget(part)
    part.unlink(missing_ok=True)


def _forget(part: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{part}.json")  # noqa: PTH108 - once for each file: a Path would cost more than the call


def _read_note(part: Path) -> tuple[Validators, int, str] | None:
    try:
        raw: object = json.loads(note_path(part).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(raw, dict):
        return None
    note = cast("dict[str, Any]", raw)
    try:
        size, digest = int(note.pop("bytes")), str(note.pop("sha256"))
        return Validators(**note), size, digest
    except (KeyError, TypeError, ValueError):
        return None


def _worded(error: OSError) -> Exception:
    if error.errno in _FULL:
        return StorageFull("There is no room left on the disk; what came so far is kept.")
    return error


@contextlib.contextmanager
def storage_errors() -> Generator[None]:
    """Turns "no room" into StorageFull."""
    try:
        yield
    except OSError as error:
        raise _worded(error) from error
