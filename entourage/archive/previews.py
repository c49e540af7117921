"""Previews: what is behind an address, looked at before anything is queued. Nothing is stored."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from entourage.accounts.model import Actor
from entourage.archive import queue
from entourage.archive.jobs import Archive
from entourage.archive.model import Wish
from entourage.archive.orders import address_hash
from entourage.archive.store import downloads as store
from entourage.kernel.db import Tx
from entourage.networks import registry
from entourage.networks.model import About, Media, Target

MOST = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """The first files behind an address; `more` says that there are others; `known` counts those that are kept."""

    title: str
    source: str
    platform: str
    media: Sequence[Media]
    expected: int | None
    known: int
    more: bool


async def preview(archive: Archive, actor: Actor, wish: Wish, most: int = MOST) -> Preview:
    """List the first files behind an address. Raises what expanding it would raise."""
    wish, platform, source = queue.checked(wish)
    since = None
    if wish.days_back:
        since = archive.database.clock() - timedelta(days=wish.days_back)
    limit = min(most + 1, wish.max_downloads or most + 1)
    cookies = await archive.database.read(archive.cookies_of, platform)
    target = Target(
        url=wish.url, content_type=wish.content_type, profile=wish.profile, limit=limit, since=since, cookies=cookies
    )
    title, expected = "", None
    found: list[Media] = []
    async with contextlib.aclosing(registry.READERS[platform].expand(target, archive.world)) as listing:
        async for one in listing:
            if isinstance(one, About):
                title, expected = one.title, one.expected
            elif isinstance(one, Media):
                if since is None or one.posted_at is None or one.posted_at >= since:
                    found.append(one)
                if len(found) >= limit:
                    break
    shown = found[: min(most, wish.max_downloads or most)]
    known = await archive.database.read(_known, actor, platform, shown)
    return Preview(title or source, source, platform, shown, expected, known, len(found) > len(shown))


def _known(tx: Tx, actor: Actor, platform: str, media: Sequence[Media]) -> int:
    return len(store.known(tx, actor.user_id, [address_hash(platform, one.key) for one in media]))
