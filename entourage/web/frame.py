"""The frame of every page: templates, what they may say, messages that survive one redirect, and the headers."""

import base64
import binascii
import functools
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import jinja2
import msgspec
from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from entourage.accounts import sessions
from entourage.web import assets, captions, words
from entourage.web.parts import Ask
from entourage.web.visitor import FORM_COOKIE, cookie, local_path, maybe_visitor

SAID_COOKIE = "entourage_said"
THEME_COOKIE = "entourage_theme"
THEMES = ("system", "light", "dark")
LONGEST_SAID = 900
Mood = Literal["good", "bad"]

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Sent with every page: nothing comes from elsewhere, nothing runs that is not a file of ours, nobody frames us."""


FILTERS: Sequence[Callable[..., object]] = (
    words.size, words.number, words.plural, words.span, words.clock, words.moment, words.day, words.percent,
    words.sentence, words.stamp, captions.alive,
)  # fmt: skip
"""What templates can do with values, under their own names."""


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("entourage.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    names = cast("dict[str, Any]", environment.globals)
    names |= {"asset": assets.url, "status_words": words.STATUS, "kind_words": words.KINDS}
    filters = cast("dict[str, Any]", environment.filters)
    filters |= {each.__name__: each for each in FILTERS}
    return environment


class Blanks(dict[str, Any]):
    """A mapping for templates whose missing entries are empty texts."""

    def __missing__(self, key: str) -> str:
        return ""


def page(request: Ask, name: str, *, status: int = 200, **shown: Any) -> Response[Any]:
    """The page made from a template; takes along what was said before the redirect that led here."""
    visitor = maybe_visitor(request)
    said = _read_said(request)
    cookies: list[Cookie] = []
    csrf = visitor.csrf if visitor else ""
    if visitor is None:
        ticket = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
        csrf = sessions.csrf_token(ticket)
        cookies.append(cookie(request, FORM_COOKIE, ticket))
    if said is not None:
        cookies.append(cookie(request, SAID_COOKIE, "", 0))
    body = (
        _templates()
        .get_template(name)
        .render(
            visitor=visitor,
            csrf=csrf,
            path=request.url.path,
            here=here(request),
            theme=theme_of(request),
            said=said,
            **shown,
        )
    )
    headers = {**SECURITY, "Cache-Control": "no-store", "Vary": "Cookie"}
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=headers, cookies=cookies)


def here(request: Ask) -> str:
    """The address of this page with its query, to come back to."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def theme_of(request: Ask) -> str:
    """Light, dark, or as the system has it."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "system"


def back(request: Ask, to: str, text: str = "", mood: Mood = "good") -> Redirect:
    """See other: the page `to` (a path of ours), with a sentence to show there once."""
    cookies = [_said(request, text, mood)] if text else []
    return Redirect(local_path(to), status_code=303, cookies=cookies)


def _said(request: Ask, text: str, mood: Mood) -> Cookie:
    packed = base64.urlsafe_b64encode(msgspec.json.encode([mood, text[:LONGEST_SAID]])).decode()
    return cookie(request, SAID_COOKIE, packed, 60)


def _read_said(request: Ask) -> tuple[str, str] | None:
    packed = request.cookies.get(SAID_COOKIE)
    if not packed:
        return None
    try:
        mood, text = msgspec.json.decode(base64.urlsafe_b64decode(packed), type=tuple[Mood, str])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None
    return mood, text
