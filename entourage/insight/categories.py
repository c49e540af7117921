"""What a channel is about, from the words of its biography, its hashtags and its captions.

The lexicon is our own: data/categories.json, a list of words per category and language. `word*` stands for everything
that begins so, `~word` for a word that alone says little, several words for just that phrase. The words of "" mean
nothing ("business inquiries").
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from entourage.insight.estimates import Method

METHOD = Method(
    "categories",
    "Words that belong to a subject are looked for in the biography, the hashtags and the captions, in fourteen "
    "languages. The biography counts most, then the hashtags, then the captions. The subject with the most is the "
    "primary one, clearly weaker ones are secondary; where too few words are found, nothing is said.",
    "Our own lists of words.",
    1,
)

CATEGORIES: Mapping[str, str] = {
    "travel": "Travel",
    "fashion": "Fashion",
    "beauty": "Beauty",
    "fitness": "Fitness",
    "food": "Food & drink",
    "music": "Music",
    "photography": "Photography",
    "gaming": "Gaming",
    "technology": "Technology",
    "sport": "Sport",
    "family": "Family & parenting",
    "animals": "Animals",
    "art": "Art & design",
    "business": "Business & finance",
    "cars": "Cars & motorcycles",
    "home": "Home & garden",
    "film": "Film & TV",
    "books": "Books & writing",
    "health": "Health & wellness",
    "nature": "Nature & outdoors",
    "comedy": "Comedy & memes",
    "education": "Education & learning",
    "news": "News & politics",
    "science": "Science",
    "dance": "Dance",
    "faith": "Faith & spirituality",
}
"""The categories by the names that contracts use, with the words for people."""
MOST_PRIMARY = 2
MOST_SECONDARY = 3
MOST_WORDS = 8
"""So many words are shown as evidence of each category."""
_ENOUGH = 1.5
"""A category with less is not named: one plain word in a biography has 3, an emoji there 1.2."""
_BIOGRAPHY, _TAGS, _CAPTIONS = 3.0, 6.0, 4.0
_MOST_IN_BIOGRAPHY = 2.5
_FEW = 4
"""So many texts without any sign are added to the tags and the captions, so that one of one is not all."""
_ALSO_PRIMARY, _SECONDARY = 0.75, 0.3
"""The least part of the strongest category's score."""
_WEAK, _EMOJI = 0.4, 0.4
_SHORTEST_STEM, _LONGEST_STEM = 3, 16
_SHORTEST_END = 4
_LONGEST_TEXT = 5000
_LONGEST_TAG = 100


@dataclass(frozen=True, slots=True)
class Categories:
    """What a channel is about, strongest first; `evidence` holds the words that decided, the most frequent first."""

    primary: Sequence[str]
    secondary: Sequence[str]
    evidence: Mapping[str, Sequence[str]]


_Weights = Mapping[str, float]
"""How much a word says of each category."""


@dataclass(frozen=True, slots=True)
class _Lexicon:
    words: Mapping[str, _Weights]
    stems: Mapping[str, _Weights]
    phrases: Mapping[tuple[str, ...], _Weights]
    opening: frozenset[str]
    """The first words of the phrases."""
    inside: Mapping[str, _Weights]
    """What is looked for anywhere: words of scripts that put no space between words, or marks within them."""
    emoji: Mapping[str, _Weights]
    unspaced: re.Pattern[str]
    pictures: re.Pattern[str]


def of(biography: str | None, captions: Sequence[str], tags: Sequence[str]) -> Categories:
    """What a channel with these texts is about; `tags` are hashtags without #, of all posts together."""
    scores: dict[str, float] = {}
    seen: dict[str, Counter[str]] = {}
    in_biography = dict(_found(biography[:_LONGEST_TEXT], pictures=True)) if biography else {}
    _add(scores, seen, [in_biography], _BIOGRAPHY, _MOST_IN_BIOGRAPHY)
    _add(scores, seen, [dict(_in_tag(tag)) for tag in tags], _TAGS / (len(tags) + _FEW), len(tags))
    found = [dict(_found(caption[:_LONGEST_TEXT], pictures=False)) for caption in captions]
    _add(scores, seen, found, _CAPTIONS / (len(captions) + _FEW), len(captions))
    ordered = sorted((name for name in scores if scores[name] >= _ENOUGH), key=lambda name: (-scores[name], name))
    if not ordered:
        return Categories((), (), {})
    best = scores[ordered[0]]
    primary = [name for name in ordered if scores[name] >= _ALSO_PRIMARY * best][:MOST_PRIMARY]
    rest = [name for name in ordered if name not in primary and scores[name] >= _SECONDARY * best]
    secondary = rest[:MOST_SECONDARY]
    evidence = {name: [word for word, _ in seen[name].most_common(MOST_WORDS)] for name in [*primary, *secondary]}
    return Categories(primary, secondary, evidence)


def _add(
    scores: dict[str, float],
    seen: dict[str, Counter[str]],
    texts: Iterable[Mapping[str, _Weights]],
    worth: float,
    most: float,
) -> None:
    """Add what the words of `texts` say; one text counts once for a category, a biography as often as `most`."""
    sums: dict[str, float] = {}
    for words in texts:
        here: dict[str, float] = {}
        _strengthen(words, stems)
    return _Lexicon(
        words,
        stems,
        phrases,
        frozenset(parts[0] for parts in phrases),
        inside,
        emoji,
        _longest_first(inside),
        _longest_first(emoji),
    )


def _strengthen(words: Mapping[str, dict[str, float]], stems: Mapping[str, _Weights]) -> None:
    """A word that is weak in one language may begin as a plain one of another does: then it is plain."""
    for word, weights in words.items():
        if weights:
            for length in range(_SHORTEST_STEM, len(word) + 1):
                for category, weight in stems.get(word[:length], _NOTHING).items():
                    weights[category] = max(weight, weights.get(category, 0.0))


def _longest_first(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text))))
