"""Genders: what names, user names and biographies say, in many scripts, and what is no person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight import genders, letters, syllables
from entourage.insight.genders import gender
from entourage.insight.model import Confidence, Gender

WOMEN = [
    "Anna", "anna maria", "Anna | travel", "✨ Emma ✨", "\U0001d4d0\U0001d4f7\U0001d4f7\U0001d4ea",
    "ᴀɴɴᴀ", "Doe, Jane", "Mrs Smith",
    "Frau Müller", "Anna Photography", "Tatiana Petrova", "Анна Иванова", "Иванова Анна",
    "Дмитриева Ольга Сергеевна", "Björk Guðmundsdóttir", "Kaur Simran", "Ελένη", "प्रिया शर्मा", "佐藤 美咲",
    "さくら", "李娜", "김민지", "فاطمة", "Nguyen Thi Minh Khai", "Kim Yu-na", "Kim Yuna", "Lee-Ann Smith",
    "Hye-jin Park", "Weiwei Zhang", "Andrea Garcia", "María José",
]  # fmt: skip
MEN = [
    "Hans", "Dr. Hans Müller", "Mr Smith", "DUPONT Jean", "José María", "Andrea Rossi", "Nikita Ivanov", "Дмитрий",
    "Иванов Сергей", "Mohammed bin Salman", "محمد علي", "山田太郎", "박준호", "王建军", "Γιώργος Παπαδόπουλος",
    "Sato Kenji", "Minho Lee", "Jack Ma",
]  # fmt: skip
NOBODY = [
    "FC Barcelona", "The New York Times", "Bella Boutique", "Max & Moritz GmbH", "Pizzeria Da Mario",
    "Tienda de Maria", "Stadtwerke Verein", "Магазин обуви", "株式会社サンプル", "BTS_official", "Studio 54",
    "Coffee Lovers",
]  # fmt: skip


@pytest.mark.parametrize("name", WOMEN)
def test_a_woman_s_name_is_known(name: str) -> None:
    assert gender(name)[0] is Gender.FEMALE


@pytest.mark.parametrize("name", MEN)
def test_a_man_s_name_is_known(name: str) -> None:
    assert gender(name)[0] is Gender.MALE


@pytest.mark.parametrize("name", NOBODY)
def test_what_is_no_person_is_an_organisation(name: str) -> None:
    assert gender(name)[0] is Gender.ORGANISATION


@pytest.mark.parametrize(
    "name", [None, "", "   ", "x", "J. K.", "12345", "🎉🎉", "...", "_", "|", "-", "\0", "e m m a"]
)
def test_what_tells_nothing_is_unknown(name: str | None) -> None:
    assert gender(name) == (Gender.UNKNOWN, None)


@pytest.mark.parametrize(
    ("username", "expected"),
    [
        ("anna.maria_92", Gender.FEMALE),
        ("MariaLopez", Gender.FEMALE),
        ("kimberly1999", Gender.FEMALE),
        ("thebakery.shop", Gender.ORGANISATION),
        ("a1b2", Gender.UNKNOWN),
        ("", Gender.UNKNOWN),
    ],
)
def test_a_user_name_is_a_hint_where_there_is_no_name(username: str, expected: Gender) -> None:
    found, confidence = gender(None, username)
    assert found is expected
    assert confidence is (None if expected is Gender.UNKNOWN else Confidence.HINT)


def test_the_name_goes_before_the_user_name() -> None:
    assert gender("Hans", "anna.maria_92")[0] is Gender.MALE


@pytest.mark.parametrize(
    ("biography", "expected"),
    [
        ("she/her", Gender.FEMALE),
        ("Designer • she / her • Berlin", Gender.FEMALE),
        ("she/they", Gender.FEMALE),
        ("ella/la", Gender.FEMALE),
        ("He/Him. Opinions mine", Gender.MALE),
        ("él/he", Gender.MALE),
        ("they/them", Gender.UNKNOWN),
        ("any/they", Gender.UNKNOWN),
    ],
)
def test_pronouns_are_stated_and_go_before_every_name(biography: str, expected: Gender) -> None:
    for name in ("Hans", "Anna", None):
        assert gender(name, "", biography) == (expected, Confidence.STATED)


def test_pronouns_in_the_name_count_as_well() -> None:
    assert gender("Alex (she/her)") == (Gender.FEMALE, Confidence.STATED)


@pytest.mark.parametrize(
    ("biography", "expected"),
    [
        ("proud mother of two", Gender.FEMALE),
        ("wife, mom, runner", Gender.FEMALE),
        ("Husband & father", Gender.MALE),
        ("dog dad", Gender.MALE),
        ("Mamá de Lucía y Mateo", Gender.FEMALE),
    ],
)
def test_what_somebody_is_to_others_is_likely(biography: str, expected: Gender) -> None:
    assert gender("Alex", "", biography) == (expected, Confidence.LIKELY)


@pytest.mark.parametrize("biography", ["My wife is great", "thanks mom!", "mom and dad", "the father complex", "Anne"])
def test_others_in_a_biography_are_not_its_author(biography: str) -> None:
    assert gender(None, "", biography)[0] is Gender.UNKNOWN


def test_a_name_of_both_is_at_most_a_hint() -> None:
    assert gender("Kim")[1] is Confidence.HINT
    assert gender("Anna")[1] is Confidence.LIKELY


def test_a_korean_name_says_the_same_in_either_order_and_spelling() -> None:
    for name in ("Kim Seo-yeon", "Seoyeon Kim", "Kim Seoyeon", "Seo Yeon Kim", "Kim Seo Yun", "김서연"):
        assert gender(name)[0] is Gender.FEMALE, name


def test_a_name_known_everywhere_is_not_taken_for_syllables() -> None:
    for name in ("Anna Li", "Susan Kim", "Lisa Wang", "Hannah Lee"):
        assert gender(name) == (Gender.FEMALE, Confidence.LIKELY), name


def test_no_name_gives_no_parts() -> None:
    assert syllables.split(["anna"]) is None
    assert syllables.split(["john", "smith"]) is None


def test_the_letters_of_a_name_are_a_guess_for_names_that_nobody_listed() -> None:
    assert letters.odds("zelvorina") > 0 > letters.odds("brandorik")


def test_the_method_is_told_in_words_with_its_sources() -> None:
    assert "nomquamgender" in genders.METHOD.source
    assert genders.METHOD.words.endswith(".")


@given(st.text(max_size=60), st.text(max_size=30), st.none() | st.text(max_size=80))
def test_any_text_is_answered(name: str, username: str, biography: str | None) -> None:
    found, confidence = gender(name, username, biography)
    assert found in Gender
    assert confidence is not None or found is Gender.UNKNOWN
