"""Posts that facts speak of, with what was read from their captions, and the comments on them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, to_builtins
from msgspec.structs import replace

from entourage.insight import grammar
from entourage.insight.people import Key, handle_of, in_turn
from entourage.insight.store import facts as store
from entourage.insight.store.facts import KnownPost
from entourage.kernel.db import Tx
from entourage.networks.facts import CommentFact, PostFact

_TOLD: Final = ("url", "caption", "posted_at", "media")
_COUNTS: Final = ("likes", "comments")
_KEPT: Final = (*_TOLD, *_COUNTS, "author_id", "seen_at", "counted_at", "gone_at")
_NOTHING = KnownPost(0, "", 0, None, None, None, None, None, [], [], None, None, None)


class Posting:
    """The posts that a set of facts speaks of. `ids` has the number of each."""

    def __init__(self, tx: Tx, keys: Iterable[Key], facts: Iterable[PostFact], people: Mapping[Key, int]) -> None:
        self._people = people
        told: dict[Key, list[PostFact]] = {}
        for fact in facts:
            told.setdefault((fact.network, fact.id), []).append(fact)
        wanted = dict.fromkeys([*told, *keys])
        known: dict[Key, KnownPost] = {}
        for network in {network for network, _ in wanted}:
            ids = [native_id for net, native_id in wanted if net == network]
            known |= {(network, post.native_id): post for post in store.posts_by_native_ids(tx, network, ids)}
        added: dict[Key, dict[str, Any]] = {}
        changed: dict[int, dict[str, Any]] = {}
        counted: dict[tuple[str, str, int], dict[str, Any]] = {}
        for key in wanted:
            before = known.get(key, _NOTHING)
            row = self._merged(before, sorted(told.get(key, ()), key=lambda fact: fact.seen_at))
            _count(counted, key[0], before, row)
            if key not in known:
                added[key] = {**_BLANK, **row, "network": key[0], "native_id": key[1]}
            elif row:
                changed[before.id] = row
        self.new = len(added)
        numbers = store.add_posts(tx, list(added.values())) if added else []
        self.ids = {key: post.id for key, post in known.items()} | dict(zip(added, numbers, strict=True))
        store.set_posts(tx, changed)
        store.add_mentions(tx, [row for row in counted.values() if row["posts"] or row["last_at"]])

    def _merged(self, known: KnownPost, facts: Sequence[PostFact]) -> dict[str, Any]:
        """What has to be stored of a post after these facts; {} for nothing."""
        if not facts:
            return {}
        values: dict[str, Any] = {name: getattr(known, name) for name in _KEPT}
        before = dict(values)
        for fact in in_turn(facts, known.seen_at):
            newer = known.seen_at is None or fact.seen_at > known.seen_at  # two of one moment complete each other
            for name in _TOLD:
                value = getattr(fact, name)
                if value is not UNSET and (newer or (value is not None and values[name] in (None, []))):
                    values[name] = to_builtins(value) if name == "media" else value
            _take_numbers(values, fact, newer=newer)
            if newer:
                values["author_id"] = self._people[fact.network, fact.author]
                values["seen_at"], values["gone_at"] = fact.seen_at, fact.seen_at if fact.gone else None
        if values == before:
            return {}
        network, caption = facts[0].network, values["caption"] or ""
        values["tags"] = list(dict.fromkeys(tag.casefold() for tag in grammar.hashtags(network, caption)))
        values["mentions"] = list(dict.fromkeys(handle_of(name) for name in grammar.mentions(network, caption)))
        return values


def _take_numbers(values: dict[str, Any], fact: PostFact, *, newer: bool) -> None:
    """Take the numbers of a fact that are as new as those that are known, or that are not known yet."""
    counted_at = values["counted_at"]
    later = counted_at is None or fact.seen_at >= counted_at
    for name in _COUNTS:
        value = getattr(fact, name)
        if type(value) is int and (later or values[name] is None):
            values[name] = value
            values["counted_at"] = fact.seen_at if later else counted_at
        elif value is None and newer:
            values[name] = None


_BLANK: Mapping[str, Any] = {
    "author_id": 0, "url": None, "caption": None, "posted_at": None, "likes": None, "comments": None, "media": [],
    "tags": [], "mentions": [], "seen_at": None, "counted_at": None, "gone_at": None,
}  # fmt: skip


def _count(
    counted: dict[tuple[str, str, int], dict[str, Any]], network: str, before: KnownPost, row: Mapping[str, Any]
) -> None:
    """Count the mentions that a post gained and lost; the time of those that stayed may only be told now."""
    if not row:
        return
    was = {(handle, before.author_id) for handle in before.mentions}
    now = {(handle, row["author_id"]) for handle in row["mentions"]}
    stayed = was & now if row["posted_at"] != before.posted_at else set[tuple[str, int]]()
    for change, pairs in ((-1, was - now), (1, now - was), (0, stayed)):
        for handle, author in pairs:
            blank = {"handle": handle, "network": network, "author_id": author, "posts": 0, "last_at": None}
            entry = counted.setdefault((handle, network, author), blank)
            entry["posts"] += change
            moment = row["posted_at"]
            if change >= 0 and moment is not None and (entry["last_at"] is None or moment > entry["last_at"]):
                entry["last_at"] = moment


def comment_on(tx: Tx, facts: Iterable[CommentFact], posts: Mapping[Key, int], people: Mapping[Key, int]) -> int:
    """Add comments; how many were new."""
    told: dict[Key, CommentFact] = {}
    for fact in facts:
        before = told.get((fact.network, fact.id))
        again = fact if before is None or fact.posted_at is not None else replace(fact, posted_at=before.posted_at)
        told[fact.network, fact.id] = again
    known: set[Key] = set()
    for network in {network for network, _ in told}:
        ids = [native_id for net, native_id in told if net == network]
        known |= {(network, native_id) for native_id in store.known_comments(tx, network, ids)}
    store.add_comments(
        tx,
        [
            {
                "network": fact.network, "native_id": fact.id, "post_id": posts[fact.network, fact.post],
                "author_id": people[fact.network, fact.author], "text": fact.text, "posted_at": fact.posted_at,
            }
            for fact in told.values()
        ],
    )  # fmt: skip
    return len(told) - len(known)
