"""The media door: every call of the contract, its socket and its page, as one ASGI application."""

from litestar import Router
from litestar.types import ASGIApp

from entourage.doors.door import Door, House, application
from entourage.doors.limits import Limiter
from entourage.doors.media import library, running, signing, work
from entourage.doors.media.dialect import Dialect

ROOT = "/api/v1"
HANDLERS = [*signing.HANDLERS, *library.HANDLERS, *work.HANDLERS, *running.HANDLERS]


def build(house: House, limiter: Limiter) -> ASGIApp:
    """The door; `limiter` counts over all doors."""
    dialect = Dialect()
    inside = application(house, dialect, [Router(ROOT, route_handlers=list(HANDLERS))])
    return Door(house, dialect, inside, limiter, kept_paths=(f"{ROOT}/downloads",))
