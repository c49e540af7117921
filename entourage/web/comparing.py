"""Channels side by side: one plot for all of them, each figure with its evidence, and the numbers to take along."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.handlers.base import BaseRouteHandler
from markupsafe import Markup

from entourage.accounts.model import Actor
from entourage.insight import channels, figures, growth
from entourage.insight.categories import CATEGORIES
from entourage.insight.categories import METHOD as BY_WORDS
from entourage.insight.figures import Audience, Figures, Quality
from entourage.insight.model import Channel
from entourage.kernel.db import Tx
from entourage.web import plots
from entourage.web.channels import (
    MOST_COMPARED,
    SPANS,
    audience_plots,
    called,
    country_name,
    days_plot,
    growth_plot,
    known,
    levels_plot,
    network_name,
    span_of,
)
from entourage.web.figures_csv import Rows, sent, written
from entourage.web.frame import page
from entourage.web.parts import Ask, parts_of
from entourage.web.visitor import visitor_of


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the channels that are compared."""

    channel: Channel
    figures: Figures
    history: Sequence[growth.Change]

    @property
    def who(self) -> str:
        """What it is called."""
        return called(self.channel)


def compare(tx: Tx, actor: Actor, uuids: Sequence[str], days: int) -> Sequence[Compared]:
    """Channels side by side."""
    return [
        Compared(channel, figures.of(tx, actor, channel.id), days_of)
        for channel, days_of in _histories(tx, actor, uuids, days)
    ]


def _histories(
    tx: Tx, actor: Actor, uuids: Sequence[str], days: int
) -> Sequence[tuple[Channel, Sequence[growth.Change]]]:
    since = tx.now.date() - timedelta(days=days)
    found = [channels.get(tx, actor, uuid) for uuid in uuids]
    return [(channel, growth.history(tx, actor, channel.id, since)) for channel in found]


def _asked(request: Ask) -> tuple[Sequence[str], int]:
    """The channels to compare, each once, and how many more were asked for than fit."""
    uuids = list(dict.fromkeys(request.query_params.getall("with", [])))
    return uuids[:MOST_COMPARED], max(0, len(uuids) - MOST_COMPARED)


@get("/channels/compare")
async def show(request: Ask) -> Response[Any]:
    """Up to five channels beside each other."""
    uuids, left_out = _asked(request)
    span = span_of(request)
    parts = parts_of(request)
    found = await parts.database.read(compare, visitor_of(request).actor, uuids, SPANS[span])
    parts.keeper.asked([one.channel.id for one in found])
    return page(
        request, "compare.html", found=found, left_out=left_out, most=MOST_COMPARED, span=span, spans=list(SPANS),
        known=known,
        plot=growth_plot([(one.who, one.history) for one in found]), index=_index_plot(found),
        audiences=[_audience_of(one) for one in found], qualities=[_quality_of(one) for one in found],
        country_name=country_name, network_name=network_name, words=CATEGORIES, by_words=BY_WORDS,
        chain=urlencode([("with", uuid) for uuid in uuids]),
    )  # fmt: skip


def _audience_of(one: Compared) -> Mapping[str, Markup]:
    audience = one.figures.audience
    return audience_plots(audience, plots.COLUMN) if isinstance(audience, Audience) else {}


def _quality_of(one: Compared) -> Markup:
    quality = one.figures.quality
    return levels_plot(quality) if isinstance(quality, Quality) else Markup()


def _index_plot(found: Sequence[Compared]) -> Markup:
    """Growth from 100 on, so that small and large channels can be compared."""
    return days_plot([
        (one.who, [(day.date, index) for day, index in indexed(one.history) if index is not None]) for one in found
    ])  # fmt: skip


def indexed(history: Sequence[growth.Change]) -> Sequence[tuple[growth.Change, float | None]]:
    """Each day with its followers where the first that there are count as 100; None while nobody follows."""
    first = next((one.followers for one in history if one.followers), 0)
    return [(one, 100 * one.followers / first if first else None) for one in history]


def _growth(tx: Tx, actor: Actor, uuids: Sequence[str], days: int) -> str:
    return written(_rows(_histories(tx, actor, uuids, days)))


def _rows(found: Iterable[tuple[Channel, Sequence[growth.Change]]]) -> Rows:
    yield ("network", "id", "channel", "date", "followers", "first_is_100", "change_percent")
    for channel, history in found:
        for day, index in indexed(history):
            told = None if index is None else round(index, 3)
            yield (channel.network, channel.uuid, called(channel), day.date, day.followers, told, day.change)


@get("/channels/compare/growth.csv")
async def download(request: Ask) -> Response[Any]:
    """The numbers behind the plots that channels share."""
    uuids, _ = _asked(request)
    actor, days = visitor_of(request).actor, SPANS[span_of(request)]
    body = await parts_of(request).database.read(_growth, actor, uuids, days)
    return sent("compared-growth.csv", body)


HANDLERS: Sequence[BaseRouteHandler] = (show, download)
