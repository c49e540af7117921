"""Rate limits are told on every answer, pages in headers; other origins come in by configuration."""

import ipaddress
from pathlib import Path
from typing import Any

import httpx
import pytest
from media_stage import Stage, staged

from entourage.doors.limits import WINDOW, Limiter, client_address

API = "/api/v1"
PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.1/32"))


def test_a_window_is_an_hour_from_the_first_request() -> None:
    limiter = Limiter()
    assert limiter.count(1, 2, 1000.5) == (2, 1, 1000 + WINDOW, True)
    assert limiter.count(1, 2, 1001) == (2, 0, 1000 + WINDOW, True)
    assert limiter.count(1, 2, 1002) == (2, 0, 1000 + WINDOW, False)
    assert limiter.count(2, 2, 1002).allowed
    assert limiter.count(1, 2, 1000 + WINDOW) == (2, 1, 1000 + 2 * WINDOW, True)


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    limiter = Limiter()
    limiter.count(1, 1, 10_000)
    assert limiter.count(1, 1, 500) == (1, 0, 500 + WINDOW, True)


def test_only_so_many_askers_are_remembered() -> None:
    limiter = Limiter(remembered=100)
    for asker in range(1000):
        limiter.count(asker, 5, 1000)
    assert len(limiter) == 100
    assert limiter.count(999, 5, 1001).remaining == 3


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "10.1.1.1", "10.1.1.1"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::"),
        ("a unix socket", None, "a unix socket"),
    ],
)
def test_the_address_is_believed_only_from_a_trusted_proxy(peer: str, forwarded: str | None, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.fixture
def narrow(database_url: str, tmp_path: Path, clock: Any) -> Any:
    """A door with narrow limits, behind a proxy, open to one origin."""
    options = {
        "public_rate": 3,
        "user_rate": 5,
        "trusted_proxies": ("127.0.0.1/32",),
        "cors_origins": ("https://app.example.org",),
    }
    with staged(database_url, tmp_path / "data", clock, **options) as running:
        yield running


def test_the_limit_is_told_on_every_answer_and_then_enforced(narrow: Stage) -> None:
    client = narrow.client()
    for remaining, path in ((2, "/api/v1/nothing"), (1, "/docs"), (0, "/api/v1/downloads")):
        answer = client.get(path)
        assert answer.headers["x-ratelimit-limit"] == "3"
        assert answer.headers["x-ratelimit-remaining"] == str(remaining)
        assert answer.headers["x-ratelimit-reset"] == str(int(narrow.clock().timestamp()) + 3600)
    refused = client.get("/docs")
    assert refused.status_code == 429
    assert refused.json()["error_code"] == "RATE_LIMIT_EXCEEDED"
    assert refused.headers["retry-after"] == "3600"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert client.get("/docs", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
    narrow.clock.advance(3600)
    assert client.get("/docs").status_code == 200


def test_users_have_limits_of_their_own_wherever_they_come_from(narrow: Stage) -> None:
    admin, bea = narrow.client(narrow.admin), narrow.client(narrow.user)
    kept = narrow.keep("one")
    paths = [
        "/auth/me",
        f"/downloads/{kept.id}",
        f"/downloads/{kept.id}",
        f"/downloads/{kept.id}/thumbnail",
        "/nothing",
    ]
    answers = [admin.get(API + path) for path in paths]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
    assert admin.get(f"{API}/auth/me").status_code == 429
    assert admin.get(f"{API}/downloads/{kept.id}").status_code == 429
    assert bea.get(f"{API}/auth/me").headers["x-ratelimit-remaining"] == "4"


def test_one_origin_may_come_in_and_others_not(narrow: Stage) -> None:
    client = narrow.client(narrow.admin)
    ask = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "DELETE"}
    ready = client.options(f"{API}/queue/1", headers=ask)
    assert ready.status_code == 204
    assert "DELETE" in ready.headers["access-control-allow-methods"]
    answer = client.get(f"{API}/downloads", headers={"Origin": "https://app.example.org"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "X-Total-Count" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    other = client.get(f"{API}/downloads", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_without_configuration_no_origin_may_come_in(admin: httpx.Client) -> None:
    answer = admin.get(f"{API}/downloads", headers={"Origin": "https://app.example.org"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_pages_are_told_in_headers(stage: Stage, admin: httpx.Client) -> None:
    for number in range(5):
        stage.keep(f"P{number}")
    answer = admin.get(f"{API}/downloads", params={"platform": "instagram", "page": 2, "per_page": 2})
    told = {
        name: value for name, value in answer.headers.items() if name == "link" or name.startswith(("x-total", "x-p"))
    }
    here = "/api/v1/downloads?platform=instagram&per_page=2&page="
    assert told == {
        "x-total-count": "5",
        "x-page": "2",
        "x-per-page": "2",
        "x-total-pages": "3",
        "link": f'<{here}1>; rel="first", <{here}1>; rel="prev", <{here}3>; rel="next", <{here}3>; rel="last"',
    }
    seen: list[int] = []
    url: str | None = f"{API}/downloads?per_page=2"
    while url:
        page = admin.get(url)
        seen += [entry["id"] for entry in page.json()["items"]]
        url = page.links.get("next", {}).get("url")
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    beyond = admin.get(f"{API}/downloads", params={"page": 9, "per_page": 2})
    assert (beyond.json()["items"], beyond.json()["total"]) == ([], 5)
    assert beyond.links["prev"]["url"].endswith("page=3")


@pytest.mark.parametrize(
    "path", ["/downloads", "/queue", "/scheduler/jobs", "/scheduler/history", "/platforms", "/logs"]
)
def test_every_list_is_paged(admin: httpx.Client, path: str) -> None:
    answer = admin.get(API + path)
    assert answer.status_code == 200
    names = {"x-total-count", "x-page", "x-per-page", "x-total-pages", "link"}
    assert names <= {name.lower() for name in answer.headers}


def test_schedules_are_paged_where_it_is_asked(admin: httpx.Client) -> None:
    for name in ("ada", "bea", "cleo"):
        job = {"name": name, "platform": "tiktok", "source": name, "schedule": "0 6 * * *"}
        assert admin.post(f"{API}/scheduler/jobs", json=job).status_code == 201
    assert len(admin.get(f"{API}/scheduler/jobs").json()["jobs"]) == 3
    second = admin.get(f"{API}/scheduler/jobs", params={"page": 2, "per_page": 2})
    assert (len(second.json()["jobs"]), second.headers["x-total-pages"]) == (1, "2")


def test_an_answer_is_never_given_again_after_the_data_changed(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("one")
    path = f"{API}/downloads/{kept.id}"
    first = [admin.get(path).json() for _ in range(3)]
    assert first[0] == first[1] == first[2]
    admin.post(f"{API}/downloads/bulk", json={"action": "mark_upgraded", "ids": [kept.id]})
    assert admin.get(path).json()["metadata"]["upgraded"] is True
    assert admin.get(f"{API}/downloads").json()["total"] == 1
    stage.keep("two")
    assert admin.get(f"{API}/downloads").json()["total"] == 2
    bea = stage.client(stage.user)
    assert bea.get(path).status_code == 404
    admin.delete(path)
    assert admin.get(path).status_code == 404


def test_ids_of_answers_are_never_the_same(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("one")
    ids = {admin.get(f"{API}/downloads/{kept.id}").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20
