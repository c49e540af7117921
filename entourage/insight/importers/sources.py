"""Where what is imported lies: a file, a folder or an archive, seen as members in a fixed order.

Names within archives are compared and shown; nothing is ever written by them.
"""

import contextlib
import errno
import hashlib
import os
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote_to_bytes

from entourage.insight.importers import streams
from entourage.insight.importers.model import Broken
from entourage.insight.importers.streams import Stream
from entourage.kernel.errors import Invalid, NotFound, Problem

MOST_MEMBERS: Final = 200_000
_LARGEST_DIRECTORY: Final = 32 * 1024**2
_HEAD: Final = 65_536
_URI: Final = "file://"
_BYTE = re.compile(rb"\\x([0-9a-f]{2})")
_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""Archives made by programs that know no time say 1980; the networks read here are younger than this."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the input. `size` is what it takes where it lies; `changed_at` is when it is said to have been changed.

    `opened` raises Broken. What cannot be looked at is a member too, with a name that ends in "/".
    """

    name: str
    size: int
    changed_at: datetime
    opened: Callable[[], Stream]

    @property
    def made_at(self) -> datetime:
        """The best guess of when it was made: a clock that is ahead makes nothing later than now."""
        return min(self.changed_at, datetime.now(UTC))

    @property
    def key(self) -> tuple[str, ...]:
        """What members are ordered by."""
        return key_of(self.name)

    @property
    def file(self) -> str:
        """The last part of the name, in small letters."""
        return self.name.rpartition("/")[2].casefold()


def shown(name: str) -> str:
    """A name of a file as it can be shown and kept: bytes of it that are no UTF-8 by their numbers."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _meant(name: str) -> str:
    """The inverse of `shown`, for a name that has such bytes."""
    return os.fsdecode(_BYTE.sub(lambda found: bytes([int(found[1], 16)]), name.encode()))


def written(path: Path) -> str:
    """An absolute path as text that can be kept, whatever its bytes are."""
    text = str(path)
    return text if shown(text) == text else path.as_uri()


def path_of(text: str) -> Path:
    """The path that was `written`."""
    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URI)))) if text.startswith(_URI) else Path(text)


def key_of(name: str) -> tuple[str, ...]:
    """What members are ordered by: folder by folder."""
    return tuple(name.split("/"))


@dataclass(frozen=True, slots=True)
class Source:
    """An input that is open. `single` means that it is one file, which is its only member.

    `name` is what people call it: an upload lies under another name than it was given.
    """

    path: Path
    name: str
    single: bool
    members: Callable[[], Iterator[Member]]
    sibling: Callable[[str], Member | None]


@contextlib.contextmanager
def opened(path: Path, name: str | None = None) -> Generator[Source]:
    """The input at a path, shown as `name`; raises NotFound, or Invalid for an archive that cannot be read at all."""
    name = shown(name or path.name)
    try:
        status = path.stat()
    except OSError as error:
        raise _not_found(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        yield Source(
            path, name, single=False, members=lambda: _walk(path, path), sibling=lambda beside: _at(path, beside)
        )
    elif not stat.S_ISREG(status.st_mode):
        raise _neither(name)
    elif _is_zip(path):
        with _archive(path, name) as (members, by_name):
            yield Source(path, name, single=False, members=lambda: iter(members), sibling=by_name.get)
    else:
        member = _file(path, shown(path.name), status)
        yield Source(path, name, single=True, members=lambda: iter((member,)), sibling=lambda _: None)


def fingerprint(path: Path) -> str:
    """What tells this input from others, and from itself once it was changed; of a large folder it takes seconds.

    Raises NotFound, and Invalid for what is neither a file nor a folder.
    """
    path = path.resolve()
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape"))
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            for member in _walk(path, path):
                told = f"\0{member.name}\0{member.size}\0{member.changed_at}"
                digest.update(told.encode("utf-8", "surrogateescape"))
            return digest.hexdigest()
        if not stat.S_ISREG(status.st_mode):
            raise _neither(shown(path.name))
        with _reading(path) as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise _not_found(path, error) from error
    digest.update(f"\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    digest.update(head)
    return digest.hexdigest()


def _not_found(path: Path, error: OSError) -> NotFound:
    return NotFound(f"{shown(str(path))} cannot be read: {error.strerror}.")


def _neither(name: str) -> Invalid:
    return Invalid(Problem(name, "it is neither a file nor a folder."))


def _reading(path: Path) -> BinaryIO:
    """The file, open; raises OSError also for what became something else since it was looked at.

    A pipe is not waited for: nobody may ever write into it.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no file any more")
    return file


def _file(path: Path, name: str, status: os.stat_result) -> Member:
    def read() -> Stream:
        try:
            raw = _reading(path)
        except OSError as error:
            raise Broken(f"it cannot be read ({error.strerror})") from error
        return streams.unpacked(name, raw)

    return Member(name, status.st_size, datetime.fromtimestamp(int(status.st_mtime), UTC), read)


def _walk(top: Path, folder: Path) -> Iterator[Member]:
    try:
        with os.scandir(folder) as found:
            names = sorted((entry.name for entry in found), key=shown)
    except OSError as error:
        if folder == top:
            raise _not_found(folder, error) from error
        yield _closed(top, folder, error.strerror)
        return
    for name in names:
        path = folder / name
        try:
            status = path.lstat()
        except FileNotFoundError:  # gone since it was listed
            continue
        except OSError as error:
            yield _closed(top, path, error.strerror)
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(top, path)
        elif stat.S_ISREG(status.st_mode):
            yield _file(path, shown(path.relative_to(top).as_posix()), status)


def _closed(top: Path, folder: Path, why: str | None) -> Member:
    def read() -> Stream:
        raise Broken(f"it cannot be looked into ({why}); it was left out")

    return Member(shown(folder.relative_to(top).as_posix()) + "/", 0, _EARLIEST, read)


def _at(top: Path, name: str) -> Member | None:
    for path in (top / name, top / _meant(name)):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                return _file(path, name, status)
    return None


def _is_zip(path: Path) -> bool:
    try:
        with _reading(path) as file:
            head = file.read(4)
    except OSError as error:
        raise _not_found(path, error) from error
    return head in {b"PK\x03\x04", b"PK\x05\x06"} or path.suffix.casefold() == ".zip"


@contextlib.contextmanager
def _archive(path: Path, name: str) -> Generator[tuple[Sequence[Member], dict[str, Member]]]:
    size = path.stat().st_size
    if _directory_size(path) > _LARGEST_DIRECTORY:
        raise Invalid(Problem(name, f"it lists more files than such an archive has (at most {MOST_MEMBERS:,})."))
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, IndexError, RuntimeError, struct.error) as error:
        why = "it is no whole zip archive, as after a broken download; download it again."
        raise Invalid(Problem(name, why)) from error
    with archive:
        found = [info for info in archive.infolist() if info.filename and not info.filename.endswith(("/", "\\"))]
        if len(found) > MOST_MEMBERS:
            raise Invalid(
                Problem(name, f"it lists {len(found):,} files; such an archive has at most {MOST_MEMBERS:,}.")
            )
        if sum(info.compress_size for info in found) > size:
            raise Invalid(Problem(name, "its files overlap each other, as a trap does; nothing was read."))
        made_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        members = sorted((_zipped(archive, info, made_at) for info in found), key=lambda member: member.key)
        yield members, {member.name: member for member in members}


def _zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, made_at: datetime) -> Member:
    def read() -> Stream:
        return streams.unpacked(info.filename, streams.unzipped(archive, info))

    try:
        changed_at = datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        changed_at = made_at
    if changed_at < _EARLIEST:
        changed_at = made_at
    return Member(info.filename.replace("\\", "/"), info.file_size, min(changed_at, made_at), read)


_END: Final = struct.Struct("<4s4H2IH")
_LOCATOR: Final = struct.Struct("<4sIQI")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_SEE_64: Final = 0xFFFFFFFF


def _directory_size(path: Path) -> int:
    """How large the list of files at an archive's end says it is (APPNOTE 4.3.14 to 4.3.16); 0 where there is none.

    Python reads that list whole before it can be asked anything.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END.size - 65_535 - _LOCATOR.size))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + _END.size:
            return 0
        length = int(_END.unpack_from(tail, at)[5])
        if length == _SEE_64 and at >= _LOCATOR.size:
            mark, _, place, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
            if mark == b"PK\x06\x07" and place < size:
                file.seek(place)
                record = file.read(_END64.size)
                length = int(_END64.unpack(record)[8]) if len(record) == _END64.size else 0
        return length
