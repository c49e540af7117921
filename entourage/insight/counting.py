"""Counting who follows and who engages: kept, and brought up to date by what changed since instead of counted again.

Every change of a follow (it began, it ended, it began again) has a number, `noted_at`, larger than all before it for
that channel, and the number of the change before it, `noted_before`; beginning and ending alternate. So of a follow
that changed after what is counted in (`upto`) it is known whether it was counted:

- no change before it: it is new, it was not counted;
- the change before it is counted in: it was counted exactly if it does not follow now (and not, if it does);
- the change before it is not counted in either (it began and ended, or more): this cannot be told from the row.
  Everything is counted again then.

What else changes a count is that somebody's traits are judged anew (a profile was seen for the first time or again).
Nobody keeps what they were counted as, so the counts are made anew now and then: after a tenth of a second for each
person in them, but at least daily. A small channel is thus always right, a large one at most a day behind in this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from entourage.insight.crowds import Crowd, crowd, kept, read, together
from entourage.insight.store import figures as store
from entourage.kernel.columns import from_ms, to_ms
from entourage.kernel.db import Tx

VERSION = 1
"""Of what is kept; anything else is counted again."""
TRUSTED_EACH = timedelta(seconds=0.1)
TRUSTED_MOST = timedelta(days=1)
LARGE = 20_000
"""People from which on nothing is counted anew for who only reads: it could not be kept, the next would wait too."""
CHANGES = 20_000
"""Changes that are counted in one by one; more are counted quicker from the beginning."""
TOP = 100
SPARE_TOP = 200
"""Of the largest followers so many are kept, that those who leave do not make us look for the next."""
ENGAGED_POSTS = 100
"""Newest posts whose likers and commenters are those who engage."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Who there is. `counted_at` is when all were counted."""

    counted_at: datetime
    followers: Crowd
    engaged: Crowd
    """Counted only where too few followers are known."""
    top: Sequence[int]
    categories: Mapping[str, Any]
    """As they are kept, with what they were made from."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What is kept of a channel, with its crowds as such."""

    row: store.Stored
    followers: Crowd
    engaged: Crowd

    @property
    def counts(self) -> Counts:
        return Counts(self.row.counted_at, self.followers, self.engaged, self.row.top[:TOP], self.row.categories)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was counted without keeping it: what was kept before, and what is to be kept instead."""

    before: store.Stored | None
    after: store.Stored


def current(tx: Tx, channel_id: int, enough: int) -> Counts:
    """The counts of a channel as of now; kept where `tx` may write.

    Who engages is counted where fewer than `enough` followers are judged.
    """
    row = store.stored(tx, channel_id)
    found = _current(tx, channel_id, enough, row, keeps=tx.writes)
    if tx.writes and found.row is not row:
        store.store(tx, found.row)
    return found.counts


def ahead(tx: Tx, channel_id: int, enough: int) -> Ahead | None:
    """What `current` would keep, for who only reads now and keeps it later; None where nothing changed."""
    row = store.stored(tx, channel_id)
    found = _current(tx, channel_id, enough, row, keeps=True)
    return None if found.row is row else Ahead(row, found.row)


def keep(tx: Tx, counted: Ahead) -> None:
    """Keep what was counted ahead, unless something else was kept since. What changed since is counted in later."""
    if store.stored(tx, counted.after.channel_id) == counted.before:
        store.store(tx, counted.after)


def whole(tx: Tx, channel_id: int, enough: int) -> Counts:
    """Count everything from the beginning; kept where `tx` may write."""
    found = _whole(tx, channel_id, enough, {})
    if tx.writes:
        store.store(tx, found.row)
    return found.counts


def _current(tx: Tx, channel_id: int, enough: int, row: store.Stored | None, *, keeps: bool) -> _Counted:
    """The counts as of now, with `row` itself where it is right; `keeps` where they will be kept."""
    if row is None or row.version != VERSION:
        return _whole(tx, channel_id, enough, {})
    before = _Counted(row, read(row.followers), read(row.engaged))
    if _stale(tx, before, keeps=keeps):
        return _whole(tx, channel_id, enough, row.categories)
    after = _brought_up(tx, before)
    if after is None or (after.followers.judged < enough <= before.followers.judged):
        return _whole(tx, channel_id, enough, row.categories)
    return after


def _whole(tx: Tx, channel_id: int, enough: int, categories: Mapping[str, Any]) -> _Counted:
    """Everything from the beginning, with `categories` from before."""
    codes, upto = store.followers(tx, channel_id)
    followers = crowd(codes)
    engaged = crowd(store.engaged(tx, channel_id, ENGAGED_POSTS)) if followers.judged < enough else Crowd()
    row = store.Stored(
        channel_id=channel_id,
        version=VERSION,
        counted_at=tx.now,
        upto=upto,
        followers=kept(followers),
        engaged=kept(engaged),
        top=store.largest(tx, channel_id, SPARE_TOP, among_many=followers.known > LARGE),
        categories=categories,
    )
    return _Counted(row, followers, engaged)


def _stale(tx: Tx, before: _Counted, *, keeps: bool) -> bool:
    people = before.followers.known + before.engaged.known
    age = tx.now - before.row.counted_at
    if age < timedelta(0):
        return True  # the clock was set back
    if people > LARGE and not keeps:
        return False
    return age > min(TRUSTED_MOST, max(1, people) * TRUSTED_EACH)


def _brought_up(tx: Tx, before: _Counted) -> _Counted | None:
    """`before` with what changed since, itself where nothing did, None where it has to be counted again."""
    changes = store.changes(tx, before.row.channel_id, before.row.upto, CHANGES)
    if not changes:
        return before
    if len(changes) == CHANGES:
        return None
    counted = to_ms(before.row.upto)
    upto = counted
    codes: dict[int, int] = {}
    came: dict[int, int] = {}
    left: set[int] = set()
    for follower, noted_at, noted_before, until, traits, followers_of in changes:
        if noted_before is not None and noted_before > counted:
            return None
        upto = max(upto, noted_at)
        if until is not None:
            left.add(follower)
            codes[traits] = codes.get(traits, 0) - (noted_before is not None)
        else:
            codes[traits] = codes.get(traits, 0) + 1
            if followers_of is not None:
                came[follower] = followers_of
    followers = together(before.followers, crowd(codes))
    if not followers.possible:
        return None  # somebody who left was judged anew since, and is counted as what they were before
    row = replace(
        before.row,
        upto=from_ms(upto),
        followers=kept(followers),
        top=_top(tx, before, came, left),
    )
    return _Counted(row, followers, before.engaged)


def _top(tx: Tx, before: _Counted, came: Mapping[int, int], left: set[int]) -> Sequence[int]:
    """The largest followers, with those who came and without those who left."""
    kept_still = [one for one in before.row.top if one not in left]
    known = {**store.sizes(tx, kept_still), **came} if came else {}
    ranked = sorted(known, key=lambda one: (-known[one], one)) if came else kept_still
    if before.followers.judged > len(before.row.top):
        # Others may follow that were too small to be kept: only who is as large as the smallest that is kept is surely
        # larger than they are.
        least = min((known[one] for one in kept_still if one in known), default=None)
        sure = [one for one in ranked if least is not None and known[one] >= least] if came else kept_still
        if len(sure) < TOP and (len(sure) < len(ranked) or len(kept_still) < len(before.row.top)):
            many = before.followers.known > LARGE
            return store.largest(tx, before.row.channel_id, SPARE_TOP, among_many=many)
        ranked = sure
    return ranked[:SPARE_TOP]
