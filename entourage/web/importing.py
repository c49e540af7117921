"""The pages of imports: files that others made are sent here, or named where they lie, and become facts."""

import asyncio
import contextlib
import errno
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import MediaType, Response, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entourage.insight import importing
from entourage.insight.importers import sources
from entourage.kernel.errors import Conflict, EntourageError, Invalid, NotFound, Problem
from entourage.web.entry import said_of
from entourage.web.faults import TITLES, sentence
from entourage.web.frame import back, page
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import form_of, visitor_of

LARGEST: Final = 8 * 1024**3
"""Bytes of a file that is sent through the browser; larger ones are named where they lie."""
UPLOADS: Final = "imports"
"""The folder in the data folder where they wait; the import deletes them when it is done."""
NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


async def _shown(request: Ask, problems: dict[str, str], path: str = "", status: int = 200) -> Response[Any]:
    found = await parts_of(request).database.read(importing.listing, visitor_of(request).actor)
    return page(request, "imports.html", status=status, imports=found, problems=problems, given=path, largest=LARGEST)


@get("/collecting/imports")
async def show(request: Ask) -> Response[Any]:
    """What was imported, what is under way, and how to add more."""
    return await _shown(request, {})


@post("/collecting/imports")
async def add(request: Ask) -> Response[Any] | Redirect:
    """Import what lies on the server's own disk; for administrators, since any file could be named."""
    form, actor, database = await form_of(request), visitor_of(request).actor, parts_of(request).database
    actor.needs_admin()
    text = form.text("path")
    path = Path(text)
    try:
        mark = await asyncio.to_thread(sources.fingerprint, _named(path))
    except (Invalid, NotFound, OSError, ValueError) as error:
        return await _shown(request, {"path": _plain(error)}, text, 422)
    await database.write(importing.add, actor, path, path.name, mark)
    return back(request, "/collecting/imports", f"“{path.name}” is being imported.")


def _named(path: Path) -> Path:
    if not path.is_absolute():
        raise Invalid(Problem("path", "name a file or a folder on this server, from / on"))
    return path


def _plain(error: Exception) -> str:
    if isinstance(error, Invalid):
        return " ".join(map(said_of, error.problems))
    return sentence(error) if isinstance(error, EntourageError) else "This cannot be read."


@post("/collecting/imports/upload", request_max_body_size=None, opt={"proof": "header"})
async def upload(request: Ask) -> Response[bytes]:
    """A file sent as the body of the request, under the name in the address; it is imported once it is here whole."""
    parts, actor = parts_of(request), visitor_of(request).actor
    name = _shown_name(request.query_params.get("name", ""))
    folder = parts.settings.data / UPLOADS
    kind = "".join(Path(name).suffixes[-2:])[:20]
    part = folder / f"{secrets.token_hex(8)}.part"
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        sha256 = await _received(request, part)
        # Named by what is in it: who sends the same file again goes on with the import that did not end.
        kept = await asyncio.to_thread(part.replace, folder / f"{actor.user_id}-{sha256}{kind}")
        made = await parts.database.write(importing.add, actor, kept, name, f"{sha256}{kind}")
    except EntourageError as error:
        await asyncio.to_thread(_drop, part)
        return _refused(*_status_of(error))
    except OSError as error:
        await asyncio.to_thread(_drop, part)
        if error.errno not in NO_ROOM:
            raise
        return _refused(507, "There is no room left on the server's disk.")
    except BaseException:  # the sender went away, or the server ends
        _drop(part)
        raise
    return Response(msgspec.json.encode({"id": made.id}), media_type=MediaType.JSON, status_code=201)


def _shown_name(given: str) -> str:
    """The name of a file as its sender calls it: without folders, in characters that can be shown and kept."""
    plain = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in given)
    return Path(plain.replace("\\", "/")).name[:200] or "upload"


def _drop(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _status_of(error: EntourageError) -> tuple[int, str]:
    return next(TITLES[kind][0] for kind in type(error).__mro__ if kind in TITLES), sentence(error)


def _refused(status: int, text: str) -> Response[bytes]:
    """The answer to the script that sent the file."""
    return Response(msgspec.json.encode({"problem": text}), media_type=MediaType.JSON, status_code=status)


def _too_large() -> Conflict:
    return Conflict("This file is larger than the browser may send; it has to be imported where it lies.")


async def _received(request: Ask, path: Path) -> str:
    """The SHA-256 of what was sent, once it is here whole."""
    size, announced, digest = 0, request.headers.get("content-length"), hashlib.sha256()
    if announced is not None and announced.isdecimal() and int(announced) > LARGEST:
        raise _too_large()
    file = await asyncio.to_thread(path.open, "wb")
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > LARGEST:
                raise _too_large()
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
    finally:
        await asyncio.to_thread(file.close)
    if announced is not None and announced.isdecimal() and int(announced) != size:
        raise Conflict("The file did not come whole; send it again.")
    if not size:
        raise Invalid(Problem("file", "is empty"))
    return digest.hexdigest()


@post("/collecting/imports/{import_id:int}/{deed:str}")
async def do(request: Ask, import_id: FromPath[int], deed: FromPath[str]) -> Redirect:
    """Stop an import, or take one that is over off the list."""
    actor, database = visitor_of(request).actor, parts_of(request).database
    match deed:
        case "cancel":
            await database.write(importing.cancel, actor, import_id)
            return back(request, "/collecting/imports", "The import was stopped; what it brought is kept.")
        case "forget":
            await database.write(importing.forget, actor, import_id)
            return back(request, "/collecting/imports", "Taken off the list; what it brought is kept.")
        case _:
            raise Conflict("There is no such action.")


HANDLERS: Sequence[BaseRouteHandler] = (show, add, upload, do)
