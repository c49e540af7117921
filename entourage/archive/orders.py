"""Orders: one file each that is still to be fetched, and the jobs that carry them."""

import hashlib
from urllib.parse import urlsplit

import msgspec

from entourage.archive.model import DEFAULT_PRIORITY, Item, Order, Profile
from entourage.kernel import jobs
from entourage.kernel.db import Tx
from entourage.kernel.jobs import NewJob
from entourage.networks.model import Media

DEFAULT_ATTEMPTS = 3


def address_hash(platform: str, key: str) -> str:
    """The name of a file within its owner's archive: SHA-256 of its platform and the network's own key."""
    return hashlib.sha256(f"{platform}\n{key}".encode()).hexdigest()


def bookmark_key(item: Item) -> str:
    """What an address is bookmarked by."""
    return address_hash(item.platform, f"{item.url}\n{item.content_type or ''}\n{item.profile or ''}")


def lanes_of(platform: str, profile: Profile | None, media: Media) -> tuple[str, ...]:
    """The budgets that fetching this file draws on."""
    host = urlsplit(media.url).hostname or ""
    budget = f"files/{platform}/{profile}" if profile else f"files/{platform}"
    return ("downloads", budget, f"platform/{platform}", f"host/{host}")


def job_of(order: Order, *, priority: int = DEFAULT_PRIORITY, max_attempts: int = DEFAULT_ATTEMPTS) -> NewJob:
    """The job that fetches one file; a file is fetched by one job at a time."""
    return NewJob(
        "fetch",
        msgspec.to_builtins(order),
        lanes=lanes_of(order.platform, order.profile, order.media),
        priority=priority,
        subject=f"queue/{order.queue_id}" if order.queue_id else None,
        max_attempts=max_attempts,
        key=f"fetch/{order.owner}/{order.address_hash}" + ("/again" if order.replaces else ""),
    )


def defer_order(tx: Tx, order: Order, *, priority: int = DEFAULT_PRIORITY) -> bool:
    """Plan the fetching of one file; False when it is planned already."""
    job = job_of(order, priority=priority)
    if job.key and jobs.unfinished(tx, [job.key]):
        return False
    jobs.defer_many(tx, [job])
    return True


def order_of(job: jobs.Job) -> Order:
    """What a fetch job carries."""
    return msgspec.convert(job.args, Order)
