"""What an HTTP answer says: its headers read strictly, its status or failure put into our words."""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import unquote

import pycurl

from entourage.kernel.clock import bearable
from entourage.kernel.errors import Challenged, Damaged, EntourageError, Gone, Refused, Throttled, Unreachable

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([a-zA-Z0-9_.:-]{2,40})", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d{1,19})-(\d{1,19})|\*)/(\d{1,19}|\*)\Z", re.IGNORECASE)
_NAME_EXTENDED = re.compile(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", re.IGNORECASE)
_NAME_PLAIN = re.compile(r"filename\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]+))", re.IGNORECASE)
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Page:
    """A small answer, whole in memory: the address after redirects, status, headers (names in lower case), body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text: by its byte order mark, declared charset or meta element, else UTF-8 or Windows-1252."""
        for mark, encoding in (
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if self.body.startswith(mark):
                return self.body.decode(encoding, "replace").removeprefix("\ufeff")
        named = charset(self.headers.get("content-type", "")) or _meta_charset(self.body)
        if named is not None:
            return self.body.decode(named, "replace")
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError:
            return self.body.decode("cp1252", "replace")


def headers_of(lines: Sequence[bytes]) -> tuple[int, Mapping[str, str]]:
    """The status and the headers of the last answer in `lines` (earlier ones are interim), without trailers.

    Repeated headers are joined with commas, except those of which only one can count: there the first stays.
    """
    start = max(index for index, line in enumerate(lines) if line.startswith(b"HTTP/"))
    fields = lines[start].split(None, 2)
    status = int(fields[1][:3]) if len(fields) > 1 and fields[1][:3].isdigit() else 0
    headers: dict[str, str] = {}
    name = ""
    for line in lines[start + 1 :]:
        if line in {b"\r\n", b"\n"}:
            break
        if line[:1] in b" \t" and name:
            headers[name] += " " + _text(line)
            continue
        raw_name, _, value = line.partition(b":")
        name = raw_name.strip().decode("latin-1").lower()
        if name not in headers:
            headers[name] = _text(value)
        elif name not in {"location", "etag", "last-modified", "content-type", "content-range", "date"}:
            headers[name] += ", " + _text(value)
    return status, MappingProxyType(headers)


def _text(value: bytes) -> str:
    value = value.strip()
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def length_of(headers: Mapping[str, str]) -> int | None:
    """The promised length; raises Damaged where the server promised two different ones or no number."""
    value = headers.get("content-length")
    if value is None:
        return None
    values = {part.strip() for part in value.split(",")}
    only = values.pop()
    if values or not only.isdecimal():
        raise Damaged("The server gave no clear length for this file.")
    return int(only)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """What a Content-Range header says: the first and last byte (None on 416) and the total (None if unknown)."""

    first: int | None
    last: int | None
    total: int | None


def content_range(value: str) -> ContentRange | None:
    """The reading of a Content-Range header, or None for what is no byte range."""
    match = _CONTENT_RANGE.match(value.strip())
    if match is None:
        return None
    first, last, total = match.groups()
    return ContentRange(
        None if first is None else int(first),
        None if last is None else int(last),
        None if total == "*" else int(total),
    )


def moment(value: str | None) -> datetime | None:
    """An HTTP date, or None for what is none."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter for years and zones beyond any calendar
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait by Retry-After, given as seconds or as a date (read against the server's own clock).

    A day at most.
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return bearable(float(value))  # not int(), which refuses numbers of many thousand digits
    date = moment(value)
    if date is None:
        return None
    now = moment(headers.get("date")) or datetime.now(UTC)
    return bearable((date - now).total_seconds())


def charset(content_type: str) -> str | None:
    """The charset that a Content-Type declares, if Python knows it."""
    for part in content_type.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == "charset":
            return _known(value.strip().strip("\"'"))
    return None


def _meta_charset(body: bytes) -> str | None:
    found = _META_CHARSET.search(body[:4096])
    return _known(found.group(1).decode("ascii")) if found else None


def _known(name: str) -> str | None:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # Python's codecs include ones that are no charset (base64, zlib …).
    return found.name if getattr(found, "_is_text_encoding", True) else None


def filename_of(headers: Mapping[str, str]) -> str | None:
    """The file name a Content-Disposition suggests: for people only, without any folder."""
    value = headers.get("content-disposition", "")
    if extended := _NAME_EXTENDED.search(value):
        encoding = _known(extended.group(1)) or "utf-8"
        name = unquote(extended.group(2), encoding=encoding)
    elif plain := _NAME_PLAIN.search(value):
        name = re.sub(r"\\(.)", r"\1", plain.group(1)) if plain.group(1) is not None else plain.group(2)
    else:
        return None
    name = "".join(c for c in re.split(r"[/\\]", name)[-1] if c.isprintable()).strip()
    return name[:_LONGEST_NAME] or None


def error_of_status(status: int, headers: Mapping[str, str], shown: str) -> EntourageError:
    """The error that a final answer other than 2xx and a followed redirect means."""
    wait = retry_after(headers)
    if headers.get("cf-mitigated") == "challenge":
        return Challenged(f"{shown} asks visitors to prove they are human ({status}); nothing was fetched.")
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        return Throttled(f"{shown} asks us to slow down (429).", wait)
    if status >= 500 or status in {408, 425}:  # noqa: PLR2004 - HTTP's own number
        return Unreachable(f"{shown} is failing ({status}).", wait)
    words = {
        401: "wants a log-in",
        402: "wants a payment",
        403: "is closed to us",
        404: "does not exist",
        410: "was removed",
        451: "is withheld for legal reasons",
    }
    return Gone(f"{shown} {words.get(status, 'cannot be had')} ({status}).", status)


_NOT_HTTP = "{} does not speak HTTP as it should."
_NO_TLS = "No secure connection to {}: {}."
_SENTENCES: Mapping[int, str] = {
    pycurl.E_COULDNT_RESOLVE_HOST: "The host of {} could not be found.",
    pycurl.E_PARTIAL_FILE: "{} was cut off before its end.",
    pycurl.E_OPERATION_TIMEDOUT: "{} stalled or did not answer in time.",
    pycurl.E_UNSUPPORTED_PROTOCOL: _NOT_HTTP,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _NOT_HTTP,  # libcurl uses the number for HTTP as well
    pycurl.E_SSL_CONNECT_ERROR: _NO_TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: _NO_TLS,
    pycurl.E_SSL_CACERT_BADFILE: _NO_TLS,
}


def error_of_transfer(code: int, message: str, shown: str, refusals: Sequence[str]) -> EntourageError:
    """The error that libcurl's `code` means; `refusals` are the gate's words on the addresses that were tried."""
    if code == pycurl.E_COULDNT_CONNECT and refusals:
        return Refused(f"{shown} was not fetched: {refusals[0]}.")
    if code == pycurl.E_URL_MALFORMAT:
        return Refused(f"{shown} is not a valid address.")
    sentence = _SENTENCES.get(code, "The connection to {} failed: {}.")
    return Unreachable(sentence.format(shown, message or f"error {code}"))
