"""Plots of figures, drawn on the server as SVG: they need no script, follow the theme, and name their numbers.

Each can be saved as a picture (plots.js paints the SVG, with its colours resolved, onto a canvas).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from entourage.web.words import number, plural

WIDTH: Final = 640
COLUMN: Final = 340
"""The width of plots that stand in a narrow column."""
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 24
_TICKS = 4
_LABELS = 6
_ROW = 26
_CROWDED = 60
_NARROW = 40
_NAMES_IN_ROW, _NAME_ROW, _LONGEST_NAME = 3, 30, 18
_Place = Callable[[float], float]
"""Turns a value into a place on the page."""


def _svg(height: float, words: str, *parts: Markup, look: str = "", width: int = WIDTH) -> Markup:
    return Markup(
        '<svg class="plot {}" viewBox="0 0 {} {:.0f}" width="{}" height="{:.0f}" role="img" aria-label="{}">{}</svg>'
    ).format(look, width, height, width, height, words, Markup("").join(parts))


def short(value: float) -> str:
    """A number for an axis: 950, 1.2k, 34k, 5.6M."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            scaled = value / unit
            return f"{scaled:.0f}{name}" if scaled >= 10 or scaled == int(scaled) else f"{scaled:.1f}{name}"  # noqa: PLR2004 - two digits are enough
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


@dataclass(frozen=True, slots=True)
class Line:
    """A series over time: its name and its points, oldest first."""

    name: str
    points: Sequence[tuple[datetime, float]]


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Round ends for an axis that shows `low` to `high`, and the step between its marks."""
    if high <= low:
        low, high = (low - 1, low + 1) if low else (0, 1)
    raw = (high - low) / _TICKS
    power = 10 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= raw * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def lines(
    series: Sequence[Line], *, width: int = WIDTH, height: int = 220, words: str = "", from_zero: bool = False
) -> Markup:
    """Lines over time, one colour each, with their names below; a single one gets a washed area instead.

    The colour is that of the place in `series`, also where lines before it have no points and are not drawn.
    """
    shown = [(place, line) for place, line in enumerate(series) if line.points]
    if not shown:
        return Markup("")
    moments = [at.timestamp() for _, line in shown for at, _ in line.points]
    values = [value for _, line in shown for _, value in line.points]
    begin, end = min(moments), max(*moments, min(moments) + 1)
    low, high, step = _scale(0 if from_zero else min(values), max(values))
    room_x, room_y = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM

    def x_of(at: float) -> float:
        return _LEFT + room_x * (at - begin) / (end - begin)

    def y_of(value: float) -> float:
        return _TOP + room_y * (1 - (value - low) / (high - low))

    parts = [_marks(low, high, step, y_of, width), _dates(begin, end, x_of, height)]
    for place, line in shown:
        spots = [(x_of(at.timestamp()), y_of(value)) for at, value in line.points]
        path = " ".join(f"{'ML'[nth > 0]}{x:.1f} {y:.1f}" for nth, (x, y) in enumerate(spots))
        if len(series) == 1:
            floor = _TOP + room_y
            area = f"{path} L{spots[-1][0]:.1f} {floor} L{spots[0][0]:.1f} {floor} Z"
            parts.append(Markup('<path class="area" d="{}"/>').format(area))
        parts.append(Markup('<path class="line s{}" d="{}"/>').format(place, path))
        parts += [
            Markup('<circle class="spot s{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>').format(
                place,
                x,
                y,
                6 if len(spots) < _CROWDED else 4,
                f"{line.name}: {number(value)}, {at.day} {at:%b %Y}",
            )
            for (x, y), (at, value) in zip(spots, line.points, strict=True)
        ]
    names = len(series) > 1
    if names:
        parts.append(_names(shown, height, width))
    said = words or "; ".join(
        f"{line.name}: from {number(line.points[0][1])} to {number(line.points[-1][1])}" for _, line in shown
    )
    tall = height + (_names_height(len(shown)) if names else 0)
    return _svg(tall, said, *parts, look="lines wide" if width > WIDTH else "lines", width=width)


def _names(shown: Sequence[tuple[int, Line]], top: float, width: int) -> Markup:
    """Which colour is whose, in rows of three."""
    slot = (width - _LEFT - _RIGHT) / _NAMES_IN_ROW
    parts: list[Markup] = []
    for index, (place, line) in enumerate(shown):
        row, column = divmod(index, _NAMES_IN_ROW)
        x, y = _LEFT + column * slot, top + (row + 0.6) * _NAME_ROW
        name = line.name if len(line.name) <= _LONGEST_NAME else f"{line.name[: _LONGEST_NAME - 1]}…"
        parts.append(
            Markup('<path class="line s{}" d="M{:.1f} {:.1f}h18"/><text x="{:.1f}" y="{:.1f}">{}</text>').format(
                place, x, y, x + 26, y + 6, name
            )
        )
    return Markup('<g class="whose">{}</g>').format(Markup("").join(parts))


def _names_height(count: int) -> int:
    return _NAME_ROW * math.ceil(count / _NAMES_IN_ROW)


def _marks(low: float, high: float, step: float, y_of: _Place, width: int = WIDTH) -> Markup:
    marks: list[Markup] = []
    for place in range(round((high - low) / step) + 1):
        value = low + place * step
        y = y_of(value)
        marks.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(_LEFT, width - _RIGHT, y, y, _LEFT - 7, y + 4, short(value))
        )
    return Markup("").join(marks)


def _dates(begin: float, end: float, x_of: _Place, height: int) -> Markup:
    marks: list[Markup] = []
    far = end - begin > 200 * 86_400
    before = ""
    for place in range(_LABELS):
        at = datetime.fromtimestamp(begin + (end - begin) * (place + 0.5) / _LABELS, UTC)
        text = f"{at:%b %Y}" if far else f"{at.day} {at:%b}"
        if text != before:
            x = x_of(begin + (end - begin) * (place + 0.5) / _LABELS)
            marks.append(Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, height - 6, text))
        before = text
    return Markup("").join(marks)


@dataclass(frozen=True, slots=True)
class Share:
    """A row of `shares`: a label, a share from 0 to 1, the ends of its interval, and how many that are."""

    label: str
    value: float
    low: float
    high: float
    count: int | None = None


def shares(rows: Sequence[Share], *, words: str = "", width: int = WIDTH) -> Markup:
    """A bar for each share with a whisker for its 95 % interval."""
    if not rows:
        return Markup("")
    most = max(0.05, *(row.high for row in rows))
    left, right = (150, 64) if width >= WIDTH else (116, 54)
    room = width - left - right
    parts: list[Markup] = []
    for place, row in enumerate(rows):
        y = place * _ROW
        middle = y + _ROW / 2
        parts.append(
            Markup(
                '<g class="share"><title>{}</title><text x="{}" y="{:.1f}" text-anchor="end" class="name">{}</text>'
                '<rect class="rest" x="{}" y="{:.1f}" width="{}" height="12" rx="3"/>'
                '<rect class="bar" x="{}" y="{:.1f}" width="{:.1f}" height="12" rx="3"/>'
                '<path class="whisker" d="M{:.1f} {:.1f}H{:.1f}M{:.1f} {:.1f}v8M{:.1f} {:.1f}v8"/>'
                '<text x="{}" y="{:.1f}" class="value">{}</text></g>'
            ).format(
                f"{row.label}: {_percent(row.value)}, between {_percent(row.low)} and {_percent(row.high)}"
                + (f" ({plural(row.count, 'person', 'people')})" if row.count is not None else ""),
                left - 10,
                middle + 4.5,
                row.label[: 24 if width >= WIDTH else 16],
                left,
                middle - 6,
                room,
                left,
                middle - 6,
                room * row.value / most,
                left + room * row.low / most,
                middle,
                left + room * row.high / most,
                left + room * row.low / most,
                middle - 4,
                left + room * row.high / most,
                middle - 4,
                width - right + 10,
                middle + 4.5,
                _percent(row.value),
            )
        )
    said = words or "; ".join(f"{row.label} {_percent(row.value)}" for row in rows[:8])
    return _svg(len(rows) * _ROW, said, *parts, look="shares", width=width)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"  # noqa: PLR2004 - small ones want a digit


def levels(values: Sequence[float], names: Sequence[str], *, width: int = WIDTH) -> Markup:
    """Shares that make a whole, side by side in one bar, from the worst to the best."""
    parts: list[Markup] = []
    x = 0.0
    total = sum(values) or 1
    in_row = len(names) if width >= WIDTH else 3
    slot = width / in_row
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        part = width * value / total
        parts.append(
            Markup(
                '<g><title>{}</title><rect class="level l{}" x="{:.1f}" y="0" width="{:.1f}" height="30"/>{}</g>'
            ).format(
                f"{name}: {_percent(value / total)}",
                place + 1,
                x,
                max(0.0, part - 2),
                Markup('<text class="on l{}" x="{:.1f}" y="20" text-anchor="middle">{}</text>').format(
                    place + 1, x + part / 2, _percent(value / total)
                )
                if part > _NARROW
                else "",
            )
        )
        row, column = divmod(place, in_row)
        parts.append(
            Markup(
                '<rect class="level l{}" x="{:.1f}" y="{}" width="10" height="10" rx="2"/>'
                '<text x="{:.1f}" y="{}">{}</text>'
            ).format(place + 1, column * slot, 42 + 18 * row, column * slot + 15, 51 + 18 * row, name)
        )
        x += part
    said = "; ".join(f"{name} {_percent(value / total)}" for value, name in zip(values, names, strict=True))
    return _svg(58 + 18 * ((len(names) - 1) // in_row), said, *parts, look="levels", width=width)


def hours(counts: Sequence[Sequence[int]]) -> Markup:
    """A week of days and hours (7 rows from Monday, 24 columns): the more, the darker."""
    most = max((count for row in counts for count in row), default=0) or 1
    left, top, slot, tall = 40, 4, (WIDTH - 40) / 24, 20
    parts: list[Markup] = []
    for day, row in enumerate(counts):
        y = top + day * tall
        parts.append(Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(left - 8, y + 14, DAYS[day]))
        for hour, count in enumerate(row):
            parts.append(
                Markup(
                    '<rect class="hour" x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="3" fill-opacity="{:.2f}">'
                    "<title>{}</title></rect>"
                ).format(
                    left + hour * slot,
                    y,
                    slot - 2,
                    tall - 2,
                    0.06 + 0.94 * count / most,
                    f"{DAYS[day]} {hour:02}:00 UTC: {plural(count, 'post')}",
                )
            )
    bottom = top + 7 * tall
    parts += [
        Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{:02}</text>').format(
            left + (hour + 0.5) * slot, bottom + 14, hour
        )
        for hour in range(0, 24, 3)
    ]
    total = sum(map(sum, counts))
    return _svg(bottom + 20, f"{plural(total, 'post')} by day and hour (UTC)", *parts, look="hours")


@dataclass(frozen=True, slots=True)
class Node:
    """Somebody in `graph`: a key, a name, where a click leads, how much they weigh, and which side they are on.

    `side` is -1 for who mentions, 1 for who is mentioned, 0 for both.
    """

    key: str
    name: str
    link: str | None
    weight: float
    side: int


def graph(centre: str, name: str, nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Markup:
    """One in the middle (the key `centre`, called `name`), those who name them on the left, those they name on the
    right, and who names whom around.
    """
    height = 380.0
    middle = (WIDTH / 2, height / 2)
    places: dict[str, tuple[float, float]] = {centre: middle}
    for side, spread in ((-1, math.pi), (1, 0.0), (0, math.pi / 2)):
        among = [node for node in nodes if node.side == side]
        for place, node in enumerate(among):
            turn = (place + 0.5) / len(among) - 0.5
            ring = 1.0 if place % 2 or len(among) < 9 else 0.72  # noqa: PLR2004 - nine names fit on one ring
            wide = math.pi * (0.82 if side else 0.3)
            angle = spread + turn * wide if side or place % 2 == 0 else -math.pi / 2 + turn * wide
            places[node.key] = (middle[0] + 235 * ring * math.cos(angle), middle[1] + 165 * ring * math.sin(angle))
    drawn = [
        Markup('<path class="{}" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(
            "tie" if centre in (one, other) else "tie faint", *places[one], *places[other]
        )
        for one, other in edges
        if one in places and other in places
    ]
    heaviest = max((node.weight for node in nodes), default=1) or 1
    for node in nodes:
        x, y = places[node.key]
        radius = 5 + 9 * math.sqrt(node.weight / heaviest)
        left = x < middle[0] - 1
        dot = Markup(
            '<g class="node side{}"><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>'
            '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text></g>'
        ).format(
            node.side + 1,
            f"{node.name}: {plural(round(node.weight), 'post')}",
            x,
            y,
            radius,
            x - radius - 4 if left else x + radius + 4,
            y + 4,
            "end" if left else "start",
            node.name[:18],
        )
        drawn.append(Markup('<a href="{}">{}</a>').format(node.link, dot) if node.link else dot)
    drawn.append(
        Markup(
            '<g class="node self"><circle cx="{:.1f}" cy="{:.1f}" r="20"/>'
            '<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text></g>'
        ).format(*middle, middle[0], middle[1] + 36, name[:24])
    )
    ins, outs = (sum(1 for node in nodes if node.side in (side, 0)) for side in (-1, 1))
    said = f"{plural(ins, 'channel')} name {name}; {name} names {plural(outs, 'channel')}"
    return _svg(height, said, *drawn, look="graph")
