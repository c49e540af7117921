"""The egress gate: decides by the resolved address, at connect time, whether we go there at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from entourage.kernel.errors import Refused

Network = IPv4Network | IPv6Network

# Our own list, from the IANA special-purpose registries: `is_global` differs between Python versions.
_CLOSED_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier (CGNAT)"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.169.254/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_CLOSED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fd00:ec2::254/128", "cloud metadata"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


def networks(values: Sequence[str]) -> tuple[Network, ...]:
    """The networks that `values` name, as CIDR or as single addresses; raises ValueError for what is neither."""
    return tuple(ip_network(value.strip(), strict=False) for value in values)


@dataclass(frozen=True, slots=True)
class Gate:
    """What may be connected to: the public internet, and what the operator allowed besides."""

    allowed: Sequence[Network] = ()

    def refusal(self, address: str) -> str | None:
        """Why `address` (a numeric IP address) is closed to us, or None if it is open. Never raises."""
        return _refusal(tuple(self.allowed), address)

    def check(self, address: str) -> None:
        """Returns if `address` is open, else raises Refused with the reason."""
        if reason := self.refusal(address):
            raise Refused(reason)


@lru_cache(maxsize=4096)
def _refusal(allowed: tuple[Network, ...], address: str) -> str | None:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address!r} is not an IP address"
    inner = _embedded(ip)
    if any(ip in network or (inner is not None and inner in network) for network in allowed):
        return None
    reason = _closed(ip if inner is None else inner)
    if reason is None:
        return None
    return f"{ip} is in a network we do not enter ({reason}); the operator can open it with --allow-network"


def _embedded(ip: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address end at, if it carries one."""
    if isinstance(ip, IPv4Address):
        return None
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _SIX_TO_FOUR:
        return ip.sixtofour
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return None


def _closed(ip: IPv4Address | IPv6Address) -> str | None:
    if isinstance(ip, IPv4Address):
        return next((reason for network, reason in _CLOSED_V4 if ip in network), None)
    for network, reason in _CLOSED_V6:
        if ip in network:
            return reason
    return None if ip in _PUBLIC_V6 else "reserved"
