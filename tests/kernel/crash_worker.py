"""A worker process to be killed: each job adds a row to `ledger` with its end; argv: database address, slots."""

import asyncio
import sys

import sqlalchemy as sa

from entourage.kernel.db import Database, Tx
from entourage.kernel.jobs import Job
from entourage.kernel.outcomes import Done, Outcome
from entourage.kernel.worker import Running, Worker

LEDGER = sa.insert(sa.table("ledger", sa.column("job"), sa.column("done_by")))


async def main(url: str, slots: int) -> None:
    database = Database(url)

    async def handle(job: Job, running: Running) -> Outcome:
        await asyncio.sleep(0.02 * (job.id % 5))

        def record(tx: Tx) -> None:
            tx.run(LEDGER, job=job.id, done_by=worker.owner)

        return Done(record)

    worker = Worker(database, {"k": handle}, slots=slots, lease=2)
    await worker.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
