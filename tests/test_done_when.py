"""The main job as its user lives it, by the API alone: a thread comes in, the server is killed, and it is finished."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from servers.entourage_server import entourage, serving
from websockets.sync.client import ClientConnection, connect

from entourage.networks.sandbox import server as sandbox
from entourage.networks.sandbox.answers import Pace
from entourage.networks.sandbox.server import Place

PASSWORD = "a long and good password"
SIGHTS = 66
"""Files in the thread: 64 pictures and two films; one picture comes at the second try only."""
KILLED_AFTER = 12
MOST_EVENTS = 5_000


@pytest.fixture
def thread() -> Generator[Place]:
    """A forum thread of six pages, on a line slow enough to be killed in the middle."""
    with sandbox.serving(pace=Pace(rate=300_000, latency=0.05)) as running:
        yield running.threads[1]


class Caller:
    """Somebody with a token, who knows nothing but the address of the server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=60)
        answer = self._http.post("/auth/login", json={"username": "ann", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self._token = answer.json()["access_token"]
        self._http.headers["authorization"] = f"Bearer {self._token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def asks(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    def bytes_of(self, path: str) -> httpx.Response:
        answer = self._http.get(path.removeprefix("/api/v1"))
        assert answer.status_code == 200, (path, answer.text[:300])
        return answer

    def listens(self) -> ClientConnection:
        """A WebSocket with the live events."""
        return connect(f"{self._url.replace('http', 'ws')}/ws/downloads?token={self._token}", open_timeout=60)


def until(socket: ClientConnection, queue_id: int, done: int) -> dict[str, Any]:
    """What is told of an item once so many of its files are here (or it is completed)."""
    for _ in range(MOST_EVENTS):
        event = json.loads(socket.recv(timeout=60))
        told = event["data"]
        if told.get("queue_id") != queue_id:
            continue
        if event["type"] == "download_completed" or told.get("items_downloaded", 0) >= done:
            return event
    raise AssertionError("the item never came so far")


def test_a_thread_comes_in_the_server_is_killed_and_it_is_finished(
    database_url: str, tmp_path: Path, thread: Place
) -> None:
    given = ("--data", tmp_path / "data", "--database", database_url)
    added = entourage(
        *("user", "add", "ann", "--email", "ann@example.org", "--role", "admin", "--password-stdin", *given),
        typed=PASSWORD,
    )
    assert added.code == 0, added.err

    with serving(*given[1:], env={"ENTOURAGE_USER_RATE": "100000"}) as server, Caller(server.url) as ann:
        queued = ann.asks("POST", "/queue", 201, json={"url": thread.url, "source": "Tidewater"})
        item = queued["id"]
        assert (queued["platform"], queued["status"]) == ("forum", "pending")
        with ann.listens() as socket:
            told = until(socket, item, KILLED_AFTER)
        assert told["type"] == "download_progress"
        assert 0 < told["data"]["progress"] < 100
        assert told["data"]["current_item"]
        server.kill()

    with serving(*given[1:], env={"ENTOURAGE_USER_RATE": "100000"}) as server, Caller(server.url) as ann:
        before = ann.asks("GET", "/downloads", params={"per_page": 100})["total"]
        assert KILLED_AFTER <= before < SIGHTS
        with ann.listens() as socket:
            if not _completed(ann, item):
                told = until(socket, item, SIGHTS + 1)
                assert (told["type"], told["data"]["items_downloaded"]) == ("download_completed", SIGHTS)
        assert _completed(ann, item)
        found = ann.asks("GET", "/downloads", params={"per_page": 100})
        assert (found["total"], {one["status"] for one in found["items"]}) == (SIGHTS, {"completed"})
        assert len({one["url"] + one["filename"] for one in found["items"]}) == SIGHTS
        for one in found["items"]:
            whole = ann.asks("GET", f"/downloads/{one['id']}")
            assert whole["thumbnail_url"]
            small = ann.bytes_of(whole["thumbnail_url"])
            assert small.headers["content-type"] == "image/webp"
        stats = ann.asks("GET", "/downloads/stats")
        assert (stats["total_downloads"], stats["failed"]) == (SIGHTS, 0)
        assert server.end() == 0, server.said
        assert "Traceback" not in server.said

    verified = entourage("verify", *given)
    assert verified.code == 0, verified.out
    assert "files are sound" in verified.out
    assert list((tmp_path / "data" / "incoming").iterdir()) == []


def _completed(ann: Caller, item: int) -> bool:
    (found,) = [one for one in ann.asks("GET", "/queue")["items"] if one["id"] == item]
    return found["status"] == "completed" and found["progress"] == 100
