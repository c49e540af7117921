"""What channels are about, on the invented profiles that the tests keep."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accuracy import Row
from entourage.insight import categories

EXAMPLES = Path(__file__).parent.parent / "tests" / "insight" / "category_examples.json"
NAME = "invented profiles in 14 languages, our own: they were written by who wrote the lists of words"


def rows() -> Iterator[Row]:
    """Those that are about something, and those of which nothing should be said."""
    examples = json.loads(EXAMPLES.read_text("utf-8"))
    about = [example for example in examples if example["expected"]]
    nothing = [example for example in examples if not example["expected"]]
    right = sum(_first(example) in example["expected"] for example in about)
    silent = sum(_first(example) is None for example in nothing)
    yield Row("categories", NAME, len(about), "first category right", f"{right / len(about):.3f}")
    yield Row("categories", NAME, len(nothing), "nothing to say, nothing said", f"{silent / len(nothing):.3f}")


def _first(example: dict[str, list[str]]) -> str | None:
    biography = str(example["biography"])
    return next(iter(categories.of(biography, example["captions"], example["tags"]).primary), None)
