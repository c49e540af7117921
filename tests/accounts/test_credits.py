"""Credits: every change is in the ledger, a month renews them once, and nobody spends the same credit twice."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testclock import TestClock

from entourage.accounts import api_tokens, users
from entourage.accounts import credits as money
from entourage.accounts.credits import Charge
from entourage.accounts.model import OPERATOR, Holder, PasswordHash, User
from entourage.kernel.db import Database
from entourage.kernel.errors import Invalid, NotAllowed, NotFound, OutOfCredit
from entourage.kernel.tariff import Tariff

TARIFF = Tariff.of(("full=100", "basic=40:search+channel"), ("audience=30", "content=0"))
Opener = Callable[..., Database]


@pytest.fixture
def user(database: Database) -> User:
    return database.write_now(users.add, OPERATOR, "ada", PasswordHash("x"))


@pytest.fixture
def holder(database: Database, user: User) -> Holder:
    token = database.write_now(api_tokens.add, OPERATOR, "ada")
    return database.write_now(api_tokens.known, token)


def balance(database: Database, user: User) -> int:
    with database.reading() as tx:
        return money.balance(tx, OPERATOR, TARIFF, user.id).balance


def changes(database: Database, user: User) -> list[tuple[str, int, int]]:
    with database.reading() as tx:
        entries = money.ledger(tx, OPERATOR, user.id, size=1000).items
    return [(entry.why, entry.change, entry.balance) for entry in reversed(entries)]


def test_an_account_is_opened_with_the_first_plan_by_the_first_charge(
    database: Database, user: User, holder: Holder
) -> None:
    assert balance(database, user) == 100
    assert changes(database, user) == []
    assert database.write_now(money.charge, holder, TARIFF, "channel", "some id") == 95
    assert changes(database, user) == [("plan full", 100, 100), ("channel", -5, 95)]


def test_a_charge_is_noted_with_its_token_and_subject(database: Database, user: User, holder: Holder) -> None:
    database.write_now(money.charge, holder, TARIFF, "audience", "some id")
    with database.reading() as tx:
        entry = money.ledger(tx, user.actor, user.id).items[0]
    assert (entry.token_id, entry.why, entry.change, entry.subject) == (holder.token_id, "audience", -30, "some id")


def test_what_costs_nothing_is_not_noted(database: Database, user: User, holder: Holder) -> None:
    assert database.write_now(money.charge, holder, TARIFF, "content") == 100
    assert [why for why, _, _ in changes(database, user)] == ["plan full"]


def test_a_balance_never_falls_below_zero_and_a_cheaper_call_may_still_go_through(
    database: Database, user: User, holder: Holder
) -> None:
    database.write_now(money.set_balance, OPERATOR, TARIFF, user.id, 12)
    with pytest.raises(OutOfCredit, match="costs 30 credits and 12 are left until 2026-04-02"):
        database.write_now(money.charge, holder, TARIFF, "audience")
    assert database.write_now(money.charge, holder, TARIFF, "search") == 7
    assert changes(database, user)[1:] == [("set", -88, 12), ("search", -5, 7)]


def test_a_plan_says_what_may_be_asked_for(database: Database, user: User, holder: Holder) -> None:
    database.write_now(money.set_plan, OPERATOR, TARIFF, user.id, "basic")
    token = database.write_now(api_tokens.add, OPERATOR, "ada")
    basic = database.write_now(api_tokens.known, token)
    assert basic.plan == "basic"
    with pytest.raises(NotAllowed):
        database.write_now(money.charge, basic, TARIFF, "audience")
    assert database.write_now(money.charge, basic, TARIFF, "search") == 35


def test_another_plan_resets_the_balance_and_the_month(database: Database, user: User, clock: TestClock) -> None:
    database.write_now(money.top_up, OPERATOR, TARIFF, user.id, 1000)
    clock.advance(10 * 86_400)
    account = database.write_now(money.set_plan, OPERATOR, TARIFF, user.id, "basic")
    assert (account.balance, account.since) == (40, clock())
    assert account.renews_at == datetime(2026, 4, 12, 12, tzinfo=UTC)
    assert changes(database, user) == [("plan full", 100, 100), ("top-up", 1000, 1100), ("plan basic", -1060, 40)]


def test_a_month_renews_the_balance_once_whatever_is_left(
    database: Database, user: User, holder: Holder, clock: TestClock
) -> None:
    database.write_now(money.charge, holder, TARIFF, "audience")
    clock.advance(31 * 86_400 - 1)
    assert balance(database, user) == 70
    clock.advance(1)
    assert balance(database, user) == 100
    assert database.write_now(money.charge, holder, TARIFF, "channel") == 95
    assert database.write_now(money.charge, holder, TARIFF, "channel") == 90
    assert changes(database, user)[2:] == [("renewal", 30, 100), ("channel", -5, 95), ("channel", -5, 90)]
    clock.advance(90 * 86_400)
    assert database.write_now(money.charge, holder, TARIFF, "channel") == 95


def test_a_clock_that_is_set_back_renews_nothing_again(
    database: Database, user: User, holder: Holder, clock: TestClock
) -> None:
    database.write_now(money.charge, holder, TARIFF, "channel")
    clock.advance(31 * 86_400)
    database.write_now(money.charge, holder, TARIFF, "audience")
    clock.jump(-40 * 86_400)
    assert balance(database, user) == 70
    clock.jump(40 * 86_400)
    assert database.write_now(money.charge, holder, TARIFF, "channel") == 65


def test_a_plan_that_is_offered_no_more_keeps_what_is_left_and_allows_nothing(
    database: Database, user: User, holder: Holder, clock: TestClock
) -> None:
    database.write_now(money.charge, holder, TARIFF, "channel")
    later = Tariff.of(("other=500",))
    clock.advance(40 * 86_400)
    with database.reading() as tx:
        assert money.balance(tx, user.actor, later, user.id).balance == 95
    assert not later.includes("full", "channel")


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is beside
    st.timedeltas(timedelta(0), timedelta(3000)),
)
def test_the_next_renewal_is_the_first_of_its_kind_after_now(since: datetime, passed: timedelta) -> None:
    now = since + passed
    moment = money.next_renewal(since, now)
    assert now < moment <= now + timedelta(31)
    assert moment.timetz() == since.timetz()
    assert moment.day == since.day or (moment.day < since.day and (moment + timedelta(1)).day == 1)


def test_the_thirty_first_is_the_last_day_of_shorter_months() -> None:
    since = datetime(2026, 1, 31, 8, tzinfo=UTC)
    found: list[str] = []
    moment = since
    for _ in range(4):
        moment = money.next_renewal(since, moment)
        found.append(f"{moment:%m-%d}")
    assert found == ["02-28", "03-31", "04-30", "05-31"]


def test_only_an_administrator_changes_credits_and_others_see_only_their_own(database: Database, user: User) -> None:
    other = database.write_now(users.add, OPERATOR, "bea", PasswordHash("x"))
    with pytest.raises(NotAllowed):
        database.write_now(money.top_up, user.actor, TARIFF, user.id, 5)
    with pytest.raises(NotAllowed):
        database.write_now(money.set_balance, user.actor, TARIFF, user.id, 5)
    with pytest.raises(NotAllowed):
        database.write_now(money.set_plan, user.actor, TARIFF, user.id, "full")
    with database.reading() as tx:
        assert money.balance(tx, user.actor, TARIFF, user.id).balance == 100
        with pytest.raises(NotFound):
            money.balance(tx, user.actor, TARIFF, other.id)
        with pytest.raises(NotFound):
            money.ledger(tx, user.actor, other.id)
        with pytest.raises(NotFound):
            money.balance(tx, OPERATOR, TARIFF, 999)


@pytest.mark.parametrize("amount", [0, -1, 10**13])
def test_what_is_no_amount_is_refused(database: Database, user: User, amount: int) -> None:
    with pytest.raises(Invalid):
        database.write_now(money.top_up, OPERATOR, TARIFF, user.id, amount)
    assert changes(database, user) == []


def test_nothing_is_changed_for_who_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound):
        database.write_now(money.top_up, OPERATOR, TARIFF, 999, 5)
    with pytest.raises(Invalid):
        database.write_now(money.set_plan, OPERATOR, TARIFF, 999, "gold")


def test_a_batch_pays_each_call_whole_or_not_at_all(database: Database, user: User, holder: Holder) -> None:
    other = database.write_now(users.add, OPERATOR, "bea", PasswordHash("x"))
    database.write_now(money.set_balance, OPERATOR, TARIFF, user.id, 11)

    def call(owner: int, price: int) -> Charge:
        return Charge(owner, holder.token_id, "channel", price, None)

    batch = [
        call(user.id, 5),
        call(other.id, 60),
        call(user.id, 30),
        call(user.id, 5),
        call(999, 5),
        call(other.id, 60),
    ]
    batch.append(call(user.id, 5))
    assert database.write_now(money.settle, TARIFF, batch) == [6, 40, None, 1, None, None, None]
    assert balance(database, user) == 1
    assert changes(database, other) == [("plan full", 100, 100), ("channel", -60, 40)]


def test_a_renewal_and_charges_by_several_processes_at_once_add_up(
    database: Database, another: Opener, user: User, holder: Holder, clock: TestClock
) -> None:
    database.write_now(money.charge, holder, TARIFF, "audience")
    clock.advance(31 * 86_400)
    paid: list[int] = []

    def spend(own: Database) -> None:
        for _ in range(12):
            try:
                paid.append(own.write_now(money.charge, holder, TARIFF, "channel"))
            except OutOfCredit:
                return

    threads = [threading.Thread(target=spend, args=(another(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(paid) == list(range(0, 100, 5))
    told = changes(database, user)
    assert [why for why, _, _ in told].count("renewal") == 1
    assert sum(change for _, change, _ in told) == balance(database, user) == 0
