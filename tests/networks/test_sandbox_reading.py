"""The sandbox's reader through the real world; the year that is exported is what the API would have told."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from testclock import TestClock

from entourage.kernel.egress import Gate
from entourage.kernel.errors import (
    Challenged,
    Damaged,
    EntourageError,
    Invalid,
    NotAllowed,
    NotFound,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from entourage.kernel.world import World
from entourage.networks import facts
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact
from entourage.networks.reading import Access, Listing, Reads
from entourage.networks.sandbox import export, network, reading
from entourage.networks.sandbox.limits import Fault, Limits
from entourage.networks.sandbox.network import PASSWORD, written
from entourage.networks.sandbox.people import Kind
from entourage.networks.sandbox.server import running
from entourage.networks.sandbox.talk import OPENED

READER: Reads = reading
PEOPLE = network.network(1, OPENED)


@asynccontextmanager
async def beside(
    clock: TestClock, tmp_path: Path, *, as_whom: str | None = None, **options: object
) -> AsyncGenerator[Access]:
    """The reader's way into a running sandbox, signed in or not."""
    async with running(clock=clock, **options) as site, World(Gate([ip_network("127.0.0.1/32")]), tmp_path) as world:  # pyright: ignore[reportArgumentType]  # what the test names
        access = Access(world, site.url)
        if as_whom is not None:
            signed = await READER.sign_in(access, {"username": as_whom, "password": PASSWORD})
            assert signed.username == as_whom
            access = Access(world, site.url, signed.session)
        yield access


def number_of(name: str) -> int:
    return PEOPLE.people.by_name[name]


async def whole(access: Access, what: Listing, of: str, clock: TestClock | None = None) -> list[Fact]:
    """All pages of a listing, with half a day between them."""
    found: list[Fact] = []
    cursor: str | None = None
    while True:
        batch = await READER.listing(access, what, of, cursor)
        assert 0 < batch.entries <= READER.LISTINGS[what]
        found += batch.facts
        cursor = batch.cursor
        if cursor is None:
            return found
        if clock is not None:
            clock.advance(12 * 3600)


def test_a_long_list_is_read_without_gaps_and_repeats_while_people_come_and_go(
    clock: TestClock, tmp_path: Path
) -> None:
    number = number_of("vivienglow")
    native = PEOPLE.people.id(number)
    begun = PEOPLE.people.seconds(clock.now)
    wanted = [PEOPLE.people.id(who) for who in PEOPLE.society.followers(number).at(begun)]

    async def go() -> None:
        async with beside(clock, tmp_path) as access:
            found = await whole(access, Listing.FOLLOWERS, native, clock)
        edges = [fact.follower for fact in found if isinstance(fact, FollowFact)]
        assert len(set(edges)) == len(edges) > 1_500
        there = PEOPLE.people.seconds(clock.now)
        gone = [who for who in wanted if who not in set(edges)]
        assert [who for who in edges if who not in set(wanted)] == []
        assert all(not PEOPLE.people.there(PEOPLE.people.number(who) or 0, there) for who in gone)
        assert [fact.id for fact in found if isinstance(fact, ProfileFact)] == edges

    asyncio.run(go())


@pytest.mark.parametrize("what", [Listing.POSTS, Listing.FOLLOWERS, Listing.FOLLOWINGS])
def test_a_list_has_as_many_entries_as_the_profile_says(clock: TestClock, tmp_path: Path, what: Listing) -> None:
    async def go() -> None:
        async with beside(clock, tmp_path) as access:
            profile = await READER.profile(access, "@kleingarten88")
            found = await whole(access, what, profile.id)
            kind = PostFact if what is Listing.POSTS else FollowFact
            counted = Counter(isinstance(fact, kind) for fact in found)[True]
            told = {Listing.POSTS: profile.posts, Listing.FOLLOWERS: profile.followers}.get(what, profile.follows)
            assert counted == told
            for fact in found:
                assert facts.decoded(facts.encoded(fact)) == fact

    asyncio.run(go())


def test_a_cursor_goes_on_after_a_restart_of_the_sandbox(clock: TestClock, tmp_path: Path) -> None:
    native = PEOPLE.people.id(number_of("hoshitabi"))

    async def go() -> None:
        async with beside(clock, tmp_path) as access:
            first = await READER.listing(access, Listing.FOLLOWERS, native)
            second = await READER.listing(access, Listing.FOLLOWERS, native, first.cursor)
        network.network.cache_clear()
        async with beside(clock, tmp_path) as access:
            again = await READER.listing(access, Listing.FOLLOWERS, native, first.cursor)

        def edges(found: facts.Fact) -> bool:
            return isinstance(found, FollowFact)

        assert [*filter(edges, again.facts)] == [*filter(edges, second.facts)]
        assert again.entries == READER.LISTINGS[Listing.FOLLOWERS]
        assert again.cursor == second.cursor

    asyncio.run(go())


def test_likers_and_comments_come_with_their_people_and_a_hashtag_with_its_authors(
    clock: TestClock, tmp_path: Path
) -> None:
    number = number_of("nonnainpigiama")
    at = PEOPLE.people.seconds(clock.now)
    index = PEOPLE.posts.indexes(number, at)[5]
    post = written(PEOPLE.posts.post(number, index).number)

    async def go() -> None:
        async with beside(clock, tmp_path, as_whom="slowtrains") as access:
            likes = await whole(access, Listing.LIKERS, post)
            comments = await whole(access, Listing.COMMENTS, post)
            tagged = await whole(access, Listing.HASHTAG, "travel")
        likers = [fact.profile for fact in likes if isinstance(fact, LikeFact)]
        assert likers == [PEOPLE.people.id(who) for who in PEOPLE.posts.likes(number, index, at)]
        assert [fact.id for fact in likes if isinstance(fact, ProfileFact)] == likers
        said = [fact for fact in comments if isinstance(fact, CommentFact)]
        assert [fact.text for fact in said] == [one.text for one in PEOPLE.posts.comments(number, index, at)]
        assert [fact.id for fact in comments if isinstance(fact, ProfileFact)] == [fact.author for fact in said]
        posts = [fact for fact in tagged if isinstance(fact, PostFact)]
        assert len(posts) == len({fact.id for fact in posts}) > READER.LISTINGS[Listing.HASHTAG]
        assert all("#travel" in str(fact.caption) for fact in posts)
        assert {fact.author for fact in posts} == {fact.id for fact in tagged if isinstance(fact, ProfileFact)}
        times = [str(fact.posted_at) for fact in posts]
        assert times == sorted(times, reverse=True)

    asyncio.run(go())


def test_what_the_api_refuses_is_raised_as_what_it_means(clock: TestClock, tmp_path: Path) -> None:
    people = PEOPLE.people
    at = people.seconds(clock.now)
    private = next(
        people.id(number)
        for number in range(people.first_folk, people.first_bought)
        if people.about(number).is_private and people.there(number, at)
    )
    deleted = next(
        people.id(number) for number in range(people.total) if people.joined[number] < 0 and people.gone[number] < at
    )

    async def raised(access: Access, what: Listing | None, of: str, cursor: str | None = None) -> type:
        try:
            if what is None:
                await READER.profile(access, of)
            else:
                await READER.listing(access, what, of, cursor)
        except EntourageError as error:
            return type(error)
        return type(None)

    async def go() -> None:
        async with beside(clock, tmp_path) as access:
            assert await raised(access, None, "@nobody_at_all") is NotFound
            assert await raised(access, None, "@no/body?x=1") is NotFound
            assert await raised(access, None, deleted) is NotFound
            assert await raised(access, None, private) is type(None)
            assert await raised(access, Listing.POSTS, private) is NotAllowed
            assert await raised(access, Listing.LIKERS, "zzz") is NotFound
            assert await raised(access, Listing.FOLLOWERS, private, "nonsense") is NotAllowed
            assert await raised(access, Listing.HASHTAG, "travel", "nonsense") is Damaged
            forged = Access(access.world, access.server, {"token": "40000000.ff"})
            assert await raised(forged, None, "@slowtrains") is Unauthenticated
            with pytest.raises(Unauthenticated):
                await READER.sign_in(access, {"username": "slowtrains", "password": "another"})
            with pytest.raises(Invalid):
                await READER.profile(Access(access.world, ""), "@slowtrains")
        async with beside(clock, tmp_path, as_whom="slowtrains", limits=Limits(per_hour=1)) as access:
            await READER.profile(access, "@slowtrains")
            with pytest.raises(Throttled) as throttled:
                await READER.profile(access, "@slowtrains")
            assert throttled.value.retry_after == 3600
        async with beside(clock, tmp_path, as_whom="slowtrains", limits=Limits(challenge_after=0)) as access:
            assert await raised(access, None, "@slowtrains") is Challenged

    asyncio.run(go())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.HTML, Damaged),
        (Fault.BROKEN, Damaged),
        (Fault.FAILING, Unreachable),
        (Fault.THROTTLED, Throttled),
        (Fault.CHALLENGED, Challenged),
    ],
)
def test_a_fault_in_the_middle_of_a_list_is_raised_and_the_cursor_before_it_still_works(
    clock: TestClock, tmp_path: Path, fault: Fault, error: type[Exception]
) -> None:
    native = PEOPLE.people.id(number_of("hoshitabi"))

    def faults(path: str, before: int) -> Fault | None:
        return fault if path.endswith("/followers") and before == 1 else None

    async def go() -> None:
        async with beside(clock, tmp_path, faults=faults) as access:
            first = await READER.listing(access, Listing.FOLLOWERS, native)
            with pytest.raises(error):
                await READER.listing(access, Listing.FOLLOWERS, native, first.cursor)
            second = await READER.listing(access, Listing.FOLLOWERS, native, first.cursor)
            assert second.entries == READER.LISTINGS[Listing.FOLLOWERS]

    asyncio.run(go())


def test_a_list_that_loops_is_handed_on_as_it_is(clock: TestClock, tmp_path: Path) -> None:
    native = PEOPLE.people.id(number_of("hoshitabi"))

    def faults(_: str, before: int) -> Fault | None:
        return Fault.LOOPING if before else None

    async def go() -> None:
        async with beside(clock, tmp_path, faults=faults) as access:
            first = await READER.listing(access, Listing.FOLLOWERS, native)
            second = await READER.listing(access, Listing.FOLLOWERS, native, first.cursor)
            assert second.cursor == first.cursor

    asyncio.run(go())


def test_the_export_says_what_the_api_says_at_that_time(clock: TestClock, tmp_path: Path) -> None:
    clock.now = OPENED
    watched = ["kleingarten88", "nattuppsala"]

    async def go() -> None:
        async with beside(clock, tmp_path, starts=[OPENED]) as access:
            told = list(export.facts(OPENED, 365, watched, server=access.server))
            for name in watched:
                profile = await READER.profile(access, f"@{name}")
                assert profile in told
                followers = await whole(access, Listing.FOLLOWERS, profile.id)
                edges = {fact.follower for fact in followers if isinstance(fact, FollowFact)}
                kept = [fact for fact in told if isinstance(fact, FollowFact) and fact.followed == profile.id]
                assert {fact.follower for fact in kept if fact.until is None} == edges
                people = {fact for fact in told if isinstance(fact, ProfileFact)}
                assert {fact for fact in followers if isinstance(fact, ProfileFact)} <= people
                posts = await whole(access, Listing.POSTS, profile.id)
                since = OPENED - timedelta(days=365)
                wanted = [fact for fact in posts if isinstance(fact, PostFact) and str(fact.posted_at) > str(since)]
                own = [fact for fact in told if isinstance(fact, PostFact) and fact.author == profile.id]
                gone = {fact.id for fact in own if fact.gone}
                assert [fact for fact in own if fact.id not in gone] == wanted
                likers = await whole(access, Listing.LIKERS, wanted[2].id)
                assert {fact for fact in likers if isinstance(fact, LikeFact)} <= set(told)
                assert {fact for fact in likers if isinstance(fact, ProfileFact)} <= people
            clock.now = OPENED - timedelta(days=200)
            then = await READER.profile(access, "@uppsalanatt")
            assert then in told

    asyncio.run(go())


def test_the_export_of_a_year_is_within_its_bounds_and_every_fact_can_be_imported() -> None:
    told = list(export.facts(OPENED))
    assert 30_000 < len(told) < 150_000
    for fact in told:
        facts.checked(fact)
        seen = getattr(fact, "seen_at", OPENED)
        assert seen <= OPENED
    counted = Counter(type(fact) for fact in told)
    assert min(counted[kind] for kind in (ProfileFact, PostFact, CommentFact, LikeFact, FollowFact)) > 1_000
    ended = [fact for fact in told if isinstance(fact, FollowFact) and fact.until is not None]
    assert ended
    assert all(fact.until is not None and fact.until > fact.seen_at for fact in ended)
    keys = [(fact.follower, fact.followed) for fact in told if isinstance(fact, FollowFact)]
    assert len(set(keys)) == len(keys)
    known = {fact.id for fact in told if isinstance(fact, ProfileFact)}
    assert {fact.follower for fact in told if isinstance(fact, FollowFact) and fact.until is None} <= known
    assert {fact.profile for fact in told if isinstance(fact, LikeFact)} <= known
    kinds = {PEOPLE.people.kind[PEOPLE.people.number(native) or 0] for native in known}
    assert kinds == set(Kind)


def test_nobody_can_be_exported_who_is_not_there() -> None:
    with pytest.raises(NotFound, match="nobody_at_all"):
        list(export.facts(OPENED, 10, ["nobody_at_all"]))
