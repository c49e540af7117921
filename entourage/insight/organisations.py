"""Which names are those of companies, shops, clubs, media and pages rather than of people."""

import re
from collections.abc import Sequence

from entourage.insight.wordlist import words as listed

_SOME = frozenset(listed("organisations", "words"))
_CERTAIN = _SOME.difference(listed("organisations", "of_people"))
"""Without the words that people also put behind their own name: those make an organisation only of nobody's name."""
_FIRST = frozenset(listed("organisations", "first"))
_PARTS = listed("organisations", "parts")
"""What needs no space around it."""
_END = re.compile(r"(?:gmbh|shop|store|official|boutique|magazine|studios|fc|news|clothing|apparel|cosmetics)\d*$")


def certain(words: Sequence[str], name: str) -> bool:
    """Whether these words (lower case, as written) are no person's name, whoever's name may be among them."""
    if not _CERTAIN.isdisjoint(words):
        return True
    return not name.isascii() and any(part in name for part in _PARTS)


def likely(words: Sequence[str]) -> bool:
    """The same where no name of a person is among the words."""
    return not _SOME.isdisjoint(words) or (len(words) > 1 and words[0] in _FIRST)


def handle(username: str) -> bool:
    """Whether a user name ends as those of shops and pages do."""
    return _END.search(username) is not None
