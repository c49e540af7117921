"""Looking into JSON of strangers: what is there in the expected form, or nothing; never an error."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from msgspec import UNSET, UnsetType

from entourage.insight.importers.model import Bad
from entourage.kernel.errors import Invalid
from entourage.networks.facts import Fact, checked

Loose = Mapping[str, Any]
"""An object of which nothing is known."""
NOTHING: Final[Loose] = {}
_LATEST: Final = 253_402_300_799
_surrogates = re.compile("[\ud800-\udfff]")


def at(value: object, *way: str | int) -> object:
    """What lies at the end of a way of keys and indexes; None where the way ends before."""
    for step in way:
        if isinstance(value, dict) and isinstance(step, str):
            value = cast("dict[str, object]", value).get(step)
        elif isinstance(value, list) and isinstance(step, int):
            items = cast("list[object]", value)
            value = items[step] if -len(items) <= step < len(items) else None
        else:
            return None
    return value


def item(value: object, *way: str | int) -> Loose:
    """As `at`, if that is an object; else an empty one."""
    found = at(value, *way)
    return cast("Loose", found) if isinstance(found, dict) else NOTHING


def items(value: object, *way: str | int) -> Iterator[Loose]:
    """As `at`, the objects of a list."""
    found = at(value, *way)
    for each in cast("Sequence[object]", found) if isinstance(found, list) else ():
        if isinstance(each, dict):
            yield cast("Loose", each)


def text(value: object, *way: str | int) -> str | None:
    """As `at`, if that is a text or a whole number; without what no database keeps (NUL, half characters)."""
    found = at(value, *way)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if not isinstance(found, str):
        return None
    if not found.isascii():
        found = _surrogates.sub("\ufffd", found)
    return found.replace("\0", "") if "\0" in found else found


def told(value: object, *way: str | int) -> str | UnsetType | None:
    """As `text`, for a field of a fact: not told where there is nothing, None where the text is empty."""
    found = text(value, *way)
    return UNSET if found is None else found or None


def count(value: object, *way: str | int) -> int | UnsetType:
    """As `at`, if that is a whole number from 0 on, also one written as text."""
    found = at(value, *way)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= len(str(_LATEST)):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else UNSET


def flag(value: object, *way: str | int) -> bool | UnsetType:
    """As `at`, if that is true or false."""
    found = at(value, *way)
    return found if isinstance(found, bool) else UNSET


def moment(value: object, *way: str | int) -> datetime | None:
    """As `at`, if that is a time: seconds since 1970, or a text that says it (in UTC where it names no zone)."""
    found = at(value, *way)
    if isinstance(found, str):
        if not found.isascii() or not found.isdigit():
            try:
                said = datetime.fromisoformat(found)
            except ValueError:
                return None
            return said.replace(tzinfo=UTC) if said.tzinfo is None else said
        found = int(found) if len(found) <= len(str(_LATEST)) else 0
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= _LATEST:
        return None
    return datetime.fromtimestamp(found, UTC)


def sifted(where: str, facts: Iterator[Fact]) -> tuple[list[Fact], list[Bad]]:
    """The facts that can be kept, and what is wrong with the others."""
    good: list[Fact] = []
    bad: list[Bad] = []
    now = datetime.now(UTC)
    for fact in facts:
        try:
            good.append(checked(fact, now))
        except Invalid as error:
            bad.append(Bad(where, str(error)))
    return good, bad
