"""Addresses of the world: one strict reading of a URL, so that every part of us sees the same host in it."""

import base64
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from entourage.kernel.errors import Refused

_LONGEST = 16_384
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.-])?\Z")
_IPV6 = re.compile(r"[0-9a-f:.]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SAFE = "%/:=&?~#+!$,;'@()*[]"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes: what remains of a URL once it was read."""

    scheme: str
    host: str
    port: int
    target: str
    authorization: str | None = None
    """The value of an Authorization header, where the URL held a user and a password."""

    @property
    def url(self) -> str:
        """The URL in ASCII, without user, password and fragment."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials are bound to."""
        return (self.scheme, self.host, self.port)

    @property
    def shown(self) -> str:
        """The address fit for messages: without the query, which may hold a signature."""
        return self.url.partition("?")[0]

    def follow(self, location: str) -> "Address":
        """Where a redirect to `location` leads from here; raises Refused as `read` does."""
        try:
            joined = urljoin(self.url, _ascii(location.strip()))
        except ValueError as error:
            raise Refused("The server redirected to something that is not an address.") from error
        return read(joined)


def read(url: str) -> Address:
    """The one reading of `url`; raises Refused for other schemes and for what two readers could read differently."""
    if len(url) > _LONGEST:
        raise Refused(f"The address is longer than {_LONGEST} characters.")
    if _CONTROL.search(url):
        raise Refused("The address holds control characters.")
    try:
        split = urlsplit(url.strip())
        port = split.port
        host = split.hostname or ""
    except ValueError as error:
        raise Refused("This is not a valid address.") from error
    scheme = split.scheme.lower()
    if scheme not in _PORTS:
        raise Refused(f"Only http and https addresses are fetched, not {scheme or 'this'}:.")
    if "\\" in split.netloc or port == 0:
        raise Refused("This is not a valid address.")
    path = _ascii(split.path) or "/"
    target = f"{path}?{_ascii(split.query)}" if split.query else path
    return Address(scheme, _host(host), port or _PORTS[scheme], target, _authorization(split.netloc))


def _ascii(text: str) -> str:
    """`text` with all but ASCII percent-encoded; what was encoded already stays."""
    return quote(text, safe=_SAFE)


def _host(host: str) -> str:
    if ":" in host:
        if not _IPV6.match(host):
            raise Refused("The address names no valid host.")
        return host
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise Refused("The address names no valid host.") from error
    if not _HOST.match(name.lower()):
        raise Refused("The address names no valid host.")
    return name.lower()


def _authorization(netloc: str) -> str | None:
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return None
    return "Basic " + base64.b64encode(unquote(userinfo).encode()).decode("ascii")
