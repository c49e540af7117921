"""Countries: places as people write them, namesakes, flags, languages, and what is no place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight import places
from entourage.insight.languages import language
from entourage.insight.places import country, flags

STATED = {
    "Paris": "FR", "Paris, TX": "US", "paris, france": "FR", "🇫🇷 Paris": "FR", "London": "GB", "London, ON": "CA",
    "London, Ontario": "CA", "New York": "US", "nyc": "US", "NYC ✈️ LA": "US", "LA": "US", "SF": "US", "UK": "GB",
    "u.k.": "GB", "San Francisco, CA": "US", "Toronto, CA": "CA", "Anytown, CA": "US", "Atlanta, Georgia": "US",
    "Tbilisi, Georgia": "GE", "Berlin, DE": "DE", "Wilmington, De": "US", "Panama, IN": "US",
    "Lebanon, Pennsylvania": "US", "Trollhättan, SE": "SE", "東京": "JP", "Москва": "RU", "München": "DE",
    "munchen": "DE", "دبي": "AE", "서울": "KR", "北京": "CN", "台灣 / Taiwan": "TW", "मुंबई": "IN", "कोलकाता": "IN",
    "Deutschland": "DE", "España": "ES", "Brasil": "BR", "日本": "JP", "Россия": "RU", "Rindge NH 03461": "US",
    "sunny Scotland": "GB", "Liverpool/Nottingham, UK": "GB", "Guadalajara, Jalisco": "MX", "Bengaluru": "IN",
    "São Paulo": "BR", "Sao Paulo - Brasil": "BR", "Downtown, San Antonio, Tx.": "US",
    "Born & raised in Lagos, Nigeria": "NG", "St. Louis": "US", "Saint Louis, MO": "US", "DC | MA | NH": "US",
    "📍 Vienna": "AT", "Köln": "DE", "Istanbul/Türkiye": "TR", "jakarta selatan": "ID", "Cape Town 🇿🇦": "ZA",
    "1511 Willow Wood Drive, Norfolk, VA, 23509": "US", "Trinidad and Tobago": "TT", "HONG KONG": "HK",
    "Perth, WA": "AU", "Seattle, WA": "US",
}  # fmt: skip
NOWHERE = [
    "she/they", "she/her", "they/them", "OSU", "Paradise", "Earth", "planet earth", "worldwide", "everywhere",
    "the internet", "Hogwarts", "your heart", "in my feelings", "🌍", "127.0.0.1", "404", "home", "Nowhere",
    "stan account", "somewhere over the rainbow", "(( evanescing ))", "@somebody", "https://example.org", "ok",
    "me", "in", "-", " ", "not5 | 15", "lost in my daydreams", "he/him",
]  # fmt: skip
SEVERAL = [
    "NYC/London", "London, Tokyo", "Paris | Berlin", "🇫🇷🇩🇪", "Delhi • Dubai • NYC", "SF / Singapore",
    "Georgia", "CA", "Madrid - Buenos Aires",
]  # fmt: skip


@pytest.mark.parametrize(("location", "code"), STATED.items())
def test_a_stated_place_is_found(location: str, code: str) -> None:
    assert country(location)[0] == code


@pytest.mark.parametrize("location", NOWHERE)
def test_what_is_no_place_is_nowhere(location: str) -> None:
    assert country(location) == (None, "")


@pytest.mark.parametrize("location", SEVERAL)
def test_several_countries_are_no_answer(location: str) -> None:
    assert country(location)[0] is None


def test_how_it_is_known_is_told() -> None:
    assert country("Lyon") == ("FR", "place")
    assert country("🇫🇷") == ("FR", "flag")
    assert country("she/her", "🇧🇷 amor") == ("BR", "flag")
    assert country(None, None, "Anna 🇵🇱") == ("PL", "flag")
    assert country(None, "ich liebe mein Leben und meine Katze") == ("DE", "language")
    assert country(None, "📍 Barcelona · fotografía") == ("ES", "place")
    assert country(None, "Designer based in Amsterdam") == ("NL", "place")


def test_a_stated_place_goes_before_a_flag_elsewhere_and_a_flag_before_the_language() -> None:
    assert country("Lyon", "🇩🇪 ich liebe mein Leben und meine Katze") == ("FR", "place")
    assert country(None, "🇨🇭 ich liebe mein Leben und meine Katze") == ("CH", "flag")


def test_a_place_and_the_flag_of_another_country_are_no_answer() -> None:
    assert country("Paris 🇩🇪") == (None, "")


def test_several_flags_are_no_answer_also_where_the_language_is_clear() -> None:
    assert country(None, "🇩🇪🇹🇷 ich liebe mein Leben und meine Katze") == (None, "")


def test_flags_of_parts_of_britain_are_british_and_those_of_no_country_do_not_count() -> None:
    assert flags("🏴󠁧󠁢󠁳󠁣󠁴󠁿") == {"GB"}
    assert flags("🇪🇺 🇺🇳") == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("写真を撮るのが好きです", "ja"),
        ("사진 찍는 것을 좋아해요", "ko"),
        ("喜欢旅行的设计师", "zh-hans"),
        ("喜歡旅行的設計師", "zh-hant"),
        ("люблю кофе, стихи и мечты мои, вы", "ru"),
        ("люблю каву та свою країну", "uk"),
        ("Αγαπώ τη μουσική", "el"),
        ("אוהבת מוזיקה", "he"),
        ("love music and the sea, follow me", "en"),
        ("Mamá de dos, amante de la música y el café", "es"),
        ("apaixonada por música e você não sabe", "pt"),
        ("kocham życie i moje koty", "pl"),
        ("hayat çok güzel ve ben burada", "tr"),
        ("", None),
        ("Coffee", None),
        ("xyz qwe", None),
    ],
)
def test_the_language_of_a_short_text(text: str, expected: str | None) -> None:
    assert language(text) == expected


def test_languages_of_many_countries_point_to_none() -> None:
    for biography in ("love music and the sea, follow me", "Mamá de dos, amante de la música y el café"):
        assert country(None, biography) == (None, "")


def test_the_sources_are_named() -> None:
    assert "GeoNames" in places.METHOD.source


@given(st.none() | st.text(max_size=60), st.none() | st.text(max_size=80), st.none() | st.text(max_size=30))
def test_any_text_is_answered(location: str | None, biography: str | None, name: str | None) -> None:
    code, how = country(location, biography, name)
    assert (code is None) == (how == "")
    assert code is None or (len(code) == 2 and code.isascii() and code.isupper())
