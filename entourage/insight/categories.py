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
    _add(scores, seen, [dict(_in_tag(tag)) for tag in tags], _TAGS / (len(tags) + _FEW))
    found = [dict(_found(caption[:_LONGEST_TEXT], pictures=False)) for caption in captions]
    _add(scores, seen, found, _CAPTIONS / (len(captions) + _FEW))
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
    most_each: float = 1.0,
) -> None:
    """Add what the words of `texts` say; no text counts more than `most_each` for a category."""
    sums: dict[str, float] = {}
    for words in texts:
        here: dict[str, float] = {}
        for word, weights in words.items():
            for category, weight in weights.items():
                here[category] = here.get(category, 0.0) + weight
                seen.setdefault(category, Counter())[word] += 1
        for category, weight in here.items():
            sums[category] = sums.get(category, 0.0) + min(weight, most_each)
    for category, total in sums.items():
        scores[category] = scores.get(category, 0.0) + worth * total


_TOKEN = re.compile(r"[^\W_]+")
_USUAL_END = re.compile("(?:of(?:instagram|tiktok|ig|theday)|lovers?|life|gram|daily|tips|blogger|blog|addict|world)$")
"""What is put behind a word to make a hashtag of it."""
_TAGGED = re.compile(r"#\w+")
_AT = re.compile(r"(?<!\S)\S*@\S+|https?://\S+")


def _found(text: str, *, pictures: bool) -> Iterator[tuple[str, _Weights]]:
    """The words of `text` that say something; `pictures` asks for emoji as well."""
    lexicon = _lexicon()
    if pictures and not text.isascii():
        yield from ((sign, lexicon.emoji[sign]) for sign in lexicon.pictures.findall(text))
    # Addresses say who, not what; hashtags are read as such, each for itself.
    plain = _plain(_AT.sub(" ", text))
    for tag in _TAGGED.findall(plain):
        yield from _in_tag(tag[1:])
    tokens = _TOKEN.findall(_TAGGED.sub(" ", plain))
    at = 0
    while at < len(tokens):
        length, weights = _phrase(tokens, at) if tokens[at] in lexicon.opening else _NO_PHRASE
        if length:
            yield " ".join(tokens[at : at + length]), weights
        elif weights := _word(tokens[at]):
            yield tokens[at], weights
        at += length or 1
    if not plain.isascii():
        yield from ((part, lexicon.inside[part]) for part in lexicon.unspaced.findall(plain))


_NOTHING: _Weights = {}
_NO_PHRASE = (0, _NOTHING)


def _phrase(tokens: Sequence[str], at: int) -> tuple[int, _Weights]:
    phrases = _lexicon().phrases
    for length in (3, 2):
        found = phrases.get(tuple(tokens[at : at + length]))
        if found is not None:
            return length, found
    return _NO_PHRASE


def _word(token: str) -> _Weights:
    found = _entry(token)
    # The Arabic article is written together with its noun.
    return found or (_entry(token[2:]) if token.startswith("ال") else _NOTHING)


def _entry(token: str) -> _Weights:
    lexicon = _lexicon()
    found = lexicon.words.get(token)
    if found is not None:
        return found
    for length in range(min(len(token), _LONGEST_STEM), _SHORTEST_STEM - 1, -1):
        found = lexicon.stems.get(token[:length])
        if found is not None:
            return found
    return _NOTHING


def _in_tag(tag: str) -> Iterator[tuple[str, _Weights]]:
    """What a hashtag is about: as a whole, by its beginning and by its end (#veganfood, #instafood)."""
    lexicon = _lexicon()
    plain = _plain(tag[:_LONGEST_TAG])
    parts = _TOKEN.findall(plain)
    if len(parts) > 1:
        for part in parts:
            if weights := _word(part):
                yield part, weights
        return
    whole = lexicon.words.get(plain)
    if whole is not None:
        yield plain, whole
        return
    usual = _USUAL_END.search(plain, _SHORTEST_STEM)
    weights = dict(_word(plain[: usual.start()] if usual else plain))
    for start in range(1, len(plain) - _SHORTEST_END + 1):
        end = lexicon.words.get(plain[start:]) or lexicon.stems.get(plain[start:])
        if end and max(end.values()) > _WEAK:
            weights = {**end, **weights}
            break
    if not plain.isascii():
        for part in lexicon.unspaced.findall(plain):
            weights.update(lexicon.inside[part])
    if weights:
        yield plain, weights


@cache
def _accents() -> Mapping[int, str]:
    table = {ord("\u0131"): "i", ord("ø"): "o", ord("ł"): "l", ord("đ"): "d"}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        bare = unicodedata.normalize("NFKD", chr(code))[0]
        if bare.isascii():
            table[code] = bare.lower()
    table[0x307] = ""
    return table


def _plain(text: str) -> str:
    """In small letters, without accents on Latin letters, fancy letters as plain ones."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold().translate(_accents())


_UNSPACED = re.compile("[\u0900-\u097f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
"""Scripts in which a word cannot be cut out by its edges: Devanagari, kana, Han and Hangul."""


@cache
def _lexicon() -> _Lexicon:
    path = Path(__file__).parent / "data" / "categories.json"
    read = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, list[str]]])
    words: dict[str, dict[str, float]] = {}
    stems: dict[str, dict[str, float]] = {}
    phrases: dict[tuple[str, ...], dict[str, float]] = {}
    inside: dict[str, dict[str, float]] = {}
    emoji: dict[str, dict[str, float]] = {}
    every = ((name, language, entry) for name, lists in read.items() for language in lists for entry in lists[language])
    for category, language, entry in every:
        weight = _WEAK if entry.startswith("~") else 1.0
        word = _plain(entry.removeprefix("~"))
        parts = tuple(_TOKEN.findall(word))
        if language == "emoji":
            place, weight = emoji.setdefault(entry, {}), _EMOJI
        elif _UNSPACED.search(word):
            place = inside.setdefault(word, {})
        elif len(parts) > 1:
            place = phrases.setdefault(parts, {})
        else:
            place = (stems if word.endswith("*") else words).setdefault(word.removesuffix("*"), {})
        if category:
            place[category] = max(weight, place.get(category, 0.0))
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
