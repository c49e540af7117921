"""What a network yields, and the abilities that a connector can have."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from entourage.networks.facts import Fact, MediaFact


class MediaKind(StrEnum):
    """What a file is expected to be; its bytes decide in the end."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"


class Way(StrEnum):
    """How the bytes of a medium are had."""

    DIRECT = "direct"
    """One GET of `url`."""
    STREAM = "stream"
    """Segments that yt-dlp has to collect and join (HLS, DASH) from the page or manifest at `url`."""


@dataclass(frozen=True, slots=True)
class Media:
    """One file that can be fetched, as its network describes it.

    `key` is stable: the same file seen again, on another day or page, has the same key within its platform.
    `filename` is a suggestion for people; it never chooses a path. `facts` holds what else the network said
    (plain JSON values): it is kept beside the file.
    """

    key: str
    url: str
    kind: MediaKind
    filename: str
    source: str
    content_type: str = "file"
    way: Way = Way.DIRECT
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    posted_at: datetime | None = None
    page_url: str | None = None
    post_key: str | None = None
    author: str | None = None
    caption: str | None = None
    width: int | None = None
    height: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def fact(self) -> MediaFact:
        """The medium as part of what is known of its post."""
        return MediaFact(url=self.url, type=self.kind.value, width=self.width, height=self.height)


@dataclass(frozen=True, slots=True)
class Target:
    """What to list: an address and the limits its user set.

    `profile` is a download profile of the platform ("fast", "best", or None for the default). `since` leaves out
    what was posted before it. `limit` is the most files wanted. `after` is the last `Cursor` of an earlier complete
    run: where the platform can, only what is newer is listed.
    """

    url: str
    content_type: str | None = None
    profile: str | None = None
    limit: int | None = None
    since: datetime | None = None
    after: str | None = None
    cookies: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the account that may be used, where its owner gave it."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place to go on from: everything before it has been yielded. `value` is opaque outside its connector."""

    value: str
    last_post_at: datetime | None = None
    """When the newest post seen was made, also where it shows no file."""


@dataclass(frozen=True, slots=True)
class About:
    """What the address turned out to be: a title for people and how many files are expected, if known."""

    title: str
    source: str
    expected: int | None = None


Found = Media | Cursor | About | Fact
"""What an address yields, as it is learned: files, and what was seen of people and posts on the way to them."""


class Page(Protocol):
    """A small answer of the world, whole in memory."""

    @property
    def url(self) -> str:
        """The address after redirects."""
        ...

    @property
    def status(self) -> int:
        """The HTTP status (2xx; others are raised as errors)."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""
        ...

    @property
    def body(self) -> bytes:
        """The decoded body."""
        ...

    @property
    def text(self) -> str:
        """The body as text, by the declared or sniffed charset."""
        ...


class Net(Protocol):
    """What a connector may do in the world: every byte passes the egress gate and its lane's budget."""

    async def read(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = 16_000_000) -> Page:
        """The answer to a GET of `url`, redirects followed and checked, at most `limit` bytes after decoding.

        Raises Throttled (429), Gone (404, 410, 401, 403), Unreachable (5xx, timeouts), Refused (the gate).
        """
        ...

    async def head(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """What a GET of `url` would answer, without its body (the connection is closed after the first bytes).

        `body` holds at most the first 4 kB, enough to tell what the content is. Errors as for `read`.
        """
        ...

    def lines(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> AsyncGenerator[str]:
        """The lines that a child process prints to its standard output, as they come.

        The child sees the world only through the egress proxy; it is killed, with its descendants, when the iteration
        is left. `argv[0]` is a Python module name run with `-m` by our interpreter. Raises kernel.errors.ChildFailed on
        a non-zero exit.
        """
        ...


class Expands(Protocol):
    """Reads: lists the files behind an address. A module satisfies this by having these names."""

    NAME: str
    DISPLAY_NAME: str
    CONTENT_TYPES: Sequence[str]
    EXAMPLE: str

    def claims(self, url: str) -> bool:
        """Whether this connector is the one for `url`, by its shape alone (nothing is fetched)."""
        ...

    def source_of(self, url: str) -> str:
        """The creator, forum or site behind `url`, by its shape alone: a short name for people and filters."""
        ...

    def expand(self, target: Target, net: Net) -> AsyncGenerator[Found]:
        """Everything behind the address, in the network's order, as it is learned.

        Raises the errors of `Net`, and Gone when the address holds nothing that can be fetched.
        """
        ...
