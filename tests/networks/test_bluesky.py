"""The connector against a real Bluesky network: identities, data servers and app view as their makers publish them."""

import base64
import gzip
import json
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import pytest
from servers.between import Between
from servers.bluesky_network import PASSWORD, Member, Network, Ref, bluesky, until
from servers.pictures import picture

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
from entourage.networks import bluesky as connector
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, MediaFact, PostFact, ProfileFact, checked
from entourage.networks.reading import Access, Batch, Listing, Reads

pytestmark = pytest.mark.xdist_group("bluesky")

READS: Reads = connector
FEW = 3
"""Entries of a page, so that a handful of people fills several."""


@dataclass(frozen=True, slots=True)
class People:
    """Who is on the network, and what they did."""

    network: Network
    ana: Member
    others: Sequence[Member]
    pictures: Ref
    film: Ref
    tagged: Sequence[Ref]
    replies: Sequence[Ref]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Generator[People]:
    with bluesky(tmp_path_factory.mktemp("network") / "bluesky") as network:
        yield _populated(network)


def _populated(network: Network) -> People:
    ana = network.join("ana")
    ana.describe("Ana Lima", "Boats and harbours. See https://ana.example/boats!", picture(3, (64, 64)))
    others = [network.join(f"friend{n}") for n in range(7)]
    others[0].describe("Ben", "says #nobot", labels=["!no-unauthenticated"])
    shown = ana.post("Two boats #harbour", (picture(1, (640, 480)), 640, 480), (picture(2, (300, 500)), 300, 500))
    film = ana.film("They move", b"\0\0\0\x18ftypmp42" + bytes(64), 640, 360)
    tagged = [shown, *(ana.post(f"Boat {n} #Harbour") for n in range(7))]
    ana.post("No boat at all #harbourmaster")
    foreign = others[1].post("Mine, not hers #other")
    ana.repost(foreign)
    ana.post("I answer somebody", reply_to=(foreign, foreign))
    for other in others:
        other.follow(ana)
        other.like(shown)
        ana.follow(other)
    first = others[1].post("Lovely", reply_to=(shown, shown))
    second = ana.post("Thank you", reply_to=(shown, first))
    third = others[2].post("Where is it?", reply_to=(shown, shown))
    until(lambda: network.read("app.bsky.feed.getPostThread", uri=shown.uri).get("thread", {}).get("replies") != [])
    until(lambda: _counts(network, ana) == (len(others), len(others), 12))
    until(lambda: _likes(network, shown) == len(others))
    until(lambda: _replies(network, shown) == 2)
    return People(network, ana, others, shown, film, tagged, [first, third, second])


def _counts(network: Network, who: Member) -> tuple[object, ...]:
    profile = network.read("app.bsky.actor.getProfile", actor=who.did)
    return profile.get("followersCount"), profile.get("followsCount"), profile.get("postsCount")


def _likes(network: Network, post: Ref) -> object:
    return network.read("app.bsky.feed.getPosts", uris=post.uri)["posts"][0]["likeCount"]


def _replies(network: Network, post: Ref) -> object:
    return network.read("app.bsky.feed.getPosts", uris=post.uri)["posts"][0]["replyCount"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(Gate((ip_network("127.0.0.0/8"),)), tmp_path) as opened:
        yield opened


async def member(world: World, people: People, who: Member | None = None) -> Access:
    """The way in for a member who has signed in."""
    who = who or people.others[-1]
    access = Access(world, who.server)
    signed_in = await connector.sign_in(access, {"handle": who.handle, "password": PASSWORD})
    return replace(access, session=signed_in.session)


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for what in Listing:
        monkeypatch.setitem(cast("dict[Listing, int]", connector.LISTINGS), what, FEW)


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
        assert batch.entries <= connector.LISTINGS[what]
        cursor = batch.cursor
        if cursor is None:
            return facts, pages
    raise AssertionError(cursor)


async def test_signing_in_tells_who_we_are_and_the_session_is_good_for_later(world: World, people: People) -> None:
    ana = people.ana
    access = Access(world, ana.server)

    signed_in = await connector.sign_in(access, {"handle": "@ana.test", "password": ana.app_password()})

    assert (signed_in.id, signed_in.username) == (ana.did, "ana.test")
    stored = json.loads(json.dumps(signed_in.session))
    assert (await connector.profile(replace(access, session=stored), ana.did)).username == "ana.test"


@pytest.mark.parametrize("given", [{"handle": "ana.test", "password": "wrong"}, {"handle": "ana.test"}, {}])
async def test_a_wrong_password_is_told_apart_from_other_troubles(
    world: World, people: People, given: Mapping[str, str]
) -> None:
    with pytest.raises(Unauthenticated):
        _ = await connector.sign_in(Access(world, people.network.pds), given)


async def test_a_profile_is_read_whole(world: World, people: People) -> None:
    access = await member(world, people)

    for who in (people.ana.did, "@ana.test"):
        fact = checked(await connector.profile(access, who))

        assert isinstance(fact, ProfileFact)
        assert (fact.id, fact.username, fact.name) == (people.ana.did, "ana.test", "Ana Lima")
        assert fact.biography == "Boats and harbours. See https://ana.example/boats!"
        assert fact.link == "https://ana.example/boats"
        assert (fact.followers, fact.follows, fact.posts) == (7, 7, 12)
        assert (fact.is_private, fact.is_verified) == (False, False)
        assert isinstance(fact.picture, str)
        assert (await world.head(fact.picture)).headers["content-type"].startswith("image/")
        assert abs(fact.seen_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.usefixtures("short_pages")
async def test_posts_come_newest_first_with_media_and_without_what_others_wrote(world: World, people: People) -> None:
    facts, pages = await every(await member(world, people), Listing.POSTS, people.ana.did)

    posts = [fact for fact in facts if isinstance(fact, PostFact)]
    assert pages >= 3
    assert len(posts) == len(facts) == len({post.id for post in posts})
    assert {post.author for post in posts} == {people.ana.did}
    captions = [post.caption for post in posts]
    boats = [f"Boat {n} #Harbour" for n in reversed(range(7))]
    assert captions == ["No boat at all #harbourmaster", *boats, "They move", "Two boats #harbour"]
    shown, film = posts[-1], posts[-2]
    assert (shown.id, film.id) == (people.pictures.uri, people.film.uri)
    assert (shown.likes, shown.comments) == (7, 2)
    assert isinstance(shown.media, tuple)
    assert [(one.type, one.width, one.height) for one in shown.media] == [("image", 640, 480), ("image", 300, 500)]
    for one in shown.media:
        assert (await world.head(one.url)).headers["content-type"].startswith("image/")
    assert isinstance(film.media, tuple)
    assert [(one.type, one.width, one.height) for one in film.media] == [("video", 640, 360)]
    assert shown.url == f"https://bsky.app/profile/{people.ana.did}/post/{shown.id.rpartition('/')[2]}"
    assert isinstance(shown.posted_at, datetime)
    assert abs(shown.posted_at - datetime.now(UTC)) < timedelta(minutes=10)


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("by_name", [False, True])
async def test_followers_are_listed_over_pages_whose_cursor_outlives_the_reader(
    world: World, people: People, *, by_name: bool
) -> None:
    of = "@ana.test" if by_name else people.ana.did

    facts, pages = await every(await member(world, people), Listing.FOLLOWERS, of)

    follows = [fact for fact in facts if isinstance(fact, FollowFact)]
    profiles = [fact for fact in facts if isinstance(fact, ProfileFact)]
    assert pages >= 3
    assert {fact.follower for fact in follows} == {other.did for other in people.others}
    assert {fact.followed for fact in follows} == {people.ana.did}
    assert {fact.username for fact in profiles} == {other.handle for other in people.others}
    assert len(follows) == len(profiles) == 7
    (ben,) = (fact for fact in profiles if fact.username == "friend0.test")
    assert (ben.name, ben.biography, ben.link) == ("Ben", "says #nobot", None)


@pytest.mark.usefixtures("short_pages")
async def test_followings_are_listed_over_pages(world: World, people: People) -> None:
    facts, pages = await every(await member(world, people), Listing.FOLLOWINGS, people.ana.did)

    follows = [fact for fact in facts if isinstance(fact, FollowFact)]
    assert pages >= 3
    assert {(fact.follower, fact.followed) for fact in follows} == {(people.ana.did, o.did) for o in people.others}


@pytest.mark.usefixtures("short_pages")
async def test_likers_are_listed_over_pages(world: World, people: People) -> None:
    facts, pages = await every(await member(world, people), Listing.LIKERS, people.pictures.uri)

    likes = [fact for fact in facts if isinstance(fact, LikeFact)]
    assert pages >= 3
    assert {(fact.post, fact.profile) for fact in likes} == {(people.pictures.uri, o.did) for o in people.others}
    assert len([fact for fact in facts if isinstance(fact, ProfileFact)]) == 7


async def test_a_whole_thread_comes_as_comments_with_their_authors(world: World, people: People) -> None:
    batch = await connector.listing(await member(world, people), Listing.COMMENTS, people.pictures.uri)

    comments = {fact.id: fact for fact in batch.facts if isinstance(fact, CommentFact)}
    assert (batch.entries, batch.cursor) == (3, None)
    assert set(comments) == {ref.uri for ref in people.replies}
    assert {fact.post for fact in comments.values()} == {people.pictures.uri}
    assert {fact.text for fact in comments.values()} == {"Lovely", "Thank you", "Where is it?"}
    assert {fact.author for fact in comments.values()} == {people.ana.did, people.others[1].did, people.others[2].did}
    assert {fact.username for fact in batch.facts if isinstance(fact, ProfileFact)} == {
        "ana.test", "friend1.test", "friend2.test",
    }  # fmt: skip


@pytest.mark.usefixtures("short_pages")
async def test_a_hashtag_finds_its_posts_and_no_others_over_pages(world: World, people: People) -> None:
    facts, pages = await every(await member(world, people), Listing.HASHTAG, "Harbour")

    posts = [fact for fact in facts if isinstance(fact, PostFact)]
    assert pages >= 3
    assert {post.id for post in posts} == {ref.uri for ref in people.tagged[1:]}
    assert {fact.username for fact in facts if isinstance(fact, ProfileFact)} == {"ana.test"}


async def test_strangers_read_the_public_part(world: World, people: People) -> None:
    access = Access(world, people.network.appview)

    assert (await connector.profile(access, people.ana.did)).followers == 7
    batch = await connector.listing(access, Listing.FOLLOWERS, people.ana.did)

    seen = {fact.follower for fact in batch.facts if isinstance(fact, FollowFact)}
    assert seen == {other.did for other in people.others[1:]}  # the first asks not to be shown to strangers
    assert (batch.entries, batch.withheld) == (6, 1)
    with pytest.raises(NotAllowed):
        _ = await connector.profile(access, people.others[0].did)


async def test_a_server_that_speaks_to_members_only_says_so(world: World, people: People) -> None:
    with pytest.raises(Unauthenticated, match="connect"):
        _ = await connector.profile(Access(world, people.network.pds), people.ana.did)


async def test_strangers_are_told_that_bluesky_searches_only_for_members(tmp_path: Path) -> None:
    async with World(Gate(()), tmp_path) as world:
        with pytest.raises(Unauthenticated, match="connect"):
            _ = await connector.listing(Access(world, connector.SERVER), Listing.HASHTAG, "harbour")


@pytest.mark.parametrize("who", ["@nobody-here.test", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"])
async def test_whom_nobody_knows_is_not_found(world: World, people: People, who: str) -> None:
    access = await member(world, people)

    with pytest.raises(NotFound):
        _ = await connector.profile(access, who)
    for what in (Listing.POSTS, Listing.FOLLOWERS, Listing.FOLLOWINGS):
        with pytest.raises(NotFound):
            _ = await connector.listing(access, what, who)
    with pytest.raises(NotFound):
        _ = await connector.listing(access, Listing.COMMENTS, f"at://{people.ana.did}/app.bsky.feed.post/3aaaaaaaaaaaa")


async def test_who_has_blocked_us_is_left_alone(world: World, people: People) -> None:
    shy, curious = people.network.join("shy"), people.network.join("curious")
    shy.block(curious)
    access = await member(world, people, curious)
    until(lambda: _knows(people.network, shy))

    with pytest.raises(NotAllowed):
        _ = await connector.listing(access, Listing.POSTS, shy.did)
    with pytest.raises(NotAllowed):
        _ = await connector.profile(access, shy.did)


def _knows(network: Network, who: Member) -> bool:
    return bool(network.read("app.bsky.actor.getProfile", actor=who.did))


async def test_an_account_that_was_taken_down_wants_a_person(world: World, people: People) -> None:
    rogue = people.network.join("rogue")
    until(lambda: _knows(people.network, rogue))
    access = await member(world, people, rogue)

    people.network.take_down(rogue)

    # What is read goes on until the access token has run out, half an hour to two hours later.
    assert access.session is not None
    with pytest.raises(Challenged):
        _ = await connector.profile(replace(access, session=_outlived(access.session)), people.ana.did)
    with pytest.raises(Challenged):
        _ = await connector.sign_in(access, {"handle": "rogue.test", "password": PASSWORD})
    people.network.take_down(rogue, down=False)
    assert (await connector.profile(access, people.ana.did)).id == people.ana.did


async def test_too_many_calls_are_throttled_with_the_time_to_wait(world: World, people: People) -> None:
    hasty = people.network.join("hasty", people.network.strict)
    access = Access(world, hasty.server)
    for _ in range(30):
        with pytest.raises(Unauthenticated):  # so long a password is refused before it is compared
            _ = await connector.sign_in(access, {"handle": hasty.handle, "password": "long " * 200})

    with pytest.raises(Throttled) as caught:
        _ = await connector.sign_in(access, {"handle": hasty.handle, "password": PASSWORD})

    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 300


def _outlived(session: Mapping[str, str]) -> Mapping[str, str]:
    """The session as it is hours later: its access token has run out."""
    handle, did, _, refresh, endpoint = session["session"].split(":::")
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_700_000_000}).encode()).decode().rstrip("=")
    return {"session": ":::".join((handle, did, f"e30.{claims}.c2ln", refresh, endpoint))}


async def test_an_old_session_is_renewed_and_the_new_one_is_told(world: World, people: People) -> None:
    access = await member(world, people)
    assert access.session is not None
    kept: list[Mapping[str, str]] = []
    old = replace(access, session=_outlived(access.session), on_session=kept.append)

    assert (await connector.profile(old, people.ana.did)).id == people.ana.did

    (renewed,) = kept
    assert renewed != access.session
    fresh = replace(access, session=renewed, on_session=kept.append)
    assert (await connector.profile(fresh, people.ana.did)).id == people.ana.did
    assert len(kept) == 1


async def test_a_session_that_was_revoked_does_not_count_any_more(world: World, people: People) -> None:
    leaver = people.network.join("leaver")
    access = Access(world, leaver.server)
    signed_in = await connector.sign_in(access, {"handle": leaver.handle, "password": leaver.app_password("temporary")})
    leaver.revoke("temporary")

    with pytest.raises(Unauthenticated):
        _ = await connector.profile(replace(access, session=_outlived(signed_in.session)), people.ana.did)
    for nonsense in ({"session": "nonsense"}, {}, {"session": "a:::b:::c:::d:::http://localhost"}):
        with pytest.raises(Unauthenticated):
            _ = await connector.profile(replace(access, session=nonsense), people.ana.did)


FAN: Mapping[str, object] = {"did": "did:plc:fan", "handle": "fan.test"}
SHY: Mapping[str, object] = {**FAN, "did": "did:plc:shy", "labels": [{"val": "!no-unauthenticated"}]}
OWN: Mapping[str, object] = {"uri": "at://did:plc:ana/app.bsky.feed.post/1", "author": {"did": "did:plc:ana"}}
SHARED = {"post": {**OWN, "uri": "at://did:plc:fan/app.bsky.feed.post/2"}, "reason": {}}


@pytest.mark.parametrize(
    ("what", "told", "entries", "withheld"),
    [
        (Listing.POSTS, {"feed": [SHARED, {"post": OWN}, SHARED]}, 1, 0),
        (Listing.POSTS, {"feed": [SHARED]}, 0, 0),
        (Listing.FOLLOWERS, {"followers": [FAN, SHY]}, 1, 1),
        (Listing.LIKERS, {"likes": [{"actor": SHY}, {"actor": FAN}]}, 1, 1),
    ],
)
async def test_only_what_was_asked_for_is_counted_and_a_cursor_that_repeats_itself_is_passed_on(
    world: World, *, what: Listing, told: Mapping[str, object], entries: int, withheld: int
) -> None:
    with Between(NOWHERE) as between:
        between.say(200, json.dumps({**told, "cursor": "C"}), content_type="application/json")

        batch = await connector.listing(Access(world, between.url), what, "did:plc:ana", "C")

    assert (batch.entries, batch.withheld, batch.cursor) == (entries, withheld, "C")


DAY = 86_400
NOWHERE = "http://127.0.0.1:9"
PAGE = "<!doctype html><title>Just a moment</title><p>Checking your browser"


@pytest.mark.parametrize(
    ("status", "body", "content_type", "expected"),
    [
        (200, PAGE, "text/html", Damaged),
        (403, PAGE, "text/html", Damaged),
        (404, PAGE, "text/html", Damaged),
        (200, '{"did": "did:plc:', "application/json", Damaged),
        (200, "[1, 2]", "application/json", Damaged),
        (200, '{"error": "?"}', "application/json", Damaged),
        (400, "{", "application/json", Damaged),
        (500, PAGE, "text/html", Unreachable),
        (502, '{"error": "UpstreamFailure", "message": "?"}', "application/json", Unreachable),
        (503, "", "text/plain", Unreachable),
        (400, '{"error": "AccountDeactivated", "message": "Account is deactivated"}', "application/json", NotFound),
        (400, '{"error": "InvalidRequest", "message": "bad limit"}', "application/json", Invalid),
        (429, '{"error": "RateLimitExceeded", "message": "?"}', "application/json", Throttled),
        (429, PAGE, "text/html", Throttled),
    ],
)
async def test_what_stands_between_us_and_the_network_is_told_in_our_words(
    world: World, people: People, *, status: int, body: str, content_type: str, expected: type[EntourageError]
) -> None:
    with Between(people.network.appview) as between:
        access = Access(world, between.url)
        between.say(status, body, content_type=content_type, retry_after="17")

        with pytest.raises(expected) as caught:
            _ = await connector.profile(access, people.ana.did)
        with pytest.raises(expected):
            _ = await connector.listing(access, Listing.FOLLOWERS, people.ana.did)

        if isinstance(caught.value, Throttled):
            assert caught.value.retry_after == 17
        between.pass_on()
        assert (await connector.profile(access, people.ana.did)).id == people.ana.did


@pytest.mark.parametrize(
    ("header", "told", "wait"),
    [
        ("retry_after", "1e18", None),
        ("retry_after", "99999999999999999999", DAY),
        ("retry_after", "Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("ratelimit_reset", "1700000000000", None),
        ("ratelimit_reset", "9" * 5_000, None),
        ("ratelimit_reset", "99999999999", DAY),
        ("ratelimit_reset", "1700000000", 0),
    ],
)
async def test_whatever_a_server_calls_a_wait_is_a_day_at_most(
    world: World, *, header: str, told: str, wait: float | None
) -> None:
    with Between(NOWHERE) as between:
        between.say(429, '{"error": "RateLimitExceeded"}', content_type="application/json", **{header: told})

        with pytest.raises(Throttled) as caught:
            _ = await connector.profile(Access(world, between.url), "@ana.test")

    assert caught.value.retry_after == wait


@pytest.mark.parametrize(("status", "expected"), [(400, NotFound), (401, Unauthenticated)])
async def test_a_server_that_rambles_is_quoted_in_short(
    world: World, status: int, expected: type[EntourageError]
) -> None:
    rambling = {"error": "AuthenticationRequired", "message": "Profile not found\0\n" + "a" * 1_000_000}
    with Between(NOWHERE) as between:
        between.say(status, json.dumps(rambling), content_type="application/json")

        with pytest.raises(expected) as caught:
            _ = await connector.profile(Access(world, between.url), "@ana.test")

    said = str(caught.value)
    assert said.startswith("Profile not found aaa")
    assert len(said) < 320


async def test_an_answer_that_would_fill_our_memory_is_thrown_away(world: World, people: People) -> None:
    bomb = gzip.compress(b'{"did": "' + b"a" * 200_000_000 + b'"}', 1)
    with Between(people.network.appview) as between:
        between.say(200, bomb, content_type="application/json", content_encoding="gzip")

        with pytest.raises(Damaged, match="large"):
            _ = await connector.profile(Access(world, between.url), people.ana.did)


async def test_what_nobody_answers_or_the_gate_forbids_is_said(world: World, people: People, tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        _ = await connector.profile(Access(world, "http://127.0.0.1:9"), people.ana.did)
    with pytest.raises(Invalid):
        _ = await connector.profile(Access(world, "http://example.org"), people.ana.did)
    async with World(Gate(()), tmp_path / "other") as closed:
        with pytest.raises(Refused):
            _ = await connector.profile(Access(closed, people.network.appview), people.ana.did)


async def test_nonsense_within_an_answer_costs_only_the_entry_that_holds_it(world: World, people: People) -> None:
    good = {"did": "did:plc:good", "handle": "handle.invalid", "displayName": "A\0", "description": 7}
    page = {
        "subject": {"did": "did:plc:them"},
        "cursor": "here",
        "followers": [good, 5, None, {"did": 7}, {"handle": "no-did.test"}, {"did": "not a did"}],
    }
    with Between(people.network.appview) as between:
        between.say(200, json.dumps(page), content_type="application/json")
        access = Access(world, between.url)

        batch = await connector.listing(access, Listing.FOLLOWERS, "@them.test")
        again = await connector.listing(access, Listing.FOLLOWERS, "@them.test", "here")

    (follow, person) = map(checked, batch.facts)
    assert isinstance(follow, FollowFact)
    assert isinstance(person, ProfileFact)
    assert (follow.follower, follow.followed) == ("did:plc:good", "did:plc:them")
    assert (person.username, person.name, person.biography) == ("did:plc:good", "A", None)
    assert (batch.cursor, again.cursor) == ("here", "here")  # a cursor that leads to itself is not the end


async def test_the_times_and_media_of_posts_are_taken_with_care(world: World, people: People) -> None:
    seen = "2026-05-01T10:00:00.000Z"
    author = {"did": "did:plc:them", "handle": "them.test"}

    def post(key: str, created: object, embed: object = None) -> dict[str, object]:
        record = {"text": "x", "createdAt": created}
        uri = f"at://did:plc:them/app.bsky.feed.post/{key}"
        return {"post": {"uri": uri, "author": author, "record": record, "embed": embed, "indexedAt": seen}}

    image = {"fullsize": "https://cdn.example/a", "aspectRatio": {"width": 4, "height": -3}}
    images = {"$type": "app.bsky.embed.images#view", "images": [image, {"fullsize": "ftp://x"}]}
    both = {"$type": "app.bsky.embed.recordWithMedia#view", "media": images}
    card = {"$type": "app.bsky.embed.external#view", "external": {"thumb": "https://cdn.example/b"}}
    feed = [post("1", "2030-01-01T00:00:00Z", both), post("2", "2020-01-01T00:00:00Z", card), post("3", "soon")]
    with Between(people.network.appview) as between:
        between.say(200, json.dumps({"feed": feed}), content_type="application/json")

        batch: Batch = await connector.listing(Access(world, between.url), Listing.POSTS, "did:plc:them")

    first, second, third = (fact for fact in batch.facts if isinstance(fact, PostFact))
    assert first.posted_at == third.posted_at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert second.posted_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert first.media == (MediaFact(url="https://cdn.example/a", type="image", width=4, height=None),)
    assert (second.media, third.media) == ((), ())
