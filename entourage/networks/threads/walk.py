"""Which pages of a thread are read, and in what order: all from the start, or from where an earlier run ended."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime

from entourage.kernel.errors import Challenged, Damaged, Gone
from entourage.networks.html import tree_of
from entourage.networks.model import Net, Page
from entourage.networks.threads import discourse, links
from entourage.networks.threads.engines import NAMES, engine_of, is_discourse
from entourage.networks.threads.markup import Node, Tree, attr, first, words
from entourage.networks.threads.page import ThreadPage

_CHALLENGES = (
    "checking your browser",
    "just a moment...",
    "_cf_chl_opt",
    "cf-browser-verification",
    "challenge-platform",
    "ddos-guard",
    "verifying you are human",
    "enable javascript and cookies to continue",
)
_MESSAGES = (
    ".blockMessage",
    "#message .message-content, #message p",
    ".baseHtml .error, .errorPanel, .messageText",
    ".standard_error .blockrow, .panelsurround center",
    "#login .content h2",
    ".message-panel .message-body, .alert, .error-message",
)
_TOP = frozenset(("navbar_loginform", "loginBar", "above_body", "toplinks", "header", "headerbar", "navbar"))
_TOLD = 200


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: the page where an earlier run ended and the newest post it saw, or the time of interest."""

    page: str | None = None
    seen: int | None = None
    since: datetime | None = None


async def pages(url: str, start: Start, net: Net) -> AsyncGenerator[ThreadPage]:
    """The thread's pages in its order, each once.

    Pages may overlap: posts are told apart by their ids. Pages that bring no new post end the walk, so links that
    lead in a circle do too. Raises Gone, Challenged and the errors of `Net`.
    """
    page = await _first_to_read(url, start, net)
    if page.stream:
        async for chunk in _stream(page, start, net):
            yield chunk
        return
    read: dict[str, ThreadPage] = {}
    page = await _step_back(page, start, net, read)
    seen: set[int] = set()
    while True:
        fresh = {post.id for post in page.posts} - seen
        if seen and not fresh:
            return
        seen |= fresh
        yield page
        if page.next is None:
            return
        page = read.pop(links.identity(page.next), None) or await _read(page.next, net)


async def _first_to_read(url: str, start: Start, net: Net) -> ThreadPage:
    """The page where an earlier run ended; else the first page, or with `since` the last, to look back from."""
    page: ThreadPage | None = None
    if start.page is not None:
        with contextlib.suppress(Gone):  # fewer pages than before: the thread itself may well be there
            page = await _read(start.page, net)
    if page is None:
        page = await _read(url, net)
    elif page.posts or page.stream:
        return page
    if page.position > 1 or not page.posts:
        with contextlib.suppress(Gone):
            page = await _read(page.first, net)
    if not page.posts and not page.stream:
        raise _nothing(page)
    if start.since is not None and start.seen is None and page.last is not None:
        last = await _read(page.last, net)
        return last if last.posts else page
    return page


async def _step_back(page: ThreadPage, start: Start, net: Net, read: dict[str, ThreadPage]) -> ThreadPage:
    """The latest page up to this one that reaches back to what is known: a seen post, or the time of interest.

    The pages read on the way are put into `read`, for the way forward.
    """
    while page.previous is not None and not _reaches_back(page, start):
        read[links.identity(page.url)] = page
        try:
            before = await _read(page.previous, net)
        except Gone:
            break
        if not before.posts or links.identity(before.url) in read:
            break
        page = before
    return page


def _reaches_back(page: ThreadPage, start: Start) -> bool:
    if start.seen is not None:
        return any(post.id <= start.seen for post in page.posts)
    since = start.since
    return since is None or any(post.posted_at is not None and post.posted_at < since for post in page.posts)


async def _stream(topic: ThreadPage, start: Start, net: Net) -> AsyncIterator[ThreadPage]:
    """The posts of a Discourse topic in chunks, by the ids that it tells."""
    known = {post.id: post for post in topic.posts}
    wanted = [post for post in topic.stream if start.seen is None or post > start.seen]
    if not wanted:
        yield replace(topic, posts=())
        return
    address = discourse.topic_address(topic.first)
    size = discourse.CHUNK
    for position, begin in enumerate(range(0, len(wanted), size), start=1):
        ids = wanted[begin : begin + size]
        if missing := [post for post in ids if post not in known]:
            answer = await net.read(discourse.chunk_address(address or topic.first, missing), headers=_JSON)
            try:
                known |= {post.id: post for post in discourse.parse_posts(answer.body, topic.first)}
            except (ValueError, KeyError, TypeError) as wrong:
                raise Damaged(f"{topic.first} did not tell its posts when asked; what was found is kept.") from wrong
        posts = tuple(known.pop(post) for post in ids if post in known)
        yield replace(topic, posts=posts, position=position)


_JSON = {"Accept": "application/json"}


async def _read(url: str, net: Net) -> ThreadPage:
    """The page of a thread at `url`, whichever engine wrote it."""
    answer = await net.read(url)
    page = await asyncio.to_thread(_understood, answer)
    return await _topic(answer, net) if page is None else page


def _understood(answer: Page) -> ThreadPage | None:
    """What the answer says if an engine wrote it as HTML; None if it belongs to Discourse."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        return None
    tree = tree_of(answer.text)
    if is_discourse(tree):
        return None
    engine = engine_of(tree)
    if engine is None:
        if _is_challenge(answer.text):
            raise Challenged(
                f"{links.host_of(answer.url)} asks visitors to prove they are human before it shows the thread."
                " Nothing was fetched; open it in a browser, then try again later."
            )
        raise Gone(f"{answer.url} is not a thread of a forum we can read. We know {NAMES}.")
    page = engine.parse(tree, answer.url, _server_time(answer))
    return page if page.posts else replace(page, facts={"wall": _wall(tree), "message": _message(tree)})


async def _topic(answer: Page, net: Net) -> ThreadPage:
    address = discourse.topic_address(answer.url)
    if address is None:
        raise Gone(f"{answer.url} is a page of a Discourse forum, but not a topic. Give the address of a topic (/t/…).")
    told = answer if answer.url == address else await net.read(address, headers=_JSON)
    try:
        return discourse.parse_topic(told.body, answer.url)
    except (ValueError, KeyError, TypeError) as wrong:
        raise Gone(
            f"{answer.url} does not tell its posts the way Discourse does; the topic may be closed to us."
        ) from wrong


def _server_time(answer: Page) -> datetime | None:
    """What time it was at the forum when it answered, so that "today" on its page can be understood."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None


def _is_challenge(html: str) -> bool:
    start = html[:60_000].lower()
    return any(mark in start for mark in _CHALLENGES)


def _wall(tree: Tree) -> bool:
    """Whether the page asks for a password in its middle (a small form on top of every page is no wall)."""
    return any(not _on_top(field) for field in tree.css('input[type="password"]'))


def _on_top(field: Node) -> bool:
    here: Node | None = field
    while here is not None:
        if here.tag in {"header", "nav"} or _TOP.intersection((attr(here, "id"), *attr(here, "class").split())):
            return True
        here = here.parent
    return False


def _message(tree: Tree) -> str:
    return words(first(tree, *_MESSAGES))[:_TOLD]


def _nothing(page: ThreadPage) -> Gone:
    said = f' The forum says: "{page.facts["message"]}"' if page.facts.get("message") else ""
    if page.facts.get("wall"):
        return Gone(f"{page.url} shows its posts to members only, after signing in.{said}")
    return Gone(f"{page.url} has no posts: the thread was deleted or moved, or this is not a thread.{said}")
