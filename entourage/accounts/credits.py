"""Credits: a monthly allowance, what calls take from it, and a ledger of every change.

Credits belong to the user, whatever token they are spent with. An account renews by itself: once its day has come, it
is as the renewal leaves it for whoever looks, and the first who changes it writes that down (once, under the row's
lock).
"""

import calendar
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from entourage.accounts.model import Account, Actor, Entry, Holder
from entourage.accounts.store import credits as store
from entourage.accounts.store import people
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, OutOfCredit, Problem
from entourage.kernel.paging import Page
from entourage.kernel.tariff import MOST, Plan, Tariff

RENEWAL, TOP_UP, SET = "renewal", "top-up", "set"
PLAN = "plan "
"""What the ledger says beside the names of resources; `PLAN` is followed by the plan's name."""


class Charge(NamedTuple):
    """A call to be paid for."""

    user_id: int
    token_id: int
    resource: str
    price: int
    subject: str | None
    """What was asked about, for the ledger."""


def balance(tx: Tx, actor: Actor, tariff: Tariff, user_id: int) -> Account:
    """A user's credits as they are now: one's own, or anybody's for an administrator. Raises NotFound."""
    _mine(tx, actor, user_id)
    found = store.account(tx, user_id)
    return _opened(tx, tariff, user_id) if found is None else renewed(found, tariff, tx.now)


def ledger(tx: Tx, actor: Actor, user_id: int, number: int = 1, size: int = 50) -> Page[Entry]:
    """A page of every change of a user's credits, the newest first; as `balance`."""
    _mine(tx, actor, user_id)
    return store.entries(tx, user_id, number, size)


def top_up(tx: Tx, actor: Actor, tariff: Tariff, user_id: int, amount: int) -> Account:
    """Add credits to those a user has until the next renewal, by an administrator."""
    actor.needs_admin()
    if not 0 < amount <= MOST:
        raise Invalid(Problem("credits", f"1 to {MOST}"))
    before = _held(tx, tariff, user_id)
    return _change(tx, before, replace(before, balance=before.balance + amount), TOP_UP)


def set_balance(tx: Tx, actor: Actor, tariff: Tariff, user_id: int, amount: int) -> Account:
    """Let a user have so many credits until the next renewal, by an administrator."""
    actor.needs_admin()
    if not 0 <= amount <= MOST:
        raise Invalid(Problem("credits", f"0 to {MOST}"))
    before = _held(tx, tariff, user_id)
    return _change(tx, before, replace(before, balance=amount), SET)


def set_plan(tx: Tx, actor: Actor, tariff: Tariff, user_id: int, plan: str) -> Account:
    """Give a user a plan, by an administrator: the balance is its allowance, the month begins now. Raises Invalid."""
    actor.needs_admin()
    chosen = tariff.plans.get(plan)
    if chosen is None:
        raise Invalid(Problem("plan", f"one of {', '.join(tariff.plans)}"))
    before = _held(tx, tariff, user_id)
    return _change(tx, before, _fresh(user_id, chosen, tx.now), PLAN + plan)


def open_account(tx: Tx, tariff: Tariff, user_id: int) -> Account:
    """The user's account, opened with the first plan where there was none."""
    return _held(tx, tariff, user_id)


def affords(tx: Tx, holder: Holder, tariff: Tariff, price: int) -> Account:
    """The account that a call of this price may be charged to; raises OutOfCredit. Takes nothing."""
    account = balance(tx, holder, tariff, holder.user_id)
    if account.balance < price:
        raise OutOfCredit(_short(price, account))
    return account


def charge(tx: Tx, holder: Holder, tariff: Tariff, resource: str, subject: str | None = None) -> int:
    """Pay for one call; the credits that are left. Raises NotAllowed (plan) and OutOfCredit, and takes nothing then."""
    if not tariff.includes(holder.plan, resource):
        raise NotAllowed(f"The plan does not include {resource}.")
    price = tariff.prices[resource]
    (left,) = settle(tx, tariff, [Charge(holder.user_id, holder.token_id, resource, price, subject)])
    if left is None:
        raise OutOfCredit(_short(price, balance(tx, holder, tariff, holder.user_id)))
    return left


def settle(tx: Tx, tariff: Tariff, charges: Sequence[Charge]) -> list[int | None]:
    """Pay for many calls at once: for each what is left after it, or None where the balance did not cover it.

    Each is paid whole or not at all, in their order; users are taken in the order of their numbers, so that two
    transactions never wait for each other.
    """
    left: list[int | None] = [None] * len(charges)
    for user_id in sorted({charge.user_id for charge in charges}):
        places = [place for place, charge in enumerate(charges) if charge.user_id == user_id]
        total = sum(charges[place].price for place in places)
        after = store.spend(tx, user_id, total)
        rest = _left(tx, tariff, user_id) if after is None else after + total
        paid: list[Charge] = []
        balances: list[int] = []
        for place in places:
            one = charges[place]
            if one.price > rest:
                continue
            left[place] = rest = rest - one.price
            paid.append(one)
            balances.append(rest)
        if after is None and paid:
            store.spend(tx, user_id, sum(one.price for one in paid))
        store.add_entries(
            tx,
            (
                (user_id, one.token_id, -one.price, after_it, one.resource, one.subject)
                for one, after_it in zip(paid, balances, strict=True)
                if one.price
            ),
        )
    return left


def _left(tx: Tx, tariff: Tariff, user_id: int) -> int:
    try:
        return _held(tx, tariff, user_id).balance
    except NotFound:
        return -1  # who was removed a moment ago pays nothing, and the others' charges stand


def renewed(account: Account, tariff: Tariff, now: datetime) -> Account:
    """The account as it is now: renewed where its day has come. A plan that is offered no more brings no credits."""
    if account.renews_at > now:
        return account
    plan = tariff.plans.get(account.plan)
    return replace(
        account,
        balance=account.balance if plan is None else plan.allowance,
        renews_at=next_renewal(account.since, now),
    )


def next_renewal(since: datetime, now: datetime) -> datetime:
    """The first moment after `now` that is whole months after `since`; the 31st is the last day of shorter months."""
    months = max(0, (now.year - since.year) * 12 + now.month - since.month)
    moment = _months_after(since, months)
    return moment if moment > now else _months_after(since, months + 1)


def _months_after(since: datetime, months: int) -> datetime:
    year, month = divmod(since.year * 12 + since.month - 1 + months, 12)
    day = min(since.day, calendar.monthrange(year, month + 1)[1])
    return since.replace(year=year, month=month + 1, day=day)


def _mine(tx: Tx, actor: Actor, user_id: int) -> None:
    if isinstance(actor, Holder) and actor.user_id == user_id:
        return
    if not (actor.admin or actor.user_id == user_id) or people.user(tx, user_id) is None:
        raise NotFound("There is no such user.")


def _fresh(user_id: int, plan: Plan, now: datetime) -> Account:
    return Account(user_id, plan.name, plan.allowance, now, next_renewal(now, now))


def _opened(tx: Tx, tariff: Tariff, user_id: int) -> Account:
    """What an account is before anybody had to write it down."""
    return _fresh(user_id, tariff.first, tx.now)


def _held(tx: Tx, tariff: Tariff, user_id: int) -> Account:
    """The account, there and renewed; nobody else changes it until this transaction ends."""
    found = store.locked_account(tx, user_id)
    if found is None:
        if people.user(tx, user_id) is None:
            raise NotFound("There is no such user.")
        fresh = _opened(tx, tariff, user_id)
        if store.add_account(tx, fresh):
            _note(tx, user_id, fresh.balance, fresh.balance, PLAN + fresh.plan)
            return fresh
        found = store.locked_account(tx, user_id)
        if found is None:
            raise Conflict("The user's credits were removed while they were changed; try again.")
    now = renewed(found, tariff, tx.now)
    if now is not found:
        _change(tx, found, now, RENEWAL)
    return now


def _change(tx: Tx, before: Account, after: Account, why: str) -> Account:
    store.set_account(tx, after)
    _note(tx, after.user_id, after.balance - before.balance, after.balance, why)
    return after


def _note(tx: Tx, user_id: int, change: int, balance: int, why: str) -> None:
    store.add_entries(tx, [(user_id, None, change, balance, why, None)])


def _short(price: int, account: Account) -> str:
    return (
        f"This call costs {price} credits and {account.balance} are left until {account.renews_at:%Y-%m-%d}; "
        "an administrator can add some."
    )
