"""The media door: every call of the contract, its socket and its page, as one ASGI application."""

from typing import Any

from litestar import Router
from litestar.types import ASGIApp

from entourage.doors import docs, openapi
from entourage.doors.door import Door, House, Turnstile, application
from entourage.doors.limits import Limiter
from entourage.doors.media import calls, library, running, signing, work
from entourage.doors.media.dialect import Dialect
from entourage.doors.media.socket import Crowd

ROOT = "/api/v1"
HANDLERS = [*signing.HANDLERS, *library.HANDLERS, *work.HANDLERS, *running.HANDLERS]


def build(house: House, turnstile: Turnstile | None = None) -> ASGIApp:
    """The door; `turnstile` is given where several doors count together."""
    dialect, turnstile = Dialect(), turnstile or Turnstile(house.settings, Limiter())
    crowd = Crowd(house, turnstile)
    pages = docs.handlers("/docs", document, {"/v1/docs": "Analytics of channels"})
    inside = application(house, [Router(ROOT, route_handlers=list(HANDLERS)), crowd.handler(), *pages])
    return Door(house, dialect, inside, turnstile, kept_paths=(f"{ROOT}/downloads",))


def document() -> dict[str, Any]:
    """The OpenAPI document of the door."""
    return openapi.document(calls.ABOUT, ROOT, HANDLERS, calls.CALLS)
