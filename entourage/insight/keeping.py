"""What was counted for somebody who only reads is kept afterwards, so that the next who asks need not wait for it.

Counting a channel with a million followers takes seconds; reading what was counted takes microseconds. Who asks reads
only, so a keeper works the figures out once more, in the background. It counts in a transaction that reads as well: who
writes keeps everybody else from writing, so only what was counted is written.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

from entourage.accounts.model import OPERATOR
from entourage.insight import channels, counting, figures
from entourage.insight.estimates import MINIMUM
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import NotFound

LATELY: Final = 60.0
"""Seconds for which a channel that was looked at is left alone."""
WAITING: Final = 1_000
"""Channels that wait; those who are asked about beyond that are kept when they are asked about again."""
_REST: Final = 4
"""How many times as long as it worked the keeper rests, so that those who ask come first."""

log = logging.getLogger("entourage.insight")


class Keeper:
    """Keeps the counts of channels that are asked about. Starts by itself in the event loop it was made in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._lately: dict[int, float] = {}
        self._waiting: dict[int, None] = {}
        self._at_work: asyncio.Task[None] | None = None

    def asked(self, ids: Iterable[int]) -> None:
        """Somebody asked about these channels; from any thread, and at once."""
        now = time.monotonic()
        with self._lock:
            new = [one for one in ids if self._lately.get(one, -LATELY) + LATELY <= now]
            if not new or len(self._waiting) + len(new) > WAITING:
                return
            if len(self._lately) > WAITING * 10:
                self._lately.clear()
            self._lately.update(dict.fromkeys(new, now))
            self._waiting.update(dict.fromkeys(new))
        self._loop.call_soon_threadsafe(self._start)

    async def close(self) -> None:
        """Stop, and forget who waits."""
        with self._lock:
            self._waiting.clear()
        if self._at_work is not None:
            self._at_work.cancel()
            await asyncio.gather(self._at_work, return_exceptions=True)

    def _start(self) -> None:
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while (channel_id := self._next()) is not None:
                began = time.monotonic()
                await self._keep(channel_id)
                await asyncio.sleep(_REST * (time.monotonic() - began))
        except Exception as error:  # noqa: BLE001 - what could not be kept (the server ends) is counted by who asks next
            log.warning(f"The counts of a channel could not be kept: {error}")
        finally:
            self._at_work = None

    def _next(self) -> int | None:
        with self._lock:
            return self._waiting.popitem()[0] if self._waiting else None

    async def _keep(self, channel_id: int) -> None:
        with contextlib.suppress(NotFound):
            counted = await self._database.read(_counted, channel_id)
            await self._database.write(_kept, channel_id, counted)


def _counted(tx: Tx, channel_id: int) -> counting.Ahead | None:
    return counting.ahead(tx, channels.by_id(tx, OPERATOR, channel_id).id, MINIMUM)


def _kept(tx: Tx, channel_id: int, counted: counting.Ahead | None) -> None:
    if counted is not None:
        counting.keep(tx, counted)
    figures.of(tx, OPERATOR, channel_id)  # what the channel is about is kept as well
