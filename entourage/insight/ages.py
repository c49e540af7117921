"""How old somebody says to be: ages and years of birth stated in a biography, in several languages.

Given names are no evidence here: no free table of years of birth by name covers more than one country.
"""

import re
from datetime import date

from entourage.insight.estimates import Method
from entourage.insight.model import Age, Confidence
from entourage.insight.wordlist import words

METHOD = Method(
    "ages",
    "Only what people write of themselves counts: “23 y/o”, “19 ans”, “born 1998”, “age 31”. A year of school, “class "
    "of 2027”, is a hint. Ages of others (children, businesses, “18+”) are left out. Most people state nothing, so the "
    "figure stands on few of them, and the young state their age more often than others.",
    "our own patterns for stated ages and years of birth",
    1,
)

_YOUNGEST = 13
_OLDEST = 99
_LAST = (17, 24, 34, 44, 54)
_LEAVING_SCHOOL = 18
_LONGEST = 500

_DAY = r"(?:\d{1,2}[./ -](?:\d{1,2}|\w{3,9})[./ ,-]+)?"
_EDGE = r"(?:^|[|•·✨♡❤,\n]\s?)"
_END = r"(?=\s*(?:$|[|•·✨♡❤,\n]))"
_COUNTED = r"%|k\b|m\b|kids?|children|months?|minutes|cats|dogs|weeks|days|hours|times"


def _any_of(key: str) -> str:
    return "|".join(re.escape(word) for word in words("ages", key))


_STATED = re.compile(
    r"(?<![\w.,$€£/+#-])(?P<years>\d{2})\s?"
    rf"(?:years?[ -](?:old|young)|yrs?[ -]old|y[/.]?\s?o|{_any_of('years')})(?!\w)"
    rf"|\b(?:i am|just turned|ich bin|{_any_of('said')})\s?[:=-]?\s?(?P<aged>\d{{2}})(?![\d%+.:/]|\s?(?:{_COUNTED}))"
    rf"|{_EDGE}(?P<bare>1[3-9]|[2-5]\d){_END}"
    rf"|(?<!\w)(?:{_any_of('born')})\s?(?:in|on|en|em|am|le|el|nel)?[:']?\s?{_DAY}(?P<born>(?:19|20)\d{{2}})(?!\d)"
    r"|(?<![\w.])(?P<baby>(?:19|20)\d{2})[ -](?:baby|born|liner)\b"
    rf"|(?:\bborn (?:in )?|{_EDGE})['\u2019](?P<short>\d{{2}}){_END}"
    r"|(?P<digits>\d{4})年生",
    re.IGNORECASE,
)
_OTHERS = re.compile(rf"\b(?:{_any_of('others')})\b[^|•·,\n.]{{0,24}}$", re.IGNORECASE)
_BEHIND = re.compile(rf"^\s*(?:de )?(?:{_any_of('behind')})\b", re.IGNORECASE)
_CLASS = re.compile(
    r"\b(?:class of|c/o|grad(?:uating)?(?: in)?|promo|generación|abi)\s?['\u2019]?(?P<year>20\d{2}|\d{2})\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<!\d)(?:\d{2}|\d{4})(?!\d)")
"""Ages and years have two digits or four: what has none needs no closer look."""
_WIDE = {ord("\uff10") + digit: str(digit) for digit in range(10)}


def age(biography: str | None, name: str | None, on: date) -> tuple[Age, Confidence | None]:
    """The band of years that somebody says to be in as of a day; (UNKNOWN, None) where nothing is said.

    STATED: an age or a year of birth. HINT: the year in which school ends. The name tells nothing but an age beside it.
    """
    for text in (biography, name):
        if text and _NUMBER.search(text):
            years = _stated(text[:_LONGEST].translate(_WIDE), on)
            if years is not None:
                return band(years), Confidence.STATED
    if biography and _NUMBER.search(biography):
        found = _CLASS.search(biography)
        if found:
            years = on.year - _full(found["year"], on) + _LEAVING_SCHOOL
            if _YOUNGEST <= years <= _LAST[1]:
                return band(years), Confidence.HINT
    return Age.UNKNOWN, None


def band(years: int) -> Age:
    """The band of an age; UNKNOWN for less than 13 years and for more than 99."""
    if not _YOUNGEST <= years <= _OLDEST:
        return Age.UNKNOWN
    return Age(1 + sum(years > last for last in _LAST))


def _stated(text: str, on: date) -> int | None:
    for found in _STATED.finditer(text):
        years = _years(found, on)
        if not _YOUNGEST <= years <= _OLDEST:
            continue
        if found["years"] and (_OTHERS.search(text[: found.start()]) or _BEHIND.search(text[found.end() :])):
            continue
        return years
    return None


def _years(found: re.Match[str], on: date) -> int:
    for group in ("years", "aged", "bare"):
        if found[group]:
            return int(found[group])
    born = found["born"] or found["baby"] or found["digits"] or found["short"]
    return on.year - _full(born, on)


def _full(year: str, on: date) -> int:
    """A year of two digits is one of the last hundred, or of the next ten."""
    number = int(year)
    if len(year) > 2:  # noqa: PLR2004 - already full
        return number
    return number + 2000 if number + 2000 <= on.year + 10 else number + 1900
