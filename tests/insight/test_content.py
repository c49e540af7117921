"""Content: posts in order, the best of them, when they come, and how much followers take part."""

from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest
from crowd_of import ANN, at, known, learn, like, post, profile

from entourage.insight import content
from entourage.insight.content import Engagement
from entourage.insight.evidence import NotEnough
from entourage.kernel.db import Database
from entourage.kernel.errors import NotFound
from entourage.networks.facts import MediaFact, PostFact


def listed(database: Database, *page: int) -> list[str]:
    number = known(database, "1").id
    with database.reading() as tx:
        return [one.native_id for one in content.posts(tx, ANN, number, *page).items]


def engagement(database: Database) -> Engagement | NotEnough:
    channel = known(database, "1")
    with database.reading() as tx:
        return content.engagement(tx, ANN, channel)


def test_posts_come_the_newest_first_and_those_without_a_time_last(database: Database) -> None:
    learn(
        database,
        profile("1"), profile("2"), post("b", "1", day=2), post("x", "1", posted_at=None), post("a", "1", day=1),
        post("c", "1", day=3), post("y", "1", posted_at=None), post("other", "2", day=9), like("unseen", "1"),
    )  # fmt: skip
    assert listed(database) == ["c", "b", "a", "y", "x"]
    assert [listed(database, number, 2) for number in (1, 2, 3, 4)] == [["c", "b"], ["a", "y"], ["x"], []]


def test_a_post_is_told_with_its_media_tags_and_mentions(database: Database) -> None:
    media = (MediaFact(url="https://example.org/a.jpg", type="image", width=1080, height=1350),)
    learn(
        database, profile("1"), post("a", "1", "with @ann #Paris", media=media, likes=3, url="https://example.org/p/a")
    )
    number = known(database, "1").id
    with database.reading() as tx:
        (found,) = content.posts(tx, ANN, number).items
        assert content.get(tx, ANN, found.id) == found
    assert (found.media, list(found.mentions), found.likes) == (media, ["ann"], 3)
    assert [tag.lower() for tag in found.tags] == ["paris"]
    assert found.posted_at == at(0)


def test_a_post_of_which_only_the_id_is_known_is_not_there(database: Database) -> None:
    learn(database, profile("1"), like("unseen", "1"))
    with database.reading() as tx, pytest.raises(NotFound):
        content.get(tx, ANN, 1)


def test_deleted_posts_are_left_out(database: Database) -> None:
    learn(database, profile("1"), post("a", "1", day=1), post("b", "1", day=2))
    learn(database, PostFact(network="instagram", id="b", author="1", seen_at=at(9), gone=True))
    number = known(database, "1").id
    with database.reading() as tx:
        page = content.posts(tx, ANN, number)
    assert ([one.native_id for one in page.items], page.total) == (["a"], 1)


def test_the_best_posts_are_told_by_how_many_times_the_median_they_got(database: Database) -> None:
    learn(
        database,
        profile("1"), post("a", "1", day=1, likes=8, comments=2), post("b", "1", day=2, likes=100),
        post("c", "1", day=3, comments=5), post("d", "1", day=4), post("e", "1", day=5, likes=12),
    )  # fmt: skip
    number = known(database, "1").id
    with database.reading() as tx:
        found = [(one.post.native_id, one.engagement, one.times) for one in content.best(tx, ANN, number, 3)]
    assert found == [("b", 100, 100 / 11), ("e", 12, 12 / 11), ("a", 10, 10 / 11)]


def test_nothing_is_the_best_where_no_number_is_known(database: Database) -> None:
    learn(database, profile("1"), post("a", "1"))
    number = known(database, "1").id
    with database.reading() as tx:
        assert content.best(tx, ANN, number) == []
    learn(database, post("a", "1", day=1, likes=0))
    with database.reading() as tx:
        assert [(one.engagement, one.times) for one in content.best(tx, ANN, number)] == [(0, None)]


def test_posting_times_are_counted_by_day_and_hour_in_utc(database: Database) -> None:
    monday = datetime(2026, 3, 2, 0, 59, 59, tzinfo=UTC)
    gone = PostFact(network="instagram", id="gone", author="1", posted_at=monday, seen_at=at(90), gone=True)
    moments = [monday, monday - timedelta(hours=1), monday + timedelta(days=7), datetime(1970, 1, 1, 5, tzinfo=UTC)]
    learn(
        database,
        profile("1"),
        gone,
        post("undated", "1", posted_at=None),
        *(post(f"p{number}", "1", posted_at=moment) for number, moment in enumerate(moments)),
    )
    number = known(database, "1").id
    with database.reading() as tx:
        found = content.posting_times(tx, ANN, number)
    assert [len(row) for row in found] == [24] * 7
    assert {(day, hour): n for day, row in enumerate(found) for hour, n in enumerate(row) if n} == {
        (0, 0): 2, (6, 23): 1, (3, 5): 1,
    }  # fmt: skip


def test_the_rate_of_engagement_is_the_mean_over_the_last_posts_with_its_interval(database: Database) -> None:
    learn(
        database,
        profile("1", followers=1000),
        *(post(f"p{number}", "1", day=number, likes=10 + number, comments=number % 3) for number in range(40)),
    )
    found = engagement(database)
    assert isinstance(found, Engagement)
    got = [(10 + number + number % 3) / 1000 for number in range(10, 40)]
    assert found.rate.size == 30
    assert found.rate.value == pytest.approx(fmean(got))
    assert found.rate.low < found.rate.value < found.rate.high
    assert (found.likes, found.comments) == (34.5, 1)


def test_the_interval_of_few_posts_is_students(database: Database) -> None:
    # 0.01, 0.02, 0.03, 0.04, 0.05: mean 0.03, deviation 0.0158114; 2.776 for 4 degrees of freedom.
    learn(database, profile("1", followers=100), *(post(f"p{n}", "1", day=n, likes=n) for n in range(1, 6)))
    found = engagement(database)
    assert isinstance(found, Engagement)
    assert (found.rate.low, found.rate.high) == pytest.approx((0.03 - 0.0196293, 0.03 + 0.0196293), abs=1e-6)


def test_posts_that_were_read_too_soon_or_without_numbers_are_left_out(database: Database) -> None:
    learn(
        database,
        profile("1", followers=100),
        *(post(f"p{n}", "1", day=n, likes=10) for n in range(5)),
        post("young", "1", day=8, seen_at=at(8.5), likes=0),
        post("silent", "1", day=7),
    )
    found = engagement(database)
    assert isinstance(found, Engagement)
    assert (found.rate.value, found.rate.size) == (pytest.approx(0.1), 5)


def test_posts_without_numbers_or_read_too_soon_do_not_crowd_out_the_others(database: Database) -> None:
    learn(
        database,
        profile("1", followers=100),
        *(post(f"p{n}", "1", day=n, likes=10) for n in range(5)),
        *(post(f"silent{n}", "1", day=10 + n) for n in range(60)),
        *(post(f"young{n}", "1", day=80, seen_at=at(80.5), likes=0) for n in range(60)),
    )
    found = engagement(database)
    assert isinstance(found, Engagement)
    assert found.rate.size == 5


def test_a_later_look_without_numbers_does_not_make_early_ones_settled(database: Database) -> None:
    learn(database, profile("1", followers=100))
    learn(database, *(post(f"p{n}", "1", day=n, seen_at=at(n + 0.1), likes=1) for n in range(5)))
    learn(database, *(post(f"p{n}", "1", day=n, seen_at=at(n + 9)) for n in range(5)))
    assert isinstance(engagement(database), NotEnough)
    learn(database, *(post(f"p{n}", "1", day=n, seen_at=at(n + 5), likes=20) for n in range(5)))
    found = engagement(database)
    assert isinstance(found, Engagement)
    assert found.likes == 20


def test_few_posts_or_no_followers_are_not_enough_data(database: Database) -> None:
    learn(database, profile("1", followers=100), *(post(f"p{n}", "1", day=n, likes=10) for n in range(4)))
    found = engagement(database)
    assert isinstance(found, NotEnough)
    assert (found.have, found.need) == (4, 5)
    learn(database, profile("1", day=9, followers=0))
    assert isinstance(engagement(database), NotEnough)
