"""The pages of connections: accounts on networks that a user lets this server read with."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.accounts import connections
from entourage.insight import connecting, plans
from entourage.kernel.errors import (
    Challenged,
    Conflict,
    Damaged,
    EntourageError,
    Invalid,
    NotFound,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from entourage.networks import registry
from entourage.web.entry import problems_of
from entourage.web.frame import back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import form_of, visitor_of

TROUBLE = (Invalid, Conflict, Unauthenticated, Challenged, Throttled, Unreachable, Damaged, Refused, NotFound)
"""What signing in can end with and the form can say."""


async def _shown(
    request: Ask, given: Mapping[str, str], problems: Mapping[str, str], again: int = 0, status: int = 200
) -> Response[Any]:
    mine = await parts_of(request).database.read(connections.mine, visitor_of(request).actor)
    offered = {name: reader for name, reader in registry.PEOPLE.items() if reader.CREDENTIALS}
    return page(
        request, "connections.html", status=status, connections=mine, networks=registry.PEOPLE, offered=offered,
        given=given, problems=problems, again=again,
    )  # fmt: skip


@get("/collecting/connections")
async def show(request: Ask) -> Response[Any]:
    """The actor's connections, and the form for one more."""
    asked = {name: request.query_params.get(name, "") for name in ("network", "server")}
    again = request.query_params.get("again", "")
    return await _shown(request, asked, {}, int(again) if again.isdecimal() and len(again) < 10 else 0)  # noqa: PLR2004 - a number of ours


@post("/collecting/connections")
async def connect(request: Ask) -> Response[Any] | Redirect:
    """Sign in to a network."""
    form, parts, actor = await form_of(request), parts_of(request), visitor_of(request).actor
    network, server = form.text("network"), form.text("server")
    given = _credentials(network, form.raw)
    try:
        made = await connecting.connect(
            parts.database,
            parts.archive.world,
            parts.secrets,
            actor,
            network=network,
            server=server,
            given=given,
        )
    except TROUBLE as error:
        shown = {"network": network, "server": server} | _public(network, given)
        return await _shown(request, shown, _problems(error), status=422)
    return back(request, "/collecting/connections", f"You are connected as @{made.username}.")


@post("/collecting/connections/{connection_id:int}/{deed:str}")
async def do(request: Ask, connection_id: FromPath[int], deed: FromPath[str]) -> Response[Any] | Redirect:
    """Sign in again, go on after what the network wanted, or disconnect."""
    form, parts, actor = await form_of(request), parts_of(request), visitor_of(request).actor
    known = await parts.database.read(connections.get, actor, connection_id)
    match deed:
        case "again":
            given = _credentials(known.network, form.raw)
            try:
                await connecting.reconnect(
                    parts.database,
                    parts.archive.world,
                    parts.secrets,
                    actor,
                    connection_id=connection_id,
                    given=given,
                )
            except TROUBLE as error:
                shown = {"network": known.network, "server": known.server} | _public(known.network, given)
                return await _shown(request, shown, _problems(error), connection_id, 422)
            return back(request, "/collecting/connections", f"@{known.username} works again.")
        case "confirm":
            await parts.database.write(connections.confirm, actor, connection_id)
            return back(request, "/collecting/connections", f"@{known.username} goes on.")
        case "remove":
            resting = await parts.database.write(plans.disconnect, actor, connection_id)
            tail = f" {len(resting)} of your plans used it and rest now." if resting else ""
            return back(request, "/collecting/connections", f"@{known.username} is disconnected.{tail}")
        case _:
            raise Conflict("There is no such action.")


def _credentials(network: str, raw: Any) -> dict[str, str]:
    reader = registry.PEOPLE.get(network)
    return {name: raw(name).strip() for name, _ in reader.CREDENTIALS} if reader else {}


def _public(network: str, given: Mapping[str, str]) -> dict[str, str]:
    """What may stand in the form again: everything but the secret, which is the last."""
    names = [name for name, _ in registry.PEOPLE[network].CREDENTIALS][:-1] if network in registry.PEOPLE else []
    return {name: given.get(name, "") for name in names}


def _problems(error: EntourageError) -> dict[str, str]:
    found = problems_of(error)
    return dict(found) if found else {"": str(error)}


HANDLERS: Sequence[BaseRouteHandler] = (show, connect, do)
