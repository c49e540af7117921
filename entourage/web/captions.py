"""How a stranger's text is shown: its addresses and the people it names can be followed, nothing else is alive."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

from markupsafe import Markup, escape

from entourage.insight import grammar, links
from entourage.networks import registry

_PEOPLE = frozenset([*registry.PEOPLE, "instagram", "tiktok", "twitter", "forum"])
"""Networks with people and tags. Elsewhere @ and # are signs like others."""
_BREAK = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Each piece has a direction of its own, so that no sign before it can turn it around; nor can a sign in the text turn
# around what follows the text.
_LINK = Markup('<a href="{}" rel="noreferrer nofollow ugc" target="_blank" dir="ltr">{}</a>')
_MENTION = Markup('<a href="/channels?{}" dir="auto">{}</a>')
_TAG = Markup('<span class="hashtag" dir="auto">{}</span>')
_WHOLE = Markup("<bdi>{}</bdi>")

Piece = tuple[int, int, Markup]
"""Where it begins and ends in the text, and how it is shown."""


def alive(text: str | None, network: str) -> Markup:
    """A stranger's text on `network` (a caption, a biography) with its line breaks kept.

    Addresses open outside, @names lead to the channels of that name, #tags are marked; everything else is escaped.
    """
    text = (text or "").strip()
    shown: list[Markup] = []
    at = 0
    for start, end, piece in sorted(_pieces(text, network)):
        shown += [_plain(text[at:start]), piece]
        at = end
    shown.append(_plain(text[at:]))
    return _WHOLE.format(Markup("").join(shown)) if text else Markup("")


def _plain(text: str) -> Markup:
    return Markup(_BREAK.sub("<br>", str(escape(text))))  # noqa: S704 - escaped, with breaks instead of line ends


def _pieces(text: str, network: str) -> Iterator[Piece]:
    """What is alive. No two overlap: addresses go before people, people before tags."""
    taken = bytearray(len(text))
    for piece in _wanted(text, network):
        start, end, _ = piece
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            yield piece


def _wanted(text: str, network: str) -> Iterator[Piece]:
    for link in links.link_spans(network, text):
        yield link.start, link.end, _LINK.format(links.target(link.text), link.text)
    if network not in _PEOPLE:
        return
    for name in grammar.mention_spans(network, text):
        yield name.start, name.end, _MENTION.format(_query(name.text, network), text[name.start : name.end])
    for tag in grammar.hashtag_spans(network, text):
        yield tag.start, tag.end, _TAG.format(text[tag.start : tag.end])


def _query(name: str, network: str) -> str:
    return urlencode({"q": name, "network": network})
