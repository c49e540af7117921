"""Coming in: the first account of a new server, signing in and out."""

import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.response import Redirect

from entourage.accounts import passwords, sessions, users
from entourage.accounts.model import User
from entourage.kernel.errors import Conflict, EntourageError, Invalid, LockedOut, NotAllowed, Problem, Unauthenticated
from entourage.web import words
from entourage.web.faults import sentence
from entourage.web.frame import THEME_COOKIE, THEMES, back, page, theme_of
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import SESSION_COOKIE, Form, cookie, form_of, local_path, maybe_visitor, visitor_of

_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


def make_code() -> str:
    """A set-up code for the operator to read from the terminal and type."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))


def from_this_machine(request: Ask) -> bool:
    """Whether the visitor sits at the machine itself: a loopback connection that no proxy and no foreign name made."""
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    try:
        near = ipaddress.ip_address(request.client.host).is_loopback
        return near and (named == "localhost" or ipaddress.ip_address(named).is_loopback)
    except ValueError:
        return False


@get("/setup", opt={"public": True})
async def show_set_up(request: Ask) -> Response[Any] | Redirect:
    """The form for the first account; only while there is none."""
    if await parts_of(request).database.read(users.exist):
        return Redirect("/sign-in", status_code=303)
    return _set_up_page(request, {}, {})


def _set_up_page(request: Ask, given: dict[str, str], problems: dict[str, str], status: int = 200) -> Response[Any]:
    needs_code = not from_this_machine(request)
    if needs_code and parts_of(request).setup_code is None:
        raise NotAllowed(
            "This server has no account yet, and the first one can be made only on the machine it runs on. "
            "Open it there, or run `entourage user add`."
        )
    filled = {name: given.get(name, "") for name in ("username", "email", "code")}
    return page(request, "setup.html", status=status, given=filled, problems=problems, needs_code=needs_code)


@post("/setup", opt={"public": True})
async def set_up(request: Ask) -> Response[Any] | Redirect:
    """Make the first administrator, and sign them in."""
    parts, form = parts_of(request), await form_of(request)
    if await parts.database.read(users.exist):
        raise Conflict("This server is set up already; sign in, or ask its administrator for an account.")
    given = {name: form.text(name) for name in ("username", "email", "code")}
    if not from_this_machine(request):
        code = parts.setup_code
        if code is None:
            return _set_up_page(request, given, {})
        if not hmac.compare_digest(code.encode(), given["code"].lower().encode()):
            return _set_up_page(request, given, {"code": "This is not the code that the server printed."}, 422)
    try:
        hashed = await passwords.hashed(same_twice(form))
        user = await parts.database.write(users.set_up, given["username"], hashed, given["email"] or None)
    except Invalid as error:
        return _set_up_page(request, given, problems_of(error), 422)
    return await _let_in(request, user, "/queue", f"Welcome, {user.username}. Add the first address below.")


@get("/sign-in", opt={"public": True})
async def show_sign_in(request: Ask) -> Response[Any] | Redirect:
    """The form to sign in; on a new server, the one for the first account."""
    wanted = local_path(request.query_params.get("next", "/"))
    if maybe_visitor(request) is not None:
        return Redirect(wanted, status_code=303)
    if not await parts_of(request).database.read(users.exist):
        return Redirect("/setup", status_code=303)
    return page(request, "sign-in.html", next=wanted, username="", problem="")


@post("/sign-in", opt={"public": True})
async def sign_in(request: Ask) -> Response[Any] | Redirect:
    """Check the password and start a session."""
    form = await form_of(request)
    name, wanted = form.text("username"), local_path(form.text("next") or "/")
    try:
        user = await sessions.log_in(parts_of(request).database, name, form.raw("password"))
    except (Unauthenticated, LockedOut) as error:
        status = 429 if isinstance(error, LockedOut) else 401
        problem = str(error) if isinstance(error, LockedOut) else "The user name or the password is not right."
        return page(request, "sign-in.html", status=status, next=wanted, username=name, problem=problem)
    return await _let_in(request, user, wanted)


async def _let_in(request: Ask, user: User, to: str, text: str = "") -> Redirect:
    value, _ = await parts_of(request).database.write(sessions.start, user)
    answer = back(request, to, text)
    answer.cookies.append(cookie(request, SESSION_COOKIE, value, int(sessions.SESSION.total_seconds())))
    return answer


@post("/sign-out")
async def sign_out(request: Ask) -> Redirect:
    """End the session."""
    await parts_of(request).database.write(sessions.close, visitor_of(request).cookie)
    answer = back(request, "/sign-in", "You are signed out.")
    answer.cookies.append(cookie(request, SESSION_COOKIE, "", 0))
    return answer


@get("/keys", sync_to_thread=False)
def keys(request: Ask) -> Response[Any]:
    """The keyboard shortcuts, for browsers without scripts."""
    return page(request, "keys.html")


@post("/theme")
async def theme(request: Ask) -> Redirect:
    """Light, dark, or as the system has it."""
    form = await form_of(request)
    chosen = form.text("theme") if form.text("theme") in THEMES else theme_of(request)
    answer = back(request, form.text("back"))
    answer.cookies.append(cookie(request, THEME_COOKIE, chosen, 31_536_000))
    return answer


def same_twice(form: Form) -> str:
    """The new password of a form; raises Invalid unless it was typed the same way twice."""
    if form.raw("password") != form.raw("again"):
        raise Invalid(Problem("again", "The two passwords differ."))
    return form.raw("password")


def problems_of(error: EntourageError) -> dict[str, str]:
    """What is wrong by field, each as a sentence; what belongs to no field has the name ""."""
    if not isinstance(error, Invalid):
        return {"": sentence(error)}
    return {p.field: said_of(p) for p in error.problems}


def said_of(problem: Problem) -> str:
    """A problem as it stands beside its field: a sentence of its own."""
    return words.sentence(problem.message)


HANDLERS: Sequence[BaseRouteHandler] = (show_set_up, set_up, show_sign_in, sign_in, sign_out, keys, theme)
