"""How the influencer contract speaks: tokens, one word of detail for every error, pages as absolute addresses."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope

from entourage.doors import door
from entourage.doors.asking import Asked
from entourage.doors.door import RawHeaders, Reply, allowed, is_ours, visit_in
from entourage.doors.influencer import wire
from entourage.doors.refusals import BadRequest, RateLimited, TooLarge, WrongType
from entourage.kernel import errors
from entourage.kernel.errors import EntourageError, Unauthenticated

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")
"""What was paid for must not stay in shared caches."""
NOT_ENOUGH: Final = "Not enough data"
"""How the words of a NotFound begin that are told as they are."""
_encode = msgspec.json.Encoder().encode
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of error is told: the status, and the document's word; `more` adds what exactly was wrong."""

    status: int
    detail: str
    more: bool = False


_INTERNAL: Final = "Internal error"
WORDS: Final[Mapping[type[EntourageError], Words]] = {
    errors.NotFound: Words(404, "Not found"),
    errors.Conflict: Words(400, "Invalid value"),
    errors.NotAllowed: Words(403, "Forbidden"),
    errors.Unauthenticated: Words(401, "Not authorized"),
    errors.LockedOut: Words(429, "Too many requests", more=True),
    errors.Invalid: Words(400, "Invalid value", more=True),
    errors.OutOfCredit: Words(429, "Not enough credits"),
    errors.Throttled: Words(503, _INTERNAL),
    errors.Challenged: Words(503, _INTERNAL),
    errors.Unreachable: Words(503, _INTERNAL),
    errors.Damaged: Words(503, _INTERNAL),
    errors.Gone: Words(404, "Not found"),
    errors.Refused: Words(400, "Invalid value"),
    errors.StorageFull: Words(503, _INTERNAL),
    errors.ChildFailed: Words(503, _INTERNAL),
    RateLimited: Words(429, "Too many requests", more=True),
    BadRequest: Words(400, "Invalid value", more=True),
    TooLarge: Words(413, "Invalid value", more=True),
    WrongType: Words(415, "Invalid value", more=True),
}
"""Each error that a verb or a door can raise; a test demands that none is missing."""
_OF_STATUS: Final[Mapping[int, Words]] = {
    404: Words(404, "Not found"),
    405: Words(405, "Method not allowed"),
    413: Words(413, "Invalid value"),
}
_CRASH: Final = Words(500, _INTERNAL)


class Dialect:
    """The influencer contract's way with credentials and errors."""

    def credential(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The key after `Token` (section "Authentication")."""
        shown = headers.get(b"authorization")
        if shown is None:
            return None
        if shown[:6].lower() == b"token " and (key := shown[6:].strip()):
            return key.decode("latin-1")
        raise Unauthenticated("The Authorization header must be: Token, a blank, and the key.")

    def refusal(self, error: Exception, request_id: str, now: datetime) -> Reply:  # noqa: ARG002 - as every dialect
        """Any error as the section "Errors" has it."""
        words = _words(error)
        if words is _CRASH:
            door.log.error("A request failed (request %s)", request_id, exc_info=error)
        detail = words.detail
        if words.more:
            detail = f"{detail}: {error}"
        elif isinstance(error, errors.NotFound) and str(error).startswith(NOT_ENOUGH):
            detail = str(error)
        return Reply(words.status, _encode(wire.Error(detail=detail)), [JSON, NO_STORE, *_hints(error, words)])


def _words(error: Exception) -> Words:
    if isinstance(error, HTTPException) and not is_ours(error):
        return _OF_STATUS.get(error.status_code, Words(error.status_code, "Invalid value"))
    for kind in type(error).__mro__:
        if kind in WORDS:
            return WORDS[kind]
    return _CRASH


def _hints(error: Exception, words: Words) -> Sequence[tuple[bytes, bytes]]:
    """Headers that tell a client what to do next."""
    if words.status == 401:  # noqa: PLR2004 - Unauthorized
        return [(b"www-authenticate", b"Token")]
    if words.status == 503 or isinstance(error, RateLimited):  # noqa: PLR2004 - Service Unavailable
        seconds = getattr(error, "retry_after", None)
        return [(b"retry-after", b"%d" % max(1, math.ceil(30 if seconds is None else seconds)))]
    if isinstance(error, HTTPException) and error.headers and words.status == 405:  # noqa: PLR2004 - Method Not Allowed
        return [(b"allow", allowed(error.headers.get("allow", "")).encode())]
    return []


# --- answers


def answer(shape: object) -> Reply:
    """A wire shape as JSON, free of charge."""
    return Reply(200, _encode(shape), [JSON, NO_STORE])


def encoded(shape: object) -> bytes:
    """A wire shape as JSON text."""
    return _encode(shape)


def receipt(body: bytes, cost: int, left: int | None) -> Reply:
    """An answer, with what it cost and what is left."""
    headers: RawHeaders = [JSON, NO_STORE, (b"x-credits-cost", b"%d" % cost)]
    if left is not None:
        headers.append((b"x-credits-remaining", b"%d" % left))
    return Reply(200, body, headers)


class Links:
    """Where the pages of a list are, with the question's other parts kept."""

    __slots__ = ("_asked", "_place")

    def __init__(self, request: Asked) -> None:
        """Those of the list that was asked for."""
        scope = request.scope
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        self._asked = [(name, value) for name, value in pairs if name != "page"]
        self._place = origin(scope) + scope["path"]

    def around(self, number: int, pages: int) -> tuple[str | None, str | None]:
        """The next and the previous page of page `number`, null where there is none; raises NotFound beyond the end."""
        if number > max(pages, 1):
            raise errors.NotFound("There is no such page.")
        return (self._to(number + 1) if number < pages else None, self._to(number - 1) if number > 1 else None)

    def _to(self, number: int) -> str:
        return f"{self._place}?{urlencode([*self._asked, ('page', str(number))])}"


def origin(scope: HTTPScope) -> str:
    """How the client got here: the configured address, else the one it asked (as a trusted proxy told it)."""
    visit = visit_in(scope)
    settings = visit.house.settings
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = visit.headers.get(b"host", b"").decode("latin-1")
    return f"{scope['scheme']}://{host}" if _HOST.fullmatch(host) else settings.url
