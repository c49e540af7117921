"""Live events: the section "WebSocket Events".

Each event is put into the contract's words once and encoded once, however many sockets get it. A socket that is slow
gets only the newest progress of each item, and is told when events were left out; one that takes nothing is closed.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from entourage.accounts.model import Actor
from entourage.doors.door import House, Turnstile
from entourage.doors.media import wire
from entourage.kernel import logs
from entourage.kernel.bus import Event
from entourage.kernel.clock import system_clock
from entourage.kernel.errors import EntourageError
from entourage.kernel.logbook import LogLine

BACKLOG: Final = 2_000
"""Events that may wait for a socket; of more the oldest are left out, and the client is told."""
STUCK: Final = 15.0
"""Seconds for which a full socket may take nothing before it is closed."""
RECHECK: Final = 60.0
"""Seconds after which a token is looked at again: it may have been revoked."""
CLOSING: Final = 5.0
"""Seconds that a client has to answer our good-bye."""

UNAUTHENTICATED, TOO_MANY, TOO_SLOW = 4401, 4429, 4408
Socket = WebSocket[Any, Any, State]
_encode = msgspec.json.Encoder().encode


class Listener:
    """One socket's waiting events."""

    __slots__ = ("actor", "missed", "moved_at", "slow", "speaking", "waiting", "wake")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.waiting: dict[object, str] = {}
        self.wake = asyncio.Event()
        self.missed = 0
        self.moved_at = 0.0
        self.slow = False
        self.speaking: asyncio.Task[None] | None = None

    def hand(self, key: object, text: str) -> None:
        """Let an event wait to be sent; an older one of the same key is left out."""
        now = asyncio.get_running_loop().time()
        self.waiting.pop(key, None)
        if not self.waiting and not self.wake.is_set():
            self.moved_at = now
        if len(self.waiting) >= BACKLOG:
            del self.waiting[next(iter(self.waiting))]
            self.missed += 1
            if now - self.moved_at > STUCK:
                self.slow = True
                if self.speaking is not None:
                    self.speaking.cancel()
        self.waiting[key] = text
        self.wake.set()

    async def speak(self, socket: Socket) -> None:
        """Send what waits, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.waiting:
                if self.missed:
                    missed, self.missed = self.missed, 0
                    await socket.send_data(_left_out(missed))
                key = next(iter(self.waiting))
                await socket.send_data(self.waiting.pop(key))
                self.moved_at = clock()


class Crowd:
    """Everybody who listens. The bus and the log are followed only while there is somebody."""

    def __init__(self, house: House, turnstile: Turnstile) -> None:
        self._house = house
        self._turnstile = turnstile
        self._listeners: dict[int, set[Listener]] = {}
        self._admins: set[Listener] = set()
        self._stops: list[Callable[[], None]] = []
        self._number = 0

    def handler(self) -> WebsocketRouteHandler:
        """The handler of /ws/downloads."""

        @websocket("/ws/downloads")
        async def live(socket: Socket) -> None:
            """Live events of what the user may see, until the token expires."""
            with contextlib.suppress(WebSocketDisconnect):
                await self._serve(socket)

        return live

    async def _serve(self, socket: Socket) -> None:
        house = self._house
        token = socket.query_params.get("token", "")
        actor: Actor | None = None
        try:
            actor, expires_at = await house.verifier.recognise_until(token)
        except EntourageError as error:
            refused, expires_at = str(error), house.database.clock()
        else:
            refused = ""
        count = self._turnstile.count(socket.scope, dict(socket.scope["headers"]), actor, house.database.clock())
        await socket.accept(
            headers={
                "X-RateLimit-Limit": str(count.limit),
                "X-RateLimit-Remaining": str(count.remaining),
                "X-RateLimit-Reset": str(count.resets_at),
            }
        )
        if not count.allowed:
            await socket.close(TOO_MANY, f"More than {count.limit} requests in an hour.")
        elif actor is None:
            await socket.close(UNAUTHENTICATED, refused)
        elif len(self._listeners.get(actor.user_id, ())) >= house.settings.user_sockets:
            await socket.close(TOO_MANY, f"A user may hold {house.settings.user_sockets} connections open, no more.")
        else:
            listener = Listener(actor)
            self._join(listener)
            try:
                code, reason = await self._attend(socket, listener, token, expires_at)
            finally:
                self._leave(listener)
            if code:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSING):
                        await socket.close(code, reason)

    async def _attend(self, socket: Socket, listener: Listener, token: str, expires_at: datetime) -> tuple[int, str]:
        """Send events until one side has enough; the code and words to close with, 0 where the client has left."""
        hearing = asyncio.create_task(_hear(socket))
        listener.speaking = speaking = asyncio.create_task(listener.speak(socket))
        try:
            while True:
                left = (expires_at - self._house.database.clock()).total_seconds()
                done, _ = await asyncio.wait(
                    {hearing, speaking}, timeout=max(0.0, min(left, RECHECK)), return_when=asyncio.FIRST_COMPLETED
                )
                if listener.slow:
                    return TOO_SLOW, "Too slow to follow: connect again and read the lists."
                if done:
                    return 0, ""
                try:
                    _, expires_at = await self._house.verifier.recognise_until(token)
                except EntourageError as error:
                    return UNAUTHENTICATED, str(error)
        finally:
            hearing.cancel()
            speaking.cancel()
            await asyncio.gather(hearing, speaking, return_exceptions=True)

    def _join(self, listener: Listener) -> None:
        if not self._listeners:
            loop = asyncio.get_running_loop()

            def take_line(line: LogLine) -> None:  # called in whichever thread logs
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                    loop.call_soon_threadsafe(self._take_line, line)

            self._stops = [self._house.bus.listen(self._take), logs.subscribe(take_line)]
        self._listeners.setdefault(listener.actor.user_id, set()).add(listener)
        if listener.actor.admin:
            self._admins.add(listener)

    def _leave(self, listener: Listener) -> None:
        self._admins.discard(listener)
        here = self._listeners[listener.actor.user_id]
        here.discard(listener)
        if not here:
            del self._listeners[listener.actor.user_id]
        if not self._listeners:
            for stop in self._stops:
                stop()
            self._stops = []

    def _take(self, event: Event) -> None:
        shape = SHAPES.get(event.kind)
        if shape is None:
            return
        key: object = None
        if event.kind == "queue.progress":
            key = ("progress", event.data.get("queue_id"))
        who = self._everybody() if event.user is None else self._who(event.user)
        self._tell(who, key, *shape(event.data), at=event.at)

    def _take_line(self, line: LogLine) -> None:
        data = {"level": line.level, "module": line.module, "message": line.message}
        self._tell(self._who(line.user), None, "log", data, at=line.timestamp)

    def _tell(
        self, listeners: Iterable[Listener], key: object, kind: str, data: Mapping[str, Any], *, at: datetime
    ) -> None:
        text: str | None = None
        if key is None:
            self._number += 1
            key = self._number
        for listener in listeners:
            if text is None:
                text = _encode({"type": kind, "timestamp": wire.precise(at), "data": data}).decode()
            listener.hand(key, text)

    def _who(self, user: int | None) -> Iterable[Listener]:
        """Who may see what concerns a user: they and the administrators."""
        yield from self._listeners.get(user, ()) if user is not None else ()
        yield from (listener for listener in self._admins if listener.actor.user_id != user)

    def _everybody(self) -> Iterable[Listener]:
        return itertools.chain.from_iterable(self._listeners.values())


def _left_out(count: int) -> str:
    """What a client is told that reads too slowly."""
    message = f"{count} events came faster than they were read and were left out; read the lists again."
    data = _notice({"level": "warning", "title": "Events left out", "message": message})[1]
    return _encode({"type": "notification", "timestamp": wire.precise(system_clock()), "data": data}).decode()


async def _hear(socket: Socket) -> None:
    """Return when the client has left; what it says in between is nothing to us."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _progress(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Download Progress Event; our speed is in bytes a second, the contract's in megabits."""
    return "download_progress", {
        "queue_id": data["queue_id"],
        "url": data["url"],
        "platform": data["platform"],
        "source": data["source"],
        "status": data["status"],
        "progress": data["progress"],
        "items_downloaded": data["items_done"],
        "items_total": data["items_total"],
        "current_item": data["current"],
        "speed_mbps": round(data["speed"] * 8 / 1_000_000, 2),
        "eta_seconds": data["eta"],
    }


def _finished(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Download Complete Event, also for what failed: `status` tells."""
    return "download_completed", {
        "queue_id": data["queue_id"],
        "platform": data["platform"],
        "source": data["source"],
        "items_downloaded": data["items_done"],
        "duration_seconds": round(data["duration"]),
        "status": data["status"],
    }


def _changed(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Queue Update Event."""
    item = data["item"]
    told = {name: item[name] for name in ("id", "platform", "source", "status")}
    return "queue_updated", {"action": data["action"], "item": told}


def _notice(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """System Notification Event; what went wrong stays longer."""
    source = data.get("source")
    link = "/history" if source is None else f"/history?source={quote(str(source), safe='')}"
    return "notification", {
        "level": data["level"],
        "title": data["title"],
        "message": data["message"],
        "action": {"label": "View Downloads", "link": link},
        "auto_dismiss_seconds": 5 if data["level"] in {"success", "info"} else 30,
    }


SHAPES: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[str, Mapping[str, Any]]]]] = {
    "queue.progress": _progress,
    "queue.finished": _finished,
    "queue.changed": _changed,
    "notice": _notice,
}
"""How our events become the contract's; `log` comes from the log itself."""
