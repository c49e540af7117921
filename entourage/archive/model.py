"""What the archive speaks of: queue items, downloads, schedules and their rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from entourage.kernel.paging import Page
from entourage.networks.model import Media, MediaKind

OPERATOR = 0
"""The owner of what came in by the command line: only administrators see it."""

BEST_PRIORITY, DEFAULT_PRIORITY, LAST_PRIORITY = 1, 5, 10


class ItemStatus(StrEnum):
    """Where a queue item stands."""

    PENDING = "pending"
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


FINISHED = (ItemStatus.COMPLETED, ItemStatus.FAILED)


class DownloadStatus(StrEnum):
    """Whether a file is kept."""

    COMPLETED = "completed"
    FAILED = "failed"


class Profile(StrEnum):
    """How large a picture is wanted where a network offers several sizes."""

    FAST = "fast"
    """At most 640 pixels on the long side."""
    BEST = "best"
    """The largest there is."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks the queue for."""

    url: str
    platform: str | None = None
    source: str | None = None
    content_type: str | None = None
    priority: int | None = None
    max_downloads: int | None = None
    days_back: int | None = None
    profile: Profile | None = None
    referer: str | None = None
    note: Mapping[str, object] = field(default_factory=dict[str, object])
    """The caller's own words (`metadata` of the media contract): kept and given back."""


@dataclass(frozen=True, slots=True)
class Item:
    """One address in the queue and how far it has come. Counts are files, sizes bytes."""

    id: int
    owner: int
    url: str
    platform: str
    source: str
    content_type: str | None
    referer: str | None
    priority: int
    status: ItemStatus
    attempts: int
    max_attempts: int
    max_downloads: int | None
    days_back: int | None
    profile: Profile | None
    note: Mapping[str, object]
    title: str | None
    expanded: bool
    expected: int | None
    items_total: int
    items_done: int
    items_failed: int
    items_known: int
    bytes_done: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    run_id: int | None

    @property
    def progress(self) -> int:
        """Whole percent of the files that are dealt with; 100 only when the item is completed."""
        if self.status is ItemStatus.COMPLETED:
            return 100
        whole = max(self.items_total, self.expected or 0)
        return min(99, (self.items_done + self.items_failed) * 100 // whole) if whole else 0


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue at a glance. Waiting is in seconds; `estimated_completion` is None when nothing can be known."""

    total: int
    pending: int
    downloading: int
    paused: int
    completed: int
    failed: int
    average_wait: float | None
    estimated_completion: datetime | None
    active_workers: int


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue and the counts of the whole (of what the actor may see)."""

    page: Page[Item]
    counts: Mapping[ItemStatus, int]


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is kept, or one that could not be had and why.

    `address_hash` names the file within its owner's archive (SHA-256 of platform and the network's key). `path` is
    relative to the library. `width` and `height` are measured, not promised.
    """

    id: int
    owner: int
    address_hash: str
    url: str
    media_url: str
    platform: str
    source: str
    content_type: str
    kind: MediaKind
    filename: str
    path: str | None
    size: int | None
    sha256: str | None
    media_type: str | None
    width: int | None
    height: int | None
    duration: float | None
    posted_at: datetime | None
    finished_at: datetime
    status: DownloadStatus
    attempts: int
    error: str | None
    profile: Profile | None
    upgraded: bool
    caption: str | None
    author: str | None
    facts: Mapping[str, object]
    queue_id: int | None


@dataclass(frozen=True, slots=True)
class DownloadFilter:
    """Which downloads to list; what is None does not filter. Days are UTC; `until` is exclusive."""

    platform: str | None = None
    source: str | None = None
    status: DownloadStatus | None = None
    content_type: str | None = None
    kind: MediaKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None
    queue_id: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified file: what its bytes turned out to be, and where its readable link stands in the library."""

    sha256: str
    size: int
    path: str
    filename: str
    kind: MediaKind
    media_type: str
    width: int | None
    height: int | None
    duration: float | None


@dataclass(frozen=True, slots=True)
class Order:
    """One file that a queue item still has to fetch: what a fetch job carries."""

    queue_id: int
    owner: int
    platform: str
    media: Media
    address_hash: str
    profile: Profile | None
    replaces: int | None = None
    """The download whose file is to be replaced when the new one is larger (a quality upgrade)."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What came of a bulk operation: how many went well, and a sentence for each that did not."""

    success: int
    failed: int
    errors: Sequence[str]


class Grouping(StrEnum):
    """By what statistics are broken down."""

    PLATFORM = "platform"
    SOURCE = "source"
    CONTENT_TYPE = "content_type"


class Step(StrEnum):
    """The width of one point of a timeline."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many downloads came to what end, and the bytes of those that are kept."""

    completed: int
    failed: int
    size: int

    @property
    def total(self) -> int:
        """All that came to an end."""
        return self.completed + self.failed

    @property
    def success_rate(self) -> float:
        """Percent of `total` that is kept, one decimal; 100 when there was nothing to do."""
        return round(100 * self.completed / self.total, 1) if self.total else 100.0


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a timeline."""

    at: datetime
    tally: Tally


@dataclass(frozen=True, slots=True)
class Schedule:
    """An address that is looked at again and again, by a cron expression in a time zone.

    `until` ends it (a monitored thread: `monitor_days` after the last post seen).
    """

    id: str
    owner: int
    name: str
    platform: str
    source: str
    content_type: str | None
    url: str
    cron: str
    timezone: str
    enabled: bool
    config: Mapping[str, object]
    monitor_days: int | None
    until: datetime | None
    created_at: datetime
    next_run: datetime | None
    last_run: datetime | None
    last_status: str | None
    last_items: int | None
    total_runs: int
    success_count: int
    failure_count: int


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a schedule. `status` is running, success or failure."""

    id: int
    schedule_id: str
    owner: int
    started_at: datetime
    finished_at: datetime | None
    status: str
    items: int
    error: str | None
