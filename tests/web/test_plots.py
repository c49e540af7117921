"""Plots: every number that is drawn is also said, and no data draws nothing."""

import re
import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from entourage.web import plots
from entourage.web.plots import Line, Node, Share

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def parsed(drawn: Markup) -> ET.Element:
    return ET.fromstring(str(drawn))


def titles(drawn: Markup) -> list[str]:
    return [title.text or "" for title in parsed(drawn).iter("title")]


def line(*values: float) -> Line:
    return Line("anna", [(NOON + timedelta(days=day), value) for day, value in enumerate(values)])


def test_each_point_of_a_line_says_its_value_and_day() -> None:
    assert titles(plots.lines([line(1000, 1500)])) == ["anna: 1\u202f000, 1 Mar 2026", "anna: 1\u202f500, 2 Mar 2026"]


def test_lines_keep_the_colour_of_their_place_and_say_whose_they_are() -> None:
    drawn = parsed(plots.lines([line(), line(1, 2), Line("<ben>" * 9, line(3, 4).points)]))
    assert {part.attrib["class"] for part in drawn.iter("circle")} == {"spot s1", "spot s2"}
    assert {part.attrib["class"] for part in drawn.iter("path")} == {"line s1", "line s2"}
    assert [part.text for part in drawn.iter("text")][-2:] == ["anna", "<ben><ben><ben><b…"]
    assert drawn.attrib["aria-label"].startswith("anna: from 1 to 2; <ben>")
    alone = parsed(plots.lines([line(1, 2)]))
    assert [part.attrib.get("class") for part in alone.iter("path")] == ["area", "line s0"]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_the_days_on_an_axis_are_days_of_utc(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        drawn = parsed(plots.lines([Line("anna", [(begin, 1), (begin + timedelta(days=12), 2)])]))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [part.text for part in drawn.iter("text")][-6:] == ["2 Mar", "4 Mar", "6 Mar", "8 Mar", "10 Mar", "12 Mar"]


def test_larger_values_are_drawn_higher() -> None:
    heights = [float(spot.attrib["cy"]) for spot in parsed(plots.lines([line(10, 30, 20)])).iter("circle")]
    assert heights[1] < heights[2] < heights[0]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30))
def test_every_line_stays_within_its_picture(values: list[float]) -> None:
    drawn = parsed(plots.lines([line(*values)]))
    for spot in drawn.iter("circle"):
        assert 0 <= float(spot.attrib["cx"]) <= plots.WIDTH
        assert 0 <= float(spot.attrib["cy"]) <= 220


@pytest.mark.parametrize("drawn", [plots.lines([]), plots.shares([])])
def test_no_data_draws_nothing(drawn: Markup) -> None:
    assert drawn == ""


def test_a_share_says_its_interval_and_its_number_of_people() -> None:
    drawn = plots.shares([Share("France", 0.25, 0.2, 0.31, 50)])
    assert titles(drawn) == ["France: 25 %, between 20 % and 31 % (50 people)"]


def test_whiskers_span_the_interval() -> None:
    drawn = parsed(plots.shares([Share("France", 0.5, 0.25, 1.0)]))
    path = next(part.attrib["d"] for part in drawn.iter("path"))
    start, end = re.match(r"M([\d.]+) [\d.]+H([\d.]+)", path).groups()  # pyright: ignore[reportOptionalMemberAccess]  # it must match
    bar = next(part for part in drawn.iter("rect") if part.attrib["class"] == "bar")
    left, width = float(bar.attrib["x"]), float(bar.attrib["width"])
    assert float(start) == pytest.approx(left + width / 2, abs=0.2)
    assert float(end) == pytest.approx(left + width * 2, abs=0.2)


def test_levels_fill_the_bar_in_their_shares() -> None:
    widths = [
        float(part.attrib["width"])
        for part in parsed(plots.levels([1, 1, 2, 0, 0], list("abcde"))).iter("rect")
        if part.attrib["y"] == "0"
    ]
    assert widths == pytest.approx([158, 158, 318, 0, 0])


def test_the_busiest_hour_is_the_darkest() -> None:
    counts = [[0] * 24 for _ in range(7)]
    counts[2][9], counts[5][20] = 4, 2
    drawn = parsed(plots.hours(counts))
    dark = {part[0].text: float(part.attrib["fill-opacity"]) for part in drawn.iter("rect")}
    assert max(dark, key=lambda words: dark[words]) == "Wed 09:00 UTC: 4 posts"
    assert dark["Sat 20:00 UTC: 2 posts"] == pytest.approx(0.53)


def test_who_names_stands_left_and_who_is_named_stands_right() -> None:
    nodes = [Node("a", "a", "/channels/1", 3, -1), Node("b", "b", None, 1, 1)]
    drawn = parsed(plots.graph("me", "me", nodes, [("a", "me"), ("me", "b"), ("a", "b"), ("a", "nobody")]))
    places = {group[0].text: float(group[1].attrib["cx"]) for group in drawn.iter("g") if group[0].tag == "title"}
    assert places["a: 3 posts"] < plots.WIDTH / 2 < places["b: 1 post"]
    assert len([path for path in drawn.iter("path") if path.attrib["class"].startswith("tie")]) == 3
    assert [link.attrib["href"] for link in drawn.iter("a")] == ["/channels/1"]


def test_strange_names_are_text_and_nothing_else() -> None:
    drawn = plots.graph("#1", "<me>", [Node("a", "<script>x</script>", None, 1, -1)], [])
    assert "<script>" not in drawn
    assert any("<script>" in title for title in titles(drawn))


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (950, "950"), (1200, "1.2k"), (34_000, "34k"), (5.6e6, "5.6M"), (2e9, "2B")]
)
def test_numbers_on_axes_are_short(value: float, words: str) -> None:
    assert plots.short(value) == words
