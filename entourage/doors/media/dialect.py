"""How the media contract speaks: bearer tokens, one envelope for every error, pages told in headers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar.exceptions import HTTPException, WebSocketException

from entourage.doors import door
from entourage.doors.asking import Asked
from entourage.doors.door import Reply, allowed, is_ours
from entourage.doors.media import wire
from entourage.doors.refusals import BadRequest, RateLimited, TooLarge, WrongType
from entourage.kernel import errors
from entourage.kernel.errors import EntourageError, LockedOut, Unauthenticated

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")
"""What is somebody's own must not stay in shared caches."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of error is told: status, code, and words that replace the error's own where those tell too much."""

    status: int
    code: str
    instead: str | None = None


WORDS: Final[Mapping[type[EntourageError], Words]] = {
    errors.NotFound: Words(404, "NOT_FOUND"),
    errors.Conflict: Words(409, "CONFLICT"),
    errors.NotAllowed: Words(403, "INSUFFICIENT_PERMISSIONS"),
    errors.Unauthenticated: Words(401, "NOT_AUTHENTICATED"),
    errors.LockedOut: Words(429, "LOGIN_LOCKED"),
    errors.Invalid: Words(422, "VALIDATION_ERROR"),
    errors.OutOfCredit: Words(403, "OUT_OF_CREDIT"),
    errors.Throttled: Words(503, "NETWORK_BUSY"),
    errors.Challenged: Words(409, "NETWORK_WANTS_A_PERSON"),
    errors.Unreachable: Words(503, "UNREACHABLE"),
    errors.Damaged: Words(503, "DAMAGED_ANSWER"),
    errors.Gone: Words(404, "GONE_AT_THE_SOURCE"),
    errors.Refused: Words(422, "ADDRESS_REFUSED"),
    errors.StorageFull: Words(503, "STORAGE_FULL"),
    errors.ChildFailed: Words(
        503, "READER_FAILED", "The program that reads this network failed; the log says why. Nothing was changed."
    ),
    RateLimited: Words(429, "RATE_LIMIT_EXCEEDED"),
    BadRequest: Words(400, "BAD_REQUEST"),
    TooLarge: Words(413, "BODY_TOO_LARGE"),
    WrongType: Words(415, "UNSUPPORTED_MEDIA_TYPE"),
}
"""Each error that a verb or a door can raise; a test demands that none is missing."""

_OF_STATUS: Final[Mapping[int, Words]] = {
    400: Words(400, "BAD_REQUEST", "The request cannot be read."),
    404: Words(404, "NOT_FOUND", "There is nothing at this address."),
    405: Words(405, "METHOD_NOT_ALLOWED", "This address does not answer to this method; Allow names those it does."),
    413: Words(413, "BODY_TOO_LARGE", f"The body is larger than {door.LARGEST_BODY:,} bytes."),
}
_CRASH: Final = Words(
    500, "INTERNAL_ERROR", "Something went wrong on our side. It is in the log, under the request_id of this answer."
)


class Dialect:
    """The media contract's way with credentials and errors."""

    def credential(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The token after `Bearer`."""
        shown = headers.get(b"authorization")
        if shown is None:
            return None
        if shown[:7].lower() == b"bearer " and (token := shown[7:].strip()):
            return token.decode("latin-1")
        raise Unauthenticated("The Authorization header must be: Bearer, a blank, and an access token.")

    def refusal(self, error: Exception, request_id: str, now: datetime) -> Reply:
        """Any error in the envelope of the section "Error Responses"."""
        words = _words(error)
        if words is _CRASH:
            door.log.error("A request failed (request %s)", request_id, exc_info=error)
        envelope = wire.Envelope(
            detail=words.instead or str(error),
            error_code=words.code,
            timestamp=wire.precise(now),
            request_id=request_id,
        )
        headers = [JSON, NO_STORE, *_hints(error, words, now)]
        return Reply(words.status, _encode(envelope), headers)


def _words(error: Exception) -> Words:
    if isinstance(error, HTTPException | WebSocketException) and not is_ours(error):
        status = getattr(error, "status_code", 400)
        return _OF_STATUS.get(status, Words(status, "BAD_REQUEST", "The request cannot be answered."))
    for kind in type(error).__mro__:
        if kind in WORDS:
            return WORDS[kind]
    return _CRASH


def _hints(error: Exception, words: Words, now: datetime) -> Sequence[tuple[bytes, bytes]]:
    """Headers that tell a client what to do next."""
    if words.status == 401:  # noqa: PLR2004 - Unauthorized
        return [(b"www-authenticate", b"Bearer")]
    if isinstance(error, LockedOut):
        return [_after((error.until - now).total_seconds())]
    if words.status in {429, 503}:
        seconds = getattr(error, "retry_after", None)
        if seconds is not None or words.status == 503:  # noqa: PLR2004 - Service Unavailable
            return [_after(30 if seconds is None else seconds)]
    if isinstance(error, HTTPException) and error.headers and words.status == 405:  # noqa: PLR2004 - Method Not Allowed
        return [(b"allow", allowed(error.headers.get("allow", "")).encode())]
    return []


def _after(seconds: float) -> tuple[bytes, bytes]:
    return b"retry-after", b"%d" % max(1, math.ceil(seconds))


# --- answers


def answer(shape: object, status: int = 200, *, lasting: bool = False) -> Reply:
    """A wire shape as JSON."""
    return Reply(status, _encode(shape), [JSON, NO_STORE], lasting=lasting)


def done() -> Reply:
    """204: it is done and there is nothing to say."""
    return Reply(204, b"", [NO_STORE])


def paged(request: Asked, shape: object, total: int, number: int, size: int, *, lasting: bool = False) -> Reply:
    """A list as JSON, with the headers of the section "Pagination"."""
    pages = -(-total // size)
    headers = [
        JSON,
        NO_STORE,
        (b"x-total-count", b"%d" % total),
        (b"x-page", b"%d" % number),
        (b"x-per-page", b"%d" % size),
        (b"x-total-pages", b"%d" % pages),
        (b"link", _links(request, number, pages)),
    ]
    return Reply(200, _encode(shape), headers, lasting=lasting)


def _links(request: Asked, number: int, pages: int) -> bytes:
    """Where the first, previous, next and last page are, with the question's other parts kept."""
    scope = request.scope
    asked = [
        (k, v) for k, v in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True) if k != "page"
    ]
    places = {"first": 1}
    if number > 1:
        places["prev"] = min(number - 1, max(pages, 1))
    if number < pages:
        places["next"] = number + 1
    places["last"] = max(pages, 1)
    path = scope["path"]
    links = (f'<{path}?{urlencode([*asked, ("page", str(page))])}>; rel="{rel}"' for rel, page in places.items())
    return ", ".join(links).encode("ascii", "ignore")


def number_in(request: Asked, name: str) -> int:
    """The number in the path; raises Invalid for what is none, NotFound for what no number of ours can be."""
    text = str(request.path_params[name])
    if not (text.isascii() and text.isdigit()):
        raise errors.Invalid(errors.Problem(name, "must be a whole number"))
    if len(text) > len(str(wire.LARGEST_ID)) or int(text) > wire.LARGEST_ID:
        raise errors.NotFound("There is no such number here.")
    return int(text)


def name_in(request: Asked, name: str) -> str:
    """The name in the path; raises NotFound for what no name of ours can be."""
    text = str(request.path_params[name])
    if len(text) > wire.LONGEST_NAME or not text.isprintable():
        raise errors.NotFound("There is no such name here.")
    return text
