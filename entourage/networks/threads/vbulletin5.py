"""Threads as vBulletin 5 shows them."""

import re
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from entourage.networks.threads import body, dates, links
from entourage.networks.threads.markup import (
    Node,
    Tree,
    attr,
    base_of,
    canonical,
    first,
    generator,
    number,
    turns,
    words,
)
from entourage.networks.threads.page import Post, ThreadPage

NAME: str = "vBulletin 5"

_THREAD = re.compile(r"^(.*/(\d+)-[^/]*|.*/node/(\d+))(?:/page(\d{1,9}))?/?$")
_POSTS = "li.b-post[data-node-id]"


def recognises(tree: Tree) -> bool:
    """Whether vBulletin 5 or 6 wrote this page."""
    return tree.css_first("#vb-page-body") is not None or generator(tree).startswith(("vbulletin 5", "vbulletin 6"))


def parse(tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
    """What the page says."""
    base = base_of(tree, url)
    own = next((a for a in (canonical(tree, url), url) if a and _THREAD.match(urlsplit(a).path)), url)
    parts = urlsplit(own)
    thread = _THREAD.match(parts.path)
    start = parts._replace(path=thread[1] if thread else parts.path, query="", fragment="").geturl()
    thread_id = (thread[2] or thread[3]) if thread else ""
    position = int(thread[4]) if thread and thread[4] else 1

    def position_of(address: str) -> int | None:
        found = _THREAD.match(urlsplit(address).path)
        if found is None or (found[2] or found[3]) != thread_id:
            return None
        return int(found[4] or 1)

    beside = turns(
        tree,
        base,
        position,
        position_of,
        ".pagenav a, .b-pagination a, a.js-pagenav-button",
        ahead="a.js-pagenav-next-button",
    )
    declared = number(attr(tree.css_first("[data-page-total]"), "data-page-total")) or 1
    return ThreadPage(
        engine=NAME,
        title=words(first(tree, "h1.main-title", ".b-post__title", "h1", "title")),
        thread_id=thread_id,
        url=url,
        first=start,
        posts=tuple(found for node in tree.css(_POSTS) if (found := _post(node, base, start, now)) is not None),
        position=position,
        pages=max(beside.pages, declared),
        next=beside.next,
        previous=beside.previous,
        last=beside.last,
    )


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The attachment behind `filedata/fetch?id=12`, a smaller size asked for or not."""
    board, found, _ = parts.path.rpartition("/filedata/fetch")
    if not found:
        return None
    asked = links.query_of(parts)
    full = links.without(url, "type", "thumb")
    if asked.get("id", "").isdigit():
        return body.Attachment(links.host_of(url) + board, asked["id"], full)
    if asked.get("filedataid", "").isdigit():
        return body.Attachment(links.host_of(url) + board, f"data-{asked['filedataid']}", full)
    return None


_RULES = body.Rules(
    drop=(".bbcode_quote", ".quote", ".post-signature", ".b-post__signature", ".b-post__edited"), attachment=attachment
)


def _post(node: Node, base: str, start: str, now: datetime | None) -> Post | None:
    post_id = number(attr(node, "data-node-id"))
    if post_id is None:
        return None
    stamp = first(node, "time[itemprop='dateCreated']", ".b-post__timestamp time", "time")
    writer = first(node, "[itemprop='author'] [itemprop='name']", ".author a", ".author")
    return Post(
        id=post_id,
        url=f"{start}?p={post_id}#post{post_id}",
        author=words(writer) or None,
        posted_at=dates.from_iso(attr(stamp, "datetime")) or dates.from_words(words(stamp), now=now),
        files=body.files(node.css(".js-post__content-text, .b-post__attachments, .b-post-attachments"), base, _RULES),
        number=number(words(first(node, ".b-post__count"))),
        text=body.text(node.css(".js-post__content-text"), _RULES),
    )
