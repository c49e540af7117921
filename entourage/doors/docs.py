"""A contract's page: the OpenAPI document for programs, and the same for people, without a script or a foreign host."""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
from litestar import get
from litestar.handlers import HTTPRouteHandler

from entourage.doors.asking import Asked
from entourage.doors.door import Reply

_PAGE: Final = Path(__file__).parent / "page"
_HEADERS: Final = [
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]


def handlers(
    path: str, document: Callable[[], dict[str, Any]], beside: Mapping[str, str] | None = None
) -> list[HTTPRouteHandler]:
    """The handlers of the page at `path`; `document` is asked once, when somebody first looks.

    `beside` are the pages of other contracts: where they are, and what they are called.
    """
    document = functools.cache(document)

    @functools.cache
    def page() -> bytes:
        return render(document(), path, beside).encode()

    @functools.cache
    def data() -> bytes:
        return json.dumps(document(), ensure_ascii=False, indent=1).encode()

    @get(path)
    async def docs_page(request: Asked) -> Reply:  # noqa: ARG001 - handlers are known by their request
        """The page for people."""
        return Reply(200, page(), [(b"content-type", b"text/html; charset=utf-8"), *_HEADERS])

    @get(f"{path}/openapi.json")
    async def docs_data(request: Asked) -> Reply:  # noqa: ARG001 - as above
        """The document for programs."""
        return Reply(200, data(), [(b"content-type", b"application/json"), *_HEADERS])

    @get(f"{path}/style.css")
    async def docs_style(request: Asked) -> Reply:  # noqa: ARG001 - as above
        """How the page looks."""
        style = (_PAGE / "style.css").read_bytes()
        return Reply(200, style, [(b"content-type", b"text/css; charset=utf-8"), *_HEADERS])

    return [docs_page, docs_data, docs_style]


def render(document: dict[str, Any], path: str, beside: Mapping[str, str] | None = None) -> str:
    """The page for people, of an OpenAPI document as `openapi.document` makes it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    schemas: dict[str, Any] = document["components"]["schemas"]
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for where, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), where, operation))
    return environment.get_template("page.html").render(
        document=document,
        groups=groups,
        path=path,
        beside=beside or {},
        pretty=_pretty,
        kind=functools.partial(_kind, schemas),
        fields=functools.partial(_fields, schemas),
    )


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _fields(schemas: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
    """The fields of an object: name, schema, whether it must be there."""
    shape = schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    return [(name, inner, name in shape.get("required", ())) for name, inner in shape.get("properties", {}).items()]


def _kind(schemas: dict[str, Any], schema: dict[str, Any]) -> str:
    """A schema in a few words: `whole number, 1 to 10`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(schemas, choice) for choice in schema["anyOf"]))
    if "enum" in schema:
        return "one of " + ", ".join("null" if choice is None else str(choice) for choice in schema["enum"])
    if "$ref" in schema:
        return "object"
    kind: str = schema.get("type", "anything")
    word: dict[str, str] = {
        "integer": "whole number",
        "string": "text",
        "boolean": "true or false",
        "array": "list",
        "null": "null",
    }
    text: str = {"date": "date", "date-time": "time"}.get(str(schema.get("format")), word.get(kind, kind))
    if kind == "array" and schema.get("items"):
        text += f" of: {_kind(schemas, schema['items'])}"
    if kind == "integer" and "minimum" in schema:
        text += (
            f", {schema['minimum']} to {schema['maximum']}" if "maximum" in schema else f", from {schema['minimum']}"
        )
    return text
