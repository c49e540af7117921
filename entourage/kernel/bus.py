"""The bus: hands every event to whoever watches in this process, at once for our own commits, soon for others'.

Progress (`tell`) is handed out here and never stored. In a process without watchers of its own, a worker alone, the bus
is a relay: it writes the latest of each progress twice a second, as rows that live for seconds, and the buses of other
processes read them like any event.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import msgspec

from entourage.kernel import events
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import EntourageError
from entourage.kernel.events import News, Stored

log = logging.getLogger(__name__)

MISSED = "missed"
"""The kind of the event that tells a slow reader how many (`count`) it lost."""
KEEP = timedelta(days=1)
KEEP_PASSING = timedelta(seconds=30)
RELAY_SECONDS = 0.5
TRIM_SECONDS = 60.0
GAP_SECONDS = 60.0
PAGE = 1000

Encode = Callable[["Event"], bytes]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `id` None for what is not stored. `user` None concerns everybody."""

    kind: str
    data: Mapping[str, Any]
    user: int | None
    at: datetime
    id: int | None = None
    _encoded: dict[Encode, bytes] = field(default_factory=dict[Encode, bytes], compare=False, repr=False)

    def encoded(self, encode: Encode) -> bytes:
        """`encode(event)`, done once however many watchers ask for it."""
        found = self._encoded.get(encode)
        if found is None:
            found = self._encoded[encode] = encode(self)
        return found


def as_json(event: Event) -> bytes:
    """An event as plain JSON."""
    return msgspec.json.encode({"id": event.id, "kind": event.kind, "data": event.data, "at": event.at})


class Watcher:
    """One reader's events, oldest first; when it reads too slowly the oldest are lost and it is told so."""

    def __init__(self, leave: Callable[["Watcher"], None], size: int) -> None:
        self._leave = leave
        self._waiting: deque[Event] = deque()
        self._size = size
        self._missed = 0
        self._reader: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """How many events wait to be read."""
        return len(self._waiting)

    def hand(self, event: Event) -> None:
        """Add an event."""
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def next(self) -> list[Event]:
        """Everything that came since the last call; waits until there is something."""
        while not self._waiting:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        found = list(self._waiting)
        self._waiting.clear()
        if self._missed:
            found.insert(0, Event(MISSED, {"count": self._missed}, None, found[0].at))
            self._missed = 0
        return found

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            for event in await self.next():
                yield event

    def close(self) -> None:
        """Watch no longer."""
        self._leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bus:
    """Hands out events from `start` until `stop` (or as a context manager)."""

    def __init__(self, database: Database, *, relay: bool = False) -> None:
        """`relay`: this process has no watchers; pass progress on to the processes that have."""
        self.database = database
        self._relay = relay
        self._watchers: dict[int | None, dict[Watcher, None]] = {}
        self._listeners: list[Callable[[Event], None]] = []
        self._last = 0
        self._gaps: dict[int, float] = {}
        self._rung = asyncio.Event()
        self._told: dict[tuple[str, int | None, object], News] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._deaf: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin with what happens from now on."""
        self._loop = loop = asyncio.get_running_loop()

        def ring() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(self._rung.set)

        self._last = await self.database.read(events.last)
        if self._relay:
            self._tasks = [asyncio.create_task(self._pass_on())]
            return
        self._deaf = self.database.listen(events.BELL, ring)
        self._rung.set()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._trim())]

    async def stop(self) -> None:
        """Hand out nothing more."""
        self._deaf()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._relay:
            await self._flush()

    def watch(self, user: int | None = None, *, size: int = 256) -> Watcher:
        """What concerns `user` and what concerns everybody; without `user` everything. At most `size` wait."""

        def leave(watcher: Watcher) -> None:
            self._watchers.get(user, {}).pop(watcher, None)

        watcher = Watcher(leave, size)
        self._watchers.setdefault(user, {})[watcher] = None
        return watcher

    def listen(self, take: Callable[[Event], None]) -> Callable[[], None]:
        """Call `take` (in the event loop, quickly) with every event; returns what ends it."""
        self._listeners.append(take)
        return lambda: self._listeners.remove(take)

    def tell(self, kind: str, data: Mapping[str, Any], *, user: int | None = None, about: object = None) -> None:
        """Hand out something passing, such as progress; never stored. Call it from the event loop.

        Of those with the same kind, user and `about`, a relay passes on the latest twice a second.
        """
        if self._relay:
            self._told[kind, user, about] = News(kind, data, user)
        else:
            self._hand_out(Event(kind, data, user, self.database.clock()))

    def _hand_out(self, event: Event) -> None:
        for take in list(self._listeners):
            take(event)
        groups: Iterable[int | None] = list(self._watchers) if event.user is None else (None, event.user)
        for group in groups:
            for watcher in list(self._watchers.get(group, ())):
                watcher.hand(event)

    async def _follow(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                while await self._read():
                    pass
            except EntourageError as error:
                log.warning("events: %s", error)
                await asyncio.sleep(1)
                self._rung.set()

    async def _read(self) -> bool:
        """Hand out what is new; whether there may be more.

        Where several write at once a lower number may be stored after a higher one: numbers left out are asked for
        again for as long as their transaction may last.
        """
        now = asyncio.get_running_loop().time()
        self._gaps = {gap: since for gap, since in self._gaps.items() if now - since < GAP_SECONDS}
        found = await self.database.read(events.after, self._last, self._gaps, PAGE)
        for stored in found:
            if stored.id > self._last:
                self._gaps.update((gap, now) for gap in range(max(self._last + 1, stored.id - PAGE), stored.id))
                self._last = stored.id
            else:
                self._gaps.pop(stored.id, None)
            self._hand_out(_event(stored))
        return len(found) == PAGE

    async def _pass_on(self) -> None:
        while True:
            await asyncio.sleep(RELAY_SECONDS)
            try:
                await self._flush()
            except EntourageError as error:
                log.warning("events: %s", error)

    async def _flush(self) -> None:
        told, self._told = self._told, {}
        if told:
            await self.database.write(events.publish_many, told.values(), passing=True)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            try:
                await self.database.write(_trim_old)
            except EntourageError as error:
                log.warning("events: %s", error)


def _trim_old(tx: Tx) -> int:
    return events.trim(tx, keep=KEEP, keep_passing=KEEP_PASSING)


def _event(stored: Stored) -> Event:
    return Event(stored.kind, stored.data, stored.user, stored.at, None if stored.passing else stored.id)
