"""The pages of the analytics API's tokens and credits: one's own, and everybody's for administrators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts import api_tokens, users
from entourage.accounts import credits as purses
from entourage.accounts.model import Account, Actor, Entry, Token, User
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from entourage.kernel.paging import Page
from entourage.kernel.tariff import Tariff
from entourage.web.entry import problems_of
from entourage.web.frame import back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.queueing import number_of
from entourage.web.visitor import form_of, visitor_of
from entourage.web.words import number

ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Purse:
    """A user's tokens and credits. `account` is None for who looks at their own before anybody gave them credits."""

    user: User
    account: Account | None
    tokens: Sequence[Token]
    ledger: Page[Entry]


def look(tx: Tx, actor: Actor, tariff: Tariff, user_id: int, number: int) -> Purse:
    """One's own, or anybody's for an administrator."""
    return Purse(
        users.get(tx, actor, user_id),
        purses.balance(tx, actor, tariff, user_id) if api_tokens.may_add(tx, actor) else None,
        api_tokens.listing(tx, actor, user_id),
        purses.ledger(tx, actor, user_id, number, ENTRIES),
    )


async def _shown(
    request: Ask, user_id: int, problems: Mapping[str, str], *, token: str = "", status: int = 200
) -> Response[Any]:
    parts, actor = parts_of(request), visitor_of(request).actor
    tariff = parts.settings.tariff
    purse = await parts.database.read(look, actor, tariff, user_id, number_of(request))
    everyone = await parts.database.read(users.everyone, actor) if actor.admin else []
    return page(
        request, "credits.html", status=status, purse=purse, everyone=everyone, tariff=tariff, problems=problems,
        token_once=token, credits_first=api_tokens.CREDITS_FIRST,
    )  # fmt: skip


def _whose(request: Ask) -> int:
    asked = request.query_params.get("user", "")
    return int(asked) if asked.isdecimal() and len(asked) < 19 else visitor_of(request).actor.user_id  # noqa: PLR2004 - what a database keeps


@get("/settings/credits")
async def show(request: Ask) -> Response[Any]:
    """The tokens, the balance and where it went."""
    return await _shown(request, _whose(request), {})


@post("/settings/credits/{deed:str}")
async def do(request: Ask, deed: FromPath[str]) -> Response[Any] | Redirect:
    """Make or revoke a token; top up, or change the plan (administrators)."""
    form, parts, actor = await form_of(request), parts_of(request), visitor_of(request).actor
    user_id = form.number("user") or actor.user_id
    here = f"/settings/credits?user={user_id}"
    tariff = parts.settings.tariff
    try:
        match deed:
            case "token":
                user = await parts.database.read(users.get, actor, user_id)
                made = await parts.database.write(_token, actor, tariff, user.username, form.text("label"))
                return await _shown(request, user_id, {}, token=made)
            case "revoke":
                await parts.database.write(api_tokens.revoke, actor, form.number("token") or 0)
                return back(request, here, "The token counts no more.")
            case "top-up":
                account = await parts.database.write(purses.top_up, actor, tariff, user_id, form.number("credits") or 0)
                return back(request, here, f"There are {number(account.balance)} credits now.")
            case "plan":
                account = await parts.database.write(purses.set_plan, actor, tariff, user_id, form.text("plan"))
                return back(request, here, f"The plan is {account.plan}; there are {number(account.balance)} credits.")
            case _:
                raise NotFound("There is no such action.")
    except (Invalid, Conflict, NotAllowed) as error:
        status = 403 if isinstance(error, NotAllowed) else 422
        return await _shown(request, user_id, problems_of(error), status=status)


def _token(tx: Tx, actor: Actor, tariff: Tariff, username: str, label: str) -> str:
    if actor.admin:
        purses.open_account(tx, tariff, users.named(tx, actor, username).id)
    return api_tokens.add(tx, actor, username, label)


HANDLERS: Sequence[BaseRouteHandler] = (show, do)
