"""The numbers behind the plots of a channel, as CSV: what is seen can be taken along and checked."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from litestar import Response, get
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath

from entourage.accounts.model import Actor
from entourage.insight import channels, content, engaged, figures, growth, mentions
from entourage.insight.estimates import Estimate
from entourage.insight.evidence import NotEnough
from entourage.insight.model import Channel
from entourage.kernel.db import Tx
from entourage.kernel.errors import NotFound
from entourage.web.channels import called
from entourage.web.media import disposition
from entourage.web.parts import Ask, parts_of
from entourage.web.plots import DAYS
from entourage.web.visitor import visitor_of

Rows = Iterable[Sequence[object]]
MOST = 500
_FULLWIDTH = "\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
_FORMULAS = {*"=+-@\t\r\n|%", *_FULLWIDTH}
"""What spreadsheets take for the begin of a formula."""
_INTERVAL = ("share", "low_95", "high_95", "sample", "population")


def _growth(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("date", "followers", "change_percent", "follows")
    for one in growth.history(tx, actor, channel.id, tx.now.date() - timedelta(days=3650)):
        yield (one.date, one.followers, one.change, one.follows)


def _row(kind: str, name: str, of: Estimate) -> Sequence[object]:
    return (kind, name, round(of.value, 6), round(of.low, 6), round(of.high, 6), of.size, of.population)


def _audience(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("figure", "of", *_INTERVAL)
    found = figures.of(tx, actor, channel.id).audience
    if not isinstance(found, NotEnough):
        for gender, one in found.genders.items():
            yield _row("gender", gender.name.lower(), one)
        for code, one in found.countries.items():
            yield _row("country", code, one)
        for age, one in found.ages.items():
            yield _row("age", age.words, one)


def _quality(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("figure", "of", *_INTERVAL)
    found = figures.of(tx, actor, channel.id).quality
    if not isinstance(found, NotEnough):
        yield _row("grade", "0 to 100", found.grade)
        yield _row("bought", "share", found.bought)
        for level, one in enumerate(found.levels, 1):
            yield _row("level", str(level), one)


def _mentions(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("direction", "username", "posts", "last_at")
    for direction, verb in (("incoming", mentions.incoming), ("outgoing", mentions.outgoing)):
        for one in verb(tx, actor, channel.id, 1, MOST).items:
            yield (direction, one.username, one.posts, one.last_at and one.last_at.isoformat())


def _posts(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("posted_at", "likes", "comments", "url", "tags", "mentions", "caption")
    for one in content.posts(tx, actor, channel.id, 1, MOST).items:
        posted = one.posted_at and one.posted_at.isoformat()
        yield (posted, one.likes, one.comments, one.url, " ".join(one.tags), " ".join(one.mentions), one.caption)


def _hours(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("day", *(f"{hour:02}:00" for hour in range(24)))
    for day, row in zip(DAYS, content.posting_times(tx, actor, channel.id), strict=True):
        yield (day, *row)


def _followers(tx: Tx, actor: Actor, channel: Channel) -> Rows:
    yield ("id", "username", "name", "followers")
    for one in engaged.top(tx, actor, channel.id, 1, 100).items:
        yield (one.uuid, one.username, one.name, one.followers)


SHEETS: Mapping[str, Callable[[Tx, Actor, Channel], Rows]] = {
    "growth": _growth, "audience": _audience, "quality": _quality, "mentions": _mentions, "posts": _posts,
    "hours": _hours, "followers": _followers,
}  # fmt: skip


def sheet(tx: Tx, actor: Actor, uuid: str, name: str) -> tuple[str, str]:
    """The name of the channel and one of its SHEETS as CSV (RFC 4180); raises NotFound."""
    if name not in SHEETS:
        raise NotFound("There is no such data.")
    channel = channels.get(tx, actor, uuid)
    return called(channel), written(SHEETS[name](tx, actor, channel))


def written(rows: Rows) -> str:
    """Rows as CSV (RFC 4180)."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    return file.getvalue()


def _plain(value: object) -> object:
    """A cell; a text that a spreadsheet would take for a formula is kept from being one."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULAS else value


@get("/channels/{uuid:str}/data/{name:str}")
async def download(request: Ask, uuid: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """The numbers behind a plot."""
    actor, plain = visitor_of(request).actor, name.removesuffix(".csv")
    who, body = await parts_of(request).database.read(sheet, actor, uuid, plain)
    return sent(f"{who}-{plain}.csv", body)


def sent(name: str, body: str) -> Response[Any]:
    """CSV as a file to keep, marked so that spreadsheets read it as UTF-8."""
    headers = {"Content-Disposition": disposition(name, attachment=True), "Cache-Control": "no-store"}
    return Response(body.encode("utf-8-sig"), media_type="text/csv", headers=headers)


HANDLERS: Sequence[BaseRouteHandler] = (download,)
