"""Which language a short text is in, and in which country most who write it live."""

import re
import tomllib
from functools import cache

from entourage.insight import wordlist

_SCRIPTS = {
    "ja": "\u3040-\u30ff",
    "ko": "\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f",
    "zh": "\u4e00-\u9fff",
    "th": "\u0e00-\u0e7f",
    "he": "\u0590-\u05ff",
    "el": "\u0370-\u03ff",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f",
    "km": "\u1780-\u17ff",
    "my": "\u1000-\u109f",
    "lo": "\u0e80-\u0eff",
    "si": "\u0d80-\u0dff",
    "hi": "\u0900-\u097f",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "gu": "\u0a80-\u0aff",
    "pa": "\u0a00-\u0a7f",
    "or": "\u0b00-\u0b7f",
    "bn": "\u0980-\u09ff",
    "am": "\u1200-\u137f",
    "cyrl": "\u0400-\u04ff",
    "arab": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff",
}
"""Writing systems, most of them of one language."""
_RUNS = re.compile("|".join(f"(?P<{name}>[{characters}]+)" for name, characters in _SCRIPTS.items()))
_LETTERS = {
    "cyrl": (("uk", "їєіґ"), ("be", "ў"), ("sr", "ђћџљњј"), ("kk", "әғқңұһ"), ("ru", "ыэё")),
    "arab": (("ur", "ٹڈڑےںھ"), ("fa", "پچژگ")),
}
_TRADITIONAL = frozenset(
    "國學愛會這個們來說時為過對樣發與種買賣聯絡報導業務歡臺灣邊點開關後裡麼體藝術繪戲專頻設計師經營"
)
_SIMPLIFIED = frozenset(
    "国学爱会这个们来说时为过对样发与种买卖联络报导业务欢台湾边点开关后里么体艺术绘戏专频设计师经营"
)
_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)
_LONGEST = 400
_SMALLEST_SHARE = 0.2
"""Of all characters that those of a script must be."""
_FEWEST = 2
"""Words of a language that a text must have, and more than of any other."""


def language(text: str) -> str | None:
    """The ISO 639-1 code (Chinese with its script) of the language of a text; None where it is not clear."""
    text = text[:_LONGEST]
    if not text.isascii():
        script = _script(text)
        if script is not None:
            return _written(script, text)
    return _spoken(text.lower())


def country(text: str) -> str | None:
    """The country where most of those live who write the language of a text."""
    found = language(text)
    return _table()["home"].get(found) if found else None


def _script(text: str) -> str | None:
    counts: dict[str, int] = {}
    for run in _RUNS.finditer(text):
        name = run.lastgroup or ""
        counts[name] = counts.get(name, 0) + run.end() - run.start()
    if not counts:
        return None
    if "ja" in counts and counts["ja"] * 8 >= counts.get("zh", 0):
        counts["ja"] += counts.pop("zh", 0)
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _SMALLEST_SHARE * len(text) else None


def _written(script: str, text: str) -> str | None:
    if script == "zh":
        traditional, simplified = (len(marks.intersection(text)) for marks in (_TRADITIONAL, _SIMPLIFIED))
        both = _TRADITIONAL & _SIMPLIFIED
        shared = len(both.intersection(text))
        traditional, simplified = traditional - shared, simplified - shared
        if traditional == simplified:
            return None
        return "zh-hant" if traditional > simplified else "zh-hans"
    if script in _LETTERS:
        for code, marks in _LETTERS[script]:
            if any(mark in text for mark in marks):
                return code
        return "ru" if script == "cyrl" else None
    return script


def _spoken(text: str) -> str | None:
    counts: dict[str, int] = {}
    table = _words()
    for word in set(_WORD.findall(text)):
        for code in table.get(word, ()):
            counts[code] = counts.get(code, 0) + 1
    if not counts:
        return None
    best = max(counts, key=lambda code: counts[code])
    most = counts.pop(best)
    return best if most >= _FEWEST and most > max(counts.values(), default=0) else None


@cache
def _words() -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for code, listed in _table()["words"].items():
        for word in listed.split():
            table.setdefault(word, []).append(code)
    return table


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(wordlist.content("languages.toml").decode())
