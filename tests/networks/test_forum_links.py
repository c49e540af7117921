"""Which addresses are one file: properties that must hold for every address, and the cases that decide."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.networks.model import MediaKind
from entourage.networks.threads import links

HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9]\.(com|org|example)", fullmatch=True)
SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/\\?#\x00"), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and text not in {".", ".."}
)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/".join(quote(part, safe="") for part in parts))
BUSTERS = st.sampled_from(["v", "_", "ts", "utm_source", "fbclid", "sid", "X-Amz-Signature", "Expires"])
WORDS = st.text("abcdefghijklmnop0123456789", min_size=1, max_size=8)


@given(HOSTS, PATHS, WORDS)
def test_an_identity_read_as_an_address_is_its_own_identity(host: str, path: str, word: str) -> None:
    once = links.identity(f"https://{host}/{path}?id={word}")
    assert links.identity(f"https://{once}") == once


@given(HOSTS, PATHS)
def test_scheme_port_case_of_the_host_fragment_and_percent_signs_do_not_make_another_file(host: str, path: str) -> None:
    plain = links.identity(f"https://{host}/{path}.jpg")
    assert links.identity(f"http://{host.upper()}:80/{path}.jpg#part") == plain
    assert links.identity(f"https://{host}:443/./x/../{path}.jpg") == plain
    assert links.identity(f"https://{host}/{path}.%6A%70%67") == plain


@given(HOSTS, PATHS, BUSTERS, WORDS, WORDS)
def test_a_cache_buster_on_a_file_does_not_make_another_file(
    host: str, path: str, buster: str, value: str, other: str
) -> None:
    assert links.identity(f"https://{host}/{path}.jpg?{buster}={value}") == links.identity(f"https://{host}/{path}.jpg")
    kept = links.identity(f"https://{host}/{path}.jpg?w={other}")
    assert links.identity(f"https://{host}/{path}.jpg?{buster}={value}&w={other}") == kept
    assert kept != links.identity(f"https://{host}/{path}.jpg")


@given(HOSTS, WORDS, WORDS)
def test_a_script_may_choose_its_picture_by_any_parameter(host: str, one: str, other: str) -> None:
    same = links.identity(f"https://{host}/image.php?v={one}") == links.identity(f"https://{host}/image.php?v={other}")
    assert same == (one == other)


@given(st.text(max_size=80))
def test_whatever_stands_in_an_attribute_is_an_address_of_the_web_or_nothing(text: str) -> None:
    address = links.absolute("https://forum.example.com/t/1/", text)
    if address is not None:
        assert urlsplit(address).scheme in {"http", "https"}
        assert "#" not in address
        _ = links.identity(address), links.linked_kind(address), links.name_in(address), links.host_of(address)


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("https://a.example/p.jpg?1699999999", "a.example/p.jpg"),
        ("https://a.example/p.jpg?name=large", "a.example/p.jpg?name=large"),
        ("https://a.example:8443/p.jpg", "a.example:8443/p.jpg"),
        ("https://a.example/i.php?id=3&sid=0123456789abcdef0123456789abcdef", "a.example/i.php?id=3"),
        ("https://a.example/i.php?id=3&s=0123456789abcdef0123456789abcdef", "a.example/i.php?id=3"),
        ("https://a.example/i.php?id=3&s=large", "a.example/i.php?id=3&s=large"),
        ("https://a.example/../../p%2Fq.jpg", "a.example/p%2Fq.jpg"),
        ("https://a.example", "a.example/"),
    ],
)
def test_the_cases_that_decide(address: str, same: str) -> None:
    assert links.identity(address) == same


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://a.example/p.JPEG?w=5", MediaKind.IMAGE),
        ("https://a.example/film.webm", MediaKind.VIDEO),
        ("https://a.example/p.jpg.html", None),
        ("https://a.example/page?x=p.jpg", None),
        ("https://en.wikipedia.org/wiki/File:Boat.jpg", None),
        ("https://github.com/a/b/blob/main/p.png", None),
        ("https://a.example/song.mp3", None),
    ],
)
def test_only_links_to_pictures_and_films_are_followed(address: str, kind: MediaKind | None) -> None:
    assert links.linked_kind(address) is kind


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "javascript:alert(1)",
        "data:image/gif;base64,R0",
        "mailto:a@b.example",
        "http://[",
        "ftp://a.example/p.jpg",
        "https://a.example:port/",
    ],
)
def test_what_is_no_address_of_the_web_is_left_out(address: str) -> None:
    assert links.absolute("https://forum.example.com/t/1/", address) is None


def test_parameters_are_taken_out_without_touching_the_others() -> None:
    assert (
        links.without("https://a.example/s.php?9-Old%20lamps&s=1&page=2", "s", "page")
        == "https://a.example/s.php?9-Old%20lamps"
    )
