"""JSON Lines of facts, one object a line; the format is described in docs/contracts/facts.md."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from entourage.insight.importers.model import START, Bad, Broken, Place, Step
from entourage.insight.importers.sources import Member
from entourage.insight.importers.streams import Stream
from entourage.insight.importers.text import Utf8
from entourage.kernel.errors import Invalid
from entourage.networks.facts import VERSION, Fact, decoded

LONGEST_LINE: Final = 4 * 1024**2
"""Bytes; ten times what the longest fact can take."""
_LOOK: Final = 256 * 1024
LINES: Final = 500
"""At most so many are one step."""


class _Format(msgspec.Struct, tag_field="kind", tag="format"):
    version: int


class _OurFormat(_Format, tag_field="kind", tag="format", forbid_unknown_fields=True):
    pass


_format = msgspec.json.Decoder(_Format)
_our_format = msgspec.json.Decoder(_OurFormat)


def looks_like(stream: Stream) -> bool:
    """Whether the first line of a file is a fact, or says that facts follow; raises Broken."""
    text, line = Utf8(stream), b""
    while len(line) < _LOOK and b"\n" not in line and (data := text.read()):
        line = (line + data).lstrip()
    line = line.partition(b"\n")[0]
    try:
        kind = msgspec.json.decode(line, type=_Kind).kind
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return kind in {"format", "profile", "post", "comment", "like", "follow"}


class _Kind(msgspec.Struct):
    kind: str


def read(member: Member, start: Place = START) -> Iterator[Step]:
    """The facts of a file from a place on; raises Broken, also for a version that is newer than ours."""
    with member.opened() as stream:
        text = Utf8(stream, start.offset)
        offset, count = start.offset, start.entries
        rest = b""
        skipping = False
        while data := text.read():
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            if skipping and lines:
                offset += len(lines.pop(0)) + 1
                count += 1
                skipping = False
            for first in range(0, len(lines), LINES):
                some = lines[first : first + LINES]
                facts, bad = _facts(some, count)
                offset += sum(map(len, some)) + len(some)
                count += len(some)
                yield Step(facts, bad, Place(offset, count), stream.done)
            if len(rest) > LONGEST_LINE or skipping:
                if not skipping:
                    words = f"it is longer than {LONGEST_LINE // 1024**2} MB, which no fact is"
                    yield Step((), [Bad(f"line {count + 1}", words)], Place(offset, count), stream.done)
                offset += len(rest)
                rest, skipping = b"", True
        if rest:
            facts, bad = _facts([rest], count)
            yield Step(facts, bad, Place(offset + len(rest), count + 1), stream.done)


def _facts(lines: Sequence[bytes], count: int) -> tuple[Sequence[Fact], Sequence[Bad]]:
    facts: list[Fact] = []
    bad: list[Bad] = []
    now = datetime.now(UTC)
    for number, line in enumerate(lines, count + 1):
        if not line.strip():
            continue
        try:
            facts.append(decoded(line, now))
        except Invalid as error:
            if number == 1 and _says_format(line):
                continue
            bad.append(Bad(f"line {number}", _words(error)))
    return facts, bad


def _says_format(line: bytes) -> bool:
    """Whether a line tells a version that is ours; raises Broken for a newer one, whatever else that one tells."""
    try:
        version = _format.decode(line).version
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    if version > VERSION:
        words = f"it needs version {version} of the format, and this program knows version {VERSION}; nothing was read"
        raise Broken(words)
    try:
        _our_format.decode(line)
    except msgspec.MsgspecError:
        return False
    return True


def _words(error: Invalid) -> str:
    problem = error.problems[0]
    if problem.field != "line":
        return str(error)
    if "codec can't decode" in problem.message:
        return "this is not UTF-8 text (was it saved as Latin-1 or Windows-1252?); save the file as UTF-8"
    words = problem.message.replace("Object contains unknown field", "unknown key")
    return words.replace("Object missing required field", "there is no")
