"""What a page of a forum thread says, whatever the forum's engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from entourage.networks.model import MediaKind


@dataclass(frozen=True, slots=True)
class File:
    """One file of a post. `key` is the same wherever the file is seen again (`links.identity` or the attachment's id).

    `preview` is the smaller picture that the post shows for it; `viewer` is the page (not a file) that the picture
    links to, where the forum's members put an image host's page behind a thumbnail.
    """

    key: str
    url: str
    kind: MediaKind
    filename: str
    attachment: str | None = None
    preview: str | None = None
    viewer: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One post: `id` grows with time within a forum, `number` counts within the thread where the page says it."""

    id: int
    url: str
    author: str | None
    posted_at: datetime | None
    files: tuple[File, ...]
    number: int | None = None
    text: str = ""
    """What its author wrote, without what is quoted from others."""


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of a thread. `position` orders pages and is 1 on the first; `first` is the address of the first page.

    `next`, `previous` and `last` are None where there is no such page (`last` also when this is the last one).
    `stream` holds the ids of all posts of the thread, where the engine tells them.
    """

    engine: str
    title: str
    thread_id: str
    url: str
    first: str
    posts: tuple[Post, ...]
    position: int = 1
    pages: int = 1
    next: str | None = None
    previous: str | None = None
    last: str | None = None
    stream: tuple[int, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
