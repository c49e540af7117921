"""Who looks at the pages: the session behind the cookie, and the proof that a change came from a page of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from entourage.accounts import sessions
from entourage.accounts.model import Actor, BrowserSession
from entourage.kernel.errors import Invalid, NotAllowed, NotFound, Problem, Unauthenticated
from entourage.web.parts import Ask, parts_of

SESSION_COOKIE = "entourage_session"
FORM_COOKIE = "entourage_form"
"""Ties the forms that are shown before signing in (there is no session yet) to this browser."""
SAFE = {"GET", "HEAD", "OPTIONS"}
MOST_FIELDS = 12_000
LARGEST_NUMBER = 2**63 - 1
"""What a database can count to."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in: the actor, the value of the cookie, and the token that forms send back."""

    actor: Actor
    csrf: str
    cookie: str


class Form:
    """The fields of a form that was sent."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    def text(self, name: str) -> str:
        """The last value of a field without the blanks around it; empty where there is none."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """The last value of a field as it was sent (passwords may begin with a blank)."""
        return next((value for key, value in reversed(self._pairs) if key == name), "")

    def every(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for key, value in self._pairs if key == name]

    def has(self, name: str) -> bool:
        """Whether the field was sent at all."""
        return any(key == name for key, _ in self._pairs)

    def number(self, name: str, label: str = "") -> int | None:
        """A whole number, None for an empty field; raises Invalid naming it for anything else."""
        text = self.text(name)
        if not text:
            return None
        if len(text) > 12 or not (text.isascii() and text.lstrip("-").isdecimal()):  # noqa: PLR2004 - far beyond use
            raise Invalid(Problem(label or name, "must be a whole number"))
        return int(text)

    def numbers(self, name: str) -> list[int]:
        """The whole numbers among the values of a field."""
        return [int(value) for value in self.every(name) if value.isascii() and value.isdecimal() and len(value) < 19]  # noqa: PLR2004 - what a database keeps

    def names(self) -> set[str]:
        """The names of all fields."""
        return {key for key, _ in self._pairs}


async def form_of(request: Ask) -> Form:
    """The form in the body of the request; empty for any other kind of body."""
    if request.content_type[0] != "application/x-www-form-urlencoded":
        return Form([])
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return Form(parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise Invalid(Problem("form", "has too many fields")) from error


async def only_visitors(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of every page: a session wherever the handler is not marked public, and proof for every change.

    The proof is the token in a header or in the form; where the handler takes a body without end it is marked
    `proof="header"`, and nothing of the body is read for it.
    """
    request = cast("Ask", connection)  # guards of HTTP handlers get the request
    if any(isinstance(value, int) and value > LARGEST_NUMBER for value in request.path_params.values()):
        raise NotFound("There is nothing with such a number.")
    public = bool(handler.opt.get("public"))
    cookie = request.cookies.get(SESSION_COOKIE, "")
    session: BrowserSession | None = None
    if cookie and not handler.opt.get("asset"):
        session = await sessions.recognise(parts_of(request).database, cookie)
    visitor = None if session is None else Visitor(session.actor, session.csrf, cookie)
    request.scope["user"] = visitor
    changes = request.method not in SAFE
    if changes and _is_from_elsewhere(request):
        raise NotAllowed("This was sent from another site, so nothing was changed.")
    if visitor is None and not public:  # before anything that a stranger sends is read
        raise Unauthenticated("Please sign in first.")
    if changes:
        await _prove(request, visitor, by_header=handler.opt.get("proof") == "header")


async def _prove(request: Ask, visitor: Visitor | None, *, by_header: bool) -> None:
    cookie = visitor.cookie if visitor else request.cookies.get(FORM_COOKIE, "")
    given = request.headers.get("x-csrf-token", "")
    if not given and not by_header:
        given = (await form_of(request)).raw("csrf")
    if not cookie or not sessions.csrf_matches(cookie, given):
        raise NotAllowed(
            "This page was open for too long, or was opened before you signed in. "
            "Nothing was changed; reload the page and try again."
        )


def _is_from_elsewhere(request: Ask) -> bool:
    """Whether another site sent this, as the browser tells; older ones tell only the origin."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    if site is not None:
        return site not in {"same-origin", "none"}
    return origin not in {"", "null"} and urlsplit(origin).netloc not in own_hosts(request)


def own_hosts(request: Ask) -> set[str]:
    """The names that this server goes by: what the request says, and what the operator set for links."""
    named = {request.headers.get("host", ""), urlsplit(parts_of(request).settings.public_url).netloc}
    return named - {""}


def visitor_of(request: Ask) -> Visitor:
    """Who looks at this page; raises Unauthenticated for nobody."""
    visitor = maybe_visitor(request)
    if visitor is None:
        raise Unauthenticated("Please sign in first.")
    return visitor


def maybe_visitor(request: Ask) -> Visitor | None:
    """Who looks at this page, if they are signed in."""
    found: Visitor | None = request.scope["user"] if "user" in request.scope else None  # noqa: SIM401 - its `get` has no type
    return found


def cookie(request: Ask, name: str, value: str, seconds: int | None = None) -> Cookie:
    """A cookie of ours that scripts cannot reach; `seconds` 0 takes it away, None keeps it until the browser ends."""
    secure = is_https(request)
    return Cookie(key=name, value=value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=secure)


def is_https(request: Ask) -> bool:
    """Whether the browser reached us through an encrypted connection."""
    return request.url.scheme == "https"


def local_path(given: str, otherwise: str = "/") -> str:
    """`given` when it is a path on this server, for going back; never another site."""
    plain = given.startswith("/") and not given.startswith(("//", "/\\")) and "\\" not in given
    return given if plain and given.isprintable() else otherwise
