"""What is seen of people and posts on the way to their files is kept with the plan to fetch these, or not at all."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import faults
import pytest
import sqlalchemy as sa
from bench import ANN, jpeg, opened, picture
from faults import FaultServer

from entourage.archive import expansion, queue
from entourage.archive.model import Item, ItemStatus, Wish
from entourage.insight import recording
from entourage.insight.store.tables import channels, posts
from entourage.kernel import jobs
from entourage.kernel.db import Database, Tx
from entourage.kernel.tables import jobs as table
from entourage.networks.facts import Fact, PostFact, ProfileFact
from entourage.networks.model import Cursor, Found, Media, MediaKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIA = ProfileFact(network="instagram", id="7", username="mia", seen_at=NOON)
POST = PostFact(network="instagram", id="p1", author="7", caption="Hello #sea", seen_at=NOON)
FILE = Media("f1", "https://pics.example.org/1.jpg", MediaKind.IMAGE, "1.jpg", "mia")


@pytest.fixture
def item(database: Database) -> Item:
    return database.write_now(queue.add, ANN, Wish("https://www.instagram.com/mia/"))


async def listed(database: Database, item: Item, learn: expansion.Learn | None, *found: Found) -> expansion.Listing:
    listing = expansion.Listing(item, None, database, learn)
    for one in found:
        await listing.take(one)
    await listing.flush()
    return listing


def fetches(database: Database) -> int:
    with database.reading() as tx:
        return tx.value(sa.select(sa.func.count()).select_from(table).where(table.c.kind == "fetch"))


async def test_facts_are_learned_in_the_transaction_that_plans_their_files(database: Database, item: Item) -> None:
    told: list[tuple[Sequence[Fact], int]] = []

    def learn(tx: Tx, facts: Sequence[Fact]) -> None:
        assert tx.writes
        told.append((facts, jobs.planned(tx, "fetch")))
        recording.learn(tx, facts)

    listing = await listed(database, item, learn, MIA, POST, FILE, Cursor("1"))
    assert told == [([MIA, POST], 0)]
    assert (fetches(database), listing.seen) == (1, 1)
    with database.reading() as tx:
        assert tx.value(sa.select(channels.c.username)) == "mia"
        assert tx.value(sa.select(posts.c.caption)) == "Hello #sea"


async def test_facts_that_cannot_be_learned_leave_nothing_half_done(database: Database, item: Item) -> None:
    def fails(tx: Tx, facts: Sequence[Fact]) -> None:
        recording.learn(tx, facts)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await listed(database, item, fails, MIA, FILE)
    assert fetches(database) == 0
    with database.reading() as tx:
        assert tx.value(sa.select(sa.func.count()).select_from(channels)) == 0


async def test_what_cannot_be_true_is_left_out_and_files_come_all_the_same(database: Database, item: Item) -> None:
    nobody = ProfileFact(network="instagram", id="", username="x", seen_at=NOON)
    await listed(database, item, recording.learn, nobody, FILE)
    assert fetches(database) == 1


async def test_an_archive_that_nobody_listens_to_keeps_only_files(database: Database, item: Item) -> None:
    listing = await listed(database, item, None, MIA, POST, FILE)
    assert (fetches(database), listing.seen) == (1, 1)
    with database.reading() as tx:
        assert tx.value(sa.select(sa.func.count()).select_from(channels)) == 0


async def test_a_thread_without_files_is_learned_too(database: Database, item: Item) -> None:
    many = [PostFact(network="forum", id=f"h/{n}", author="h/ada", seen_at=NOON) for n in range(1200)]
    await listed(database, item, recording.learn, *many)
    with database.reading() as tx:
        assert tx.value(sa.select(sa.func.count()).select_from(posts)) == 1200


THREAD = """<html id="XF"><h1 class="p-title-value">Piers</h1>
<article class="message" data-author="Ada" data-content="post-7"><div class="message-body">
<p>Our #harbour</p><img src="/harbour.jpg" width="600" height="400"></div></article></html>"""


async def test_a_thread_that_is_archived_tells_who_wrote_what(database_url: str, tmp_path: Path) -> None:
    async with FaultServer() as server, opened(database_url, tmp_path / "data") as bench:
        server.on("/harbour.jpg", jpeg(picture(1)))
        item = await bench.run(server.on("/threads/piers.9/", faults.page(THREAD.encode(), "Content-Type: text/html")))
        assert (item.status, item.items_done) == (ItemStatus.COMPLETED, 1)
        with bench.parts.database.reading() as tx:
            assert tx.one(sa.select(channels.c.network, channels.c.username)) == ("forum", "Ada")
            assert tx.one(sa.select(posts.c.caption, posts.c.tags)) == ("Our #harbour", ["harbour"])
