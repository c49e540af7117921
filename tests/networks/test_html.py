"""Which pages are read into a tree."""

import pytest

from entourage.kernel.errors import Refused
from entourage.networks.html import tree_of


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 5_000,
        "<span></i>" * 5_000,
        "".join(f"<p><font id={n}>" for n in range(5_000)),
        "<svg><div></div>" + "<path/>" * 5_000,
        "<BLOCKQUOTE class='a'>" * 300_000,
    ],
)
def test_absurdly_deep_pages_are_refused_at_once(html: str) -> None:
    with pytest.raises(Refused, match="nested"):
        _ = tree_of(html)


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<p>one" * 5_000,
        "<ul>" + "<li>one" * 5_000 + "</ul>",
        "<div><img><br></div>" * 5_000,
        "<table>" + "<tr><td>x<td>y" * 5_000,
        "<svg>" + "<path d='M0 0'/>" * 5_000 + "</svg>",
        "a < b " * 5_000,
        "<div>" * 300 + "deep enough" + "</div>" * 300,
    ],
)
def test_large_pages_are_read(html: str) -> None:
    assert tree_of(html).root is not None
