"""The web application: every page, file and live event that browsers get."""

from typing import Any

from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from entourage.archive.jobs import Archive
from entourage.insight.keeping import Keeper
from entourage.kernel.bus import Bus
from entourage.kernel.db import Database
from entourage.kernel.errors import EntourageError
from entourage.kernel.secrets import Secrets
from entourage.kernel.settings import Settings
from entourage.web import (
    assets,
    channels,
    collecting,
    comparing,
    connecting,
    crediting,
    dashboard,
    entry,
    faces,
    faults,
    figures_csv,
    importing,
    library,
    live,
    logbook,
    media,
    planning,
    preferring,
    queueing,
    visitor,
)
from entourage.web.frame import SECURITY
from entourage.web.parts import Parts

LARGEST_FORM = 4_000_000
"""Bytes of a form: ten thousand ticked files, or five hundred long addresses."""


def build(
    settings: Settings,
    database: Database,
    secrets: Secrets,
    bus: Bus,
    archive: Archive,
    *,
    keeper: Keeper,
    setup_code: str | None = None,
) -> Litestar:
    """The application over the parts of the server; it answers every path that no door owns.

    `setup_code` is what a stranger must know to make the first account; None accepts the machine itself alone.
    """
    parts = Parts(settings, database, secrets, bus, archive, archive.shelf, keeper, setup_code)
    handlers = [
        assets.serve,
        *entry.HANDLERS, *dashboard.HANDLERS, *queueing.HANDLERS, *library.HANDLERS, *media.HANDLERS,
        *planning.HANDLERS, *logbook.HANDLERS, *preferring.HANDLERS, *live.HANDLERS, *channels.HANDLERS,
        *comparing.HANDLERS,
        *figures_csv.HANDLERS, *faces.HANDLERS, *collecting.HANDLERS, *connecting.HANDLERS, *importing.HANDLERS,
        *crediting.HANDLERS,
        faults.nowhere,
    ]  # fmt: skip
    return Litestar(
        handlers,
        state=State({"parts": parts}),
        guards=[visitor.only_visitors],
        exception_handlers={EntourageError: faults.known, HTTPException: faults.http, Exception: faults.unknown},
        after_request=_secured,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=LARGEST_FORM,
    )


async def _secured(response: Response[Any]) -> Response[Any]:
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    return response
