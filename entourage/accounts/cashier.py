"""The cashier: charges that come at the same time are stored in one transaction, each of them whole or not at all."""

import asyncio
from typing import NamedTuple

from entourage.accounts import credits as money
from entourage.accounts.credits import Charge
from entourage.accounts.model import Holder
from entourage.kernel.db import Database
from entourage.kernel.errors import NotAllowed, OutOfCredit
from entourage.kernel.tariff import Tariff

MOST_AT_ONCE = 500
FEW = 50
"""So many charges are stored without a thread of their own: that takes half a millisecond."""
REMEMBERED = 10_000


class _Waiting(NamedTuple):
    charge: Charge
    paid: "asyncio.Future[int | None]"


class Cashier:
    """Takes credits for calls. While one batch is being stored the next one gathers; nobody waits for a clock."""

    def __init__(self, database: Database, tariff: Tariff) -> None:
        self._database = database
        self.tariff = tariff
        self._queue: list[_Waiting] = []
        self._at_work: asyncio.Task[None] | None = None
        self._balances: dict[int, int] = {}

    async def admit(self, holder: Holder, resource: str) -> None:
        """Let a call begin; raises NotAllowed where the plan does not include it, OutOfCredit where it is not covered.

        It spares work for nothing; whether the call is paid is decided by `charge` alone.
        """
        if not self.tariff.includes(holder.plan, resource):
            raise NotAllowed(f"The plan does not include {resource}.")
        price = self.tariff.prices[resource]
        if self._balances.get(holder.user_id, -1) < price:
            account = await self._database.read(money.affords, holder, self.tariff, price)
            self._remember(holder.user_id, account.balance)

    async def charge(self, holder: Holder, resource: str, subject: str | None = None) -> int:
        """Take the price of a call; the credits that are left. Returns once it is stored. Raises OutOfCredit."""
        charge = Charge(holder.user_id, holder.token_id, resource, self.tariff.prices[resource], subject)
        waiting = _Waiting(charge, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())
        left = await waiting.paid
        if left is None:
            self._balances.pop(holder.user_id, None)
            raise OutOfCredit("The balance does not cover this call.")
        self._remember(holder.user_id, left)
        return left

    async def _work(self) -> None:
        try:
            while self._queue:
                # A call that was given up before it was its turn is not paid.
                batch = [waiting for waiting in self._queue[:MOST_AT_ONCE] if not waiting.paid.done()]
                del self._queue[:MOST_AT_ONCE]
                if batch:
                    await self._store(batch)
        finally:
            self._at_work = None
            for waiting in self._queue:  # there are any only when the server ends
                waiting.paid.cancel()
            self._queue.clear()

    async def _store(self, batch: list[_Waiting]) -> None:
        write = self._database.write_briefly if len(batch) <= FEW else self._database.write
        try:
            left = await write(money.settle, self.tariff, [waiting.charge for waiting in batch])
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.paid.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - each call that waits for it answers with it
            for waiting in batch:
                if not waiting.paid.done():
                    waiting.paid.set_exception(error)
        else:
            for waiting, after in zip(batch, left, strict=True):
                if not waiting.paid.done():
                    waiting.paid.set_result(after)

    def _remember(self, user_id: int, balance: int) -> None:
        if len(self._balances) >= REMEMBERED:
            self._balances.clear()
        self._balances[user_id] = balance
