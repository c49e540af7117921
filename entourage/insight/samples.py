"""Samples: how many followers, likers or commenters were looked at, of how many, and whether these were all."""

from dataclasses import dataclass
from datetime import datetime

from entourage.insight.store import samples as store
from entourage.kernel.db import Tx
from entourage.networks.reading import Listing


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a list of a channel: `size` entries were read, of `population` where the network says how many."""

    what: Listing
    taken_at: datetime
    size: int
    population: int | None
    whole: bool
    """The list was read to its end; otherwise only its beginning, in the order in which the network lists."""


def note(
    tx: Tx, channel_id: int, what: Listing, size: int, population: int | None = None, *, whole: bool = False
) -> None:
    """Keep how a sample of a channel's list was taken; the newest one is told with every figure made from it."""
    store.add(tx, channel_id, str(what), size, population, whole=whole)


def latest(tx: Tx, channel_id: int, what: Listing) -> Sample | None:
    """How the newest sample of a channel's list was taken; None where no list was read (facts came from elsewhere)."""
    row = store.latest(tx, channel_id, str(what))
    return None if row is None else Sample(what, *row)
