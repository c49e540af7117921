"""Plain text from the HTML of posts and profiles."""

import pytest

from entourage.networks.mastodon_words import link_in, plain

MENTION = '<span class="h-card"><a href="https://other.example/@ana" class="u-url mention">@<span>ana</span></a></span>'
TAG = '<a href="https://here.example/tags/cats" class="mention hashtag" rel="tag">#<span>cats</span></a>'
LINK = (
    '<a href="https://example.org/a/long/path?x=1" rel="nofollow"><span class="invisible">https://</span>'
    '<span class="ellipsis">example.org/a/lo</span><span class="invisible">ng/path?x=1</span></a>'
)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
        ("<p>One<br />Two</p>", "One\nTwo"),
        (f"<p>Hello {MENTION}!</p>", "Hello @ana@other.example!"),
        (f"<p>{TAG} and {TAG}</p>", "#cats and #cats"),
        (f"<p>See {LINK}.</p>", "See https://example.org/a/long/path?x=1."),
        ("<p>a &lt; b &amp; c</p>", "a < b & c"),
        ('<p class="quote-inline">RE: <a href="https://x.example/1">x</a></p><p>Mine</p>', "Mine"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\n\nTwo"),
        ("no markup at all", "no markup at all"),
        ('<a class="mention" href="https://[bad">@ana</a>', "@ana"),
        ("", ""),
        (None, ""),
        (7, ""),
        ("<p>a\0b</p>", "ab"),
        ("<div>" * 100_000, ""),
    ],
)
def test_text_is_what_a_reader_sees_with_whole_names_and_links(html: object, expected: str) -> None:
    assert plain(html) == expected


def test_names_are_those_that_the_server_tells_where_hosts_and_names_differ() -> None:
    told = {"https://other.example/@ana": "ana@example.com"}

    assert plain(f"<p>{MENTION}</p>", told) == "@ana@example.com"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (f"<p>{MENTION} {TAG} {LINK}</p>", "https://example.org/a/long/path?x=1"),
        (f"<p>{MENTION}</p>", None),
        ('<a href="javascript:alert(1)">x</a>', None),
        ("plain", None),
        (None, None),
    ],
)
def test_the_link_of_a_profile_is_the_first_that_leads_away(html: object, expected: str | None) -> None:
    assert link_in(html) == expected
