"""The archive's work: what its jobs do. Every handler may run twice and leaves the same behind."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from entourage.accounts import users
from entourage.accounts.model import OPERATOR
from entourage.archive import expansion, housekeeping, mail, preferences, recording, schedules
from entourage.archive.faces import Faces
from entourage.archive.files import Shelf
from entourage.archive.model import Download, DownloadStatus, Item, Kept, Order
from entourage.archive.orders import bookmark_key, order_of
from entourage.archive.progress import Progress
from entourage.archive.statistics import GIGABYTE
from entourage.archive.store import downloads as store
from entourage.kernel.bus import Bus
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import NotFound, StorageFull
from entourage.kernel.jobs import Job
from entourage.kernel.outcomes import Done, Outcome
from entourage.kernel.secrets import Secrets
from entourage.kernel.worker import Handler, Running
from entourage.kernel.world import World
from entourage.networks import registry, streams
from entourage.networks.model import MediaKind, Target, Way

LARGEST_FILE, LARGEST_PICTURE = 64 * GIGABYTE, GIGABYTE // 2
"""Bytes; a body that goes on beyond that has no end, or is not what it should be."""
THUMBNAILS_AT_ONCE = 500


ON_FAILED = {"expand": recording.expansion_failed, "fetch": recording.failed}
"""What is recorded when a job has failed for good, by its kind."""


class Archive:
    """Fetches what the queue asks for: the handlers of its jobs and what they need."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        world: World,
        shelf: Shelf,
        secrets: Secrets,
        *,
        learn: expansion.Learn | None = None,
    ) -> None:
        """`learn` is handed what was seen of people and posts on the way to their files."""
        self.database = database
        self._learn = learn
        self.world = world
        self.shelf = shelf
        self.faces = Faces(world, shelf.faces)
        self.secrets = secrets
        self.progress = Progress(database, bus)
        self._names: dict[int, str] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """What the worker runs, by kind of job."""
        return {
            "expand": self.expand,
            "fetch": self.fetch,
            "erase": self.erase,
            "schedule": self.schedule,
            "thumbnails": self.thumbnails,
            "mail": self.mail,
            "housekeeping": self.housekeeping,
        }

    async def expand(self, job: Job, running: Running) -> Outcome:
        """List what is behind an item's address and plan a fetch for each file that is new."""
        item = await self.database.write(expansion.begin, int(job.args["queue_id"]))
        if item is None:
            return Done()
        target = await self.database.read(self._target_of, item)
        listing = expansion.Listing(item, target.since, self.database, self._learn)
        reader = registry.READERS[item.platform]
        running.lane = f"platform/{item.platform}"
        async with contextlib.aclosing(reader.expand(target, self.world)) as found:
            async for one in found:
                await listing.take(one)
                if listing.full:
                    break
        await listing.flush()
        return Done(partial(expansion.expanded, item_id=item.id))

    def cookies_of(self, tx: Tx, platform: str) -> Mapping[str, str]:
        """The cookies of the account that may be used on a platform; none where none was given."""
        sealed = preferences.current(tx).platforms.instagram.session_id
        if platform == "instagram" and sealed:
            return {"sessionid": self.secrets.unseal(sealed, "platforms.instagram.session_id")}
        return {}

    def _target_of(self, tx: Tx, item: Item) -> Target:
        mark = store.bookmark(tx, item.owner, bookmark_key(item))
        return Target(
            url=item.url,
            content_type=item.content_type,
            profile=item.profile,
            limit=item.max_downloads,
            since=item.created_at - timedelta(days=item.days_back) if item.days_back else None,
            after=mark[0] if mark and item.attempts == 0 else None,
            cookies=self.cookies_of(tx, item.platform),
        )

    async def fetch(self, job: Job, running: Running) -> Outcome:
        """Bring one file, verified, into the archive."""
        order = order_of(job)
        running.lane = f"host/{urlsplit(order.media.url).hostname or ''}"
        await self.progress.check_room(_room_left)
        owner = await self._owner_name(order.owner)
        self.progress.begin(order)
        try:
            file = await self._bring(order, owner)
        finally:
            self.progress.end(order)
        return Done(partial(recording.kept, order=order, file=file, attempts=job.attempts))

    async def _bring(self, order: Order, owner: str) -> Kept:
        part = self.shelf.part(order)
        told = partial(self.progress.moved, order)
        if order.media.way is Way.STREAM:
            sha256, size = await streams.save(order.media, part, self.world, on_progress=told, limit=LARGEST_FILE)
        else:
            limit = LARGEST_PICTURE if order.media.kind is MediaKind.IMAGE else LARGEST_FILE
            received = await self.world.save(
                order.media.url, part, headers=order.media.headers, limit=limit, on_progress=told
            )
            sha256, size = received.sha256, received.size
        return await self.shelf.put(order, part, sha256, size, owner)

    async def _owner_name(self, owner: int) -> str:
        if owner not in self._names:
            self._names[owner] = await self.database.read(_owner_name, owner)
        return self._names[owner]

    async def erase(self, job: Job, _: Running) -> Outcome:
        """Delete a file that a download left behind, unless another download has the same content."""
        sha256, path = str(job.args["sha256"]), job.args.get("path")
        last = await self.database.write(_release, sha256)
        await asyncio.to_thread(self.shelf.erase, sha256, str(path) if path else None, last=last)
        return Done()

    async def schedule(self, job: Job, _: Running) -> Outcome:
        """Queue what a schedule is for, and plan its next run."""
        due = datetime.fromisoformat(str(job.args["due"]))
        return Done(partial(schedules.fire, schedule_id=str(job.args["schedule_id"]), due=due))

    async def thumbnails(self, job: Job, _: Running) -> Outcome:
        """Make the small pictures of an item's files before anybody looks at them."""
        for download in await self.database.read(_pictures, int(job.args["queue_id"])):
            with contextlib.suppress(NotFound):
                await self.shelf.thumbnail(download)
        return Done()

    async def mail(self, job: Job, _: Running) -> Outcome:
        """Tell the owner of an item by e-mail how it ended, where that is switched on."""
        message = await self.database.read(mail.compose, int(job.args["queue_id"]), self.secrets)
        if message is not None:
            await asyncio.to_thread(mail.send, message)
        return Done()

    async def housekeeping(self, _: Job, __: Running) -> Outcome:
        """The daily clean-up, which plans the next one."""
        await housekeeping.tidy(self.database, self.shelf, self.faces)
        return Done(housekeeping.plan_next)

    async def close(self) -> None:
        """Stop telling progress; let disk work end."""
        await self.progress.close()
        await asyncio.to_thread(self.shelf.close)


def _owner_name(tx: Tx, owner: int) -> str:
    if not owner:
        return OPERATOR.username
    try:
        return users.get(tx, OPERATOR, owner).username
    except NotFound:
        return f"user-{owner}"


def _room_left(tx: Tx) -> None:
    limit = preferences.current(tx).general.storage_limit_gb * GIGABYTE
    if limit and store.blob_sums(tx)[1] >= limit:
        raise StorageFull(
            f"The storage limit of {limit // GIGABYTE} GB is reached; raise it in the settings or delete files."
        )


def _release(tx: Tx, sha256: str) -> bool:
    """Forget a content that no download has any more; whether that is so."""
    if store.references(tx, sha256):
        return False
    store.forget_blob(tx, sha256)
    return True


def _pictures(tx: Tx, queue_id: int) -> Sequence[Download]:
    return store.of_item(tx, queue_id, DownloadStatus.COMPLETED, THUMBNAILS_AT_ONCE)
