"""Mentions, hashtags and user names, judged by the conformance files of the networks and by properties."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from entourage.insight import grammar

DATA = Path(__file__).parents[3] / "shared" / "data"
SUITE = yaml.safe_load((DATA / "twitter-text" / "extract.yml").read_text("utf-8"))["tests"]
NETWORKS = ["bluesky", "forum", "instagram", "mastodon", "sandbox", "somewhere", "tiktok", "twitter"]
LINKS = ["urls", "urls_with_indices", "urls_with_directional_markers", "tco_urls_with_params"]


def mentions_as_the_suite_writes_them(text: str) -> list[dict[str, object]]:
    return [{"screen_name": s.text, "indices": [s.start, s.end]} for s in grammar.mention_spans("twitter", text)]


def lists_left_out(text: str) -> list[dict[str, object]]:
    return [{**found, "list_slug": ""} for found in mentions_as_the_suite_writes_them(text)]


def hashtags_as_the_suite_writes_them(text: str) -> list[dict[str, object]]:
    return [{"hashtag": s.text, "indices": [s.start, s.end]} for s in grammar.hashtag_spans("twitter", text)]


def answered(text: str) -> str | None:
    first = next(iter(grammar.mention_spans("twitter", text)), None)
    return first.text if first and not text[: first.start].strip() else None


READ: dict[str, Callable[[str], object]] = {
    "mentions": lambda text: grammar.mentions("twitter", text),
    "mentions_with_indices": mentions_as_the_suite_writes_them,
    "mentions_or_lists_with_indices": lists_left_out,
    "replies": answered,
    "hashtags": lambda text: grammar.hashtags("twitter", text),
    "hashtags_from_astral": lambda text: grammar.hashtags("twitter", text),
    "hashtags_with_indices": hashtags_as_the_suite_writes_them,
}


@pytest.mark.parametrize(
    ("section", "case"),
    [(section, case) for section in READ for case in SUITE[section]],
    ids=lambda value: value if isinstance(value, str) else value["description"][:60],
)
def test_the_conformance_suite_of_twitter_passes(section: str, case: dict[str, Any]) -> None:
    expected = case["expected"]
    if section == "mentions_or_lists_with_indices":
        # A list belongs to its owner but does not speak to them.
        expected = [found for found in expected if not found["list_slug"]]
    assert READ[section](str(case["text"])) == expected


@pytest.mark.parametrize("section", LINKS)
def test_nothing_is_taken_out_of_an_address(section: str) -> None:
    for case in SUITE[section]:
        text = case["text"]
        addresses = [found if isinstance(found, str) else found["url"] for found in case["expected"] or []]
        within = {at for url in addresses for at in range(text.find(url), text.find(url) + len(url))}
        spans = grammar.mention_spans("twitter", text) + grammar.hashtag_spans("twitter", text)
        assert not [span for span in spans if span.start in within], case


@pytest.mark.parametrize("section", ["cashtags", "cashtags_with_indices"])
def test_a_cashtag_is_neither_a_mention_nor_a_hashtag(section: str) -> None:
    for case in SUITE[section]:
        assert not grammar.mentions("twitter", case["text"])
        assert not grammar.hashtags("twitter", case["text"])


def _lines(name: str) -> list[str]:
    lines = (DATA / "atproto-syntax" / name).read_text("utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", _lines("handle_syntax_valid.txt"))
def test_a_valid_handle_of_the_at_protocol_is_taken(name: str) -> None:
    assert grammar.handle("bluesky", name) == name.lower()


@pytest.mark.parametrize("name", _lines("handle_syntax_invalid.txt"))
def test_an_invalid_handle_of_the_at_protocol_is_none(name: str) -> None:
    assert grammar.handle("bluesky", name) is None


@pytest.mark.parametrize(
    ("network", "name", "expected"),
    [
        ("instagram", "Dior", "dior"),
        ("instagram", "@a.b_c", "a.b_c"),
        ("instagram", "a.", None),
        ("instagram", ".a", None),
        ("instagram", "a b", None),
        ("instagram", "é", None),
        ("instagram", "a" * 30, "a" * 30),
        ("instagram", "a" * 31, None),
        ("tiktok", "a" * 24, "a" * 24),
        ("tiktok", "a" * 25, None),
        ("twitter", "A_1", "a_1"),
        ("twitter", "a.b", None),
        ("mastodon", "Ann@Social.Example", "ann@social.example"),
        ("mastodon", "ann", "ann"),
        ("mastodon", "ann@", None),
        ("mastodon", "ann.", None),
        ("forum", "Karl Große", "karl grosse"),
        ("forum", " x", None),
        ("somewhere", "Ann.B", "ann.b"),
        ("instagram", "", None),
        ("instagram", "dior\n", None),
    ],
)
def test_a_user_name_is_written_as_its_network_compares_it(network: str, name: str, expected: str | None) -> None:
    assert grammar.handle(network, name) == expected


@pytest.mark.parametrize(
    ("network", "text", "expected"),
    [
        ("instagram", "with @anna.b, @Joe_ and @anna.b.", ["anna.b", "Joe_", "anna.b"]),
        ("instagram", "write to me@studio.example or see medium.com/@me and https://www.tiktok.com/@me", []),
        ("instagram", "(@one)「@two」:@three\n@four...", ["one", "two", "three", "four"]),
        ("instagram", "日本の@whoさん", ["who"]),
        ("instagram", "@" + "a" * 31, []),
        ("instagram", "see example.org/a, @me", ["me"]),
        ("tiktok", "duet with @some.one #fyp", ["some.one"]),
        ("tiktok", "@" + "a" * 25, []),
        ("mastodon", "hi @ann@social.example, and @bob.", ["ann@social.example", "bob"]),
        ("mastodon", "ann@social.example https://social.example/@ann", []),
        ("bluesky", "thanks @alice.bsky.social! (@bob.example) @carol", ["alice.bsky.social", "bob.example"]),
        ("bluesky", "mail x@alice.bsky.social, see https://bsky.example/@alice.bsky.social", []),
        ("forum", "@Müller-Lüd: like @x_1 said, @_ and @-", ["Müller-Lüd", "x_1"]),
        ("twitter", "@user/list and @user/", ["user"]),
        ("twitter", "f@b @_", ["_"]),
    ],
)
def test_mentions_follow_the_rules_of_their_network(network: str, text: str, expected: list[str]) -> None:
    assert grammar.mentions(network, text) == expected


@pytest.mark.parametrize(
    ("network", "text", "expected"),
    [
        ("instagram", "#Sun#sea #2024 #été. #日本 #❤️ #a-b a#c", ["Sun", "sea", "2024", "été", "日本", "❤️", "a"]),
        ("instagram", "#️⃣ # #! &#39; https://example.org/#top example.org/page#top", []),
        ("instagram", "हिन्दी #यात्रा", ["यात्रा"]),
        ("tiktok", "#fyp#viral", ["fyp", "viral"]),
        ("mastodon", "#caturday, #2024 #20s (#x) a/#b", ["caturday", "20s", "x"]),
        ("bluesky", "#art! #c++ #123 x#y #ok\u200bnot", ["art", "c++", "ok"]),
        ("forum", "see #12 and #how-to", ["how-to"]),
        ("twitter", "#one #2 #three3", ["one", "three3"]),
    ],
)
def test_hashtags_follow_the_rules_of_their_network(network: str, text: str, expected: list[str]) -> None:
    assert grammar.hashtags(network, text) == expected


TEXTS = st.text(st.sampled_from("ab1_.-/:@#\uff20\uff03 é日\n️❤़&RT")) | st.text()


@given(st.sampled_from(NETWORKS), TEXTS)
def test_whoever_is_mentioned_can_be_a_name_there(network: str, text: str) -> None:
    for name in grammar.mentions(network, text):
        assert grammar.handle(network, name) is not None


@given(st.sampled_from(NETWORKS), TEXTS)
def test_what_was_found_stands_where_it_is_said_to(network: str, text: str) -> None:
    names, tags = grammar.mention_spans(network, text), grammar.hashtag_spans(network, text)
    assert [span.text for span in names] == grammar.mentions(network, text)
    assert [span.text for span in tags] == grammar.hashtags(network, text)
    for found, signs in ((names, "@\uff20"), (tags, "#\uff03")):
        for before, span in zip([None, *found], found, strict=False):
            assert text[span.start] in signs
            assert text[span.start + 1 : span.end] == span.text
            assert before is None or before.end <= span.start


@given(st.sampled_from(NETWORKS), st.text())
def test_a_canonical_name_stays_as_it_is(network: str, name: str) -> None:
    known = grammar.handle(network, name)
    assert known is None or grammar.handle(network, known) == known


@given(st.sampled_from(NETWORKS), st.from_regex(r"\A[a-z]{2,9}@[a-z]{2,9}\.(com|example)\Z"))
def test_a_mail_address_is_nobody(network: str, address: str) -> None:
    assert grammar.mentions(network, f"write to {address}, please") == []
