"""What a client sent, checked against a shape: every field that is wrong is named, in words for people."""

import functools
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import State

from entourage.doors.refusals import BadRequest, WrongType
from entourage.kernel.errors import Invalid, Problem

Asked = Request[Any, Any, State]
"""What Litestar hands to a handler."""

T = TypeVar("T", bound=msgspec.Struct)

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Object contains unknown field `(?P<name>.*)`"), "is not known here"),
    (re.compile(r"Object missing required field `(?P<name>.*)`"), "is required"),
    (re.compile(r"Expected `int` >= (?P<least>-?\d+)"), "must be at least {least}"),
    (re.compile(r"Expected `int` <= (?P<most>-?\d+)"), "must be at most {most}"),
    (re.compile(r"Expected `(?:str|array)` of length >= 1"), "must not be empty"),
    (re.compile(r"Expected `str` of length <= (?P<most>\d+)"), "must have at most {most} characters"),
    (re.compile(r"Expected `array` of length <= (?P<most>\d+)"), "must have at most {most} entries"),
    (re.compile(r"Expected `str` matching regex .*"), "must not contain control characters"),
    (re.compile(r"Expected `int(?: \| null)?`, got .*"), "must be a whole number"),
    (re.compile(r"Integer value out of range"), "is too large"),
    (re.compile(r"Expected `bool(?: \| null)?`, got .*"), "must be true or false"),
    (re.compile(r"Expected `str(?: \| null)?`, got .*"), "must be a text"),
    (re.compile(r"Expected `array(?: \| null)?`, got .*"), "must be a list"),
    (re.compile(r"Expected `object(?: \| null)?`, got .*"), "must be an object"),
    (re.compile(r"Expected `date(?: \| null)?`, got .*"), "must be a date as 2025-10-13"),
    (re.compile(r"Invalid RFC3339 encoded date"), "must be a date as 2025-10-13"),
    (re.compile(r"Expected `datetime(?: \| null)?`, got .*"), "must be a time as 2025-10-13T15:45:23Z"),
    (re.compile(r"Invalid RFC3339 encoded datetime"), "must be a time as 2025-10-13T15:45:23Z"),
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,25}")
_YES_OR_NO = {"true": True, "1": True, "false": False, "0": False}
_decode = msgspec.json.Decoder().decode


async def body(request: Asked, shape: type[T]) -> T:
    """The JSON body as `shape`; raises WrongType, BadRequest (not JSON), Invalid naming every field."""
    raw = await json_body(request)
    return _checked(raw, shape)


async def json_body(request: Asked) -> object:
    """The JSON body; raises WrongType and BadRequest."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WrongType("The body must be JSON, with the Content-Type application/json.")
    try:
        return _decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {_lowered(str(error))}.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error


def query(request: Asked, shape: type[T]) -> T:
    """The address's query as `shape`; raises Invalid naming every parameter."""
    raw = request.scope["query_string"]
    given: Mapping[str, str] = {}
    if raw:
        try:
            given = dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100))
        except ValueError as error:
            raise BadRequest("The query of the address cannot be read.") from error
    kinds = _kinds(shape)
    typed = {name: _typed(value, kinds[name]) for name, value in given.items() if name in kinds}
    return _checked(typed, shape)


@functools.cache
def _kinds(shape: type[msgspec.Struct]) -> Mapping[str, type]:
    """Which of a shape's fields are numbers or yes-or-no; the others are texts as they stand in an address."""
    kinds: dict[str, type] = {}
    for field in msgspec.structs.fields(shape):
        named = _inside(field.type)
        kinds[field.encode_name] = bool if bool in named else int if int in named else str
    return kinds


def _inside(kind: Any) -> set[Any]:
    if typing.get_origin(kind) is Literal:
        return {type(choice) for choice in typing.get_args(kind)}
    return {kind}.union(*(_inside(inner) for inner in typing.get_args(kind)))


def _typed(value: str, kind: type) -> object:
    """The value that a text in an address stands for; left as it is where it stands for none."""
    if kind is int and _INTEGER.fullmatch(value):
        return int(value)
    if kind is bool:
        return _YES_OR_NO.get(value.lower(), value)
    return value


def _checked(raw: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        if not isinstance(raw, dict):
            raise Invalid(Problem("body", "must be an object")) from error
        raise Invalid(*_problems(cast("dict[str, Any]", raw), shape, error)) from error


def _problems(raw: dict[str, Any], shape: type[msgspec.Struct], first: msgspec.ValidationError) -> list[Problem]:
    """What is wrong, field by field; msgspec itself stops at the first."""
    problems: list[Problem] = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for name, field in fields.items():
        if name in raw:
            convert: Callable[..., object] = msgspec.convert
            try:
                convert(raw[name], field.type)
            except msgspec.ValidationError as error:
                problems.append(_problem(error, name, field.type))
        elif field.required:
            problems.append(Problem(name, "is required"))
    if shape.__struct_config__.forbid_unknown_fields:
        problems += [Problem(_short(name), "is not known here") for name in raw if name not in fields]
    return problems or [_problem(first, "body", shape)]


def _problem(error: msgspec.ValidationError, name: str, kind: Any) -> Problem:
    text = str(error)
    if at := _AT.search(text):
        text, name = text[: at.start()], f"{name}{at['path']}"
    for pattern, words in _WORDS:
        if found := pattern.fullmatch(text):
            return Problem(name, words.format(**found.groupdict()))
    if text.startswith("Invalid enum value") and (choices := _choices(kind)):
        return Problem(name, f"must be one of {', '.join(choices)}")
    return Problem(name, _lowered(text))


def _choices(kind: Any) -> list[str]:
    """The texts that a type allows, however deep its Literal stands."""
    if typing.get_origin(kind) is Literal:
        return [str(choice) for choice in typing.get_args(kind)]
    return [choice for inner in typing.get_args(kind) for choice in _choices(inner)]


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _short(name: str) -> str:
    """A key of a stranger's choosing, fit for a message."""
    return name if len(name) <= 50 and name.isprintable() else repr(name[:50])  # noqa: PLR2004 - a line of text
