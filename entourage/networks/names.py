"""File names for people: what a network suggests, made short and harmless; they never choose a path."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

LONGEST = 150
"""Bytes of UTF-8 that a suggested name may take: below every file system's limit, with room for a suffix."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}")


def tidy(name: str, extension: str = "") -> str:
    """`name` without path separators, control characters and leading dots, at most LONGEST bytes.

    `extension` (with its dot) replaces a missing one; what is left of an empty name is "file".
    """
    text = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    text = re.sub(r"\s+", " ", _FORBIDDEN.sub("_", text)).strip(" .")
    stem, dot, tail = text.rpartition(".")
    if dot and stem and _EXTENSION.fullmatch("." + tail):
        extension = "." + tail
    else:
        stem = text
    stem = re.sub(r"\.{2,}", ".", stem).strip(" ._") or "file"
    room = LONGEST - len(extension.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + extension


def name_of(url: str, extension: str = "") -> str:
    """The tidy last segment of an address, or its host when the path has none."""
    parts = urlsplit(url)
    last = parts.path.rstrip("/").rpartition("/")[2]
    return tidy(unquote(last), extension) if last else tidy((parts.hostname or "file").replace(".", "_"), extension)


def suffix_of(url: str) -> str:
    """The extension in the path of an address, in lower case with its dot, or nothing."""
    last = urlsplit(url).path.rpartition("/")[2]
    found = re.search(r"\.[A-Za-z0-9]{1,5}$", last)
    return found[0].lower() if found else ""
