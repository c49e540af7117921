"""Which forum engine wrote a page, told from the page itself, never from its host."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from entourage.networks.threads import discourse, flaskbb, misago, phpbb, vbulletin, vbulletin5, xenforo
from entourage.networks.threads.markup import Tree
from entourage.networks.threads.page import ThreadPage


class Engine(Protocol):
    """A parser of one engine's pages. A module satisfies this by having these names."""

    NAME: str

    def recognises(self, tree: Tree) -> bool:
        """Whether the engine wrote this page."""
        ...

    def parse(self, tree: Tree, url: str, now: datetime | None = None) -> ThreadPage:
        """What the page at `url` says; `now` is what "today" on it means."""
        ...


HTML: Sequence[Engine] = (xenforo, misago, flaskbb, vbulletin5, vbulletin, phpbb)
"""In this order: the last two are also told by marks that add-ons to others could carry."""

NAMES = "XenForo, phpBB, vBulletin, Discourse, Misago and FlaskBB"


def engine_of(tree: Tree) -> Engine | None:
    """The engine that wrote this HTML page; None if it is none of ours (or Discourse, which is read as JSON)."""
    return None if is_discourse(tree) else next((engine for engine in HTML if engine.recognises(tree)), None)


def is_discourse(tree: Tree) -> bool:
    """Whether the page belongs to Discourse."""
    return discourse.recognises(tree)
