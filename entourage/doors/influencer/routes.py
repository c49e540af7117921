"""The influencer door: every call of the contract and its page, as one ASGI application."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Router
from litestar.types import ASGIApp, Scope

from entourage.accounts.api_tokens import Verifier
from entourage.accounts.cashier import Cashier
from entourage.accounts.model import Actor
from entourage.doors import docs, openapi
from entourage.doors.door import Door, House, Turnstile, application
from entourage.doors.influencer import calls, resources
from entourage.doors.influencer.dialect import Dialect
from entourage.doors.influencer.remembered import Remembered
from entourage.doors.influencer.selling import Staff, with_staff
from entourage.doors.limits import Count, Limiter
from entourage.insight.keeping import Keeper

ROOT: Final = "/v1"
STRANGERS: Final = 100
"""How many times the usual limit a stranger gets here: all they are told is that they are strangers."""


class Credited:
    """Counts strangers alone: who holds a token is limited by credits."""

    def __init__(self, turnstile: Turnstile) -> None:
        """Count with the other doors."""
        self._turnstile = turnstile

    def count(self, scope: Scope, headers: Mapping[bytes, bytes], actor: Actor | None, now: datetime) -> Count | None:
        """Count one request of a stranger."""
        if actor is not None:
            return None
        return self._turnstile.stranger(scope, headers, now, times=STRANGERS, where="influencer ")


def build(house: House, keeper: Keeper, turnstile: Turnstile | None = None) -> ASGIApp:
    """The door; `turnstile` is given where several doors count together. `keeper` keeps what is counted for clients."""
    counts = Credited(turnstile or Turnstile(house.settings, Limiter()))
    pages = docs.handlers(f"{ROOT}/docs", document, {"/docs": "Downloads"})
    inside = application(house, [Router(ROOT, route_handlers=list(resources.HANDLERS)), *pages])
    staff = Staff(Cashier(house.database, house.settings.tariff), keeper, Remembered(house.database))
    return Door(
        house,
        Dialect(),
        with_staff(inside, staff),
        counts,
        verifier=Verifier(house.database),
        options_inside=True,
    )


def document() -> dict[str, Any]:
    """The OpenAPI document of the door."""
    return openapi.document(calls.ABOUT, ROOT, resources.HANDLERS, calls.CALLS)
