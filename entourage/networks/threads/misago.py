"""Threads as Misago shows them (the part of its page that needs no script)."""

import re
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from entourage.networks.threads import body, dates, links
from entourage.networks.threads.markup import Node, Tree, attr, base_of, first, number, turns, words
from entourage.networks.threads.page import Post, ThreadPage

NAME: str = "Misago"

_THREAD = re.compile(r"^(.*/t/[^/]+/(\d+)/)(?:(\d{1,9})/)?")
_ATTACHED = re.compile(r"^(.*)/a/(?:thumb/)?([^/]+)/(\d+)/$")


def recognises(tree: Tree) -> bool:
    """Whether Misago wrote this page."""
    return tree.css_first("#misago-container") is not None


def parse(tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
    """What the page says."""
    base = base_of(tree, url)
    parts = urlsplit(url)
    thread = _THREAD.match(parts.path)
    start = parts._replace(path=thread[1] if thread else parts.path, query="", fragment="").geturl()
    position = int(thread[3]) if thread and thread[3] else 1
    beside = turns(tree, base, position, _position, ".thread-paginator a")
    counted = re.search(r"(\d{1,9})\D+(\d{1,9})", words(tree.css_first(".thread-paginator .dropdown")))
    title = words(first(tree, ".page-header h1", "h1")) or attr(tree.css_first('meta[property="og:title"]'), "content")
    return ThreadPage(
        engine=NAME,
        title=title,
        thread_id=thread[2] if thread else "",
        url=url,
        first=start,
        posts=tuple(
            found for node in tree.css("li.post[id^='post-']") if (found := _post(node, base, start, now)) is not None
        ),
        position=position,
        pages=int(counted[2]) if counted else 1,
        next=beside.next,
        previous=beside.previous,
        last=beside.last,
    )


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The attachment behind `/a/secret/12/`, its thumbnail asked for or not."""
    found = _ATTACHED.match(parts.path)
    if found is None:
        return None
    full = parts._replace(path=f"{found[1]}/a/{found[2]}/{found[3]}/").geturl()
    return body.Attachment(links.host_of(url) + found[1], found[3], full)


_RULES = body.Rules(drop=(".quote-block", "blockquote", ".post-signature"), attachment=attachment)


def _position(url: str) -> int | None:
    found = _THREAD.match(urlsplit(url).path)
    return int(found[3] or 1) if found else None


def _post(node: Node, base: str, start: str, now: datetime | None) -> Post | None:
    post_id = number(attr(node, "id"))
    if post_id is None:
        return None
    stamp = first(node, "time[itemprop='datePublished']", "time")
    return Post(
        id=post_id,
        url=f"{start}post/{post_id}/",
        author=words(first(node, "[itemprop='author']")) or None,
        posted_at=dates.from_iso(attr(stamp, "datetime")) or dates.from_words(words(stamp), now=now),
        files=body.files(node.css(".post-body, .post-attachments"), base, _RULES),
        text=body.text(node.css(".post-body"), _RULES),
    )
