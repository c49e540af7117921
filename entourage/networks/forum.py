"""Forum threads: the pictures and films that people posted, page after page, each once."""

import ipaddress
import json
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

from entourage.networks.facts import Fact, MediaFact
from entourage.networks.model import About, Cursor, Found, Media, MediaKind, Net, Target
from entourage.networks.seen import Seen
from entourage.networks.threads import links, walk
from entourage.networks.threads.page import File, Post, ThreadPage

NAME: str = "forum"
DISPLAY_NAME: str = "Forum threads"
CONTENT_TYPES: Sequence[str] = ("images", "videos", "files")
EXAMPLE: str = "https://forum.example.com/threads/holiday-pictures.123/"

_CONTENT_TYPE = {MediaKind.IMAGE: "images", MediaKind.VIDEO: "videos"}

_THREAD_SHAPES = re.compile(
    r"/threads/(?:[^/]*\.)?\d+"  # XenForo, with or without a title; vBulletin 4 with friendly addresses
    r"|/viewtopic\.php$|/showthread\.php(?:/\d+|$)|/showpost\.php$"
    r"|/t/(?:[^/]+/)?\d+(?:/|$)"  # Discourse, Misago
    r"|/topic/\d+"  # FlaskBB and others
    r"|-t\d+(?:-\d+)?\.html$|/topic\d+(?:-\d+)?\.html$"  # phpBB behind friendly addresses
    r"|/forums?/.+/\d+-[^/]+(?:/page\d+)?/?$"  # vBulletin 5
)
_THREAD_IN_QUERY = re.compile(r"^/?threads/(?:[^/&]*\.)?\d+")  # XenForo without friendly addresses
_NAMES_A_THREAD = re.compile(r"(?:^|&)(?:t|p|threadid|postid)=\d+|^\d+")
_GENERIC = frozenset(
    ["www", "forum", "forums", "board", "boards", "bbs", "community", "discuss", "discourse", "talk", "m", "old"]
)
_SECOND_LEVEL = frozenset(["co", "com", "org", "net", "ac", "gov", "edu", "or", "ne"])


def claims(url: str) -> bool:
    """Whether `url` has the shape of a forum thread's address, on any host."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return False
    except ValueError:
        return False
    if _THREAD_IN_QUERY.match(parts.query):
        return True
    found = _THREAD_SHAPES.search(parts.path)
    if found is None:
        return False
    return not found[0].endswith(".php") or _NAMES_A_THREAD.search(parts.query) is not None


def source_of(url: str) -> str:
    """The forum's short name: the telling part of its host."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    labels = host.split(".")
    while len(labels) > 2 and labels[0] in _GENERIC:  # noqa: PLR2004 - a name and its ending are left
        labels = labels[1:]
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL:  # noqa: PLR2004 - example.co.uk
        labels = labels[:-1]
    return labels[-2] if len(labels) > 1 else host


async def expand(target: Target, net: Net) -> AsyncGenerator[Found]:
    """The files of a thread in its order; a Cursor after each page that was read to its end.

    With `target.after` only posts newer than that run's newest are listed. With `target.since` reading begins at the
    page where that time lies. Raises Gone, Challenged and the errors of `net`.
    """
    page_before, newest = _place(target.after)
    since = target.since.astimezone(UTC) if target.since is not None else None
    reading: _Reading | None = None
    async for page in walk.pages(target.url, walk.Start(page_before, newest, since), net):
        if reading is None:
            reading = _Reading(target, newest, since)
            yield About(page.title, reading.source)
        for one in reading.found(page):
            yield one
        if reading.full:
            return
        yield reading.cursor(page)


class _Reading:
    """One look at a thread: what was seen of it so far."""

    def __init__(self, target: Target, newest: int | None, since: datetime | None) -> None:
        self.source = source_of(target.url)
        self.full = False
        """Whether there are more files than are wanted."""
        self._target = target
        self._newest = newest
        self._since = since
        self._posts: set[int] = set()
        self._files: set[str] = set()
        self._listed = 0
        self._facts = Seen(NAME)

    def found(self, page: ThreadPage) -> Iterator[Media | Fact]:
        """What is new on a page: what posts say, and their files."""
        for post in page.posts:
            if post.id in self._posts or (self._newest is not None and post.id <= self._newest):
                continue
            self._posts.add(post.id)
            yield from _facts(self._facts, post, page)
            if self._since is not None and post.posted_at is not None and post.posted_at < self._since:
                continue
            yield from self._media(post, page)
            if self.full:
                return

    def _media(self, post: Post, page: ThreadPage) -> Iterator[Media]:
        for file in post.files:
            if file.key in self._files or not _wanted(file, self._target.content_type):
                continue
            if self._target.limit is not None and self._listed >= self._target.limit:
                self.full = True
                return
            self._files.add(file.key)
            if file.preview:
                self._files.add(links.identity(file.preview))
            self._listed += 1
            yield _media(file, post, page, self.source)

    def cursor(self, page: ThreadPage) -> Cursor:
        """Where to go on after a page that was read to its end."""
        dates = [post.posted_at for post in page.posts if post.posted_at is not None]
        value = json.dumps({"page": page.url, "post": max([self._newest or 0, *self._posts])})
        return Cursor(value, max(dates, default=None))


def _facts(seen: Seen, post: Post, page: ThreadPage) -> Iterator[Fact]:
    """What a post says and who wrote it; names count on their forum only."""
    host = links.host_of(page.url)
    if not post.author:
        return iter(())
    return seen.post(
        f"{host}/{post.id}",
        author=f"{host}/{post.author}",
        username=post.author,
        url=post.url,
        caption=post.text or None,
        posted_at=post.posted_at,
        media=[MediaFact(url=file.url, type=file.kind.value) for file in post.files],
    )


def _place(after: str | None) -> tuple[str | None, int | None]:
    """The page and the post of a Cursor; nothing of one that is not ours (all is listed then, which loses nothing)."""
    try:
        told = cast("object", json.loads(after or "null"))
    except ValueError:
        return None, None
    if not isinstance(told, dict):
        return None, None
    place = cast("dict[str, object]", told)
    page, post = place.get("page"), place.get("post")
    return (page, post) if isinstance(page, str) and isinstance(post, int) else (None, None)


def _wanted(file: File, content_type: str | None) -> bool:
    return content_type not in CONTENT_TYPES or _content_type(file) == content_type


def _content_type(file: File) -> str:
    return _CONTENT_TYPE.get(file.kind, "files")


def _media(file: File, post: Post, page: ThreadPage, source: str) -> Media:
    told: dict[str, object] = {
        "engine": page.engine,
        "thread_id": page.thread_id,
        "thread_title": page.title,
        "thread_url": page.first,
        "post_id": post.id,
        "post_number": post.number,
        "attachment_id": file.attachment,
        "preview_url": file.preview,
        "viewer_url": file.viewer,
    }
    return Media(
        key=file.key,
        url=file.url,
        kind=file.kind,
        filename=file.filename,
        source=source,
        content_type=_content_type(file),
        headers={"Referer": page.url},
        posted_at=post.posted_at,
        page_url=post.url,
        post_key=f"{links.host_of(page.url)}/post/{post.id}",
        author=post.author,
        caption=page.title or None,
        facts={name: value for name, value in told.items() if value not in {None, ""}},
    )
