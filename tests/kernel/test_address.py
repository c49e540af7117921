"""One strict reading of a URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.kernel import address
from entourage.kernel.errors import Refused


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://Example.org", "http://example.org/"),
        ("https://example.org:443/a?b=c#d", "https://example.org/a?b=c"),
        ("http://example.org:8080/a b/ü?q=ä ö", "http://example.org:8080/a%20b/%C3%BC?q=%C3%A4%20%C3%B6"),
        ("http://example.org/%2F%20?x=%41", "http://example.org/%2F%20?x=%41"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[::1]:81/x", "http://[::1]:81/x"),
        ("http://user:secret@example.org/x", "http://example.org/x"),
        ("  http://example.org/x ", "http://example.org/x"),
    ],
)
def test_an_address_is_read_into_ascii(url: str, read: str) -> None:
    assert address.read(url).url == read


def test_a_password_in_an_address_becomes_a_header_and_is_never_shown() -> None:
    where = address.read("http://us%40er:p%3Aw@example.org/x?token=1")
    assert where.authorization == "Basic dXNAZXI6cDp3"
    assert where.shown == "http://example.org/x"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/x",
        "gopher://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.org/x",
        "example.org",
        "",
        "http://",
        "http:///x",
        "http://exa mple.org/",
        "http://example.org\\@127.0.0.1/",
        "http://exam%70le.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.org/\r\nHost: evil",
        "http://example.org/\0",
        "http://-/",
        "http://example.org/" + "a" * 20_000,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        address.read(url)


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/b", "http://example.org/b"),
        ("b?c", "http://example.org/a/b?c"),
        ("//other.example/x", "http://other.example/x"),
        ("https://example.org/ü", "https://example.org/%C3%BC"),
        ("?x=1", "http://example.org/a/start?x=1"),
    ],
)
def test_redirects_lead_where_they_say(location: str, leads: str) -> None:
    assert address.read("http://example.org/a/start?q").follow(location).url == leads


@given(st.text())
def test_any_text_is_read_or_refused(url: str) -> None:
    for text in (url, "http://" + url, "http://example.org/" + url):
        try:
            where = address.read(text)
        except Refused:
            continue
        assert address.read(where.url).url == where.url
        assert where.url.isascii()
