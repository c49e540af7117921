"""The settings' pages: preferences, people, and one's own account."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts import passwords, sessions, users
from entourage.accounts.model import Actor, Role
from entourage.archive import preferences
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, EntourageError, Invalid, LockedOut, Unauthenticated
from entourage.web import choices
from entourage.web.entry import problems_of, same_twice
from entourage.web.frame import back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import Form, form_of, visitor_of
from entourage.web.words import plural


def _current(tx: Tx, folder: str) -> dict[str, object]:
    return choices.flat(preferences.masked(preferences.current(tx), folder))


async def _values(request: Ask) -> dict[str, object]:
    parts = parts_of(request)
    return await parts.database.read(_current, str(parts.settings.data / "library"))


def _page(request: Ask, values: Mapping[str, object], problems: Mapping[str, str], status: int = 200) -> Response[Any]:
    return page(request, "settings.html", status=status, groups=choices.GROUPS, values=values, problems=problems)


@get("/settings")
async def show(request: Ask) -> Response[Any] | Redirect:
    """The preferences, for administrators; everybody else gets to their account."""
    if not visitor_of(request).actor.admin:
        return Redirect("/settings/account", status_code=303)
    return _page(request, await _values(request), {})


@post("/settings")
async def change(request: Ask) -> Response[Any] | Redirect:
    """Change what differs from before; says beside each field what is wrong with it."""
    form, parts, actor = await form_of(request), parts_of(request), visitor_of(request).actor
    actor.needs_admin()
    before = await _values(request)
    patch, given, problems = _patch(form, before)
    if not problems:
        try:
            count = await parts.database.write(preferences.change, actor, choices.planted(patch), parts.secrets)
        except Invalid as error:
            problems = problems_of(error)
        else:
            text = f"{plural(count, 'setting')} changed, in force from now on." if count else "Nothing was changed."
            return back(request, "/settings", text)
    return _page(request, {**before, **given}, problems, 422)


def _patch(form: Form, before: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object], dict[str, str]]:
    """What the form changes, everything it gave, and what could not be read, all by dotted name."""
    patch: dict[str, object] = {}
    given: dict[str, object] = {}
    problems: dict[str, str] = {}
    for choice in (choice for group in choices.GROUPS for choice in group.choices if not choice.fixed):
        old = before[choice.name]
        value: object = form.raw(choice.name) if choice.secret else form.text(choice.name)
        if isinstance(old, bool):
            value = form.has(choice.name)
        elif isinstance(old, int):
            try:
                number = form.number(choice.name)
                value = 0 if number is None else number
            except Invalid:
                problems[choice.name] = "This must be a whole number."
        given[choice.name] = value
        if value != old and choice.name not in problems and not choices.is_kept(choice, str(value)):
            patch[choice.name] = value
    return patch, given, problems


# --- people


async def _people(
    request: Ask, given: Mapping[str, str] | None = None, problems: Mapping[str, str] | None = None, status: int = 200
) -> Response[Any]:
    everyone = await parts_of(request).database.read(users.everyone, visitor_of(request).actor)
    filled = {"username": "", "email": "", "role": "user", **(given or {})}
    return page(request, "people.html", status=status, people=everyone, given=filled, problems=problems or {})


@get("/settings/people")
async def people(request: Ask) -> Response[Any]:
    """Everybody who may sign in, for administrators."""
    return await _people(request)


@post("/settings/people")
async def add_person(request: Ask) -> Response[Any] | Redirect:
    """Add somebody."""
    form, actor = await form_of(request), visitor_of(request).actor
    actor.needs_admin()
    given = {name: form.text(name) for name in ("username", "email", "role")}
    role = Role.ADMIN if given["role"] == Role.ADMIN else Role.USER
    try:
        hashed = await passwords.hashed(form.raw("password"))
        user = await parts_of(request).database.write(
            users.add, actor, given["username"], hashed, email=given["email"] or None, role=role
        )
    except Invalid as error:
        return await _people(request, given, problems_of(error), 422)
    except Conflict as error:
        return await _people(request, given, {"username": str(error)}, 422)
    return back(request, "/settings/people", f"{user.username} may sign in now.")


def _set_role(role: Role) -> Any:
    def work(tx: Tx, actor: Actor, user_id: int) -> object:
        return users.set_role(tx, actor, user_id, role)

    return work


DEEDS: Mapping[str, tuple[Any, str]] = {
    "disable": (users.disable, "was shut out and signed out everywhere"),
    "enable": (users.enable, "may sign in again"),
    "admin": (_set_role(Role.ADMIN), "is an administrator now"),
    "user": (_set_role(Role.USER), "is a user without special rights now"),
}


@post("/settings/people/{user_id:int}/{deed:str}")
async def do(request: Ask, user_id: FromPath[int], deed: FromPath[str]) -> Response[Any] | Redirect:
    """Change somebody's role, shut them out or let them in, or give them a new password."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    actor.needs_admin()
    user = await database.read(users.get, actor, user_id)
    if deed == "password":
        hashed = await passwords.hashed(form.raw("password"))
        await database.write(users.set_password, actor, user_id, hashed)
        if user_id == actor.user_id:
            return back(request, "/sign-in", "The password is changed; sign in with it.")
        return back(request, "/settings/people", f"{user.username} has a new password and was signed out everywhere.")
    if deed not in DEEDS:
        raise Conflict("There is no such action.")
    act, said = DEEDS[deed]
    await database.write(act, actor, user_id)
    return back(request, "/settings/people", f"{user.username} {said}.")


# --- one's own account


async def _account(
    request: Ask, problems: Mapping[str, str] | None = None, status: int = 200, email: str | None = None
) -> Response[Any]:
    actor = visitor_of(request).actor
    user = await parts_of(request).database.read(users.get, actor, actor.user_id)
    shown = user.email if email is None else email
    return page(request, "account.html", status=status, user=user, email=shown or "", problems=problems or {})


@get("/settings/account")
async def account(request: Ask) -> Response[Any]:
    """One's own account."""
    return await _account(request)


@post("/settings/account")
async def change_email(request: Ask) -> Response[Any] | Redirect:
    """Change one's own e-mail address."""
    form, actor = await form_of(request), visitor_of(request).actor
    try:
        await parts_of(request).database.write(users.set_email, actor, actor.user_id, form.text("email") or None)
    except Invalid as error:
        return await _account(request, problems_of(error), 422, form.text("email"))
    return back(request, "/settings/account", "Your e-mail address is changed.")


@post("/settings/account/password")
async def change_password(request: Ask) -> Response[Any] | Redirect:
    """Change one's own password; other browsers and programs are signed out, this one stays."""
    form, visitor = await form_of(request), visitor_of(request)
    try:
        new = same_twice(form)
        await sessions.change_password(
            parts_of(request).database, visitor.actor, form.raw("old"), new, cookie=visitor.cookie
        )
    except Unauthenticated:
        return await _account(request, {"old": "This is not your password."}, 422)
    except (Invalid, LockedOut) as error:
        return await _account(request, _placed(error), 422)
    return back(request, "/settings/account", "Your password is changed; you are signed out everywhere else.")


def _placed(error: EntourageError) -> dict[str, str]:
    found = problems_of(error)
    return {"old": found[""]} if "" in found else found


HANDLERS: Sequence[BaseRouteHandler] = (
    show, change, people, add_person, do, account, change_email, change_password,
)  # fmt: skip
