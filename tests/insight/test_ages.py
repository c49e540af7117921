"""Ages: what people state of themselves in several languages, and what is not their age."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight.ages import age, band
from entourage.insight.model import Age, Confidence

DAY = date(2026, 6, 1)
STATED = {
    "23 y/o": Age.EARLY, "16yo": Age.TEENS, "age 19": Age.EARLY, "Age: 31 | runner": Age.LATE, "19 ans": Age.EARLY,
    "25 años": Age.LATE, "22 anos 🇧🇷": Age.EARLY, "20 anni": Age.EARLY, "ich bin 30": Age.LATE,
    "17 Jahre alt": Age.TEENS, "25 лет": Age.LATE, "20歳": Age.EARLY, "２０歳": Age.EARLY, "23살": Age.EARLY,
    "20 岁": Age.EARLY, "I'm 45 and happy": Age.MATURE, "dad of 2, 41 years old": Age.MIDDLE,
    "21 | NYC | she/her": Age.EARLY, "NYC • 34": Age.LATE, "17, he/him": Age.TEENS, "born 1998": Age.LATE,
    "Born 12 May 1990": Age.MIDDLE, "born: 03/04/2005": Age.EARLY, "née en 2001": Age.LATE,
    "nacida en 1960": Age.OLDER, "geb. 1985": Age.MIDDLE, "1999 baby": Age.LATE, "'97": Age.LATE,
    "2005年生まれ": Age.EARLY, "tengo 22 años": Age.EARLY, "60 years young": Age.OLDER,
}  # fmt: skip
NOTHING = [
    "mom of 3", "Mom of 3 | est. 1998", "18+", "21+ only", "no minors, 18+", "since 1998", "est. 2010",
    "10 years of experience", "over 20 years in business", "20 years old company", "my son is 14 years old",
    "26 years sober", "24/7", "100% real", "300 kg", "13.5k", "No. 23", "+49 30 123456", "5 years old", "12 y/o",
    "120 years old", "born 2024", "01.02.1999", "I'm 99% sure", "i'm 20 minutes away", "$25", "1 of 1", "",
    "mother of 15 cats", "C-137", "Route 66",
]  # fmt: skip


@pytest.mark.parametrize(("biography", "expected"), STATED.items())
def test_a_stated_age_is_found(biography: str, expected: Age) -> None:
    assert age(biography, None, DAY) == (expected, Confidence.STATED)


@pytest.mark.parametrize("biography", NOTHING)
def test_other_numbers_are_no_age(biography: str) -> None:
    assert age(biography, None, DAY) == (Age.UNKNOWN, None)


def test_the_year_of_school_is_a_hint_while_it_is_near() -> None:
    assert age("class of 2028", None, DAY) == (Age.TEENS, Confidence.HINT)
    assert age("c/o '24", None, DAY) == (Age.EARLY, Confidence.HINT)
    assert age("class of 1999", None, DAY) == (Age.UNKNOWN, None)


def test_an_age_beside_the_name_counts_and_a_name_does_not() -> None:
    assert age(None, "Anna | 23", DAY) == (Age.EARLY, Confidence.STATED)
    assert age(None, "Gertrude", DAY) == (Age.UNKNOWN, None)
    assert age(None, None, DAY) == (Age.UNKNOWN, None)


def test_a_year_of_birth_ages_with_the_day() -> None:
    assert age("born 2001", None, date(2025, 1, 1))[0] is Age.EARLY
    assert age("born 2001", None, date(2026, 1, 1))[0] is Age.LATE


@pytest.mark.parametrize(
    ("years", "expected"),
    [(12, Age.UNKNOWN), (13, Age.TEENS), (17, Age.TEENS), (18, Age.EARLY), (24, Age.EARLY), (25, Age.LATE),
     (35, Age.MIDDLE), (45, Age.MATURE), (54, Age.MATURE), (55, Age.OLDER), (99, Age.OLDER), (100, Age.UNKNOWN)],
)  # fmt: skip
def test_bands_are_those_of_the_contract(years: int, expected: Age) -> None:
    assert band(years) is expected


@given(st.none() | st.text(max_size=80), st.none() | st.text(max_size=30))
def test_any_text_is_answered(biography: str | None, name: str | None) -> None:
    found, confidence = age(biography, name, DAY)
    assert (found is Age.UNKNOWN) == (confidence is None)
