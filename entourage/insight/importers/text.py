"""Text of what is imported: its encoding found out, and its JSON read piece by piece however long the file is."""

import codecs
import json
import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any, Final, NamedTuple

from entourage.insight.importers.model import Broken
from entourage.insight.importers.streams import CHUNK, Stream

LARGEST_VALUE: Final = 16 * 1024**2
"""Characters of one entry of a list, or of a value that is no list."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK: Final = 4
_NEAR: Final = 16
"""Characters before the end of what was read so far: a mistake that is nearer may only be a piece that is missing."""
_decoder = json.JSONDecoder()
_blank = re.compile(r"[ \t\r\n]*")


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding that a text's first bytes tell, and how long its mark is; UTF-8 where they tell nothing."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    first, second = head[:1], head[1:2]
    # JSON begins with two characters of ASCII (RFC 4627, 3).
    if first != b"\0" and head[1:] == b"\0\0\0":
        return "utf-32-le", 0
    if head[:3] == b"\0\0\0":
        return "utf-32-be", 0
    if b"\0" in {first, second} and first != second:
        return ("utf-16-le" if second == b"\0" else "utf-16-be"), 0
    return "utf-8", 0


class Utf8:
    """A stream of text as UTF-8 without a mark, from byte `start` of that on."""

    def __init__(self, stream: Stream, start: int = 0) -> None:
        """Raises Broken."""
        self._stream = stream
        head = b""
        while len(head) < _MARK and (more := stream.read(_MARK - len(head))):
            head += more
        self.encoding, mark = encoding_of(head)
        self._decoder = None if self.encoding == "utf-8" else codecs.getincrementaldecoder(self.encoding)()
        self._head = self._as_utf8(head[mark:])
        if start <= len(self._head):
            self._head = self._head[start:]
        elif self._decoder is None:
            stream.skip(start - len(self._head))
            self._head = b""
        else:
            self._drop(start)

    def read(self) -> bytes:
        """Some more, b"" at the end; raises Broken."""
        head, self._head = self._head, b""
        while not head:
            data = self._stream.read(CHUNK)
            head = self._as_utf8(data, final=not data)
            if not data:
                break
        return head

    def _drop(self, count: int) -> None:
        while count > 0 and (data := self.read()):
            self._head = data[count:]
            count -= len(data)

    def _as_utf8(self, data: bytes, *, final: bool = False) -> bytes:
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data, final).encode("utf-8", "replace")
        except UnicodeDecodeError as error:
            words = f"its first bytes say {self.encoding.upper()}, what follows is something else; save it as UTF-8"
            raise Broken(words) from error


class Entry(NamedTuple):
    """An entry of a list, or a whole value that is none; `key` names the member of the outermost object it is from."""

    key: str
    value: Any


class Json:
    """A file of JSON, entry by entry: those of a list, or of each list in an object.

    Only one entry is in memory at a time. Raises Broken, after everything that came before was given, where the text
    is no JSON, is cut off, or has an entry that is too large.
    """

    def __init__(self, stream: Stream) -> None:
        self._text = Utf8(stream)
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._buffer = ""
        self._at = 0
        self._before = 0
        self._ended = False

    def entries(self) -> Iterator[Entry]:
        """Everything, in the file's order."""
        first = self._peek()
        if first == "[":
            yield from self._list("")
        elif first == "{":
            yield from self._object()
        elif first:
            raise self._broken("this is no JSON")
        else:
            raise Broken("it is empty")
        if self._peek():
            raise self._broken("there is something after the end")

    def _object(self) -> Iterator[Entry]:
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            key = self._value()
            if not isinstance(key, str):
                raise self._broken("this is no JSON")
            self._expect(":")
            if self._peek() == "[":
                yield from self._list(key)
            else:
                yield Entry(key, self._value())
            if self._expect(",}") == "}":
                return

    def _list(self, key: str) -> Iterator[Entry]:
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield Entry(key, self._value())
            if self._expect(",]") == "]":
                return

    def _expect(self, wanted: str) -> str:
        found = self._peek()
        if not found or found not in wanted:
            raise self._broken("it is cut off" if not found else "this is no JSON")
        self._at += 1
        return found

    def _peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            found = _blank.match(self._buffer, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _decoder.raw_decode(self._buffer, self._at)
            except JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self._buffer) - _NEAR
                if not cut:
                    raise self._broken("this is no JSON") from error
                if not self._more():
                    raise self._broken("it is cut off") from error
                continue
            except (RecursionError, ValueError) as error:
                raise self._broken("no such JSON is written by any program: too deep, or too long a number") from error
            if end == len(self._buffer) and self._more():  # a number could go on
                continue
            self._at = end
            return value

    def _more(self) -> bool:
        """Have more text to look at; False at the end."""
        if self._ended:
            return False
        kept = self._buffer[self._at :]
        if len(kept) > LARGEST_VALUE:
            raise self._broken(f"this entry is longer than {LARGEST_VALUE // 1024**2} million characters")
        pieces, length = [kept], 0
        while length <= len(kept):  # twice as much each time, so that a long entry is not looked at too often
            data = self._text.read()
            try:
                piece = self._decode.decode(data, not data)
            except UnicodeDecodeError as error:
                words = "this is not UTF-8 text (was it saved as Latin-1 or Windows-1252?)"
                raise self._broken(words) from error
            pieces.append(piece)
            length += len(piece)
            if not data:
                self._ended = True
                break
        self._before += self._at
        self._buffer, self._at = "".join(pieces), 0
        return length > 0

    def _broken(self, words: str) -> Broken:
        return Broken(f"{words} (at character {self._before + self._at + 1:,}); what came before was kept")
