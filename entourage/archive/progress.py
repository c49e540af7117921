"""Progress: what is moving right now, told a few times a second to whoever may see it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from entourage.archive.model import Item, Order
from entourage.archive.store import queue as queue_store
from entourage.kernel.bus import Bus
from entourage.kernel.db import Database, Tx

BEAT = 0.5
SMOOTHING = 0.3
ROOM_SECONDS = 1.0


@dataclass(slots=True)
class _Moving:
    """The files of one item that are on their way in this process."""

    current: str = ""
    parts: dict[str, int] = field(default_factory=dict[str, int])
    moved: int = 0
    speed: float = 0.0
    since: float = field(default_factory=time.monotonic)


class Progress:
    """Collects how many bytes move for which item, and tells it as `queue.progress` while anything moves."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._moving: dict[int, _Moving] = {}
        self._beating: asyncio.Task[None] | None = None
        self._room_checked = 0.0

    def begin(self, order: Order) -> None:
        """A file of an order is on its way now."""
        if not order.queue_id:
            return
        moving = self._moving.setdefault(order.queue_id, _Moving())
        moving.current = order.media.filename
        moving.parts[order.address_hash] = 0
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    def moved(self, order: Order, done: int, whole: int | None) -> None:  # noqa: ARG002 - as the transfer tells it
        """So many bytes of the file are here now."""
        moving = self._moving.get(order.queue_id)
        if moving is not None:
            before = moving.parts.get(order.address_hash, 0)
            moving.moved += max(0, done - before)
            moving.parts[order.address_hash] = done
            moving.current = order.media.filename

    def end(self, order: Order) -> None:
        """The file is here, or will not come."""
        moving = self._moving.get(order.queue_id)
        if moving is not None:
            moving.parts.pop(order.address_hash, None)

    async def _beat(self) -> None:
        while self._moving:
            await asyncio.sleep(BEAT)
            items = await self._database.read(_items, list(self._moving))
            for item in items:
                self._tell(item, self._moving[item.id])
            here = {item.id for item in items}
            for item_id, moving in list(self._moving.items()):
                if item_id not in here or not moving.parts:
                    del self._moving[item_id]

    def _tell(self, item: Item, moving: _Moving) -> None:
        now = time.monotonic()
        pace = moving.moved / max(now - moving.since, 0.001)
        moving.speed = pace if not moving.speed else moving.speed + SMOOTHING * (pace - moving.speed)
        moving.moved, moving.since = 0, now
        whole = max(item.items_total, item.expected or 0)
        left = whole - item.items_done - item.items_failed
        eta = None
        if item.items_done and moving.speed > 1 and left > 0:
            eta = round(item.bytes_done / item.items_done * left / moving.speed)
        told = {
            "queue_id": item.id,
            "url": item.url,
            "platform": item.platform,
            "source": item.source,
            "status": str(item.status),
            "progress": item.progress,
            "items_done": item.items_done,
            "items_total": whole,
            "current": moving.current,
            "speed": round(moving.speed),
            "eta": eta,
        }
        self._bus.tell("queue.progress", told, user=item.owner, about=item.id)

    async def check_room(self, check: Callable[[Tx], None]) -> None:
        """Run `check` (which raises StorageFull) in the database, at most once a second."""
        now = time.monotonic()
        if now - self._room_checked > ROOM_SECONDS:
            self._room_checked = now
            try:
                await self._database.read(check)
            except BaseException:
                self._room_checked = 0.0
                raise

    async def close(self) -> None:
        """Stop telling."""
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating


def _items(tx: Tx, ids: list[int]) -> list[Item]:
    found = (queue_store.get(tx, item_id) for item_id in ids)
    return [item for item in found if item is not None]
