"""Names of places as they are looked up: countries, regions and cities of more than a thousand people."""

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from entourage.insight import wordlist

COUNTRY = 90
REGION = 60
"""What a name weighs for a country; a city weighs five times the decimal logarithm of its inhabitants (15 to 37)."""
BIG = 27
"""A city of a quarter of a million: known also among other words."""


def normal(name: str) -> str:
    """A name as the table has it: lower case, no accents, no dots or apostrophes, single spaces."""
    if not name.isascii():
        decomposed = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
        name = "".join(char for char in decomposed if not unicodedata.combining(char))
    lower = name.lower()
    if not lower.replace(" ", "").isalnum():
        lower = lower.replace("-", " ").translate(_DROPPED)
    words = lower.split()
    if words and words[0] == "saint":
        words[0] = "st"
    return " ".join(words)


_DROPPED = str.maketrans("", "", ".'`\u2019\u2018\u02bb\u02bf\"()")


@lru_cache(maxsize=32768)
def weights(name: str) -> Mapping[str, int]:
    """The countries in which a place of that (normal) name lies, and what each weighs; empty if there is none."""
    value = _table().find(name)
    if value is None:
        return {}
    return {value[at : at + 2]: ord(value[at + 2]) - 35 for at in range(0, len(value), 3)}


@cache
def _table() -> wordlist.Wordlist:
    return wordlist.load("places.z")
