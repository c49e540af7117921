"""The sandbox's social network follows from a seed and goes on in time; its API says what is so and no more."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from testclock import TestClock

from entourage.insight import grammar
from entourage.networks.sandbox import network as sandbox
from entourage.networks.sandbox import wire
from entourage.networks.sandbox.limits import Limits
from entourage.networks.sandbox.network import PASSWORD, Network, written
from entourage.networks.sandbox.people import DAY, NEVER, Kind
from entourage.networks.sandbox.server import Sandbox, running
from entourage.networks.sandbox.talk import OPENED
from entourage.networks.sandbox.tongues import SPOKEN

PEOPLE = sandbox.network(1, OPENED)
"""What the server of the tests serves."""


@asynccontextmanager
async def calls(clock: TestClock, **options: object) -> AsyncGenerator[tuple[Sandbox, httpx.AsyncClient]]:
    async with running(clock=clock, **options) as site, httpx.AsyncClient(base_url=site.url) as client:  # pyright: ignore[reportArgumentType]  # what the test names
        yield site, client


async def signed_in(client: httpx.AsyncClient, username: str) -> dict[str, str]:
    answer = await client.post("/api/sign-in", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['token']}"}


def now(clock: TestClock) -> int:
    return PEOPLE.people.seconds(clock.now)


def test_the_same_seed_gives_the_same_bytes_in_any_process_and_another_seed_others() -> None:
    program = """
import hashlib, sys
from entourage.networks.sandbox.network import Network
from entourage.networks.sandbox.talk import OPENED
made = Network(int(sys.argv[1]), OPENED)
told = [made.people.usernames, made.people.before]
for number in (1, 7, 900, 5900):
    edges = made.society.followers(number)
    told += [made.profile(number, 0), list(edges.who), list(edges.since), list(edges.until)]
    for index in made.posts.indexes(number, 0)[:20]:
        told += [made.posts.post(number, index), made.posts.likers(number, index), made.posts.said(number, index)]
print(hashlib.sha256(repr(told).encode()).hexdigest())
"""

    def told(seed: int, hashing: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        argv = [sys.executable, "-c", program, str(seed)]
        return subprocess.run(argv, env=environment, capture_output=True, check=True, text=True, timeout=60).stdout

    first = told(1, "1")
    assert len(first.strip()) == hashlib.sha256().digest_size * 2
    assert told(1, "2") == first
    assert told(2, "1") != first


def test_there_are_thousands_of_people_of_all_sorts_who_write_in_many_languages() -> None:
    people = PEOPLE.people
    there = [number for number in range(people.total) if people.there(number, 0)]
    assert 4_000 < len(there) < 6_500
    assert len(set(people.usernames)) == people.total
    spoken = {people.says(number).code for number in there if people.about(number).biography}
    assert spoken == set(SPOKEN)
    kinds = {kind: [number for number in there if people.kind[number] == kind] for kind in Kind}
    assert len(kinds[Kind.CREATOR]) == 40
    assert len(kinds[Kind.ORGANISATION]) > 100
    sizes = sorted(PEOPLE.society.followers(number).count(0) for number in kinds[Kind.CREATOR])
    assert 150 < sizes[0] < 400
    assert 2_500 < sizes[-1] < 4_500
    for number in kinds[Kind.BOUGHT]:
        profile = PEOPLE.profile(number, 0)
        assert profile.follows > 10 * max(profile.followers, 1)
        assert profile.posts <= 4
        assert profile.link is None


def test_user_names_and_mentions_are_what_the_grammar_of_the_network_reads() -> None:
    people = PEOPLE.people
    assert [name for name in people.by_name if grammar.handle("sandbox", name) != name] == []
    mentioned = 0
    for author in range(len(people.creators)):
        for index in PEOPLE.posts.indexes(author, 0)[:60]:
            post = PEOPLE.posts.post(author, index)
            assert list(grammar.hashtags("sandbox", post.caption or "")) == list(post.tags)
            for name in grammar.mentions("sandbox", post.caption or ""):
                mentioned += 1
                assert people.named(name, post.at) is not None, post
    assert mentioned > 100


def test_bought_followers_come_in_steps_and_some_are_deleted_by_the_network() -> None:
    number = PEOPLE.people.by_name["fitwithkai"]
    edges, kind = PEOPLE.society.followers(number), PEOPLE.people.kind

    def bought(day: int) -> int:
        return sum(kind[who] == Kind.BOUGHT for who in edges.at(day * DAY))

    for on, many in PEOPLE.people.creators[number].bought:
        before, after = bought(on), bought(on + 2)
        assert after - before == many
    assert bought(-39) > bought(-37) > 0
    assert bought(0) > edges.count(0) / 4


def test_who_is_mentioned_by_somebody_large_grows_in_the_days_after() -> None:
    people = PEOPLE.people
    number = people.by_name["pixelpfad"]
    edges = PEOPLE.society.followers(number)
    for on, by in people.creators[number].boosts:
        author = people.by_name[by]
        posts = [PEOPLE.posts.post(author, index) for index in PEOPLE.posts.indexes(author, (on + 15) * DAY)]
        named = [post for post in posts if post.at >= on * DAY and "@pixelpfad" in (post.caption or "")]
        assert named, by
        came = [edges.count(day * DAY) - edges.count((day - 6) * DAY) for day in (on, on + 6)]
        assert came[1] > 2 * came[0]


def test_time_goes_on_and_nothing_that_was_changes(clock: TestClock) -> None:
    people, posts = PEOPLE.people, PEOPLE.posts
    number = people.by_name["perroygato"]
    today, later = now(clock), now(clock) + 7 * DAY
    assert PEOPLE.profile(number, later).followers > PEOPLE.profile(number, today).followers
    new = [index for index in posts.indexes(number, later) if posts.post(number, index).at > today]
    assert len(new) >= 4
    kept = [index for index in posts.indexes(number, later) if index not in new]
    assert set(kept) <= set(posts.indexes(number, today))
    newest = posts.indexes(number, today)[0]
    assert set(posts.likes(number, newest, today)) <= set(posts.likes(number, newest, later))
    assert len(posts.likes(number, newest, later)) > 20
    times = [posts.post(number, index).at for index in posts.indexes(number, later)]
    assert times == sorted(times, reverse=True)


def test_anybody_signs_in_with_the_known_password_and_nobody_with_another(clock: TestClock) -> None:
    async def go() -> None:
        async with calls(clock) as (_, client):
            told = await client.get("/api/sign-in", auth=("slowtrains", PASSWORD))
            assert (told.status_code, told.json()["username"]) == (200, "slowtrains")
            same = await client.post("/api/sign-in", json={"username": "@slowtrains", "password": PASSWORD})
            assert same.json() == told.json()
            for name, password in (("slowtrains", "x"), ("nobody_at_all", PASSWORD)):
                assert (await client.get("/api/sign-in", auth=(name, password))).status_code == 401
            assert (await client.get("/api/sign-in")).status_code == 401
            assert (await client.post("/api/sign-in", content=b"{")).status_code == 400
            forged = {"authorization": f"Bearer {told.json()['id']}.{'0' * 64}"}
            assert (await client.get("/api/profiles/@slowtrains", headers=forged)).status_code == 401
        async with calls(clock, seed=2) as (_, other):
            token = {"authorization": f"Bearer {told.json()['token']}"}
            assert (await other.get("/api/profiles/@slowtrains", headers=token)).status_code == 401

    asyncio.run(go())


def test_calls_are_counted_by_account_and_the_answer_says_when_to_come_again(clock: TestClock) -> None:
    async def go() -> None:
        async with calls(clock, limits=Limits(per_hour=3)) as (_, client):
            first, second = await signed_in(client, "slowtrains"), await signed_in(client, "fitwithkai")
            told = [await client.get("/api/profiles/@hoshitabi", headers=first) for _ in range(4)]
            assert [one.status_code for one in told] == [200, 200, 200, 429]
            assert [one.headers["x-ratelimit-remaining"] for one in told] == ["2", "1", "0", "0"]
            assert told[3].headers["retry-after"] == "3600"
            assert (await client.get("/api/profiles/@hoshitabi", headers=second)).status_code == 200
            clock.advance(3599)
            assert (await client.get("/api/profiles/@hoshitabi", headers=first)).headers["retry-after"] == "1"
            clock.advance(1)
            assert (await client.get("/api/profiles/@hoshitabi", headers=first)).status_code == 200

    asyncio.run(go())


def test_an_account_that_asked_too_much_goes_on_after_a_person_pressed_the_button(clock: TestClock) -> None:
    async def go() -> None:
        async with calls(clock, limits=Limits(challenge_after=2)) as (site, client):
            token = await signed_in(client, "slowtrains")
            told = [await client.get("/api/profiles/@hoshitabi", headers=token) for _ in range(3)]
            assert [one.status_code for one in told] == [200, 200, 403]
            assert told[2].json()["error"] == "challenge"
            place = told[2].json()["url"]
            assert place == f"{site.url}/challenge?account=slowtrains"
            assert "I am a person" in (await client.get(place)).text
            assert (await client.get("/api/profiles/@hoshitabi", headers=token)).status_code == 403
            assert (await client.post("/challenge", data={"account": "nobody_at_all"})).status_code == 404
            assert (await client.post("/challenge", data={"account": "slowtrains"})).status_code == 200
            assert (await client.get("/api/profiles/@hoshitabi", headers=token)).status_code == 200

    asyncio.run(go())


def test_private_profiles_show_themselves_to_those_who_follow_them_only(clock: TestClock) -> None:
    people = PEOPLE.people
    number = next(
        number
        for number in range(people.first_folk, people.first_bought)
        if people.about(number).is_private and people.there(number, now(clock)) and PEOPLE.posts.count(number, 0)
    )
    follower = PEOPLE.society.followers(number).at(now(clock))[0]
    stranger = next(other for other in range(people.total) if other not in PEOPLE.society.followers(number).who)
    post = written(PEOPLE.posts.post(number, PEOPLE.posts.indexes(number, 0)[0]).number)

    async def go() -> None:
        async with calls(clock) as (_, client):
            listed = [f"/api/profiles/{people.id(number)}/{what}" for what in ("posts", "followers", "followings")]
            paths = [*listed, f"/api/posts/{post}/likes", f"/api/posts/{post}/comments"]
            profile = await client.get(f"/api/profiles/{people.id(number)}")
            assert profile.json()["profile"]["is_private"] is True
            for who, status in ((None, 403), (stranger, 403), (follower, 200), (number, 200)):
                token = {} if who is None else await signed_in(client, people.username(who, now(clock)))
                assert {(await client.get(path, headers=token)).status_code for path in paths} == {status}
            refused = await client.get(paths[0])
            assert (refused.json()["error"], refused.headers.get("cf-mitigated")) == ("private", None)

    asyncio.run(go())


def test_who_is_deleted_is_gone_and_who_is_renamed_keeps_the_id(clock: TestClock) -> None:
    people = PEOPLE.people
    deleted = next(
        number for number in range(people.first_folk, people.first_bought) if 0 < people.gone[number] != NEVER
    )
    renamed = people.by_name["nattuppsala"]
    follower = PEOPLE.society.followings(deleted).who[0]

    async def status(client: httpx.AsyncClient, path: str) -> int:
        return (await client.get(path)).status_code

    async def go() -> None:
        async with calls(clock) as (_, client):
            clock.now = people.moment(people.gone[deleted] - 60)
            name = people.username(deleted, people.gone[deleted] - 60)
            assert await status(client, f"/api/profiles/@{name}") == 200
            had = (await client.get(f"/api/profiles/{people.id(follower)}")).json()["profile"]["followers"]
            clock.now = people.moment(people.gone[deleted])
            assert await status(client, f"/api/profiles/@{name}") == 410
            assert await status(client, f"/api/profiles/{people.id(deleted)}/posts") == 410
            assert await status(client, f"/people/{name}") == 404
            has = (await client.get(f"/api/profiles/{people.id(follower)}")).json()["profile"]["followers"]
            assert has == had - 1
            until, before = people.before[renamed]
            for at, known, unknown in ((until - 1, before, "nattuppsala"), (until, "nattuppsala", before)):
                clock.now = people.moment(at)
                told = (await client.get(f"/api/profiles/@{known}")).json()["profile"]
                assert (told["id"], told["username"]) == (people.id(renamed), known)
                assert await status(client, f"/api/profiles/@{unknown}") == 404

    asyncio.run(go())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/", 404),
        ("/api/profiles", 404),
        ("/api/profiles/40000001", 404),
        ("/api/profiles/99999999999999999999", 404),
        ("/api/profiles/%C2%B2", 404),
        ("/api/profiles/@", 404),
        ("/api/profiles/@slowtrains%00", 404),
        ("/api/posts/0-1/likes", 404),
        ("/api/posts/zzzzzzzzzzzz/likes", 404),
        ("/api/posts/00/likes", 404),
        ("/api/tags/nobodywritesthis/posts", 200),
        ("/api/profiles/@slowtrains/followers?count=0", 400),
        ("/api/profiles/@slowtrains/followers?count=101", 400),
        ("/api/profiles/@slowtrains/followers?count=1e1", 400),
        ("/api/profiles/@slowtrains/followers?cursor=%FF", 400),
        ("/api/profiles/@slowtrains/followers?cursor=YWJj", 400),
        ("/api/profiles/@slowtrains/followers?cursor=Zm9sbG93ZXJzOjk5OTk5OTk5OTk6MDow", 400),
        ("/people/nobody_at_all", 404),
        ("/people/slowtrains?page=0", 404),
        ("/people/slowtrains?page=9999", 404),
        ("/people/slowtrains?page=%C2%B2", 404),
        ("/people/slowtrains/zzzzzzzz", 404),
        ("/portraits/1.png", 404),
        ("/challenge", 200),
    ],
)
def test_what_cannot_be_asked_is_told_so(clock: TestClock, path: str, status: int) -> None:
    async def go() -> None:
        async with calls(clock) as (_, client):
            answer = await client.get(path)
            assert answer.status_code == status
            if path.startswith("/api/") and status != 200:
                assert msgspec.json.decode(answer.content, type=wire.Sorry).message
            assert (await client.delete("/api/profiles/@slowtrains")).status_code == 405

    asyncio.run(go())


def test_a_post_that_comes_later_is_not_there_before_and_one_that_was_taken_down_is_gone(clock: TestClock) -> None:
    posts, number = PEOPLE.posts, PEOPLE.people.by_name["perroygato"]
    removed = next(
        post
        for index in posts.ever(number, now(clock) + 300 * DAY)
        if (post := posts.post(number, index)).removed is not None
    )
    path = f"/api/posts/{written(removed.number)}/likes"

    async def go() -> None:
        assert removed.removed is not None
        async with calls(clock) as (_, client):
            for at, status in (
                (removed.at - 1, 404),
                (removed.at, 200),
                (removed.removed - 1, 200),
                (removed.removed, 410),
            ):
                clock.now = PEOPLE.people.moment(at)
                assert (await client.get(path)).status_code == status, at - removed.at

    asyncio.run(go())


def test_every_link_and_picture_of_the_pages_is_there(clock: TestClock) -> None:
    post = PEOPLE.posts.post(0, PEOPLE.posts.indexes(0, now(clock))[0])
    ordinary = next(
        number
        for number in PEOPLE.society.followers(0).at(now(clock))
        if PEOPLE.people.about(number).has_picture and PEOPLE.people.kind[number] == Kind.ORDINARY
    )
    name = PEOPLE.people.username(ordinary, now(clock))

    async def go() -> None:
        async with calls(clock) as (site, client):
            assert [(await client.get(one.url)).status_code for one in site.people] == [200] * 10
            assert '"/people/"' in (await client.get("/")).text
            pages = ["/people/", "/people/slowtrains", "/people/slowtrains?page=2", f"/people/{name}"]
            pages.append(f"/people/slowtrains/{written(post.number)}")
            links: set[str] = set()
            for page in pages:
                answer = await client.get(page)
                assert answer.status_code == 200, page
                parts = answer.text.replace('src="', 'href="').split('href="')[1:]
                links |= {part.partition('"')[0].replace("&amp;", "&") for part in parts}
            odd = {link for link in links if link[0] == "/" and (await client.get(link)).status_code != 200}
            assert len(links) > 80
            assert odd == set()

    asyncio.run(go())


def test_media_are_as_large_as_they_are_said_to_be(clock: TestClock) -> None:
    from io import BytesIO  # noqa: PLC0415 - with what else only this test needs

    from PIL import Image  # noqa: PLC0415

    async def go() -> None:
        async with calls(clock) as (_, client):
            told = await client.get("/api/profiles/@nekonomachi/posts?count=4")
            page = msgspec.json.decode(told.content, type=wire.Page[wire.Post])
            for medium in {medium.url: medium for post in page.items for medium in post.media}.values():
                body = (await client.get(medium.url)).content
                assert Image.open(BytesIO(body)).size == (medium.width, medium.height)

    asyncio.run(go())


def test_a_network_that_opens_on_another_day_has_people_of_the_same_names_and_its_own_calendar() -> None:
    later = Network(1, datetime(2027, 8, 3, 15, tzinfo=UTC))
    numbers = range(0, PEOPLE.people.total, 50)
    assert [later.people.about(one).name for one in numbers] == [PEOPLE.people.about(one).name for one in numbers]
    assert later.people.moment(0) == datetime(2027, 8, 3, tzinfo=UTC)
    post = later.posts.post(0, later.posts.indexes(0, 0)[0])
    assert later.people.moment(post.at) > later.people.moment(0) - timedelta(days=10)
