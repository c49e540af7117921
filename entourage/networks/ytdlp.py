"""yt-dlp in a child process: how it is called so that it can neither wander off nor be configured from outside."""

import re
import ssl
from collections.abc import Mapping
from typing import Any

import msgspec

from entourage.kernel.errors import Challenged, ChildFailed, EntourageError, Gone, Refused, Throttled, Unreachable

ENV: Mapping[str, str] = {"PYTHONUNBUFFERED": "1", "YTDLP_NO_PLUGINS": "1"}
"""For every call: lines come as they are printed, and no plug-in of this machine is loaded."""

PROTOCOLS = r"[protocol~='^(https?|m3u8|m3u8_native|http_dash_segments|https?_range)$']"
"""A format filter: what yt-dlp fetches itself. RTMP, MMS and their like would start other programs."""

LIVE = "This is a live broadcast; only what is finished is fetched. Try again when it has ended."


def command(*options: str) -> list[str]:
    """The call with `options` added: no configuration, plug-ins, cache, scripts, foreign downloaders or ffmpeg.

    ffmpeg is hidden on purpose: yt-dlp hands live playlists to it with their addresses, past every check of ours.
    """
    fixed = [
        "yt_dlp",
        "--ignore-config",
        "--no-plugin-dirs",
        "--no-cache-dir",
        "--no-js-runtimes",
        "--no-remote-components",
        "--color=never",
        "--downloader=native",
        "--ffmpeg-location=/nonexistent",
        "--fixup=never",
        "--xff=never",
        "--socket-timeout=30",
        "--extractor-retries=2",
    ]
    if ssl.get_default_verify_paths().cafile:
        # The machine's own certificates (and SSL_CERT_FILE) count where there are some, not only the bundled list.
        fixed.append("--compat-options=no-certifi")
    return [*fixed, *options]


class Format(msgspec.Struct):
    """One way to fetch a video, as yt-dlp describes it."""

    url: str = ""
    protocol: str = ""
    manifest_url: str | None = None
    ext: str = ""
    vcodec: str | None = None
    acodec: str | None = None
    width: float | None = None
    height: float | None = None
    http_headers: dict[str, str] | None = None
    cookies: str | None = None


class Entry(Format):
    """One video of a page, as yt-dlp describes it: the chosen format stands in the entry itself."""

    id: str = ""
    title: str | None = None
    description: str | None = None
    uploader: str | None = None
    uploader_id: Any = None
    channel: Any = None
    timestamp: float | None = None
    duration: float | None = None
    is_live: bool | None = None
    webpage_url: str | None = None
    extractor: str | None = None
    formats: list[Format] | None = None
    requested_formats: list[Format] | None = None
    view_count: float | None = None
    like_count: float | None = None
    comment_count: float | None = None
    track: str | None = None
    tags: list[str] | None = None

    @property
    def is_direct(self) -> bool:
        """Whether one GET fetches it whole."""
        return self.requested_formats is None and bool(self.url) and self.protocol in {"http", "https"}


_decoder = msgspec.json.Decoder(Entry, strict=False)


def entry(line: str) -> Entry | None:
    """The entry in a line of `--dump-json`, or None when the line holds none."""
    if not line.startswith("{"):
        return None
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise Unreachable("yt-dlp described this video in a way that is not understood; nothing was kept.") from error


_WORDS: tuple[tuple[str, type[EntourageError], str], ...] = (
    (r"HTTP Error 429|Too Many Requests", Throttled, "The site asks us to wait before asking again."),
    (
        r"Tunnel connection failed: 4\d\d|ProxyError|Unable to connect to proxy",
        Refused,
        "The video points to an address that must not be reached; it was left alone.",
    ),
    (
        r"file://|Unsupported url scheme|urlopen error unknown url type",
        Refused,
        "The video points to something that is not on the web; it was left alone.",
    ),
    (
        r"[Ll]ive (HLS )?stream|is_live|live event",
        Refused,
        LIVE,
    ),
    (
        r"account is private|[Pp]rivate video|permission to view",
        Gone,
        "This is private: only people whom its owner admits can see it.",
    ),
    (
        r"IP address is blocked",
        Gone,
        "The site does not give this out to us: it was removed, or is not shown in this region.",
    ),
    (r"\bDRM\b", Gone, "This video is protected against copying; it was left alone."),
    (
        r"[Ll]og ?in|[Ss]ign in|cookies|captcha|permission to view|[Cc]hallenge",
        Challenged,
        "The site shows this only to people who are signed in.",
    ),
    (
        (
            r"HTTP Error 4(04|10|01|03)|Unsupported URL|No video formats|[Uu]navailable|(not|n't) (available|exist)"
            r"|[Pp]rivate|[Rr]emoved|status code 10\d\d\d|Unable to extract secondary user ID"
        ),
        Gone,
        "No video could be found at this address; it may be private, removed or of another kind.",
    ),
)


def explain(failure: ChildFailed) -> EntourageError:
    """The state of the world behind a failed call, in words for people; `failure` stays as its cause."""
    errors = "\n".join(line for line in failure.stderr.splitlines() if "ERROR" in line) or failure.stderr
    for pattern, kind, words in _WORDS:
        if re.search(pattern, errors):
            return kind(words)
    return Unreachable("The video could not be fetched from its site just now; nothing was kept.")
