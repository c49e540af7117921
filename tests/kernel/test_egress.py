"""The gate: what is open to us and what is not."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.kernel.egress import Gate, networks
from entourage.kernel.errors import Refused


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("fd12::1", "private"),
        ("fec0::1", "private"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("169.254.169.254", "metadata"),
        ("168.63.129.16", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("100.64.0.1", "CGNAT"),
        ("100.100.100.200", "CGNAT"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("192.0.2.1", "reserved"),
        ("198.18.0.1", "reserved"),
        ("2001:db8::1", "reserved"),
        ("2001::1", "reserved"),
        ("::7f00:1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("2002:7f00:1::", "loopback"),
        ("2002:c0a8:1::1", "private"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::169.254.169.254", "metadata"),
        ("localhost", "not an IP address"),
    ],
)
def test_closed_networks_are_refused_with_the_reason(address: str, reason: str) -> None:
    assert reason in (Gate().refusal(address) or "")
    with pytest.raises(Refused, match=reason):
        Gate().check(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ],
)
def test_the_public_internet_is_open(address: str) -> None:
    assert Gate().refusal(address) is None


def test_what_the_operator_allows_is_open_and_nothing_beside_it() -> None:
    gate = Gate(networks(["127.0.0.1", " 10.8.0.0/16", "fd12::/16"]))
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "10.8.200.1", "fd12::5"):
        assert gate.refusal(address) is None
    for address in ("127.0.0.2", "10.9.0.1", "fd13::5", "::1"):
        assert gate.refusal(address) is not None


def test_what_is_no_network_is_not_allowed() -> None:
    with pytest.raises(ValueError, match="somewhere"):
        networks(["somewhere"])


@given(st.ip_addresses(v=4))
def test_nothing_that_python_knows_as_not_global_is_open(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert Gate().refusal(str(address)) is not None
        assert Gate().refusal(f"::ffff:{address}") is not None


@given(st.ip_addresses(v=6))
def test_the_same_for_the_long_addresses(address: ipaddress.IPv6Address) -> None:
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (not address.is_global or address.is_multicast) and address not in NAT64:
        assert Gate().refusal(str(address)) is not None


NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
