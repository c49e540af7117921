"""What the contract offers, call by call: each answer is made in one reading transaction, and paid for."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from litestar import get, route
from litestar.handlers import HTTPRouteHandler

from entourage.accounts import credits as money
from entourage.accounts.model import Actor
from entourage.doors.asking import Asked, query
from entourage.doors.door import Reply, visit_of
from entourage.doors.influencer import shaping, wire
from entourage.doors.influencer.dialect import Links, answer
from entourage.doors.influencer.selling import cashier_of, holder_of, keeper_of, sold, sold_at_once
from entourage.insight import channels, content, engaged, figures, growth, mentions
from entourage.insight.keeping import Keeper
from entourage.kernel.db import Tx
from entourage.kernel.paging import Page

T = TypeVar("T")
Q = TypeVar("Q", bound=wire.Query)
SIZE: Final = 20
"""Entries of a page."""
VERSION: Final = "1.0.0"
"""Of the contract, not of ours."""

# --- "Meta" and "Account": free of charge


@get("/")
async def root(request: Asked) -> Reply:
    """The version of the API."""
    visit_of(request)
    return answer(wire.Metadata(version=VERSION))


@get("/account/balance")
async def balance(request: Asked) -> Reply:
    """The credits that are left until the next renewal."""
    visit = visit_of(request)
    holder = holder_of(visit)
    account = await visit.glance(money.balance, cashier_of(request).tariff, holder.user_id)
    return answer(wire.Credits(credits=account.balance))


# --- "Channels"


@get("/channels/search")
async def search(request: Asked) -> Reply:
    """Channels by the beginning of their user name, in the order of their names."""
    asked, links, keeper = _asked(request, wire.SearchQuery), Links(request), keeper_of(request)

    def make(tx: Tx, actor: Actor) -> wire.SearchResult:
        page = channels.search(tx, actor, asked.username, network=asked.media, number=asked.page, size=SIZE)
        keeper.asked(each.id for each in page.items)
        return shaping.search_result(page, figures.categories_of(tx, page.items), links)

    return await sold(request, "search", asked.username, make)


@get("/channels/{channel_id:str}")
async def channel(request: Asked) -> Reply:
    """A channel as it was last seen."""
    uuid = _uuid(request)
    return await sold_at_once(request, "channel", uuid, _channel, uuid, keeper_of(request))


def _channel(tx: Tx, actor: Actor, uuid: str, keeper: Keeper) -> wire.Channel:
    found = channels.get(tx, actor, uuid)
    keeper.asked([found.id])
    return shaping.channel(found, figures.categories_of(tx, [found]))


# --- "Channel Analytics"


@get("/channels/{channel_id:str}/analytics/audience")
async def audience(request: Asked) -> Reply:
    """Genders, countries and ages of those who follow the channel."""
    uuid = _uuid(request)
    return await sold(request, "audience", uuid, _audience, uuid, keeper_of(request))


def _audience(tx: Tx, actor: Actor, uuid: str, keeper: Keeper) -> wire.Audience:
    found = channels.get(tx, actor, uuid)
    keeper.asked([found.id])
    return shaping.audience(figures.of(tx, actor, found.id).audience)


@get("/channels/{channel_id:str}/analytics/quality")
async def quality(request: Asked) -> Reply:
    """How genuine those who follow the channel are."""
    uuid = _uuid(request)
    return await sold(request, "quality", uuid, _quality, uuid, keeper_of(request))


def _quality(tx: Tx, actor: Actor, uuid: str, keeper: Keeper) -> wire.Quality:
    found = channels.get(tx, actor, uuid)
    keeper.asked([found.id])
    return shaping.quality(figures.of(tx, actor, found.id).quality)


@get("/channels/{channel_id:str}/analytics/mentions/incoming")
async def incoming_mentions(request: Asked) -> Reply:
    """Who names the channel in their posts."""
    return await _listed(request, "incoming-mentions", mentions.incoming, shaping.mentions)


@get("/channels/{channel_id:str}/analytics/mentions/outgoing")
async def outgoing_mentions(request: Asked) -> Reply:
    """Whom the channel names in its posts."""
    return await _listed(request, "outgoing-mentions", mentions.outgoing, shaping.mentions)


@get("/channels/{channel_id:str}/analytics/follower-changes")
async def follower_changes(request: Asked) -> Reply:
    """The followers of the channel day by day, the oldest day first; the whole period in one page."""
    uuid, asked, links = _uuid(request), _asked(request, wire.ChangesQuery), Links(request)

    def make(tx: Tx, actor: Actor) -> wire.Changes:
        found = channels.get(tx, actor, uuid)
        days = growth.changes(tx, actor, found.id, asked.period, number=asked.page, size=asked.period)
        return shaping.changes(days, links)

    return await sold(request, "follower-changes", uuid, make)


@get("/channels/{channel_id:str}/analytics/engaged")
async def engaged_influencers(request: Asked) -> Reply:
    """The 100 followers of the channel who have the most followers themselves."""
    return await _listed(request, "engaged", engaged.top, shaping.engaged)


# --- "Channel Content"


@get("/channels/{channel_id:str}/content")
async def channel_content(request: Asked) -> Reply:
    """The posts of the channel, the newest first."""
    return await _listed(request, "content", content.posts, shaping.content)


async def _listed(
    request: Asked,
    resource: str,
    verb: Callable[[Tx, Actor, int, int, int], Page[T]],
    shape: Callable[[Page[T], Links], object],
) -> Reply:
    """A page of what belongs to a channel."""
    uuid, asked, links, keeper = _uuid(request), _asked(request, wire.PageQuery), Links(request), keeper_of(request)

    def make(tx: Tx, actor: Actor) -> object:
        found = channels.get(tx, actor, uuid)
        keeper.asked([found.id])
        return shape(verb(tx, actor, found.id, asked.page, SIZE), links)

    return await sold(request, resource, uuid, make)


def _asked(request: Asked, shape: type[Q]) -> Q:
    """What stands in the address, for who may ask at all."""
    visit_of(request)
    return query(request, shape)


def _uuid(request: Asked) -> str:
    return str(request.path_params["channel_id"])


# --- what a call costs: the section "Credit point system"


_NAME: Final = re.compile(r"[-/]")


def _price(path: str, resource: str | None) -> HTTPRouteHandler:
    async def price(request: Asked) -> Reply:
        """What a GET here costs."""
        visit_of(request)
        cost = 0 if resource is None else cashier_of(request).tariff.prices[resource]
        return answer(wire.Credits(credits=cost))

    price.__name__ = price.__qualname__ = f"price_of_{_NAME.sub('_', resource or path.strip('/') or 'root')}"
    return route(path, http_method="OPTIONS", status_code=200)(price)


_PRICED: Final = {
    "/channels/search": "search",
    "/channels/{channel_id:str}": "channel",
    "/channels/{channel_id:str}/analytics/audience": "audience",
    "/channels/{channel_id:str}/analytics/quality": "quality",
    "/channels/{channel_id:str}/analytics/mentions/incoming": "incoming-mentions",
    "/channels/{channel_id:str}/analytics/mentions/outgoing": "outgoing-mentions",
    "/channels/{channel_id:str}/analytics/follower-changes": "follower-changes",
    "/channels/{channel_id:str}/analytics/engaged": "engaged",
    "/channels/{channel_id:str}/content": "content",
}

# The prices come first: Litestar gives every path that has no OPTIONS yet one of its own, and keeps that.
HANDLERS = [
    *(_price(path, resource) for path, resource in _PRICED.items()),
    *(_price(path, None) for path in ("/", "/account/balance")),
    root, balance, search, channel, audience, quality, incoming_mentions, outgoing_mentions,
    follower_changes, engaged_influencers, channel_content,
]  # fmt: skip
