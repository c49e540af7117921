"""The pages of channels: found, and looked at with every figure and its evidence."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, cast
from urllib.parse import urlencode

from litestar import Response, get
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath
from markupsafe import Markup

from entourage.accounts.model import Actor
from entourage.insight import channels, content, engaged, figures, growth, mentions, plans
from entourage.insight.categories import CATEGORIES, Categories
from entourage.insight.channels import ChannelFilter, Evidence, FormerName, Order
from entourage.insight.content import Best
from entourage.insight.estimates import Estimate
from entourage.insight.evidence import NotEnough
from entourage.insight.figures import Audience, Figures, Quality
from entourage.insight.model import Channel, Gender
from entourage.insight.watching import Plan, Status
from entourage.kernel.db import Tx
from entourage.kernel.paging import Page
from entourage.networks import registry
from entourage.web import plots
from entourage.web.frame import Blanks, page
from entourage.web.parts import Ask, parts_of
from entourage.web.plots import Line, Node, Share
from entourage.web.queueing import chosen, number_of
from entourage.web.visitor import visitor_of

SIZE = 50
MOST_COMPARED = 5
"""Channels that fit beside each other."""
COUNTRIES = 10
WIDE = 960
"""Of plots that fill the page, where others are plots.WIDTH."""
ORDERS: Mapping[str, str] = {"followers": "Most followers", "name": "By name", "newest": "Newest"}
SPANS: Mapping[str, int] = {"90": 90, "180": 180, "360": 360, "all": 3650}
LEVELS = ("suspicious", "doubtful", "middling", "good", "genuine")
GENDERS: Mapping[Gender, str] = {Gender.FEMALE: "Women", Gender.MALE: "Men"}


def country_name(code: str) -> str:
    """A country as people say it, from its two letters."""
    return _countries().get(code, code)


@cache
def _countries() -> Mapping[str, str]:
    return tomllib.loads((files("entourage.web") / "countries.toml").read_text("utf-8"))


def network_name(network: str) -> str:
    """A network as people say it."""
    reader = registry.PEOPLE.get(network) or registry.READERS.get(network)
    return reader.DISPLAY_NAME if reader else network.capitalize()


def called(channel: Channel) -> str:
    """What a channel is called: its user name, or the network's id of who is known by that alone."""
    return channel.username or channel.native_id


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list."""

    page: Page[Channel]
    about: Mapping[int, Categories]


def look(tx: Tx, actor: Actor, wanted: ChannelFilter, number: int) -> Found:
    """A page of the channels that match, with what they are about."""
    found = channels.listing(tx, actor, wanted, number, SIZE)
    return Found(found, figures.categories_of(tx, found.items))


@get("/channels")
async def show(request: Ask) -> Response[Any]:
    """The list."""
    order = chosen(request, "order")
    wanted = ChannelFilter(
        watched=chosen(request, "watched") is not None,
        network=chosen(request, "network"),
        text=chosen(request, "q"),
        order=cast("Order", order) if order in ORDERS else "followers",
    )
    found = await parts_of(request).database.read(look, visitor_of(request).actor, wanted, number_of(request))
    filters = {name: value for name in ("q", "network", "order", "watched") if (value := chosen(request, name))}
    query = urlencode(filters)
    return page(
        request, "channels.html", found=found.page, about=found.about, filters=Blanks(filters), orders=ORDERS,
        networks=sorted({*registry.PEOPLE, "instagram", "tiktok", "twitter", "forum"}), network_name=network_name,
        country_name=country_name, words=CATEGORIES, link=f"/channels?{query}{'&' if query else ''}",
        most=MOST_COMPARED,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the page of a channel shows."""

    channel: Channel
    figures: Figures
    history: Sequence[growth.Change]
    incoming: Page[mentions.Mention]
    outgoing: Page[mentions.Mention]
    graph: mentions.Graph
    best: Sequence[Best]
    hours: Sequence[Sequence[int]]
    posts: int
    top: Page[Channel]
    names: Sequence[FormerName]
    evidence: Sequence[Evidence]
    plans: Sequence[Plan]
    is_read_now: bool


def view(tx: Tx, actor: Actor, uuid: str, days: int) -> View:
    """A channel with all its figures."""
    channel = channels.get(tx, actor, uuid)
    watched = plans.of_channel(tx, actor, channel.id)
    runs = plans.latest(tx, watched).values()
    return View(
        channel=channel,
        figures=figures.of(tx, actor, channel.id),
        history=growth.history(tx, actor, channel.id, tx.now.date() - timedelta(days=days)),
        incoming=mentions.incoming(tx, actor, channel.id, 1, 10),
        outgoing=mentions.outgoing(tx, actor, channel.id, 1, 10),
        graph=mentions.graph(tx, actor, channel.id),
        best=content.best(tx, actor, channel.id, 8),
        hours=content.posting_times(tx, actor, channel.id),
        posts=content.posts(tx, actor, channel.id, 1, 1).total,
        top=engaged.top(tx, actor, channel.id, 1, 12),
        names=channels.names(tx, actor, channel.id),
        evidence=channels.why(channel, tx.now.date()),
        plans=watched,
        is_read_now=any(run.status is Status.RUNNING for run in runs),
    )


@get("/channels/{uuid:str}")
async def show_one(request: Ask, uuid: FromPath[str]) -> Response[Any]:
    """A channel."""
    span = span_of(request)
    parts = parts_of(request)
    seen = await parts.database.read(view, visitor_of(request).actor, uuid, SPANS[span])
    parts.keeper.asked([seen.channel.id])
    return page(
        request, "channel.html", v=seen, c=seen.channel, f=seen.figures, span=span, spans=list(SPANS),
        drawn=_drawn(seen), known=known, country_name=country_name, network_name=network_name,
        levels=LEVELS, words=CATEGORIES, watched_by=seen.plans, can_watch=seen.channel.network in registry.PEOPLE,
    )  # fmt: skip


def span_of(request: Ask) -> str:
    """Which of SPANS was asked for."""
    asked = chosen(request, "days")
    return asked if asked is not None and asked in SPANS else "180"


def known(figure: object) -> bool:
    """Whether enough is known for a figure."""
    return not isinstance(figure, NotEnough)


def _drawn(seen: View) -> Mapping[str, Markup]:
    """The plots of a channel, by name; a plot without data is empty."""
    drawn: dict[str, Markup] = {
        "growth": growth_plot([(called(seen.channel), seen.history)]),
        "hours": plots.hours(seen.hours) if any(map(any, seen.hours)) else Markup(""),
        "graph": _graph(seen) if len(seen.graph.nodes) > 1 else Markup(""),
        "quality": Markup(""),
    }
    audience, quality = seen.figures.audience, seen.figures.quality
    if isinstance(audience, Audience):
        drawn |= audience_plots(audience)
    if isinstance(quality, Quality):
        drawn["quality"] = levels_plot(quality)
    return drawn


def growth_plot(series: Sequence[tuple[str, Sequence[growth.Change]]]) -> Markup:
    """Followers over time, a line for each channel; empty where none was seen on two days."""
    return days_plot([(name, [(one.date, one.followers) for one in seen]) for name, seen in series])


def days_plot(series: Sequence[tuple[str, Sequence[tuple[date, float]]]]) -> Markup:
    """A line through each series of at least two days (UTC); the others keep their place, and with it their colour."""
    drawn = [
        Line(name, [(datetime.combine(day, time(), UTC), value) for day, value in days] if len(days) > 1 else [])
        for name, days in series
    ]
    return plots.lines(drawn, width=WIDE, height=260)


def levels_plot(quality: Quality) -> Markup:
    """The five levels of an audience."""
    return plots.levels([level.value for level in quality.levels], LEVELS, width=plots.COLUMN)


def audience_plots(audience: Audience, width: int = plots.WIDTH) -> Mapping[str, Markup]:
    """The three plots of an audience."""
    genders = [_share(GENDERS[gender], one) for gender, one in audience.genders.items() if gender in GENDERS]
    countries = [_share(country_name(code), one) for code, one in list(audience.countries.items())[:COUNTRIES]]
    ages = [_share(age.words, one) for age, one in audience.ages.items()]
    drawn = {"genders": genders, "countries": countries, "ages": ages}
    return {name: plots.shares(rows, width=width) for name, rows in drawn.items()}


def _share(label: str, of: Estimate) -> Share:
    return Share(label, of.value, of.low, of.high, round(of.value * of.size))


def _graph(seen: View) -> Markup:
    centre, *around = seen.graph.nodes
    edges = [(edge.source, edge.target) for edge in seen.graph.edges]
    names_us = {edge.source: edge.posts for edge in seen.graph.edges if edge.target == centre.key}
    named = {edge.target: edge.posts for edge in seen.graph.edges if edge.source == centre.key}
    nodes = [
        Node(
            node.key,
            node.username,
            f"/channels/{node.uuid}" if node.uuid else None,
            names_us.get(node.key, 0) + named.get(node.key, 0),
            (1 if node.key in named else 0) - (1 if node.key in names_us else 0),
        )
        for node in around
    ]
    return plots.graph(centre.key, centre.username, nodes, edges)


HANDLERS: Sequence[BaseRouteHandler] = (show, show_one)
