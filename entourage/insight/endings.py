"""Family names and father's names whose ending says whether a woman or a man bears them."""

import re
from collections.abc import Sequence

from entourage.insight.wordlist import words as words_of

_SURE = 4.0
_WOMEN = re.compile(
    r"(?:[^aeiou](?:ova|eva|yova|ieva)|kaya|skaia|skaja|ovna|evna|ichna|yeva|wicka|nicka|ska|dottir|dotter|datter|"
    r"aite|yte|iute|iene|opoulou|idou|akou|oglou|nejad-e|[aeo]vna)$"
)
_MEN = re.compile(
    r"(?:[^aeiou](?:ov|ev|yov|iev|off)|ovich|evich|ovych|ievich|yevich|skiy|skyy|sky|skyi|ski|cki|skii|skij|"
    r"opoulos|akis|idis|iadis|auskas|evicius|avicius|zade)$"
)
_SLAVIC = re.compile(r"(?:enko|chuk|shvili|yan)$")
_JAPANESE = re.compile(
    r"(?:mura|moto|yama|kawa|gawa|shita|hara|bara|saki|zaki|shima|jima|guchi|tani|hashi|bashi|oka|uchi|sawa|zawa|bayashi|"
    r"naka|tsuka|numa|sugi|matsu|shimizu|nabe|^sato|^saito|^suzuki|^kato|^endo|^goto|^kondo|^kudo|^ueda|^ikeda|^maeda|"
    r"^okada|^yoshida|^yamada|^fukuda|^sasaki|^kimura|^ogawa|^matsuda|^harada|^takeda|^aoki|^fujii|^murata|^nomura)$"
)
_LONGEST = 10
"""Letters of the longest ending, and the one before it."""
_LAST_OF_WOMEN = frozenset("arednu")
_LAST_OF_MEN = frozenset("vfhyijse")
_FAMILY = re.compile(f"{_MEN.pattern}|{_WOMEN.pattern}|{_SLAVIC.pattern}|{_JAPANESE.pattern}")
_PARTICLES_MEN = frozenset(words_of("particles", "men"))
_PARTICLES_WOMEN = frozenset(words_of("particles", "women"))
_ITALIAN = frozenset(words_of("particles", "italian"))
"""Men in Italy, women or both elsewhere."""
_SHORTEST = 5


def odds(words: Sequence[str]) -> float | None:
    """The log odds that the name is a woman's, from what stands behind (or before) the given name; None if unsaid."""
    if len(words) < 2:  # noqa: PLR2004 - a name alone has no family's
        return None
    if not _PARTICLES_WOMEN.isdisjoint(words):
        return _SURE
    if not _PARTICLES_MEN.isdisjoint(words) and words[0] not in _PARTICLES_MEN:
        return -_SURE
    last = words[-1]
    if last == "singh":
        return -1.0
    found = _of_ending(last) if len(last) >= _SHORTEST else 0.0
    if not found and len(words[0]) > _SHORTEST and family(words[0]):
        found = _of_ending(words[0])
    if not found and words[0] in _ITALIAN and last.endswith("i"):
        found = -_SURE
    return found or None


def _of_ending(word: str) -> float:
    end = word[-_LONGEST:]
    if end[-1] in _LAST_OF_WOMEN and _WOMEN.search(end):
        return _SURE
    return -_SURE / 2 if end[-1] in _LAST_OF_MEN and _MEN.search(end) else 0.0


def family(word: str) -> bool:
    """Whether a word has the ending of a family name, so that a name given may stand behind it."""
    return len(word) >= _SHORTEST - 1 and _FAMILY.search(word[-_LONGEST:]) is not None
