"""HTML of strangers becomes a tree, unless it is nested so deeply that reading it would take minutes or gigabytes."""

import re

from selectolax.lexbor import LexborHTMLParser

from entourage.kernel.errors import Refused

DEEPEST = 1_000
"""So many elements open at once. A parser's time and memory grow with the square of it; pages of people have dozens."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?:[^<>]*?(/)>)?")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_CLOSE_THEMSELVES = frozenset(
    (
        *("body", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td"),
        *("tfoot", "th", "thead", "tr"),
    )
)
_DRAWN = frozenset(
    (
        *("animate", "circle", "clippath", "defs", "ellipse", "g", "image", "line", "lineargradient", "mask", "path"),
        *("pattern", "polygon", "polyline", "radialgradient", "rect", "stop", "svg", "symbol", "text", "use"),
    )
)


def tree_of(html: str) -> LexborHTMLParser:
    """The tree of a page; Refused when it is nested absurdly deeply."""
    if _depth_exceeds(html, DEEPEST):
        raise Refused("The page is nested so deeply that reading it could take for ever; it was left alone.")
    return LexborHTMLParser(html)


def _depth_exceeds(html: str, most: int) -> bool:
    """Whether more than `most` elements are ever open at once, counted generously towards "no"."""
    if html.count("<") <= most:
        return False
    open_now: dict[str, int] = {}
    depth = 0
    for found in _TAG.finditer(html):
        name = found[2].lower()
        if name in _VOID or name in _CLOSE_THEMSELVES:
            continue
        drawing = open_now.get("svg", 0)
        if drawing and name not in _DRAWN:  # HTML ends a drawing
            open_now["svg"], depth, drawing = 0, depth - drawing, 0
        if found[1]:
            if open_now.get(name):
                open_now[name] -= 1
                depth -= 1
        elif not (found[3] and drawing):  # only in drawings does <x/> close itself
            open_now[name] = open_now.get(name, 0) + 1
            depth += 1
            if depth > most:
                return True
    return False
