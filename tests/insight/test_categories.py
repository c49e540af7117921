"""What channels are about, on invented profiles of our own (category_examples.json) and by properties."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight import categories

HERE = Path(__file__).parent
EXAMPLES: list[dict[str, Any]] = json.loads((HERE / "category_examples.json").read_text("utf-8"))
LEXICON = json.loads((Path(categories.__file__).parent / "data" / "categories.json").read_text("utf-8"))


def test_the_invented_profiles_are_told_apart() -> None:
    wrong: list[tuple[object, object]] = []
    for example in EXAMPLES:
        about = categories.of(example["biography"], example["captions"], example["tags"])
        if list(about.primary[:1]) not in ([name] for name in example["expected"]) and (
            about.primary or example["expected"]
        ):
            wrong.append((example, about))
    assert len(wrong) <= 2, wrong


def test_every_category_has_words_in_every_language() -> None:
    assert set(LEXICON) - {""} == set(categories.CATEGORIES)
    languages = {"en", "es", "pt", "fr", "de", "it", "id", "tr", "ru", "ja", "ko", "zh", "ar", "hi", "emoji"}
    for name, lists in LEXICON.items():
        assert not name or set(lists) == languages, name


def test_the_biography_counts_more_than_tags_and_tags_more_than_captions() -> None:
    about = categories.of("Pianist", ["Off to the mountains for hiking"], ["skincare", "lipstick"])
    assert list(about.primary) == ["music"]
    assert list(about.secondary) == ["beauty"]
    captions = ["Hiking again", "My new lipstick"]
    assert list(categories.of(None, captions, ["lipstick", "skincare"]).primary) == ["beauty"]


def test_the_words_that_decided_are_told() -> None:
    about = categories.of("Travel & food, sometimes food and wine", ["#travel again"], ["travelgram", "travel"])
    assert list(about.primary) == ["food", "travel"]
    assert set(about.evidence["food"]) == {"food", "wine"}
    assert set(about.evidence["travel"]) == {"travel", "travelgram"}
    assert set(about.evidence) == {*about.primary, *about.secondary}


@pytest.mark.parametrize(
    ("biography", "captions", "tags"),
    [
        (None, [], []),
        ("", [""], [""]),
        ("just me ✨", ["good morning"], ["love"]),
        ("Business inquiries: travel@agency.example", [], []),
        ("Bookings and more: https://travel.example/food", [], []),
        ("🎮", [], []),
        ("@fashion @music", [], []),
        (None, ["photo by a friend"] * 5, ["photooftheday"]),
    ],
)
def test_too_little_is_not_guessed(biography: str | None, captions: list[str], tags: list[str]) -> None:
    about = categories.of(biography, captions, tags)
    assert (list(about.primary), list(about.secondary), dict(about.evidence)) == ([], [], {})


@pytest.mark.parametrize(
    ("biography", "expected"),
    [
        ("\U0001d4d5\U0001d4ea\U0001d4fc\U0001d4f1\U0001d4f2\U0001d4f8\U0001d4f7 blogger", "fashion"),
        ("TRAVEL", "travel"),
        ("İstanbul'da YEMEK tarifleri", "food"),
        ("Ärztin", "health"),
        ("الطبخ كل يوم", "food"),
        ("makeup artist", "beauty"),
        ("personal trainer", "fitness"),
        ("海外旅行が好き", "travel"),
    ],
)
def test_letters_accents_and_phrases_are_read_as_people_do(biography: str, expected: str) -> None:
    assert list(categories.of(biography, [], []).primary) == [expected]


def test_a_hostile_text_is_read_as_well() -> None:
    for text in ("ال" * 100_000, "#" + "a" * 100_000, "travel " * 20_000, "@" * 100_000):
        categories.of(text, [text] * 3, [text])
    assert list(categories.of("travel " * 20_000, [], []).primary) == ["travel"]


def test_a_hashtag_is_read_by_its_parts() -> None:
    for tag in ("veganfood", "instafood", "food_blog", "foodgram", "FoodLovers"):
        assert list(categories.of(None, [], [tag] * 4).primary) == ["food"], tag
    assert list(categories.of(None, [], ["carsofinstagram"] * 4).primary) == ["cars"]
    assert not categories.of(None, [], ["essentials", "carrot", "dogma"]).primary


@given(st.none() | st.text(), st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_any_text_is_read(biography: str | None, captions: list[str], tags: list[str]) -> None:
    about = categories.of(biography, captions, tags)
    assert set(about.primary).isdisjoint(about.secondary)
    assert {*about.primary, *about.secondary} <= set(categories.CATEGORIES)
    assert all(about.evidence[name] for name in about.primary)
