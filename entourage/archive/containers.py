"""Video and audio containers: whether one is whole, and what it says of itself, by walking its own structure."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from entourage.kernel.errors import Damaged

_BOX_PARENTS = {b"moov", b"trak", b"mdia", b"edts", b"moof", b"traf"}
_MOST_BOXES = 200_000
_MOST_ELEMENTS = 200_000
_MOST_KINDS = 100
_UNKNOWN_SIZE = 0xFFFF_FFFF
_TS_PACKETS_CHECKED = 64


@dataclass(slots=True)
class Facts:
    """What a container says of itself; None where it does not."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    video: bool = False
    audio: bool = False


def _cut(what: str) -> Damaged:
    return Damaged(f"The {what} file is cut: its own structure says that more should follow.")


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


# ISO base media: MP4, MOV, M4A, HEIC, AVIF ------------------------------------------------------------------------


def iso(file: BinaryIO, *, still: bool = False) -> Facts:
    """Walks the boxes of an MP4 or MOV file (`still`: of a HEIC or AVIF picture); raises Damaged if one is cut."""
    facts = Facts()
    end = _size(file)
    seen: set[bytes] = set()
    for kind, start, stop in _boxes(file, 0, end):
        if stop > end:
            raise _cut("picture" if still else "video")
        seen.add(kind)
        if kind == b"moov":
            _read_moov(file, start, stop, facts, scale=1)
    if still:
        if b"meta" not in seen and b"moov" not in seen:
            raise Damaged("The picture file has no index and cannot be read.")
        return facts
    if b"moov" not in seen:
        raise Damaged("The video file has no index (moov); it is cut or was never finished.")
    if not seen & {b"mdat", b"moof"}:
        raise Damaged("The video file has an index but no content.")
    return facts


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between `start` and `end`: their kinds, where their content starts and where it should stop."""
    position, count = start, 0
    while position < end and count < _MOST_BOXES:
        count += 1
        file.seek(position)
        head = file.read(min(16, end - position))
        if len(head) < 8:  # noqa: PLR2004 - size and kind
            if head.strip(b"\0"):
                raise _cut("video")
            return
        size, kind = struct.unpack(">I4s", head[:8])
        content = position + 8
        if size == 1:
            if len(head) < 16:  # noqa: PLR2004 - with the long size
                raise _cut("video")
            size, content = struct.unpack(">Q", head[8:])[0], position + 16
        elif size == 0:
            size = end - position
        if size < content - position or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):  # noqa: PLR2004 - printable, or ©
            if position == start:
                raise Damaged("The file's structure is broken; it cannot be read.")
            return  # bytes behind the last box belong to nobody
        yield kind, content, position + size
        position += size


def _read_moov(file: BinaryIO, start: int, end: int, facts: Facts, scale: int) -> None:
    size: tuple[int, int] | None = None
    for kind, content, stop in _boxes(file, start, end):
        if stop > end:
            raise _cut("video")
        if kind in _BOX_PARENTS:
            _read_moov(file, content, stop, facts, scale)
            continue
        if kind not in {b"mvhd", b"tkhd", b"hdlr"}:
            continue
        file.seek(content)
        data = file.read(min(stop - content, 112))
        if kind == b"mvhd":
            facts.duration = _movie_length(data)
        elif kind == b"tkhd" and len(data) >= 84:  # noqa: PLR2004 - its length in version 0
            width, height = struct.unpack(">II", data[-8:] if len(data) < 96 else data[88:96])  # noqa: PLR2004 - version 1
            size = (width >> 16, height >> 16)
        elif kind == b"hdlr":
            facts.video |= data[8:12] == b"vide"
            facts.audio |= data[8:12] == b"soun"
    if size is not None and all(size) and (facts.width or 0) * (facts.height or 0) < size[0] * size[1]:
        facts.width, facts.height = size


def _movie_length(data: bytes) -> float | None:
    try:
        if data[0] == 1:
            scale, length = struct.unpack(">IQ", data[20:32])
        else:
            scale, length = struct.unpack(">II", data[12:20])
    except (struct.error, IndexError):
        return None
    return length / scale if scale and length else None


# Matroska and WebM -------------------------------------------------------------------------------------------------

_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_TRACK, _VIDEO, _WIDTH, _HEIGHT, _TYPE = 0xAE, 0xE0, 0xB0, 0xBA, 0x83
_SCALE, _DURATION = 0x2AD7B1, 0x4489


def matroska(file: BinaryIO) -> Facts:
    """Walks the elements of a WebM or Matroska file; raises Damaged if one of known size is cut."""
    end = _size(file)
    facts = Facts()
    found = False
    for ident, start, stop in _elements(file, 0, end):
        if stop is not None and stop > end:
            raise _cut("video")
        if ident != _SEGMENT:
            continue
        found = True
        inner_end = end if stop is None else stop
        clusters = False
        for inner, inner_start, inner_stop in _elements(file, start, inner_end):
            clusters |= inner == _CLUSTER
            if inner_stop is None:
                break  # a live recording: nothing behind says where it should end
            if inner_stop > inner_end:
                raise _cut("video")
            if inner in {_INFO, _TRACKS}:
                _read_matroska(file, inner_start, inner_stop, facts)
        if not clusters:
            raise Damaged("The video file has no content; it is cut.")
        break
    if not found:
        raise Damaged("The video file has no content; it is cut.")
    return facts


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """EBML elements: identity, start of the content and its end (None where the size is unknown)."""
    position, count = start, 0
    while position < end and count < _MOST_ELEMENTS:
        count += 1
        file.seek(position)
        head = file.read(min(12, end - position))
        ident_length = _vint_length(head[:1], longest=4)
        size_length = _vint_length(head[ident_length : ident_length + 1], longest=8) if ident_length else 0
        if not ident_length or not size_length or ident_length + size_length > len(head):
            if len(head) < 12:  # noqa: PLR2004 - the longest head of an element
                raise _cut("video")
            raise Damaged("The file's structure is broken; it cannot be read.")
        ident = int.from_bytes(head[:ident_length], "big")
        raw = int.from_bytes(head[ident_length : ident_length + size_length], "big") & ((1 << 7 * size_length) - 1)
        content = position + ident_length + size_length
        if raw == (1 << 7 * size_length) - 1:
            yield ident, content, None
            return
        yield ident, content, content + raw
        position = content + raw


def _vint_length(first: bytes, *, longest: int) -> int:
    if not first or not first[0]:
        return 0
    length = 9 - first[0].bit_length()
    return length if length <= longest else 0


def _read_matroska(file: BinaryIO, start: int, end: int, facts: Facts) -> None:
    scale, ticks = 1_000_000, 0.0
    for ident, content, stop in _elements(file, start, end):
        if stop is None or stop > end:
            raise _cut("video")
        if ident in {_TRACK, _VIDEO}:
            _read_matroska(file, content, stop, facts)
            continue
        if ident not in {_SCALE, _DURATION, _WIDTH, _HEIGHT, _TYPE} or stop - content > 8:  # noqa: PLR2004 - numbers
            continue
        file.seek(content)
        data = file.read(stop - content)
        if ident == _SCALE:
            scale = int.from_bytes(data, "big")
        elif ident == _DURATION and len(data) in {4, 8}:
            ticks = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]  # noqa: PLR2004 - a short float
        else:
            _note_track(facts, ident, int.from_bytes(data, "big"))
    if ticks > 0:
        facts.duration = ticks * scale / 1e9


def _note_track(facts: Facts, ident: int, number: int) -> None:
    if ident == _WIDTH:
        facts.width = number
    elif ident == _HEIGHT:
        facts.height = number
    elif ident == _TYPE:
        facts.video |= number == 1
        facts.audio |= number == 2  # noqa: PLR2004 - Matroska's own number


# The simpler ones --------------------------------------------------------------------------------------------------


def riff(file: BinaryIO) -> Facts:
    """AVI, WAV and WebP: the outermost chunk says how long the file is."""
    head = file.read(12)
    size = struct.unpack("<I", head[4:8])[0]
    if size not in {0, _UNKNOWN_SIZE} and size + 8 > _size(file):
        raise _cut(head[8:12].decode("ascii", "replace").strip())
    needed = {b"AVI ": b"movi", b"WAVE": b"data"}.get(head[8:12])
    if needed is not None and needed not in _chunks(file):
        raise Damaged("The recording has no content; it is cut or broken.")
    return Facts(video=head[8:12] == b"AVI ", audio=head[8:12] == b"WAVE")


def _chunks(file: BinaryIO) -> set[bytes]:
    """The kinds of the chunks (and lists) inside the outermost one."""
    end, position, kinds = _size(file), 12, set[bytes]()
    while position < end and len(kinds) < _MOST_KINDS:
        file.seek(position)
        head = file.read(12)
        if len(head) < 8:  # noqa: PLR2004 - kind and size
            break
        kinds.add(head[8:12] if head[:4] == b"LIST" else head[:4])
        size = struct.unpack("<I", head[4:8])[0]
        position += 8 + size + (size & 1)
    return kinds


def transport_stream(file: BinaryIO) -> Facts:
    """MPEG-TS: whole packets of 188 bytes, each with its mark."""
    size = _size(file)
    if size % 188:
        raise _cut("video")
    packets = size // 188
    step = max(1, packets // _TS_PACKETS_CHECKED)
    for number in {*range(0, packets, step), packets - 1}:
        file.seek(number * 188)
        if file.read(1) != b"G":
            raise Damaged("The video stream is out of step; it cannot be read.")
    return Facts(video=True)


def ogg(file: BinaryIO) -> Facts:
    """Ogg: pages one behind the other, the last one whole."""
    end, position = _size(file), 0
    head = file.read(256)
    while position < end:
        file.seek(position)
        page = file.read(27)
        if page[:4] != b"OggS":
            if position == 0 or len(page) == 27:  # noqa: PLR2004 - a whole page head
                raise Damaged("The file's structure is broken; it cannot be read.")
            raise _cut("Ogg")
        lacing = file.read(page[26]) if len(page) == 27 else b""  # noqa: PLR2004 - as above
        if len(page) < 27 or len(lacing) < page[26]:  # noqa: PLR2004 - as above
            raise _cut("Ogg")
        position += 27 + len(lacing) + sum(lacing)
    if position > end:
        raise _cut("Ogg")
    return Facts(video=b"theora" in head, audio=b"theora" not in head)


def flv(file: BinaryIO) -> Facts:
    """FLV: tags one behind the other, the last one whole."""
    end = _size(file)
    head = file.read(9)
    position = struct.unpack(">I", head[5:9])[0] + 4 if len(head) == 9 else end + 1  # noqa: PLR2004 - its head
    while position < end:
        file.seek(position)
        tag = file.read(11)
        if len(tag) < 11:  # noqa: PLR2004 - the head of a tag
            raise _cut("video")
        position += 11 + int.from_bytes(tag[1:4], "big") + 4
    if position > end:
        raise _cut("video")
    return Facts(video=True)


_RATES_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_RATES_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_SAMPLING = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mp3(file: BinaryIO) -> Facts:
    """MPEG audio, layer III: frames one behind the other; what follows the last one must not be half a frame."""
    data_end = _size(file)
    position = _behind_id3(file)
    if position > data_end:
        raise _cut("audio")
    seconds, frames = 0.0, 0
    while position < data_end:
        file.seek(position)
        head = file.read(4)
        frame = _mp3_frame(head)
        if frame is None:
            break  # a tag, or bytes that belong to nobody
        length, lasts = frame
        if position + length > data_end:
            raise _cut("audio")
        position, seconds, frames = position + length, seconds + lasts, frames + 1
    if frames < 2 and position != data_end:  # noqa: PLR2004 - one mark alone may be chance
        raise Damaged("There is no sound in the audio file.")
    return Facts(duration=seconds, audio=True)


def _behind_id3(file: BinaryIO) -> int:
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:  # noqa: PLR2004 - the head of the tag
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _mp3_frame(head: bytes) -> tuple[int, float] | None:
    """Length in bytes and seconds of the frame that `head` begins, or None if it begins none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # noqa: PLR2004 - mark and layer
        return None
    version, rate_index, sampling_index = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    rate = (_RATES_V1 if version == 3 else _RATES_V2)[rate_index] * 1000  # noqa: PLR2004 - MPEG 1
    if version == 1 or not rate or sampling_index == 3:  # noqa: PLR2004 - reserved
        return None
    sampling = _SAMPLING[version][sampling_index]
    samples = 1152 if version == 3 else 576  # noqa: PLR2004 - MPEG 1
    return samples // 8 * rate // sampling + (head[2] >> 1 & 1), samples / sampling


def gif(file: BinaryIO) -> None:
    """Walks the blocks of a GIF to its end mark; raises Damaged if it is missing."""
    head = file.read(13)
    if len(head) < 13:  # noqa: PLR2004 - header and screen
        raise _cut("GIF")
    if head[10] & 0x80:
        file.seek(3 << (head[10] & 7) + 1, os.SEEK_CUR)
    while mark := file.read(1):
        if mark == b";":
            return
        if mark == b"!":
            file.seek(1, os.SEEK_CUR)
        elif mark == b",":
            place = file.read(9)
            colours = 3 << (place[8] & 7) + 1 if len(place) == 9 and place[8] & 0x80 else 0  # noqa: PLR2004 - its length
            file.seek(colours + 1, os.SEEK_CUR)
        elif mark == b"\0":
            continue
        else:
            raise Damaged("The GIF's structure is broken; it cannot be read.")
        while (size := file.read(1)) and size != b"\0":
            file.seek(size[0], os.SEEK_CUR)
    raise _cut("GIF")


def png(file: BinaryIO) -> None:
    """Walks the chunks of a PNG to its end mark; raises Damaged if one is cut."""
    end, position = _size(file), 8
    while position < end:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:  # noqa: PLR2004 - length and kind
            break
        position += int.from_bytes(head[:4], "big") + 12
        if head[4:] == b"IEND" and position <= end:
            return
    raise _cut("PNG")
