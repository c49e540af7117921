"""Threads as XenForo 1 and 2 show them."""

import re
from datetime import datetime
from urllib.parse import SplitResult

from entourage.networks.threads import body, dates, links
from entourage.networks.threads.markup import Node, Tree, attr, base_of, canonical, first, number, turns, words
from entourage.networks.threads.page import Post, ThreadPage

NAME: str = "XenForo"

_THREAD = re.compile(r"^(.*/threads/|.*[?]threads/)(?:[^/?&#]*\.)?(\d+)(?:/|$)")
_PAGE = re.compile(r"/page-(\d{1,9})")
_REST = re.compile(r"(?:page-\d+|post-\d+|latest|unread)?(?:[?&].*)?$")
_ATTACHED = re.compile(r"^(.*?)/?attachments/(?:([^/]*)\.)?(\d+)/?$")
_ATTACHED_VIDEO = re.compile(r"^(.*?)/data/(?:video|audio)/\d+/(\d+)-[^/]*$")
_POSTS = 'article.message[data-content^="post-"], li.message[id^="post-"]'
_QUOTES = (
    ".bbCodeBlock--quote",
    ".bbCodeQuote",
    "blockquote.quote",
    ".message-signature",
    ".signature",
    ".bbCodeBlock--unfurl",
)


def recognises(tree: Tree) -> bool:
    """Whether XenForo wrote this page."""
    return tree.css_first("html#XF, html#XenForo") is not None


def parse(tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
    """What the page says."""
    base = base_of(tree, url)
    own = next((a for a in (url, canonical(tree, url)) if a and _THREAD.match(a)), url)
    thread = _THREAD.match(own)
    start = _REST.sub("", own[: thread.end()] if thread else own)
    start = start if start.endswith("/") else f"{start}/"
    position = _position(own) or 1
    beside = turns(
        tree, base, position, _position, ".pageNav-page a, .PageNav a, a.pageNavSimple-el", ahead="a.pageNav-jump--next"
    )
    title = words(first(tree, "h1.p-title-value", ".titleBar h1", "title"))
    posts = tuple(post for node in tree.css(_POSTS) if (post := _post(node, base, start, now)) is not None)
    declared = number(attr(tree.css_first(".PageNav[data-last]"), "data-last")) or 1
    return ThreadPage(
        engine=NAME,
        title=title,
        thread_id=thread[2] if thread else "",
        url=url,
        first=start,
        posts=posts,
        position=position,
        pages=max(beside.pages, declared),
        next=beside.next,
        previous=beside.previous,
        last=beside.last,
    )


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The attachment behind `…/attachments/name-jpg.12/`, or behind the stored film of one."""
    address = parts.path if "attachments/" in parts.path else parts.query.split("&")[0]
    found = _ATTACHED.match(address)
    if found is not None:
        board = found[1] if "attachments/" in parts.path else parts.path.rsplit("/", 1)[0]
        slug, _, ending = (found[2] or "").rpartition("-")
        name = f"{slug}.{ending}" if slug and ending.isalnum() else None
        return body.Attachment(links.host_of(url) + board.rstrip("/"), found[3], url, name)
    film = _ATTACHED_VIDEO.match(parts.path)
    return body.Attachment(links.host_of(url) + film[1], film[2], url) if film is not None else None


_RULES = body.Rules(drop=_QUOTES, attachment=attachment)


def _position(url: str) -> int | None:
    if _THREAD.match(url) is None:
        return None
    found = _PAGE.search(url)
    return int(found[1]) if found else 1


def _post(node: Node, base: str, start: str, now: datetime | None) -> Post | None:
    post_id = number(attr(node, "data-content") or attr(node, "id"))
    if post_id is None:
        return None
    bodies = [
        part
        for selector in (".message-body", ".messageText", ".message-attachments", ".attachedFiles")
        for part in node.css(selector)
        if "signature" not in attr(part, "class")
    ]
    written = [part for part in node.css(".message-body, .messageText") if "signature" not in attr(part, "class")]
    label = first(
        node, ".message-attribution-opposite li:last-child a", "a.postNumber", ".message-attribution-opposite a"
    )
    return Post(
        id=post_id,
        url=f"{start}post-{post_id}",
        author=attr(node, "data-author") or words(first(node, ".username")) or None,
        posted_at=_when(node, now),
        files=body.files(bodies, base, _RULES),
        number=number(words(label)),
        text=body.text(written, _RULES),
    )


def _when(node: Node, now: datetime | None) -> datetime | None:
    stamp = first(node, ".message-attribution time", ".messageMeta .DateTime", "time.u-dt", ".DateTime")
    for name, read in (
        ("data-time", dates.from_unix),
        ("data-timestamp", dates.from_unix),
        ("datetime", dates.from_iso),
    ):
        if (found := read(attr(stamp, name))) is not None:
            return found
    return dates.from_words(attr(stamp, "title"), now=now) or dates.from_words(words(stamp), now=now)
