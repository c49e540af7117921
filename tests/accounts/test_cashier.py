"""The cashier: many calls at the same time, in several processes, and never a credit spent twice."""

import asyncio
from collections.abc import Callable

import pytest

from entourage.accounts import api_tokens, users
from entourage.accounts import credits as money
from entourage.accounts.cashier import MOST_AT_ONCE, Cashier
from entourage.accounts.model import OPERATOR, Entry, Holder, PasswordHash
from entourage.kernel.db import Database
from entourage.kernel.errors import NotAllowed, NotFound, OutOfCredit
from entourage.kernel.tariff import Tariff

TARIFF = Tariff.of(("full=250", "basic=40:search"), ())


@pytest.fixture
def holder(database: Database) -> Holder:
    database.write_now(users.add, OPERATOR, "ada", PasswordHash("x"))
    return database.write_now(api_tokens.known, database.write_now(api_tokens.add, OPERATOR, "ada"))


def entries(database: Database, holder: Holder) -> list[Entry]:
    with database.reading() as tx:
        return list(reversed(money.ledger(tx, holder, holder.user_id, size=10_000).items))


async def spent(cashiers: list[Cashier], holder: Holder, times: int) -> list[int]:
    """What was left after each of the calls that were paid, of so many at once."""

    async def one(number: int) -> int | None:
        try:
            return await cashiers[number % len(cashiers)].charge(holder, "channel", str(number))
        except OutOfCredit:
            return None

    found = await asyncio.gather(*(one(number) for number in range(times)))
    return [left for left in found if left is not None]


async def test_of_two_hundred_calls_at_once_those_are_paid_that_there_are_credits_for(
    database: Database, holder: Holder
) -> None:
    assert await spent([Cashier(database, TARIFF)], holder, 200) == list(range(245, -1, -5))
    ledger = entries(database, holder)
    assert [entry.balance for entry in ledger] == [250, *range(245, -1, -5)]
    assert [entry.subject for entry in ledger[1:]] == [str(number) for number in range(50)]


async def test_cashiers_of_several_processes_never_spend_the_same_credit(
    database: Database, another: Callable[[], Database], holder: Holder
) -> None:
    cashiers = [Cashier(own, TARIFF) for own in (database, another(), another())]
    assert sorted(await spent(cashiers, holder, 200)) == list(range(0, 250, 5))
    balances = [entry.balance for entry in entries(database, holder)]
    assert balances == [250, *range(245, -1, -5)]


async def test_who_cannot_pay_is_not_let_in(database: Database, holder: Holder) -> None:
    cashier = Cashier(database, TARIFF)
    await cashier.admit(holder, "channel")
    await spent([cashier], holder, 60)
    with pytest.raises(OutOfCredit, match="0 are left"):
        await cashier.admit(holder, "channel")
    await database.write(money.top_up, OPERATOR, TARIFF, holder.user_id, 5)
    await cashier.admit(holder, "channel")
    assert await cashier.charge(holder, "channel") == 0


async def test_a_plan_that_does_not_include_the_call_does_not_let_in(database: Database, holder: Holder) -> None:
    basic = Holder(holder.user_id, holder.username, holder.role, holder.token_id, "basic")
    with pytest.raises(NotAllowed):
        await Cashier(database, TARIFF).admit(basic, "channel")


async def test_a_call_that_is_given_up_before_its_turn_is_not_paid(database: Database, holder: Holder) -> None:
    calls = MOST_AT_ONCE + 3
    await database.write(money.set_balance, OPERATOR, TARIFF, holder.user_id, 5 * calls)
    cashier = Cashier(database, TARIFF)
    waiting = [asyncio.create_task(cashier.charge(holder, "channel", str(number))) for number in range(calls)]
    await asyncio.sleep(0)
    waiting[-1].cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(ended[-1], asyncio.CancelledError)
    assert sum(isinstance(left, int) for left in ended) == calls - 1
    assert entries(database, holder)[-1].balance == 5
    assert str(calls - 1) not in {entry.subject for entry in entries(database, holder)}


async def test_a_charge_that_cannot_be_stored_fails_its_call_and_no_later_one(
    database: Database, holder: Holder
) -> None:
    prices = {"channel": 5, "search": 10**30}
    cashier = Cashier(database, Tariff(TARIFF.plans, prices))
    ended = await asyncio.gather(*(cashier.charge(holder, "search") for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in ended] == [NotFound] * 3
    assert await cashier.charge(holder, "channel") == 245
