"""The shapes of the media contract, key by key, and how ours become them.

Each names the section of the contract document that it honours. What a client sends is checked here: unknown keys,
wrong types and values out of range are refused before a verb runs.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Day = date
LARGEST_ID = 2**63 - 1
LONGEST_NAME = 200
GIGABYTE = 1024**3

Text = Annotated[str, Meta(max_length=LONGEST_NAME, pattern="^[^\\x00]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern="^[^\\x00]*$")]
Address = Annotated[str, Meta(min_length=1, max_length=4096, pattern="^[^\\x00]*$")]
Token = Annotated[str, Meta(min_length=1, max_length=8192)]
Id = Annotated[int, Meta(ge=1, le=LARGEST_ID)]
Priority = Annotated[int, Meta(ge=1, le=10)]
Most = Annotated[int, Meta(ge=1, le=1_000_000)]
Days = Annotated[int, Meta(ge=1, le=36_500)]
PageNumber = Annotated[int, Meta(ge=1, le=1_000_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=200)]
Limit = Annotated[int, Meta(ge=1, le=1000)]
PlatformName = Literal["instagram", "tiktok", "forum", "web"]
DownloaderName = Literal["fastdl", "toolzu"]
FinishedStatus = Literal["completed", "failed"]
ItemStatusName = Literal["pending", "downloading", "paused", "completed", "failed"]


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client sends in a body; unknown keys are refused."""


class Query(Struct, frozen=True, kw_only=True):
    """What a client asks in the address; unknown names are ignored, as on the web at large."""


class Told(Struct, frozen=True, kw_only=True):
    """What we answer."""


def instant(moment: datetime) -> str:
    """A UTC moment as the contract writes it: whole seconds, `Z`."""
    return moment.isoformat()[:19] + "Z"


def maybe(moment: datetime | None) -> str | None:
    """As `instant`, or null."""
    return None if moment is None else moment.isoformat()[:19] + "Z"


def precise(moment: datetime) -> str:
    """As `instant`, with milliseconds: for logs, events and errors."""
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


class Envelope(Told, frozen=True):
    """Error Responses."""

    detail: str
    error_code: str
    timestamp: str
    request_id: str


# --- "Authentication Endpoints"


class Login(Asked, frozen=True):
    """POST /auth/login, request."""

    username: Name
    password: Annotated[str, Meta(min_length=1, max_length=4096)]


class Person(Told, frozen=True):
    """POST /auth/login, `user`."""

    id: int
    username: str
    email: str | None
    role: str


class Tokens(Told, frozen=True):
    """POST /auth/login, answer."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: Person


class Refresh(Asked, frozen=True):
    """POST /auth/refresh, request."""

    refresh_token: Token


class Refreshed(Told, frozen=True):
    """POST /auth/refresh, answer; `refresh_token` is ours, because each refresh token works once."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class Me(Told, frozen=True):
    """GET /auth/me, answer."""

    id: int
    username: str
    email: str | None
    role: str
    created_at: str
    last_login: str | None


# --- "Download Endpoints"


class DownloadsQuery(Query, frozen=True):
    """GET /downloads, query parameters."""

    page: PageNumber = 1
    per_page: PageSize = 50
    platform: PlatformName | None = None
    source: Text | None = None
    status: FinishedStatus | None = None
    date_from: date | None = None
    date_to: date | None = None
    search: Text | None = None


class Facts(Told, frozen=True, omit_defaults=True):
    """GET /downloads, `metadata`: the three documented keys always, the rest where there is something to say."""

    media_id: str
    resolution: str | None
    upgraded: bool
    downloader: str | None = None
    media_type: str | None = None
    duration_seconds: float | None = None
    author: str | None = None
    caption: str | None = None
    error: str | None = None
    queue_id: int | None = None


class DownloadInList(Told, frozen=True):
    """GET /downloads, one of `items`."""

    id: int
    url: str
    url_hash: str
    platform: str
    source: str
    content_type: str
    filename: str
    file_path: str | None
    file_size: int | None
    file_hash: str | None
    post_date: str | None
    download_date: str
    status: str
    attempts: int
    metadata: Facts


class Downloads(Told, frozen=True):
    """GET /downloads, answer."""

    items: Sequence[DownloadInList]
    total: int
    page: int
    per_page: int
    total_pages: int


class DownloadAlone(Told, frozen=True):
    """GET /downloads/{id}, answer."""

    id: int
    url: str
    platform: str
    source: str
    content_type: str
    filename: str
    file_path: str | None
    file_size: int | None
    file_hash: str | None
    post_date: str | None
    download_date: str
    status: str
    attempts: int
    metadata: Facts
    thumbnail_url: str


class DeleteQuery(Query, frozen=True):
    """DELETE /downloads/{id}, query parameters."""

    delete_file: bool = False


class StatsQuery(Query, frozen=True):
    """GET /downloads/stats, query parameters."""

    period: Literal["today", "week", "month", "year", "all"] = "all"
    group_by: Literal["platform", "source", "content_type"] | None = None


class DayCount(Told, frozen=True):
    """GET /downloads/stats, one of `timeline`."""

    date: str
    count: int


class DownloadStats(Told, frozen=True, omit_defaults=True, kw_only=True):
    """GET /downloads/stats, answer; `by_content_type` only when grouped by it."""

    total_downloads: int
    completed: int
    failed: int
    success_rate: float
    total_size_bytes: int
    by_platform: Mapping[str, int]
    by_source: Mapping[str, int]
    timeline: Sequence[DayCount]
    by_content_type: Mapping[str, int] | None = None


class Bulk(Asked, frozen=True):
    """POST /downloads/bulk, request."""

    action: Literal["delete", "retry", "mark_upgraded"]
    ids: Annotated[list[Id], Meta(min_length=1, max_length=10_000)]
    delete_files: bool = False


class BulkDone(Told, frozen=True):
    """POST /downloads/bulk, answer."""

    success: int
    failed: int
    errors: Sequence[str]


# --- "Queue Endpoints"


class QueueQuery(Query, frozen=True):
    """GET /queue, query parameters."""

    status: ItemStatusName | None = None
    platform: PlatformName | None = None
    page: PageNumber = 1
    per_page: PageSize = 50


class QueueItem(Told, frozen=True):
    """GET /queue, one of `items`."""

    id: int
    url: str
    platform: str
    source: str
    referer: str | None
    save_path: str
    priority: int
    status: str
    attempts: int
    max_attempts: int
    created_date: str
    started_at: str | None
    download_date: str | None
    progress: int
    estimated_completion: str | None
    assigned_worker: str | None
    error_message: str | None
    metadata: Mapping[str, Any]


class Queue(Told, frozen=True):
    """GET /queue, answer. `total` is of what was asked for, the counts are of everything in the queue."""

    items: Sequence[QueueItem]
    total: int
    pending: int
    downloading: int
    completed: int
    failed: int


class QueueAdd(Asked, frozen=True):
    """POST /queue, request."""

    url: Address
    platform: PlatformName | None = None
    source: Name | None = None
    content_type: Name | None = None
    priority: Priority | None = None
    max_downloads: Most | None = None
    days_back: Days | None = None
    referer: Address | None = None
    metadata: dict[str, Any] = {}


class QueueAdded(Told, frozen=True):
    """POST /queue, answer."""

    id: int
    url: str
    platform: str
    source: str
    status: str
    created_date: str
    task_id: str


class QueueChange(Asked, frozen=True):
    """PATCH /queue/{id}, request."""

    priority: Priority | UnsetType = UNSET
    status: Literal["paused", "pending"] | UnsetType = UNSET


class QueueChanged(Told, frozen=True):
    """PATCH /queue/{id}, answer."""

    id: int
    status: str
    priority: int


class QueueRetried(Told, frozen=True):
    """POST /queue/{id}/retry, answer."""

    id: int
    status: str
    attempts: int
    task_id: str


class QueueClear(Asked, frozen=True):
    """POST /queue/clear, request."""

    status: Annotated[list[FinishedStatus], Meta(min_length=1, max_length=10)]


class QueueCleared(Told, frozen=True):
    """POST /queue/clear, answer."""

    deleted: int


class QueueNumbers(Told, frozen=True):
    """GET /queue/stats, answer."""

    total: int
    pending: int
    downloading: int
    completed: int
    failed: int
    avg_wait_time_seconds: int | None
    estimated_completion: str | None
    active_workers: int


# --- "Scheduler Endpoints"


class JobsQuery(Query, frozen=True):
    """GET /scheduler/jobs: pages where they are asked for, else all."""

    page: PageNumber = 1
    per_page: PageSize | None = None


class ScheduledJob(Told, frozen=True):
    """GET /scheduler/jobs, one of `jobs`."""

    id: str
    name: str
    platform: str
    source: str
    content_type: str | None
    schedule: str
    schedule_human: str
    enabled: bool
    last_run: str | None
    last_run_status: str | None
    last_run_items: int | None
    next_run: str | None
    total_runs: int
    success_count: int
    failure_count: int
    config: Mapping[str, Any]


class ScheduledJobs(Told, frozen=True):
    """GET /scheduler/jobs, answer."""

    jobs: Sequence[ScheduledJob]


class JobAdd(Asked, frozen=True):
    """POST /scheduler/jobs, request."""

    name: Name
    platform: PlatformName
    source: Name
    schedule: Name
    content_type: Name | None = None
    enabled: bool = True
    config: dict[str, Any] = {}


class JobAdded(Told, frozen=True):
    """POST /scheduler/jobs, answer."""

    id: str
    name: str
    next_run: str | None
    enabled: bool


class JobChange(Asked, frozen=True):
    """PATCH /scheduler/jobs/{id}, request."""

    name: Name | UnsetType = UNSET
    schedule: Name | UnsetType = UNSET
    content_type: Name | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET


class JobChanged(Told, frozen=True):
    """PATCH /scheduler/jobs/{id}, answer."""

    id: str
    schedule: str
    enabled: bool
    next_run: str | None


class JobStarted(Told, frozen=True):
    """POST /scheduler/jobs/{id}/run, answer."""

    task_id: str
    status: str
    message: str


class HistoryQuery(Query, frozen=True):
    """GET /scheduler/history, query parameters."""

    job_id: Text | None = None
    status: Literal["success", "failure"] | None = None
    limit: Limit = 100


class JobRun(Told, frozen=True):
    """GET /scheduler/history, one of `history`."""

    id: int
    job_id: str
    started_at: str
    completed_at: str | None
    duration_seconds: int | None
    status: str
    items_downloaded: int
    error_message: str | None


class History(Told, frozen=True):
    """GET /scheduler/history, answer."""

    history: Sequence[JobRun]


# --- "Platform Endpoints"


class DownloaderShape(Told, frozen=True):
    """GET /platforms, one of `downloaders`."""

    name: str
    display_name: str
    enabled: bool


class PlatformShape(Told, frozen=True, omit_defaults=True, kw_only=True):
    """GET /platforms, one of `platforms`; keys without anything to say are left out, as for TikTok there."""

    name: str
    display_name: str
    enabled: bool
    downloaders: Sequence[DownloaderShape] | None = None
    content_types: Sequence[str]
    features: Sequence[str] = ()
    status: str
    last_successful_download: str | None = None


class Platforms(Told, frozen=True):
    """GET /platforms, answer."""

    platforms: Sequence[PlatformShape]


class InstagramDownload(Asked, frozen=True):
    """POST /platforms/instagram/download, request."""

    username: Name
    content_type: Name | None = None
    downloader: DownloaderName | None = None
    max_downloads: Most | None = None
    days_back: Days | None = None
    priority: Priority | None = None


class TiktokDownload(Asked, frozen=True):
    """POST /platforms/tiktok/download, request."""

    username: Name
    max_downloads: Most | None = None
    days_back: Days | None = None
    priority: Priority | None = None


class Queued(Told, frozen=True, omit_defaults=True):
    """POST /platforms/…/download, answer; the one for TikTok has no `message`."""

    queue_id: int
    task_id: str
    status: str
    message: str | None = None


class Monitor(Asked, frozen=True):
    """POST /platforms/forum/monitor, request."""

    forum_name: Name
    thread_url: Address
    thread_title: Name | None = None
    monitor_days: Annotated[int, Meta(ge=1, le=3650)] = 30


class Monitored(Told, frozen=True):
    """POST /platforms/forum/monitor, answer."""

    thread_id: str
    status: str
    monitor_until: str | None


# --- "Settings Endpoints"


class SettingsChanged(Told, frozen=True):
    """PATCH /settings, answer."""

    message: str
    updated_fields: int


# --- "Logs Endpoints"


class LogsQuery(Query, frozen=True):
    """GET /logs, query parameters."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    module: Text | None = None
    search: Text | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None
    limit: Limit = 100


class LogEntry(Told, frozen=True):
    """GET /logs, one of `logs`."""

    id: int
    timestamp: str
    level: str
    module: str
    message: str
    metadata: Mapping[str, Any]


class LogList(Told, frozen=True):
    """GET /logs, answer: `total` lines there are, `filtered` of them match."""

    logs: Sequence[LogEntry]
    total: int
    filtered: int


class LogFileQuery(Query, frozen=True):
    """GET /logs/download, query parameters."""

    date: Day | None = None
    format: Literal["json", "text"] = "text"


class LogsClearQuery(Query, frozen=True):
    """DELETE /logs, query parameters."""

    older_than_days: Annotated[int, Meta(ge=0, le=36_500)]


class LogsCleared(Told, frozen=True):
    """DELETE /logs, answer."""

    deleted_files: int
    deleted_size_bytes: int


# --- "Statistics Endpoints"


class DownloadCounts(Told, frozen=True):
    """GET /stats/overview, `downloads`."""

    today: int
    week: int
    month: int
    total: int


class QueueCounts(Told, frozen=True):
    """GET /stats/overview, `queue`."""

    pending: int
    downloading: int
    failed: int


class SuccessRates(Told, frozen=True):
    """GET /stats/overview, `success_rate`, in percent."""

    today: float
    week: float
    month: float


class Storage(Told, frozen=True):
    """GET /stats/overview, `storage`; the limit's keys are null where there is none."""

    used_bytes: int
    used_human: str
    limit_bytes: int | None
    limit_human: str | None
    percent: float | None


class PlatformToday(Told, frozen=True):
    """GET /stats/overview, one of `platforms`."""

    status: str
    downloads_today: int


class NextTask(Told, frozen=True):
    """GET /stats/overview, `next_scheduled_task`."""

    job_id: str
    job_name: str
    scheduled_time: str
    in_seconds: int


class OverviewShape(Told, frozen=True):
    """GET /stats/overview, answer."""

    downloads: DownloadCounts
    queue: QueueCounts
    success_rate: SuccessRates
    storage: Storage
    platforms: Mapping[str, PlatformToday]
    next_scheduled_task: NextTask | None


class TimelineQuery(Query, frozen=True):
    """GET /stats/timeline, query parameters."""

    period: Literal["day", "week", "month", "year"] = "week"
    group_by: Literal["hour", "day", "week", "month"] = "day"


class TimelinePoint(Told, frozen=True):
    """GET /stats/timeline, one of `timeline`."""

    timestamp: str
    downloads: int
    success: int
    failed: int


class Timeline(Told, frozen=True):
    """GET /stats/timeline, answer."""

    timeline: Sequence[TimelinePoint]


class PlatformStats(Told, frozen=True):
    """GET /stats/platforms, one of `platforms`."""

    platform: str
    downloads: int
    success: int
    failed: int
    success_rate: float
    total_size_bytes: int


class PlatformsStats(Told, frozen=True):
    """GET /stats/platforms, answer."""

    platforms: Sequence[PlatformStats]
