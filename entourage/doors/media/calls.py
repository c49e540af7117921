"""What the door's page says about each call: shapes, and an example of every request and answer."""

from typing import Any, Final

from entourage import __version__
from entourage.archive.preferences import Preferences
from entourage.doors.media import wire
from entourage.doors.openapi import About, Call

_ID: Final = {"type": "integer", "minimum": 1, "maximum": wire.LARGEST_ID, "format": "int64"}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": wire.LONGEST_NAME, "pattern": "^[a-z0-9-]+$"}
_TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"  # noqa: S105 - an example, signed by nobody

ABOUT: Final = About(
    title="Entourage: media",
    version=__version__,
    description=(
        "Archive what creators post. Sign in with POST /auth/login and send the access token with each call, as "
        "`Authorization: Bearer …`. Live events come over the WebSocket /ws/downloads?token=…. Every error has the "
        "shape Envelope."
    ),
    envelope=wire.Envelope,
    headers={
        "X-Request-ID": "The id of this answer; the log has it too.",
        "X-RateLimit-Limit": "Requests an hour.",
        "X-RateLimit-Remaining": "Requests left in this hour.",
        "X-RateLimit-Reset": "When the count starts again, in unix seconds.",
    },
    page_headers={
        "X-Total-Count": "Entries there are.",
        "X-Page": "The number of this page, from 1.",
        "X-Per-Page": "Entries a page.",
        "X-Total-Pages": "Pages there are.",
        "Link": "The first, previous, next and last page.",
    },
)

_DOWNLOAD: Final[dict[str, Any]] = {
    "id": 42,
    "url": "https://forum.example/threads/harbour.7/",
    "platform": "forum",
    "source": "harbour",
    "content_type": "image",
    "filename": "crane-at-dawn.jpg",
    "file_path": "/srv/entourage/library/ada/forum/harbour/crane-at-dawn.jpg",
    "file_size": 184220,
    "file_hash": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "post_date": "2026-02-27T06:41:00Z",
    "download_date": "2026-03-02T12:00:05Z",
    "status": "completed",
    "attempts": 1,
    "metadata": {
        "media_id": "attachment-311",
        "resolution": "1600x1067",
        "upgraded": False,
        "media_type": "image/jpeg",
    },
}
_ITEM: Final[dict[str, Any]] = {
    "id": 7,
    "url": "https://forum.example/threads/harbour.7/",
    "platform": "forum",
    "source": "harbour",
    "referer": None,
    "save_path": "/srv/entourage/library/forum/harbour",
    "priority": 5,
    "status": "downloading",
    "attempts": 1,
    "max_attempts": 3,
    "created_date": "2026-03-02T11:59:58Z",
    "started_at": "2026-03-02T12:00:00Z",
    "download_date": None,
    "progress": 40,
    "estimated_completion": "2026-03-02T12:00:20Z",
    "assigned_worker": None,
    "error_message": None,
    "metadata": {"title": "Harbour photographs"},
}
_JOB: Final[dict[str, Any]] = {
    "id": "tiktok-ada-videos",
    "name": "Ada's videos",
    "platform": "tiktok",
    "source": "ada",
    "content_type": "videos",
    "schedule": "30 6 * * *",
    "schedule_human": "At 06:30",
    "enabled": True,
    "last_run": "2026-03-02T06:30:00Z",
    "last_run_status": "success",
    "last_run_items": 2,
    "next_run": "2026-03-03T06:30:00Z",
    "total_runs": 12,
    "success_count": 11,
    "failure_count": 1,
    "config": {"max_downloads": 20},
}
_PERSON: Final = {"id": 1, "username": "ada", "email": "ada@example.org", "role": "admin"}
_QUEUED: Final = {"queue_id": 8, "task_id": "1f0c7a52e0c94d6b8a3d5e7f90a1b2c3", "status": "queued"}

CALLS: Final[dict[str, Call]] = {
    "log_in": Call(
        wire.Tokens,
        {"access_token": _TOKEN, "refresh_token": _TOKEN, "token_type": "bearer", "expires_in": 900, "user": _PERSON},
        body=wire.Login,
        body_example={"username": "ada", "password": "a long and good one"},
        public=True,
        errors=(401,),
    ),
    "refresh_tokens": Call(
        wire.Refreshed,
        {"access_token": _TOKEN, "token_type": "bearer", "expires_in": 900, "refresh_token": _TOKEN},
        body=wire.Refresh,
        body_example={"refresh_token": _TOKEN},
        public=True,
        errors=(401,),
    ),
    "get_me": Call(
        wire.Me, {**_PERSON, "created_at": "2026-01-05T09:00:00Z", "last_login": "2026-03-02T11:58:00Z"}, errors=(404,)
    ),
    "log_out": Call(status=204),
    "list_downloads": Call(
        wire.Downloads,
        {
            "items": [{**_DOWNLOAD, "url_hash": "5d41402abc4b2a76b9719d911017c592a4f1c0b6d3e2f78899aabbccddeeff00"}],
            "total": 1,
            "page": 1,
            "per_page": 50,
            "total_pages": 1,
        },
        query=wire.DownloadsQuery,
        pages=True,
    ),
    "get_download": Call(
        wire.DownloadAlone,
        {**_DOWNLOAD, "thumbnail_url": "/api/v1/downloads/42/thumbnail"},
        parameters={"download_id": _ID},
    ),
    "delete_download": Call(status=204, query=wire.DeleteQuery, parameters={"download_id": _ID}),
    "get_thumbnail": Call(media_type="image/webp", parameters={"download_id": _ID}, errors=(304, 206, 416)),
    "get_file": Call(media_type="*/*", parameters={"download_id": _ID}, errors=(304, 206, 416)),
    "download_stats": Call(
        wire.DownloadStats,
        {
            "total_downloads": 40,
            "completed": 39,
            "failed": 1,
            "success_rate": 97.5,
            "total_size_bytes": 81234567,
            "by_platform": {"forum": 38, "tiktok": 2},
            "by_source": {"harbour": 38, "ada": 2},
            "timeline": [{"date": "2026-03-01", "count": 0}, {"date": "2026-03-02", "count": 40}],
        },
        query=wire.StatsQuery,
    ),
    "bulk_downloads": Call(
        wire.BulkDone,
        {"success": 2, "failed": 1, "errors": ["44: There is no such download."]},
        body=wire.Bulk,
        body_example={"action": "delete", "ids": [42, 43, 44], "delete_files": True},
    ),
    "list_queue": Call(
        wire.Queue,
        {"items": [_ITEM], "total": 1, "pending": 0, "downloading": 1, "completed": 0, "failed": 0},
        query=wire.QueueQuery,
        pages=True,
    ),
    "get_queue_item": Call(wire.QueueItem, _ITEM, parameters={"item_id": _ID}),
    "add_to_queue": Call(
        wire.QueueAdded,
        {
            "id": 7,
            "url": "https://forum.example/threads/harbour.7/",
            "platform": "forum",
            "source": "harbour",
            "status": "pending",
            "created_date": "2026-03-02T11:59:58Z",
            "task_id": "1f0c7a52e0c94d6b8a3d5e7f90a1b2c3",
        },
        body=wire.QueueAdd,
        body_example={"url": "https://forum.example/threads/harbour.7/", "priority": 3, "max_downloads": 100},
        errors=(409,),
    ),
    "change_queue_item": Call(
        wire.QueueChanged,
        {"id": 7, "status": "paused", "priority": 3},
        body=wire.QueueChange,
        body_example={"status": "paused"},
        parameters={"item_id": _ID},
        errors=(409,),
    ),
    "remove_queue_item": Call(status=204, parameters={"item_id": _ID}),
    "retry_queue_item": Call(
        wire.QueueRetried,
        {"id": 7, "status": "pending", "attempts": 2, "task_id": "1f0c7a52e0c94d6b8a3d5e7f90a1b2c3"},
        parameters={"item_id": _ID},
        errors=(409,),
    ),
    "clear_queue": Call(
        wire.QueueCleared, {"deleted": 12}, body=wire.QueueClear, body_example={"status": ["completed"]}
    ),
    "queue_stats": Call(
        wire.QueueNumbers,
        {
            "total": 14,
            "pending": 1,
            "downloading": 1,
            "completed": 11,
            "failed": 1,
            "avg_wait_time_seconds": 4,
            "estimated_completion": "2026-03-02T12:01:10Z",
            "active_workers": 4,
        },
    ),
    "list_jobs": Call(wire.ScheduledJobs, {"jobs": [_JOB]}, query=wire.JobsQuery, pages=True),
    "add_job": Call(
        wire.JobAdded,
        {"id": "tiktok-ada-videos", "name": "Ada's videos", "next_run": "2026-03-03T06:30:00Z", "enabled": True},
        body=wire.JobAdd,
        body_example={
            "name": "Ada's videos",
            "platform": "tiktok",
            "source": "ada",
            "content_type": "videos",
            "schedule": "30 6 * * *",
            "config": {"max_downloads": 20, "timezone": "Europe/London"},
        },
        errors=(409,),
    ),
    "change_job": Call(
        wire.JobChanged,
        {"id": "tiktok-ada-videos", "schedule": "30 7 * * *", "enabled": True, "next_run": "2026-03-03T07:30:00Z"},
        body=wire.JobChange,
        body_example={"schedule": "30 7 * * *"},
        parameters={"job_id": _NAME},
        errors=(409,),
    ),
    "remove_job": Call(status=204, parameters={"job_id": _NAME}),
    "run_job": Call(
        wire.JobStarted,
        {"task_id": "1f0c7a52e0c94d6b8a3d5e7f90a1b2c3", "status": "queued", "message": "Job execution queued"},
        parameters={"job_id": _NAME},
        errors=(409,),
    ),
    "job_history": Call(
        wire.History,
        {
            "history": [
                {
                    "id": 12,
                    "job_id": "tiktok-ada-videos",
                    "started_at": "2026-03-02T06:30:00Z",
                    "completed_at": "2026-03-02T06:30:41Z",
                    "duration_seconds": 41,
                    "status": "success",
                    "items_downloaded": 2,
                    "error_message": None,
                }
            ]
        },
        query=wire.HistoryQuery,
        pages=True,
    ),
    "list_platforms": Call(
        wire.Platforms,
        {
            "platforms": [
                {
                    "name": "forum",
                    "display_name": "Forums",
                    "enabled": True,
                    "content_types": ["images", "attachments"],
                    "features": ["monitoring"],
                    "status": "operational",
                    "last_successful_download": "2026-03-02T12:00:05Z",
                }
            ]
        },
        pages=True,
    ),
    "download_instagram": Call(
        wire.Queued,
        {**_QUEUED, "message": "Download queued successfully"},
        body=wire.InstagramDownload,
        body_example={"username": "ada", "content_type": "posts", "downloader": "toolzu", "days_back": 30},
        errors=(409,),
    ),
    "download_tiktok": Call(
        wire.Queued,
        _QUEUED,
        body=wire.TiktokDownload,
        body_example={"username": "ada", "max_downloads": 5},
        errors=(409,),
    ),
    "monitor_thread": Call(
        wire.Monitored,
        {"thread_id": "thread-7", "status": "active", "monitor_until": "2026-04-01T12:00:00Z"},
        body=wire.Monitor,
        body_example={"forum_name": "harbour", "thread_url": "https://forum.example/threads/harbour.7/"},
        errors=(409,),
    ),
    "get_settings": Call(
        Preferences,
        {
            "general": {"download_directory": "/srv/entourage/library", "concurrent_downloads": 4},
            "platforms": {"tiktok": {"enabled": True, "quality": "hd"}},
            "notifications": {"browser": {"enabled": True}},
        },
        errors=(403,),
    ),
    "change_settings": Call(
        wire.SettingsChanged,
        {"message": "Settings updated successfully", "updated_fields": 1},
        body=Preferences,
        body_example={"general": {"concurrent_downloads": 8}},
        errors=(403,),
    ),
    "list_logs": Call(
        wire.LogList,
        {
            "logs": [
                {
                    "id": 311,
                    "timestamp": "2026-03-02T12:00:05.120Z",
                    "level": "INFO",
                    "module": "Queue",
                    "message": "Downloaded 38 files from harbour.",
                    "metadata": {"count": 38},
                }
            ],
            "total": 311,
            "filtered": 1,
        },
        query=wire.LogsQuery,
        pages=True,
    ),
    "download_log": Call(media_type="application/octet-stream", query=wire.LogFileQuery, errors=(404,)),
    "clear_logs": Call(
        wire.LogsCleared,
        {"deleted_files": 3, "deleted_size_bytes": 52310},
        query=wire.LogsClearQuery,
        errors=(403,),
    ),
    "stats_overview": Call(
        wire.OverviewShape,
        {
            "downloads": {"today": 40, "week": 61, "month": 180, "total": 412},
            "queue": {"pending": 1, "downloading": 1, "failed": 1},
            "success_rate": {"today": 97.5, "week": 98.4, "month": 98.9},
            "storage": {
                "used_bytes": 812345678,
                "used_human": "774.7 MB",
                "limit_bytes": 107374182400,
                "limit_human": "100 GB",
                "percent": 0.8,
            },
            "platforms": {"forum": {"status": "operational", "downloads_today": 38}},
            "next_scheduled_task": {
                "job_id": "tiktok-ada-videos",
                "job_name": "Ada's videos",
                "scheduled_time": "2026-03-03T06:30:00Z",
                "in_seconds": 66600,
            },
        },
    ),
    "stats_timeline": Call(
        wire.Timeline,
        {"timeline": [{"timestamp": "2026-03-02T00:00:00Z", "downloads": 40, "success": 39, "failed": 1}]},
        query=wire.TimelineQuery,
    ),
    "stats_platforms": Call(
        wire.PlatformsStats,
        {
            "platforms": [
                {
                    "platform": "forum",
                    "downloads": 38,
                    "success": 37,
                    "failed": 1,
                    "success_rate": 97.4,
                    "total_size_bytes": 61234567,
                }
            ]
        },
    ),
}
