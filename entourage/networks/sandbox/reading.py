"""Reads people and posts of a sandbox, through its own API."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from entourage.kernel.errors import (
    Damaged,
    EntourageError,
    Gone,
    Invalid,
    NotAllowed,
    NotFound,
    Problem,
    Unauthenticated,
)
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, MediaFact, PostFact, ProfileFact
from entourage.networks.reading import Access, Batch, Listing, SignedIn
from entourage.networks.sandbox import wire

NAME: str = "sandbox"
DISPLAY_NAME: str = "Sandbox"
SERVER: str = ""
CREDENTIALS: Sequence[tuple[str, str]] = (("username", "User name"), ("password", "Password"))
LISTINGS: Mapping[Listing, int] = wire.SIZES
MORE_CALLS: Mapping[str, int] = {}
CALLS_PER_HOUR: int = 6_000

_PATHS: Mapping[Listing, str] = {
    Listing.POSTS: "/api/profiles/{}/posts",
    Listing.FOLLOWERS: "/api/profiles/{}/followers",
    Listing.FOLLOWINGS: "/api/profiles/{}/followings",
    Listing.LIKERS: "/api/posts/{}/likes",
    Listing.COMMENTS: "/api/posts/{}/comments",
    Listing.HASHTAG: "/api/tags/{}/posts",
}
_People = wire.Page[wire.Person]
_Posts = wire.Page[wire.Post]
_Comments = wire.Page[wire.Comment]
_T = TypeVar("_T")


def at_home(server: str, session: Mapping[str, str] | None, of: str) -> bool:
    """Yes: the sandbox is one server."""
    del server, session, of
    return True


async def sign_in(access: Access, given: Mapping[str, str]) -> SignedIn:
    """See Reads."""
    name, password = given.get("username", "").strip().removeprefix("@"), given.get("password", "")
    proof = base64.b64encode(f"{name}:{password}".encode()).decode()
    told = await _told(access, "/api/sign-in", wire.SignedIn, {"authorization": f"Basic {proof}"})
    return SignedIn(told.id, told.username, {"token": told.token})


async def profile(access: Access, who: str) -> ProfileFact:
    """See Reads."""
    told = await _told(access, f"/api/profiles/{quote(who, safe='@')}", wire.Told)
    return profile_fact(told.profile, told.at)


async def listing(access: Access, what: Listing, of: str, cursor: str | None = None) -> Batch:
    """See Reads."""
    path = _PATHS[what].format(quote(of, safe=""))
    if cursor is not None:
        path += f"?{urlencode({'cursor': cursor})}"
    if what in {Listing.POSTS, Listing.HASHTAG}:
        posts = await _told(access, path, _Posts)
        facts: list[Fact] = [profile_fact(one, posts.at) for one in posts.authors]
        return _batch(posts, [*facts, *(post_fact(one, posts.at) for one in posts.items)])
    if what is Listing.COMMENTS:
        said = await _told(access, path, _Comments)
        return _batch(
            said, [fact for one in said.items for fact in (profile_fact(one.author, said.at), comment_fact(one, of))]
        )
    people = await _told(access, path, _People)
    return _batch(
        people,
        [fact for one in people.items for fact in (profile_fact(one, people.at), _edge(what, of, one.id, people.at))],
    )


def profile_fact(told: wire.Person, at: datetime) -> ProfileFact:
    """A profile as a fact; the sandbox tells everything."""
    return ProfileFact(
        network=NAME,
        id=told.id,
        username=told.username,
        seen_at=at,
        name=told.name,
        biography=told.biography,
        picture=told.picture,
        link=told.link,
        location=told.location,
        followers=told.followers,
        follows=told.follows,
        posts=told.posts,
        is_private=told.is_private,
        is_verified=told.is_verified,
    )


def post_fact(told: wire.Post, at: datetime) -> PostFact:
    """A post as a fact."""
    return PostFact(
        network=NAME,
        id=told.id,
        author=told.author,
        seen_at=at,
        url=told.url,
        caption=told.caption,
        posted_at=told.posted_at,
        likes=told.likes,
        comments=told.comments,
        media=tuple(MediaFact(url=one.url, type=one.type, width=one.width, height=one.height) for one in told.media),
    )


def comment_fact(told: wire.Comment, post: str) -> CommentFact:
    """A comment on a post as a fact."""
    return CommentFact(
        network=NAME, id=told.id, post=post, author=told.author.id, text=told.text, posted_at=told.posted_at
    )


def _edge(what: Listing, of: str, who: str, at: datetime) -> Fact:
    if what is Listing.FOLLOWERS:
        return FollowFact(network=NAME, follower=who, followed=of, seen_at=at)
    if what is Listing.FOLLOWINGS:
        return FollowFact(network=NAME, follower=of, followed=who, seen_at=at)
    return LikeFact(network=NAME, post=of, profile=who, seen_at=at)


def _batch(page: wire.Page[Any], facts: Sequence[Fact]) -> Batch:
    return Batch(facts, page.next, len(page.items))


async def _told(access: Access, path: str, kind: type[_T], own: Mapping[str, str] | None = None) -> _T:
    """What the API answers; `own` headers stand in the place of the session's."""
    if not access.server:
        raise Invalid(Problem("server", "must name the sandbox, as http://127.0.0.1:8808"))
    headers = dict(own or {})
    if own is None and access.session is not None:
        headers["authorization"] = f"Bearer {access.session.get('token', '')}"
    try:
        page = await access.world.read(
            access.server.rstrip("/") + path, headers={"accept": "application/json", **headers}
        )
    except Gone as gone:
        raise _meant(gone) from gone
    try:
        return msgspec.json.decode(page.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged("The sandbox did not answer what it promises.") from error


def _meant(gone: Gone) -> EntourageError:
    """What a refusal by its HTTP status means here."""
    match gone.status:
        case 401:
            return Unauthenticated("The sandbox does not accept these credentials; please sign in again.")
        case 403:
            return NotAllowed("This profile of the sandbox is private.")
        case 404 | 410:
            return NotFound("The sandbox has no such profile or post (any more).")
        case _:
            return Damaged(str(gone))
