"""The connector and Mastodon.py over real HTTP, against recorded answers of a real Mastodon 4.7.

Where the recording has an empty list (followers, answers), recorded accounts and posts are put into the list.
"""

import asyncio
import gzip
import json
import os
import socket
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from servers.between import Between
from servers.mastodon_replay import DOMAIN, TOKEN, Replay, cassette

from entourage.kernel.egress import Gate
from entourage.kernel.errors import (
    Challenged,
    Damaged,
    EntourageError,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from entourage.kernel.world import World
from entourage.networks import mastodon as connector
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact, checked
from entourage.networks.reading import Access, Listing, Reads

READS: Reads = connector
JOHN = f"mastodonpy_test@{DOMAIN}"
JOHNS_NUMBER = "117440810532227399"
SECOND = f"mastodonpy_test_2@{DOMAIN}"
TAG = "fgiztsshwiaqqiztpmmjbtvmescsculuvmgjgopwoeidbcrixp"
LIKED = f"http://{DOMAIN}/ap/users/{JOHNS_NUMBER}/statuses/117440831176894179"
ANSWERED = f"http://{DOMAIN}/ap/users/{JOHNS_NUMBER}/statuses/117440830896259821"
CASSETTES = (
    *("test_account_lookup", "test_accounts", "test_fetch_next_previous", "test_fetch_remaining", "test_hashtag_tl"),
    *("test_account_followers", "test_account_following", "test_status_favourited_by", "test_status_context"),
)


@pytest.fixture
def server() -> Generator[Replay]:
    with Replay(*CASSETTES) as replay:
        yield replay


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(Gate((ip_network("127.0.0.0/8"),)), tmp_path) as opened:
        yield opened


@pytest.fixture
def member(world: World, server: Replay) -> Access:
    return Access(world, server.url, {"access_token": TOKEN, "domain": DOMAIN})


def account(name: str = "test_account_lookup", **more: object) -> dict[str, Any]:
    """A recorded account, with changes."""
    told = next(one for one in cassette(name) if one.path.endswith("/lookup") and one.status == 200).json
    return {**told, **more}


def statuses(name: str) -> Sequence[dict[str, Any]]:
    """The posts that were written in a recording."""
    return [one.json for one in cassette(name) if one.path == "/api/v1/statuses" and one.method == "POST"]


async def every(access: Access, what: Listing, of: str) -> tuple[list[Fact], int]:
    """All facts of a listing, and its number of pages; each page is asked for by somebody who only has the cursor."""
    facts: list[Fact] = []
    cursor: str | None = None
    pages = 0
    while pages < 20:
        fresh = replace(access, session=json.loads(json.dumps(access.session)))
        batch = await connector.listing(fresh, what, of, cursor)
        facts += map(checked, batch.facts)
        pages += 1 if batch.entries else 0
        cursor = batch.cursor
        if cursor is None:
            return facts, pages
    raise AssertionError(cursor)


async def test_a_token_that_counts_signs_in_and_is_kept(world: World, server: Replay) -> None:
    signed_in = await connector.sign_in(Access(world, server.url), {"access_token": f" {TOKEN} "})

    assert (signed_in.id, signed_in.username) == (JOHN, JOHN)
    assert signed_in.session == {"access_token": TOKEN, "domain": DOMAIN}


@pytest.mark.parametrize("token", ["wrong", "", "with\nbreak", "not ascii é"])
async def test_a_token_that_does_not_count_is_told(world: World, server: Replay, token: str) -> None:
    with pytest.raises(Unauthenticated):
        _ = await connector.sign_in(Access(world, server.url), {"access_token": token})


async def test_a_token_is_never_taken_for_the_name_of_a_file(world: World, server: Replay, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    _ = secret.write_text("what nobody shall see")

    with pytest.raises(Unauthenticated):
        _ = await connector.sign_in(Access(world, server.url), {"access_token": str(secret)})

    assert {credentials for _, credentials in server.asked} == {f"Bearer {secret}"}


@pytest.mark.parametrize("who", [JOHN, "@mastodonpy_test", f"@MastodonPy_Test@{DOMAIN}"])
async def test_a_profile_is_read_whole(member: Access, who: str) -> None:
    fact = checked(await connector.profile(member, who))

    assert isinstance(fact, ProfileFact)
    assert (fact.id, fact.username, fact.name, fact.biography) == (JOHN, JOHN, "John Lennon", "I walk funny")
    assert isinstance(fact.picture, str)
    assert fact.picture.endswith("f1600d0fe82efe3b.jpg")
    assert (fact.followers, fact.follows, fact.posts) == (0, 0, 0)
    assert (fact.link, fact.location, fact.is_private, fact.is_verified) == (None, None, False, False)


async def test_the_picture_that_a_server_gives_to_those_who_have_none_is_none(member: Access) -> None:
    fact = await connector.profile(member, SECOND)

    assert (fact.picture, fact.name, fact.biography) == (None, None, None)


async def test_fields_tell_link_and_place_and_custom_emoji_are_no_name(member: Access, server: Replay) -> None:
    link = '<a href="https://john.example" rel="me"><span class="invisible">https://</span>john.example</a>'
    fields = [
        {"name": "Shop", "value": '<a href="https://shop.example">shop</a>', "verified_at": None},
        {"name": "Location:", "value": "Liverpool", "verified_at": None},
        {"name": "Home", "value": link, "verified_at": "2026-01-01T00:00:00.000Z"},
    ]
    emojis = [{"shortcode": "verified"}]
    told = account(fields=fields, emojis=emojis, display_name=":verified: John :verified:", followers_count=-1)
    server.put("/api/v1/accounts/lookup", told, {"acct": "john"})

    fact = checked(await connector.profile(member, "@john"))

    assert isinstance(fact, ProfileFact)
    assert (fact.link, fact.location, fact.is_verified, fact.name) == (
        "https://john.example",
        "Liverpool",
        True,
        "John",
    )
    assert not isinstance(fact.followers, int)


async def test_posts_are_listed_over_pages_whose_cursor_outlives_the_reader(member: Access, server: Replay) -> None:
    server.put(f"/api/v1/accounts/{JOHNS_NUMBER}/statuses", [], {"max_id": "117440824971992305"})

    facts, pages = await every(member, Listing.POSTS, JOHN)

    posts = [fact for fact in facts if isinstance(fact, PostFact)]
    assert pages == 2
    assert [post.caption for post in posts] == [f"Toot number {n}!" for n in reversed(range(10))]
    assert len(posts) == len(facts) == len({post.id for post in posts})
    assert {post.author for post in posts} == {JOHN}
    assert posts[0].url == f"http://{DOMAIN}/@mastodonpy_test/117440825015062295"
    assert posts[0].posted_at == datetime(2026, 10, 14, 19, 6, 16, 231_000, UTC)
    assert (posts[0].likes, posts[0].comments, posts[0].media) == (0, 0, ())
    asked = [path for path, _ in server.asked if path.startswith("/api/v1/accounts/lookup")]
    assert len(asked) == 1


async def test_posts_have_their_media_with_sizes(member: Access, server: Replay) -> None:
    shown = [*statuses("test_media_post[True]"), *statuses("test_media_post_multiple")]
    server.put(f"/api/v1/accounts/{JOHNS_NUMBER}/statuses", [{**one, "account": account()} for one in shown])

    batch = await connector.listing(member, Listing.POSTS, JOHN)

    found = [fact.media for fact in batch.facts if isinstance(fact, PostFact)]
    kinds = [[(one.type, one.width, one.height) for one in media] for media in found if isinstance(media, tuple)]
    assert kinds[0] == [("video", 640, 640)]
    assert [kind for kind, _, _ in kinds[1]] == ["image", "image"]
    assert all(width and height for media in kinds for _, width, height in media)


async def test_what_not_everybody_may_see_is_not_read(member: Access, server: Replay) -> None:
    (post,) = statuses("test_status_context")
    wanted = [
        {**post, "uri": f"https://x.example/{seen_by}", "visibility": seen_by}
        for seen_by in ("public", "unlisted", "private", "direct", None)
    ]
    shared = {**post, "uri": "https://x.example/shared", "reblog": post}
    foreign = {**post, "uri": "https://x.example/foreign", "account": account("test_accounts", acct="other")}
    server.put(f"/api/v1/accounts/{JOHNS_NUMBER}/statuses", [*wanted, shared, foreign, 5, {}])

    batch = await connector.listing(member, Listing.POSTS, JOHN)

    seen = [fact.id for fact in batch.facts if isinstance(fact, PostFact)]
    assert seen == ["https://x.example/public", "https://x.example/unlisted"]


async def test_a_hashtag_is_read_over_pages_with_its_authors(member: Access) -> None:
    facts, pages = await every(member, Listing.HASHTAG, TAG)

    posts = [fact for fact in facts if isinstance(fact, PostFact)]
    assert pages == 3
    assert len({post.id for post in posts}) == len(posts) == 30
    assert posts[0].caption == f"Toot number 29! #{TAG}"
    assert {fact.id for fact in facts if isinstance(fact, ProfileFact)} == {SECOND}
    assert {post.author for post in posts} == {SECOND}


async def test_a_hashtag_leads_to_nobody_who_does_not_want_to_be_found(member: Access, server: Replay) -> None:
    (post,) = next(one for one in cassette("test_hashtag_tl") if one.path.endswith("/hoot")).json
    shy = [
        {"indexable": False},
        {"discoverable": False},
        {"noindex": True},
        {"note": "<p>I am #<span>nobot</span></p>"},
    ]
    told = [{**post, "uri": f"u{n}", "account": {**post["account"], **wish}} for n, wish in enumerate([*shy, {}])]
    server.put("/api/v1/timelines/tag/hoot", told)

    batch = await connector.listing(member, Listing.HASHTAG, "hoot")

    assert [fact.id for fact in batch.facts if isinstance(fact, PostFact)] == ["u4"]
    assert (batch.entries, batch.withheld) == (1, 4)


async def test_recorded_lists_without_anybody_are_empty(member: Access) -> None:
    for what, of in ((Listing.FOLLOWERS, JOHN), (Listing.FOLLOWINGS, JOHN), (Listing.COMMENTS, ANSWERED)):
        batch = await connector.listing(member, what, of)
        assert (batch.facts, batch.cursor, batch.entries) == ([], None, 0)


async def test_who_likes_a_post_is_read(member: Access) -> None:
    batch = await connector.listing(member, Listing.LIKERS, LIKED)

    like, person = batch.facts
    assert isinstance(like, LikeFact)
    assert isinstance(person, ProfileFact)
    assert (like.post, like.profile, person.id) == (LIKED, JOHN, JOHN)
    assert (batch.cursor, batch.entries) == (None, 1)


def _paged(server: Replay, path: str, names: Sequence[str]) -> None:
    """Recorded accounts under other names, two a page, linked as Mastodon links pages."""
    for start in range(0, len(names), 2):
        page = [account(acct=name, username=name, fields=[]) for name in names[start : start + 2]]
        more = start + 2 < len(names)
        link = f'<http://{DOMAIN}{path}?limit=2&max_id={start + 2}>; rel="next", ' if more else ""
        query = {"max_id": str(start)} if start else {}
        server.put(path, page, query, f'{link}<http://{DOMAIN}{path}?since_id=9>; rel="prev"')


NAMES = ("a", "b@other.example", "C@Other.example", "d", "e")
IDS = {f"a@{DOMAIN}", "b@other.example", "c@other.example", f"d@{DOMAIN}", f"e@{DOMAIN}"}


@pytest.mark.parametrize(("what", "path"), [(Listing.FOLLOWERS, "followers"), (Listing.FOLLOWINGS, "following")])
async def test_circles_are_listed_over_pages(member: Access, server: Replay, what: Listing, path: str) -> None:
    _paged(server, f"/api/v1/accounts/{JOHNS_NUMBER}/{path}", NAMES)

    facts, pages = await every(member, what, JOHN)

    follows = [fact for fact in facts if isinstance(fact, FollowFact)]
    ends = {
        (fact.followed, fact.follower) if path == "followers" else (fact.follower, fact.followed) for fact in follows
    }
    assert pages == 3
    assert ends == {(JOHN, one) for one in IDS}
    assert {fact.username for fact in facts if isinstance(fact, ProfileFact)} >= {"C@Other.example"}


async def test_likers_are_listed_over_pages(member: Access, server: Replay) -> None:
    _paged(server, "/api/v1/statuses/117440831176894179/favourited_by", NAMES)

    facts, pages = await every(member, Listing.LIKERS, LIKED)

    assert pages == 3
    assert {fact.profile for fact in facts if isinstance(fact, LikeFact)} == IDS


async def test_answers_come_as_comments_with_names_completed(member: Access, server: Replay) -> None:
    asked, answer = statuses("test_status_reply")
    server.put(f"/api/v1/statuses/{asked['id']}/context", {"ancestors": [], "descendants": [answer]})

    batch = await connector.listing(member, Listing.COMMENTS, asked["uri"])

    comment, person = batch.facts
    assert isinstance(comment, CommentFact)
    assert isinstance(person, ProfileFact)
    assert (comment.post, comment.id, comment.author) == (asked["uri"], answer["uri"], f"admin@{DOMAIN}")
    assert comment.text == f"@mastodonpy_test_2@{DOMAIN} same!"
    assert (person.id, batch.cursor) == (f"admin@{DOMAIN}", None)


async def test_two_servers_tell_of_the_same_person_and_post_by_the_same_ids(world: World, server: Replay) -> None:
    instance = {"domain": "home.example"}
    with Replay() as home, Replay() as away:
        for one, acct, domain in ((home, "Ana", "home.example"), (away, "Ana@home.example", "away.example")):
            one.put("/api/v2/instance/", {**instance, "domain": domain})
            one.put("/api/v1/accounts/lookup", account(acct=acct), {"acct": acct.lower()})

        at_home = await connector.profile(Access(world, home.url), "@ana")
        elsewhere = await connector.profile(Access(world, away.url), "ana@home.example")

    assert (
        (at_home.id, at_home.username) == (elsewhere.id, elsewhere.username) == ("ana@home.example", "Ana@home.example")
    )


async def test_strangers_read_what_a_server_shows_to_everybody(world: World, server: Replay) -> None:
    access = Access(world, server.url)

    assert (await connector.profile(access, JOHN)).id == JOHN
    assert (await connector.listing(access, Listing.HASHTAG, TAG)).entries == 10
    assert (await connector.listing(access, Listing.LIKERS, LIKED)).entries == 1
    with pytest.raises(NotAllowed, match="hides"):
        _ = await connector.listing(access, Listing.FOLLOWERS, JOHN)
    with pytest.raises(Unauthenticated):
        _ = await connector.listing(access, Listing.LIKERS, "https://other.example/users/a/statuses/1")
    assert {credentials for _, credentials in server.asked} == {""}


async def test_members_find_people_and_posts_of_other_servers(member: Access, server: Replay) -> None:
    found = account(acct="ana@other.example", fields=[])
    server.put("/api/v1/accounts/search", [found], {"q": "ana@other.example"})
    uri = "https://other.example/users/ana/statuses/1"
    server.put("/api/v2/search", {"accounts": [], "statuses": [{"id": "77", "uri": uri}]}, {"q": uri})
    server.put("/api/v1/statuses/77/favourited_by", [account()])

    assert (await connector.profile(member, "@ana@other.example")).id == "ana@other.example"
    (like, _) = (await connector.listing(member, Listing.LIKERS, uri)).facts
    assert like == LikeFact(network="mastodon", post=uri, profile=JOHN, seen_at=like.seen_at)  # pyright: ignore[reportAttributeAccessIssue]  # compared just here
    server.put("/api/v1/accounts/search", [account(acct="else@other.example")], {"q": "eve@other.example"})
    with pytest.raises(NotFound):
        _ = await connector.profile(member, "@eve@other.example")


async def test_a_post_that_the_server_cannot_find_elsewhere_is_not_called_deleted(
    member: Access, server: Replay
) -> None:
    uri = "https://other.example/users/ana/statuses/1"
    server.put("/api/v2/search", {"accounts": [], "statuses": []}, {"q": uri})
    for what in (Listing.LIKERS, Listing.COMMENTS):
        with pytest.raises(NotAllowed, match="never told"):
            _ = await connector.listing(member, what, uri)


@pytest.mark.parametrize(
    ("of", "home"),
    [
        (JOHN, True),
        (LIKED, True),
        ("ana@other.example", False),
        ("https://other.example/users/ana/statuses/1", False),
        ("https://[/statuses/1", False),
        ("", False),
    ],
)
async def test_a_server_must_know_its_own_people_and_posts_only(member: Access, *, of: str, home: bool) -> None:
    assert connector.at_home(member.server, member.session, of) is home


async def test_whom_nobody_knows_or_who_was_suspended_is_not_found(member: Access, server: Replay) -> None:
    server.put("/api/v1/accounts/lookup", account(suspended=True), {"acct": "rogue"})
    for who in ("@kljadklajsdkljlkjlkjlkjasdasd", "@rogue"):
        with pytest.raises(NotFound):
            _ = await connector.profile(member, who)
        with pytest.raises(NotFound):
            _ = await connector.listing(member, Listing.POSTS, who)
    with pytest.raises(NotFound):
        _ = await connector.listing(member, Listing.COMMENTS, f"http://{DOMAIN}/users/x/statuses/0")


@pytest.mark.parametrize(
    "wish",
    [{"noindex": True}, {"note": "<p>no machines #nobot</p>"}, {"fields": [{"name": "x", "value": "#NoIndex please"}]}],
)
async def test_who_asks_not_to_be_read_is_left_alone(member: Access, server: Replay, wish: dict[str, Any]) -> None:
    server.put("/api/v1/accounts/lookup", account(**wish), {"acct": "shy"})
    server.put(f"/api/v1/accounts/{JOHNS_NUMBER}/followers", [account(acct="shy", **wish), account(acct="open")])

    with pytest.raises(NotAllowed):
        _ = await connector.profile(member, "@shy")
    with pytest.raises(NotAllowed):
        _ = await connector.listing(member, Listing.POSTS, "@shy")
    batch = await connector.listing(member, Listing.FOLLOWERS, JOHN)
    assert [fact.id for fact in batch.facts if isinstance(fact, ProfileFact)] == [f"open@{DOMAIN}"]
    assert (len(batch.facts), batch.entries, batch.withheld) == (2, 1, 1)
    server.put(f"/api/v1/statuses/{LIKED.rpartition('/')[2]}/favourited_by", [account(acct="shy", **wish)])
    batch = await connector.listing(member, Listing.LIKERS, LIKED)
    assert (batch.facts, batch.entries, batch.withheld) == ([], 0, 1)


async def test_a_first_page_says_how_many_calls_it_took_and_never_more_than_is_promised(
    member: Access, server: Replay
) -> None:
    uri = "https://other.example/users/ana/statuses/1"
    server.put("/api/v2/search", {"statuses": [{"id": "77", "uri": uri}]}, {"q": uri})
    server.put("/api/v1/statuses/77/favourited_by", [account()])
    server.put("/api/v1/statuses/77/context", {"descendants": []})
    for what, of in (
        *((what, JOHN) for what in (Listing.POSTS, Listing.FOLLOWERS, Listing.FOLLOWINGS)),
        *((what, uri) for what in (Listing.LIKERS, Listing.COMMENTS)),
    ):
        before = len(server.asked)
        batch = await connector.listing(member, what, of)
        assert batch.calls == len(server.asked) - before == 1 + connector.MORE_CALLS[what]


async def test_who_has_blocked_us_is_left_alone(world: World, member: Access, server: Replay) -> None:
    path = "/api/v1/accounts/relationships"
    server.put(path, [{"id": JOHNS_NUMBER, "blocked_by": True}])
    with pytest.raises(NotAllowed, match="blocked"):
        _ = await connector.profile(member, JOHN)
    assert (await connector.profile(Access(world, server.url), JOHN)).id == JOHN
    server.put(path, [{"id": JOHNS_NUMBER, "blocked_by": False}])
    assert (await connector.profile(member, JOHN)).id == JOHN
    assert len([asked for asked, _ in server.asked if asked.startswith(path)]) == 2


@pytest.mark.parametrize(("status", "told"), [(403, "This action is outside the authorized scopes"), (404, "?")])
async def test_a_server_that_does_not_say_who_blocks_whom_is_read(
    member: Access, server: Replay, status: int, told: str
) -> None:
    server.put("/api/v1/accounts/relationships", {"error": told}, status=status)
    assert (await connector.profile(member, JOHN)).id == JOHN


PAGE = "<!doctype html><title>Just a moment</title><p>Checking your browser"
JSON = "application/json; charset=utf-8"
DAY = 86_400


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (200, PAGE, {"content_type": "text/html"}, Damaged),
        (403, PAGE, {"content_type": "text/html"}, Damaged),
        (404, PAGE, {"content_type": "text/html"}, Damaged),
        (401, PAGE, {"content_type": "text/html"}, Damaged),
        (200, '{"id": "1', {"content_type": JSON}, Damaged),
        (200, "", {"content_type": JSON}, Damaged),
        (200, '"text"', {"content_type": JSON}, Damaged),
        (200, "{}", {"content_type": JSON}, Damaged),
        (500, PAGE, {"content_type": "text/html"}, Unreachable),
        (503, '{"error": "?"}', {"content_type": JSON}, Unreachable),
        (401, '{"error": "The access token was revoked"}', {"content_type": JSON}, Unauthenticated),
        (403, '{"error": "This action is outside the authorized scopes"}', {"content_type": JSON}, Unauthenticated),
        (403, '{"error": "Your login is currently disabled"}', {"content_type": JSON}, Challenged),
        (403, '{"error": "This action is not allowed"}', {"content_type": JSON}, NotAllowed),
        (404, '{"error": "Record not found"}', {"content_type": JSON}, NotFound),
        (410, '{"error": "Gone"}', {"content_type": JSON}, NotFound),
        (422, '{"error": "Validation failed"}', {"content_type": JSON}, Invalid),
        (429, '{"error": "Too many requests"}', {"content_type": JSON, "retry_after": "17"}, Throttled),
        (429, PAGE, {"content_type": "text/html"}, Throttled),
        (429, "", {"content_type": JSON, "x_ratelimit_reset": "someday", "date": "never"}, Throttled),
    ],
)
async def test_what_stands_between_us_and_the_server_is_told_in_our_words(
    member: Access,
    server: Replay,
    *,
    status: int,
    body: str,
    headers: Mapping[str, str],
    expected: type[EntourageError],
) -> None:
    with Between(server.url) as between:
        access = replace(member, server=between.url)
        between.say(status, body, **headers)

        with pytest.raises(expected) as caught:
            _ = await connector.profile(access, JOHN)
        with pytest.raises(expected):
            _ = await connector.listing(access, Listing.LIKERS, f"{between.url}/users/x/statuses/1", "1 2")

        if isinstance(caught.value, Throttled) and "retry_after" in headers:
            assert caught.value.retry_after == 17
        between.pass_on()
        assert (await connector.profile(access, JOHN)).id == JOHN


async def test_a_server_that_rambles_is_quoted_in_short(member: Access, server: Replay) -> None:
    with Between(server.url) as between:
        between.say(422, json.dumps({"error": "It\nwent\0wrong. " + "a" * 1_000_000}), content_type=JSON)

        with pytest.raises(Invalid) as caught:
            _ = await connector.profile(replace(member, server=between.url), JOHN)

    said = str(caught.value)
    assert said.startswith("request: It wentwrong. aaa")
    assert len(said) < 320


async def test_how_long_to_wait_is_also_read_from_mastodons_own_header(member: Access, server: Replay) -> None:
    with Between(server.url) as between:
        now = "Sun, 22 Nov 2026 10:00:00 GMT"
        between.say(429, '{"error": "x"}', x_ratelimit_reset="2026-11-22T10:03:00.000000Z", date=now)

        with pytest.raises(Throttled) as caught:
            _ = await connector.profile(replace(member, server=between.url), JOHN)

    assert caught.value.retry_after is not None
    assert 150 < caught.value.retry_after <= 180


@pytest.mark.parametrize(
    ("header", "told", "wait"),
    [
        ("retry_after", "Sun, 22 Nov 2026 10:01:30 GMT", 90),
        ("retry_after", "Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("retry_after", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("retry_after", "99999999999999999999", DAY),
        ("retry_after", "9" * 5_000, DAY),
        ("x_ratelimit_reset", "9998-11-22T10:03:00Z", DAY),
        ("x_ratelimit_reset", "2026-11-22T09:03:00Z", 0),
        ("x_ratelimit_reset", "1700000000000", None),
    ],
)
async def test_whatever_a_server_calls_a_wait_is_a_day_at_most(
    member: Access, server: Replay, *, header: str, told: str, wait: float | None
) -> None:
    with Between(server.url) as between:
        between.say(429, '{"error": "x"}', **{header: told, "date": "Sun, 22 Nov 2026 10:00:00 GMT"})

        with pytest.raises(Throttled) as caught:
            _ = await connector.profile(replace(member, server=between.url), JOHN)

    assert caught.value.retry_after == wait


async def test_what_is_no_entry_is_passed_over_and_an_odd_header_does_not_matter(
    member: Access, server: Replay
) -> None:
    with Between(server.url) as between:
        entries = [None, 5, [], {}, {"acct": 7}, {"acct": "@"}, account(acct="good", display_name="A\0\ud800")]
        between.say(200, json.dumps(entries), content_type=JSON, x_ratelimit_reset="someday")

        batch = await connector.listing(
            replace(member, server=between.url), Listing.LIKERS, f"{between.url}/users/x/statuses/1"
        )

    (_, person) = map(checked, batch.facts)
    assert isinstance(person, ProfileFact)
    assert (person.id, person.name) == (f"good@{DOMAIN}", "A?")


async def test_a_page_that_leads_to_itself_is_not_taken_for_the_last(member: Access, server: Replay) -> None:
    path = f"/api/v1/accounts/{JOHNS_NUMBER}/followers"
    server.put(path, [account(acct="a")], {"max_id": "5"}, f'<{server.url}{path}?max_id=5>; rel="next"')

    batch = await connector.listing(member, Listing.FOLLOWERS, JOHN, f"{JOHNS_NUMBER} 5")

    assert (batch.entries, batch.cursor) == (1, f"{JOHNS_NUMBER} 5")


async def test_an_answer_that_would_fill_our_memory_is_thrown_away(member: Access, server: Replay) -> None:
    bomb = gzip.compress(b'{"id": "' + b"a" * 200_000_000 + b'"}', 1)
    with Between(server.url) as between:
        between.say(200, bomb, content_type=JSON, content_encoding="gzip")

        with pytest.raises(Damaged, match="large"):
            _ = await connector.profile(replace(member, server=between.url), JOHN)


async def test_servers_that_keep_us_waiting_keep_nothing_else_waiting(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        access = Access(world, f"http://127.0.0.1:{silent.getsockname()[1]}", {"access_token": TOKEN, "domain": DOMAIN})
        calls = [asyncio.create_task(connector.profile(access, JOHN)) for _ in range((os.cpu_count() or 1) + 4)]
        silent.settimeout(10)
        held = [await asyncio.to_thread(silent.accept) for _ in range(min(16, len(calls)))]

        async with asyncio.timeout(5):
            await asyncio.to_thread(lambda: None)

        for call in calls:
            _ = call.cancel()
        for connection, _ in held:
            connection.close()
        _ = await asyncio.wait(calls)


async def test_what_nobody_answers_or_the_gate_forbids_is_said(member: Access, server: Replay, tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        _ = await connector.profile(replace(member, server="http://127.0.0.1:9"), JOHN)
    for wrong in ("http://example.org", "", "https://a.example/path", "ftp://a.example", "https://u@a.example"):
        with pytest.raises(Invalid):
            _ = await connector.profile(replace(member, server=wrong), JOHN)
    async with World(Gate(()), tmp_path / "other") as closed:
        with pytest.raises(Refused):
            _ = await connector.profile(replace(member, world=closed), JOHN)
