"""Topics as FlaskBB shows them."""

import re
from datetime import datetime
from urllib.parse import SplitResult, unquote, urlsplit

from entourage.networks.threads import body, dates, links
from entourage.networks.threads.markup import Node, Tree, attr, base_of, first, number, turns, words
from entourage.networks.threads.page import Post, ThreadPage

NAME: str = "FlaskBB"

_TOPIC = re.compile(r"/topic/(\d+)")
_ATTACHED = re.compile(r"^(.*)/attachments/([^/]+)/([^/]+)$")


def recognises(tree: Tree) -> bool:
    """Whether FlaskBB wrote this page."""
    return tree.css_first(".flaskbb-layout, #flaskbb, .flaskbb-navbar, .flaskbb-header") is not None


def parse(tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
    """What the page says."""
    base = base_of(tree, url)
    heading = first(tree, ".topic-header a[href]", ".page-view .panel-heading a")
    own = next((a for a in (links.absolute(base, attr(heading, "href")), url) if a and _TOPIC.search(a)), url)
    topic = _TOPIC.search(urlsplit(own).path)
    posts = [frame for frame in tree.css(".post-row") if frame.css_first("[id^='pid']") is not None]
    written = [words(first(frame, ".post-meta")) for frame in posts]
    day_first = dates.day_comes_first(written)
    active = number(words(first(tree, ".pagination .active", ".pagination .disabled a:not(:has(.pages-label))")))
    position = number(links.query_of(urlsplit(url)).get("page", "")) or active or 1

    def position_of(address: str) -> int | None:
        parts = urlsplit(address)
        found = _TOPIC.search(parts.path)
        if found is None or topic is None or found[1] != topic[1]:
            return None
        return number(links.query_of(parts).get("page", "")) or 1

    beside = turns(tree, base, position, position_of, ".pagination a")
    return ThreadPage(
        engine=NAME,
        title=words(heading) or words(first(tree, "title")),
        thread_id=topic[1] if topic else "",
        url=url,
        first=urlsplit(own)._replace(query="", fragment="").geturl(),
        posts=tuple(
            found
            for frame, text in zip(posts, written, strict=True)
            if (found := _post(frame, base, dates.from_words(text, day_first=day_first, now=now))) is not None
        ),
        position=position,
        pages=max(beside.pages, position),
        next=beside.next,
        previous=beside.previous,
        last=beside.last,
    )


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The attachment behind `/attachments/stored-name/shown-name.jpg`."""
    found = _ATTACHED.match(parts.path)
    return (
        body.Attachment(links.host_of(url) + found[1], found[2], url, unquote(found[3])) if found is not None else None
    )


_RULES = body.Rules(drop=("blockquote", ".quote", ".post-signature", ".signature", ".alert"), attachment=attachment)


def _post(frame: Node, base: str, posted_at: datetime | None) -> Post | None:
    content = frame.css_first("[id^='pid']")
    post_id = number(attr(content, "id"))
    if content is None or post_id is None:
        return None
    permalink = links.absolute(base, attr(first(frame, ".post-meta a[href]"), "href"))
    return Post(
        id=post_id,
        url=permalink or f"{base}#pid{post_id}",
        author=words(first(frame, ".author-name")) or None,
        posted_at=posted_at,
        files=body.files([content], base, _RULES),
        number=number(words(first(frame, ".post-meta strong"))),
        text=body.text([content], _RULES),
    )
