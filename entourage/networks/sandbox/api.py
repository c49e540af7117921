"""The sandbox's own JSON API; every call is described in docs/contracts/sandbox.md.

GET /api/profiles/{id or @name}, /api/profiles/{id}/posts, …/followers, …/followings, /api/posts/{id}/likes,
…/comments, /api/tags/{tag}/posts, each list with `cursor` and `count`; GET or POST /api/sign-in.
"""

import base64
import binascii
import hashlib
import hmac
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from entourage.kernel.clock import Clock
from entourage.networks.reading import Listing
from entourage.networks.sandbox import telling, wire
from entourage.networks.sandbox.answers import Answer
from entourage.networks.sandbox.limits import Fault, Faults, Gatekeeper, Limits
from entourage.networks.sandbox.network import PASSWORD, Network, read

LONGEST_BODY = 10_000

_JSON = "application/json; charset=utf-8"
_HTML = b"<!DOCTYPE html><title>One moment</title><p>We are moving some furniture and will be back soon.</p>"


@dataclass(frozen=True, slots=True)
class Asked:
    """A call: who makes it (an address), from which server, and with what."""

    method: str
    path: str
    client: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def server(self) -> str:
        """The address of the server, as the caller knows it."""
        return f"http://{self.headers.get('host', 'sandbox')}"


class _Refusal(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.sorry = wire.Sorry(error, message)
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that may be made: by whom (None: a stranger), when, and what for."""

    asked: Asked
    who: int | None
    at: int
    looping: bool


class Api:
    """Answers calls below /api/ from any thread."""

    def __init__(self, network: Network, seed: int, clock: Clock, limits: Limits, faults: Faults | None) -> None:
        self._network = network
        self._clock = clock
        self._keeper = Gatekeeper(limits)
        self._faults = faults
        self._calls = 0
        self._key = hashlib.sha256(f"sandbox/{seed}".encode()).digest()
        self._routes: Sequence[tuple[re.Pattern[str], Callable[..., object]]] = [
            (re.compile(pattern), answer)
            for pattern, answer in (
                (r"/api/profiles/(?P<who>[^/]+)", self._profile),
                (r"/api/profiles/(?P<who>[^/]+)/posts", self._posts),
                (r"/api/profiles/(?P<who>[^/]+)/followers", self._followers),
                (r"/api/profiles/(?P<who>[^/]+)/followings", self._followings),
                (r"/api/posts/(?P<post>[^/]+)/likes", self._likes),
                (r"/api/posts/(?P<post>[^/]+)/comments", self._comments),
                (r"/api/tags/(?P<tag>[^/]+)/posts", self._tagged),
            )
        ]

    def answer(self, asked: Asked) -> Answer:
        """The answer to one call."""
        now = self._clock()
        before, self._calls = self._calls, self._calls + 1
        fault = self._faults(asked.path, before) if self._faults is not None else None
        told: dict[str, str] = {}
        try:
            _spoil(fault)
            body = self._answered(asked, now, told, looping=fault is Fault.LOOPING)
            status = HTTPStatus.OK
        except _Refusal as refusal:
            told |= refusal.headers
            body, status = refusal.sorry, refusal.status
        if fault is Fault.HTML:
            return Answer(HTTPStatus.OK, {"content-type": "text/html; charset=utf-8"}, _HTML)
        written_out = msgspec.json.encode(body)
        if fault is Fault.BROKEN:
            written_out = written_out[: len(written_out) * 2 // 3]
        return Answer(status, {"content-type": _JSON, "cache-control": "no-store", **told}, written_out)

    def person_came(self, username: str) -> bool:
        """A person pressed the button for this account; whether there is such an account."""
        people = self._network.people
        number = people.named(username, people.seconds(self._clock()))
        if number is not None:
            self._keeper.seen(people.id(number))
        return number is not None

    # Who asks ------------------------------------------------------------------------------------------------------

    def _answered(self, asked: Asked, now: datetime, told: dict[str, str], *, looping: bool) -> object:
        at = self._network.people.seconds(now)
        if asked.path == "/api/sign-in":
            self._count(asked, None, now, told)
            return self._sign_in(asked, at)
        for pattern, answer in self._routes:
            if (found := pattern.fullmatch(asked.path)) is not None:
                if asked.method not in {"GET", "HEAD"}:
                    raise _Refusal(405, "wrong_method", "Only GET is answered here.", {"allow": "GET, HEAD"})
                who = self._who(asked, at)
                self._count(asked, who, now, told)
                return answer(_Call(asked, who, at, looping), **found.groupdict())
        raise _Refusal(404, "not_found", "There is no such call.")

    def _count(self, asked: Asked, who: int | None, now: datetime, told: dict[str, str]) -> None:
        people = self._network.people
        name = asked.client if who is None else people.id(who)
        standing = self._keeper.count(name, now, known=who is not None)
        told |= {
            "x-ratelimit-limit": str(standing.limit),
            "x-ratelimit-remaining": str(standing.left),
            "x-ratelimit-reset": str(math.ceil(now.timestamp() + standing.wait)),
        }
        if standing.wanted and who is not None:
            raise _challenge(f"{asked.server}/challenge?account={people.username(who, people.seconds(now))}")
        if standing.refused:
            wait = {"retry-after": str(math.ceil(standing.wait))}
            raise _Refusal(429, "too_many_calls", "That was a lot. Please wait.", wait)

    def _who(self, asked: Asked, at: int) -> int | None:
        """Who signed in; None for a stranger."""
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        native, _, proof = token.partition(".")
        number = self._network.people.number(native)
        if kind.lower() != "bearer" or number is None or not hmac.compare_digest(self._token(native), token):
            raise _Refusal(401, "sign_in", "This token does not count.", {"www-authenticate": "Bearer"})
        if not proof or not self._network.people.there(number, at):
            raise _Refusal(401, "sign_in", "This account is no more.", {"www-authenticate": "Bearer"})
        return number

    def _token(self, native: str) -> str:
        return f"{native}.{hmac.new(self._key, native.encode(), 'sha256').hexdigest()}"

    def _sign_in(self, asked: Asked, at: int) -> wire.SignedIn:
        people = self._network.people
        name, password = _credentials(asked)
        number = people.named(name.removeprefix("@"), at)
        if number is None or not people.there(number, at) or password != PASSWORD:
            raise _Refusal(401, "wrong_password", "There is no such account, or the password is another one.")
        native = people.id(number)
        return wire.SignedIn(native, people.username(number, at), self._token(native))

    # What is asked -------------------------------------------------------------------------------------------------

    def _profile(self, call: _Call, who: str) -> wire.Told:
        return wire.Told(self._moment(call.at), self._person(call, self._found(call, who), call.at))

    def _posts(self, call: _Call, who: str) -> wire.Page[wire.Post]:
        number = self._open(call, self._found(call, who))
        spot = self._spot(call, Listing.POSTS, str(number))
        found = [(number, index) for index in self._network.posts.indexes(number, spot.at)]
        return self._page(call, spot, [self._post(call, *each) for each in spot.cut(found)], len(found))

    def _followers(self, call: _Call, who: str) -> wire.Page[wire.Person]:
        number = self._open(call, self._found(call, who))
        spot = self._spot(call, Listing.FOLLOWERS, str(number))
        return self._crowd(call, spot, self._network.society.followers(number).at(spot.at))

    def _followings(self, call: _Call, who: str) -> wire.Page[wire.Person]:
        number = self._open(call, self._found(call, who))
        spot = self._spot(call, Listing.FOLLOWINGS, str(number))
        return self._crowd(call, spot, self._network.society.followings(number).at(spot.at))

    def _likes(self, call: _Call, post: str) -> wire.Page[wire.Person]:
        author, index = self._found_post(call, post)
        spot = self._spot(call, Listing.LIKERS, post)
        return self._crowd(call, spot, self._network.posts.likes(author, index, spot.at))

    def _comments(self, call: _Call, post: str) -> wire.Page[wire.Comment]:
        author, index = self._found_post(call, post)
        spot = self._spot(call, Listing.COMMENTS, post)
        found = self._network.posts.comments(author, index, spot.at)
        shown = [
            telling.comment(self._network, one, call.at, call.asked.server)
            for one in spot.cut(found)
            if self._network.people.there(one.author, call.at)
        ]
        return self._page(call, spot, shown, len(found))

    def _tagged(self, call: _Call, tag: str) -> wire.Page[wire.Post]:
        spot = self._spot(call, Listing.HASHTAG, tag)
        found = self._network.posts.tagged(tag.lower(), spot.at)
        shown = spot.cut(found)
        page = self._page(call, spot, [self._post(call, *each) for each in shown], len(found))
        authors = dict.fromkeys(author for author, _ in shown)
        return msgspec.structs.replace(page, authors=[self._person(call, author, call.at) for author in authors])

    def _found(self, call: _Call, who: str) -> int:
        people = self._network.people
        number = people.named(who[1:], call.at) if who.startswith("@") else people.number(who)
        if number is None or call.at < people.joined[number]:
            raise _Refusal(404, "not_found", "There is nobody of that name.")
        if not people.there(number, call.at):
            raise _Refusal(410, "gone", "This profile was deleted.")
        return number

    def _open(self, call: _Call, number: int) -> int:
        if not self._network.may_see(call.who, number, call.at):
            raise _Refusal(403, "private", "This profile is private.")
        return number

    def _found_post(self, call: _Call, native: str) -> tuple[int, int]:
        number = read(native)
        post = self._network.posts.find(number) if number is not None else None
        if post is None or post.at > call.at:
            raise _Refusal(404, "not_found", "There is no such post.")
        if (post.removed is not None and post.removed <= call.at) or not self._network.people.there(
            post.author, call.at
        ):
            raise _Refusal(410, "gone", "This post was taken down.")
        self._open(call, post.author)
        return post.author, post.index

    def _moment(self, at: int) -> datetime:
        return self._network.people.moment(at)

    def _person(self, call: _Call, number: int, at: int) -> wire.Person:
        return telling.person(self._network, number, at, call.asked.server)

    def _post(self, call: _Call, author: int, index: int) -> wire.Post:
        return telling.post(self._network, author, index, call.at, call.asked.server)

    def _crowd(self, call: _Call, spot: "_Spot", found: Sequence[int]) -> wire.Page[wire.Person]:
        there = self._network.people.there
        shown = [self._person(call, number, call.at) for number in spot.cut(found) if there(number, call.at)]
        return self._page(call, spot, shown, len(found))

    def _page(self, call: _Call, spot: "_Spot", items: Sequence[Any], total: int) -> wire.Page[Any]:
        following = spot if call.looping else replace(spot, offset=spot.offset + spot.size)
        more = call.looping or following.offset < total
        return wire.Page(self._moment(call.at), items, following.cursor if more else None)

    def _spot(self, call: _Call, what: Listing, of: str) -> "_Spot":
        count = call.asked.query.get("count", "")
        size = wire.SIZES[what]
        if count:
            if not count.isascii() or not count.isdecimal() or not 0 < int(count[:4]) <= size:
                raise _Refusal(400, "invalid", f"count is a number from 1 to {size}.")
            size = int(count)
        cursor = call.asked.query.get("cursor", "")
        if not cursor:
            return _Spot(what, of, call.at, 0, size)
        spot = _Spot.of_cursor(cursor, what, of, size)
        if spot.at > call.at:
            raise _Refusal(400, "invalid_cursor", "This cursor is from a time that has not come.")
        return spot


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place in a list as it was at a time: nothing that comes or goes later moves it."""

    what: Listing
    of: str
    at: int
    offset: int
    size: int

    @property
    def cursor(self) -> str:
        """The place in one word."""
        return base64.urlsafe_b64encode(f"{self.what}:{self.at}:{self.offset}:{self.of}".encode()).decode().rstrip("=")

    @classmethod
    def of_cursor(cls, cursor: str, what: Listing, of: str, size: int) -> "_Spot":
        """The place that a cursor names."""
        try:
            told = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            kind, at, offset, about = told.split(":", 3)
            spot = cls(what, about, int(at), int(offset), size)
        except (binascii.Error, ValueError):
            raise _Refusal(400, "invalid_cursor", "This cursor is not one of ours.") from None
        if kind != what or about != of or spot.offset < 0:
            raise _Refusal(400, "invalid_cursor", "This cursor belongs to another list.")
        return spot

    def cut(self, found: Sequence[Any]) -> Sequence[Any]:
        """What of the list is on this page."""
        return found[self.offset : self.offset + self.size]


def _spoil(fault: Fault | None) -> None:
    if fault is Fault.FAILING:
        raise _Refusal(503, "failing", "Something broke. It will be mended.")
    if fault is Fault.THROTTLED:
        raise _Refusal(429, "too_many_calls", "That was a lot. Please wait.", {"retry-after": "1"})
    if fault is Fault.CHALLENGED:
        raise _challenge(None)


def _challenge(url: str | None) -> _Refusal:
    # The header is how networks behind Cloudflare say it; clients need not read the page to know.
    refusal = _Refusal(403, "challenge", "Please show that you are a person.", {"cf-mitigated": "challenge"})
    refusal.sorry = msgspec.structs.replace(refusal.sorry, url=url)
    return refusal


class _Given(msgspec.Struct, frozen=True):
    username: str
    password: str


def _credentials(asked: Asked) -> tuple[str, str]:
    """User name and password: in the body of a POST, or as HTTP's own Basic credentials with a GET."""
    try:
        if asked.method == "POST":
            given = msgspec.json.decode(asked.body, type=_Given)
            return given.username, given.password
        kind, _, coded = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            name, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
            return name, password
    except (msgspec.MsgspecError, ValueError):
        raise _Refusal(400, "invalid", "This cannot be read.") from None
    raise _Refusal(401, "sign_in", "A user name and a password are needed.", {"www-authenticate": "Basic"})
