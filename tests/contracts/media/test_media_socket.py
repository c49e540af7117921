"""The socket: five events as documented, to those who may see them, and an end for what has no right to go on."""

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from media_stage import DOCUMENTED, Stage, differences, staged
from websockets.asyncio.client import ClientConnection, connect
from websockets.sync import client as sync

from entourage.accounts import tokens, users
from entourage.archive import queue
from entourage.archive.model import Wish
from entourage.doors.media import socket as media_socket
from entourage.doors.media.socket import BACKLOG, Listener
from entourage.kernel import events, logs


@contextmanager
def listening(stage: Stage, token: str) -> Generator[sync.ClientConnection]:
    """A socket that is open."""
    url = stage.url.replace("http", "ws", 1)
    with sync.connect(f"{url}/ws/downloads?token={token}", open_timeout=10, close_timeout=5) as connection:
        yield connection


def heard(connection: sync.ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of that kind, as documented."""
    documented = {entry["event"]["type"]: entry["event"] for entry in DOCUMENTED.values() if "event" in entry}
    while True:
        event = json.loads(connection.recv(timeout=20))
        if event["type"] == kind:
            assert list(differences(event, documented[kind])) == []
            return event["data"]


def closed(connection: sync.ClientConnection) -> int:
    """The code that the server closed with."""
    close = None
    try:
        while True:
            connection.recv(timeout=20)
    except websockets.ConnectionClosed as end:
        close = end.rcvd
    assert close is not None
    return close.code


PROGRESS = {
    "queue_id": 7,
    "url": "https://instagram.com/evalongoria",
    "platform": "instagram",
    "source": "evalongoria",
    "status": "downloading",
    "progress": 65,
    "items_done": 13,
    "items_total": 20,
    "current": "one.jpg",
    "speed": 312_500,
    "eta": 45,
}
FINISHED = {
    "queue_id": 7,
    "platform": "instagram",
    "source": "evalongoria",
    "items_done": 20,
    "items_failed": 0,
    "duration": 171.6,
    "status": "completed",
}
NOTICE = {
    "level": "success",
    "title": "Download complete",
    "message": "Downloaded 20 files from eva & co",
    "source": "eva & co",
    "queue_id": 7,
}


def test_all_five_events_come_as_documented(stage: Stage) -> None:
    with listening(stage, stage.token(stage.admin)) as connection:
        item = stage.do(queue.add, stage.actor, Wish(url="https://tiktok.com/@evalongoria"))
        told = heard(connection, "queue_updated")
        expected = {"id": item.id, "platform": "tiktok", "source": item.source, "status": "pending"}
        assert told == {"action": "added", "item": expected}
        stage.call(stage.parts.bus.tell, "queue.progress", PROGRESS, user=stage.admin.id)
        progress = heard(connection, "download_progress")
        assert (progress["speed_mbps"], progress["eta_seconds"], progress["items_downloaded"]) == (2.5, 45, 13)
        stage.do(events.publish, "queue.finished", FINISHED, user=stage.admin.id)
        assert heard(connection, "download_completed")["duration_seconds"] == 172
        stage.do(events.publish, "notice", NOTICE, user=stage.admin.id)
        notice = heard(connection, "notification")
        assert notice["action"] == {"label": "View Downloads", "link": "/history?source=eva%20%26%20co"}
        logs.logger("Instagram").info("Started downloading posts from evalongoria")
        line = heard(connection, "log")
        assert line == {
            "level": "INFO",
            "module": "Instagram",
            "message": "Started downloading posts from evalongoria",
        }


def test_events_reach_only_those_who_may_see_their_subject(stage: Stage) -> None:
    with listening(stage, stage.token(stage.user)) as bea, listening(stage, stage.token(stage.admin)) as admin:
        logs.logger("Queue").info("About nobody.")
        stage.do(events.publish, "queue.finished", {**FINISHED, "queue_id": 1}, user=stage.admin.id)
        stage.do(events.publish, "queue.finished", {**FINISHED, "queue_id": 2}, user=stage.user.id)
        stage.do(events.publish, "notice", {**NOTICE, "message": "For all"}, user=None)
        assert heard(admin, "download_completed")["queue_id"] == 1
        assert heard(admin, "download_completed")["queue_id"] == 2
        first = json.loads(bea.recv(timeout=20))
        assert (first["type"], first["data"]["queue_id"]) == ("download_completed", 2)
        assert heard(bea, "notification")["message"] == "For all"


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_a_token_that_does_not_count_closes_the_socket(stage: Stage, token: str) -> None:
    with listening(stage, token) as connection:
        assert closed(connection) == 4401


def test_the_eleventh_socket_of_a_user_is_closed_and_others_stay(stage: Stage) -> None:
    async def eleven() -> list[int | None]:
        url = f"{stage.url.replace('http', 'ws', 1)}/ws/downloads?token={stage.token(stage.user)}"
        opened: list[ClientConnection] = [await connect(url) for _ in range(10)]
        extra = await connect(url)
        with pytest.raises(websockets.ConnectionClosed):
            await extra.recv()
        await opened[0].close()
        while True:  # until the server has seen that one has left
            again = await connect(url)
            try:
                await asyncio.wait_for(again.recv(), 0.1)
            except TimeoutError:
                break
            except websockets.ConnectionClosed:
                continue
        codes = [extra.close_code, again.close_code]
        for connection in (*opened, again):
            await connection.close()
        return codes

    assert asyncio.run(eleven()) == [4429, None]


def test_a_socket_ends_with_its_token(database_url: str, tmp_path: Path, clock: Any) -> None:
    with staged(database_url, tmp_path / "data", clock, access_seconds=2) as stage:
        token = stage.token(stage.admin)
        with listening(stage, token) as connection:
            clock.advance(5)  # the server looks again after the seconds that the token had left
            assert closed(connection) == 4401


def test_handshakes_count_as_requests(database_url: str, tmp_path: Path, clock: Any) -> None:
    with staged(database_url, tmp_path / "data", clock, user_rate=1) as stage:
        token = stage.token(stage.user)
        with listening(stage, token) as connection:
            assert connection.response is not None
            assert connection.response.headers["X-RateLimit-Limit"] == "1"
            assert connection.response.headers["X-RateLimit-Remaining"] == "0"
        with listening(stage, token) as connection:
            assert closed(connection) == 4429


def test_what_a_client_says_is_nothing_to_us(stage: Stage) -> None:
    with listening(stage, stage.token(stage.admin)) as connection:
        connection.send("nonsense")
        connection.send(b"\x00\xff")
        stage.do(events.publish, "queue.finished", FINISHED, user=stage.admin.id)
        heard(connection, "download_completed")


def test_a_slow_client_gets_the_newest_progress_and_loses_the_oldest_of_the_rest(stage: Stage) -> None:
    def burst() -> Listener:
        listener = Listener(stage.actor)
        for percent in range(1000):
            listener.hand(("progress", 7), str(percent))
        assert list(listener.waiting.values()) == ["999"]
        for number in range(BACKLOG + 5):
            listener.hand(number, str(number))
        return listener

    listener = stage.call(burst)
    assert (len(listener.waiting), listener.missed, listener.slow) == (BACKLOG, 6, False)
    assert next(iter(listener.waiting.values())) == "5"


def test_a_burst_is_read_whole_and_what_was_left_out_is_told(stage: Stage) -> None:
    with listening(stage, stage.token(stage.user)) as connection:

        def burst() -> None:
            for number in range(BACKLOG + 50):
                stage.parts.bus.tell("queue.finished", {**FINISHED, "queue_id": number}, user=stage.user.id)

        stage.call(burst)
        assert "50 events" in heard(connection, "notification")["message"]
        ids = [heard(connection, "download_completed")["queue_id"] for _ in range(BACKLOG)]
        assert ids == list(range(50, BACKLOG + 50))


def test_a_client_that_stops_reading_is_closed_and_holds_up_nobody(
    database_url: str, tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_socket, "STUCK", 0.3)
    monkeypatch.setattr(media_socket, "BACKLOG", 200)
    big = {**NOTICE, "message": "x" * 20_000}

    async def scene(stage: Stage) -> None:
        url = f"{stage.url.replace('http', 'ws', 1)}/ws/downloads?token={stage.token(stage.user)}"
        async with connect(url, max_size=None, max_queue=None) as reader:
            stuck = await connect(url, max_queue=1, ping_interval=None, close_timeout=1)
            stuck.transport.pause_reading()
            while True:
                for _ in range(100):
                    stage.loop.call_soon_threadsafe(_tell, stage, big)
                for _ in range(100):
                    assert json.loads(await asyncio.wait_for(reader.recv(), 20))["type"] == "notification"
                async with connect(url) as third:  # refused for as long as the stuck one holds the second place
                    try:
                        await asyncio.wait_for(third.recv(), 0.1)
                    except TimeoutError:
                        break
                    except websockets.ConnectionClosed:
                        continue
            stuck.transport.abort()

    with staged(database_url, tmp_path / "data", clock, user_sockets=2, user_rate=100_000) as stage:
        asyncio.run(asyncio.wait_for(scene(stage), 60))


def _tell(stage: Stage, data: dict[str, Any]) -> None:
    stage.parts.bus.tell("notice", data, user=stage.user.id)


def test_a_revoked_token_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_socket, "RECHECK", 0.05)
    with listening(stage, stage.token(stage.user)) as connection:
        stage.do(users.disable, stage.actor, stage.user.id)
        stage.clock.advance(tokens.RECHECK.total_seconds())
        assert closed(connection) == 4401
