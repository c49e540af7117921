"""Addresses of files: which are the same file, what kind of file one names, and what to call it."""

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from entourage.networks.model import MediaKind

IMAGES = frozenset(
    ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "avif", "heic", "heif", "bmp", "tif", "tiff", "jxl"]
)
VIDEOS = frozenset(["mp4", "m4v", "webm", "mov", "mkv", "avi", "wmv", "flv", "mpg", "mpeg", "ogv", "3gp"])
AUDIO = frozenset(["mp3", "m4a", "ogg", "oga", "opus", "flac", "wav", "aac"])

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

# Who carries these is the visitor or the campaign, never the file: they go everywhere.
_VISIT = re.compile(r"(?:utm_\w+|fbclid|gclid|phpsessid|jsessionid|sid)", re.IGNORECASE)
# What a static file's address carries to get past caches, or to prove for an hour that it may be fetched. Only
# where the path itself names a file: in `image.php?v=3` the same letter may choose the picture. Sizes (`w`, `name`)
# are never here: taking two sizes for one file would lose the larger one, taking one file for two costs a download.
_BUSTER = re.compile(
    r"(?:_|v|ver|version|t|ts|time|timestamp|cb|cache|cachebust(?:er)?|nocache|rand|random|rnd|mtime|lastmod|updated"
    r"|x-amz-[\w-]+|x-goog-[\w-]+|awsaccesskeyid|googleaccessid|expires|signature|key-pair-id|policy|ex|is|hm)",
    re.IGNORECASE,
)
_SESSION_VALUE = re.compile(r"[0-9a-f]{32}")
_PAGE_ABOUT_A_FILE = re.compile(
    r"^(?:[\w.-]+\.)?(?:(?:wikipedia|wikimedia)\.org/wiki/|github\.com/[^/]+/[^/]+/blob/|pixhost\.to/show/)",
    re.IGNORECASE,
)


def absolute(base: str, address: str | None) -> str | None:
    """`address` as the page at `base` means it, without its fragment; None if it is not an address of the web."""
    if not address or not (address := address.strip()):
        return None
    try:
        parts = urlsplit(urljoin(base, address))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return None
        _ = parts.port
        return urlunsplit(parts._replace(fragment=""))
    except ValueError:  # an unclosed bracket, a port that is no number
        return None


def host_of(url: str) -> str:
    """The host of an absolute address in lower case, with its port unless that is the scheme's own."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def identity(url: str) -> str:
    """What stays the same however the address of one file is written: host, plain path, and the query that matters.

    http and https are one; fragments, session ids, campaign tags, cache busters and expiring signatures are left out.
    """
    parts = urlsplit(url)
    path = _plain_path(parts.path)
    query = _telling_query(parts.query, static=extension(path) in IMAGES | VIDEOS | AUDIO)
    return host_of(url) + path + (f"?{query}" if query else "")


def without(url: str, *names: str) -> str:
    """`url` without these query parameters; the rest stays as it was written."""
    parts = urlsplit(url)
    kept = [piece for piece in parts.query.split("&") if piece and unquote(piece.partition("=")[0]) not in names]
    return urlunsplit(parts._replace(query="&".join(kept)))


def extension(path: str) -> str:
    """The file extension that a path ends in, in lower case, or an empty string."""
    name = path.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""


def kind_of(name: str) -> MediaKind | None:
    """What a name or path promises by its extension; None if that says nothing."""
    ending = extension(name)
    if ending in IMAGES:
        return MediaKind.IMAGE
    if ending in VIDEOS:
        return MediaKind.VIDEO
    return MediaKind.AUDIO if ending in AUDIO else None


def linked_kind(url: str) -> MediaKind | None:
    """Image or video if a link to `url` is a link to such a file itself, not to a page about it."""
    parts = urlsplit(url)
    if _PAGE_ABOUT_A_FILE.match(host_of(url) + parts.path):
        return None
    kind = kind_of(unquote(parts.path))
    return kind if kind in {MediaKind.IMAGE, MediaKind.VIDEO} else None


def name_in(url: str) -> str:
    """The last part of the path, readable; "file" if there is none."""
    return unquote(urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1]) or "file"


def query_of(parts: SplitResult) -> dict[str, str]:
    """The query as a dict, the first of equal names."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        found.setdefault(name, value)
    return found


def _plain_path(path: str) -> str:
    """The path with its dots resolved and each character either plain or percent-encoded, never either way."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        plain = quote(
            unquote(segment, errors="surrogateescape"),
            safe="".join(_UNRESERVED) + "!$&'()*+,;=:@",
            errors="surrogateescape",
        )
        if plain == "..":
            kept[-1:] = []
        elif plain not in {".", ""}:
            kept.append(plain)
    tail = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + tail


def _telling_query(query: str, *, static: bool) -> str:
    if static and query.isdigit():  # photo.jpg?1699999999
        return ""
    kept: list[tuple[str, str]] = []
    for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        if _VISIT.fullmatch(name) or (name == "s" and _SESSION_VALUE.fullmatch(value)):
            continue
        if static and _BUSTER.fullmatch(name):
            continue
        kept.append((name, value))
    return urlencode(kept, errors="surrogateescape")
