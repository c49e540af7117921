"""What every door shares: one request, one actor, one transaction a verb; ids, limits, and how any error is answered.

A door is a Litestar application inside one small ASGI layer (`Door`). The layer does what must hold for every answer,
also for unknown paths, malformed requests and crashes; it costs a tenth of what the same would as middleware.
"""

import ipaddress
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, cast

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from entourage.accounts.model import Actor
from entourage.accounts.tokens import Keys, Verifier
from entourage.archive.files import Shelf
from entourage.doors.asking import Asked
from entourage.doors.kept import Kept
from entourage.doors.limits import Count, Limiter, Network, client_address
from entourage.doors.refusals import RateLimited, TooLarge
from entourage.kernel.bus import Bus
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import EntourageError, Unauthenticated
from entourage.kernel.logs import Logs
from entourage.kernel.secrets import Secrets
from entourage.kernel.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
RawHeaders = list[tuple[bytes, bytes]]
LARGEST_BODY: Final = 1_000_000
"""Bytes of a request body; nothing that these contracts carry comes near it."""

_SIGN_IN: Final = "Sign in first: this call needs an access token."

log = logging.getLogger("entourage.doors")


@dataclass(frozen=True, slots=True)
class House:
    """What the doors and the pages are given: the parts that live as long as the server."""

    settings: Settings
    database: Database
    verifier: Verifier
    keys: Keys
    secrets: Secrets
    bus: Bus
    shelf: Shelf
    logs: Logs


class Reply:
    """An answer, ready to be sent."""

    __slots__ = ("body", "headers", "lasting", "status")

    def __init__(self, status: int, body: bytes, headers: RawHeaders, *, lasting: bool = False) -> None:
        """Make an answer; `lasting` when it depends on the data, the actor and the address alone, never on time."""
        self.status = status
        self.body = body
        self.headers = headers if status == _NO_CONTENT else [*headers, (b"content-length", b"%d" % len(body))]
        self.lasting = lasting

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        if self.lasting:
            visit_in(scope).reply = self
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


@dataclass(slots=True)
class Visit:
    """One request: who asks, where from, and under which id."""

    house: House
    request_id: str
    now: datetime
    method: str
    headers: Mapping[bytes, bytes]
    limit: Count | None
    """Where this hour's count stands; None for whom none is kept."""
    known: Actor | None = None
    refused: Exception | None = None
    """Why the credentials were not accepted; raised where a call needs an actor."""
    token: str | None = None
    """The credential, as it was shown."""
    reply: Reply | None = None
    """The answer, where it may be given again."""

    @property
    def actor(self) -> Actor:
        """Who asks; raises Unauthenticated."""
        if self.known is None:
            raise self.refused or Unauthenticated(_SIGN_IN)
        return self.known

    async def read(self, verb: Callable[Concatenate[Tx, Actor, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The verb's answer, for this actor, in one reading transaction."""
        return await self.house.database.read(verb, self.actor, *args, **kwargs)

    async def glance(self, verb: Callable[Concatenate[Tx, Actor, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As `read`, for looking up one row by its key.

        On SQLite that takes a third of the time that handing it to a thread does, so it is done here and now.
        """
        if self.house.database.dialect_name != "sqlite":
            return await self.read(verb, *args, **kwargs)
        with self.house.database.reading() as tx:
            return verb(tx, self.actor, *args, **kwargs)

    async def write(self, verb: Callable[Concatenate[Tx, Actor, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The verb's answer, for this actor, in one transaction that is stored whole or not at all."""
        return await self.house.database.write(verb, self.actor, *args, **kwargs)


class Dialect(Protocol):
    """How a contract speaks where all doors do the same thing."""

    def credential(self, headers: Mapping[bytes, bytes]) -> str | None:
        """What a request shows to prove who asks, None for nothing; raises Unauthenticated for what cannot be one."""
        ...

    def refusal(self, error: Exception, request_id: str, now: datetime) -> Reply:
        """The answer to any error at all. A crash of ours is told without its details."""
        ...


class Recognises(Protocol):
    """Says who shows a credential."""

    def known(self, token: str, now: datetime) -> Actor | None:
        """Who it is, where that was found out a moment ago."""
        ...

    async def recognise(self, token: str) -> Actor:
        """Who it is; raises Unauthenticated."""
        ...


class Counts(Protocol):
    """Counts who comes in."""

    def count(self, scope: Scope, headers: Mapping[bytes, bytes], actor: Actor | None, now: datetime) -> Count | None:
        """Count one request; None where it does not count."""
        ...


_NO_CONTENT: Final = 204
_WRONG_METHOD: Final = 405
_CLIENT_ERRORS: Final = range(400, 500)
_VISIT: Final = "entourage_visit"
_EXPOSED: Final = b"Link, Retry-After, X-Credits-Cost, X-Credits-Remaining, X-Page, X-Per-Page, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID, X-Total-Count, X-Total-Pages"  # noqa: E501 - one header


def visit_in(scope: Scope) -> Visit:
    """The visit that a request belongs to."""
    return cast("dict[str, Any]", scope)[_VISIT]


def visit_of(request: Asked) -> Visit:
    """The visit of somebody who is known; raises Unauthenticated before anything else is looked at."""
    visit: Visit = cast("dict[str, Any]", request.scope)[_VISIT]
    if visit.known is None:
        raise visit.refused or Unauthenticated(_SIGN_IN)
    return visit


def guest_of(request: Asked) -> Visit:
    """The visit of whoever it is, for the few calls that need no token."""
    return visit_in(request.scope)


class Turnstile:
    """Counts who comes in: users by their number, everybody else by the address they come from."""

    def __init__(self, settings: Settings, limiter: Limiter) -> None:
        self._settings = settings
        self._limiter = limiter
        self._proxies: tuple[Network, ...] = tuple(ipaddress.ip_network(n) for n in settings.trusted_proxies)

    def count(self, scope: Scope, headers: Mapping[bytes, bytes], actor: Actor | None, now: datetime) -> Count:
        """Count one request."""
        if actor is not None:
            return self._limiter.count(actor.user_id, self._settings.user_rate, now.timestamp())
        return self.stranger(scope, headers, now)

    def stranger(
        self, scope: Scope, headers: Mapping[bytes, bytes], now: datetime, *, times: int = 1, where: str = ""
    ) -> Count:
        """Count one request by its address, `times` the usual limit, apart from those that go elsewhere."""
        peer = scope["client"]
        forwarded = headers.get(b"x-forwarded-for")
        address = client_address(
            peer[0] if peer else "", forwarded.decode("latin-1") if forwarded else None, self._proxies
        )
        return self._limiter.count(where + address, self._settings.public_rate * times, now.timestamp())


class Door:
    """The layer around a contract's application.

    For each request: an id, the actor, the limit; the answer carries them. What the application cannot answer is put
    into words by the dialect.
    """

    def __init__(
        self,
        house: House,
        dialect: Dialect,
        inside: ASGIApp,
        turnstile: Counts,
        *,
        verifier: Recognises | None = None,
        kept_paths: tuple[str, ...] = (),
        options_inside: bool = False,
    ) -> None:
        """Wrap `inside`; the doors share a `turnstile`. Answers below `kept_paths` may be given again (`Kept`).

        `verifier` knows the door's credentials where they are no access tokens; with `options_inside` the contract has
        a meaning of its own for OPTIONS.
        """
        self._house = house
        self._dialect = dialect
        self._inside = inside
        self._turnstile = turnstile
        self._verifier: Recognises = verifier or house.verifier
        self._options_inside = options_inside
        self._origins = frozenset(origin.encode() for origin in house.settings.cors_origins)
        self._kept_paths = kept_paths
        self._kept: Kept[Reply] = Kept(house.database)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand on what is none."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        visit = await self._visit(scope)
        extra = _told(visit)
        if self._origins:
            extra += self._cors(visit)
        key = mark = None
        limited = visit.limit is not None and not visit.limit.allowed
        if visit.method == "GET" and visit.known is not None and scope["path"].startswith(self._kept_paths):
            key, mark = (visit.known, scope["path"], scope["query_string"]), self._kept.mark()
            kept = self._kept.get(key, mark)
            if kept is not None and not limited:
                headers = [*kept.headers, *extra]
                await send({"type": "http.response.start", "status": kept.status, "headers": headers})
                await send({"type": "http.response.body", "body": kept.body, "more_body": False})
                return
        started = False

        async def send_on(message: Any) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            await self._answer(visit, scope, receive, send_on)
            if mark is not None and visit.reply is not None:
                self._kept.put(key, mark, visit.reply)
        except Exception as error:
            if started:
                # The status is on its way already; only a cut connection can tell the client that this is not whole.
                log.exception("An answer broke off (request %s)", visit.request_id)
                raise
            await self._dialect.refusal(error, visit.request_id, visit.now)(scope, receive, send_on)

    async def _visit(self, scope: HTTPScope) -> Visit:
        house, verifier = self._house, self._verifier
        now = house.database.clock()
        headers = dict(scope["headers"])
        known: Actor | None = None
        refused: Exception | None = None
        token: str | None = None
        try:
            token = self._dialect.credential(headers)
            if token is not None:
                known = verifier.known(token, now) or await verifier.recognise(token)
        except Exception as error:  # noqa: BLE001 - whatever it is, the call that needs an actor answers with it
            refused = error
        count = self._turnstile.count(scope, headers, known, now)
        return Visit(house, _new_id(), now, scope["method"], headers, count, known, refused, token)

    async def _answer(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        if visit.limit is not None and not visit.limit.allowed:
            seconds = max(1, visit.limit.resets_at - int(visit.now.timestamp()))
            raise RateLimited(
                f"This is more than {visit.limit.limit} requests in an hour; wait {-(-seconds // 60)} minutes.", seconds
            )
        length = visit.headers.get(b"content-length", b"")
        if length and (not length.isdigit() or int(length) > LARGEST_BODY):
            raise TooLarge(f"The body is larger than {LARGEST_BODY:,} bytes.")
        if visit.method == "OPTIONS" and b"access-control-request-method" in visit.headers and self._origins:
            await Reply(_NO_CONTENT, b"", [])(scope, receive, send)
            return
        if visit.method == "OPTIONS" and not self._options_inside:
            # Asked with a method that nobody answers to, the application says which ones it does.
            await Reply(_NO_CONTENT, b"", [(b"allow", await self._methods(scope, receive, send))])(scope, receive, send)
            return
        inner = cast("Any", {**scope, _VISIT: visit})
        if visit.method == "HEAD":
            inner["method"] = "GET"  # the server sends no body for HEAD, whatever it is given
        await self._inside(inner, receive, send)

    async def _methods(self, scope: Scope, receive: Receive, send: Send) -> bytes:
        try:
            await self._inside(cast("Any", {**scope, "method": "TRACE"}), receive, send)
        except HTTPException as error:
            if error.status_code != _WRONG_METHOD:
                raise
            return allowed((error.headers or {}).get("allow", "")).encode()
        return b"OPTIONS"

    def _cors(self, visit: Visit) -> RawHeaders:
        origin = visit.headers.get(b"origin")
        if origin is None or not (origin in self._origins or b"*" in self._origins):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            (b"access-control-allow-headers", b"Authorization, Content-Type"),
            (b"access-control-max-age", b"600"),
        ]


def _new_id() -> str:
    """A random UUID; request ids are no secrets, and this takes a fifth of uuid.uuid4's time."""
    text = random.randbytes(16).hex()  # noqa: S311 - no secret
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _told(visit: Visit) -> RawHeaders:
    count, told = visit.limit, [(b"x-request-id", visit.request_id.encode()), (b"x-content-type-options", b"nosniff")]
    if count is None:
        return told
    return [
        *told,
        (b"x-ratelimit-limit", b"%d" % count.limit),
        (b"x-ratelimit-remaining", b"%d" % count.remaining),
        (b"x-ratelimit-reset", b"%d" % count.resets_at),
    ]


def application(house: House, handlers: Iterable[Any]) -> Litestar:
    """A Litestar application that adds nothing of its own and leaves every error to the door around it."""

    def leave(_: Asked, error: Exception) -> Any:
        raise error

    return Litestar(
        list(handlers),
        exception_handlers={Exception: leave},
        logging_config=None,
        openapi_config=None,
        request_max_body_size=LARGEST_BODY,
        state=State({"house": house}),
    )


def allowed(methods: str) -> str:
    """The methods that an address answers to; GET brings HEAD with it."""
    names = {name.strip() for name in methods.split(",") if name.strip()} | {"OPTIONS"}
    if "GET" in names:
        names.add("HEAD")
    return ", ".join(sorted(names))


def is_ours(error: Exception) -> bool:
    """Whether an error is a crash of ours, to be logged and told without details."""
    if isinstance(error, HTTPException):
        return error.status_code not in _CLIENT_ERRORS
    return not isinstance(error, EntourageError)
