"""Every call of the document, and what it answers: keys, types and values."""

from typing import Any

import httpx
import pytest
from influencer_stage import DAYS, FOLLOWERS, POSTS, Stage

RESOURCES = {
    "search": "/v1/channels/search?username=dior",
    "channel": "/v1/channels/{id}",
    "audience": "/v1/channels/{id}/analytics/audience",
    "quality": "/v1/channels/{id}/analytics/quality",
    "incoming-mentions": "/v1/channels/{id}/analytics/mentions/incoming",
    "outgoing-mentions": "/v1/channels/{id}/analytics/mentions/outgoing",
    "follower-changes": "/v1/channels/{id}/analytics/follower-changes",
    "engaged": "/v1/channels/{id}/analytics/engaged",
    "content": "/v1/channels/{id}/content",
}


def told(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_the_root_and_the_balance_are_free(stage: Stage, ada: httpx.Client) -> None:
    for path in ("/v1/", "/v1"):
        assert told(ada.get(path)) == {"version": "1.0.0"}
    for path in ("/v1/account/balance", "/v1/account/balance/"):
        assert told(ada.get(path)) == {"credits": 10_000}
    assert stage.ledger() == []


def test_a_search_finds_channels_by_the_beginning_of_their_name(stage: Stage, ada: httpx.Client) -> None:
    page = told(ada.get("/v1/channels/search", params={"username": "Dior"}))
    assert page["count"] == 46
    assert [one["username"] for one in page["results"][:3]] == ["dior", "dior.example", "diorama00"]
    assert page["previous"] is None
    first = page["results"][0]
    assert first["stats"] == {"followers": 1990, "follows": 299, "post_count": POSTS}
    assert (first["media"], first["country"]) == ("instagram", "FR")
    assert set(first) == {"id", "username", "media", "category", "country", "stats"}
    assert set(first["category"]) == {"primary", "secondary"}
    unknown = page["results"][2]
    assert (unknown["country"], unknown["stats"]) == ("", {"followers": 0, "follows": 0, "post_count": 0})
    assert told(ada.get("/v1/channels/search?username=dior&media=bluesky"))["count"] == 1
    nobody = told(ada.get("/v1/channels/search?username=zzz"))
    assert nobody == {"count": 0, "next": None, "previous": None, "results": []}


def test_pages_are_absolute_addresses_that_lead_through_the_whole_list(stage: Stage, ada: httpx.Client) -> None:
    address: str | None = f"{stage.url}/v1/channels/search?username=dior&media=instagram"
    previous: str | None = None
    seen: list[str] = []
    pages: list[str] = []
    while address is not None:
        page = told(ada.get(address))
        seen += [one["username"] for one in page["results"]]
        pages.append(address)
        address, previous = page["next"], page["previous"]
    assert pages[1:] == [f"{stage.url}/v1/channels/search?username=dior&media=instagram&page={n}" for n in (2, 3)]
    assert previous == pages[1]
    assert seen == ["dior", *(f"diorama{number:02}" for number in range(44))]


def test_a_channel_is_what_the_search_told(stage: Stage, ada: httpx.Client) -> None:
    found = told(ada.get("/v1/channels/search?username=dior"))["results"][0]
    for path in (f"/v1/channels/{found['id']}", f"/v1/channels/{found['id'].upper()}/"):
        assert told(ada.get(path)) == found


def test_the_audience_is_in_percent_and_people(stage: Stage, ada: httpx.Client) -> None:
    audience = told(ada.get(RESOURCES["audience"].format(id=stage.channel("dior"))))
    assert set(audience) == {"genders", "countries", "ages"}
    assert set(audience["genders"]) == {"male", "femalte"}
    assert sum(audience["genders"].values()) == pytest.approx(100)
    assert audience["countries"] == {"DE": 33.3, "GB": 33.3, "US": 33.3}
    assert audience["ages"]["total"] == FOLLOWERS
    assert sum(people for _, people in audience["ages"]["counts"]) == FOLLOWERS
    assert [band for band, _ in audience["ages"]["counts"]] == ["18-24", "25-34", "35-44", "45-54"]


def test_the_quality_is_a_grade_and_five_shares(stage: Stage, ada: httpx.Client) -> None:
    quality = told(ada.get(RESOURCES["quality"].format(id=stage.channel("dior"))))
    assert set(quality) == {"quality_grade", "quality_distribution"}
    assert 0 <= quality["quality_grade"] <= 100
    assert list(quality["quality_distribution"]) == [f"quality_distribution_{level}" for level in range(1, 6)]
    assert sum(quality["quality_distribution"].values()) == pytest.approx(1)


def test_mentions_go_both_ways(stage: Stage, ada: httpx.Client) -> None:
    dior = stage.channel("dior")
    incoming = told(ada.get(RESOURCES["incoming-mentions"].format(id=dior)))
    assert incoming["count"] == 25
    assert len(incoming["results"]) == 20
    assert all(set(one) == {"username", "profile_picture"} for one in incoming["results"])
    assert incoming["next"] == f"{stage.url}/v1/channels/{dior}/analytics/mentions/incoming?page=2"
    assert len(told(ada.get(incoming["next"]))["results"]) == 5
    outgoing = told(ada.get(RESOURCES["outgoing-mentions"].format(id=dior)))
    pictures = {one["username"]: one["profile_picture"] for one in outgoing["results"]}
    assert outgoing["count"] == POSTS
    assert {"", f"https://cdn.example.org/{next(iter(pictures))[-2:].lstrip('0') or 0}.jpg"} >= set(
        list(pictures.values())[:1]
    )


def test_follower_changes_cover_the_period_in_one_page(stage: Stage, ada: httpx.Client) -> None:
    path = RESOURCES["follower-changes"].format(id=stage.channel("dior"))
    ninety = told(ada.get(path))
    assert ninety == told(ada.get(path, params={"period": 90}))
    assert (ninety["count"], ninety["next"], ninety["previous"]) == (89, None, None)
    last = ninety["results"][-1]
    assert last == {"date": "2026-03-01", "followers": 1990, "change": 0.505, "follows": 299}
    assert ninety["results"][0]["date"] < last["date"]
    for period in (180, 360):
        assert told(ada.get(path, params={"period": period}))["count"] == DAYS


def test_engaged_are_the_largest_followers(stage: Stage, ada: httpx.Client) -> None:
    page = told(ada.get(RESOURCES["engaged"].format(id=stage.channel("dior"))))
    assert page["count"] == FOLLOWERS
    assert page["results"][0] == {"id": stage.channel("fan_59"), "profile_picture": ""}
    assert page["results"][1]["profile_picture"] == "https://cdn.example.org/58.jpg"


def test_content_is_the_newest_post_first(stage: Stage, ada: httpx.Client) -> None:
    page = told(ada.get(RESOURCES["content"].format(id=stage.channel("dior"))))
    assert page["count"] == POSTS
    assert page["results"][0] == {
        "post_id": "p0",
        "created_time": "2026-03-02T11:00:00",
        "caption": "Look at this, @fan_00 #fashion #paris",
        "tags": ["fashion", "paris"],
        "link": "https://instagram.example/p/p0",
    }
    last = told(ada.get(page["next"] + "&page=3"))
    assert [one["post_id"] for one in last["results"]] == [f"p{number}" for number in range(40, 45)]
    assert last["next"] is None


def test_of_a_channel_nobody_knows_much_of_lists_are_empty_and_figures_are_not_guessed(
    stage: Stage, ada: httpx.Client
) -> None:
    lonely = stage.channel("lonely")
    for resource in ("incoming-mentions", "outgoing-mentions", "engaged", "content"):
        page = told(ada.get(RESOURCES[resource].format(id=lonely)))
        assert page == {"count": 0, "next": None, "previous": None, "results": []}
    before = stage.balance()
    for resource in ("audience", "quality"):
        answer = ada.get(RESOURCES[resource].format(id=lonely))
        assert answer.status_code == 404
        assert set(answer.json()) == {"detail"}
        assert answer.json()["detail"].startswith("Not enough data: ")
    assert stage.balance() == before


def test_every_answered_get_costs_what_options_says_and_is_in_the_ledger(stage: Stage, ada: httpx.Client) -> None:
    dior = stage.channel("dior")
    left = 10_000
    for path in RESOURCES.values():
        address = path.format(id=dior)
        price = told(ada.options(address))
        assert price == {"credits": 5}
        answer = ada.get(address)
        left -= price["credits"]
        assert answer.status_code == 200
        assert answer.headers["x-credits-cost"] == "5"
        assert answer.headers["x-credits-remaining"] == str(left)
    assert told(ada.get("/v1/account/balance")) == {"credits": left}
    subjects = dict.fromkeys(RESOURCES, dior) | {"search": "dior"}
    assert stage.ledger() == [(name, -5, subjects[name]) for name in RESOURCES]
    for path in ("/v1/", "/v1/account/balance"):
        assert told(ada.options(path)) == {"credits": 0}


def test_head_answers_as_get_does_without_the_body_and_costs_nothing(stage: Stage, ada: httpx.Client) -> None:
    dior = stage.channel("dior")
    for path in RESOURCES.values():
        answer = ada.head(path.format(id=dior))
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-credits-cost"] == "0"
    assert ada.head(f"/v1/channels/{dior}x").status_code == 404
    assert stage.ledger() == []
