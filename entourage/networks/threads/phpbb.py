"""Topics as phpBB 3 shows them."""

import re
from datetime import datetime
from urllib.parse import SplitResult, urljoin, urlsplit

from entourage.networks.threads import body, dates, links
from entourage.networks.threads.markup import Node, Tree, attr, base_of, canonical, first, number, turns, words
from entourage.networks.threads.page import Post, ThreadPage

NAME: str = "phpBB"

_OUR_PARAMETERS = ("sid", "start", "p", "view", "hilit", "e")


def recognises(tree: Tree) -> bool:
    """Whether phpBB wrote this page."""
    if tree.css_first("body#phpbb") is not None:
        return True
    if "phpbb" in attr(tree.css_first('meta[name="copyright"]'), "content").lower():
        return True
    return tree.css_first('a[href*="viewtopic.php"]') is not None and tree.css_first(".postbody") is not None


def parse(tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
    """What the page says."""
    base = base_of(tree, url)
    heading = first(tree, "h2.topic-title a", "h2 a[href*='viewtopic.php']", "a.titles", ".topic-title a")
    named = links.absolute(base, attr(heading, "href"))
    own = next((a for a in (canonical(tree, url), url, named) if a and _topic(a)), url)
    posts = tree.css("div.post[id^='p']")
    written = [words(first(node, "p.author time", "p.author")) for node in posts]
    day_first = dates.day_comes_first(written)
    position = _position(own) or 1
    beside = turns(
        tree, base, position, _position, ".pagination a, .pagination li a, .action-bar a.button", ahead="li.next a"
    )
    start = links.without(own, *_OUR_PARAMETERS)
    return ThreadPage(
        engine=NAME,
        title=words(heading) or words(first(tree, "h2.topic-title", "title")),
        thread_id=_topic(own) or "",
        url=links.without(url, "sid"),
        first=start,
        posts=tuple(found for node in posts if (found := _post(node, base, now, day_first=day_first)) is not None),
        position=position,
        pages=beside.pages,
        next=_clean(beside.next),
        previous=_clean(beside.previous),
        last=_clean(beside.last),
    )


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The attachment behind `download/file.php?id=12`, its thumbnail asked for or not."""
    board, found, _ = parts.path.rpartition("/download/file.php")
    number_of = links.query_of(parts).get("id", "")
    if not found or not number_of.isdigit():
        return None
    return body.Attachment(links.host_of(url) + board, number_of, links.without(url, "sid", "t"))


_RULES = body.Rules(
    drop=("blockquote", ".signature", ".smilies", ".rules", ".notice", ".codebox"), attachment=attachment
)


def _topic(url: str) -> str | None:
    parts = urlsplit(url)
    asked = links.query_of(parts)
    if "viewtopic.php" in parts.path and asked.get("t", "").isdigit():
        return asked["t"]
    friendly = re.search(r"(?:-t|topic)(\d+)(?:-\d+)?(?:\.html|/)?$", parts.path)
    return friendly[1] if friendly else None


def _position(url: str) -> int | None:
    """Topics turn by posts, not by pages: the place of the page's first post, counted from 1."""
    asked = links.query_of(urlsplit(url))
    if _topic(url) is None or "view" in asked:  # "view": the first unread post, wherever that is
        return None
    return (number(asked.get("start", "")) or 0) + 1


def _clean(url: str | None) -> str | None:
    return links.without(url, "sid") if url else None


def _post(node: Node, base: str, now: datetime | None, *, day_first: bool) -> Post | None:
    post_id = number(attr(node, "id"))
    if post_id is None:
        return None
    stamp = first(node, "p.author time", ".author time")
    byline = first(node, "p.author", ".author")
    writer = first(
        node,
        "p.author .username, p.author .username-coloured",
        ".postprofile .username, .postprofile .username-coloured",
    )
    return Post(
        id=post_id,
        url=urljoin(base, f"./viewtopic.php?p={post_id}#p{post_id}"),
        author=words(writer) or words(first(node, "p.author strong")) or None,
        posted_at=dates.from_iso(attr(stamp, "datetime"))
        or dates.from_words(_after_name(words(byline)), day_first=day_first, now=now),
        files=body.files(node.css(".content, .attachbox"), base, _RULES),
        text=body.text(node.css(".content"), _RULES),
    )


def _after_name(byline: str) -> str:
    """What follows the mark between the author's name and the date (a name may look like a date)."""
    return byline.rsplit("»", 1)[-1]
