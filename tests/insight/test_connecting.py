"""Accounts on networks: signed in to once, kept sealed, used for reading, and taken care of when they stop working."""

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest
from collecting_bench import ADMIN, ANN, BEN, FOLLOWERS, SHALLOW, Bench, bench
from emulators import glass
from testclock import TestClock

from entourage.accounts import connections
from entourage.accounts.model import Connection, ConnectionState, PasswordHash, Role
from entourage.accounts.store import people
from entourage.accounts.store.connections import connections as table
from entourage.insight import plans
from entourage.insight.connecting import connect, reconnect
from entourage.insight.watching import Status
from entourage.kernel import lanes
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated

GIVEN = {"name": "mia", "password": "open sesame"}


def add_people(tx: Tx) -> None:
    for name in ("admin", "ann", "ben"):
        people.add_user(tx, username=name, key=name, email=None, role=Role.USER, password=PasswordHash("x"))


@pytest.fixture
async def at(database: Database, clock: TestClock, tmp_path: Path) -> AsyncGenerator[Bench]:
    database.write_now(add_people)
    async with bench(database, clock, tmp_path) as made:
        made.glass.member("m1", "mia", followers=25)
        yield made


async def connected(at: Bench, given: Mapping[str, str] = GIVEN) -> Connection:
    return await connect(
        at.database, at.world, at.secrets, ANN, network="glass", server=at.glass.address, given=given
    )  # fmt: skip


def state(at: Bench, connection: Connection) -> tuple[ConnectionState, str | None]:
    with at.database.reading() as tx:
        found = connections.get(tx, ANN, connection.id)
        return found.state, found.reason


def session(at: Bench, connection: Connection) -> Mapping[str, str] | None:
    with at.database.reading() as tx:
        return connections.session_of(tx, at.secrets, connection.id)


async def test_signing_in_keeps_the_session_sealed_and_the_password_never(at: Bench) -> None:
    made = await connected(at)
    assert (made.native_id, made.username, made.state) == ("m1", "mia", ConnectionState.OK)
    assert session(at, made) == {"token": "t1"}
    ((stored,),) = at.rows(table.c.session)
    assert "t1" not in stored
    with at.database.reading() as tx:
        assert connections.mine(tx, ANN) == [made]
        assert connections.mine(tx, BEN) == []
        with pytest.raises(NotFound):
            connections.get(tx, BEN, made.id)
        assert connections.get(tx, ADMIN, made.id) == made


async def test_the_same_account_is_connected_once(at: Bench) -> None:
    assert (await connected(at)).id == (await connected(at)).id
    assert len(at.rows(table.c.id)) == 1


async def test_wrong_and_missing_credentials_keep_nothing(at: Bench) -> None:
    with pytest.raises(Unauthenticated):
        await connected(at, {"name": "mia", "password": "1234"})
    with pytest.raises(Invalid, match="password"):
        await connected(at, {"name": "mia"})
    assert at.rows(table.c.id) == []


async def test_reading_is_done_with_the_account_in_a_lane_of_its_own(at: Bench) -> None:
    account = await connected(at)
    plan = at.watch(depth=FOLLOWERS, connection_id=account.id, server="")
    await at.over(plan)
    assert {call.token for call in at.glass.seen if call.what != "sign-in"} == {"t1"}
    with at.database.reading() as tx:
        assert lanes.get(tx, account.lane).used_hour == 4


async def test_another_users_account_cannot_be_used(at: Bench) -> None:
    account = await connected(at)
    with pytest.raises(Invalid, match="connection_id"):
        at.watch(actor=BEN, connection_id=account.id)


async def test_a_renewed_session_is_used_from_the_next_call_on(at: Bench) -> None:
    account = await connected(at)
    fan = {"id": "x", "username": "x"}
    page = {"entries": [fan], "cursor": "1", "token": "t2"}
    at.glass.changes.append(lambda call: page if call.what == "followers" and not call.cursor else None)
    await at.over(at.watch(depth=FOLLOWERS, connection_id=account.id))
    assert [call.token for call in at.glass.asked("followers")] == ["t1", "t2", "t2", "t2"]
    assert session(at, account) == {"token": "t2"}


async def test_a_session_that_counts_no_longer_ends_the_run_until_its_owner_signs_in_again(at: Bench) -> None:
    account = await connected(at)
    at.glass.changes.append(lambda call: glass.SIGNED_OUT if call.token == "t1" and call.what != "sign-in" else None)
    plan = at.watch(depth=SHALLOW, connection_id=account.id)
    run = await at.over(plan)
    assert (run.status, run.error) == (Status.FAILED, "Glass does not know this session any more.")
    assert state(at, account) == (ConnectionState.SIGNED_OUT, run.error)
    asked = len(at.glass.seen)
    assert (await at.again(plan)).status is Status.FAILED
    assert len(at.glass.seen) == asked
    at.glass.changes.clear()
    await reconnect(at.database, at.world, at.secrets, ANN, connection_id=account.id, given=GIVEN)
    assert state(at, account) == (ConnectionState.OK, None)
    assert (await at.again(plan)).status is Status.DONE


async def test_signing_in_again_as_somebody_else_is_refused(at: Bench) -> None:
    account = await connected(at)
    at.glass.member("m2", "moe")
    with pytest.raises(Conflict, match="@moe"):
        await reconnect(
            at.database, at.world, at.secrets, ANN, connection_id=account.id, given={**GIVEN, "name": "moe"}
        )  # fmt: skip


async def test_a_challenge_waits_for_its_owner_and_then_goes_on_where_it_was(at: Bench) -> None:
    account = await connected(at)
    wants = [glass.CHALLENGE]
    at.glass.changes.append(lambda call: wants[0] if wants and call.cursor == "10" else None)
    plan = at.watch(depth=FOLLOWERS, connection_id=account.id)
    await at.until(lambda: "until a person looks" in str(at.why(plan)))
    assert state(at, account) == (ConnectionState.WANTS_YOU, "Glass wants you to confirm that it is you.")
    wants.clear()
    at.database.write_now(connections.confirm, ANN, account.id)
    run = await at.over(plan)
    assert (run.status, run.counts["followers"]) == (Status.DONE, 25)
    assert [call.cursor for call in at.glass.asked("followers")] == ["", "10", "10", "20"]


async def test_disconnecting_pauses_the_plans_that_read_with_the_account(at: Bench) -> None:
    account = await connected(at)
    at.glass.changes.append(lambda call: glass.throttled(60) if call.what == "followers" else None)
    plan = at.watch(depth=FOLLOWERS, connection_id=account.id)
    await at.until(lambda: at.glass.asked("followers"))
    (resting,) = at.database.write_now(plans.disconnect, ANN, account.id)
    run = await at.over(plan)
    assert (run.status, run.error) == (Status.CANCELLED, "The account that it read with was disconnected.")
    assert (resting.id, at.plan(plan).paused, at.plan(plan).connection_id) == (plan.id, True, None)
    assert at.rows(table.c.id) == []


async def test_a_plan_never_reads_as_a_stranger_because_its_account_is_gone(at: Bench) -> None:
    account = await connected(at)
    plan = at.watch(depth=SHALLOW, connection_id=account.id)
    await at.over(plan)
    at.database.write_now(connections.remove, ANN, account.id)
    asked = len(at.glass.seen)
    run = await at.again(plan)
    assert (run.status, run.calls, len(at.glass.seen)) == (Status.FAILED, 0, asked)
    assert "not connected any more" in str(run.error)
    assert at.plan(plan).paused


async def test_a_run_goes_on_with_the_account_that_the_plan_is_given(at: Bench) -> None:
    account = await connected(at)
    at.glass.changes.append(
        lambda call: glass.throttled(600) if call.what == "followers" and not call.token else None
    )  # fmt: skip
    plan = at.watch(depth=FOLLOWERS)
    await at.until(lambda: "slow down" in str(at.why(plan)))
    at.database.write_now(plans.change, ANN, plan.id, connection_id=account.id)
    at.clock.advance(601)
    assert (await at.over(plan)).counts["followers"] == 25
