"""Bluesky: people, posts, followers, likes and replies, over the AT Protocol."""

import asyncio
import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec import UNSET

from entourage.kernel.errors import Damaged, NotAllowed, NotFound, Unauthenticated
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, MediaFact, PostFact, ProfileFact
from entourage.networks.reading import THIN_PAGES, Access, Batch, Listing, SignedIn
from entourage.networks.told import (
    Told,
    address,
    count,
    first_link,
    is_list,
    moment,
    origin,
    part,
    parts,
    pixels,
    text,
    texts,
    words,
)

NAME: str = "bluesky"
DISPLAY_NAME: str = "Bluesky"
SERVER: str = "https://bsky.social"
PUBLIC = "https://public.api.bsky.app"
"""Where Bluesky answers strangers: bsky.social itself speaks only to those who have signed in."""
CREDENTIALS: Sequence[tuple[str, str]] = (
    ("handle", "Your handle, such as name.bsky.social"),
    ("password", "An app password (on Bluesky: Settings, Privacy and security, App passwords)"),
)
CALLS_PER_HOUR: int = 9_000
"""A quarter of what Bluesky allows one address: 3,000 calls in 5 minutes (docs.bsky.app, "Rate limits")."""
_DEEPEST = 6
LISTINGS: Mapping[Listing, int] = {
    # The lexicons say "maximum: 100" for each of these (bluesky-social/atproto, lexicons/app/bsky).
    Listing.POSTS: 100,
    Listing.FOLLOWERS: 100,
    Listing.FOLLOWINGS: 100,
    Listing.LIKERS: 100,
    Listing.HASHTAG: 100,
    # A thread comes in one answer, as far as the network likes to show it; so much is never seen in practice.
    Listing.COMMENTS: 1_000,
}
MORE_CALLS: Mapping[str, int] = {
    # What somebody shares comes among their own posts, which can be few to a page.
    Listing.POSTS: THIN_PAGES,
}
_CLIENT = "entourage.networks.bluesky_client"
_STRANGERS_UNWELCOME = "!no-unauthenticated"
_NO_HANDLE = "handle.invalid"
_THREAD = "app.bsky.feed.defs#threadViewPost"
_BLOCKED = "app.bsky.feed.defs#blockedPost"


def at_home(server: str, session: Mapping[str, str] | None, of: str) -> bool:
    """Yes: everybody is known at the network's one view of itself, which every server asks."""
    del server, session, of
    return True


async def sign_in(access: Access, given: Mapping[str, str]) -> SignedIn:
    """Sign in with a handle and an app password; raises Unauthenticated for wrong ones."""
    handle = given.get("handle", "").strip().removeprefix("@")
    password = given.get("password", "").strip()
    if not handle or not password:
        raise Unauthenticated("A handle and an app password are needed.")
    await _loaded()
    from entourage.networks.bluesky_client import signed_in  # noqa: PLC0415 - see _loaded

    return await signed_in(access, origin(access.server), handle, password)


async def profile(access: Access, who: str) -> ProfileFact:
    """The profile of a DID, or of "@" and a handle; one call."""
    view = await _ask(access, "app.bsky.actor.getProfile", {"actor": who.removeprefix("@")})
    if part(view.get("viewer")).get("blockedBy") is True:
        raise NotAllowed("This account has blocked the one we read with.")
    if access.session is None and _shuns_strangers(view):
        raise NotAllowed("This account asks not to be shown to strangers; connect a Bluesky account to read it.")
    fact = _person(view, datetime.now(UTC), counted=True)
    if fact is None:
        raise Damaged("What Bluesky answered is no profile.")
    return fact


async def listing(access: Access, what: Listing, of: str, cursor: str | None = None) -> Batch:
    """One page of `what`, with one call; the cursor is the network's own."""
    if what is Listing.HASHTAG and access.session is None and origin(access.server) == SERVER:
        # It answers strangers with a page of HTML (bluesky-social/atproto#3423, bluesky-social/bsky-docs#296).
        raise Unauthenticated("Bluesky searches only for those who have signed in; connect a Bluesky account.")
    call = _CALLS[what]
    params = {**call.params, call.subject: f"#{of}" if what is Listing.HASHTAG else of.removeprefix("@")}
    if call.paged:
        params |= {"limit": LISTINGS[what], **({"cursor": cursor} if cursor else {})}
    answer = await _ask(access, call.method, params)
    page = _Page(answer, of, datetime.now(UTC), stranger=access.session is None)
    facts = list(call.read(page))
    return Batch(facts, words(answer.get("cursor")) if call.paged else None, page.entries, page.withheld)


async def _ask(access: Access, method: str, params: Mapping[str, str | int]) -> Told:
    server = origin(access.server)
    if access.session is None and server == SERVER:
        server = PUBLIC
    await _loaded()
    from entourage.networks.bluesky_client import asked  # noqa: PLC0415 - see _loaded

    return await asked(access, server, method, params)


async def _loaded() -> None:
    """The SDK is there afterwards. The first time takes more than a second, which the loop need not wait for."""
    _ = await asyncio.to_thread(importlib.import_module, _CLIENT)


@dataclass(slots=True)
class _Page:
    """An answer on its way to facts."""

    answer: Told
    of: str
    now: datetime
    stranger: bool
    entries: int = 0
    withheld: int = 0

    def listed(self, name: str) -> Sequence[Told]:
        """The entries under `name`; Damaged where there is no such list."""
        if not is_list(self.answer.get(name)):
            raise Damaged("What Bluesky answered is not what was asked for.")
        return parts(self.answer.get(name))

    def person(self, view: Told, *, described: bool = True) -> ProfileFact | None:
        """Somebody in a listing; None for those who do not want to be shown to us."""
        if self.stranger and _shuns_strangers(view):
            self.withheld += 1
            return None
        return _person(view, self.now, described=described)

    def subject(self, name: str) -> str:
        """The id of whom the listing is about: the answer names it, also where we asked by handle."""
        return words(part(self.answer.get(name)).get("did")) or self.of


def _posts(page: _Page) -> Iterator[Fact]:
    for entry in page.listed("feed"):
        if "reason" in entry:  # shared by the profile, or pinned on top of the others
            continue
        post = _post(part(entry.get("post")), page.now)
        if post is not None:
            page.entries += 1
            yield post


def _followers(page: _Page) -> Iterator[Fact]:
    followed = page.subject("subject")
    for view in page.listed("followers"):
        person = page.person(view)
        if person is not None:
            page.entries += 1
            yield FollowFact(network=NAME, follower=person.id, followed=followed, seen_at=page.now)
            yield person


def _followings(page: _Page) -> Iterator[Fact]:
    follower = page.subject("subject")
    for view in page.listed("follows"):
        person = page.person(view)
        if person is not None:
            page.entries += 1
            yield FollowFact(network=NAME, follower=follower, followed=person.id, seen_at=page.now)
            yield person


def _likers(page: _Page) -> Iterator[Fact]:
    for like in page.listed("likes"):
        person = page.person(part(like.get("actor")))
        if person is not None:
            page.entries += 1
            yield LikeFact(network=NAME, post=page.of, profile=person.id, seen_at=page.now)
            yield person


def _comments(page: _Page) -> Iterator[Fact]:
    thread = part(page.answer.get("thread"))
    if thread.get("$type") == _BLOCKED:
        raise NotAllowed("This post cannot be seen by the account that we read with.")
    if thread.get("$type") != _THREAD:
        raise NotFound("Bluesky knows no such post.")
    ahead = list(parts(thread.get("replies")))
    while ahead:
        reply = ahead.pop(0)
        if reply.get("$type") != _THREAD:
            continue
        ahead += parts(reply.get("replies"))
        view = part(reply.get("post"))
        person, uri = page.person(part(view.get("author")), described=False), words(view.get("uri"))
        if person is not None and uri is not None:
            page.entries += 1
            said, at = text(part(view.get("record")).get("text")) or "", _posted_at(view)
            yield CommentFact(network=NAME, id=uri, post=page.of, author=person.id, text=said, posted_at=at)
            yield person


def _tagged(page: _Page) -> Iterator[Fact]:
    for view in page.listed("posts"):
        person = page.person(part(view.get("author")), described=False)
        post = _post(view, page.now)
        # The network searches loosely: #cat finds #catalogue as well.
        if person is not None and post is not None and _bears(part(view.get("record")), page.of):
            page.entries += 1
            yield post
            yield person


@dataclass(frozen=True, slots=True)
class _Call:
    """How one listing is asked for and read."""

    method: str
    subject: str
    read: Callable[[_Page], Iterator[Fact]]
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    paged: bool = True


_CALLS: Mapping[Listing, _Call] = {
    Listing.POSTS: _Call("app.bsky.feed.getAuthorFeed", "actor", _posts, {"filter": "posts_and_author_threads"}),
    Listing.FOLLOWERS: _Call("app.bsky.graph.getFollowers", "actor", _followers),
    Listing.FOLLOWINGS: _Call("app.bsky.graph.getFollows", "actor", _followings),
    Listing.LIKERS: _Call("app.bsky.feed.getLikes", "uri", _likers),
    Listing.COMMENTS: _Call(
        "app.bsky.feed.getPostThread", "uri", _comments, {"depth": _DEEPEST, "parentHeight": 0}, paged=False
    ),
    Listing.HASHTAG: _Call("app.bsky.feed.searchPosts", "q", _tagged, {"sort": "latest"}),
}


def _person(view: Told, now: datetime, *, described: bool = True, counted: bool = False) -> ProfileFact | None:
    """The profile in a view; None where it names nobody. Shorter views leave out what they do not tell."""
    did, handle = words(view.get("did")), words(view.get("handle"))
    if did is None or not did.startswith("did:"):
        return None
    biography = words(view.get("description"))
    verified = part(view.get("verification")).get("verifiedStatus") == "valid"
    return ProfileFact(
        network=NAME,
        id=did,
        # Many people can have a handle that does not lead back to them any more: it is no name.
        username=did if handle is None or handle == _NO_HANDLE else handle,
        seen_at=now,
        name=words(view.get("displayName")),
        biography=biography if described else UNSET,
        picture=address(view.get("avatar")),
        link=(address(view.get("website")) or first_link(biography)) if described else UNSET,
        followers=count(view.get("followersCount")) if counted else UNSET,
        follows=count(view.get("followsCount")) if counted else UNSET,
        posts=count(view.get("postsCount")) if counted else UNSET,
        is_private=False,
        is_verified=verified,
    )


def _post(view: Told, now: datetime) -> PostFact | None:
    uri, author = words(view.get("uri")), words(part(view.get("author")).get("did"))
    if uri is None or author is None:
        return None
    return PostFact(
        network=NAME,
        id=uri,
        author=author,
        seen_at=now,
        url=f"https://bsky.app/profile/{author}/post/{uri.rpartition('/')[2]}",
        caption=text(part(view.get("record")).get("text")) or "",
        posted_at=_posted_at(view) or UNSET,
        likes=count(view.get("likeCount")),
        comments=count(view.get("replyCount")),
        media=tuple(_media(part(view.get("embed")))),
    )


def _posted_at(view: Told) -> datetime | None:
    """As the network sorts: the time that the author's program wrote, unless it lies after the post was first seen."""
    said, seen = moment(part(view.get("record")).get("createdAt")), moment(view.get("indexedAt"))
    return min(said, seen) if said and seen else seen or said


def _media(embed: Told) -> Iterator[MediaFact]:
    match embed.get("$type"):
        case "app.bsky.embed.images#view":
            for image in parts(embed.get("images")):
                yield from _medium(address(image.get("fullsize")), image, video=False)
        case "app.bsky.embed.video#view":
            yield from _medium(address(embed.get("playlist")), embed, video=True)
        case "app.bsky.embed.recordWithMedia#view":
            yield from _media(part(embed.get("media")))
        case _:  # a quoted post, or the card of a link: not the author's own pictures
            return


def _medium(url: str | None, view: Told, *, video: bool) -> Iterator[MediaFact]:
    if url is not None:
        shape = part(view.get("aspectRatio"))
        width, height = pixels(shape.get("width")), pixels(shape.get("height"))
        yield MediaFact(url=url, type="video" if video else "image", width=width, height=height)


def _shuns_strangers(view: Told) -> bool:
    return any(label.get("val") == _STRANGERS_UNWELCOME for label in parts(view.get("labels")))


def _bears(record: Told, tag: str) -> bool:
    """Whether a post has exactly this hashtag: marked as one, added beside the text, or plainly written."""
    wanted = tag.casefold()
    marked = texts(record.get("tags"))
    for facet in parts(record.get("facets")):
        marked += [words(feature.get("tag")) or "" for feature in parts(facet.get("features"))]
    if wanted in (one.casefold() for one in marked):
        return True
    return re.search(rf"#{re.escape(wanted)}(?!\w)", (text(record.get("text")) or "").casefold()) is not None
