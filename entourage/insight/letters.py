"""What the letters of a name say of its gender where the name itself is not known: a small linear model."""

import zlib
from functools import cache

from entourage.insight import wordlist

SIZE = 1 << 16
SCALE = 32
"""Weights are kept as whole numbers of 1/SCALE."""
_LONGEST = 5


def features(word: str) -> list[int]:
    """The numbers of the groups of letters in a word of lower-case ASCII letters: ends and all threes."""
    marked = b"^%b$" % word.encode()
    length = len(marked)
    found = [zlib.crc32(marked[-size:]) for size in range(2, min(length, _LONGEST) + 1)]
    found += [zlib.crc32(marked[:size]) for size in range(2, min(length, _LONGEST) + 1)]
    found += [zlib.crc32(marked[start : start + 3]) for start in range(1, length - 3)]
    return [number % SIZE for number in found]


def odds(word: str) -> float:
    """The log odds that somebody of this name is a woman."""
    weights = _weights()
    return sum(weights[number] for number in features(word)) / SCALE


@cache
def _weights() -> memoryview:
    return memoryview(zlib.decompress(wordlist.content("letters.z"))).cast("b")
