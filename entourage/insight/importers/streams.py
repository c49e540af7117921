"""Bytes of what is imported: read forward only, unpacked on the way, and never more than is sensible."""

import gzip
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

from entourage.insight.importers.model import Broken

RATIO: Final = 200
"""Text of facts packs to a tenth or a fortieth; deflate reaches a thousandth with nothing but zeros."""
FREE: Final = 16 * 1024**2
"""So many unpacked bytes are allowed whatever the ratio."""
LARGEST: Final = 64 * 1024**3
"""Unpacked bytes of one member."""
CHUNK: Final = 1024**2
_MEMORY: Final = 256 * 1024**2
"""What unpacking .xz may take; its strongest usual setting needs 65 MB."""
_BOMB = "it unpacks to far more than such a file holds, as a trap does; it was not read any further"

Readable = Callable[[int], bytes]


class Stream:
    """A member that is being read. `done` counts bytes as the member's size does: packed ones where it is packed."""

    def __init__(self, raw: BinaryIO, read: Readable, consumed: Callable[[], int] | None = None) -> None:
        """`read` gives at most so many bytes, b"" at the end; `consumed` tells the packed bytes that took so far."""
        self._raw = raw
        self._read = read
        self._consumed = consumed
        self.given = 0

    @property
    def done(self) -> int:
        """How much of the member was used up."""
        return self.given if self._consumed is None else self._consumed()

    def read(self, size: int = CHUNK) -> bytes:
        """At most `size` bytes, b"" at the end; raises Broken."""
        try:
            data = self._read(size)
        except zipfile.BadZipFile as error:
            raise Broken("it is damaged: its content does not match its checksum; download it again") from error
        except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise Broken(f"it is damaged and cannot be unpacked ({error}); download it again") from error
        except EOFError as error:
            raise Broken("it ends too early, as after a broken download; what came before was kept") from error
        except OSError as error:
            raise Broken(f"it cannot be read ({error.strerror or error})") from error
        self.given += len(data)
        packed = None if self._consumed is None else self._consumed()
        if self.given > LARGEST or (packed is not None and self.given > FREE and self.given > RATIO * max(packed, 1)):
            raise Broken(_BOMB)
        return data

    def skip(self, count: int) -> None:
        """Go on `count` bytes later."""
        if self._consumed is None and count and self._raw.seekable():
            self._raw.seek(count, os.SEEK_CUR)
            self.given += count
            return
        while count > 0:
            data = self.read(min(count, CHUNK))
            if not data:
                return
            count -= len(data)

    def whole(self, most: int) -> bytes:
        """Everything that is left; raises Broken when that is more than `most` bytes."""
        pieces: list[bytes] = []
        length = 0
        while data := self.read():
            pieces.append(data)
            length += len(data)
            if length > most:
                raise Broken(f"it is larger than {most // 1024**2} MB, which no such file is")
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unpacked(name: str, raw: BinaryIO) -> Stream:
    """What a file holds: unpacked where its name ends in .gz or .xz, as it is otherwise."""
    if name.casefold().endswith(".gz"):
        unpacking = gzip.GzipFile(fileobj=raw, mode="rb")
        return Stream(raw, unpacking.read1, raw.tell)
    if name.casefold().endswith(".xz"):
        return Stream(raw, _unxz(raw), raw.tell)
    return Stream(raw, raw.read)


def _unxz(raw: BinaryIO) -> Readable:
    unpacking = lzma.LZMADecompressor(memlimit=_MEMORY)

    def read(size: int) -> bytes:
        while not unpacking.eof:
            packed = raw.read(min(size, 65_536)) if unpacking.needs_input else b""
            if unpacking.needs_input and not packed:
                raise EOFError
            data = unpacking.decompress(packed, size)
            if data:
                return data
        return b""

    return read


def unzipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    """A member of an archive; its declared size is never exceeded. Raises Broken where it cannot be opened."""
    if member.flag_bits & 0x1:
        raise Broken("it is locked with a password; unpack the archive yourself and import the folder")
    if member.file_size > LARGEST or (member.file_size > FREE and member.file_size > RATIO * member.compress_size):
        raise Broken(_BOMB)
    try:
        return cast("BinaryIO", archive.open(member))
    except RuntimeError as error:
        raise Broken("it is packed in a way that cannot be read here; unpack it yourself, import the folder") from error
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, IndexError, struct.error) as error:
        raise Broken("the archive is damaged at this place; download it again") from error
