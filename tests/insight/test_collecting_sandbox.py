"""Collecting from the sandbox that ships with the product: what is known afterwards is what the sandbox is."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from collecting_bench import ADMIN, ANN, PATIENCE
from test_connecting import add_people
from testclock import TestClock

from entourage.accounts import connections
from entourage.accounts.model import Connection, ConnectionState
from entourage.insight import plans
from entourage.insight.connecting import connect
from entourage.insight.jobs import ON_FAILED, Collector
from entourage.insight.store.tables import channels, comments, follows, likes, posts, snapshots
from entourage.insight.watching import Collection, Depth, Plan, Status
from entourage.kernel.db import Database
from entourage.kernel.egress import Gate
from entourage.kernel.secrets import Secrets
from entourage.kernel.worker import Worker
from entourage.kernel.world import World
from entourage.networks.sandbox.limits import Fault, Limits
from entourage.networks.sandbox.network import PASSWORD, Network, Profile, network
from entourage.networks.sandbox.server import Sandbox, running
from entourage.networks.sandbox.talk import OPENED

EVERYBODY = Depth(posts=1000, followers=10_000, followings=1000, likers_of=3, likers=1000, comments_of=3, comments=1000)
FOLLOWERS = Depth(posts=0, followers=10_000, likers_of=0, comments_of=0)


@dataclass
class Bench:
    """A sandbox, and a worker that collects from it."""

    database: Database
    clock: TestClock
    site: Sandbox
    world: World
    secrets: Secrets
    creator: Profile
    """Somebody with several pages of followers, but not very many."""

    @property
    def people(self) -> Network:
        return network(1, OPENED)

    @property
    def at(self) -> int:
        return self.people.people.seconds(self.clock())

    def watch(self, who: str = "", depth: Depth = EVERYBODY, connection: int | None = None) -> Plan:
        return self.database.write_now(
            plans.watch,
            ANN,
            network="sandbox",
            who=f"@{who or self.creator.username}",
            server=self.site.url,
            depth=depth,
            connection_id=connection,
        )

    def runs(self, plan: Plan) -> Sequence[Collection]:
        with self.database.reading() as tx:
            return plans.collections(tx, ADMIN, plan.id)

    async def over(self, plan: Plan, *, passing: float = 0.0) -> Collection:
        """Wait until the newest run is over, while so many seconds pass at each look."""
        deadline = time.monotonic() + PATIENCE
        while (run := self.runs(plan)[0]).status is Status.RUNNING:
            assert time.monotonic() < deadline, run
            await asyncio.sleep(0.02)
            self.clock.advance(passing)
        return run

    def rows(self, *columns: Any) -> set[Any]:
        with self.database.reading() as tx:
            return {row if len(columns) > 1 else next(iter(row)) for row in tx.all(sa.select(*columns))}

    def followers(self) -> set[str]:
        """Who is known to follow the creator now, by ids of the network."""
        with self.database.reading() as tx:
            found = tx.all(
                sa.select(channels.c.native_id)
                .join_from(follows, channels, channels.c.id == follows.c.follower_id)
                .where(
                    follows.c.until.is_(None),
                    follows.c.followed_id.in_(sa.select(channels.c.id).where(channels.c.native_id == self.creator.id)),
                )
            )
        return {row[0] for row in found}

    def true_followers(self) -> set[str]:
        people, society = self.people.people, self.people.society
        number = self.creator.number
        return {people.id(who) for who in society.followers(number).at(self.at) if people.there(who, self.at)}


@asynccontextmanager
async def bench(database: Database, clock: TestClock, folder: Path, **options: Any) -> AsyncGenerator[Bench]:
    secrets = Secrets(b"k" * 32)
    async with (
        running(clock=clock, starts=(OPENED,), **options) as site,
        World(Gate([ip_network("127.0.0.0/8")]), folder / "scratch") as world,
        Worker(database, Collector(database, world, secrets).handlers(), slots=4, on_failed=ON_FAILED),
    ):
        people = network(1, OPENED)
        creators = people.creators(people.people.seconds(clock()))
        yield Bench(database, clock, site, world, secrets, next(one for one in creators if one.followers < 800))


async def connected(at: Bench) -> Connection:
    at.database.write_now(add_people)
    return await connect(
        at.database, at.world, at.secrets, ANN,
        network="sandbox", server=at.site.url, given={"username": at.creator.username, "password": PASSWORD},
    )  # fmt: skip


async def test_a_creator_is_collected_whole(database: Database, clock: TestClock, tmp_path: Path) -> None:
    async with bench(database, clock, tmp_path) as at:
        run = await at.over(at.watch())
        assert (run.status, run.error, run.notes) == (Status.DONE, None, ())
        truth, number = at.people, at.creator.number
        assert at.followers() == at.true_followers()
        assert len(at.true_followers()) > 400
        assert len(at.rows(posts.c.native_id)) == truth.posts.count(number, at.at)
        newest = truth.posts.indexes(number, at.at)[:3]
        liked = {(index, who) for index in newest for who in truth.posts.likes(number, index, at.at)}
        said = {one.number for index in newest for one in truth.posts.comments(number, index, at.at)}
        assert len(at.rows(likes.c.post_id, likes.c.channel_id)) == len(liked)
        assert len(at.rows(comments.c.native_id)) == len(said)
        assert run.counts["followings"] == truth.society.followings(number).count(at.at)


async def test_a_month_later_who_came_and_who_left_is_known(
    database: Database, clock: TestClock, tmp_path: Path
) -> None:
    async with bench(database, clock, tmp_path) as at:
        plan = at.watch(depth=FOLLOWERS)
        await at.over(plan)
        before = at.true_followers()
        clock.advance(timedelta(days=30).total_seconds())
        while len(at.runs(plan)) == 1:
            await asyncio.sleep(0.02)
        await at.over(plan)
        assert at.true_followers() != before
        assert at.followers() == at.true_followers()
        assert len(at.rows(snapshots.c.seen_at)) >= 2


async def test_everything_that_an_api_can_do_wrong_is_survived(
    database: Database, clock: TestClock, tmp_path: Path
) -> None:
    faults = {0: Fault.FAILING, 2: Fault.HTML, 3: Fault.BROKEN, 5: Fault.THROTTLED, 8: Fault.HTML, 9: Fault.THROTTLED}

    def wrong(_: str, count: int) -> Fault | None:
        return faults.get(count)

    async with bench(database, clock, tmp_path, faults=wrong) as at:
        run = await at.over(at.watch(depth=FOLLOWERS), passing=2)
        assert (run.status, run.notes, run.counts["followers"]) == (Status.DONE, (), len(at.followers()))
        assert abs(len(at.followers()) - len(at.true_followers())) <= 2


async def test_a_cursor_that_loops_is_left(database: Database, clock: TestClock, tmp_path: Path) -> None:
    def loops(path: str, count: int) -> Fault | None:
        return Fault.LOOPING if path.endswith("/followers") else None

    async with bench(database, clock, tmp_path, faults=loops) as at:
        run = await at.over(at.watch(depth=FOLLOWERS))
        assert run.status is Status.DONE
        assert run.counts["followers"] == 100
        assert "repeats itself" in run.notes[0]


async def test_the_limit_of_an_hour_is_waited_for(database: Database, clock: TestClock, tmp_path: Path) -> None:
    async with bench(database, clock, tmp_path, limits=Limits(strangers_per_hour=4)) as at:
        begun = clock()
        run = await at.over(at.watch(depth=FOLLOWERS), passing=30)
        assert (run.status, run.counts["followers"]) == (Status.DONE, len(at.followers()))
        assert clock() - begun > timedelta(hours=1)


async def test_a_challenged_account_goes_on_when_its_owner_pressed_the_button(
    database: Database, clock: TestClock, tmp_path: Path
) -> None:
    async with bench(database, clock, tmp_path, limits=Limits(challenge_after=5)) as at:
        account = await connected(at)
        plan = at.watch(depth=FOLLOWERS, connection=account.id)
        presses = 0
        deadline = time.monotonic() + PATIENCE
        while (run := at.runs(plan)[0]).status is Status.RUNNING:
            assert time.monotonic() < deadline, run
            await asyncio.sleep(0.02)
            if (await database.read(connections.get, ANN, account.id)).state is ConnectionState.WANTS_YOU:
                presses += 1
                async with httpx.AsyncClient() as browser:
                    pressed = await browser.post(f"{at.site.url}/challenge", data={"account": account.username})
                assert pressed.status_code == 200
                await database.write(connections.confirm, ANN, account.id)
        assert (run.status, run.counts["followers"], presses) == (Status.DONE, len(at.true_followers()), 1)
        assert at.followers() == at.true_followers()


async def test_a_profile_that_is_deleted_is_known_to_be_gone(
    database: Database, clock: TestClock, tmp_path: Path
) -> None:
    async with bench(database, clock, tmp_path) as at:
        people = at.people.people
        leaver = next(n for n in range(people.total) if at.at < people.gone[n] < at.at + 30 * 86_400)
        plan = at.watch(people.username(leaver, at.at), Depth(posts=0, followers=0, likers_of=0, comments_of=0))
        assert (await at.over(plan)).status is Status.DONE
        clock.advance(timedelta(days=31).total_seconds())
        deadline = time.monotonic() + PATIENCE
        while not (await database.read(plans.get, ANN, plan.id)).paused:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert at.runs(plan)[0].status is Status.FAILED
        assert at.rows(channels.c.gone_at) != {None}


@pytest.mark.parametrize("who", ["nobody.of.that.name"])
async def test_nobody_of_that_name_is_said(who: str, database: Database, clock: TestClock, tmp_path: Path) -> None:
    async with bench(database, clock, tmp_path) as at:
        run = await at.over(at.watch(who))
        assert (run.status, at.rows(channels.c.id)) == (Status.FAILED, set())
