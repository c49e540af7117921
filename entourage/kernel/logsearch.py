"""Reading the logbook: a page of what matches, how many match, what is new, and a whole day to take away."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from entourage.kernel.errors import NotFound
from entourage.kernel.logbook import LEVELS, DayFile, LogLine, decode, files, stamp

MOST_LINES = 1000
_FIRST_BLOCK, _BLOCK = 128 * 1024, 1024 * 1024
_MESSAGE, _METADATA = b',"message":"', b'","metadata":'
_COUNTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class LogPage:
    """What a search found."""

    lines: list[LogLine]
    """The newest first."""
    total: int
    """How many lines there are that the asker may see."""
    filtered: int
    """How many of them match."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which lines are looked for; equal ones share what was counted."""

    levels: tuple[str, ...] = ()
    module: str = ""
    text: str = ""
    user: int | None = None
    since: str = ""
    until: str = ""

    def on(self, day: date) -> "_Wanted | None":
        """What to look for on that day: without the dates where the whole day is within them; None if none of it is."""
        first, last = f"{day}T00:00:00.000Z", f"{day}T23:59:59.999Z"
        if last < self.since or (self.until and first > self.until):
            return None
        since = "" if self.since <= first else self.since
        until = "" if not self.until or self.until >= last else self.until
        return _Wanted(self.levels, self.module, self.text, self.user, since, until)


def search(
    root: Path,
    *,
    level: str | None = None,
    and_above: bool = False,
    module: str | None = None,
    text: str | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
    limit: int = 100,
    visible_to: int | None = None,
) -> LogPage:
    """The newest `limit` (at most 1000) lines that match, and how many do.

    `level` means exactly that level, or with `and_above` also the graver ones. `module` ignores case; `text` is looked
    for in messages, ignoring case; the dates are both included. `visible_to` is a user who sees only the lines about
    what is theirs; None sees everything. Takes up to a second the first time where there are a million lines.
    """
    wanted = _Wanted(
        levels=() if level is None else _levels(level, and_above=and_above),
        module=(module or "").casefold(),
        text=(text or "").lower(),
        user=visible_to,
        since="" if date_from is None else stamp(date_from),
        until="" if date_to is None else stamp(date_to),
    )
    days = list(reversed(files(root)))
    total = sum(_count(file, _Wanted(user=visible_to)) for file in days)
    filtered = sum(_count(file, now) for file in days if (now := wanted.on(file.day)) is not None)
    # Once as many were found as there are, nothing older needs to be looked through.
    lines = list(islice(_newest_first(days, wanted), max(0, min(limit, MOST_LINES, filtered))))
    return LogPage(lines, total, filtered)


def newer(root: Path, after: int, *, limit: int = MOST_LINES, visible_to: int | None = None) -> list[LogLine]:
    """The lines with numbers above `after`, the oldest first; of more than `limit` the newest."""
    found: list[LogLine] = []
    for line in islice(_newest_first(list(reversed(files(root))), _Wanted(user=visible_to)), limit):
        if line.id <= after:
            break
        found.append(line)
    return found[::-1]


def last_id(root: Path) -> int:
    """The number of the newest line, 0 where there is none."""
    return next((line.id for line in _newest_first(list(reversed(files(root))), _Wanted())), 0)


def download(root: Path, day: date, *, as_text: bool = False, visible_to: int | None = None) -> Iterator[bytes]:
    """The log of a day in pieces, as JSON lines or as plain text; raises NotFound where there is none."""
    parts = [file for file in files(root) if file.day == day]
    if not parts:
        raise NotFound(f"There is no log of {day}.")
    return _pieces(parts, _Wanted(user=visible_to), as_text=as_text)


def as_plain_text(line: LogLine) -> str:
    """One line for people, whatever the message holds."""
    more = "".join(f" {name}={_shown(value)}" for name, value in line.metadata.items())
    return f"{stamp(line.timestamp)} {line.level:<7} {line.module}: {_shown(line.message)}{more}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _levels(level: str, *, and_above: bool) -> tuple[str, ...]:
    name = level.upper()
    return LEVELS[LEVELS.index(name) :] if and_above and name in LEVELS else (name,)


# A match begins with the line end before it and stops at the one after it, so that what a message holds never passes
# for a line.
@lru_cache(maxsize=256)
def _pattern(levels: tuple[str, ...], module: str, user: int | None) -> re.Pattern[bytes]:
    level = "|".join(re.escape(name) for name in levels) or "[A-Z]+"
    name = re.escape(msgspec.json.encode(module)[1:-1]) if module else rb'[^"]*'
    owner = str(user) if user is not None else r"(?:null|-?\d+)"
    return re.compile(
        rb'\n\{"id":\d+,"timestamp":"([0-9TZ:.-]{24})","level":"(?:%s)","module":"(?i:%s)","user":%s,"message":"'
        rb"[^\n]*\}(?=\n)" % (level.encode(), name, owner.encode())
    )


def _matches(block: bytes, wanted: _Wanted) -> Iterator[bytes]:
    """The matching lines of a block that begins and ends with a line end, in their order."""
    pattern = _pattern(wanted.levels, wanted.module, wanted.user)
    since, until = wanted.since.encode(), wanted.until.encode()
    found = _with_text(block, wanted.text, pattern) if wanted.text else pattern.finditer(block)
    for match in found:
        if since or until:
            moment = match[1]
            if moment < since or (until and moment > until):
                continue
        yield match[0][1:]


def _with_text(block: bytes, text: str, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    if not text.isascii():  # bytes know no case beyond ASCII
        if text not in block.decode("utf-8", "replace").lower():
            return
        for match in pattern.finditer(block):
            line = decode(match[0][1:])
            if line is not None and text in line.message.lower():
                yield match
        return
    needle, lowered, position = msgspec.json.encode(text)[1:-1].lower(), block.lower(), 0
    while (position := lowered.find(needle, position)) >= 0:
        start, end = block.rfind(b"\n", 0, position), block.find(b"\n", position)
        if start < 0 or end < 0:
            return
        message = block.find(_MESSAGE, start, end) + len(_MESSAGE)
        rest = block.find(_METADATA, message, end)
        if lowered.find(needle, message, rest) >= 0 and (match := pattern.match(block, start)):
            yield match
        position = end


def _newest_first(days: list[DayFile], wanted: _Wanted) -> Iterator[LogLine]:
    for file in days:
        today = wanted.on(file.day)
        if today is None:
            continue
        with contextlib.suppress(FileNotFoundError), file.path.open("rb") as opened:
            for block in _blocks_backwards(opened):
                for raw in reversed(list(_matches(block, today))):
                    line = decode(raw)
                    if line is not None and (wanted.user is None or line.user == wanted.user):
                        yield line


def _blocks_backwards(file: BinaryIO) -> Iterator[bytes]:
    position = file.seek(0, os.SEEK_END)
    size, rest = _FIRST_BLOCK, b""
    while position > 0:
        size, position = min(size, position), max(0, position - size)
        file.seek(position)
        data = file.read(size) + rest
        size = _BLOCK
        if position == 0:
            yield b"\n" + data
        elif (first := data.find(b"\n")) < 0:
            rest = data
        else:
            yield data[first:]
            rest = data[: first + 1]


def _blocks(file: BinaryIO, start: int) -> Iterator[bytes]:
    file.seek(start)
    rest = b""
    while data := file.read(_BLOCK):
        last = data.rfind(b"\n") + 1
        if last:
            yield b"\n" + rest + data[:last]
            rest = b""
        rest += data[last:]


_EVERYTHING = _Wanted()
_counts: dict[tuple[bytes, _Wanted], tuple[int, int]] = {}
_counts_lock = threading.Lock()


def _count(file: DayFile, wanted: _Wanted) -> int:
    """How many lines of the file match; of a file that was counted before only what was added since is read."""
    try:
        with file.path.open("rb") as opened:
            # The first line's number and time tell files apart, whatever they are called by now.
            head = str(file.path.parent).encode() + opened.read(64)
            start, count = _counts.get((head, wanted), (0, 0))
            if opened.seek(0, os.SEEK_END) < start:
                start, count = 0, 0
            for block in _blocks(opened, start):
                count += block.count(b"\n") - 1 if wanted == _EVERYTHING else sum(1 for _ in _matches(block, wanted))
                start += len(block) - 1
    except FileNotFoundError:
        return 0
    with _counts_lock:
        _counts.pop((head, wanted), None)
        while len(_counts) >= _COUNTS_KEPT:
            del _counts[next(iter(_counts))]
        _counts[head, wanted] = (start, count)
    return count


def _pieces(parts: list[DayFile], wanted: _Wanted, *, as_text: bool) -> Iterator[bytes]:
    for part in parts:
        with contextlib.suppress(FileNotFoundError), part.path.open("rb") as opened:
            for block in _blocks(opened, 0):
                lines = _matches(block, wanted)
                if as_text:
                    decoded = (decode(raw) for raw in lines)
                    yield "".join(as_plain_text(line) + "\n" for line in decoded if line is not None).encode()
                else:
                    yield b"".join(raw + b"\n" for raw in lines)
