"""The connectors there are, by name, and which of them is the one for an address."""

from collections.abc import Callable, Mapping

from entourage.kernel.errors import NotFound, Refused
from entourage.networks import bluesky, forum, instagram, mastodon, tiktok, web
from entourage.networks.model import Expands
from entourage.networks.reading import Reads
from entourage.networks.sandbox import reading as sandbox

READERS: dict[str, Expands] = {
    instagram.NAME: instagram,
    tiktok.NAME: tiktok,
    forum.NAME: forum,
    web.NAME: web,
}
"""By the names that the API calls platforms; asked in this order, `web` last because it claims every address."""

PEOPLE: dict[str, Reads] = {
    sandbox.NAME: sandbox,
    bluesky.NAME: bluesky,
    mastodon.NAME: mastodon,
}
"""Those that read people and posts, by name."""

ADDRESSES: Mapping[str, Callable[[str, str | None], str]] = {
    instagram.NAME: instagram.address_of,
    tiktok.NAME: tiktok.address_of,
}
"""For platforms where people have names: the address of (name, content type). ValueError tells what is wrong."""


def reader(name: str) -> Expands:
    """The connector called `name`, or NotFound."""
    try:
        return READERS[name]
    except KeyError:
        raise NotFound(f"There is no platform called {name!r}; known are {', '.join(sorted(READERS))}.") from None


def people(name: str) -> Reads:
    """The connector called `name` that reads people and posts, or NotFound."""
    try:
        return PEOPLE[name]
    except KeyError:
        known = ", ".join(sorted(PEOPLE))
        raise NotFound(f"There is no network called {name!r} that can be read; known are {known}.") from None


def reader_for(url: str) -> Expands:
    """The first connector that claims `url`; Refused when it is not a web address."""
    for connector in READERS.values():
        if connector.claims(url):
            return connector
    raise Refused("Only http and https addresses can be fetched.")
