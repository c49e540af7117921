"""The library: a readable tree of links and notes over the kept files. It can be rebuilt from the database at any time.

`<root>/<owner>/<platform>/<source>/<file>` links to the blob; `<file>.json` beside it holds what the network said.
Names come from strangers: they are made harmless here, and never decide where the bytes themselves are written.
"""

import os
import re
import unicodedata
from pathlib import Path

import msgspec

from entourage.archive.model import Order

LONGEST_NAME = 150
"""Bytes of UTF-8: leaves room for a suffix and `.json` within the 255 that file systems allow."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(text: str, fallback: str) -> str:
    """A file name from a stranger's text: no separators, control or direction characters, not hidden, not too long."""
    name = unicodedata.normalize("NFC", text)
    name = _FORBIDDEN.sub("_", name).strip(" ._~-") if set(name) - set("._ ~-") else ""
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return shortened(name) or fallback


def shortened(name: str, suffix: str = "") -> str:
    """The name with `suffix` before its extension, within the longest length."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 10:  # noqa: PLR2004 - no file extension is longer
        stem, dot, extension = name, "", ""
    room = LONGEST_NAME - len((suffix + dot + extension).encode())
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip(' .')}{suffix}{dot}{extension}"


def file_name(order: Order, extension: str) -> str:
    """The name a file gets: what its network suggests, made harmless, with the extension that its content has."""
    fallback = f"{order.platform}_{order.address_hash[:16]}"
    name = safe_name(order.media.filename, fallback)
    stem, _, given = name.rpartition(".")
    same = {"jpeg": "jpg", "jpe": "jpg", "tiff": "tif", "m4v": "mp4", "htm": "html"}
    if not stem:
        return shortened(f"{name}.{extension}" if extension else name)
    if extension and same.get(given.lower(), given.lower()) != same.get(extension, extension):
        known = len(given) <= 5 and given.isalnum()  # noqa: PLR2004 - looks like an extension: replace it
        return shortened(f"{stem if known else name}.{extension}")
    return name


class Library:
    """The readable tree below `root`; `blobs` is where its links lead."""

    def __init__(self, root: Path, blobs: Path) -> None:
        self.root = root
        self._blobs = blobs

    def place(self, order: Order, owner_name: str, extension: str, blob: Path) -> str:
        """Make the link and the note for a kept file; the path below the root, the same each time for the same file.

        A name that another file has already gets a piece of the address's hash.
        """
        folder = "/".join(
            (
                safe_name(owner_name, "operator"),
                safe_name(order.platform, "web"),
                safe_name(order.media.source, "source"),
            )
        )
        directory = f"{self.root}/{folder}"
        target = os.path.relpath(blob, directory)
        name = file_name(order, extension)
        for candidate in (
            name,
            shortened(name, f"_{order.address_hash[:8]}"),
            shortened(name, f"_{order.address_hash}"),
        ):
            link = Path(directory, candidate)
            if self._link(link, target, order.address_hash):
                link.with_name(f"{candidate}.json").write_bytes(_note(order))
                return f"{folder}/{candidate}"
        raise FileExistsError(f"{directory}/{name}")

    def _link(self, link: Path, target: str, address_hash: str) -> bool:
        """Link to the blob unless another address has that name; whether the link is ours now."""
        try:
            try:
                link.symlink_to(target)
            except FileNotFoundError:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)
        except FileExistsError:
            if self._owner(link) != address_hash:
                return False
            self.unlink(link)
            link.symlink_to(target)
        return True

    def _owner(self, link: Path) -> str | None:
        """The address that a link belongs to, by the note beside it; None when there is no readable note."""
        try:
            note = msgspec.json.decode(link.with_name(f"{link.name}.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return note.get("address_hash") if isinstance(note, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] # JSON

    def absolute(self, path: str) -> Path:
        """Where a path of a download stands; never outside the root."""
        inside = (self.root / path).parent.resolve() / Path(path).name
        if not inside.is_relative_to(self.root.resolve()):
            raise ValueError(path)
        return inside

    def relink(self, path: str, blob: Path) -> bool:
        """Make the link of a kept file again when it is gone or leads nowhere; whether that was needed."""
        link = self.absolute(path)
        if link.exists():
            return False
        link.parent.mkdir(parents=True, exist_ok=True)
        self.unlink(link)
        link.symlink_to(os.path.relpath(blob, link.parent))
        return True

    def remove(self, path: str) -> None:
        """Take a link and its note out of the tree, and folders that are empty then."""
        link = self.absolute(path)
        self.unlink(link)
        link.with_name(f"{link.name}.json").unlink(missing_ok=True)
        for folder in link.parents:
            if folder == self.root.resolve() or not _remove_empty(folder):
                break

    @staticmethod
    def unlink(link: Path) -> None:
        """Remove a link, never what it leads to; there may be none."""
        if link.is_symlink():
            link.unlink(missing_ok=True)


def _note(order: Order) -> bytes:
    """Everything the network said of a file, to stand beside it."""
    media = msgspec.to_builtins(order.media)
    media.pop("headers", None)  # may hold a session
    note = {"address_hash": order.address_hash, "platform": order.platform, **media}
    return msgspec.json.format(msgspec.json.encode(note), indent=2)


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
