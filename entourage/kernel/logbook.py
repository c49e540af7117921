"""The logbook: one JSON object a line, a file a day; appended by several processes, searched from the newest back.

A day's file that grows too long is put aside as a numbered part (`2025-10-13.000001.jsonl`), so that the room for all
logs is bounded also on a bad day. The fields of a line stand in one fixed order, so that most lines are judged by their
first bytes and only those that are shown are decoded.
"""

import contextlib
import fcntl
import os
import re
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from entourage.kernel.clock import Clock, system_clock

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_TAIL = 128 * 1024
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.(\d+))?\.jsonl\Z")


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that happened. `user` is whose subject it was, None where it was nobody's in particular."""

    id: int
    timestamp: datetime
    level: str
    module: str
    user: int | None
    message: str
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Cleared(NamedTuple):
    """What was deleted."""

    files: int
    bytes: int


class DayFile(NamedTuple):
    """A file of the logbook."""

    day: date
    part: int
    path: Path


_CURRENT = 1_000_000_000


def files(root: Path) -> list[DayFile]:
    """The files of the logbook, the oldest first."""
    found: list[DayFile] = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(root):
            if match := _NAME.match(entry.name):
                with contextlib.suppress(ValueError):
                    part = int(match[2]) if match[2] else _CURRENT
                    found.append(DayFile(date.fromisoformat(match[1]), part, Path(entry.path)))
    return sorted(found)


def stamp(moment: datetime) -> str:
    """The moment as lines have it: UTC, in milliseconds, all of one length so that texts compare as times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def encode(line: LogLine) -> bytes:
    """The line as it is kept, in the order that searches rely on."""
    return msgspec.json.encode(
        {
            "id": line.id,
            "timestamp": stamp(line.timestamp),
            "level": line.level,
            "module": line.module,
            "user": line.user,
            "message": line.message,
            "metadata": line.metadata,
        }
    )


_decoder = msgspec.json.Decoder(LogLine)


def decode(raw: bytes) -> LogLine | None:
    """The line that was kept, None for half of one."""
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return None


class Logbook:
    """Appends lines, from any thread of any process, and keeps all files together within `limit` bytes."""

    def __init__(self, root: Path, *, limit: int = 1024**3, clock: Clock = system_clock) -> None:
        self.root = root
        self._limit = limit
        self._part_bytes = min(max(limit // 16, 4096), 64 * 1024**2)
        self._clock = clock
        self._mutex = threading.Lock()
        self._path: Path | None = None
        self._file = -1
        self._inode = -1
        self._end: int = 0
        self._last_id = 0

    def append(self, level: str, module: str, message: str, user: int | None, metadata: Mapping[str, Any]) -> LogLine:
        """Write a line; returns it with its number and time. Raises OSError, and then nothing of it is kept."""
        with self._mutex, _locked(self.root):
            now = self._clock()
            self._arrive(self.root / f"{now:%Y-%m-%d}.jsonl")
            line = LogLine(self._last_id + 1, now, level, module, user, message, metadata)
            self._write(encode(line) + b"\n")
            self._last_id = line.id
        return line

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._let_go()

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._path = -1, None

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end += len(data)

    def _arrive(self, path: Path) -> None:
        """Be at the end of today's file, knowing the number of the last line, whatever other processes did."""
        size = self._size(path)
        if size is not None and size >= self._part_bytes:
            part = 1 + max((file.part for file in files(self.root) if file.part != _CURRENT), default=0)
            path.rename(path.with_suffix(f".{part:06d}.jsonl"))
            size = None
        if size is None:
            self._let_go()
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._path = path
            status = os.fstat(self._file)
            self._inode, size, self._end = status.st_ino, status.st_size, -1
            self._last_id = max(self._last_id, *(_last_id(file.path) for file in files(self.root)))
            self._prune()
        if size != self._end:
            self._end = size
            tail = os.pread(self._file, _TAIL, max(0, size - _TAIL))
            self._last_id = max(self._last_id, _last_of(tail))
            if tail and not tail.endswith(b"\n"):  # somebody was killed in the middle of a line
                self._write(b"\n")

    def _size(self, path: Path) -> int | None:
        """The size of the file we have open, or None if it is not the one at `path`."""
        if path != self._path:
            return None
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        return status.st_size if status.st_ino == self._inode else None

    def _prune(self) -> None:
        every = files(self.root)
        sizes = [file.path.stat().st_size for file in every]
        excess = sum(sizes) - (self._limit - self._part_bytes)
        for file, size in zip(every, sizes, strict=True):
            if excess <= 0 or file.path == self._path:
                return
            file.path.unlink(missing_ok=True)
            excess -= size


@contextlib.contextmanager
def _locked(root: Path) -> Generator[None]:
    """Nobody else appends, puts aside or deletes meanwhile."""
    path, flags = f"{root}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _last_id(path: Path) -> int:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return _last_of(file.read())
    except FileNotFoundError:
        return 0


def _last_of(tail: bytes) -> int:
    """The number of the last whole line."""
    for raw in reversed(tail.split(b"\n")):
        if raw and (line := decode(raw)) is not None:
            return line.id
    return 0


def clear(root: Path, older_than_days: int, clock: Clock = system_clock) -> Cleared:
    """Delete the files of days more than that many days ago; today's always stays."""
    if not root.is_dir():
        return Cleared(0, 0)
    today = clock().date()
    count = size = 0
    with _locked(root):
        for file in files(root):
            if (today - file.day).days > max(0, older_than_days):
                size += file.path.stat().st_size
                file.path.unlink()
                count += 1
    return Cleared(count, size)
