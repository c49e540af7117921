"""Figures: shares with their samples and intervals, or the words that there is not enough data."""

from datetime import timedelta

import pytest
from crowd_of import ANN, comment, followed_by, judge, known, learn, like, post, profile
from testclock import TestClock

from entourage.insight import crowds, figures, samples
from entourage.insight.estimates import MINIMUM
from entourage.insight.evidence import NotEnough
from entourage.insight.figures import Audience, Country, Figures, Quality
from entourage.insight.model import UNJUDGED, Age, Gender, Traits
from entourage.insight.store import figures as store
from entourage.kernel.db import Database
from entourage.kernel.errors import NotFound
from entourage.networks.reading import Listing

MAN = Traits("DE", Gender.MALE, Age.LATE, 5)
WOMAN = Traits("FR", Gender.FEMALE, Age.EARLY, 4)
FIRM = Traits("DE", Gender.ORGANISATION, Age.UNKNOWN, 3)
NOBODY = Traits(None, Gender.UNKNOWN, Age.UNKNOWN, 1)


def figures_of(database: Database, native_id: str = "1", *, writes: bool = True) -> Figures:
    number = known(database, native_id).id
    with database.writing() if writes else database.reading() as tx:
        return figures.of(tx, ANN, number)


def audience_of(database: Database) -> Audience:
    found = figures_of(database).audience
    assert isinstance(found, Audience)
    return found


def quality_of(database: Database) -> Quality:
    found = figures_of(database).quality
    assert isinstance(found, Quality)
    return found


def test_the_audience_is_told_in_shares_of_those_of_whom_each_thing_is_known(database: Database) -> None:
    learn(database, profile("1", followers=1000))
    followed_by(database, "1", [MAN] * 12 + [WOMAN] * 8 + [FIRM] * 10 + [NOBODY] * 5 + [None] * 40)
    found = audience_of(database)
    assert (found.basis, found.size, found.known, found.population) == ("followers", 35, 75, 1000)
    assert {gender: (one.value, one.size) for gender, one in found.genders.items()} == {
        Gender.MALE: (0.6, 20), Gender.FEMALE: (0.4, 20),
    }  # fmt: skip
    assert [(code, round(one.value, 4), one.size) for code, one in found.countries.items()] == [
        ("DE", round(22 / 30, 4), 30), ("FR", round(8 / 30, 4), 30),
    ]  # fmt: skip
    assert list(found.ages) == [Age.EARLY, Age.LATE]
    assert (found.age_counts, found.ages_total) == ({Age.EARLY: 8, Age.LATE: 12}, 20)
    male = found.genders[Gender.MALE]
    assert male.low < 0.6 < male.high
    assert male.population == 1000
    assert "35 followers of 1,000" in found.method.words


def test_everybody_who_was_looked_at_leaves_nothing_to_chance(database: Database) -> None:
    learn(database, profile("1", followers=20))
    followed_by(database, "1", [MAN] * 5 + [WOMAN] * 15)
    female = audience_of(database).genders[Gender.FEMALE]
    assert (female.low, female.value, female.high) == (0.75, 0.75, 0.75)


def test_more_known_followers_than_the_profile_says_are_all_there_are(database: Database) -> None:
    learn(database, profile("1", followers=3))
    followed_by(database, "1", [MAN] * 20)
    assert audience_of(database).population == 20


def test_one_gender_alone_is_all_and_the_other_none(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [MAN] * 10)
    assert {gender: one.value for gender, one in audience_of(database).genders.items()} == {
        Gender.MALE: 1.0, Gender.FEMALE: 0.0,
    }  # fmt: skip


def test_a_thing_that_is_known_of_too_few_is_left_out_alone(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [Traits("DE", level=3)] * 10 + [MAN] * 9)
    found = audience_of(database)
    assert (found.genders, found.ages, found.age_counts, found.ages_total) == ({}, {}, {}, 9)
    assert found.countries["DE"].size == 19


def test_too_few_people_are_not_enough_data(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [MAN] * 9 + [None] * 50)
    found = figures_of(database)
    for one in (found.audience, found.quality):
        assert isinstance(one, NotEnough)
        assert (one.have, one.need) == (9, MINIMUM)
        assert one.reason.endswith(".")


def test_who_likes_and_comments_stands_for_followers_who_are_not_known(database: Database) -> None:
    learn(database, profile("1", followers=1000), post("p1", "1"), post("p2", "1", posted_at=None))
    people = [str(number) for number in range(10, 22)]
    learn(
        database,
        *(profile(one) for one in people),
        *(like("p1", one) for one in people[:8]),
        *(comment("p1", one) for one in people[4:10]),
        *(comment("p2", one) for one in people[8:]),
        like("p2", "1"),
    )
    for one in people:
        judge(database, one, WOMAN)
    found = audience_of(database)
    assert (found.basis, found.size, found.population) == ("engaged", 12, None)
    assert found.genders[Gender.FEMALE].value == 1.0
    assert "not a random sample" in found.method.words
    assert quality_of(database).basis == "engaged"


def test_who_engages_counts_no_more_once_enough_followers_are_known(database: Database, clock: TestClock) -> None:
    learn(database, profile("1"), post("p1", "1"))
    learn(database, *(profile(str(number)) for number in range(10, 30)), *(like("p1", str(n)) for n in range(10, 30)))
    assert audience_of(database).basis == "engaged"
    followed_by(database, "1", [MAN] * 10)
    assert audience_of(database).basis == "followers"


def test_a_channel_that_got_likes_after_it_was_looked_at_is_not_told_the_old_story(
    database: Database, clock: TestClock
) -> None:
    learn(database, profile("1"), post("p1", "1"))
    assert isinstance(figures_of(database).audience, NotEnough)
    learn(database, *(profile(str(number)) for number in range(10, 30)), *(like("p1", str(n)) for n in range(10, 30)))
    clock.advance(1)
    assert audience_of(database).size == 20


def test_quality_is_the_shares_of_five_levels_a_grade_and_the_share_of_bought_ones(database: Database) -> None:
    learn(database, profile("1"))
    levels = [1] * 10 + [2] * 10 + [3] * 20 + [4] * 20 + [5] * 40
    followed_by(database, "1", [Traits(level=level) for level in levels])
    found = quality_of(database)
    assert [one.value for one in found.levels] == [0.1, 0.1, 0.2, 0.2, 0.4]
    assert sum(one.value for one in found.levels) == pytest.approx(1)
    assert 0 < found.grade.low < found.grade.value < found.grade.high < 100
    assert 0 <= found.bought.low <= found.bought.value <= found.bought.high <= 1
    assert (found.grade.size, found.bought.size) == (100, 100)


def test_people_of_whom_no_number_was_shown_have_no_level(database: Database) -> None:
    learn(database, profile("1"))
    followed_by(database, "1", [Traits("DE")] * 30 + [MAN] * 9)
    found = figures_of(database)
    assert isinstance(found.audience, Audience)
    assert isinstance(found.quality, NotEnough)
    assert (found.quality.have, found.quality.need) == (9, MINIMUM)


@pytest.mark.parametrize(
    ("whole", "words"), [(True, "read to its end on 2026-03-02"), (False, "first 30 that the network lists")]
)
def test_how_the_sample_was_taken_is_said(database: Database, whole: bool, words: str) -> None:  # noqa: FBT001 - a case
    learn(database, profile("1"))
    followed_by(database, "1", [MAN] * 30)
    number = known(database, "1").id
    with database.writing() as tx:
        samples.note(tx, number, Listing.FOLLOWERS, 30, 100, whole=whole)
    found = audience_of(database)
    assert found.sample is not None
    assert (found.sample.size, found.sample.population, found.sample.whole) == (30, 100, whole)
    assert words in found.method.words


def test_how_those_who_take_part_were_read_is_said(database: Database) -> None:
    learn(database, profile("1"), post("p1", "1"))
    learn(database, *(profile(str(number)) for number in range(10, 30)), *(like("p1", str(n)) for n in range(10, 30)))
    with database.writing() as tx:
        samples.note(tx, known(database, "1").id, Listing.LIKERS, 1_200, 3_000)
        samples.note(tx, known(database, "1").id, Listing.COMMENTS, 7)
    found = audience_of(database)
    assert (found.basis, found.sample) == ("engaged", None)
    assert "Last read: 1,200 of 3,000 likes on 2026-03-02 and 7 comments on 2026-03-02." in found.method.words


def test_the_newest_sample_of_each_list_is_told(database: Database, clock: TestClock) -> None:
    learn(database, profile("1"))
    number = known(database, "1").id
    with database.writing() as tx:
        assert samples.latest(tx, number, Listing.FOLLOWERS) is None
        samples.note(tx, number, Listing.FOLLOWERS, 10)
        samples.note(tx, number, Listing.LIKERS, 5, 6)
    clock.advance(60)
    with database.writing() as tx:
        samples.note(tx, number, Listing.FOLLOWERS, 20, 30, whole=True)
    with database.reading() as tx:
        newest, likers = samples.latest(tx, number, Listing.FOLLOWERS), samples.latest(tx, number, Listing.LIKERS)
    assert newest == samples.Sample(Listing.FOLLOWERS, clock.now, 20, 30, whole=True)
    assert likers == samples.Sample(Listing.LIKERS, clock.now - timedelta(seconds=60), 5, 6, whole=False)


def test_the_country_of_a_channel_comes_with_how_it_is_known(database: Database) -> None:
    learn(database, profile("1", location="Paris, France"), profile("2"))
    found = figures_of(database).country
    assert isinstance(found, Country)
    assert (found.code, found.how) == ("FR", "place")
    assert isinstance(figures_of(database, "2").country, NotEnough)


TRAVEL = "Travel blogger. Solo travel, backpacking and travel photography around the world"
FOOD = "Home cooking: recipes, baking, vegan food, restaurants"


def test_categories_follow_the_profile_and_the_posts_and_are_kept(database: Database) -> None:
    learn(database, profile("1", biography=TRAVEL))
    channel = known(database, "1")
    first = figures_of(database).categories
    assert not isinstance(first, NotEnough)
    assert "travel" in first.primary
    assert first.evidence["travel"]
    with database.reading() as tx:
        assert channel.id in store.categories(tx, [channel.id], 1)
        assert figures.categories_of(tx, [channel]) == {channel.id: first}
    learn(database, profile("1", day=1, biography=FOOD))
    second = figures_of(database).categories
    assert not isinstance(second, NotEnough)
    assert "food" in second.primary


def test_nothing_said_is_no_category(database: Database) -> None:
    learn(database, profile("1"))
    assert isinstance(figures_of(database).categories, NotEnough)


def test_a_list_tells_categories_of_all_and_keeps_some_each_time(database: Database) -> None:
    learn(
        database,
        *(profile(str(number), biography=TRAVEL) for number in range(1, 6)),
        *(post(f"p{number}", str(number), "#travel #food #recipes") for number in range(1, 6)),
    )
    found = [known(database, str(number)) for number in range(1, 6)]
    for kept in (2, 4, 5, 5):
        with database.writing() as tx:
            told = figures.categories_of(tx, found)
            assert all("travel" in one.primary for one in told.values())
            assert set(told) == {one.id for one in found}
            assert len(store.categories(tx, told, 1)) == kept


def test_categories_that_are_kept_do_not_hide_people_who_were_never_counted(database: Database) -> None:
    learn(database, profile("1", biography=TRAVEL))
    channel = known(database, "1")
    with database.writing() as tx:
        figures.categories_of(tx, [channel])
    followed_by(database, "1", [MAN] * 12)
    found = figures_of(database)
    assert isinstance(found.audience, Audience)
    assert not isinstance(found.categories, NotEnough)


def test_reading_works_out_the_same_and_keeps_nothing(database: Database) -> None:
    learn(database, profile("1", biography=TRAVEL, followers=100), post("p1", "1"))
    followed_by(database, "1", [MAN] * 12)
    number = known(database, "1").id
    read = figures_of(database, writes=False)
    with database.reading() as tx:
        assert store.stored(tx, number) is None
    assert figures_of(database) == read


def test_counting_anew_sees_what_was_judged_since(database: Database) -> None:
    learn(database, profile("1"))
    ids = followed_by(database, "1", [MAN] * 12)
    figures_of(database)
    for one in ids:
        judge(database, one, WOMAN)
    number = known(database, "1").id
    with database.writing() as tx:
        figures.recount(tx, number)
        figures.recount(tx, 99)
    assert list(audience_of(database).countries) == ["FR"]


def test_there_are_no_figures_of_a_channel_that_is_not_there(database: Database) -> None:
    with database.reading() as tx, pytest.raises(NotFound):
        figures.of(tx, ANN, 99)


def test_a_crowd_is_what_its_codes_say() -> None:
    codes = {MAN.code: 3, WOMAN.code: 2, FIRM.code: 1, NOBODY.code: 4, UNJUDGED: 7}
    found = crowds.crowd(codes)
    assert (found.known, found.judged) == (17, 10)
    assert found.countries == {"DE": 4, "FR": 2}
    assert found.genders == {Gender.MALE: 3, Gender.FEMALE: 2, Gender.ORGANISATION: 1}
    assert found.ages == {Age.LATE: 3, Age.EARLY: 2}
    assert found.levels == {5: 3, 4: 2, 3: 1, 1: 4}
    assert crowds.read(crowds.kept(found)) == found
    without = {code: people for code, people in codes.items() if code != MAN.code}
    assert crowds.together(found, crowds.crowd({MAN.code: -3})) == crowds.crowd(without)
    assert found.possible
    assert not crowds.together(found, crowds.crowd({MAN.code: -4})).possible
