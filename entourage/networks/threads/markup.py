"""Small questions to an HTML tree, and the pages that a thread's page points to."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from entourage.networks.threads import links

Tree = LexborHTMLParser
Node = LexborNode

_SPACES = re.compile(r"\s+")
_PAGE_LABEL = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Turns:
    """Where a page leads: the pages beside it, the last one, and how many there are."""

    next: str | None
    previous: str | None
    last: str | None
    pages: int


def attr(node: Node | None, name: str) -> str:
    """The attribute's value, or an empty string."""
    return (node.attributes.get(name) or "") if node is not None else ""


def words(node: Node | None) -> str:
    """The text of a node on one line."""
    return _SPACES.sub(" ", node.text(deep=True, separator=" ")).strip() if node is not None else ""


def first(where: Tree | Node, *selectors: str) -> Node | None:
    """The first node that the first fitting selector finds."""
    for selector in selectors:
        if (node := where.css_first(selector)) is not None:
            return node
    return None


def base_of(tree: Tree, url: str) -> str:
    """What relative addresses of the page relate to."""
    return links.absolute(url, attr(tree.css_first("base[href]"), "href")) or url


def canonical(tree: Tree, url: str) -> str | None:
    """The address that the page itself says it has, if that is on the same host."""
    own = links.absolute(base_of(tree, url), attr(tree.css_first('link[rel="canonical"]'), "href"))
    return own if own is not None and links.host_of(own) == links.host_of(url) else None


def number(text: str) -> int | None:
    """The first whole number in a text."""
    found = re.search(r"[0-9]{1,18}", text.replace(",", ""))
    return int(found[0]) if found else None


def generator(tree: Tree) -> str:
    """What the page's generator tag says, in lower case."""
    return attr(tree.css_first('meta[name="generator"]'), "content").lower()


def turns(
    tree: Tree, base: str, position: int, position_of: Callable[[str], int | None], numbered: str, *, ahead: str = ""
) -> Turns:
    """The pages beside the one at `position`.

    `numbered` selects the links of the page navigation, `position_of` says which page such an address is (None: no
    page of this thread), `ahead` selects an engine's own "next" link for where no `rel` says it.
    """
    found: dict[int, str] = {}
    count = 1
    for node in tree.css(numbered):
        address = links.absolute(base, attr(node, "href"))
        place = position_of(address) if address and _same_host(address, base) else None
        if address is None or place is None:
            continue
        found.setdefault(place, address)
        label = words(node)
        if _PAGE_LABEL.fullmatch(label):
            count = max(count, int(label))
    following = _named(tree, base, position_of, ('link[rel~="next"]', 'a[rel~="next"]', *([ahead] if ahead else [])))
    preceding = _named(tree, base, position_of, ('link[rel~="prev"]', 'a[rel~="prev"]', 'a[rel~="previous"]'))
    after = sorted(place for place in found if place > position)
    before = sorted(place for place in found if place < position)
    return Turns(
        next=following or (found[after[0]] if after else None),
        previous=preceding or (found[before[-1]] if before else None),
        last=found[after[-1]] if after else following,
        pages=count,
    )


def _named(tree: Tree, base: str, position_of: Callable[[str], int | None], selectors: Iterable[str]) -> str | None:
    for selector in selectors:
        for node in tree.css(selector):
            address = links.absolute(base, attr(node, "href"))
            if address and _same_host(address, base) and position_of(address) is not None:
                return address
    return None


def _same_host(address: str, base: str) -> bool:
    return links.host_of(address) == links.host_of(base)
