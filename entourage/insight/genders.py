"""Whether a name is a woman's, a man's or an organisation's: by a table of names, syllables, endings and statements.

The table is that of nomquamgender (Van Buskirk, Clauset and Larremore, "An open-source cultural consensus approach to
name-based gender classification"); Chinese characters are counted by ngender. What somebody writes of themselves goes
before anything that a name suggests.
"""

import re
from functools import cache, lru_cache

from entourage.insight import endings, letters, organisations, statements, syllables, wordlist, written
from entourage.insight.estimates import Method
from entourage.insight.model import Confidence, Gender

METHOD = Method(
    "genders",
    "What people state (she/her, Mrs, “father of two”) counts first. Otherwise the first name is looked up in a table "
    "of names with the share of women among those who bear them; Chinese and Korean names are read by their syllables, "
    "and Slavic, Icelandic and other family names by their endings. Names of shops, clubs and companies are set apart. "
    "A name is a hint about a person, never a fact: the figures are made for many people together.",
    "nomquamgender 0.1.4 (MIT), ngender 0.1.1 (MIT); our own endings, titles and words of organisations",
    1,
)

_EVEN = 0.05
"""Log odds nearer to even than this are no answer: 21 women to 20 men."""
_CLEAR = 2.2
"""Log odds from which an answer is likely and no mere hint: nine to one."""
_GUESS = 1.5
"""As much as a name can say whose vowels are not written: four in five are right."""
_COMMON = 2_000
_ONE_SIDED = 2.4
_KNOWN = 30
_LETTERS = 0.7
"""The letters of a name are worth less than the name."""
_SHORTEST_OF_HANDLE = 4
_SHORTEST_START = 5
_LONGEST_NAME = 200

_SPLIT = re.compile(r"[^\W\d_]+(?:['\u2019.][^\W\d_]+)*", re.UNICODE)
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

Judged = tuple[Gender, Confidence | None]
_NOTHING: Judged = (Gender.UNKNOWN, None)


def gender(name: str | None, username: str = "", biography: str | None = None) -> Judged:
    """What the name (or, where it says nothing, the user name) tells, and how sure that is.

    STATED: the person says so, also that neither is right (then UNKNOWN). LIKELY: at least nine in ten of that name.
    HINT: more than half. None with UNKNOWN: nothing can be told.
    """
    stated = statements.of(biography, name)
    if stated is not None:
        return stated, Confidence.STATED
    role = statements.role(biography) if biography else None
    if role is not None:
        return role, Confidence.LIKELY
    text = written.plain(name[:_LONGEST_NAME]) if name else ""
    result = _of_name(text) if text else _NOTHING
    return _of_handle(username) if result[0] is Gender.UNKNOWN and username else result


def _of_name(text: str) -> Judged:
    plain_words = text.lower().replace("_", " ").split()
    if organisations.certain(plain_words, text):
        return Gender.ORGANISATION, Confidence.LIKELY
    person = written.person(text)
    titled = statements.title(person)
    if titled is not None:
        return titled, Confidence.LIKELY
    if organisations.likely(plain_words):
        first = _known(plain_words[0])
        if first is None or first[1] < _COMMON:
            return Gender.ORGANISATION, Confidence.HINT
    value = odds(person)
    return _NOTHING if value is None else _judged(value)


def _judged(value: float) -> Judged:
    if abs(value) < _EVEN:
        return _NOTHING
    return (Gender.FEMALE if value > 0 else Gender.MALE), (
        Confidence.LIKELY if abs(value) >= _CLEAR else Confidence.HINT
    )


def odds(person: str) -> float | None:
    """The log odds that the name (as `written.person` gives it) is a woman's; None where nothing is known of it."""
    if person.isascii():
        return _latin(person.lower())
    native = _native(person)
    if native is not None:
        return native
    value = _latin(written.latin(person).lower())
    if value is not None and written.has_no_vowels(person):
        return max(-_GUESS, min(_GUESS, value))
    ending = written.by_ending(person)
    if ending is None:
        return value
    # An ending says less than a name that is known, and more than the letters of one that is not.
    return ending if value is None or abs(value) < abs(ending) else value


def _words(person: str) -> list[str]:
    return [word.replace("'", "").replace("\u2019", "") for word in _SPLIT.findall(person)]


def _joined(lower: str) -> tuple[float, float] | None:
    """What is known of a first name of two parts ("Lee-Ann"), where it is more than of the parts."""
    first, _, rest = lower.partition(" ")
    return _known(first.replace("-", "")) if "-" in first and rest else None


def _native(person: str) -> float | None:
    """Names in Korean letters, Chinese characters or kana."""
    joined = person.replace(" ", "").replace("·", "")
    first = joined[0]
    if "가" <= first <= "힣":
        given = joined[1:] if len(joined) > 2 else joined  # noqa: PLR2004
        return syllables.of_hangul(given)
    if "一" <= first <= "鿿":
        return written.of_han(person, joined)
    return written.of_kana(joined, _known) if "぀" <= first <= "ヿ" else written.of_arabic(person)


def _latin(lower: str) -> float | None:
    words = [word for word in _words(lower) if len(word) > 1]
    if not words:
        return None
    joined = _joined(lower)
    ending = endings.odds(words)
    first = _known(words[0])
    if joined is not None and joined[1] > _KNOWN:
        first = joined
    parts = syllables.split(words)
    if parts is not None:
        east = _eastern(parts, first)
        if east is not None:
            return east
    if len(words) > 1 and (first is None or (first[1] < _COMMON and endings.family(words[0]))):
        second = _known(words[1])
        if second is not None and second[1] > (first[1] if first else _KNOWN):
            first = second
    value = _odds(first) if first is not None else None
    if value is None and ending is None:
        word = words[0]
        return _LETTERS * letters.odds(word) if len(word) > 2 and len(words) > 1 else None  # noqa: PLR2004
    return (value or 0.0) + (ending or 0.0)


def _eastern(parts: syllables.Split, first: tuple[float, float] | None) -> float | None:
    if first is not None and first[1] >= _COMMON and abs(_odds(first)) > _ONE_SIDED and parts.given[0] != parts.family:
        known = _known(parts.given[0])
        if known == first:
            return None  # "Anna Li" and "Susan Kim": a name that is known everywhere
    said = syllables.odds(parts)
    if said is None:
        return None
    whole = _known("".join(parts.given))
    return said + (0.5 if parts.korean and not parts.chinese else 1.0) * (_odds(whole) if whole else 0.0)


def _odds(known: tuple[float, float]) -> float:
    return syllables.log_odds(*known)


@lru_cache(maxsize=32768)
def _known(word: str) -> tuple[float, float] | None:
    """The share of women among those of a name, and how many were counted (roughly)."""
    value = _table().find(word)
    return ((ord(value[0]) - 35) / 90, 2 ** ((ord(value[1]) - 35) / 4)) if value else None


def _of_handle(username: str) -> Judged:
    name = username.partition("@")[0].partition(".bsky")[0]
    pieces = [piece.lower() for piece in _CAMEL.findall(name)] if not name.islower() else []
    pieces = [piece for piece in pieces or re.split(r"[\d_.\-]+", name.lower()) if piece]
    if organisations.likely(pieces) or organisations.handle(name.lower()):
        return Gender.ORGANISATION, Confidence.HINT
    for piece in pieces:
        if len(piece) < _SHORTEST_OF_HANDLE or not piece.isascii():
            continue
        for size in range(len(piece), _SHORTEST_START - 1 if len(piece) > _SHORTEST_START else len(piece) - 1, -1):
            known = _known(piece[:size])
            if known is not None and known[1] >= _COMMON / 2:
                answer, confidence = _judged(_odds(known))
                return answer, confidence and Confidence.HINT
    return _NOTHING


@cache
def _table() -> wordlist.Wordlist:
    return wordlist.load("names.z")
