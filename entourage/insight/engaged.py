"""The largest of a channel's followers."""

from entourage.accounts.model import Actor
from entourage.insight import counting
from entourage.insight.channels import skip
from entourage.insight.estimates import MINIMUM
from entourage.insight.model import Channel
from entourage.insight.store import channels as store
from entourage.kernel.db import Tx
from entourage.kernel.paging import Page


def top(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    channel_id: int,
    number: int = 1,
    size: int = 20,
) -> Page[Channel]:
    """The 100 followers who have most followers themselves, the largest first, of those followers who are known."""
    skipped = skip(number, size)
    ids = counting.current(tx, channel_id, MINIMUM).top
    wanted = ids[skipped : skipped + size]
    known = store.many(tx, wanted)
    return Page([known[one] for one in wanted if one in known], len(ids), number, size)
