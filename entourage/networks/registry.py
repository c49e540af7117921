"""The connectors there are, by name, and which of them is the one for an address."""

from entourage.kernel.errors import NotFound, Refused
from entourage.networks import forum, web
from entourage.networks.model import Expands

READERS: dict[str, Expands] = {
    forum.NAME: forum,
    web.NAME: web,
}
"""By the names that the API calls platforms; asked in this order, `web` last because it claims every address."""


def reader(name: str) -> Expands:
    """The connector called `name`, or NotFound."""
    try:
        return READERS[name]
    except KeyError:
        raise NotFound(f"There is no platform called {name!r}; known are {', '.join(sorted(READERS))}.") from None


def reader_for(url: str) -> Expands:
    """The first connector that claims `url`; Refused when it is not a web address."""
    for connector in READERS.values():
        if connector.claims(url):
            return connector
    raise Refused("Only http and https addresses can be fetched.")
