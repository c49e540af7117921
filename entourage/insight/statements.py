"""What people say of their gender themselves: pronouns, titles, and what they are to others."""

import re

from entourage.insight.model import Gender
from entourage.insight.wordlist import words

_OF = {
    **dict.fromkeys(words("pronouns", "women"), Gender.FEMALE),
    **dict.fromkeys(words("pronouns", "men"), Gender.MALE),
}
_FIRST = frozenset((*_OF, *words("pronouns", "others")))
_SECOND = frozenset(words("pronouns", "second"))
_MARKS = frozenset("/|•·,\\")
_PAIR = re.compile(r"(?<![\w/])(\w{2,5})(?=\s?[/|•·,\\]\s?(\w{2,6})(?!\w))")
_TITLES = {
    **dict.fromkeys(words("titles", "women"), Gender.FEMALE),
    **dict.fromkeys(words("titles", "men"), Gender.MALE),
}
_ROLES = frozenset((*words("roles", "women"), *words("roles", "men")))
_WORD = re.compile(r"\w+")
_BEFORE = (
    "proud|a|an|i'm|i am|im|happy|full[- ]time|dog|cat|boy|girl|working|single|busy|devoted|loving|soy|sou|je suis|"
    "ich bin|sono|und|and|et|y|e"
)
_AFTER = "of|to|and|de|von|und|et|y|e|di|x\\d|from|in|who"
_ROLE = re.compile(
    rf"(?:^|[|•·,.&+/\n!]\s*|\b(?:{_BEFORE})\s+)"
    rf"(?:(?P<woman>{'|'.join(words('roles', 'women'))})|(?P<man>{'|'.join(words('roles', 'men'))}))"
    rf"(?=\s*(?:$|[|•·,.&+/\n!❤♥]|\b(?:{_AFTER})\b))",
    re.IGNORECASE,
)


def of(biography: str | None, name: str | None) -> Gender | None:
    """What pronouns say; UNKNOWN for those who say that neither fits; None if nothing is said.

    Of several ("she/they") the first counts.
    """
    for text in (biography, name):
        if text and not _MARKS.isdisjoint(text):
            for first, second in _PAIR.findall(text):
                pronoun = first.lower()
                if pronoun in _FIRST and second.lower() in _SECOND:
                    return _OF.get(pronoun, Gender.UNKNOWN)
    return None


def title(person: str) -> Gender | None:
    """What a title before a name says ("Mrs Smith", "Herr Müller")."""
    first, _, rest = person.partition(" ")
    return _TITLES.get(first.lower().removesuffix(".")) if rest else None


def role(biography: str) -> Gender | None:
    """What somebody says to be to others ("proud mother of two", "husband, father"); None if nothing or both."""
    if _ROLES.isdisjoint(_WORD.findall(biography.lower())):
        return None
    women = men = False
    for found in _ROLE.finditer(biography):
        women = women or found["woman"] is not None
        men = men or found["man"] is not None
    if women == men:
        return None
    return Gender.FEMALE if women else Gender.MALE
