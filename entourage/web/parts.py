"""What the pages are made over: the objects that the server composes, handed in once."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

from entourage.archive.files import Shelf
from entourage.archive.jobs import Archive
from entourage.insight.keeping import Keeper
from entourage.kernel.bus import Bus
from entourage.kernel.db import Database
from entourage.kernel.secrets import Secrets
from entourage.kernel.settings import Settings

Ask = Request[Any, Any, Any]
"""A request as Litestar hands it to a page."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the pages need of the server."""

    settings: Settings
    database: Database
    secrets: Secrets
    bus: Bus
    archive: Archive
    shelf: Shelf
    keeper: Keeper
    setup_code: str | None


def parts_of(request: Ask) -> Parts:
    """The parts of the server that answers this request."""
    return request.app.state.parts
