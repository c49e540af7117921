"""Files of JSON that downloaders keep beside pictures and films: whose they are is told by what is in them."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from entourage.insight.importers import gallery_dl, instaloader, jsonl, loose
from entourage.insight.importers.model import START, Bad, Broken, Format, Place, Step
from entourage.insight.importers.sources import Member, Source
from entourage.insight.importers.text import Utf8

LARGEST: Final = 32 * 1024**2
"""Bytes, unpacked; a post with all its comments takes a few."""


def value_of(member: Member) -> Any:
    """What a small file of JSON says; raises Broken."""
    with member.opened() as stream:
        text, pieces, length = Utf8(stream), list[bytes](), 0
        while data := text.read():
            pieces.append(data)
            length += len(data)
            if length > LARGEST:
                raise Broken(f"it is larger than {LARGEST // 1024**2} MB, which no such file is")
    try:
        return msgspec.json.decode(b"".join(pieces))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Broken(f"it is no whole JSON: {error}") from error


def format_of(member: Member) -> Format | None:
    """Whose file this is; None for other JSON, and for what cannot be read."""
    try:
        if member.file.endswith(".json"):
            with member.opened() as stream:
                if jsonl.looks_like(stream):
                    return Format.FACTS
        if member.size > LARGEST:
            return None
        value = value_of(member)
    except Broken:
        return None
    if instaloader.claims(value) or (member.file.endswith(instaloader.COMMENTS) and _comments(value)):
        return Format.INSTALOADER
    return Format.GALLERY_DL if gallery_dl.claims(value) else None


def _comments(value: object) -> bool:
    return loose.at(value, 0, "created_at") is not None and loose.at(value, 0, "owner") is not None


def read(member: Member, source: Source, start: Place = START) -> Iterator[Step]:
    """What a file tells, in one step unless it holds lines of facts; nothing for JSON of others. Raises Broken."""
    if member.file.endswith(".json"):
        with member.opened() as stream:
            facts = jsonl.looks_like(stream)
        if facts:
            yield from jsonl.read(member, start)
            return
    value = value_of(member)
    if instaloader.claims(value):
        found = instaloader.facts(value, member.made_at)
    elif gallery_dl.claims(value):
        found = gallery_dl.facts(value, member.made_at)
    elif member.file.endswith(instaloader.COMMENTS) and _comments(value):
        post = _post_of(member, source)
        if post is None:
            why = "which post these comments are on is told by the file that instaloader keeps beside; it is not there"
            yield Step((), [Bad("", why)], Place(0, 1), member.size)
            return
        found = instaloader.comments(value, post, member.made_at)
    else:
        return
    good, bad = loose.sifted("", found)
    yield Step(good, bad, Place(0, 1), member.size)


def _post_of(member: Member, source: Source) -> str | None:
    stem = member.name[: -len(instaloader.COMMENTS)]
    for end in (".json.xz", ".json"):
        beside = source.sibling(stem + end)
        if beside is not None:
            return instaloader.post_of(value_of(beside))
    return None
