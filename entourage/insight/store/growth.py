"""The history of a channel's numbers in the database: one entry a day."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from entourage.insight.store.tables import snapshots
from entourage.kernel.columns import Instant
from entourage.kernel.db import Tx

_bind: Any = sa.bindparam
_DAY = sa.literal_column("86400000", sa.BigInteger)
_moment = sa.type_coerce(snapshots.c.seen_at, sa.BigInteger)
_mine = snapshots.c.channel_id == _bind("channel", type_=sa.BigInteger)
_told = snapshots.c.followers.is_not(None)
_since = _bind("since", type_=Instant())
_columns = (snapshots.c.seen_at, snapshots.c.followers, snapshots.c.follows)
_last = (
    sa.select(sa.type_coerce(sa.func.max(_moment), Instant).label("seen_at"))
    .where(_mine, _told, snapshots.c.seen_at >= _since)
    .group_by(_moment // _DAY)
    .subquery()
)
_DAYS = (
    sa.select(*_columns).join(_last, _last.c.seen_at == snapshots.c.seen_at).where(_mine).order_by(snapshots.c.seen_at)
)
_BEFORE = (
    sa.select(*_columns).where(_mine, _told, snapshots.c.seen_at < _since).order_by(snapshots.c.seen_at.desc()).limit(1)
)


class Seen(NamedTuple):
    """What a profile's numbers were when it was seen."""

    at: datetime
    followers: int
    follows: int | None


def days(tx: Tx, channel_id: int, since: datetime) -> list[Seen]:
    """The last time of each day (UTC) on which the number of followers was seen, from `since` on, oldest first."""
    return [Seen(*row) for row in tx.all(_DAYS, channel=channel_id, since=since)]


def before(tx: Tx, channel_id: int, since: datetime) -> Seen | None:
    """The last time before `since` that the number of followers was seen."""
    row = tx.one(_BEFORE, channel=channel_id, since=since)
    return None if row is None else Seen(*row)
