"""Files over HTTP: conditional requests and ranges (RFC 9110), at the pace of a slow line if that is wanted."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow the line is: `rate` bytes a second for each answer (None: no limit), after `latency` seconds."""

    rate: int | None = None
    latency: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `slow` ones keep to the pace of the line, pages do not."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    slow: bool = False


def page(html: str, status: int = HTTPStatus.OK, **headers: str) -> Answer:
    """A page that is made anew each time."""
    told = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store", **headers}
    return Answer(status, told, html.encode())


def moved(to: str, status: int = HTTPStatus.MOVED_PERMANENTLY) -> Answer:
    """It is elsewhere."""
    return Answer(status, {"location": to})


def file(
    body: bytes, media_type: str, modified: datetime, asked: Mapping[str, str], *, name: str = "", slow: bool = True
) -> Answer:
    """A file that never changes: whole, the part that was asked for, or word that it is known already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    when = format_datetime(modified.astimezone(UTC).replace(microsecond=0), usegmt=True)
    told = {"content-type": media_type, "etag": tag, "last-modified": when, "accept-ranges": "bytes"}
    if name:
        told["content-disposition"] = f'inline; filename="{name}"'
    if _known(asked, tag, modified):
        return Answer(HTTPStatus.NOT_MODIFIED, {"etag": tag, "last-modified": when})
    wanted = _RANGE.fullmatch(asked.get("range", "").strip())
    if wanted is None or not any(wanted.groups()) or asked.get("if-range", tag) not in {tag, when}:
        return Answer(HTTPStatus.OK, told, body, slow=slow)
    first, last = _part(wanted[1], wanted[2], len(body))
    if first > last or first >= len(body):
        told = {"content-range": f"bytes */{len(body)}", "etag": tag}
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, told)
    told["content-range"] = f"bytes {first}-{last}/{len(body)}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, told, body[first : last + 1], slow=slow)


def _part(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, 0)
    return int(first), min(int(last or size), size - 1)


def _known(asked: Mapping[str, str], tag: str, modified: datetime) -> bool:
    if "if-none-match" in asked:
        return asked["if-none-match"].strip() == "*" or tag in re.findall(r'"[^"]*"', asked["if-none-match"])
    try:
        return modified.replace(microsecond=0) <= parsedate_to_datetime(asked.get("if-modified-since", ""))
    except (ValueError, TypeError):
        return False
