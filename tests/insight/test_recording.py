"""Recording: the same facts in any order and number leave the same behind."""

import random
import shutil
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from testclock import TestClock

from entourage.insight import counting, recording
from entourage.insight.people import uuid_of
from entourage.insight.store.tables import channels, comments, follows, likes, mentions, posts, snapshots
from entourage.kernel.db import Database
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, MediaFact, PostFact, ProfileFact

DAY = timedelta(days=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def profile(native_id: str, username: str, day: int = 0, **told: Any) -> ProfileFact:
    return ProfileFact(network="instagram", id=native_id, username=username, seen_at=NOON + day * DAY, **told)


def post(native_id: str, author: str, caption: str = "", day: int = 0, **told: Any) -> PostFact:
    return PostFact(
        network="instagram",
        id=native_id,
        author=author,
        caption=caption,
        seen_at=NOON + day * DAY,
        posted_at=NOON,
        **told,
    )


def follow(follower: str, followed: str, day: int = 0, until: int | None = None) -> FollowFact:
    return FollowFact(
        network="instagram",
        follower=follower,
        followed=followed,
        seen_at=NOON + day * DAY,
        until=None if until is None else NOON + until * DAY,
    )


def learn(database: Database, *facts: Fact) -> recording.Learned:
    return database.write_now(recording.learn, facts)


def rows(database: Database, *columns: Any) -> list[Any]:
    with database.reading() as tx:
        return sorted(tx.all(sa.select(*columns)), key=repr)


def everything(database: Database) -> Sequence[Any]:
    """All that is kept, by names of the network instead of our numbers."""
    who, what, other = channels.alias(), posts.alias(), channels.alias()
    told = [column for column in channels.columns if column.name not in {"id", "first_seen"}]
    with database.reading() as tx:
        return [
            sorted(tx.all(statement), key=repr)
            for statement in (
                sa.select(*told),
                sa.select(who.c.native_id, *(column for column in snapshots.columns if column.name != "channel_id"))
                .join_from(who, snapshots, who.c.id == snapshots.c.channel_id)
                .where(snapshots.c.followers.is_not(None)),
                sa.select(who.c.native_id, snapshots.c.username)
                .join_from(who, snapshots, who.c.id == snapshots.c.channel_id)
                .distinct(),
                sa.select(
                    posts.c.native_id, posts.c.caption, posts.c.likes, posts.c.mentions, who.c.native_id
                ).join_from(posts, who, posts.c.author_id == who.c.id, isouter=True),
                sa.select(what.c.native_id, who.c.native_id, comments.c.text, comments.c.posted_at)
                .join_from(comments, what, comments.c.post_id == what.c.id)
                .join(who, comments.c.author_id == who.c.id),
                sa.select(what.c.native_id, who.c.native_id)
                .join_from(likes, what, likes.c.post_id == what.c.id)
                .join(who, likes.c.channel_id == who.c.id),
                sa.select(who.c.native_id, other.c.native_id, follows.c.since, follows.c.seen_at, follows.c.until)
                .join_from(follows, who, follows.c.followed_id == who.c.id)
                .join(other, follows.c.follower_id == other.c.id),
                sa.select(mentions.c.handle, mentions.c.posts, mentions.c.last_at, who.c.native_id).join_from(
                    mentions, who, mentions.c.author_id == who.c.id
                ),
            )
        ]


FACTS: Sequence[Fact] = (
    profile("1", "dior", name="Dior", location="Paris", followers=1000, follows=5, posts=3),
    profile("1", "dior", 1, followers=1100, follows=5, posts=3, biography="Couture"),
    profile("7", "anna.maria", followers=50, follows=200, posts=9, is_private=True),
    profile("8", "ben", 2, name=None),
    post("p1", "1", "with @Anna.Maria and @ben #Paris #paris", likes=10),
    post("p1", "1", "with @ben #paris", 1, likes=12, comments=2),
    post("p2", "7", "@dior!", media=(MediaFact(url="https://example.org/a.jpg", type="image", width=10, height=20),)),
    CommentFact(network="instagram", id="c1", post="p1", author="7", text="Lovely", posted_at=NOON),
    CommentFact(network="instagram", id="c2", post="p9", author="9", text="?", posted_at=None),
    LikeFact(network="instagram", post="p1", profile="7", seen_at=NOON),
    LikeFact(network="instagram", post="p1", profile="8", seen_at=NOON),
    follow("7", "1"),
    follow("8", "1", 1, until=3),
    follow("8", "1", 5),
    follow("9", "1", 1, until=2),
)

STRANGER: Sequence[Fact] = (
    # Known by her name alone, and by her id; both follow and are counted.
    profile("@carla", "carla", 1, followers=10, follows=1, posts=0, biography="Hello"),
    profile("6", "carla", 2, followers=12, follows=1, posts=1),
    post("p4", "@carla", "@dior @ben"),
    post("p5", "6", "@ben", 1, likes=3),
    LikeFact(network="instagram", post="p1", profile="@Carla", seen_at=NOON),
    follow("@carla", "1", 0),
    follow("6", "1", 3, until=4),
    follow("6", "7", 1),
    follow("@carla", "7", 2),
    follow("7", "@carla", 3),
    # Somebody who changed the name, and is spoken of by the new one.
    profile("5", "dora", followers=1, link=None),
    profile("5", "dora.new", 4, followers=2, link="https://dora.example"),
    follow("@dora.new", "1", 1),
    # Told in parts, at times between others, twice at one moment, and with noughts.
    profile("1", "dior", 6),
    profile("1", "dior", 3, followers=5000, follows=0),
    profile("1", "dior", 3, is_verified=True),
    profile("7", "anna.maria", 0, biography="Once"),
    post("p6", "7", "see @ben", likes=50, comments=4),
    post("p2", "7", "@dior!", 1, likes=7),
    post("p2", "7", "@dior!", 5),
    post("p2", "7", "@dior!", 3, likes=9),
    PostFact(network="instagram", id="p7", author="7", caption="@ben", seen_at=NOON),
    post("p7", "7", "@ben", 1),
    CommentFact(network="instagram", id="c2", post="p9", author="9", text="?", posted_at=NOON),
    post("p6", "7", "", 2, likes=0, comments=0),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_facts_in_any_order_batches_and_number_leave_the_same_behind(
    database: Database, another_empty: Database, seed: int
) -> None:
    told = [*FACTS, *STRANGER]
    learn(database, *told)
    chance = random.Random(seed)
    facts = [*told, *chance.sample(told, 12)]
    chance.shuffle(facts)
    while facts:
        size = chance.randint(1, 6)
        learn(another_empty, *facts[:size])
        del facts[:size]
    assert everything(another_empty) == everything(database)


@pytest.fixture
def another_empty(sqlite_template: Path, tmp_path: Path, clock: TestClock) -> Generator[Database]:
    path = tmp_path / "another.db"
    shutil.copyfile(sqlite_template, path)
    opened = Database(f"sqlite:///{path}", clock)
    yield opened
    opened.close()


def test_the_newest_value_counts_and_the_rest_is_history(database: Database) -> None:
    learn(database, *FACTS)
    newest = channels.c
    assert rows(database, newest.native_id, newest.followers, newest.biography, newest.location)[0] == (
        "1", 1100, "Couture", "Paris",
    )  # fmt: skip
    kept = rows(database, snapshots.c.followers, snapshots.c.seen_at)
    assert (1000, NOON) in kept
    assert (1100, NOON + DAY) in kept


def test_what_was_not_told_stays_and_none_says_that_there_is_nothing(database: Database) -> None:
    learn(database, profile("1", "dior", name="Dior", link="https://dior.example"))
    learn(database, profile("1", "dior", 1, link=None))
    assert rows(database, channels.c.name, channels.c.link) == [("Dior", None)]


def test_mentions_are_counted_by_post_and_follow_its_caption(database: Database) -> None:
    learn(database, post("p1", "1", "@a @b"), post("p2", "1", "@a @a"))
    assert rows(database, mentions.c.handle, mentions.c.posts) == [("a", 2), ("b", 1)]
    learn(database, post("p1", "1", "@a", 1))
    learn(database, post("p1", "1", "@a", 1))
    assert rows(database, mentions.c.handle, mentions.c.posts) == [("a", 2)]


def test_a_follow_that_ended_can_begin_again_and_late_news_of_the_past_do_not_end_it(database: Database) -> None:
    learn(database, follow("7", "1", 3))
    learn(database, follow("7", "1", 5, until=6))
    assert rows(database, follows.c.since, follows.c.until) == [(NOON + 3 * DAY, NOON + 6 * DAY)]
    learn(database, follow("7", "1", 9))
    learn(database, follow("7", "1", 0, until=1))
    assert rows(database, follows.c.since, follows.c.until) == [(NOON, None)]


def test_each_change_of_a_channels_followers_is_noted_later_than_the_one_before(
    database: Database, clock: TestClock
) -> None:
    noted: list[datetime] = []
    for step in range(4):
        learn(database, follow(str(step + 7), "1", step))
        clock.advance(-60)
        noted.append(max(row[0] for row in rows(database, follows.c.noted_at)))
    assert noted == sorted(set(noted))


def test_news_that_change_nothing_are_not_noted(database: Database) -> None:
    learn(database, follow("7", "1"))
    before = rows(database, follows.c.noted_at)
    learn(database, follow("7", "1", 4))
    assert rows(database, follows.c.noted_at) == before


def test_a_name_gives_way_to_the_id_that_a_profile_tells(database: Database) -> None:
    learn(database, follow("@Anna", "1"), follow("@ben", "1"))
    learn(database, profile("7", "anna", followers=3))
    assert sorted(row[0] for row in rows(database, channels.c.native_id)) == ["1", "7", "@ben"]
    learn(database, follow("@ANNA", "1", 2), LikeFact(network="instagram", post="p1", profile="@anna", seen_at=NOON))
    assert sorted(row[0] for row in rows(database, channels.c.native_id)) == ["1", "7", "@ben"]
    assert len(rows(database, follows.c.follower_id)) == 2


def test_a_name_and_an_id_that_were_both_known_become_one(database: Database) -> None:
    learn(database, follow("7", "1"), follow("@anna", "1", 1), follow("@anna", "2", 1), post("p1", "@anna", "@dior"))
    learn(database, LikeFact(network="instagram", post="p1", profile="@anna", seen_at=NOON), follow("3", "@anna"))
    learn(database, profile("7", "Anna", followers=3))
    who = {row[0]: row[1] for row in rows(database, channels.c.native_id, channels.c.id)}
    assert sorted(who) == ["1", "2", "3", "7"]
    assert rows(database, posts.c.author_id) == [(who["7"],)]
    assert rows(database, likes.c.channel_id) == [(who["7"],)]
    assert rows(database, mentions.c.author_id) == [(who["7"],)]
    assert sorted(rows(database, follows.c.follower_id, follows.c.followed_id)) == sorted(
        [(who["7"], who["1"]), (who["7"], who["2"]), (who["3"], who["7"])]
    )


def test_a_name_that_is_used_again_is_a_new_channel(database: Database) -> None:
    learn(database, follow("@anna", "@dior"))
    learn(database, profile("1", "dior"))
    learn(database, profile("1", "dior.official", 1))
    learn(database, follow("@ben", "@dior", 2))
    assert sorted(row[0] for row in rows(database, channels.c.native_id)) == ["1", "@anna", "@ben", "@dior"]
    assert dict(rows(database, channels.c.native_id, channels.c.uuid)) == {
        native_id: uuid_of("instagram", native_id) for native_id in ("1", "@anna", "@ben", "@dior")
    }


@pytest.mark.parametrize("known_before", [True, False])
def test_what_was_known_by_a_name_stays_when_its_id_is_told(database: Database, *, known_before: bool) -> None:
    if known_before:
        learn(database, profile("1", "dior", -3, followers=90, name="Old", location="Paris"))
        learn(database, profile("1", "parfums", -2))
    learn(database, profile("@dior", "dior", followers=100, biography="Couture", name="Dior"))
    learn(
        database, profile("@dior", "dior", 1, followers=110), profile("@dior", "dior", 3, link="https://dior.example")
    )
    learn(database, profile("1", "dior", 2, followers=120, biography=None))
    kept = channels.c
    assert rows(database, kept.native_id, kept.name, kept.biography, kept.link, kept.followers, kept.location) == [
        ("1", "Dior", "Couture", "https://dior.example", 120, "Paris" if known_before else None)
    ]
    followed = [row[1] for row in rows(database, snapshots.c.seen_at, snapshots.c.followers) if row[1] is not None]
    assert followed == ([90] if known_before else []) + [100, 110, 120]


def test_who_becomes_one_with_somebody_is_known_since_the_first_was(database: Database) -> None:
    learn(database, profile("@dior", "dior", -5))
    learn(database, profile("1", "parfums", -2))
    learn(database, profile("1", "dior"))
    assert rows(database, channels.c.first_seen) == [(NOON - 5 * DAY,)]


def test_mentions_of_two_that_become_one_are_added_up(database: Database) -> None:
    learn(database, profile("1", "parfums"), post("p1", "1", "@x"), post("p2", "1", "@x @y"))
    learn(database, *(post(native_id, "@dior", "@x") for native_id in ("p3", "p4", "p5")))
    learn(database, profile("1", "dior", 2))
    assert rows(database, mentions.c.handle, mentions.c.posts) == [("x", 5), ("y", 1)]
    learn(database, post("p3", "1", "", 3), post("p4", "1", "", 3))
    assert rows(database, mentions.c.handle, mentions.c.posts) == [("x", 3), ("y", 1)]


@pytest.mark.parametrize("name_first", [True, False])
def test_follows_of_two_that_become_one_began_with_the_first_and_ended_with_the_last(
    database: Database, *, name_first: bool
) -> None:
    by_name = (follow("@anna", "1"), follow("@anna", "1", 8, until=8))
    told: list[Sequence[Fact]] = [by_name, [follow("7", "1", 5)]]
    for facts in told if name_first else reversed(told):
        learn(database, *facts)
    learn(database, profile("7", "anna", 9))
    assert rows(database, follows.c.since, follows.c.seen_at, follows.c.until) == [
        (NOON, NOON + 8 * DAY, NOON + 8 * DAY)
    ]


def test_two_followers_that_become_one_are_counted_once(database: Database) -> None:
    ids = learn(database, profile("1", "dior"), *(follow(str(number), "1") for number in range(7, 30))).ids
    learn(database, follow("@anna", "1"))

    def known() -> int:
        return database.write_now(counting.current, ids["instagram", "1"], 0).followers.known

    assert known() == 24
    learn(database, profile("7", "anna", 1))
    assert known() == 23


def test_a_name_that_somebody_had_long_ago_is_not_theirs(database: Database) -> None:
    learn(database, profile("1", "bob", 5, followers=9))
    learn(database, follow("@alice", "9", 6))
    learn(database, profile("1", "alice", 0, followers=3))
    learn(database, profile("2", "alice", 2), profile("2", "carol", 4))
    assert sorted(row[0] for row in rows(database, channels.c.native_id)) == ["1", "2", "9", "@alice"]


@pytest.mark.parametrize("backwards", [True, False])
def test_of_two_who_had_a_name_the_newest_has_it(database: Database, *, backwards: bool) -> None:
    learn(database, follow("@alice", "9", 6))
    told = [profile("1", "alice", 0), profile("1", "bob", 3), profile("3", "alice", 1), profile("2", "alice", 4)]
    learn(database, *(reversed(told) if backwards else told))
    who = dict(rows(database, channels.c.id, channels.c.native_id))
    assert [who[row[0]] for row in rows(database, follows.c.follower_id)] == ["2"]
    learn(database, follow("@alice", "8", 7), profile("3", "alice", 2))
    assert {who[row[0]] for row in rows(database, follows.c.follower_id)} == {"2"}


def test_a_number_that_comes_late_is_newer_than_one_that_was_read_before_it(database: Database) -> None:
    learn(database, profile("1", "dior", 1, followers=100, follows=7))
    learn(database, profile("1", "dior", 5, biography="Couture"))
    learn(database, profile("1", "dior", 3, followers=5000), profile("1", "dior", 0, follows=3))
    assert rows(database, channels.c.followers, channels.c.follows) == [(5000, 7)]


def test_of_what_comes_late_the_newest_fills_what_is_not_known(database: Database) -> None:
    learn(database, profile("1", "dior", 5))
    learn(database, profile("1", "dior", 1, name="Dior"), profile("1", "dior", 3, name="DIOR"))
    assert rows(database, channels.c.name) == [("DIOR",)]


def test_a_time_that_is_told_later_is_that_of_the_mention_and_of_the_comment(database: Database) -> None:
    undated = CommentFact(network="instagram", id="c1", post="p1", author="7", text="Lovely")
    dated = msgspec.structs.replace(undated, posted_at=NOON)
    learn(database, PostFact(network="instagram", id="p1", author="1", caption="@x", seen_at=NOON), undated)
    learn(database, post("p1", "1", "@x", 1), dated)
    learn(database, undated, msgspec.structs.replace(undated, id="c2"))
    learn(database, msgspec.structs.replace(dated, id="c3"), msgspec.structs.replace(undated, id="c3"))
    assert rows(database, mentions.c.posts, mentions.c.last_at) == [(1, NOON)]
    assert dict(rows(database, comments.c.native_id, comments.c.posted_at)) == {"c1": NOON, "c2": None, "c3": NOON}


@pytest.mark.parametrize("newest_first", [True, False])
def test_nought_is_a_number_and_an_emptied_caption_names_nobody(database: Database, *, newest_first: bool) -> None:
    told = [post("p1", "1", "@x", 1, likes=50, comments=3), post("p1", "1", "", 5, likes=0, comments=0)]
    for fact in reversed(told) if newest_first else told:
        learn(database, fact)
    assert rows(database, posts.c.caption, posts.c.likes, posts.c.comments) == [("", 0, 0)]
    assert rows(database, mentions.c.handle) == []


@pytest.mark.parametrize("together", [True, False])
def test_two_facts_of_one_moment_are_one_day_of_history(database: Database, *, together: bool) -> None:
    sparse, full = profile("1", "dior"), profile("1", "dior", followers=100)
    for facts in [(sparse, full)] if together else [(sparse,), (full,)]:
        learn(database, *facts)
    assert rows(database, snapshots.c.seen_at, snapshots.c.followers) == [(NOON, 100)]


def test_two_newer_facts_of_one_moment_both_count(database: Database) -> None:
    learn(database, profile("1", "dior", followers=10, name="Old"), post("p1", "1", "old", likes=1, comments=1))
    learn(
        database,
        profile("1", "dior", 1), profile("1", "dior", 1, followers=20), profile("1", "dior", 1, name="New"),
        post("p1", "1", "new", 1), post("p1", "1", "new", 1, likes=2), post("p1", "1", "new", 1, comments=3),
    )  # fmt: skip
    assert rows(database, channels.c.followers, channels.c.name) == [(20, "New")]
    assert rows(database, posts.c.likes, posts.c.comments) == [(2, 3)]


def test_many_names_that_are_known_by_their_id_are_looked_up_once_each(database: Database) -> None:
    learn(database, *(profile(str(number), f"user{number}") for number in range(400)))
    learned = learn(database, *(follow(f"@User{number}", "1") for number in range(400)))
    assert learned.new["profile"] == 0
    assert learned.ids["instagram", "@User7"] == learned.ids["instagram", "@user7"]


def test_a_profile_that_is_gone_is_kept_and_may_come_back(database: Database) -> None:
    learn(database, profile("1", "dior", followers=10))
    learn(database, profile("1", "dior", 1, gone=True))
    assert rows(database, channels.c.gone_at, channels.c.followers) == [(NOON + DAY, 10)]
    learn(database, profile("1", "dior.new", 2, followers=11))
    assert rows(database, channels.c.gone_at, channels.c.username) == [(None, "dior.new")]


def test_who_is_not_in_a_whole_list_any_more_has_left(database: Database) -> None:
    ids = learn(database, follow("7", "1"), follow("8", "1", 2)).ids
    left = database.write_now(
        lambda tx: recording.lost(tx, ids["instagram", "1"], before=NOON + DAY, at=NOON + 2 * DAY)
    )
    assert left == 1
    assert dict(rows(database, follows.c.follower_id, follows.c.until)) == {
        ids["instagram", "7"]: NOON + 2 * DAY,
        ids["instagram", "8"]: None,
    }


def test_the_same_id_on_another_network_is_another_person(database: Database) -> None:
    here = profile("1", "dior")
    learn(database, here, msgspec.structs.replace(here, network="bluesky"))
    assert len({row[0] for row in rows(database, channels.c.uuid)}) == 2


def test_what_became_of_the_facts_is_counted(database: Database) -> None:
    first = learn(database, *FACTS)
    again = learn(database, *FACTS)
    assert first.new == {"profile": 4, "post": 3, "comment": 2, "like": 2, "follow": 4}
    assert again.new == {"profile": 0, "post": 0, "comment": 0, "like": 0, "follow": 0}
    assert first.told == again.told == {"profile": 4, "post": 3, "comment": 2, "like": 2, "follow": 4}


def test_whatever_is_learned_or_lost_makes_a_new_version(database: Database) -> None:
    def version() -> int:
        with database.reading() as tx:
            return recording.version(tx)

    versions = [version()]
    ids = learn(database, follow("7", "1")).ids
    versions.append(version())
    database.write_now(lambda tx: recording.lost(tx, ids["instagram", "1"], before=NOON + DAY, at=NOON + DAY))
    versions.append(version())
    assert versions == sorted(set(versions))
    assert version() == versions[-1]
