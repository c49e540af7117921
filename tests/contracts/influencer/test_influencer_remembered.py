"""Answers that are given again: paid each time, and never older than what is known."""

from datetime import timedelta

import httpx
from influencer_stage import NETWORK, Stage

from entourage.networks.facts import ProfileFact


def names(stage: Stage, ada: httpx.Client, prefix: str) -> list[str]:
    found = ada.get("/v1/channels/search", params={"username": prefix, "media": NETWORK})
    assert found.status_code == 200
    return [one["username"] for one in found.json()["results"]]


def profile(stage: Stage, number: int, followers: int, days: int = 0) -> ProfileFact:
    seen = stage.clock() + timedelta(days=days)
    return ProfileFact(
        network=NETWORK, id=f"kept{number}", username=f"kept.{number}", followers=followers, seen_at=seen
    )  # fmt: skip


def test_the_same_question_is_paid_each_time(stage: Stage, ada: httpx.Client) -> None:
    stage.learn(profile(stage, 1, 10))
    before = stage.balance()
    assert [names(stage, ada, "kept") for _ in range(4)] == [["kept.1"]] * 4
    assert before - stage.balance() == 4 * 5
    assert stage.ledger()[-4:] == [("search", -5, "kept")] * 4


def test_what_is_learned_is_in_the_next_answer(stage: Stage, ada: httpx.Client) -> None:
    stage.learn(profile(stage, 1, 10))
    path = f"/v1/channels/{stage.channel('kept.1')}"
    for followers in (10, 20, 30):
        stage.learn(profile(stage, 1, followers, days=followers))
        assert ada.get(path).json()["stats"]["followers"] == followers
        assert ada.get(path).json()["stats"]["followers"] == followers
    stage.learn(profile(stage, 2, 5))
    assert names(stage, ada, "kept") == ["kept.1", "kept.2"]


def test_a_remembered_answer_is_refused_to_who_cannot_pay_and_to_strangers(stage: Stage) -> None:
    stage.learn(profile(stage, 1, 10))
    path = f"/v1/channels/{stage.channel('kept.1')}"
    rich = stage.client(stage.token(credits_left=10))
    assert [rich.get(path).status_code for _ in range(3)] == [200, 200, 429]
    assert stage.client("0" * 40).get(path).status_code == 401
    assert stage.client().get(path).status_code == 401
    assert stage.balance() == 0


def test_head_is_free_and_tells_nothing_also_of_what_is_remembered(stage: Stage, ada: httpx.Client) -> None:
    stage.learn(profile(stage, 1, 10))
    path = f"/v1/channels/{stage.channel('kept.1')}"
    assert ada.get(path).status_code == 200
    before = stage.balance()
    head = ada.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert stage.balance() == before
