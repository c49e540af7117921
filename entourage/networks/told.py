"""What strangers' JSON tells, read without trust: whatever is not of the expected shape counts as not told."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from entourage.kernel.errors import Invalid, Problem
from entourage.networks.facts import LARGEST_COUNT, LONGEST_TEXT

Told = Mapping[str, object]
"""A JSON object from the world."""

LONGEST_SENTENCE = 300
_EARLIEST, _LATEST = 1970, 9998
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\"'.,;:!?)\]}]", re.IGNORECASE)


def part(value: object) -> Told:
    """The object, or an empty one."""
    return cast("Told", value) if isinstance(value, dict) else {}


def parts(value: object) -> list[Told]:
    """The objects of a list; whatever else is in it is left out."""
    return [cast("Told", one) for one in _list(value) if isinstance(one, dict)]


def texts(value: object) -> list[str]:
    """The texts of a list; whatever else is in it is left out."""
    return [told for one in _list(value) if (told := text(one)) is not None]


def is_list(value: object) -> bool:
    """Whether this is a JSON array."""
    return isinstance(value, list)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The text, fit for any database (no NUL, no half characters) and not too long; None for anything else."""
    if not isinstance(value, str):
        return None
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:LONGEST_TEXT]


def words(value: object) -> str | None:
    """As `text`, without the space around it; None where nothing is left."""
    return (text(value) or "").strip() or None


def sentence(value: object) -> str:
    """What a server says to people, such as why it refuses: on one line and short; empty where it says nothing."""
    said = " ".join((text(value) or "").split())
    return said if len(said) <= LONGEST_SENTENCE else f"{said[:LONGEST_SENTENCE]}…"


def count(value: object) -> int | UnsetType:
    """A whole number from 0 on."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT
    return cast("int", value) if fits else UNSET


def pixels(value: object) -> int | None:
    """A side of a picture: a whole number from 1 on."""
    told = count(value)
    return told if isinstance(told, int) and told else None


def moment(value: object) -> datetime | None:
    """The aware time that an RFC 3339 text (or a time already read) means."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware if _EARLIEST <= aware.year <= _LATEST else None


def address(value: object) -> str | None:
    """A web address."""
    told = words(value)
    return told if told and told.lower().startswith(("http://", "https://")) else None


def first_link(told: str | None) -> str | None:
    """The first web address that is written in a text."""
    found = _LINK.search(told or "")
    return found[0] if found else None


def origin(server: str) -> str:
    """The address of a server as https://host; Invalid where it has another shape.

    Unencrypted http is for the own machine only: what we send there holds secrets.
    """
    given = server.strip()
    split = urlsplit(given if "://" in given else f"https://{given}")
    try:
        host, port = split.hostname, split.port
    except ValueError:
        host = port = None
    if not host or split.username or split.path.strip("/") or split.query:
        raise Invalid(Problem("server", "must be the address of a server, such as https://example.social"))
    if split.scheme != "https" and not (split.scheme == "http" and host in _LOCAL):
        raise Invalid(Problem("server", "must begin with https://"))
    shown = f"[{host}]" if ":" in host else host
    return f"{split.scheme}://{shown}" + (f":{port}" if port else "")
