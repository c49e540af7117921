"""How a call is sold: who may not have it is told before work begins, the answer is made, paid, and only then sent."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, cast

from litestar.types import ASGIApp, Receive, Scope, Send

from entourage.accounts.cashier import Cashier
from entourage.accounts.model import Actor, Holder
from entourage.doors.asking import Asked
from entourage.doors.door import Reply, Visit, visit_of
from entourage.doors.influencer.dialect import encoded, receipt
from entourage.insight.keeping import Keeper
from entourage.kernel.db import Tx
from entourage.kernel.errors import Unauthenticated

P = ParamSpec("P")
Verb = Callable[Concatenate[Tx, Actor, P], object]
_TILL, _KEEPER = "entourage_till", "entourage_keeper"


def with_staff(inside: ASGIApp, cashier: Cashier, keeper: Keeper) -> ASGIApp:
    """The application, whose calls find the cashier and the keeper."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = cast("dict[str, Any]", scope)
        found[_TILL], found[_KEEPER] = cashier, keeper
        await inside(scope, receive, send)

    return app


def cashier_of(request: Asked) -> Cashier:
    """Who takes the credits."""
    return cast("dict[str, Any]", request.scope)[_TILL]


def keeper_of(request: Asked) -> Keeper:
    """Who keeps what was counted."""
    return cast("dict[str, Any]", request.scope)[_KEEPER]


def holder_of(visit: Visit) -> Holder:
    """Who pays; raises Unauthenticated."""
    actor = visit.actor
    if not isinstance(actor, Holder):
        raise Unauthenticated("This is no API token.")
    return actor


async def sold(request: Asked, resource: str, subject: str, make: Verb[P], *args: P.args, **kwargs: P.kwargs) -> Reply:
    """What `make` answers (a wire shape), paid for.

    HEAD costs nothing, because it tells nothing. Raises what `make` raises, NotAllowed and OutOfCredit.
    """
    visit = visit_of(request)
    await cashier_of(request).admit(holder_of(visit), resource)
    return await _paid(request, resource, subject, encoded(await visit.read(make, *args, **kwargs)))


async def sold_at_once(
    request: Asked, resource: str, subject: str, make: Verb[P], *args: P.args, **kwargs: P.kwargs
) -> Reply:
    """As `sold`, for what takes a look at few rows by their keys."""
    visit = visit_of(request)
    await cashier_of(request).admit(holder_of(visit), resource)
    return await _paid(request, resource, subject, encoded(await visit.glance(make, *args, **kwargs)))


async def _paid(request: Asked, resource: str, subject: str, body: bytes) -> Reply:
    visit, cashier = visit_of(request), cashier_of(request)
    if visit.method == "HEAD":
        return receipt(body, 0, None)
    left = await cashier.charge(holder_of(visit), resource, subject)
    return receipt(body, cashier.tariff.prices[resource], left)
