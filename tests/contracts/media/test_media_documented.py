"""Every documented request is sent, and every documented answer compared: keys, types, and values where known."""

from typing import Any

import httpx
import pytest
from media_stage import DOCUMENTED, PASSWORD, Stage, differences

from entourage.archive import queue, runs, schedules
from entourage.archive.model import ItemStatus, Wish
from entourage.archive.store import queue as queue_store
from entourage.archive.store import schedules as schedule_store
from entourage.kernel import logs

API = "/api/v1"
FREE = {"by_platform", "by_source", "by_content_type"}
"""Maps whose keys are the user's own."""


def agrees(call: str, answer: httpx.Response, *open_maps: str) -> Any:
    """The answer to a documented call, as documented."""
    documented = DOCUMENTED[call]
    assert answer.status_code == documented["status"], answer.text
    told = answer.json()
    assert list(differences(told, documented["answer"], open_maps=(*FREE, *open_maps))) == []
    return told


def request(call: str) -> Any:
    return DOCUMENTED[call]["request"]


def item(stage: Stage, url: str = "https://instagram.com/evalongoria", **wish: Any) -> int:
    return stage.do(queue.add, stage.actor, Wish(url=url, **wish)).id


def failed(stage: Stage) -> int:
    number = item(stage)

    def fail(tx: Any) -> None:
        queue_store.update(tx, queue.get(tx, stage.actor, number), status=ItemStatus.FAILED, error="It is gone.")

    stage.do(fail)
    return number


def schedule(stage: Stage) -> str:
    return stage.do(
        schedules.add,
        stage.actor,
        name="Eva Longoria Instagram Posts",
        platform="instagram",
        source="evalongoria",
        content_type="posts",
        cron="0 */4 * * *",
        enabled=True,
        config={"max_downloads": 15, "downloader": "fastdl"},
    ).id


def test_logging_in_answers_a_pair_of_tokens_and_the_user(stage: Stage) -> None:
    client = stage.client()
    told = agrees(
        "POST /auth/login", client.post(f"{API}/auth/login", json={"username": "admin", "password": PASSWORD})
    )
    assert told["token_type"] == "bearer"
    assert told["expires_in"] == 900
    assert told["user"] == {"id": stage.admin.id, "username": "admin", "email": "admin@example.com", "role": "admin"}
    client.headers["Authorization"] = f"Bearer {told['access_token']}"
    assert client.get(f"{API}/auth/me").json()["last_login"] == "2026-03-02T12:00:00Z"


def test_a_wrong_password_is_told_in_the_documented_words_within_the_envelope(stage: Stage) -> None:
    answer = stage.client().post(f"{API}/auth/login", json=request("POST /auth/login"))
    assert answer.status_code == 401
    assert answer.json()["detail"] == DOCUMENTED["POST /auth/login"]["error"]["detail"]
    assert set(answer.json()) == {"detail", "error_code", "timestamp", "request_id"}
    assert answer.headers["www-authenticate"] == "Bearer"


def test_five_wrong_passwords_lock_the_name_for_a_quarter_of_an_hour(stage: Stage) -> None:
    client = stage.client()
    for _ in range(5):
        assert client.post(f"{API}/auth/login", json={"username": "bea", "password": "wrong"}).status_code == 401
    locked = client.post(f"{API}/auth/login", json={"username": "bea", "password": PASSWORD})
    assert locked.status_code == 429
    assert 890 <= int(locked.headers["retry-after"]) <= 900
    stage.clock.advance(901)
    assert client.post(f"{API}/auth/login", json={"username": "bea", "password": PASSWORD}).status_code == 200


def test_refresh_tokens_rotate_and_a_used_one_takes_its_family_with_it(stage: Stage) -> None:
    client = stage.client()
    first = client.post(f"{API}/auth/login", json={"username": "admin", "password": PASSWORD}).json()
    answer = client.post(f"{API}/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert answer.status_code == 200
    second = answer.json()
    assert set(second) == {*DOCUMENTED["POST /auth/refresh"]["answer"], "refresh_token"}
    assert second["refresh_token"] != first["refresh_token"]
    assert client.post(f"{API}/auth/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401
    assert client.post(f"{API}/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
    client.headers["Authorization"] = f"Bearer {second['access_token']}"
    stage.clock.advance(4)  # what was verified is believed for three seconds
    assert client.get(f"{API}/auth/me").status_code == 401


def test_the_user_who_asks_is_told(admin: httpx.Client) -> None:
    told = agrees("GET /auth/me", admin.get(f"{API}/auth/me"))
    assert told["created_at"] == "2026-03-02T12:00:00Z"


def test_after_logging_out_neither_token_counts(stage: Stage) -> None:
    client = stage.client()
    pair = client.post(f"{API}/auth/login", json={"username": "admin", "password": PASSWORD}).json()
    client.headers["Authorization"] = f"Bearer {pair['access_token']}"
    assert client.post(f"{API}/auth/logout").status_code == 204
    assert client.get(f"{API}/auth/me").status_code == 401
    assert client.post(f"{API}/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401


def test_downloads_are_listed_with_every_documented_filter(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("ABC123")
    stage.keep("DEF456", platform="tiktok", source="someone", failed="It is private.")
    query = {"platform": "instagram", "source": "evalongoria", "page": 1, "per_page": 20, "status": "completed"}
    query |= {"date_from": "2026-03-02", "date_to": "2026-03-02", "search": "abc"}
    told = agrees("GET /downloads", _without_more(admin.get(f"{API}/downloads", params=query)))
    assert (told["total"], told["page"], told["per_page"], told["total_pages"]) == (1, 1, 20, 1)
    one = told["items"][0]
    assert one["id"] == kept.id
    assert one["url"] == "https://instagram.com/p/ABC123/"
    assert one["file_hash"] == f"sha256:{kept.sha256}"
    assert one["file_path"].endswith("/library/admin/instagram/evalongoria/ABC123.jpg")
    assert one["metadata"] == {"media_id": "123456789", "resolution": "640x646", "upgraded": False}
    for wrong in (
        {"platform": "tiktok"},
        {"date_from": "2026-03-01", "date_to": "2026-03-01"},
        {"search": "zzz"},
        {"status": "failed"},
    ):
        assert admin.get(f"{API}/downloads", params=query | wrong).json()["total"] == 0


def _without_more(answer: httpx.Response) -> httpx.Response:
    """The answer with only the documented keys of `metadata`, which is open to more."""
    told = answer.json()
    for entry in told.get("items", [told]):
        if "media_id" in entry["metadata"]:
            documented = DOCUMENTED["GET /downloads/{id}"]["answer"]["metadata"]
            entry["metadata"] = {name: entry["metadata"][name] for name in documented}
    return httpx.Response(answer.status_code, json=told)


def test_a_download_is_told_on_its_own(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("ABC123")
    told = agrees("GET /downloads/{id}", _without_more(admin.get(f"{API}/downloads/{kept.id}")))
    assert told["thumbnail_url"] == f"/api/v1/downloads/{kept.id}/thumbnail"
    assert told["post_date"] == "2026-03-01T12:00:00Z"
    thumbnail = admin.get(told["thumbnail_url"])
    assert thumbnail.status_code == 200
    assert thumbnail.headers["content-type"] == "image/webp"


def test_a_deleted_download_is_gone(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("ABC123")
    assert admin.delete(f"{API}/downloads/{kept.id}", params={"delete_file": "true"}).status_code == 204
    assert admin.get(f"{API}/downloads/{kept.id}").status_code == 404
    assert admin.delete(f"{API}/downloads/{kept.id}").status_code == 404


def test_the_statistics_of_downloads_agree_with_each_other(stage: Stage, admin: httpx.Client) -> None:
    stage.keep("ABC123")
    stage.keep("DEF456", platform="tiktok", source="someone", failed="It is private.")
    stage.clock.advance(60)
    for period in ("today", "week", "month", "year", "all"):
        told = agrees("GET /downloads/stats", admin.get(f"{API}/downloads/stats", params={"period": period}))
        assert (told["total_downloads"], told["completed"], told["failed"], told["success_rate"]) == (2, 1, 1, 50.0)
        assert told["by_platform"] == {"instagram": 1, "tiktok": 1}
        assert told["by_source"] == {"evalongoria": 1, "someone": 1}
        assert told["timeline"][-1] == {"date": "2026-03-02", "count": 2}
    grouped = admin.get(f"{API}/downloads/stats", params={"group_by": "content_type"}).json()
    assert grouped["by_content_type"] == {"post": 2}


def test_a_bulk_operation_says_what_became_of_each(stage: Stage, admin: httpx.Client) -> None:
    ids = [stage.keep(f"P{number}").id for number in range(3)]
    asked = {**request("POST /downloads/bulk"), "ids": [*ids, 999]}
    told = agrees("POST /downloads/bulk", admin.post(f"{API}/downloads/bulk", json=asked))
    assert told == {"success": 3, "failed": 1, "errors": ["999: There is no such download."]}
    missing = stage.keep("Q", failed="It was busy.").id
    for action, number in (("retry", missing), ("mark_upgraded", stage.keep("R").id)):
        told = admin.post(f"{API}/downloads/bulk", json={"action": action, "ids": [number]}).json()
        assert told == {"success": 1, "failed": 0, "errors": []}


def test_the_queue_is_listed(stage: Stage, admin: httpx.Client) -> None:
    item(stage, "https://example.org/thread/12345", platform="forum", source="PicturePub", note={"thread_id": "t"})
    query = {"status": "pending", "platform": "forum", "page": 1, "per_page": 10}
    answer = admin.get(f"{API}/queue", params=query)
    told = agrees("GET /queue", answer, "metadata")
    assert (told["total"], told["pending"], told["downloading"], told["completed"], told["failed"]) == (1, 1, 0, 0, 0)
    assert told["items"][0]["metadata"] == {"thread_id": "t"}
    assert admin.get(f"{API}/queue", params={"status": "failed"}).json()["items"] == []


def test_an_address_is_put_into_the_queue(admin: httpx.Client) -> None:
    told = agrees("POST /queue", admin.post(f"{API}/queue", json=request("POST /queue")))
    assert (told["platform"], told["source"], told["status"]) == ("instagram", "evalongoria", "pending")
    assert told["created_date"] == "2026-03-02T12:00:00Z"
    assert admin.post(f"{API}/queue", json=request("POST /queue")).status_code == 409
    stored = admin.get(f"{API}/queue/{told['id']}").json()
    assert stored["metadata"]["downloader"] == "fastdl"
    assert stored["metadata"]["content_type"] == "posts"


def test_an_item_is_paused_and_moved(stage: Stage, admin: httpx.Client) -> None:
    number = item(stage)
    answer = admin.patch(f"{API}/queue/{number}", json=request("PATCH /queue/{id}"))
    assert agrees("PATCH /queue/{id}", answer) == {"id": number, "status": "paused", "priority": 1}
    assert admin.patch(f"{API}/queue/{number}", json={"status": "pending"}).json()["status"] == "pending"


def test_an_item_is_taken_out_of_the_queue(stage: Stage, admin: httpx.Client) -> None:
    number = item(stage)
    assert admin.delete(f"{API}/queue/{number}").status_code == 204
    assert admin.delete(f"{API}/queue/{number}").status_code == 404


def test_a_failed_item_is_tried_again(stage: Stage, admin: httpx.Client) -> None:
    number = failed(stage)
    told = agrees("POST /queue/{id}/retry", admin.post(f"{API}/queue/{number}/retry"))
    assert (told["id"], told["status"], told["attempts"]) == (number, "pending", 1)
    assert admin.post(f"{API}/queue/{number}/retry").status_code == 409


def test_finished_items_are_cleared(stage: Stage, admin: httpx.Client) -> None:
    failed(stage)
    answer = admin.post(f"{API}/queue/clear", json=request("POST /queue/clear"))
    assert agrees("POST /queue/clear", answer) == {"deleted": 1}


def test_the_queue_is_told_at_a_glance(stage: Stage, admin: httpx.Client) -> None:
    item(stage)
    told = agrees("GET /queue/stats", admin.get(f"{API}/queue/stats"))
    assert (told["total"], told["pending"], told["active_workers"]) == (1, 1, 0)


def test_schedules_are_listed(stage: Stage, admin: httpx.Client) -> None:
    schedule(stage)
    told = agrees("GET /scheduler/jobs", admin.get(f"{API}/scheduler/jobs"))
    one = told["jobs"][0]
    assert one["schedule_human"] == "Every 4 hours"
    assert one["next_run"] == "2026-03-02T16:00:00Z"
    assert one["id"] == "instagram-evalongoria-posts"


def test_a_schedule_is_made(admin: httpx.Client) -> None:
    answer = admin.post(f"{API}/scheduler/jobs", json=request("POST /scheduler/jobs"))
    told = agrees("POST /scheduler/jobs", answer)
    assert told == {
        "id": "instagram-evalongoria-stories",
        "name": "Eva Longoria Stories",
        "next_run": "2026-03-02T18:00:00Z",
        "enabled": True,
    }


def test_a_schedule_is_changed_and_removed(stage: Stage, admin: httpx.Client) -> None:
    name = schedule(stage)
    answer = admin.patch(f"{API}/scheduler/jobs/{name}", json=request("PATCH /scheduler/jobs/{id}"))
    told = agrees("PATCH /scheduler/jobs/{id}", answer)
    assert told == {"id": name, "schedule": "0 */8 * * *", "enabled": False, "next_run": None}
    assert admin.delete(f"{API}/scheduler/jobs/{name}").status_code == 204
    assert admin.delete(f"{API}/scheduler/jobs/{name}").status_code == 404


def test_a_schedule_is_run_at_once_and_its_run_is_in_the_history(stage: Stage, admin: httpx.Client) -> None:
    name = schedule(stage)
    told = agrees("POST /scheduler/jobs/{id}/run", admin.post(f"{API}/scheduler/jobs/{name}/run"))
    assert (told["status"], told["message"]) == ("queued", "Job execution queued")
    run = stage.do(schedule_store.history, None, schedule_id=None, status=None, most=1)[0].id
    stage.clock.advance(225)
    stage.do(runs.end, run, ItemStatus.COMPLETED, 8, None)
    query = {"job_id": name, "status": "success", "limit": 5}
    history = agrees("GET /scheduler/history", admin.get(f"{API}/scheduler/history", params=query))["history"]
    assert [(entry["job_id"], entry["duration_seconds"], entry["items_downloaded"]) for entry in history] == [
        (name, 225, 8)
    ]
    assert admin.get(f"{API}/scheduler/history", params={"status": "failure"}).json() == {"history": []}


def test_platforms_are_listed(admin: httpx.Client) -> None:
    answer = admin.get(f"{API}/platforms")
    assert answer.status_code == 200
    documented = {entry["name"]: entry for entry in DOCUMENTED["GET /platforms"]["answer"]["platforms"]}
    told = {entry["name"]: entry for entry in answer.json()["platforms"]}
    assert set(told) >= {"instagram", "tiktok", "forum", "web"}
    for entry in told.values():
        assert entry.keys() >= documented["tiktok"].keys()
        assert entry.keys() <= documented["instagram"].keys()
    assert [d["name"] for d in told["instagram"]["downloaders"]] == ["fastdl", "toolzu"]
    assert set(documented["instagram"]["content_types"]) <= set(told["instagram"]["content_types"])


@pytest.mark.parametrize("platform", ["instagram", "tiktok"])
def test_what_a_creator_posts_is_queued(admin: httpx.Client, platform: str) -> None:
    call = f"POST /platforms/{platform}/download"
    told = agrees(call, admin.post(f"{API}/platforms/{platform}/download", json=request(call)))
    assert told["status"] == "queued"
    assert admin.get(f"{API}/queue/{told['queue_id']}").json()["source"] == "evalongoria"


def test_a_thread_is_monitored(admin: httpx.Client) -> None:
    call = "POST /platforms/forum/monitor"
    told = agrees(call, admin.post(f"{API}/platforms/forum/monitor", json=request(call)))
    assert told == {"thread_id": "thread-123", "status": "active", "monitor_until": "2026-04-01T12:00:00Z"}


def test_settings_are_told_with_secrets_masked_and_changed(admin: httpx.Client) -> None:
    told = admin.get(f"{API}/settings").json()
    documented = DOCUMENTED["GET /settings"]["answer"]
    missing = [text for text in differences(told, documented) if not text.endswith("is not documented")]
    assert missing == []
    changed = agrees("PATCH /settings", admin.patch(f"{API}/settings", json=request("PATCH /settings")))
    assert changed == DOCUMENTED["PATCH /settings"]["answer"]
    key = {"platforms": {"instagram": {"toolzu": {"captcha_api_key": "very secret"}}}}
    assert admin.patch(f"{API}/settings", json=key).json()["updated_fields"] == 1
    after = admin.get(f"{API}/settings")
    assert "very secret" not in after.text
    assert after.json()["platforms"]["instagram"]["toolzu"]["captcha_api_key"] == "***"
    assert after.json()["general"]["concurrent_downloads"] == 6


def test_the_log_is_searched_downloaded_and_cleared(stage: Stage, admin: httpx.Client) -> None:
    logs.logger("Instagram").info(
        "Downloaded 8 posts from evalongoria", username="evalongoria", count=8, duration_seconds=45
    )
    query = {"level": "INFO", "module": "Instagram", "search": "evalongoria", "limit": 10}
    query |= {"date_from": "2026-03-02T00:00:00Z", "date_to": "2026-03-03T00:00:00Z"}
    told = agrees("GET /logs", admin.get(f"{API}/logs", params=query))
    assert told["filtered"] == 1
    assert told["logs"][0]["timestamp"] == "2026-03-02T12:00:00.000Z"
    for kind, ending in (("text", "log"), ("json", "jsonl")):
        file = admin.get(f"{API}/logs/download", params={"date": "2026-03-02", "format": kind})
        assert file.headers["content-type"] == "application/octet-stream"
        assert file.headers["content-disposition"] == f'attachment; filename="media_downloader_20260302.{ending}"'
        assert "Downloaded 8 posts" in file.text
    stage.clock.advance(3 * 86_400)
    logs.logger("Instagram").info("Three days later.")
    admin = stage.client(stage.admin)
    gone = agrees("DELETE /logs", admin.delete(f"{API}/logs", params={"older_than_days": 1}))
    assert gone["deleted_files"] == 1
    assert gone["deleted_size_bytes"] > 0


def test_the_overview_is_told(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("ABC123")
    schedule(stage)
    admin.patch(f"{API}/settings", json={"general": {"storage_limit_gb": 500}})
    told = agrees("GET /stats/overview", admin.get(f"{API}/stats/overview"), "platforms")
    assert told["downloads"] == {"today": 1, "week": 1, "month": 1, "total": 1}
    assert told["storage"]["limit_human"] == "500 GB"
    assert told["storage"]["used_bytes"] == kept.size
    assert told["platforms"]["instagram"] == {"status": "operational", "downloads_today": 1}
    assert told["next_scheduled_task"]["in_seconds"] == 4 * 3600


@pytest.mark.parametrize("group_by", ["hour", "day", "week", "month"])
def test_downloads_over_time_are_told(stage: Stage, admin: httpx.Client, group_by: str) -> None:
    stage.keep("ABC123")
    stage.clock.advance(60)
    for period in ("day", "week", "month", "year"):
        answer = admin.get(f"{API}/stats/timeline", params={"period": period, "group_by": group_by})
        points = agrees("GET /stats/timeline", answer)["timeline"]
        assert sum(point["downloads"] for point in points) == 1
        assert (points[-1]["downloads"], points[-1]["success"], points[-1]["failed"]) == (1, 1, 0)


def test_platforms_are_compared(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("ABC123")
    told = agrees("GET /stats/platforms", admin.get(f"{API}/stats/platforms"))["platforms"]
    assert told == [
        {
            "platform": "instagram",
            "downloads": 1,
            "success": 1,
            "failed": 0,
            "success_rate": 100.0,
            "total_size_bytes": kept.size,
        }
    ]
