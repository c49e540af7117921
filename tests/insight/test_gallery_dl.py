"""What the real gallery-dl keeps beside its downloads from the emulator is read."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from emulators import instagram as emulator
from emulators.instagram import Instagram, Post, User, shortcode
from emulators.mitm import Mitm
from emulators.net import LoopNet
from msgspec import UNSET

from entourage.insight.importers import reading, sources
from entourage.insight.importers.instagram_export import post_id
from entourage.insight.importers.model import Format
from entourage.networks.facts import PostFact, ProfileFact

FIRST = 3_100_000_000_000_000_000
AT = 1_700_000_000


def download(net: LoopNet, into: Path, url: str) -> None:
    async def run() -> None:
        options = ["-o", "sleep-request=0", "-o", "cache.file=:memory:", "-o", "videos=merged", "--write-metadata"]
        options += ["-o", f"cookies.sessionid={emulator.SESSION}"]
        async for _ in net.lines(["gallery_dl", "--config-ignore", "-d", str(into), *options, url]):
            pass

    asyncio.run(run())


def test_posts_and_stories_that_gallery_dl_downloaded_are_facts(tmp_path: Path) -> None:
    world = Instagram(tmp_path)
    album = Post(FIRST + 1000, AT + 60, "An album", ("image", "video", "image"))
    story = Post(3_300_000_000_000_000_000, AT + 120)
    world.add(User(1003, "nat_geo", posts=[Post(FIRST, AT, "No. 1 #cats with @ann"), album], stories=[story]))
    (tmp_path / "scratch").mkdir()
    kept = tmp_path / "kept"
    with world.site, Mitm(dict.fromkeys(emulator.HOSTS, world.site.port), tmp_path) as mitm:
        net = LoopNet(mitm, tmp_path / "scratch")
        download(net, kept, "https://www.instagram.com/nat_geo/posts/")
        download(net, kept, "https://www.instagram.com/stories/nat_geo/")
    assert len(list(kept.rglob("*.json"))) == 5
    with sources.opened(kept) as source:
        seen = reading.survey(source)
        batches = list(reading.batches(source, seen, {}))
    found = [fact for batch in batches for fact in batch.facts]
    assert seen.format is Format.GALLERY_DL
    assert [batch.bad for batch in batches] == [[]]
    assert sum(batch.ignored for batch in batches) == 5  # the pictures and films themselves
    assert {(fact.id, fact.username) for fact in found if isinstance(fact, ProfileFact)} == {("1003", "nat_geo")}
    posts = {fact.id: fact for fact in found if isinstance(fact, PostFact)}
    assert {key: (fact.author, fact.caption, fact.posted_at) for key, fact in posts.items()} == {
        str(FIRST): ("1003", "No. 1 #cats with @ann", datetime.fromtimestamp(AT, UTC)),
        str(album.pk): ("1003", "An album", datetime.fromtimestamp(AT + 60, UTC)),
        str(story.pk): ("1003", UNSET, datetime.fromtimestamp(AT + 120, UTC)),
    }
    one = posts[str(FIRST)]
    assert one.url == f"https://www.instagram.com/p/{shortcode(FIRST)}/"
    assert post_id(str(one.url)) == str(FIRST)
    assert one.media != UNSET
    assert [(media.type, media.width, media.height) for media in one.media] == [("image", 1080, 1350)]
    assert posts[str(album.pk)].media == UNSET
