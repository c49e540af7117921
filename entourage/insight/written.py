"""How names are written: fancy letters, emoji and additions taken away, and scripts other than Latin."""

import re
import unicodedata
from collections.abc import Callable

from anyascii import anyascii

from entourage.insight import syllables
from entourage.insight.wordlist import words

_ADDITION = re.compile(r"\s*[|•·~/\\([{<【「『➡→:;✨*#@+=].*|\s+[-\u2013\u2014]\s+.*|,.*", re.DOTALL)
_LEADING = re.compile(r"^[\W\d_]+")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2190-\u2bff\ufe0f\u200d\u200b\u200e\u200f\u2060\u00ae\u00a9\u2122]+")
_SMALL_CAPITALS = str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz")
_SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text in ordinary letters (fancy ones are what they look like), without emoji, with single spaces."""
    if not text.isascii():
        text = _EMOJI.sub(" ", unicodedata.normalize("NFKC", text)).translate(_SMALL_CAPITALS)
    return _SPACE.sub(" ", text).strip()


def person(text: str) -> str:
    """The part of a plain text that is the name: "Anna | travel" is Anna, "Doe, Jane" is Jane Doe."""
    if text.replace(" ", "").isalpha():
        return text
    found = _LEADING.sub("", text)
    family, comma, given = found.partition(", ")
    if comma and " " not in family and given and given.count(" ") < 2 and given.replace(" ", "").isalpha():  # noqa: PLR2004
        return f"{given} {family}"
    return _ADDITION.sub("", found) or found


_KANA_WOMEN = words("kana", "women")
_KANA_MEN = words("kana", "men")
_JAPANESE_FAMILY = frozenset(words("families", "japanese"))
_TWO_CHARACTERS = frozenset(words("families", "two_characters"))


def of_han(person_: str, joined: str) -> float | None:
    """The log odds for a name that begins with Chinese characters, Chinese or Japanese."""
    japanese = _japanese_given(person_, joined)
    if japanese is not None:
        if japanese.endswith(_KANA_WOMEN):
            return 3.0
        if japanese.endswith(_KANA_MEN):
            return -3.0
        if "぀" <= japanese[0] <= "ヿ":
            return None
        return syllables.of_characters(japanese)
    if not 2 <= len(joined) <= 4:  # noqa: PLR2004 - longer ones are no names
        return None
    given = joined[2:] if joined[:2] in _TWO_CHARACTERS else joined[1:]
    return syllables.of_characters(given) if given else None


def _japanese_given(text: str, joined: str) -> str | None:
    first, _, rest = text.partition(" ")
    if rest and first in _JAPANESE_FAMILY:
        return rest
    for size in (3, 2):
        if len(joined) > size and joined[:size] in _JAPANESE_FAMILY:
            return joined[size:]
    return None


def of_kana(joined: str, known: Callable[[str], tuple[float, float] | None]) -> float | None:
    """The log odds for a name in kana, by how it is read."""
    read = anyascii(joined).lower()
    found = known(read)
    return syllables.log_odds(*found) if found else None


_ARABIC_WOMEN = frozenset(words("arabic", "women"))
_ARABIC_MEN = frozenset(words("arabic", "men"))
_SURE = 4.0
_MARKS = re.compile("[\u064b-\u0652\u0640]")
"""Signs of vowels and doubling, which most leave out."""


def of_arabic(text: str) -> float | None:
    """The log odds for a name in Arabic letters, where it is one of the common ones; vowels are not written."""
    word = text.split(" ", maxsplit=1)[0]
    if word in _ARABIC_WOMEN:
        return _SURE
    if word in _ARABIC_MEN:
        return -_SURE
    if word.startswith("عبد") or "الدين" in text:
        return -_SURE
    if "؀" <= word[0] <= "ۿ" and word.endswith(("ة", "اء", "ى", "ية")):
        return 1.5
    return None


def has_no_vowels(text: str) -> bool:
    """Whether a text begins in Arabic or Hebrew letters, which cannot be read as Latin ones."""
    return "\u0590" <= text[0] <= "\u07ff"


_SCRIPT_ENDINGS = (
    (re.compile(r"^[\u0370-\u03ff]+[ςΣ]$"), -_SURE),
    (re.compile(r"^[\u0370-\u03ff]+[αάηήωώ]$"), _SURE / 2),
    (re.compile(r"^[\u0400-\u04ff]+[аяіАЯ]$"), 2.0),
    (re.compile(r"^[\u0400-\u04ff]+[^аеиоуыэюяіїєьАЕИОУЫЭЮЯІЇЄЬ]$"), -2.0),
    (re.compile(r"^[\u0900-\u097f]+[\u093e\u0940]$"), 1.2),
    (re.compile(r"^[\u0900-\u097f]+[^\u093e\u0940\u093f]$"), -0.8),
)
_SOUNDS = words("greek", "sounds")
_GREEK = tuple(zip(_SOUNDS[::2], _SOUNDS[1::2], strict=True))


def by_ending(name: str) -> float | None:
    """The log odds from the ending of a first name in Greek, Cyrillic or Devanagari letters."""
    word = name.partition(" ")[0].lower()
    return next((value for ending, value in _SCRIPT_ENDINGS if ending.search(word)), None)


def latin(name: str) -> str:
    """The name in ASCII letters, as its bearers would write it where that is known."""
    if any("\u0370" <= char <= "\u03ff" for char in name):
        lower = name.lower()
        for pair, sound in _GREEK:
            lower = lower.replace(pair, sound)
        name = lower
    return anyascii(name)
