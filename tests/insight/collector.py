"""A worker process that collects from the tests' network, to be killed; argv: database address, scratch folder."""

import asyncio
import sys
from ipaddress import ip_network
from pathlib import Path

from emulators.glass import GlassReader

from entourage.insight.jobs import ON_FAILED, Collector
from entourage.kernel.db import Database
from entourage.kernel.egress import Gate
from entourage.kernel.secrets import Secrets
from entourage.kernel.worker import Worker
from entourage.kernel.world import World
from entourage.networks import registry

KEY = b"k" * 32


async def main(url: str, scratch: Path) -> None:
    registry.PEOPLE["glass"] = GlassReader()
    database = Database(url)
    async with World(Gate([ip_network("127.0.0.0/8")]), scratch) as world:
        collector = Collector(database, world, Secrets(KEY))
        await Worker(database, collector.handlers(), slots=4, on_failed=ON_FAILED, lease=1).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
