"""Whatever goes wrong, the answer is the envelope, with the right status, and nothing was changed."""

import inspect
import json
import socket
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from media_stage import Stage

from entourage.accounts import tokens
from entourage.doors import refusals
from entourage.doors.media import wire
from entourage.doors.media.dialect import WORDS, Dialect
from entourage.kernel import errors, logs
from entourage.kernel.statements import Busy
from entourage.networks import registry

API = "/api/v1"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def told(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The envelope of an error, after a look at what every error has."""
    assert answer.status_code == status, answer.text
    envelope = answer.json()
    assert set(envelope) == {"detail", "error_code", "timestamp", "request_id"}
    assert all(isinstance(value, str) and value for value in envelope.values())
    assert answer.headers["x-request-id"] == str(uuid.UUID(envelope["request_id"]))
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["x-ratelimit-limit"]) >= int(answer.headers["x-ratelimit-remaining"]) >= 0
    return envelope


def test_every_error_that_can_be_raised_has_words_of_its_own() -> None:
    modules = (errors, refusals)
    kinds = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)}
    kinds = {kind for kind in kinds if issubclass(kind, errors.EntourageError)} - {errors.EntourageError}
    assert kinds == set(WORDS)
    assert len({words.code for words in WORDS.values()}) == len(WORDS)


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (errors.Unauthenticated("No."), 401, (b"www-authenticate", b"Bearer")),
        (errors.LockedOut("No.", NOW + timedelta(minutes=15)), 429, (b"retry-after", b"900")),
        (errors.StorageFull("No room."), 503, (b"retry-after", b"30")),
        (Busy("Busy."), 503, (b"retry-after", b"30")),
        (errors.Throttled("Wait.", 7.2), 503, (b"retry-after", b"8")),
        (refusals.RateLimited("Wait.", 60), 429, (b"retry-after", b"60")),
    ],
)
def test_an_error_tells_what_to_do_next(error: Exception, status: int, header: tuple[bytes, bytes]) -> None:
    reply = Dialect().refusal(error, "id", NOW)
    assert reply.status == status
    assert header in reply.headers


def test_a_crash_of_ours_tells_nothing_but_its_request_id() -> None:
    reply = Dialect().refusal(RuntimeError("the secret is 42"), "an id", NOW)
    assert reply.status == 500
    assert b"42" not in reply.body
    assert json.loads(reply.body)["request_id"] == "an id"


def test_a_child_that_failed_does_not_tell_its_output() -> None:
    assert b"/home" not in Dialect().refusal(errors.ChildFailed(1, "in /home/ada"), "id", NOW).body


def test_the_platforms_of_the_contract_are_those_there_are() -> None:
    assert set(wire.PlatformName.__args__) == set(registry.READERS)


def test_a_crash_is_an_envelope_and_stands_in_the_log_under_its_id(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("one")
    stage.parts.shelf.blob_path(kept).unlink()
    envelope = told(admin.get(f"{API}/downloads/{kept.id}/file"), 404)
    assert "verify" in envelope["detail"]
    stage.parts.database.close()
    envelope = told(admin.get(f"{API}/queue"), 500)
    stage_logs = "".join(path.read_text() for path in stage.parts.settings.logs.glob("*.jsonl"))
    assert envelope["request_id"] in stage_logs
    assert "Traceback" not in envelope["detail"]
    logs.logger("Server").info("The test is over.")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "", 404),
        ("POST", "/queue/1/nothing", 404),
        ("GET", "/downloads/77", 404),
        ("GET", "/downloads/99999999999999999999999", 404),
        ("GET", "/downloads/0", 404),
        ("GET", "/downloads/1_0", 422),
        ("GET", "/downloads/-1", 422),
        ("GET", "/downloads/%D9%A1", 422),
        ("GET", "/downloads/one", 422),
        ("PUT", "/queue", 405),
        ("DELETE", "/downloads/stats", 405),
        ("GET", "/downloads/bulk", 405),
        ("POST", "/queue/77/retry", 404),
        ("POST", "/scheduler/jobs/none/run", 404),
        ("DELETE", "/scheduler/jobs/%00", 404),
        ("GET", "/downloads?page=0", 422),
        ("GET", "/downloads?page=1.5", 422),
        ("GET", "/downloads?page=", 422),
        ("GET", "/downloads?per_page=201", 422),
        ("GET", "/downloads?platform=myspace", 422),
        ("GET", "/downloads?status=pending", 422),
        ("GET", "/downloads?date_from=yesterday", 422),
        ("GET", "/downloads?date_from=2026-02-30", 422),
        ("GET", "/downloads?date_from=2026-03-02&date_to=2026-03-01", 422),
        ("GET", "/downloads?search=%00", 422),
        ("GET", "/downloads?source=%FF", 400),
        ("GET", "/downloads/stats?period=century", 422),
        ("GET", "/downloads/stats?group_by=colour", 422),
        ("DELETE", "/downloads/1?delete_file=perhaps", 422),
        ("GET", "/queue?status=lost", 422),
        ("GET", "/scheduler/history?limit=1001", 422),
        ("GET", "/scheduler/history?status=running", 422),
        ("GET", "/logs?limit=0", 422),
        ("GET", "/logs?level=LOUD", 422),
        ("GET", "/logs?date_from=2026", 422),
        ("GET", "/logs/download?date=2026-13-01", 422),
        ("GET", "/logs/download?format=pdf", 422),
        ("GET", "/logs/download?date=2001-01-01", 404),
        ("DELETE", "/logs", 422),
        ("DELETE", "/logs?older_than_days=-1", 422),
        ("GET", "/stats/timeline?period=today", 422),
        ("GET", "/stats/timeline?group_by=minute", 422),
    ],
)
def test_a_wrong_address_or_question_is_refused(admin: httpx.Client, method: str, path: str, status: int) -> None:
    envelope = told(admin.request(method, API + path), status)
    if "?" in path and status == 422:
        assert path.partition("?")[2].rpartition("&")[2].partition("=")[0] in envelope["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/auth/login", {"username": "admin"}, "password"),
        ("POST", "/auth/login", {"username": 1, "password": "x"}, "username"),
        ("POST", "/auth/login", {"username": "a\x00", "password": "x"}, "username"),
        ("POST", "/auth/refresh", {}, "refresh_token"),
        ("POST", "/queue", {}, "url"),
        ("POST", "/queue", {"url": "ftp://example.org/x"}, "url"),
        ("POST", "/queue", {"url": "https://a b/"}, "url"),
        ("POST", "/queue", {"url": "https://u:p@example.org/"}, "url"),
        ("POST", "/queue", {"url": "https://example.org/" + "x" * 5000}, "url"),
        ("POST", "/queue", {"url": "https://example.org/", "colour": "red"}, "colour"),
        ("POST", "/queue", {"url": "https://example.org/", "priority": 0}, "priority"),
        ("POST", "/queue", {"url": "https://example.org/", "priority": 11}, "priority"),
        ("POST", "/queue", {"url": "https://example.org/", "priority": "5"}, "priority"),
        ("POST", "/queue", {"url": "https://example.org/", "priority": True}, "priority"),
        ("POST", "/queue", {"url": "https://example.org/", "platform": "myspace"}, "platform"),
        ("POST", "/queue", {"url": "https://example.org/", "max_downloads": 0}, "max_downloads"),
        ("POST", "/queue", {"url": "https://example.org/", "metadata": []}, "metadata"),
        ("POST", "/queue", {"url": "https://example.org/", "metadata": {"downloader": "x"}}, "metadata.downloader"),
        ("POST", "/queue", {"url": "https://example.org/", "content_type": "smells"}, "content_type"),
        ("POST", "/queue/clear", {"status": ["pending"]}, "status"),
        ("POST", "/queue/clear", {"status": []}, "status"),
        ("PATCH", "/queue/1", {"status": "completed"}, "status"),
        ("POST", "/downloads/bulk", {"action": "eat", "ids": [1]}, "action"),
        ("POST", "/downloads/bulk", {"action": "delete", "ids": []}, "ids"),
        ("POST", "/downloads/bulk", {"action": "delete", "ids": [2**64]}, "ids"),
        ("POST", "/downloads/bulk", {"action": "delete", "ids": ["1"]}, "ids"),
        ("POST", "/scheduler/jobs", {"name": "x", "platform": "tiktok", "source": "x"}, "schedule"),
        ("POST", "/platforms/instagram/download", {"username": "../../etc"}, "username"),
        ("POST", "/platforms/instagram/download", {"username": "ada", "downloader": "wget"}, "downloader"),
        ("POST", "/platforms/tiktok/download", {"username": "ada", "content_type": "videos"}, "content_type"),
        ("POST", "/platforms/forum/monitor", {"forum_name": "x", "thread_url": "x"}, "thread_url"),
        (
            "POST",
            "/platforms/forum/monitor",
            {"forum_name": "x", "thread_url": "https://example.org/t/1", "monitor_days": 0},
            "monitor_days",
        ),
        ("PATCH", "/settings", {"general": {"concurrent_downloads": "six"}}, "general.concurrent_downloads"),
        ("PATCH", "/settings", {"general": {"colour": "red"}}, "general.colour"),
        ("PATCH", "/settings", [1], "body"),
    ],
)
def test_a_body_that_cannot_be_accepted_is_refused_naming_the_field(
    admin: httpx.Client, method: str, path: str, body: Any, field: str
) -> None:
    envelope = told(admin.request(method, API + path, json=body), 422)
    assert field in envelope["detail"]
    assert envelope["error_code"] == "VALIDATION_ERROR"
    assert admin.get(f"{API}/queue").json()["total"] == 0


@pytest.mark.parametrize("cron", ["every day", "61 * * * *", "* * * *", "0 0 30 2 *", "* * * * * *", "\x00 * * * *"])
def test_a_schedule_that_never_fires_is_refused(admin: httpx.Client, cron: str) -> None:
    job = {"name": "x", "platform": "tiktok", "source": "ada", "schedule": cron}
    assert "schedule" in told(admin.post(f"{API}/scheduler/jobs", json=job), 422)["detail"]
    assert admin.get(f"{API}/scheduler/jobs").json() == {"jobs": []}


def test_every_wrong_field_is_named_at_once(admin: httpx.Client) -> None:
    detail = told(admin.post(f"{API}/queue", json={"priority": 0, "nonsense": 1, "referer": 5}), 422)["detail"]
    assert all(name in detail for name in ("url", "priority", "nonsense", "referer"))


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'{"url": "\xed\xa0\x80"}'])
def test_a_body_that_is_not_json_is_a_bad_request(admin: httpx.Client, raw: bytes) -> None:
    answer = admin.post(f"{API}/queue", content=raw, headers={"Content-Type": "application/json"})
    told(answer, 400)


def test_another_content_type_is_refused(admin: httpx.Client) -> None:
    told(admin.post(f"{API}/queue", data={"url": "https://example.org/"}), 415)
    told(admin.post(f"{API}/queue", content=b"<a/>", headers={"Content-Type": "text/xml"}), 415)
    plain = admin.post(f"{API}/queue", content=b'{"url":"https://example.org/"}')
    assert plain.status_code == 201


def test_a_huge_body_is_refused_whether_its_length_is_told_or_not(admin: httpx.Client) -> None:
    huge = b'{"url": "' + b"x" * 1_100_000 + b'"}'
    told(admin.post(f"{API}/queue", content=huge, headers={"Content-Type": "application/json"}), 413)
    pieces = iter([huge[:600_000], huge[600_000:]])
    told(admin.post(f"{API}/queue", content=pieces, headers={"Content-Type": "application/json"}), 413)


def test_405_and_options_name_the_methods(admin: httpx.Client) -> None:
    answer = admin.put(f"{API}/queue", json={})
    told(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    options = admin.options(f"{API}/queue/7")
    assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")
    told(admin.options(f"{API}/nothing"), 404)


def test_head_answers_as_get_does_without_the_body(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("one")
    for path in ("/downloads", f"/downloads/{kept.id}", f"/downloads/{kept.id}/file", "/queue"):
        head, whole = admin.head(API + path), admin.get(API + path)
        assert head.status_code == whole.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    "credential", [None, "", "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer a.b.c", "Bearer \xff\xfe"]
)
def test_without_a_token_that_counts_nothing_is_told(stage: Stage, credential: str | None) -> None:
    headers = {} if credential is None else {b"Authorization": credential.encode("latin-1")}
    client = stage.client()
    for method, path in (("GET", "/downloads"), ("POST", "/queue"), ("GET", "/auth/me"), ("DELETE", "/logs")):
        answer = client.request(method, API + path, headers=headers)
        told(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refresh_token_is_no_access_token_and_an_expired_one_is_none(stage: Stage) -> None:
    pair = stage.do(tokens.issue, stage.parts.keys, stage.admin)
    client = stage.client(headers={"Authorization": f"Bearer {pair.refresh}"})
    told(client.get(f"{API}/auth/me"), 401)
    client.headers["Authorization"] = f"Bearer {pair.access}"
    assert client.get(f"{API}/auth/me").status_code == 200
    stage.clock.advance(901)
    told(client.get(f"{API}/auth/me"), 401)


def test_another_users_things_are_not_there(stage: Stage, admin: httpx.Client, bea: httpx.Client) -> None:
    kept = stage.keep("one")
    number = admin.post(f"{API}/queue", json={"url": "https://example.org/"}).json()["id"]
    for method, path in (
        ("GET", f"/downloads/{kept.id}"),
        ("GET", f"/downloads/{kept.id}/file"),
        ("GET", f"/downloads/{kept.id}/thumbnail"),
        ("DELETE", f"/downloads/{kept.id}"),
        ("GET", f"/queue/{number}"),
        ("DELETE", f"/queue/{number}"),
        ("POST", f"/queue/{number}/retry"),
    ):
        told(bea.request(method, API + path), 404)
    assert bea.get(f"{API}/downloads").json()["total"] == 0
    assert bea.get(f"{API}/queue").json()["total"] == 0
    assert admin.get(f"{API}/downloads/{kept.id}").status_code == 200


def test_settings_and_the_clearing_of_logs_are_for_administrators(bea: httpx.Client) -> None:
    told(bea.get(f"{API}/settings"), 403)
    told(bea.patch(f"{API}/settings", json={"general": {"retry_attempts": 2}}), 403)
    told(bea.delete(f"{API}/logs", params={"older_than_days": 1}), 403)


def test_what_is_not_http_is_no_crash(stage: Stage) -> None:
    parts = urlsplit(stage.url)
    with socket.create_connection((parts.hostname, parts.port), 10) as raw:
        raw.sendall(b"NONSENSE\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    told(stage.client().get(f"{API}/nothing", headers={"Host": "bad host/"}), 400)
