"""A collector at work on the network of the tests, with a clock that moves when told."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from emulators.glass import Glass, GlassReader
from testclock import TestClock

from entourage.accounts.model import Actor, Role
from entourage.insight import plans
from entourage.insight.jobs import ON_FAILED, Collector
from entourage.insight.watching import Collection, Depth, Plan, Status
from entourage.kernel.db import Database
from entourage.kernel.egress import Gate
from entourage.kernel.secrets import Secrets
from entourage.kernel.worker import Worker
from entourage.kernel.world import World
from entourage.networks import registry

ANN = Actor(2, "ann", Role.USER)
BEN = Actor(3, "ben", Role.USER)
ADMIN = Actor(1, "admin", Role.ADMIN)
PATIENCE = 30.0
SHALLOW = Depth(posts=0, followers=0, likers_of=0, comments_of=0)
FOLLOWERS = Depth(posts=0, followers=1000, likers_of=0, comments_of=0)


@dataclass
class Bench:
    """Everything that a collection needs."""

    database: Database
    clock: TestClock
    glass: Glass
    world: World
    secrets: Secrets

    def watch(self, who: str = "@mia", actor: Actor = ANN, **wishes: Any) -> Plan:
        server = wishes.pop("server", self.glass.address)
        return self.database.write_now(plans.watch, actor, network="glass", who=who, server=server, **wishes)

    @property
    def reader(self) -> GlassReader:
        """The connector that is in use."""
        reader = registry.PEOPLE["glass"]
        assert isinstance(reader, GlassReader)
        return reader

    def plan(self, plan: Plan) -> Plan:
        with self.database.reading() as tx:
            return plans.get(tx, ADMIN, plan.id)

    def runs(self, plan: Plan) -> list[Collection]:
        """The runs of a plan, the oldest first."""
        with self.database.reading() as tx:
            return list(plans.collections(tx, ADMIN, plan.id))[::-1]

    def why(self, plan: Plan) -> str | None:
        with self.database.reading() as tx:
            return plans.why(tx, ADMIN, plan.id)

    def rows(self, *columns: Any) -> list[Any]:
        with self.database.reading() as tx:
            return sorted(tx.all(sa.select(*columns)), key=repr)

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is true; the clock goes on meanwhile, so that what is planned comes."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def over(self, plan: Plan, runs: int = 1) -> Collection:
        """Wait until so many runs are over; the last one."""

        def ended() -> bool:
            found = self.runs(plan)
            return len(found) >= runs and all(one.status is not Status.RUNNING for one in found)

        deadline = time.monotonic() + PATIENCE
        while not ended():
            assert time.monotonic() < deadline, (self.runs(plan), self.why(plan))
            await asyncio.sleep(0.01)
        return self.runs(plan)[-1]

    async def again(self, plan: Plan) -> Collection:
        """One more run, to its end."""
        self.clock.advance(60)
        before = len(self.runs(plan))
        self.database.write_now(plans.run_now, ANN, plan.id)
        return await self.over(plan, before + 1)


@asynccontextmanager
async def bench(database: Database, clock: TestClock, folder: Path) -> AsyncGenerator[Bench]:
    """The network, and a worker that collects from it."""
    registry.PEOPLE["glass"] = GlassReader()
    glass = Glass()
    secrets = Secrets(b"k" * 32)
    try:
        async with glass.server, World(Gate([ip_network("127.0.0.0/8")]), folder / "scratch") as world:
            collector = Collector(database, world, secrets)
            async with Worker(database, collector.handlers(), slots=4, on_failed=ON_FAILED):
                yield Bench(database, clock, glass, world, secrets)
    finally:
        del registry.PEOPLE["glass"]
