"""What people see when something goes wrong: every error in plain words, with the status that belongs to it."""

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Response, get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.kernel import errors
from entourage.web.frame import back, here, page
from entourage.web.parts import Ask
from entourage.web.visitor import SAFE, local_path, own_hosts

_log = logging.getLogger("entourage.web")

TITLES: dict[type[errors.EntourageError], tuple[int, str]] = {
    errors.NotFound: (404, "There is nothing here"),
    errors.Conflict: (409, "That does not fit together"),
    errors.NotAllowed: (403, "You may not do this"),
    errors.Unauthenticated: (401, "Please sign in"),
    errors.LockedOut: (429, "Too many tries"),
    errors.Invalid: (422, "Something in the form is not right"),
    errors.OutOfCredit: (402, "There is not enough credit"),
    errors.Throttled: (503, "The other side asks us to wait"),
    errors.Challenged: (503, "The network wants a person"),
    errors.Unreachable: (503, "The other side cannot be reached"),
    errors.Damaged: (502, "What came was damaged"),
    errors.Gone: (404, "It is not there any more"),
    errors.Refused: (403, "We do not go there"),
    errors.StorageFull: (507, "There is no room left"),
    errors.ChildFailed: (502, "A helper program failed"),
}
"""Each state of the world, as an HTTP status and a heading."""

NAMES = {
    400: "This could not be read",
    404: "There is nothing here",
    405: "This does not work that way",
    413: "That is too much",
}
PLAIN = {
    400: "The browser sent something we cannot read. Go back and try again.",
    404: "There is no page at this address. It may have been moved or removed, or the address has a typing error.",
    405: "This address cannot be used in that way.",
    413: "That is too much at once. Send less.",
}


def known(request: Ask, error: errors.EntourageError) -> Response[Any] | Redirect:
    """The answer to an error that we raise on purpose: for a failed change, back where it was asked for."""
    if isinstance(error, errors.Unauthenticated) and not request.url.path.startswith("/sign-in"):
        return _sign_in(request)
    status, title = next(TITLES[kind] for kind in type(error).__mro__ if kind in TITLES)
    if request.method not in SAFE and not isinstance(error, errors.NotAllowed):
        return back(request, came_from(request), sentence(error), "bad")
    answer = page(request, "error.html", status=status, title=title, text=sentence(error), number=status)
    if isinstance(error, errors.LockedOut):
        answer.headers["Retry-After"] = str(max(1, int((error.until - datetime.now(UTC)).total_seconds())))
    return answer


def http(request: Ask, error: HTTPException) -> Response[Any]:
    """The answer to an unknown address, a wrong method, a body too large."""
    status = error.status_code
    text = PLAIN.get(status, "The request could not be answered.")
    return page(
        request,
        "error.html",
        status=status,
        title=NAMES.get(status, HTTPStatus(status).phrase),
        text=text,
        number=status,
    )


def unknown(request: Ask, error: Exception) -> Response[Any]:
    """The answer to a crash of ours: a page that says so, and the trace in the log."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    text = "Something went wrong on the server. Nothing was lost; the log says what happened. Try again in a moment."
    return page(request, "error.html", status=500, title="That was our fault", text=text, number=500)


@get("/{address:path}", opt={"public": True}, sync_to_thread=False)
def nowhere(request: Ask, address: FromPath[str]) -> Response[Any]:
    """What no page has: an error page that knows who looks at it."""
    raise NotFoundException(f"{request.method} {address}")


def sentence(error: errors.EntourageError) -> str:
    """An error for people; the names of fields read as words."""
    if isinstance(error, errors.Invalid):
        return "; ".join(f"{named(p.field)} {p.message}" for p in error.problems) + "."
    return str(error)


def named(field: str) -> str:
    """The name of a field as a word: `max_downloads` is read as "Max downloads"."""
    word = field.rpartition(".")[2].replace("_", " ")
    return {"url": "The address"}.get(word, word[:1].upper() + word[1:])


def came_from(request: Ask) -> str:
    """The path of the page that sent this form, or the first page."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc not in own_hosts(request):
        return "/"
    return local_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _sign_in(request: Ask) -> Response[Any] | Redirect:
    wanted = here(request) if request.method in SAFE else came_from(request)
    to = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted)}"
    if request.headers.get("hx-request"):
        return Response(b"", status_code=401, headers={"HX-Redirect": to})
    if "text/html" not in request.headers.get("accept", "*/*") and "*/*" not in request.headers.get("accept", "*/*"):
        return Response(b"", status_code=401)
    return Redirect(to, status_code=303)
