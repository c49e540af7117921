"""Bought and genuine accounts: the shipped weights, judged on public data, and what is made of them."""

import subprocess
import sys
from dataclasses import replace
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import training
from entourage.insight import quality
from entourage.insight.model import Person

CREATOR = Person(
    "instagram",
    "anna.paints",
    name="Anna",
    biography="Watercolours and long walks",
    picture="https://pictures.example/anna.jpg",
    link="https://anna.example",
    followers=5400,
    follows=610,
    posts=320,
)
BOUGHT = Person("instagram", "qx83920175", followers=3, follows=2100, posts=0)
COUNTS = st.none() | st.integers(0, 2**62)
TEXTS = st.none() | st.text(max_size=40)
PEOPLE = st.builds(
    Person,
    st.sampled_from(["bluesky", "instagram", "sandbox", "tiktok", "twitter"]),
    st.text(max_size=30),
    biography=TEXTS,
    picture=st.none() | st.sampled_from(["https://x.example/a.jpg", "/avatars/original/missing.png"]),
    link=TEXTS,
    followers=COUNTS,
    follows=COUNTS,
    posts=COUNTS,
)


@pytest.mark.parametrize("network", ["instagram", "tiktok", "twitter", "bluesky", "mastodon", "sandbox"])
def test_a_creator_looks_genuine_and_an_empty_account_that_follows_thousands_looks_bought(network: str) -> None:
    assert quality.level(quality.score(replace(CREATOR, network=network))) == 5
    assert quality.level(quality.score(replace(BOUGHT, network=network))) == 1


def test_where_no_number_is_known_nothing_is_said() -> None:
    stranger = Person("instagram", "qx83920175", biography="hello", picture="x.jpg")
    assert quality.score(stranger) is None
    assert quality.level(None) == 0
    assert quality.explain(stranger) == ()


def test_one_number_is_enough_to_say_something() -> None:
    assert (quality.score(Person("twitter", "ann", followers=90_000)) or 0) > 0.9


def test_the_decision_lies_between_level_two_and_three() -> None:
    assert [quality.level(value) for value in (0.0, 0.0999, 0.1, 0.4999, 0.5, 0.8, 0.95, 1.0)] == [
        1, 1, 2, 2, 3, 4, 5, 5,
    ]  # fmt: skip


def test_a_picture_that_the_network_shows_for_everybody_is_none() -> None:
    shown = replace(BOUGHT, picture="https://cdn.example/44884218_345707102882519_2446069589734326272_n.jpg?x=1")
    assert quality.score(shown) == quality.score(BOUGHT)
    assert quality.score(replace(BOUGHT, picture="https://cdn.example/own.jpg")) != quality.score(BOUGHT)


@given(PEOPLE)
def test_the_reasons_add_up_to_the_judgement(person: Person) -> None:
    probability = quality.score(person)
    reasons = quality.explain(person)
    assert (probability is None) == (not reasons)
    if probability is not None and 1e-9 < probability < 1 - 1e-9:
        odds = quality.model_of(person.network).intercept + sum(reason.effect for reason in reasons)
        assert odds == pytest.approx(log(probability / (1 - probability)), abs=1e-4)
    effects = [abs(reason.effect) for reason in reasons]
    assert effects == sorted(effects, reverse=True)


@given(PEOPLE, st.integers(0, 10_000))
def test_a_link_never_makes_an_account_look_bought(person: Person, posts: int) -> None:
    before = quality.score(replace(person, posts=posts, link=None)) or 0.0
    assert (quality.score(replace(person, posts=posts, link="https://x.example")) or 0.0) >= before


def test_the_reasons_are_words_for_people() -> None:
    words = [reason.words for reason in quality.explain(BOUGHT)]
    assert "follows 525.2 times as many as follow it" in words
    assert "8 digits in a user name of 10 characters" in words
    assert "no posts" in words
    assert "a link in the profile" in [reason.words for reason in quality.explain(CREATOR)]


def test_the_share_of_bought_followers_is_corrected_by_what_the_levels_get_wrong() -> None:
    model = quality.model_of("instagram")
    suspicious = round(1000 * (0.3 * model.hits + 0.7 * model.alarms))
    found = quality.bought_share(suspicious, 1000, "instagram")
    assert found.value == pytest.approx(0.3, abs=0.002)
    assert found.low < 0.3 < found.high
    assert found == quality.bought_share(suspicious, 1000, "instagram")
    nobody = quality.bought_share(0, 1000, "instagram")
    assert nobody.value == nobody.low == 0


def test_an_unknown_network_has_the_widest_interval() -> None:
    def width(network: str) -> float:
        found = quality.bought_share(100, 1000, network)
        return found.high - found.low

    assert width("twitter") < width("instagram") < width("somewhere")


def test_the_grade_is_the_mean_worth_of_those_who_were_judged() -> None:
    assert quality.grade({0: 900, 1: 10, 3: 10, 5: 20}).value == 62.5
    assert quality.grade({0: 900, 1: 10, 3: 10, 5: 20}).size == 40
    assert quality.grade({}).size == 0
    few, many = quality.grade({5: 10}), quality.grade({5: 1000})
    assert few.low < many.low < many.high == 100
    assert quality.grade({1: 5, 5: 5}, population=10).low == 50


def test_the_shipped_weights_tell_public_accounts_apart() -> None:
    everybody = training.accounts()
    right = [(quality.level(quality.score(known.person)) <= 2) == known.bought for known in everybody]
    assert len(right) == 3506
    assert sum(right) / len(right) > 0.97


def test_the_shipped_weights_are_those_that_training_gives() -> None:
    people = [known for known in training.accounts() if known.person.network == "instagram"]
    made, kept = training.learn(people), quality.shipped().models["instagram"]
    assert made.weights == pytest.approx(kept.weights, rel=1e-3)
    assert made.means == pytest.approx(kept.means, rel=1e-3)
    assert made.intercept == pytest.approx(kept.intercept, rel=1e-3)


def test_weights_that_never_saw_a_seller_find_its_accounts() -> None:
    people = [known for known in training.accounts() if known.person.network == "twitter"]
    for group in ("FSF", "INT"):
        assert (training.without(people, group) < quality.shipped().levels[1]).mean() > 0.95


def test_judging_needs_neither_numpy_nor_scikit_learn() -> None:
    program = (
        "import sys\nfrom entourage.insight import quality\nfrom entourage.insight.model import Person\n"
        "quality.score(Person('instagram', 'a', followers=1))\n"
        "sys.exit(bool({'numpy', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
