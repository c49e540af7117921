"""Threads as vBulletin 3 and 4 show them."""

import re
from datetime import datetime
from urllib.parse import SplitResult, urljoin, urlsplit

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

NAME: str = "vBulletin"

_FRIENDLY = re.compile(r"/threads/(\d+)|/showthread\.php/(\d+)|/[^/]*-(\d+)(?:-\d+)?(?:\.html|/)$")
_PAGE = re.compile(r"/page(\d{1,9})|-(?:\d+)-(\d{1,9})\.html$")
_ATTACHED_FRIENDLY = re.compile(r"^(.*)/attachments/.*?(\d+)d\d+-")
_BODY = '[id^="post_message_"]'


def recognises(tree: Tree) -> bool:
    """Whether vBulletin 3 or 4 wrote this page."""
    return tree.css_first(_BODY) is not None or generator(tree).startswith(("vbulletin 3", "vbulletin 4"))


def parse(tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
    """What the page says."""
    base = base_of(tree, url)
    own = next((a for a in (url, canonical(tree, url), _thread_link(tree, base)) if a and _thread(a)), url)
    bodies = tree.css(_BODY)
    stamps = [_stamp(_frame(node)) for node in bodies]
    day_first = dates.day_comes_first(stamps)
    thread = _thread(own) or ""
    current = number(words(first(tree, ".pagination .selected", ".pagenav td.alt2 strong", ".pagenav strong")))
    position = _page(url) or _page(own) or current or 1

    def position_of(address: str) -> int | None:
        return (_page(address) or 1) if _thread(address) == thread else None

    beside = turns(tree, base, position, position_of, ".pagination a, .pagenav a", ahead='.prev_next a[rel="next"]')
    return ThreadPage(
        engine=NAME,
        title=words(first(tree, ".threadtitle", "td.navbar strong", "h1", "title")),
        thread_id=thread,
        url=links.without(url, "s"),
        first=_first(own),
        posts=tuple(
            found
            for node, stamp in zip(bodies, stamps, strict=True)
            if (found := _post(node, base, dates.from_words(stamp, day_first=day_first, now=now))) is not None
        ),
        position=position,
        pages=max(beside.pages, _of_pages(tree)),
        next=_clean(beside.next),
        previous=_clean(beside.previous),
        last=_clean(beside.last),
    )


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The attachment behind `attachment.php?attachmentid=12`, its thumbnail asked for or not."""
    board, found, _ = parts.path.rpartition("/attachment.php")
    number_of = links.query_of(parts).get("attachmentid", "")
    if found and number_of.isdigit():
        return body.Attachment(links.host_of(url) + board, number_of, links.without(url, "s", "thumb", "stc"))
    friendly = _ATTACHED_FRIENDLY.match(parts.path)
    if friendly is None:
        return None
    return body.Attachment(links.host_of(url) + friendly[1], friendly[2], links.without(url, "s", "thumb", "stc"))


_RULES = body.Rules(
    drop=(".bbcode_quote", ".quote", "div.smallfont + table", ".signature", ".lastedited", ".spoiler-head"),
    attachment=attachment,
)


def _thread(url: str) -> str | None:
    parts = urlsplit(url)
    asked = links.query_of(parts)
    if parts.path.endswith("showthread.php"):
        if asked.get("t", "").isdigit():
            return asked["t"]
        slug = re.match(r"(\d+)", parts.query)
        return slug[1] if slug else None
    friendly = _FRIENDLY.search(parts.path)
    return next((group for group in friendly.groups() if group), None) if friendly else None


def _page(url: str) -> int | None:
    parts = urlsplit(url)
    if (asked := number(links.query_of(parts).get("page", ""))) is not None:
        return asked
    found = _PAGE.search(parts.path) or _PAGE.search(parts.query)
    return int(found[1] or found[2]) if found else None


def _first(url: str) -> str:
    parts = urlsplit(links.without(url, "s", "page", "p", "pp", "mode", "goto", "highlight") if "=" in url else url)
    path = re.sub(r"/page\d+", "", parts.path)
    return parts._replace(path=path, query=re.sub(r"/page\d+", "", parts.query), fragment="").geturl()


def _clean(url: str | None) -> str | None:
    return links.without(url, "s") if url and "s=" in url else url


def _thread_link(tree: Tree, base: str) -> str | None:
    """A link on the page to the thread itself (the address may only have named a post)."""
    link = first(
        tree, ".threadtitle a", '.pagenav a[href*="t="]', '#threadtools a[href*="t="]', 'a[href*="showthread.php?t="]'
    )
    return links.absolute(base, attr(link, "href"))


def _of_pages(tree: Tree) -> int:
    """The count in "Page 1 of 12"."""
    found = re.search(
        r"(\d{1,9})\s+\D+\s+(\d{1,9})", words(first(tree, ".pagenav .vbmenu_control", ".pagination .popupctrl"))
    )
    return int(found[2]) if found else 1


def _frame(message: Node) -> Node:
    """What encloses all of one post: its list item (4) or its table (3)."""
    here: Node | None = message
    while here is not None:
        if re.fullmatch(r"post_?\d+", attr(here, "id")):
            return here
        here = here.parent
    return message


def _stamp(frame: Node) -> str:
    return words(first(frame, ".postdate .date", ".posthead .date", "td.thead", "div.normal"))


def _post(message: Node, base: str, posted_at: datetime | None) -> Post | None:
    post_id = number(attr(message, "id"))
    if post_id is None:
        return None
    frame = _frame(message)
    counter = first(frame, "a.postcounter", f"#postcount{post_id}")
    permalink = links.absolute(base, attr(first(frame, "a.postcounter[href]"), "href"))
    parts = [message, *frame.css(".attachments, fieldset.fieldset")]
    return Post(
        id=post_id,
        url=f"{_clean(permalink) or urljoin(base, f'showthread.php?p={post_id}')}#post{post_id}",
        author=words(first(frame, "a.username", "a.bigusername", ".username", ".bigusername")) or None,
        posted_at=posted_at,
        files=body.files(parts, base, _RULES),
        number=number(words(counter)),
        text=body.text([message], _RULES),
    )
