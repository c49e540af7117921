"""Samples in the database: how many were looked at, of how many."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from entourage.insight.store.tables import samples
from entourage.kernel.db import Tx

_bind: Any = sa.bindparam
_ADD = sa.insert(samples).values(
    {column.name: _bind(column.name, type_=column.type) for column in samples.c if column.name != "id"}
)
_LATEST = (
    sa.select(samples.c.taken_at, samples.c.size, samples.c.population, samples.c.whole)
    .where(samples.c.channel_id == _bind("channel"), samples.c.what == _bind("listed"))
    .order_by(samples.c.taken_at.desc(), samples.c.id.desc())
    .limit(1)
)


class Row(NamedTuple):
    """A sample as it is kept."""

    taken_at: datetime
    size: int
    population: int | None
    whole: bool


def add(tx: Tx, channel_id: int, what: str, size: int, population: int | None, *, whole: bool) -> None:
    """Keep how a sample was taken."""
    tx.run(_ADD, channel_id=channel_id, what=what, taken_at=tx.now, size=size, population=population, whole=whole)


def latest(tx: Tx, channel_id: int, what: str) -> Row | None:
    """The newest sample of a list of the channel."""
    row = tx.one(_LATEST, channel=channel_id, listed=what)
    return None if row is None else Row(*row)
