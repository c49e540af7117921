"""Strangers' texts: what may be followed can be, and nothing that they write becomes markup."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import gallery
import pytest
from browsing import Caller, Served
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from entourage.accounts.model import User
from entourage.archive.model import Download, Order
from entourage.archive.store import downloads as store
from entourage.insight import channels, recording
from entourage.networks.facts import ProfileFact
from entourage.web.captions import alive

NETWORKS = ["bluesky", "forum", "instagram", "mastodon", "sandbox", "somewhere", "tiktok", "twitter", "web", ""]
ALLOWED = {
    "bdi": set[str](),
    "br": set[str](),
    "span": {"class", "dir"},
    "a": {"href", "rel", "target", "dir"},
}


class Seen(HTMLParser):
    """What a browser makes of a piece of markup: its text, its elements and where its links lead."""

    def __init__(self, shown: Markup) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.links: list[dict[str, str | None]] = []
        self.feed(str(shown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= ALLOWED[tag]
        if tag == "br":
            self.text += "\n"
            return
        assert tag != "a" or "a" not in self.open
        self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


def hrefs(text: str, network: str = "instagram") -> list[str | None]:
    return [link["href"] for link in Seen(alive(text, network)).links]


def test_addresses_open_outside_and_names_lead_to_channels_and_tags_are_marked() -> None:
    assert alive("by @anna.b & me: linktr.ee/anna\n#sea", "instagram") == (
        '<bdi>by <a href="/channels?q=anna.b&amp;network=instagram" dir="auto">@anna.b</a> &amp; me: '
        '<a href="https://linktr.ee/anna" rel="noreferrer nofollow ugc" target="_blank" dir="ltr">linktr.ee/anna</a>'
        '<br><span class="hashtag" dir="auto">#sea</span></bdi>'
    )


def test_no_text_shows_nothing() -> None:
    assert alive(None, "instagram") == alive("", "instagram") == alive(" \n", "instagram") == ""


def test_where_there_are_no_people_only_addresses_are_alive() -> None:
    assert alive("@anna #sea example.com", "web").count("<a ") == 1
    assert "hashtag" not in alive("@anna #sea example.com", "web")


def test_every_kind_of_line_end_breaks_the_line_once() -> None:
    assert alive("a\r\nb\nc\rd\u2028e\n\nf", "web") == "<bdi>a<br>b<br>c<br>d<br>e<br><br>f</bdi>"


NASTY = [
    "<script>alert(1)</script>",
    "</bdi></p><img src=x onerror=alert(1)>",
    "javascript:alert(1) JaVaScRiPt://example.com/%0aalert(1)",
    "https://example.com/\"onmouseover='alert(1)'",
    "https://example.com/'onmouseover=alert(1)",
    "https://example.com/?a=<b>&b=&lt;&quot;&#34;&#x22;",
    'http://example.com"><script>alert(1)</script>',
    '@anna"><svg/onload=alert(1)> #sea\'"><b>',
    "&lt;script&gt; &amp;#60; &#60;b&#62; &nbsp; &copy",
    "<!-- #comment --> <![CDATA[ @cdata ]]> <?pi x.com?> <!doctype html>",
    "\u202emoc.elpmaxe//:sptth\u202c https://example.com/\u202egnp.exe \u2066@anna\u2069",
    "https://example.com/@anna/#sea https://@anna.example.com #https://example.com @https://example.com",
    "{{ 7*7 }} {% raw %} ${7*7} `x` \\x3cscript\\x3e",
    "https://example.com\x00/a \x00<\x00b> \x1b[31m \ufeff<b>",
    "#a#b#c@d@e example.com#f example.com@g #h.com/@i",
    "data:text/html;base64,PHNjcmlwdD4= vbscript:x //example.com/x \\\\example.com",
]
TEXTS = st.lists(st.sampled_from([*NASTY, *" \n\"'<>&@#./:?=()a"]), max_size=6).map("".join) | st.text()


def checked(text: str, network: str) -> None:
    seen = Seen(alive(text, network))
    assert seen.open == []
    assert "".join(seen.text.split()) == "".join(text.split())
    for link in seen.links:
        where = urlsplit(link["href"] or "")
        if where.scheme:
            assert where.scheme in {"http", "https"}
            assert (link["rel"], link["target"]) == ("noreferrer nofollow ugc", "_blank")
        else:
            assert (where.netloc, where.path) == ("", "/channels")
            assert parse_qs(where.query)["network"] == [network]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_text_is_shown_as_it_is(text: str, network: str) -> None:
    checked(text, network)


@given(TEXTS, st.sampled_from(NETWORKS))
def test_no_text_becomes_markup_or_loses_anything(text: str, network: str) -> None:
    checked(text, network)


def test_an_address_keeps_what_looks_like_names_and_tags_in_it() -> None:
    assert hrefs("https://example.com/@anna/#sea") == ["https://example.com/@anna/#sea"]
    assert hrefs("(medium.com/@anna)") == ["https://medium.com/@anna"]


def test_signs_that_turn_the_direction_are_no_part_of_an_address() -> None:
    assert hrefs("https://example.com/\u202egnp.exe") == ["https://example.com/"]


# --- the pages

UNFRIENDLY = "<b>hi</b> @bob.b example.com/a\n#sea"


@pytest.fixture
def viewed(served: Served, anna: User) -> Download:
    """A file whose caption is not friendly."""
    platform, media = gallery.media_of(0, served.database.clock())
    media = replace(media, caption=UNFRIENDLY)
    order = Order(0, anna.id, platform, media, hashlib.sha256(b"caption").hexdigest(), None)
    return served.write(store.keep, order, None, attempts=1, error="gone")[0]


@pytest.fixture
def known(served: Served, anna: User) -> str:
    """A channel whose biography is not friendly; its address."""
    fact = ProfileFact(
        network="instagram", id="1", username="anna", seen_at=datetime(2026, 1, 1, tzinfo=UTC),
        biography=UNFRIENDLY, link="javascript:alert(1)",
    )  # fmt: skip
    served.write(recording.learn, [fact])
    found = served.read(channels.search, gallery.admin(served), "anna")
    return f"/channels/{found.items[0].uuid}"


def test_the_viewer_shows_a_caption_alive(viewed: Download, signed_in: Caller) -> None:
    page = signed_in.get(f"/library/{viewed.id}").text
    assert str(alive(UNFRIENDLY, "instagram")) in page
    assert "<b>hi" not in page


def test_the_page_of_a_channel_shows_its_biography_alive(known: str, signed_in: Caller) -> None:
    page = signed_in.get(known).text
    assert str(alive(UNFRIENDLY, "instagram")) in page
    assert "<b>hi" not in page
    assert 'href="javascript' not in page
    assert signed_in.get("/channels?q=anna&network=instagram").text.count(known) == 1
