"""A small network of people over real HTTP, and its connector: it pages, limits, challenges and lies on demand."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit

import faults
import msgspec
from faults import Asked, FaultServer

from entourage.kernel.errors import Challenged, Damaged, NotAllowed, NotFound, Unauthenticated
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact
from entourage.networks.reading import Access, Batch, Listing, SignedIn

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PAGE = 10
Answer = Mapping[str, Any]
Bend = Callable[[Listing, str | None, Batch], Batch]
Change = Callable[["Call"], Answer | faults.Reply | None]


@dataclass(slots=True)
class Member:
    id: str
    username: str
    followers: list[str] = field(default_factory=list[str])
    followings: list[str] = field(default_factory=list[str])
    posts: list[str] = field(default_factory=list[str])
    told_followers: int | None = None
    """What the profile says, where that is not the truth."""


@dataclass(slots=True)
class Entry:
    id: str
    author: str
    likers: list[str] = field(default_factory=list[str])
    comments: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """(id, author, text)"""


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked: "profile" or a listing, of whom, from where, with which session."""

    what: str
    of: str
    cursor: str
    token: str


class Glass:
    """The network. `changes` may answer first; `seen` holds every call."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.posts: dict[str, Entry] = {}
        self.seen: list[Call] = []
        self.changes: list[Change] = []
        self.server = FaultServer()
        self.server.on("/api", self._reply)
        self.server.on("/sign-in", self._reply)

    @property
    def address(self) -> str:
        return self.server.url("")

    def member(self, native_id: str, username: str, followers: int = 0) -> Member:
        """Somebody new, with so many followers, who are new as well."""
        made = self.members[native_id] = Member(native_id, username)
        for number in range(followers):
            fan = f"{native_id}-f{number}"
            self.members[fan] = Member(fan, f"fan_{native_id}_{number}")
            made.followers.append(fan)
        return made

    def post(self, author: str, native_id: str, likers: int = 0, comments: int = 0) -> Entry:
        """A new post, liked and commented on by the first of the author's followers."""
        fans = self.members[author].followers
        told = [(f"{native_id}-c{n}", fans[n], f"Nice, number {n}!") for n in range(comments)]
        made = self.posts[native_id] = Entry(native_id, author, fans[:likers], told)
        self.members[author].posts.insert(0, native_id)
        return made

    def asked(self, what: str) -> list[Call]:
        return [call for call in self.seen if call.what == what]

    async def _reply(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        call = Call(
            query.get("what", "sign-in"), query.get("of", ""), query.get("cursor", ""), asked.headers.get("token", "")
        )
        self.seen.append(call)
        answer: Answer | faults.Reply | None = None
        for change in self.changes:
            answer = answer or change(call)
        answer = answer or self._answer(call, query)
        if callable(answer):
            await answer(asked, writer)
        else:
            await faults.page(json.dumps(answer).encode(), "Content-Type: application/json")(asked, writer)

    def _answer(self, call: Call, query: Mapping[str, str]) -> Answer:
        if call.what == "sign-in":
            if query.get("password") != "open sesame":
                return {"error": "unauthenticated", "words": "The password is wrong."}
            found = next(one for one in self.members.values() if one.username == query["name"])
            return {"id": found.id, "username": found.username, "token": "t1"}
        if call.what == "profile":
            named = [one for one in self.members.values() if call.of in {one.id, f"@{one.username}"}]
            return self._profile(named[0], counts=True) if named else _gone("There is nobody of that name on Glass.")
        owner = self.members.get(call.of) or self.posts.get(call.of)
        if owner is None:
            return _gone("That does not exist on Glass.")
        entries = self._entries(call.what, owner)
        start = int(call.cursor or 0)
        more = start + PAGE < len(entries)
        return {"entries": entries[start : start + PAGE], "cursor": str(start + PAGE) if more else None}

    def _entries(self, what: str, owner: Member | Entry) -> Sequence[Answer]:
        if isinstance(owner, Entry):
            if what == Listing.LIKERS:
                return [self._profile(self.members[who]) for who in owner.likers]
            return [
                {"id": number, "text": text, "author": self._profile(self.members[who])}
                for number, who, text in owner.comments
            ]
        if what == Listing.POSTS:
            return [
                {"id": one.id, "author": one.author, "likes": len(one.likers), "comments": len(one.comments)}
                for one in (self.posts[number] for number in owner.posts)
            ]
        listed = owner.followers if what == Listing.FOLLOWERS else owner.followings
        return [self._profile(self.members[who]) for who in listed]

    def _profile(self, one: Member, *, counts: bool = False) -> Answer:
        told = {
            "followers": len(one.followers) if one.told_followers is None else one.told_followers,
            "follows": len(one.followings),
            "posts": len(one.posts),
        }
        return {"id": one.id, "username": one.username, **(told if counts else {})}


def _gone(words: str) -> Answer:
    return {"error": "not found", "words": words}


def throttled(seconds: int) -> faults.Reply:
    return faults.status("429 Too Many Requests", f"Retry-After: {seconds}")


HTML = faults.page(b"<!doctype html><title>Down for maintenance</title>", "Content-Type: text/html")
BROKEN = faults.status("502 Bad Gateway")
CHALLENGE: Answer = {"error": "challenged", "words": "Glass wants you to confirm that it is you."}
GONE: Answer = {"error": "not found", "words": "Gone."}
PRIVATE: Answer = {"error": "not allowed", "words": "That list is not shown to us."}
SIGNED_OUT: Answer = {"error": "unauthenticated", "words": "Glass does not know this session any more."}


class GlassReader:
    """The connector; it satisfies Reads. An answer may hold a new `token`, which replaces the session."""

    NAME: str = "glass"
    DISPLAY_NAME: str = "Glass"
    SERVER: str = ""
    CREDENTIALS: Sequence[tuple[str, str]] = (("name", "your user name"), ("password", "your password"))
    LISTINGS: Mapping[Listing, int] = {
        Listing.POSTS: PAGE,
        Listing.FOLLOWERS: PAGE,
        Listing.FOLLOWINGS: PAGE,
        Listing.LIKERS: PAGE,
        Listing.COMMENTS: PAGE,
    }
    MORE_CALLS: Mapping[str, int] = {}
    CALLS_PER_HOUR: int = 3600

    def __init__(self) -> None:
        self.bends: list[Bend] = []
        """What becomes of a page on its way to us, given what was asked and from where."""
        self.everybody_is_at_home = True

    def at_home(self, server: str, session: Mapping[str, str] | None, of: str) -> bool:
        del server, session, of
        return self.everybody_is_at_home

    async def sign_in(self, access: Access, given: Mapping[str, str]) -> SignedIn:
        told = await self._get(access, "sign-in", **given)
        return SignedIn(told["id"], told["username"], {"token": told["token"]})

    async def profile(self, access: Access, who: str) -> ProfileFact:
        return self._person(await self._get(access, "api", what="profile", of=who))

    async def listing(self, access: Access, what: Listing, of: str, cursor: str | None = None) -> Batch:
        told = await self._get(access, "api", what=str(what), of=of, cursor=cursor or "")
        facts: list[Fact] = []
        for entry in told["entries"]:
            facts += self._facts(what, of, entry)
        batch = Batch(facts, told["cursor"], len(told["entries"]))
        for bend in self.bends:
            batch = bend(what, cursor, batch)
        return batch

    def _facts(self, what: Listing, of: str, entry: Answer) -> Sequence[Fact]:
        name, then = self.NAME, LONG_AGO
        match what:
            case Listing.POSTS:
                return [PostFact(network=name, seen_at=then, **entry)]
            case Listing.COMMENTS:
                author = self._person(entry["author"])
                return [
                    author,
                    CommentFact(network=name, id=entry["id"], post=of, author=author.id, text=entry["text"]),
                ]
            case Listing.LIKERS:
                who = self._person(entry)
                return [who, LikeFact(network=name, post=of, profile=who.id, seen_at=then)]
            case _:
                who = self._person(entry)
                pair = (who.id, of) if what is Listing.FOLLOWERS else (of, who.id)
                return [who, FollowFact(network=name, follower=pair[0], followed=pair[1], seen_at=then)]

    def _person(self, told: Answer) -> ProfileFact:
        return ProfileFact(network=self.NAME, seen_at=LONG_AGO, **told)

    async def _get(self, access: Access, path: str, **query: str) -> dict[str, Any]:
        headers = {"token": access.session["token"]} if access.session else {}
        page = await access.world.read(f"{access.server}/{path}?{urlencode(query)}", headers=headers)
        try:
            told = msgspec.json.decode(page.body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise Damaged("Glass answered with something that is no JSON.") from error
        if "error" in told:
            _raise(told["error"], told["words"])
        if path == "api" and "token" in told and access.on_session is not None:
            access.on_session({"token": told.pop("token")})
        return told


def _raise(kind: str, words: str) -> NoReturn:
    raise {
        "not found": NotFound,
        "challenged": Challenged,
        "not allowed": NotAllowed,
        "unauthenticated": Unauthenticated,
    }[kind](words)
