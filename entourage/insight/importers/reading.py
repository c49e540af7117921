"""An input read from wherever an earlier run left it, in batches that are learned and noted down together."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from entourage.insight.importers import instagram_export, jsonl, sidecars, sources
from entourage.insight.importers.instagram_export import Export
from entourage.insight.importers.model import START, Bad, Broken, Format, Place, Step
from entourage.insight.importers.sources import Member, Source
from entourage.kernel.errors import Invalid, Problem
from entourage.networks.facts import Fact

BATCH: Final = 3_000
"""Facts that are learned in one transaction, about."""
_STEPS: Final = 500
"""Steps of one batch at most, so that a run through thousands of files without facts is seen to go on."""
_SNIFFED: Final = 200
"""So many files of JSON are looked into to tell what a folder holds, and more only while nothing was found."""
_FACTS = re.compile(r"\.(jsonl|ndjson)(\.gz)?$|\.json\.gz$")
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_SIDECAR = re.compile(r"\.json(\.xz)?$")
_NESTED = re.compile(r"\.(zip|rar|7z|tar|tgz|tar\.\w+)$")
_HTML = (
    "this is Instagram's download as HTML pages, which are for reading only. Ask Instagram for it again and choose "
    "JSON as the format (Accounts Center, Your information and permissions, Export your information)"
)
_NOBODY = (
    "it does not tell whose export this is. Include “Personal information” when you ask Instagram for the download, "
    "or give the archive or folder the name that Instagram gave it (instagram-USERNAME-DATE-…)."
)
_PART = "this is one file of Instagram's download; import the whole folder or archive, which tells whose it is."
_NOTHING = "there is nothing in it that can be imported; the guide (importing.md) lists what can."


class _Kind(Enum):
    FACTS = auto()
    EXPORT = auto()
    SIDECAR = auto()
    NESTED = auto()
    PAGES = auto()
    CLOSED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Survey:
    """What an input holds, seen from outside: `size` in bytes of what will be read."""

    format: Format
    size: int
    exports: Mapping[str, Export]
    """By the folder in which each begins."""
    pages: frozenset[str]
    """Of each export of HTML pages the name of the file that tells it."""


@dataclass(slots=True)
class Batch:
    """Facts to be learned together, and where to go on after them."""

    position: Mapping[str, Any]
    facts: list[Fact] = field(default_factory=list[Fact])
    bad: list[Bad] = field(default_factory=list[Bad])
    done: int = 0
    ignored: int = 0
    """Files of other kinds that were passed."""


def survey(source: Source) -> Survey:
    """Look at an input; raises Invalid where nothing can be done with it, in words that say what to do."""
    exports, pages = _exports(source)
    formats = {Format.INSTAGRAM_EXPORT} if exports else set[Format]()
    size = sniffed = 0
    for member in source.members():
        match _kind(member, exports, pages, source):
            case _Kind.FACTS:
                formats.add(Format.FACTS)
            case _Kind.SIDECAR:
                if (sniffed < _SNIFFED or not formats) and len(formats) < len(Format) - 1:
                    sniffed += 1
                    formats |= {found} if (found := sidecars.format_of(member)) else set()
            case _Kind.NESTED | _Kind.PAGES | _Kind.CLOSED | _Kind.OTHER:
                continue
            case _Kind.EXPORT:
                pass
        size += member.size
    if not formats:
        raise Invalid(Problem(source.name, f"{_HTML}." if pages else _words_for(source)))
    return Survey(formats.pop() if len(formats) == 1 else Format.MIXTURE, size, exports, pages)


def _words_for(source: Source) -> str:
    if source.single:
        member = next(source.members())
        if instagram_export.is_part(member.name):
            return _PART
        if _SIDECAR.search(member.file):
            try:
                sidecars.value_of(member)
            except Broken as error:
                return f"{error}."
    return _NOTHING


def _exports(source: Source) -> tuple[Mapping[str, Export], frozenset[str]]:
    """The exports in a source, by where each begins; and of each one of HTML a file that tells it."""
    tops: dict[str, list[Member]] = {}
    old: dict[str, list[Member]] = {}
    pages: dict[str, str] = {}
    for member in source.members():
        found = instagram_export.mark(member.name)
        folder = member.name.rpartition("/")[0]
        if found is None:
            if not source.single and instagram_export.reader_of(member.file) is not None:
                old.setdefault(folder, []).append(member)
        elif found[1] == "html":
            pages.setdefault(found[0], member.name)
        elif not source.single:
            tops.setdefault(found[0], []).append(member)
    for folder, members in old.items():
        if len(members) > 1 and any(member.file == "connections.json" for member in members):
            tops.setdefault(folder, []).extend(members)
    return {top: _export(source, top, members) for top, members in tops.items()}, frozenset(pages.values())


def _export(source: Source, top: str, members: list[Member]) -> Export:
    owner: str | None = None
    made_at: datetime | None = None
    for name in (top.rpartition("/")[2], _ZIP.sub("", source.name)):
        said, day = instagram_export.named(name)
        owner, made_at = owner or said, made_at or day
    for member in members:
        if member.file in {"personal_information.json", "profile.json"}:
            try:
                owner = instagram_export.owner_in(member) or owner
            except Broken:  # it is reported when its turn comes
                continue
    if owner is None:
        raise Invalid(Problem(source.name, _NOBODY))
    return Export(owner, min(made_at or max(member.changed_at for member in members), datetime.now(UTC)))


def _top_of(name: str, exports: Mapping[str, Export]) -> str | None:
    folder = name
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in exports:
            return folder
    return None


def _kind(member: Member, exports: Mapping[str, Export], pages: frozenset[str], source: Source) -> _Kind:
    if member.name.endswith("/"):
        return _Kind.CLOSED
    if member.name in pages:
        return _Kind.PAGES
    if exports and (top := _top_of(member.name, exports)) is not None:
        relative = member.name[len(top) + 1 if top else 0 :]
        return _Kind.OTHER if instagram_export.reader_of(relative) is None else _Kind.EXPORT
    return _kind_by_name(member, source)


def _kind_by_name(member: Member, source: Source) -> _Kind:
    if member.name.startswith("__MACOSX/") or member.file.startswith("._"):
        return _Kind.OTHER
    if _FACTS.search(member.file):
        return _Kind.FACTS
    if _SIDECAR.search(member.file):
        return _Kind.SIDECAR
    if source.single and _holds_facts(member):
        return _Kind.FACTS
    return _Kind.NESTED if _NESTED.search(member.file) and not source.single else _Kind.OTHER


def _holds_facts(member: Member) -> bool:
    """A single file may have any name: what is in it counts."""
    try:
        with member.opened() as stream:
            return jsonl.looks_like(stream)
    except Broken:
        return False


def batches(source: Source, seen: Survey, position: Mapping[str, Any]) -> Iterator[Batch]:
    """Everything after `position`; the last batch says that all was read. A member that is broken is told as bad.

    Raises Invalid where the input is a single file of which nothing can be read.
    """
    last = sources.key_of(str(position["member"])) if position else ()
    batch = Batch(position)
    steps = 0
    for member in source.members():
        kind = _kind(member, seen.exports, seen.pages, source)
        if kind is _Kind.OTHER:
            batch.ignored += 1
            continue
        whole = 0 if kind in {_Kind.NESTED, _Kind.PAGES, _Kind.CLOSED} else member.size
        start = START
        if position and member.key <= last:
            if member.key < last or position["finished"]:
                batch.done += whole
                continue
            start = Place(int(position["offset"]), int(position["entries"]))
        before, first, fruitful = batch.done, batch.position, False
        try:
            for step in _steps(member, kind, source, seen, start):
                fruitful = True
                yield from _taken(batch, step, member.name, source)
                batch.position = _position(member, step.place, finished=False)
                batch.done = before + min(step.done, whole)
                steps += 1
                if len(batch.facts) >= BATCH or steps >= _STEPS:
                    yield batch
                    batch, steps = Batch(batch.position, done=batch.done), 0
        except Broken as error:
            if source.single and batch.position == first and not batch.facts and not batch.bad:
                raise Invalid(Problem(source.name, f"{error}.")) from error
            batch.bad.append(Bad("the file" if source.single else member.name, str(error)))
            fruitful = True
        batch.ignored += not fruitful
        batch.position = _position(member, START, finished=True)
        batch.done = before + whole
    yield batch


def _taken(batch: Batch, step: Step, name: str, source: Source) -> Iterator[Batch]:
    """Add a step to the batch; a step that is too large for one gives some of its facts before its place is noted."""
    batch.bad += [
        Bad(bad.where if source.single else f"{name}, {bad.where}".removesuffix(", "), bad.why) for bad in step.bad
    ]
    facts = step.facts
    if len(facts) <= BATCH:
        batch.facts += facts
        return
    for first in range(0, len(facts), BATCH):
        batch.facts += facts[first : first + BATCH]
        if len(batch.facts) >= BATCH:
            yield Batch(batch.position, batch.facts, batch.bad, batch.done)
            batch.facts, batch.bad = [], []


def _position(member: Member, place: Place, *, finished: bool) -> Mapping[str, Any]:
    return {"member": member.name, "offset": place.offset, "entries": place.entries, "finished": finished}


def _steps(member: Member, kind: _Kind, source: Source, seen: Survey, start: Place) -> Iterator[Step]:
    match kind:
        case _Kind.FACTS:
            yield from jsonl.read(member, start)
        case _Kind.EXPORT:
            top = _top_of(member.name, seen.exports) or ""
            reader = instagram_export.reader_of(member.name[len(top) + 1 if top else 0 :])
            if reader is not None:
                yield from instagram_export.read(member, reader, seen.exports[top], start)
        case _Kind.SIDECAR:
            yield from sidecars.read(member, source, start)
        case _Kind.NESTED:
            raise Broken("an archive inside the input is not opened; unpack it first")
        case _Kind.PAGES:
            raise Broken(_HTML)
        case _Kind.CLOSED:
            member.opened()  # says why it cannot
        case _Kind.OTHER:
            return


def detect(path: Path) -> Format:
    """What lies at a path; raises NotFound, or Invalid with what to do instead."""
    with sources.opened(path) as source:
        return survey(source).format
