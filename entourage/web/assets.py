"""Scripts, styles and icons: read once, named by their content so that browsers may keep them for ever."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from entourage.web.parts import Ask

_COMPRESSED = {"text/css", "text/javascript", "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of ours that browsers load."""

    body: bytes
    zipped: bytes | None
    media_type: str
    version: str


def _read(folder: Traversable, before: str = "") -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _read(entry, f"{before}{entry.name}/")
        elif not entry.name.endswith((".md", ".txt")):
            body = entry.read_bytes()
            kind = "text/javascript" if entry.name.endswith(".js") else mimetypes.guess_type(entry.name)[0]
            kind = kind or "application/octet-stream"
            zipped = gzip.compress(body, mtime=0) if kind in _COMPRESSED else None
            found[before + entry.name] = Asset(body, zipped, kind, hashlib.sha256(body).hexdigest()[:12])
    return found


@cache
def everything() -> Mapping[str, Asset]:
    """Every asset by its path below `static/`."""
    return _read(files("entourage.web") / "static")


def url(name: str) -> str:
    """The address of an asset; it changes whenever the content does."""
    return f"/static/{everything()[name].version}/{name}"


@get("/static/{version:str}/{name:path}", opt={"public": True}, sync_to_thread=False)
def serve(request: Ask, version: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """An asset; only the address with the right version may be kept for ever."""
    asset = everything().get(name.lstrip("/"))
    if asset is None:
        raise NotFoundException("There is no such file.")
    headers = {
        "ETag": f'"{asset.version}"',
        "Cache-Control": FOREVER if version == asset.version else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    body = asset.body
    if asset.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.zipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=asset.media_type)
