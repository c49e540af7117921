"""The HTML of Mastodon's posts and profiles as plain text, in which mentions and hashtags can be read again."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from selectolax.lexbor import LexborNode

from entourage.kernel.errors import Refused
from entourage.networks.html import tree_of
from entourage.networks.told import address, text

_BLOCKS = "p, li, blockquote, pre, div, h1, h2, h3"
_REPEATED = "p.quote-inline"
"""The address of a quoted post, written for programs that do not show quotes."""


def plain(html: object, mentioned: Mapping[str, str] | None = None) -> str:
    """The text: paragraphs apart, links whole, people as @name@host.

    `mentioned` tells names by the address of the mention's link; others are completed with the link's host. HTML nested
    absurdly deeply is no text.
    """
    told = text(html)
    if not told:
        return ""
    try:
        tree = tree_of(told)
    except Refused:
        return ""
    for node in tree.css(_REPEATED):
        node.decompose()
    for link in tree.css("a.mention"):
        if "hashtag" not in (link.attributes.get("class") or "").split():
            _ = link.replace_with(_name(link, mentioned or {}))
    for node in tree.css("br"):
        _ = node.replace_with("\n")
    for node in tree.css(_BLOCKS):
        _ = node.insert_after("\n\n")
    body = tree.body
    written = body.text() if body is not None else ""
    lines = "\n".join(line.rstrip() for line in written.split("\n"))
    while "\n\n\n" in lines:
        lines = lines.replace("\n\n\n", "\n\n")
    return lines.strip()


def link_in(html: object) -> str | None:
    """The first address that a text links to, mentions and hashtags apart."""
    told = text(html)
    if not told or "<a" not in told:
        return None
    try:
        tree = tree_of(told)
    except Refused:
        return None
    for link in tree.css("a[href]"):
        found = address(link.attributes.get("href"))
        if found is not None and "mention" not in (link.attributes.get("class") or "").split():
            return found
    return None


def _name(link: LexborNode, mentioned: Mapping[str, str]) -> str:
    href = link.attributes.get("href") or ""
    shown = link.text().strip().lstrip("@")
    if href in mentioned:
        return "@" + mentioned[href]
    try:
        host = urlsplit(href).netloc
    except ValueError:
        host = ""
    return f"@{shown}@{host}" if shown and host and "@" not in shown else f"@{shown}"
