"""Growth: how many followers a channel had, day by day. Days on which it was not seen have no entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from entourage.accounts.model import Actor
from entourage.insight.channels import skip
from entourage.insight.store import growth as store
from entourage.kernel.db import Tx
from entourage.kernel.errors import Invalid, Problem
from entourage.kernel.paging import Page

PERIODS = (90, 180, 360)
"""Days that changes can be asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """A day (UTC) on which the profile was seen, with its numbers as they were seen last on that day."""

    date: date
    followers: int
    change: float
    """In %, against the entry before, to three digits; 0 where nothing was seen before, 100 where nobody followed."""
    follows: int | None


def changes(  # noqa: PLR0917 - a page is asked for as of every list
    tx: Tx, actor: Actor, channel_id: int, days: int, number: int = 1, size: int = 20
) -> Page[Change]:
    """The channel's days within the last `days` (one of PERIODS, today is the last of them), the oldest first.

    Raises Invalid for another period.
    """
    if days not in PERIODS:
        raise Invalid(Problem("period", f"must be one of {', '.join(map(str, PERIODS))}"))
    skipped = skip(number, size)
    first = tx.now.astimezone(UTC).date() - timedelta(days=days - 1)
    found = history(tx, actor, channel_id, first)
    return Page(found[skipped : skipped + size], len(found), number, size)


def history(
    tx: Tx,
    actor: Actor,  # noqa: ARG001 - whoever is signed in sees every channel
    channel_id: int,
    since: date,
) -> Sequence[Change]:
    """The channel's days from `since` on, the oldest first."""
    start = datetime.combine(since, time(), UTC)
    seen = store.days(tx, channel_id, start)
    if not seen:
        return []
    earlier = store.before(tx, channel_id, start)
    before = seen[0].followers if earlier is None else earlier.followers
    found: list[Change] = []
    for one in seen:
        found.append(Change(one.at.date(), one.followers, _percent(before, one.followers), one.follows))
        before = one.followers
    return found


def _percent(before: int, now: int) -> float:
    if before == now:
        return 0.0
    return float(f"{100 * (now - before) / before:.3g}") if before else 100.0
