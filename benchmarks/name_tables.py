"""Makes what `entourage/insight/genders.py` reads, from packages: `python -m benchmarks.name_tables`. Two minutes."""

import csv
import io
import json
import math
import random
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from anyascii import anyascii

from benchmarks import datasets
from entourage.insight import letters, syllables, wordlist

DATA = Path(__file__).parent.parent / "entourage" / "insight" / "data"
NAMES = ("nomquamgender", "0.1.4", "nomquamgender/name_data.json")
CHARACTERS = ("ngender", "0.1.1", "ngender/charfreq.csv")
FEWEST = 20
"""How often a character must have been counted."""
LENGTHS = range(3, 20)
"""Of the names that the letters are learned from."""

Names = Mapping[str, tuple[float, int]]
"""The share of women among those of a name, and how many were counted."""


def main() -> None:
    """Write all tables into the package."""
    names = _names()
    _write("names.z", wordlist.packed({word: _value(*names[word]) for word in names if _is_entry(word)}))
    learned = {"pinyin": _pinyin(), "korean": _korean(names), "pairs": _pairs(names)}
    _write("syllables.z", zlib.compress(json.dumps(learned, separators=(",", ":")).encode(), 9))
    _write("characters.z", wordlist.packed(_characters()))
    _write("letters.z", zlib.compress(_letters(names), 9))


def _names() -> dict[str, tuple[float, int]]:
    raw: dict[str, list[object]] = json.loads(datasets.wheel(*NAMES))
    return {word: (float(str(value[2])), int(str(value[1]))) for word, value in raw.items()}


def _is_entry(word: str) -> bool:
    return word.isascii() and word.isalpha() and len(word) > 1


def _value(share: float, count: int) -> str:
    return chr(35 + round(share * 90)) + chr(35 + min(90, round(4 * math.log2(max(count, 1)))))


def _counts() -> dict[str, tuple[int, int]]:
    """Chinese characters in given names: how many women, how many men."""
    text = datasets.sdist(*CHARACTERS).decode()
    rows = csv.DictReader(io.StringIO(text))
    return {row["char"]: (int(row["female"]), int(row["male"])) for row in rows}


def _characters() -> dict[str, str]:
    counts = _counts()
    women, men = (sum(pair[side] for pair in counts.values()) for side in (0, 1))
    return {
        char: str(round(100 * math.log((female + 5) / women / ((male + 5) / men))))
        for char, (female, male) in counts.items()
        if female + male >= FEWEST
    }


def _pinyin() -> dict[str, int]:
    """What a syllable says, over all characters that are written so in Latin letters; hundredths of log odds."""
    women: Counter[str] = Counter()
    men: Counter[str] = Counter()
    for char, (female, male) in _counts().items():
        syllable = anyascii(char).lower()
        if syllable.isalpha():
            women[syllable] += female
            men[syllable] += male
    return {
        syllable: round(100 * math.log((women[syllable] + 5) / women.total() / ((men[syllable] + 5) / men.total())))
        for syllable in sorted(women | men)
    }


def _pairs(names: Names) -> dict[str, list[int]]:
    """What syllables say as the first and as the second of a name that is written in two ("Chia-Hsin", "Mei Ling")."""
    return _odds(_written_apart(names), fewest=2)


def _korean(names: Names) -> dict[str, list[int]]:
    """The same of Korean syllables, whichever way they are spelled; and how common each is."""

    def known() -> Iterable[tuple[tuple[str, str], float, float]]:
        for pair, share, weight in _written_apart(names):
            first, second = (syllables.spelling(part) for part in pair)
            if first and second:
                yield (first, second), share, weight

    return _odds(known(), fewest=0)


def _written_apart(names: Names) -> Iterable[tuple[tuple[str, str], float, float]]:
    for word, (share, count) in names.items():
        found = re.fullmatch(r"([a-z]{1,6})[- ]([a-z]{1,6})", word)
        if found and count:
            yield (found[1], found[2]), share, min(count, 200) ** 0.5


def _odds(pairs: Iterable[tuple[tuple[str, str], float, float]], fewest: float) -> dict[str, list[int]]:
    women: tuple[dict[str, float], ...] = defaultdict(float), defaultdict(float)
    men: tuple[dict[str, float], ...] = defaultdict(float), defaultdict(float)
    for pair, share, weight in pairs:
        for place, part in enumerate(pair):
            women[place][part] += weight * share
            men[place][part] += weight * (1 - share)
    all_women, all_men = sum(women[0].values()), sum(men[0].values())

    def odds(place: int, part: str) -> int:
        female, male = women[place].get(part, 0) / all_women, men[place].get(part, 0) / all_men
        return round(100 * math.log((1000 * female + 0.3) / (1000 * male + 0.3)))

    total: dict[str, float] = defaultdict(float)
    for table in (*women, *men):
        for part, weight in table.items():
            total[part] += weight
    return {
        part: [odds(0, part), odds(1, part), round(10 * math.log(total[part] + 0.05))]
        for part in sorted(total)
        if total[part] >= fewest
    }


def _letters(names: Names) -> bytes:
    """Weights of groups of letters, by stochastic logistic regression over all names of the table."""
    weights = [0.0] * letters.SIZE
    cases = [
        (letters.features(word), share, min(math.log2(count + 1), 8) / 4)
        for word, (share, count) in names.items()
        if word.isascii() and word.isalpha() and len(word) in LENGTHS and count
    ]
    shuffled = random.Random(1)
    for rate in (0.06, 0.03, 0.015):
        shuffled.shuffle(cases)
        for features, share, weight in cases:
            score = sum(weights[feature] for feature in features)
            step = rate * weight * (share - 1 / (1 + math.exp(-max(-30.0, min(30.0, score)))))
            for feature in features:
                weights[feature] += step
    return bytes(max(-127, min(127, round(weight * letters.SCALE))) & 255 for weight in weights)


def _write(name: str, content: bytes) -> None:
    (DATA / name).write_bytes(content)
    print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
