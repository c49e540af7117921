"""How a call is sold: who may not have it is told before work begins, the answer is made, paid, and only then sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from entourage.accounts.cashier import Cashier
from entourage.accounts.model import Actor, Holder
from entourage.doors.asking import Asked
from entourage.doors.door import Reply, Visit, visit_in, visit_of
from entourage.doors.influencer.dialect import encoded, receipt
from entourage.doors.influencer.remembered import Remembered
from entourage.insight.keeping import Keeper
from entourage.kernel.db import Tx
from entourage.kernel.errors import Unauthenticated

P = ParamSpec("P")
Verb = Callable[Concatenate[Tx, Actor, P], object]
_STAFF = "entourage_staff"


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works at this door: one takes credits, one keeps what was counted, one remembers what was answered."""

    cashier: Cashier
    keeper: Keeper
    remembered: Remembered


def with_staff(inside: ASGIApp, staff: Staff) -> ASGIApp:
    """The application, whose calls find the staff; what is remembered is sold before the application is asked."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        cast("dict[str, Any]", scope)[_STAFF] = staff
        if scope["type"] == "http":
            visit = visit_in(scope)
            if visit.method == "GET" and isinstance(visit.known, Holder):
                found = staff.remembered.get(_question(scope))
                if found is not None:
                    await staff.cashier.admit(visit.known, found.resource)
                    await (await _paid(visit, staff, found.resource, found.subject, found.body))(scope, receive, send)
                    return
        await inside(scope, receive, send)

    return app


def _question(scope: HTTPScope) -> object:
    """What makes two answers the same, whoever asks: the address, with the name by which the server was called."""
    return scope["scheme"], visit_in(scope).headers.get(b"host"), scope["path"], scope["query_string"]


async def _paid(visit: Visit, staff: Staff, resource: str, subject: str, body: bytes) -> Reply:
    left = await staff.cashier.charge(holder_of(visit), resource, subject)
    return receipt(body, staff.cashier.tariff.prices[resource], left)


def _staff_of(request: Asked) -> Staff:
    return cast("dict[str, Any]", request.scope)[_STAFF]


def cashier_of(request: Asked) -> Cashier:
    """Who takes the credits."""
    return _staff_of(request).cashier


def keeper_of(request: Asked) -> Keeper:
    """Who keeps what was counted."""
    return _staff_of(request).keeper


def holder_of(visit: Visit) -> Holder:
    """Who pays; raises Unauthenticated."""
    actor = visit.actor
    if not isinstance(actor, Holder):
        raise Unauthenticated("This is no API token.")
    return actor


async def sold(request: Asked, resource: str, subject: str, make: Verb[P], *args: P.args, **kwargs: P.kwargs) -> Reply:
    """What `make` answers (a wire shape), paid for; the same for everybody who asks the same.

    HEAD costs nothing, because it tells nothing. Raises what `make` raises, NotAllowed and OutOfCredit.
    """
    return await _sold(request, resource, subject, lambda visit: visit.read(make, *args, **kwargs))


async def sold_at_once(
    request: Asked, resource: str, subject: str, make: Verb[P], *args: P.args, **kwargs: P.kwargs
) -> Reply:
    """As `sold`, for what takes a look at few rows by their keys."""
    return await _sold(request, resource, subject, lambda visit: visit.glance(make, *args, **kwargs))


async def _sold(request: Asked, resource: str, subject: str, make: Callable[[Visit], Awaitable[object]]) -> Reply:
    visit, staff = visit_of(request), _staff_of(request)
    await staff.cashier.admit(holder_of(visit), resource)
    version = await staff.remembered.version(visit)
    question = _question(request.scope)
    found = staff.remembered.get(question)
    body = encoded(await make(visit)) if found is None else found.body
    if found is None:
        staff.remembered.put(question, version, resource, subject, body)
    return receipt(body, 0, None) if visit.method == "HEAD" else await _paid(visit, staff, resource, subject, body)
