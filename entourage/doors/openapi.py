"""A door's page about itself: an OpenAPI document made from its calls and shapes, and the same as a page for people."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler

REFERENCE: Final = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+):\w+\}")
_WORDS: Final[Mapping[int, str]] = {
    200: "It is done.",
    201: "It was made.",
    202: "It will be done.",
    204: "It is done; there is nothing to say.",
    206: "A part of the bytes.",
    304: "It is what you have already.",
    400: "The request cannot be read.",
    401: "No access token, or one that does not count.",
    403: "The user may not do this.",
    404: "There is no such thing, or it is another user's.",
    409: "What is there does not allow it.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "There are no such bytes.",
    422: "Something that was sent cannot be accepted; `detail` names it.",
    429: "Too many requests in this hour, or too many wrong passwords.",
    500: "Something went wrong on the server.",
    503: "Not now: no room, or busy.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """What the page says about one call, beside what its handler knows."""

    answer: Any = None
    """The shape of the answer; None where it has none, or one that is not JSON."""
    example: object = None
    query: type[msgspec.Struct] | None = None
    body: Any = None
    body_example: object = None
    media_type: str = "application/json"
    public: bool = False
    pages: bool = False
    tag: str = ""
    """The group that the call stands in; by default the first part of its path."""
    status: int | None = None
    """Where it is not the one of the handler (Litestar lets no handler of a 204 return its own answer)."""
    errors: Sequence[int] = ()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """The schema of what stands in the path."""


@dataclass(frozen=True, slots=True)
class About:
    """What the page says about the door as a whole."""

    title: str
    version: str
    description: str
    envelope: type[msgspec.Struct]
    headers: Mapping[str, str]
    page_headers: Mapping[str, str]
    credential: Mapping[str, str] = field(
        default_factory=lambda: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """What a status means at this door, where it is not what it means at all of them."""
    usual: Sequence[int] = (400, 429, 500, 503)
    """The errors that every call may answer."""
    bad_value: int = 422
    """How values that cannot be accepted are refused."""


def document(
    about: About, root: str, handlers: Iterable[HTTPRouteHandler], calls: Mapping[str, Call]
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the handlers below `root`; `calls` is by the handlers' names."""
    listed = sorted(handlers, key=lambda handler: min(handler.paths))
    shapes = [about.envelope]
    for call in calls.values():
        shapes += [shape for shape in (call.answer, call.body) if shape is not None]
        shapes += [] if call.query is None else [call.query]
    schemas, components = msgspec.json.schema_components(shapes, ref_template=REFERENCE)
    known = dict(zip(map(_key, shapes), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for handler in listed:
        call = calls[handler.handler_name]
        for path in handler.paths:
            plain = _PARAMETER.sub(r"{\1}", path)
            for method in handler.http_methods:
                entry = _operation(about, handler, call, path, known=known, components=components)
                paths.setdefault(root + plain, {})[str(method).lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": about.version, "description": about.description},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": _refusals(about, known[about.envelope]),
            "headers": {
                name: {"description": words, "schema": {"type": "string"}}
                for name, words in {**about.headers, **about.page_headers}.items()
            },
            "securitySchemes": {"bearer": dict(about.credential)},
        },
    }


def _refusals(about: About, envelope: Any) -> dict[str, Any]:
    """What any call may answer instead of what it is for."""
    refusals: dict[str, Any] = {}
    for status, words in {**_WORDS, **about.words}.items():
        told = {name: {"$ref": f"#/components/headers/{name}"} for name in about.headers}
        refusals[str(status)] = {"description": words, "headers": told}
        if status >= 400 and status != 416:  # noqa: PLR2004 - those below are no errors, and 416 is told by its status
            refusals[str(status)]["content"] = {"application/json": {"schema": envelope}}
    return refusals


def _key(shape: Any) -> Any:
    return shape if isinstance(shape, type) else repr(shape)


def _operation(
    about: About,
    handler: HTTPRouteHandler,
    call: Call,
    path: str,
    *,
    known: Mapping[Any, Any],
    components: Mapping[str, Any],
) -> dict[str, Any]:
    names = _PARAMETER.findall(path)
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": call.parameters.get(name, {"type": "string"})}
        for name in names
    ]
    if call.query is not None:
        shape = components[known[_key(call.query)]["$ref"].rsplit("/", 1)[-1]]
        required = shape.get("required", ())
        for name, schema in shape["properties"].items():
            parameters.append({"name": name, "in": "query", "required": name in required, "schema": _given(schema)})
    status = call.status or handler.status_code or 200
    headers = {**about.headers, **(about.page_headers if call.pages else {})}
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    answer: dict[str, Any] = {"description": about.words.get(status, _WORDS[status]), "headers": told}
    if call.answer is not None:
        answer["content"] = {call.media_type: {"schema": known[_key(call.answer)], "example": call.example}}
    elif status != 204:  # noqa: PLR2004 - No Content
        answer["content"] = {call.media_type: {"schema": {"type": "string", "format": "binary"}}}
    answers: dict[str, Any] = {str(status): answer}
    errors = {*about.usual, *call.errors}
    errors |= {about.bad_value} if call.query is not None or call.body is not None or names else set()
    errors |= {413, 415} if call.body is not None else set()
    errors |= set() if call.public else {401}
    errors |= {404} if names else set()
    for error in sorted(errors):
        answers[str(error)] = {"$ref": f"#/components/responses/{error}"}
    doc = (handler.fn.__doc__ or "").strip()
    operation: dict[str, Any] = {
        "operationId": handler.handler_name,
        "tags": [call.tag or path.split("/")[1]],
        "summary": doc.split("\n", 1)[0],
        "responses": answers,
    }
    if parameters:
        operation["parameters"] = parameters
    if call.body is not None:
        content = {"schema": known[_key(call.body)], "example": call.body_example}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if call.public:
        operation["security"] = []
    return operation


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: an address cannot carry null, only leave a name out."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    if len(choices) == 1:
        plain |= choices[0]
    elif choices:
        plain["anyOf"] = choices
    if "enum" in plain:
        plain["enum"] = [choice for choice in plain["enum"] if choice is not None]
    if schema.get("default") is not None:
        plain["default"] = schema["default"]
    return plain
