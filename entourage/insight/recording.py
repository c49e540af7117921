"""Recording: facts become channels, posts and edges, once each, whatever order and however often they come.

Facts may contradict each other in time only: the newest told value counts, the rest is history. Every change of who
follows a channel is noted at a moment (`noted_at`) later than all before it for that channel, even when the clock was
set back, so that what was counted up to one such moment can be brought up to date by what was noted since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from entourage.insight.people import Key, People, next_noted
from entourage.insight.posting import Posting, comment_on
from entourage.insight.store import facts as store
from entourage.kernel.db import Tx
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact

BELL = "facts"
"""Rings after facts were learned; listen for it with `Database.listen`."""
MOST = 5_000
"""Facts that are best learned in one transaction: enough to be quick, few enough not to hold others up."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of facts: how many of each kind were told, how many things were new, and whom they speak of."""

    told: Mapping[str, int]
    new: Mapping[str, int]
    """Channels, posts, comments and likes that were not known; of follows also those that ended or began again."""
    ids: Mapping[Key, int]
    """Our numbers of the people, by network and its id for them."""


def learn(tx: Tx, facts: Sequence[Fact]) -> Learned:
    """Keep facts that `facts.checked` let pass; learning the same facts again changes nothing."""
    tx.lock("facts")
    profiles = [fact for fact in facts if isinstance(fact, ProfileFact)]
    posts = [fact for fact in facts if isinstance(fact, PostFact)]
    comments = [fact for fact in facts if isinstance(fact, CommentFact)]
    likes = [fact for fact in facts if isinstance(fact, LikeFact)]
    follows = [fact for fact in facts if isinstance(fact, FollowFact)]
    keys: list[Key] = [(fact.network, fact.author) for fact in (*posts, *comments)]
    keys += [(fact.network, fact.profile) for fact in likes]
    keys += [(fact.network, who) for fact in follows for who in (fact.follower, fact.followed)]
    _tell(tx)
    people = People(tx, keys, profiles)
    hung: list[Key] = [(fact.network, fact.post) for fact in (*comments, *likes)]
    posting = Posting(tx, hung, posts, people.ids)
    new = {
        "profile": people.new,
        "post": posting.new,
        "comment": comment_on(tx, comments, posting.ids, people.ids),
        "like": store.add_likes(tx, _likes(likes, posting.ids, people.ids)),
        "follow": store.add_follows(tx, _follows(tx, follows, people.ids)),
    }
    told = {
        "profile": len(profiles),
        "post": len(posts),
        "comment": len(comments),
        "like": len(likes),
        "follow": len(follows),
    }
    return Learned(told, new, people.ids)


def _likes(
    facts: Sequence[LikeFact], posts: Mapping[Key, int], people: Mapping[Key, int]
) -> Sequence[Mapping[str, object]]:
    return [
        {
            "post_id": posts[fact.network, fact.post],
            "channel_id": people[fact.network, fact.profile],
            "seen_at": fact.seen_at,
        }
        for fact in facts
    ]


def _follows(tx: Tx, facts: Sequence[FollowFact], people: Mapping[Key, int]) -> Sequence[Mapping[str, object]]:
    noted: dict[int, datetime] = {}
    rows: list[Mapping[str, object]] = []
    for fact in facts:
        followed = people[fact.network, fact.followed]
        if followed not in noted:
            noted[followed] = next_noted(tx, followed)
        rows.append(
            {
                "followed_id": followed,
                "follower_id": people[fact.network, fact.follower],
                "since": fact.seen_at,
                "seen_at": fact.seen_at,
                "until": fact.until,
                "noted_at": noted[followed],
            }
        )
    return rows


def lost(tx: Tx, channel_id: int, *, before: datetime, at: datetime) -> int:
    """End the follows of a channel that were last seen `before`, as of `at`; how many that were.

    For when the whole list of followers was read and they were not in it any more.
    """
    tx.lock("facts")
    _tell(tx)
    return store.lose(tx, channel_id, before, at, next_noted(tx, channel_id))


def version(tx: Tx) -> int:
    """A number that grows whenever anything is learned or lost; who kept an answer compares it."""
    return store.version(tx)


def _tell(tx: Tx) -> None:
    store.touch(tx)
    tx.ring(BELL)
