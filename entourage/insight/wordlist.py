"""Packaged lists of words: short ones made by hand, and long ones with a value each, that take little memory."""

import tomllib
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

_HEAD = 4
"""Words that begin with the same so many characters stand in one block, which is searched by its bytes."""


class Wordlist:
    """Words and their values. A dict of the same words would take ten times the memory and the time to load."""

    __slots__ = ("_blocks",)

    def __init__(self, packed: bytes) -> None:
        self._blocks: dict[bytes, bytes] = {}
        for block in zlib.decompress(packed).split(b"\n\n"):
            self._blocks[block[: block.index(b"\n")]] = block

    def find(self, word: str) -> str | None:
        """The value of exactly this word, or None."""
        block = self._blocks.get(word[:_HEAD].encode(errors="replace"))
        if block is None:
            return None
        key = b"\n%b\t" % word.encode(errors="replace")
        start = block.find(key)
        if start < 0:
            return None
        start += len(key)
        end = block.find(b"\n", start)
        return (block[start:end] if end >= 0 else block[start:]).decode()


def packed(entries: Mapping[str, str]) -> bytes:
    """The entries as `Wordlist` reads them. Words and values hold neither a tab nor the end of a line."""
    blocks: dict[str, list[str]] = {}
    for word in sorted(entries):
        blocks.setdefault(word[:_HEAD], []).append(f"{word}\t{entries[word]}\n")
    return zlib.compress("\n".join(f"{head}\n{''.join(lines)}" for head, lines in blocks.items()).encode(), 9)


def load(name: str) -> Wordlist:
    """The packaged list of that name."""
    return Wordlist(content(name))


def content(name: str) -> bytes:
    """A packaged data file as it is."""
    return (resources.files("entourage.insight") / "data" / name).read_bytes()


def words(section: str, key: str) -> tuple[str, ...]:
    """One of the lists of `data/words.toml`, in its order."""
    return tuple(_by_hand()[section][key].split())


@cache
def _by_hand() -> dict[str, dict[str, str]]:
    return tomllib.loads(content("words.toml").decode())
