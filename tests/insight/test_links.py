"""Addresses, cashtags and lists, judged by Twitter's conformance file and by properties."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight import grammar, links
from entourage.insight.links import Named

DATA = Path(__file__).parents[3] / "shared" / "data"
SUITE = yaml.safe_load((DATA / "twitter-text" / "extract.yml").read_text("utf-8"))["tests"]
NETWORKS = ["bluesky", "forum", "instagram", "mastodon", "sandbox", "somewhere", "tiktok", "twitter", "web"]


def addresses(text: str) -> list[str]:
    return links.links("twitter", text)


def addresses_as_the_suite_writes_them(text: str) -> list[dict[str, object]]:
    return [{"url": s.text, "indices": [s.start, s.end]} for s in links.link_spans("twitter", text)]


def cashtags_as_the_suite_writes_them(text: str) -> list[dict[str, object]]:
    return [{"cashtag": s.text, "indices": [s.start, s.end]} for s in links.cashtag_spans(text)]


def lists_as_the_suite_writes_them(text: str) -> list[dict[str, object]]:
    return [
        {"screen_name": named.username, "list_slug": named.slug, "indices": [named.start, named.end]}
        for named in links.names_and_lists(text)
    ]


READ: dict[str, Callable[[str], object]] = {
    "urls": addresses,
    "urls_with_indices": addresses_as_the_suite_writes_them,
    "urls_with_directional_markers": addresses_as_the_suite_writes_them,
    "tco_urls_with_params": addresses,
    "cashtags": links.cashtags,
    "cashtags_with_indices": cashtags_as_the_suite_writes_them,
    "mentions_or_lists_with_indices": lists_as_the_suite_writes_them,
}
READ_ELSEWHERE = {
    "mentions", "mentions_with_indices", "replies", "hashtags", "hashtags_from_astral", "hashtags_with_indices",
}  # fmt: skip
"""Sections that tests/insight/test_grammar.py goes through."""


@pytest.mark.parametrize(
    ("section", "case"),
    [(section, case) for section in READ for case in SUITE[section]],
    ids=lambda value: value if isinstance(value, str) else value["description"][:60],
)
def test_the_conformance_suite_of_twitter_passes(section: str, case: dict[str, Any]) -> None:
    assert READ[section](str(case["text"])) == case["expected"]


def test_no_section_of_the_conformance_suite_is_left_out() -> None:
    assert {*READ} | READ_ELSEWHERE == {*SUITE}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop: www.shop-example.co.uk/summer, else linktr.ee/anna.", "www.shop-example.co.uk/summer linktr.ee/anna"),
        ("Thanks.So good! notes.md and holiday.mov", ""),
        ("docs.example.zip, x.zip/a and https://x.zip", "docs.example.zip x.zip/a https://x.zip"),
        ("me@studio.example.com, john.co.uk.smith@mail.com", ""),
        ("read medium.com/@me, not medium.com@me", "medium.com/@me"),
        ('[here](https://a.com/a_(b)) <http://b.com/> "c.com"', "https://a.com/a_(b) http://b.com/ c.com"),
        ("foo.com.@me example.com:8080/x HTTP://EXAMPLE.COM", "foo.com example.com:8080/x HTTP://EXAMPLE.COM"),
        ("javascript:alert(1) data:text/html,x ftp://example.com mailto:me@example.com", ""),
        ("https://localhost/ https://127.0.0.1/ https://example.invalid/", ""),
        ("https://müller.example.de/ä?q=1#top", "https://müller.example.de/ä?q=1#top"),
        (f"http://example.com/{'a' * 5000}", ""),
        (f"http://{'a.' * 150}com", ""),
    ],
)
def test_other_networks_have_the_same_addresses_but_no_files_and_seams(text: str, expected: str) -> None:
    assert links.links("instagram", text) == expected.split()


def test_an_address_leads_where_it_says() -> None:
    assert links.target("example.com/a") == "https://example.com/a"
    assert links.target("HTTP://example.com") == "HTTP://example.com"


@pytest.mark.parametrize("text", ["https://x.com/@owner/list", "mail@owner/list", "@owner/list@x", "@/list"])
def test_a_list_is_no_part_of_something_else(text: str) -> None:
    assert links.names_and_lists(text) == []


def test_names_and_lists_come_in_the_order_in_which_they_stand() -> None:
    assert links.names_and_lists("RT@a/b @c") == [Named("a", "/b", 2, 6), Named("c", "", 7, 9)]


PIECES = st.sampled_from(
    ["http://", "https://", "www.", "a", "co", ".co", ".com", "t.co/", "/", "?", "#", "@", "$", "(", ")", "((", ".",
     ",", "-", "_", ":", ":80", "é", "中", "中国", "日", "xn--", "=", "&", "'", '"', "<", "\u202e", "\u2066", "\ufe0f",
     " ", "\n"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text()


@given(st.sampled_from(NETWORKS), TEXTS)
def test_what_was_found_stands_where_it_is_said_to(network: str, text: str) -> None:
    end = 0
    for span in links.link_spans(network, text):
        assert span.start >= end
        end = span.end
        assert text[span.start : end] == span.text
        assert not any(sign.isspace() or sign in '<>"\\^`{}' or "\u202a" <= sign <= "\u202e" for sign in span.text)
    for span in links.cashtag_spans(text):
        assert text[span.start : span.end] == f"${span.text}"
    for named in links.names_and_lists(text):
        assert text[named.start + 1 : named.end] == f"{named.username}{named.slug}"


@given(st.sampled_from(NETWORKS), TEXTS)
def test_an_address_alone_is_that_address(network: str, text: str) -> None:
    for link in links.links(network, text):
        assert links.links(network, link)[:1] == [link]


@given(TEXTS)
def test_other_networks_find_nothing_that_twitter_would_not(text: str) -> None:
    assert {*links.links("instagram", text)} <= {*links.links("twitter", text)}


@given(TEXTS)
def test_nobody_is_mentioned_inside_an_address_of_twitter(text: str) -> None:
    within = {at for link in links.link_spans("twitter", text) for at in range(link.start, link.end)}
    assert not [each for each in links.names_and_lists(text) if each.slug and each.start in within]


HOSTILE = [
    "a.co/(", "a.co/((", ",a.co/", "t.co/a,", "a.co?(", "a.", "a.co", "http://", "http://a.co.", "http://中.a中.", "a-",
    "a.b-", "$A", "a.co/a)", ".@", "a.co.b+", "@a/b", "http://a.co/(b(c)", "xn--a.", "a.co:1", "日本.a.co", "/a.co",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_are_read_in_steps_that_grow_with_their_length(piece: str) -> None:
    # Whatever took the square of the length would not come back from this within the time that a test has.
    text = piece * (200_000 // len(piece))
    assert all(text[link.start : link.end] == link.text for link in links.link_spans("twitter", text))
    assert all(len(tag) <= 9 for tag in links.cashtags(text))


def test_no_mention_of_the_grammar_is_lost_among_lists() -> None:
    text = "@a, @b/c and @d/1"
    assert [named.username for named in links.names_and_lists(text)] == ["a", "b", "d"]
    assert grammar.mentions("twitter", text) == ["a", "d"]
