"""Chinese and Korean names: which part is the family's, and what the syllables of the other part say."""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from entourage.insight import wordlist


def _ranks(names: Sequence[str]) -> Mapping[str, int]:
    ranks: dict[str, int] = {}
    for rank, name in enumerate(names):
        ranks.setdefault(name, rank)
    return ranks


_CHINESE_RANK = _ranks(wordlist.words("families", "chinese"))
_KOREAN_RANK = _ranks(wordlist.words("families", "korean"))
"""Family names by how common they are, roughly."""

_ALL = (*_CHINESE_RANK, *_KOREAN_RANK)
_RANK = {name: min(_CHINESE_RANK.get(name, len(_ALL)), _KOREAN_RANK.get(name, len(_ALL))) for name in _ALL}

_ONSETS = {
    "": "", "kk": "g", "gg": "g", "g": "g", "k": "g", "n": "n", "d": "d", "t": "d", "r": "r", "l": "r", "m": "m",
    "b": "b", "p": "b", "s": "s", "ss": "s", "sh": "s", "j": "j", "z": "j", "ch": "c", "c": "c", "h": "h", "y": "y",
    "w": "w",
}  # fmt: skip
_VOWELS = {
    "a": "a", "ah": "a", "ae": "ae", "ai": "ae", "ya": "ya", "eo": "eo", "uh": "eo", "ou": "eo", "e": "e", "ye": "ye",
    "yeo": "yeo", "you": "yeo", "yu": "yu", "yo": "yo", "o": "o", "oh": "o", "wa": "wa", "wae": "wae", "we": "we",
    "oe": "oe", "wi": "wi", "wo": "wo", "weo": "wo", "u": "u", "oo": "u", "woo": "u", "wu": "u", "eu": "eu",
    "ui": "ui", "eui": "ui", "i": "i", "ee": "i", "ie": "i", "yi": "i", "ei": "e",
}  # fmt: skip
_CODAS = {
    "": "", "k": "g", "g": "g", "ck": "g", "n": "n", "l": "l", "r": "l", "m": "m", "p": "b", "b": "b", "ng": "ng",
    "t": "t", "h": "",
}  # fmt: skip
_SPELLINGS: dict[str, str] = {}
for _onset, _first in _ONSETS.items():
    for _vowel, _second in _VOWELS.items():
        for _coda, _third in _CODAS.items():
            _SPELLINGS.setdefault(_onset + _vowel + _coda, f"{_first}{_second}.{_third}")

_LONGEST_CHINESE = 6
_LONGEST_KOREAN = 7
_TWICE = 1.0
"""Log odds of a syllable said twice (Binbin, Weiwei): many more women than men."""
_RARE = -3.0
"""How common a way to write a syllable is that was never seen (natural logarithm)."""
_COMMON = 1.0
"""How common both syllables of a Korean name must be: else it is likelier a name from elsewhere."""


def spelling(syllable: str) -> str | None:
    """One name for all the ways in which a Korean syllable is written in Latin letters; None if it cannot be one."""
    return _SPELLINGS.get(syllable)


@dataclass(frozen=True, slots=True)
class Split:
    """A name that may be Chinese or Korean: its family name, and the parts that were given."""

    family: str
    given: Sequence[str]
    chinese: bool
    korean: bool


def split(words: Sequence[str]) -> Split | None:
    """The parts of a full name of two to four words in either order; None where no such family name is at its ends."""
    if not 2 <= len(words) <= 4:  # noqa: PLR2004 - "Kim Yu Na Lee" is the longest
        return None
    first, last = words[0], words[-1]
    at_first, at_last = _RANK.get(first), _RANK.get(last)
    if at_last is None and at_first is None:
        return None
    family_last = at_last is not None and (at_first is None or _fits_better(words, at_first, at_last))
    family, given = (last, words[:-1]) if family_last else (first, words[1:])
    return Split(family, given, family in _CHINESE_RANK, family in _KOREAN_RANK)


def _fits_better(words: Sequence[str], at_first: int, at_last: int) -> bool:
    # "Wang Li" and "Li Wang": the more common family name it is, but three words begin or end with the name given.
    return at_last <= at_first if len(words) == 2 else at_last <= at_first + 20  # noqa: PLR2004


def odds(parts: Split) -> float | None:
    """The log odds that this is a woman's name, from its syllables alone; None where it does not consist of such."""
    found = [
        value
        for value in (
            _korean(parts.given) if parts.korean else None,
            _chinese(parts.given) if parts.chinese else None,
        )
        if value is not None
    ]
    return sum(found) / len(found) if found else None


def _chinese(given: Sequence[str]) -> float | None:
    table = _tables()
    parts = list(given) if len(given) > 1 else _cut(given[0])
    if parts is None or len(parts) > 2:  # noqa: PLR2004 - given names have one or two
        return None
    known = [table.pinyin.get(part) for part in parts]
    value = 0.0
    if all(odds is not None for odds in known):
        value = sum(odds for odds in known if odds is not None) / 100
    elif len(parts) == 2 and all(part in table.pairs for part in parts):  # noqa: PLR2004
        value = sum(table.pairs[part][place] for place, part in enumerate(parts)) / 100
    else:
        return None
    return value + _TWICE if len(parts) == 2 and parts[0] == parts[1] else value  # noqa: PLR2004


def _cut(word: str) -> list[str] | None:
    """The syllables of a Chinese name in one word: as few as possible, the first as long as possible."""
    pinyin = _tables().pinyin
    if word in pinyin:
        return [word]
    for size in range(min(_LONGEST_CHINESE, len(word) - 1), 0, -1):
        if word[:size] in pinyin and word[size:] in pinyin:
            return [word[:size], word[size:]]
    return None


def _korean(given: Sequence[str]) -> float | None:
    tables = _tables()
    if len(given) == 2:  # noqa: PLR2004
        pairs = [(given[0], given[1])]
    elif len(given) == 1:
        word = given[0]
        pairs = [(word[:size], word[size:]) for size in range(1, min(_LONGEST_KOREAN, len(word) - 1) + 1)]
    else:
        return None
    best: tuple[float, float] | None = None
    for first, second in pairs:
        one, two = tables.korean.get(_SPELLINGS.get(first)), tables.korean.get(_SPELLINGS.get(second))
        if one is not None and two is not None:
            common = min(tables.common.get(first, _RARE), tables.common.get(second, _RARE))
            if best is None or common > best[0]:
                best = common, (one[0] + two[1]) / 100
    return best[1] if best and best[0] > _COMMON else None


def of_characters(given: str) -> float | None:
    """The log odds that this is a woman's name, from its Chinese characters."""
    table = _characters()
    known = [value for char in given if (value := table.find(char)) is not None]
    if not known:
        return None
    twice = _TWICE if len(given) == 2 and given[0] == given[1] else 0.0  # noqa: PLR2004
    return sum(map(int, known)) / 100 + twice


_KO_ONSETS = ("g", "kk", "n", "d", "t", "r", "m", "b", "p", "s", "ss", "", "j", "j", "ch", "k", "t", "p", "h")
_KO_VOWELS = (
    "a", "ae", "ya", "ya", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu",
    "ui", "i",
)  # fmt: skip
_KO_CODAS = (
    "", "g", "g", "g", "n", "n", "n", "t", "l", "g", "m", "l", "l", "l", "b", "l", "m", "b", "b", "t", "t", "ng", "t",
    "t", "g", "t", "b", "t",
)  # fmt: skip
_HANGUL = 0xAC00
_HANGUL_LAST = 0xD7A3


def of_hangul(given: str) -> float | None:
    """The log odds that this is a woman's name, from its Korean letters."""
    parts: list[str] = []
    for char in given:
        number = ord(char) - _HANGUL
        if not 0 <= number <= _HANGUL_LAST - _HANGUL:
            return None
        onset, vowel, coda = number // 588, number // 28 % 21, number % 28
        parts.append(_KO_ONSETS[onset] + _KO_VOWELS[vowel] + _KO_CODAS[coda])
    return _korean(parts) if len(parts) == 2 else None  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class _Tables:
    pinyin: Mapping[str, int]
    korean: Mapping[str | None, Sequence[int]]
    pairs: Mapping[str, Sequence[int]]
    common: Mapping[str, float]
    """How often a syllable was written so: natural logarithm."""


@cache
def _tables() -> _Tables:
    learned = json.loads(zlib.decompress(wordlist.content("syllables.z")))
    return _Tables(
        learned["pinyin"],
        learned["korean"],
        learned["pairs"],
        {key: value[2] / 10 for key, value in learned["pairs"].items()},
    )


@cache
def _characters() -> wordlist.Wordlist:
    return wordlist.load("characters.z")


def log_odds(share: float, count: float) -> float:
    """Log odds of a share among so many, drawn towards even where they are few."""
    return math.log((share * count + 0.5) / ((1 - share) * count + 0.5))
