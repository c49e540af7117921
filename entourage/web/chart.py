"""Charts drawn on the server, as SVG that needs no script."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from entourage.archive.model import Point
from entourage.web.words import number, plural, size

WIDTH, HEIGHT = 640, 150
LEFT, BOTTOM, TOP = 34, 20, 8
LABELS = 6


def bars(points: Sequence[Point], step: timedelta = timedelta(days=1)) -> Markup:
    """A bar a step: what came in, and on top of it what could not be had; each bar says its numbers."""
    most = nice(max((point.tally.total for point in points), default=0))
    slot = (WIDTH - LEFT) / max(1, len(points))
    room = HEIGHT - TOP - BOTTOM
    drawn = [_grid(most, room)]
    every = max(1, -(-len(points) // LABELS))
    for index, point in enumerate(points):
        x = LEFT + index * slot
        came = room * point.tally.completed / most
        lost = room * point.tally.failed / most
        base = TOP + room
        words = f"{label(point.at, step)}: {plural(point.tally.completed, 'file')}, {size(point.tally.size)}"
        if point.tally.failed:
            words += f"; {number(point.tally.failed)} could not be had"
        width = max(1.0, slot - max(1.0, slot * 0.22))
        drawn.append(
            Markup(
                '<g class="bar"><title>{}</title>'
                '<rect class="hit" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>'
                '<rect class="came" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/>'
                '<rect class="lost" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/></g>'
            ).format(words, x, TOP, slot, room, x, base - came, width, came, x, base - came - lost, width, lost)
        )
        if index % every == 0:
            drawn.append(Markup('<text x="{:.1f}" y="{}">{}</text>').format(x, HEIGHT - 5, label(point.at, step)))
    sums = sum(point.tally.completed for point in points)
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, f"{plural(sums, 'file')} in {plural(len(points), 'day')}", Markup("").join(drawn)
    )


def nice(value: int) -> int:
    """The next round number at or above: 1, 2, 5, 10, 20, 50 and so on."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale >= value:
                return step * scale
        scale *= 10


def label(at: datetime, step: timedelta) -> str:
    """The name of a step below its bar."""
    return f"{at:%H:%M}" if step < timedelta(days=1) else f"{at.day} {at:%b}"


def _grid(most: int, room: int) -> Markup:
    lines: list[Markup] = []
    for share in (0, 1) if most == 1 else (0, 0.5, 1):
        y = TOP + room * (1 - share)
        value = most * share
        text = number(value) if value == int(value) else ""
        lines.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(LEFT, WIDTH, y, y, LEFT - 6, y + 4, text)
        )
    return Markup("").join(lines)
