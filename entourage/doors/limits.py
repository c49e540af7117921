"""How often somebody may ask: counts in fixed windows of an hour, in memory, for a bounded number of askers."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WINDOW = 3600
"""Seconds for which a count goes on, from an asker's first request."""
REMEMBERED = 100_000
"""Askers counted at once; beyond that the oldest windows are forgotten, which only ever favours the asker."""
_SITE = 64
"""Bits of an IPv6 address that one subscriber has to themselves; they count as one."""


class Count(NamedTuple):
    """Where an asker stands after this request."""

    limit: int
    remaining: int
    resets_at: int
    """Unix seconds at which the count starts again."""
    allowed: bool


class Limiter:
    """Counts requests per asker. An asker is a user's number or a client's address."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._windows: dict[int | str, list[int]] = {}
        # Windows are all equally long, so the order in which they were opened is the order in which they end.

    def count(self, asker: int | str, limit: int, now: float) -> Count:
        """Count one request at `now` (unix seconds); `limit` is the most in a window."""
        window = self._windows.get(asker)
        if window is None or not window[0] <= now < window[0] + WINDOW:
            self._windows.pop(asker, None)
            if len(self._windows) >= self._remembered:
                del self._windows[next(iter(self._windows))]
            window = self._windows[asker] = [int(now), 0]
        allowed = window[1] < limit
        if allowed:
            window[1] += 1
        return Count(limit, limit - window[1] if allowed else 0, window[0] + WINDOW, allowed)

    def __len__(self) -> int:
        """How many askers are counted at the moment."""
        return len(self._windows)


def client_address(peer: str, forwarded_for: str | None, trusted: Iterable[Network]) -> str:
    """The address to count by: the peer's, or where the peer is a trusted proxy, the last one that is none.

    IPv6 addresses are cut to the network of their subscriber. What is not an address is returned as it is.
    """
    trusted = tuple(trusted)
    found = _parsed(peer)
    if trusted and found is not None and _among(found, trusted):
        for entry in reversed((forwarded_for or "").split(",")):
            hop = _parsed(entry.strip())
            if hop is None:
                break
            found = hop
            if not _among(hop, trusted):
                break
    if found is None:
        return peer
    if found.version == 6:  # noqa: PLR2004 - the two versions of IP
        return str(ipaddress.ip_network((found, _SITE), strict=False).network_address)
    return str(found)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _among(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
