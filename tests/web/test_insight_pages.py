"""The pages of channels, collecting, imports and credits over real HTTP: what is shown, to whom, what is refused."""

import csv
import io
import json
import os
import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsing import PASSWORD, Caller, Served, token
from insightful import NETWORK, creator, found, learn, post, profile
from selectolax.lexbor import LexborHTMLParser, LexborNode

from entourage.accounts import api_tokens, connections, passwords, users
from entourage.accounts.model import OPERATOR, Actor, Connection, User
from entourage.insight import channels, importing, plans, recording
from entourage.insight.importers import sources
from entourage.insight.model import Channel
from entourage.insight.store import figures
from entourage.insight.watching import Depth, Plan
from entourage.kernel import lanes
from entourage.kernel.secrets import Secrets
from entourage.networks.facts import FollowFact, MediaFact, encoded
from entourage.web.figures_csv import SHEETS
from entourage.web.importing import LARGEST, UPLOADS

HOSTILE = (
    "\"'><script src=//evil.example></script><img src=x onerror=alert(1)>"
    "<a href=javascript:alert(2)>\u00e9</a>\u202e{{7*7}}"
)
SOCIAL = "https://social.example"
PAGES = (
    "/",
    "/channels",
    "/channels/compare",
    "/collecting",
    "/collecting/new",
    "/collecting/connections",
    "/collecting/imports",
    "/settings/credits",
)


@pytest.fixture
def ben(site: Served) -> User:
    """Somebody who is no administrator."""
    return site.write(users.add, OPERATOR, "ben", passwords.hash_now(PASSWORD))


@pytest.fixture
def other(site: Served, ben: User) -> Generator[Caller]:
    """The same, signed in."""
    with Caller(base_url=site.url, timeout=20) as client:
        assert client.sign_in(ben.username).status_code == 303
        yield client


def watched(site: Served, actor: Actor, who: str = "@walks.example.org") -> Plan:
    """A plan for a network that is not there: its run waits for it, and nothing else happens."""
    return site.write(plans.watch, actor, network="mastodon", who=who, server="http://127.0.0.1:9")


def connected(site: Served, actor: Actor) -> Connection:
    return site.write(
        connections.add,
        actor,
        Secrets(b"k" * 32),
        network="mastodon",
        server=SOCIAL,
        native_id="7",
        username="walker",
        session={"token": "t"},
    )


def one(tree: LexborHTMLParser | LexborNode, selector: str) -> LexborNode:
    """The first such part, which has to be there."""
    part = tree.css_first(selector)
    assert part is not None, selector
    return part


def said(caller: Caller, path: str) -> str:
    """What the page says about what was done before."""
    return one(LexborHTMLParser(caller.get(path).text), "#said").text(strip=True)


def named(caller: Caller, path: str) -> httpx.Response:
    """Ask for an import of what lies on the server."""
    csrf = token(caller.get("/collecting/imports").text)
    return caller.post("/collecting/imports", data={"csrf": csrf, "path": path})


def dead(html: str) -> LexborHTMLParser:
    """The page, in which nothing of a stranger's can be alive."""
    tree = LexborHTMLParser(html)
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            assert not name.startswith("on"), node.html
            if name in {"href", "src", "action"} and value is not None:
                assert value.startswith(("/", "?", "#", "http://", "https://")), node.html
                assert not value.startswith("//"), node.html
    for node in tree.css("script"):
        assert (node.attributes.get("src") or "").startswith("/static/"), node.html
    for node in tree.css("img, svg image"):
        assert (node.attributes.get("src") or "").startswith("/"), node.html
    return tree


# --- what is shown


def test_an_empty_server_says_what_each_page_is_for(signed_in: Caller) -> None:
    words = ("Nobody is watched yet", "No channel is known yet", "Tick two to five", "No channel is watched yet",
             "How deep", "No account is connected", "Nothing was imported yet", "Nothing was charged yet")  # fmt: skip
    shown = [signed_in.get(path) for path in PAGES]
    assert [answer.status_code for answer in shown] == [200] * len(PAGES)
    for answer, text in zip(shown, words, strict=True):
        assert text in answer.text, answer.url


def test_a_channel_shows_every_figure_and_how_it_is_known(signed_in: Caller, site: Served) -> None:
    learn(site, *creator("walks", "1", name="Long Walks", biography="Hiking in the Alps", location="Bern, Switzerland"))
    page = LexborHTMLParser(signed_in.get(f"/channels/{found(site, 'Long Walks').uuid}").text)
    assert one(page, "h1").text() == "Long Walks"
    assert len(page.css("svg.plot")) >= 5
    assert len(page.css("details.how")) >= 7
    growth = one(page, "#growth svg")
    assert "from 910 to 1\u202f000" in (growth.attributes["aria-label"] or "")
    assert "40 people looked at of 1\u202f000" in one(page, "#audience").text()
    assert "Switzerland" in one(page, "#why").text()
    assert "@somebody" in one(page, "#mentions").text()
    assert len(page.css(".postcard")) == 8


def test_the_list_is_searched_ordered_and_narrowed(signed_in: Caller, site: Served) -> None:
    learn(
        site,
        profile("1", "small", name="Tiny", followers=5),
        profile("2", "large", name="Huge", followers=9_000),
        profile("3", "toot", network="mastodon", followers=70),
    )

    def names(query: str) -> list[str]:
        return [each.text() for each in LexborHTMLParser(signed_in.get(f"/channels?{query}").text).css("#list strong")]

    assert names("") == ["Huge", "toot", "Tiny"]
    assert names("order=name") == ["Huge", "Tiny", "toot"]
    assert names("q=tin") == ["Tiny"]
    assert names("network=mastodon") == ["toot"]
    assert names("watched=1") == []
    assert names("q=%25&order=nonsense&page=0&network=%00") == []


def test_channels_stand_side_by_side_each_once(signed_in: Caller, site: Served) -> None:
    learn(site, *creator("one", "1"), *creator("two", "2", crowd=0))
    uuids = [found(site, f"@{name}").uuid for name in ("one", "two")]
    page = LexborHTMLParser(signed_in.get("/channels/compare", params={"with": [*uuids, uuids[0]]}).text)
    assert [each.text() for each in page.css(".compare .faceline strong")] == ["one", "two"]
    assert "not enough data" in page.css(".compare section")[1].text()
    assert "Tick two to five" in signed_in.get("/channels/compare", params={"with": uuids[0]}).text


def test_looking_at_a_channel_waits_for_nobody_who_writes_and_its_counts_are_kept(
    signed_in: Caller, site: Served
) -> None:
    learn(site, *creator("one", "1"), *creator("two", "2"), *creator("three", "3"))
    first, *pair = (found(site, f"@{name}") for name in ("one", "two", "three"))
    with site.database.writing():
        assert signed_in.get(f"/channels/{first.uuid}").status_code == 200
        assert signed_in.get("/channels/compare", params={"with": [one.uuid for one in pair]}).status_code == 200
        assert [site.read(figures.stored, one.id) for one in (first, *pair)] == [None] * 3
    for channel in (first, *pair):
        assert comes(lambda channel=channel: site.read(figures.stored, channel.id) is not None)


def test_a_channel_without_a_line_leaves_the_others_their_colours(signed_in: Caller, site: Served) -> None:
    learn(site, *creator("one", "1"), profile("2", "once", followers=4), *creator("three", "3", crowd=0))
    uuids = [found(site, f"@{name}").uuid for name in ("one", "once", "three")]
    page = LexborHTMLParser(signed_in.get("/channels/compare", params={"with": uuids}).text)
    for plot in ("#followers", "#growth"):
        assert [part.attributes["class"] for part in page.css(f"{plot} svg > path")] == ["line s0", "line s2"]
        assert [part.attributes["class"] for part in page.css(f"{plot} .whose path")] == ["line s0", "line s2"]
        assert [part.text() for part in page.css(f"{plot} .whose text")] == ["one", "three"]
    assert [part.attributes["class"] for part in page.css(".compare .key")] == ["key s0", "key s1", "key s2"]


def test_what_is_compared_is_explained_and_can_be_taken_along(signed_in: Caller, site: Served) -> None:
    learn(
        site, *creator("one", "1", biography="Hiking in the Alps", location="Bern, Switzerland"), *creator("two", "2")
    )
    uuids = [found(site, f"@{name}").uuid for name in ("one", "two")]
    page = LexborHTMLParser(signed_in.get("/channels/compare", params={"with": uuids, "days": "90"}).text)
    plots_shown = page.css("svg.plot")
    assert len(plots_shown) == 10
    assert len(page.css("[data-save-plot]")) == len(plots_shown)
    told = [part.text() for part in page.css("details.how")]
    for words in ("one was seen on 10 days, two was seen on 10 days", "Method “quality”", "Method “audience”",
                  "Method “engagement”", "Method “categories”", "Method “countries”", "95 % interval"):  # fmt: skip
        assert any(words in each for each in told), words
    sheets = {part.attributes["href"] or "" for part in page.css("a[download]")}
    assert len(sheets) == 5
    for sheet in sheets:
        assert signed_in.get(sheet).status_code == 200, sheet
    (shared,) = (sheet for sheet in sheets if "compare" in sheet)
    answer = signed_in.get(shared)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *body = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[2:6] == ["channel", "date", "followers", "first_is_100"]
    assert [row[2] for row in body] == ["one"] * 10 + ["two"] * 10
    assert [float(row[5]) for row in body[:2]] == [100, pytest.approx(100 * 920 / 910, abs=0.001)]


def test_a_sixth_channel_is_left_out_and_the_page_says_so(signed_in: Caller, site: Served) -> None:
    learn(site, *(profile(str(number), f"name{number}", followers=number) for number in range(7)))
    uuids = [found(site, f"@name{number}").uuid for number in range(7)]
    page = LexborHTMLParser(signed_in.get("/channels/compare", params={"with": uuids}).text)
    assert [each.text() for each in page.css(".compare .faceline strong")] == [f"name{number}" for number in range(5)]
    assert "5 channels fit beside each other" in one(page, "#main").text()
    assert "2 are left out" in one(page, "#main").text()


def test_who_has_no_name_is_called_by_the_networks_id(signed_in: Caller, site: Served) -> None:
    fact = FollowFact(network=NETWORK, follower="77", followed="78", seen_at=profile("1", "x").seen_at)
    ids = site.write(recording.learn, [fact]).ids
    learn(site, profile("78", "star"), post("p", "77", "with @friend"))
    stub, star = site.read(channels.by_id, OPERATOR, ids[NETWORK, "77"]), found(site, "@star")
    assert stub.username is None
    compared = LexborHTMLParser(signed_in.get("/channels/compare", params={"with": [stub.uuid, star.uuid]}).text)
    assert one(compared, ".compare section").text(strip=True).startswith("777@77")
    assert "77 was seen on 0 days" in one(compared, "#followers").text()
    graph = one(LexborHTMLParser(signed_in.get(f"/channels/{stub.uuid}").text), "#mentions svg")
    assert one(graph, ".self text").text() == "77"
    assert f"#{stub.id}" not in (graph.html or "")


def test_who_was_only_heard_of_has_a_page_that_says_so(signed_in: Caller, site: Served) -> None:
    fact = FollowFact(network=NETWORK, follower="77", followed="78", seen_at=profile("1", "x").seen_at)
    ids = site.write(recording.learn, [fact]).ids
    stub = site.read(channels.by_id, OPERATOR, ids[NETWORK, "77"])
    page = LexborHTMLParser(signed_in.get(f"/channels/{stub.uuid}").text)
    assert [part.text(strip=True).startswith("Not enough data") for part in page.css(".unknown")] == [True] * 7
    assert len(page.css("svg.plot")) == 0
    assert "seen never" in page.text()
    for sheet in SHEETS:
        assert signed_in.get(f"/channels/{stub.uuid}/data/{sheet}.csv").status_code == 200


def test_who_is_gone_stays_readable(signed_in: Caller, site: Served) -> None:
    learn(site, profile("1", "leaver", 3, followers=12), profile("1", "leaver", gone=True))
    assert "gone since" in signed_in.get(f"/channels/{found(site, 'leaver').uuid}").text
    assert "gone" in signed_in.get("/channels").text


def test_only_networks_that_can_be_read_offer_to_watch(signed_in: Caller, site: Served) -> None:
    learn(site, profile("1", "pictures"), profile("2", "toots", network="mastodon"))
    offered = ["who=%40" in signed_in.get(f"/channels/{found(site, name).uuid}").text for name in ("pictures", "toots")]
    assert offered == [False, True]


def test_a_year_that_nobody_knows_is_the_usual_one(signed_in: Caller, site: Served) -> None:
    learn(site, *creator("walks", "1", crowd=0))
    page = LexborHTMLParser(signed_in.get(f"/channels/{found(site, 'walks').uuid}?days=zzz").text)
    assert one(page, "#growth .tabs [aria-current]").text() == "180 days"


# --- data to take along


def rows(caller: Caller, channel: Channel, sheet: str) -> list[list[str]]:
    answer = caller.get(f"/channels/{channel.uuid}/data/{sheet}.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_numbers_behind_each_plot_are_a_table(signed_in: Caller, site: Served) -> None:
    learn(site, *creator("walks", "1"))
    channel = found(site, "@walks")
    for sheet in SHEETS:
        head, *body = rows(signed_in, channel, sheet)
        assert body, sheet
        assert {len(row) for row in body} == {len(head)}, sheet
    growth = rows(signed_in, channel, "growth")
    assert [row[1] for row in growth[1:]] == [str(910 + 10 * day) for day in range(10)]
    shares = [float(row[2]) for row in rows(signed_in, channel, "audience") if row[0] == "gender"]
    assert sum(shares) == pytest.approx(1, abs=0.001)


def test_a_caption_never_becomes_a_formula(signed_in: Caller, site: Served) -> None:
    bad = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "|calc", "%0A=1"]
    learn(site, profile("1", "=cmd", followers=1), *(post(f"p{n}", "1", text) for n, text in enumerate(bad)))
    captions = [row[6] for row in rows(signed_in, found(site, "=cmd"), "posts")[1:]]
    assert sorted(captions) == sorted(f"'{text}" for text in bad)


# --- what strangers write


def test_nothing_a_stranger_writes_comes_alive(signed_in: Caller, site: Served, anna: User) -> None:
    told: dict[str, Any] = {"name": HOSTILE, "biography": f"{HOSTILE}\nsecond line", "location": HOSTILE}
    learn(site, *creator(HOSTILE, "1", **told, link="javascript:alert(3)", picture="javascript:alert(4)"))
    media = (MediaFact(url="javascript:alert(6)", type="image"),)
    lures: dict[str, Any] = {"likes": 900, "url": "javascript:alert(5)", "media": media}
    learn(site, *(post(f"h{n}", "1", f"@{HOSTILE} #{HOSTILE}", n + 1, **lures) for n in range(3)))
    learn(site, profile("9", "other", name=HOSTILE), post("q", "9", "with @one #a"))
    uuids = [found(site, "@other").uuid, found(site, HOSTILE).uuid]
    pages = ["/", "/channels", *(f"/channels/{uuid}" for uuid in uuids), f"/channels?q={HOSTILE}",
             f"/channels/compare?with={uuids[0]}&with={uuids[1]}"]  # fmt: skip
    bad = site.data / f"{HOSTILE.replace('/', '|')}.jsonl"
    bad.write_text(f'{HOSTILE}\n{{"kind": {json.dumps(HOSTILE)}}}\n', encoding="utf-8")
    made = site.write(importing.add, anna.actor, bad, bad.name, sources.fingerprint(bad))
    site.write(api_tokens.add, anna.actor, "anna", HOSTILE.replace("\u202e", "")[:100])
    for path in (*pages, "/collecting/imports", "/settings/credits", f"/collecting/new?who={HOSTILE}"):
        answer = signed_in.get(path)
        assert answer.status_code == 200, path
        tree = dead(answer.text)
        assert "{{7*7}}" in answer.text or "49" not in one(tree, "h1").text(), path
        assert "<script src=//evil" not in answer.text, path
    assert "alert(1)" in one(dead(signed_in.get(f"/channels/{uuids[1]}").text), "h1").text()
    assert site.read(importing.get, anna.actor, made.id).name == bad.name


# --- what is not there, and what is not right


def test_what_is_not_there_is_404(signed_in: Caller, site: Served) -> None:
    learn(site, profile("1", "walks"))
    uuid, nobody = found(site, "walks").uuid, "00000000-0000-4000-8000-000000000000"
    for path in (f"/channels/{nobody}", "/channels/nonsense", f"/channels/{nobody}/picture",
                 f"/channels/{uuid}/picture", f"/channels/{uuid}/data/nonsense.csv",
                 f"/channels/{nobody}/data/growth.csv", "/posts/77/picture",
                 f"/channels/compare?with={uuid}&with={nobody}", "/collecting/77", "/collecting/99999999999999999999",
                 "/settings/credits?user=77", "/collecting/x"):  # fmt: skip
        assert signed_in.get(path).status_code == 404, path


GOOD = {"network": "mastodon", "who": "walks", "server": "http://127.0.0.1:9", "every_hours": "24"}


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"who": ""}, "who", "user name"),
        ({"who": "no such name!"}, "who", "Cannot be a user name"),
        ({"network": "nonsense"}, "network", "Cannot be read"),
        ({"server": "ftp://x"}, "server", "https"),
        ({"server": ""}, "server", "name one"),
        ({"every_hours": "-3"}, "every_hours", "Must be from 1"),
        ({"every_hours": "x"}, "every_hours", "whole number"),
        ({"posts": "many"}, "posts", "whole number"),
        ({"posts": "3", "likers_of": "4", "comments_of": "1"}, "likers_of", "more than the posts"),
        ({"followers": "99999999999"}, "followers", "Must be from 0"),
        ({"connection_id": "77"}, "connection_id", "not one of your connections"),
    ],
)
def test_what_is_wrong_with_a_plan_stands_beside_its_field(
    signed_in: Caller, site: Served, wrong: dict[str, str], field: str, words: str
) -> None:
    answer = signed_in.form("/collecting", seen="/collecting/new", **(GOOD | wrong))
    assert answer.status_code == 422
    page = LexborHTMLParser(answer.text)
    assert words in one(page, f"#wrong-{field}").text()
    kept = {"who": "walks"} | wrong
    assert (one(page, "#f-who").attributes["value"] or "") == kept["who"]
    if field in {"posts", "likers_of", "followers"}:
        assert "open" in one(page, "#numbers").attributes
    assert site.read(plans.listing, OPERATOR) == []


def test_what_a_run_costs_is_said_and_nothing_is_kept(signed_in: Caller, site: Served, anna: User) -> None:
    def cost(**other: str) -> str:
        return signed_in.form("/collecting/cost", seen="/collecting/new", **(GOOD | other)).text

    assert "A run takes at most" in cost()
    assert "Name somebody" in cost(who=" ")
    assert "whole number" in cost(posts="x")
    assert "3 for the profile" in cost(posts="0", followers="0", likers_of="0", comments_of="0")
    assert site.read(plans.listing, anna.actor) == []


def test_a_plan_is_changed_paused_run_and_removed(signed_in: Caller, site: Served, anna: User) -> None:
    assert signed_in.form("/collecting", seen="/collecting/new", **GOOD).status_code == 303
    (plan,) = site.read(plans.listing, anna.actor)
    here = f"/collecting/{plan.id}"
    assert signed_in.form("/collecting", seen="/collecting/new", **GOOD).status_code == 422
    signed_in.form(here, **(GOOD | {"every_hours": "72", "posts": "30", "followers": "200", "followings": "0",
                                    "likers_of": "3", "likers": "50", "comments_of": "3",
                                    "comments": "50"}))  # fmt: skip
    changed = site.read(plans.get, anna.actor, plan.id)
    assert (changed.every_hours, changed.depth) == (72, Depth(30, 200, 0, 3, 50, 3, 50))
    pressed = one(LexborHTMLParser(signed_in.get(here).text), '[data-depth][aria-pressed="true"]')
    assert pressed.text() == "Light"
    for deed, rests in (("pause", True), ("resume", False)):
        signed_in.form(f"{here}/{deed}", seen=here)
        assert site.read(plans.get, anna.actor, plan.id).paused is rests
    signed_in.form(f"{here}/run", seen=here)
    assert "just now" in said(signed_in, here)
    signed_in.form(f"{here}/stop", seen=here)
    assert site.read(plans.latest, [plan])[plan.id].status == "cancelled"
    signed_in.form(f"{here}/nonsense", seen=here)
    assert "no such action" in said(signed_in, here)
    signed_in.form(f"{here}/remove", seen=here)
    assert site.read(plans.listing, anna.actor) == []


def test_a_plan_whose_network_wants_a_person_says_so_and_goes_on_when_told(
    signed_in: Caller, other: Caller, site: Served, anna: User
) -> None:
    plan = watched(site, anna.actor)
    here = f"/collecting/{plan.id}"
    assert not LexborHTMLParser(signed_in.get(here).text).css("#works")
    for deed in ("resume", "run"):
        site.write(lanes.open_breaker, plan.lane, HOSTILE)
        page = dead(signed_in.get(here).text)
        assert one(page, "#works").text() == "It works again"
        assert HOSTILE[:20] in one(page, "#runs").text()
        other.form(f"{here}/{deed}", seen="/collecting")
        assert site.read(plans.wants_a_person, anna.actor, plan.id) == HOSTILE
        answer = signed_in.form(f"{here}/{deed}", seen=here)
        assert answer.status_code == 303
        assert site.read(plans.wants_a_person, anna.actor, plan.id) is None
    assert len(site.read(plans.collections, anna.actor, plan.id)) == 1


def test_an_administrator_who_saves_a_plan_leaves_its_owners_account(
    signed_in: Caller, site: Served, ben: User
) -> None:
    account = connected(site, ben.actor)
    made = site.write(plans.watch, ben.actor, network="mastodon", who="@walks", connection_id=account.id)
    form = one(LexborHTMLParser(signed_in.get(f"/collecting/{made.id}").text), "#plan-form")
    shown = one(form, "#f-connection option[selected]").attributes["value"] or ""
    signed_in.form(f"/collecting/{made.id}", every_hours="12", connection_id=shown)
    kept = site.read(plans.get, ben.actor, made.id)
    assert (kept.every_hours, kept.connection_id) == (12, account.id)


def test_a_connection_that_cannot_be_made_says_why_and_forgets_the_password(signed_in: Caller) -> None:
    fields = {"network": "bluesky", "server": "http://127.0.0.1:9", "identifier": "me.example", "password": "hush-hush"}
    answer = signed_in.form("/collecting/connections", **fields)
    assert answer.status_code == 422
    assert "hush-hush" not in answer.text
    assert one(LexborHTMLParser(answer.text), ".said.bad, .wrong").text(strip=True)
    assert signed_in.form("/collecting/connections", network="nonsense").status_code == 422


# --- other people's things


def test_nobody_sees_or_moves_what_others_keep(other: Caller, ben: User, site: Served, anna: User) -> None:
    plan, account = watched(site, anna.actor), connected(site, anna.actor)
    path = site.data / "mine.jsonl"
    path.write_text("{}\n")
    kept = site.write(importing.add, anna.actor, path, "mine.jsonl", sources.fingerprint(path))
    assert other.get(f"/collecting/{plan.id}").status_code == 404
    assert plan.who not in other.get("/collecting").text
    assert "walker" not in other.get("/collecting/connections").text
    assert "walker" not in other.get(f"/collecting/connections?again={account.id}").text
    assert "mine.jsonl" not in other.get("/collecting/imports").text
    assert "walker" not in other.get("/collecting/new").text
    assert plan.who not in other.get("/").text
    for path_of, deeds in (
        (f"/collecting/{plan.id}", ("run", "stop", "pause", "resume", "remove")),
        (f"/collecting/connections/{account.id}", ("again", "confirm", "remove")),
        (f"/collecting/imports/{kept.id}", ("cancel", "forget")),
    ):
        for deed in deeds:
            answer = other.form(f"{path_of}/{deed}", seen="/collecting")
            assert answer.status_code == 303
            assert said(other, "/collecting").startswith("There is no such"), deed
    stolen = other.form("/collecting", seen="/collecting/new", **(GOOD | {"connection_id": str(account.id)}))
    assert stolen.status_code == 422
    assert not site.read(plans.get, anna.actor, plan.id).paused
    assert site.read(connections.mine, anna.actor) == [account]
    assert site.read(plans.listing, ben.actor) == []


def test_what_is_for_administrators_is_refused_to_others(other: Caller, ben: User, site: Served, anna: User) -> None:
    assert 'name="path"' not in other.get("/collecting/imports").text
    assert named(other, "/etc/passwd").status_code == 403
    assert other.get(f"/settings/credits?user={anna.id}").status_code == 404
    for deed, fields in (("top-up", {"credits": "5"}), ("plan", {"plan": "standard"})):
        answer = other.form(f"/settings/credits/{deed}", seen="/settings/credits", user=str(ben.id), **fields)
        assert answer.status_code == 403, deed
    answer = other.form("/settings/credits/token", seen="/settings/credits", label="x")
    assert answer.status_code == 403
    assert "give you credits first" in answer.text
    assert site.read(api_tokens.listing, OPERATOR) == []


# --- what is brought from elsewhere


def send(caller: Caller, content: bytes, name: str = "facts.jsonl", csrf: str | None = None) -> tuple[int, str]:
    proof = token(caller.get("/collecting/imports").text) if csrf is None else csrf
    answer = caller.post(
        "/collecting/imports/upload",
        params={"name": name},
        content=content,
        headers={"X-CSRF-Token": proof, "Content-Type": "application/octet-stream"},
    )
    return answer.status_code, answer.text


def left(site: Served) -> list[Path]:
    folder = site.data / UPLOADS
    return list(folder.iterdir()) if folder.is_dir() else []


def test_an_upload_wants_the_token_of_the_page(signed_in: Caller, site: Served, anna: User) -> None:
    assert send(signed_in, b"{}\n", csrf="wrong")[0] == 403
    assert signed_in.post("/collecting/imports/upload?name=x", content=b"{}\n").status_code == 403
    assert left(site) == []
    assert site.read(importing.listing, anna.actor) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\export.zip", "export.zip"),
        ("a\0b.js\nonl", "a\ufffdb.js\ufffdonl"),
        ("", "upload"),
        ("..", ".."),
        ("x" * 900 + ".zip", "x" * 200),
    ],
)
def test_an_uploads_name_is_shown_and_never_a_path(
    signed_in: Caller, site: Served, anna: User, given: str, shown: str
) -> None:
    assert send(signed_in, b'{"kind": "x"}\n', given)[0] == 201
    (made,) = site.read(importing.listing, anna.actor)
    assert made.name == shown
    assert Path(made.path).parent == (site.data / UPLOADS).resolve()


def test_the_same_file_sent_again_goes_on_with_the_import_that_was_stopped(
    signed_in: Caller, site: Served, anna: User
) -> None:
    facts = [profile(str(number), f"name{number}") for number in range(40_000)]
    body = b"\n".join(map(encoded, facts))
    assert send(signed_in, body)[0] == 201
    (made,) = site.read(importing.listing, anna.actor)
    assert comes(lambda: site.read(importing.get, anna.actor, made.id).done_bytes > 0)
    stopped = site.write(importing.cancel, anna.actor, made.id)
    assert send(signed_in, body, "renamed.jsonl")[0] == 201
    assert comes(lambda: site.read(importing.get, anna.actor, made.id).finished)
    (again,) = site.read(importing.listing, anna.actor)
    assert (again.id, again.counts) == (made.id, {"profile": {"told": 40_000, "new": 40_000}})
    assert 0 < stopped.done_bytes < again.done_bytes
    assert comes(lambda: left(site) == [])


def test_an_empty_file_is_refused_and_not_kept(signed_in: Caller, site: Served) -> None:
    status, text = send(signed_in, b"")
    assert (status, json.loads(text)["problem"]) == (422, "File is empty.")
    assert left(site) == []


def comes(state: Callable[[], bool]) -> bool:
    """Wait until it is so."""
    waiting = threading.Event()
    return any(state() or waiting.wait(0.02) for _ in range(1_000))


def raw(caller: Caller, length: int, body: bytes, **headers: str) -> socket.socket:
    """An upload that is sent by hand: so many bytes announced, these sent."""
    cookies = "; ".join(f"{name}={value}" for name, value in caller.cookies.items())
    line = socket.create_connection((caller.base_url.host, caller.base_url.port or 80), timeout=20)
    told = {"Cookie": cookies, "Content_Type": "application/octet-stream", **headers}
    head = (
        "POST /collecting/imports/upload?name=big.zip HTTP/1.1\r\n"
        f"Host: {caller.base_url.host}:{caller.base_url.port}\r\n"
        + "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
        + f"Content-Length: {length}\r\n\r\n"
    )
    line.sendall(head.encode() + body)
    return line


def answered(line: socket.socket) -> str:
    """What the server says while it waits for the rest."""
    with line, line.makefile("rb") as lines:
        head = list(iter(lines.readline, b"\r\n"))
        length = next((int(one.partition(b":")[2]) for one in head if one.startswith(b"content-length")), 0)
        return (b"".join(head) + lines.read(length)).decode()


def proven(caller: Caller) -> dict[str, str]:
    return {"X_CSRF_Token": token(caller.get("/collecting/imports").text)}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_whom_nothing_proves_is_refused_before_a_byte_of_an_upload_is_read(
    signed_in: Caller, site: Served, kind: str
) -> None:
    with Caller(base_url=site.url, timeout=20) as stranger:
        stranger.get("/sign-in")
        answer = answered(raw(stranger, 20_000_000, b"csrf=", Content_Type=kind))
    assert answer.startswith("HTTP/1.1 303")
    assert "location: /sign-in" in answer
    assert answered(raw(signed_in, 20_000_000, b"csrf=", Content_Type=kind)).startswith("HTTP/1.1 403")
    assert left(site) == []


def test_a_file_too_large_is_refused_before_it_is_sent(signed_in: Caller, site: Served, anna: User) -> None:
    answer = answered(raw(signed_in, LARGEST + 1, b"begin", **proven(signed_in)))
    assert answer.startswith("HTTP/1.1 409")
    assert "has to be imported where it lies" in answer
    assert left(site) == []
    assert site.read(importing.listing, anna.actor) == []


def test_an_upload_that_is_cut_short_leaves_nothing(signed_in: Caller, site: Served, anna: User) -> None:
    with raw(signed_in, 1_000, b"x" * 500, **proven(signed_in)):
        assert comes(lambda: left(site) != [])
    assert comes(lambda: left(site) == [])
    assert site.read(importing.listing, anna.actor) == []


def test_administrators_name_what_lies_on_the_server(signed_in: Caller, site: Served, anna: User) -> None:
    path, pipe = site.data / "facts.jsonl", site.data / "pipe"
    path.write_text('{"kind": "x"}\n')
    os.mkfifo(pipe)
    assert named(signed_in, str(path)).status_code == 303
    assert [one.name for one in site.read(importing.listing, anna.actor)] == ["facts.jsonl"]
    for wrong, words in (
        ("facts.jsonl", "from / on"),
        (str(site.data / "none.zip"), "No such file"),
        ("", "from / on"),
        ("/dev/zero", "neither a file nor a folder"),
        (str(pipe), "neither a file nor a folder"),
        ("/a\0b", "cannot be read"),
    ):
        answer = named(signed_in, wrong)
        assert answer.status_code == 422, wrong
        assert words in one(LexborHTMLParser(answer.text), "#wrong-path").text(), wrong


# --- tokens and credits


def test_a_token_is_shown_once_and_counts_until_it_is_revoked(signed_in: Caller, site: Served, anna: User) -> None:
    def make(label: str) -> str:
        page = signed_in.form("/settings/credits/token", seen="/settings/credits", label=label).text
        return one(LexborHTMLParser(page), ".token-once").text()

    secret = make("reports")
    assert len(secret) == 40
    page = signed_in.get("/settings/credits").text
    assert secret not in page
    assert "reports" in page
    assert secret[:6] in page
    assert site.read(api_tokens.known, secret).user_id == anna.id
    (kept,) = site.read(api_tokens.listing, anna.actor)
    signed_in.form("/settings/credits/revoke", seen="/settings/credits", token=str(kept.id))
    assert "revoked" in signed_in.get("/settings/credits").text
    signed_in.form("/settings/credits/revoke", seen="/settings/credits", token="77")
    assert "no such token" in said(signed_in, "/settings/credits")
    long = signed_in.form("/settings/credits/token", seen="/settings/credits", label="x" * 101)
    assert (long.status_code, "at most 100 characters" in long.text.lower()) == (422, True)


def test_who_was_given_no_credits_is_told_so_and_offered_no_token(
    other: Caller, signed_in: Caller, ben: User, site: Served
) -> None:
    page = LexborHTMLParser(other.get("/settings/credits").text)
    assert "An administrator has to give you credits first." in one(page, "#main").text()
    assert "10\u202f000" not in one(page, "#main").text()
    assert page.css("form[action='/settings/credits/token'], .stat") == []
    signed_in.form(
        "/settings/credits/top-up", seen=f"/settings/credits?user={ben.id}", user=str(ben.id), credits="5"
    )  # fmt: skip
    page = LexborHTMLParser(other.get("/settings/credits").text)
    assert one(page, ".stat strong").text() == "10\u202f005"
    assert one(page, "form[action='/settings/credits/token']")


def test_credits_are_added_and_plans_changed_for_anybody(signed_in: Caller, ben: User) -> None:
    here = f"/settings/credits?user={ben.id}"

    def left_now() -> int:
        return int(one(LexborHTMLParser(signed_in.get(here).text), ".stat strong").text().replace("\u202f", ""))

    before = left_now()
    answer = signed_in.form("/settings/credits/top-up", seen=here, user=str(ben.id), credits="1234")
    assert answer.headers["location"] == here
    assert f"{before + 1234:,}".replace(",", "\u202f") + " credits now" in said(signed_in, here)
    assert left_now() == before + 1234
    for wrong in ("0", "-4", "x", "", "9999999999999"):
        bad = signed_in.form("/settings/credits/top-up", seen=here, user=str(ben.id), credits=wrong)
        assert bad.status_code == 422, wrong
        assert one(LexborHTMLParser(bad.text), "#wrong-credits"), wrong
    assert left_now() == before + 1234
    names = [each.text() for each in LexborHTMLParser(signed_in.get(here).text).css("select[name=plan] option")]
    signed_in.form("/settings/credits/plan", seen=here, user=str(ben.id), plan=names[-1])
    assert LexborHTMLParser(signed_in.get(here).text).css(".stat strong")[1].text() == names[-1]
    bad = signed_in.form("/settings/credits/plan", seen=here, user=str(ben.id), plan="nonsense")
    assert (bad.status_code, "one of" in bad.text.lower()) == (422, True)
    assert signed_in.form("/settings/credits/top-up", seen=here, user="77", credits="5").status_code == 303
