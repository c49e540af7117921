"""Times as forums write them."""

from datetime import UTC, datetime

import pytest

from entourage.networks.threads import dates

NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("01-02-2010, 10:20 AM", datetime(2010, 1, 2, 10, 20, tzinfo=UTC)),
        ("1/2/2010 12:05 am", datetime(2010, 1, 2, 0, 5, tzinfo=UTC)),
        ("31.12.2019, 23:59", datetime(2019, 12, 31, 23, 59, tzinfo=UTC)),
        ("2021-06-07 08:09:10", datetime(2021, 6, 7, 8, 9, 10, tzinfo=UTC)),
        ("March 3rd, 2015, 06:36 PM", datetime(2015, 3, 3, 18, 36, tzinfo=UTC)),
        ("Mon Jan 01, 2018 10:00 pm", datetime(2018, 1, 1, 22, 0, tzinfo=UTC)),
        ("5 May 2012 - 17:30", datetime(2012, 5, 5, 17, 30, tzinfo=UTC)),
        ("Nov 22, 2026, 4:33:06\N{NARROW NO-BREAK SPACE}AM", datetime(2026, 11, 22, 4, 33, 6, tzinfo=UTC)),
        ("Today, 09:15", datetime(2026, 3, 1, 9, 15, tzinfo=UTC)),
        ("Yesterday, 11:15 PM", datetime(2026, 2, 28, 23, 15, tzinfo=UTC)),
        ("03-04-11", datetime(2011, 3, 4, tzinfo=UTC)),
        ("31-31-2010", None),
        ("long ago", None),
        ("", None),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, when: datetime | None) -> None:
    assert dates.from_words(text, now=NOW) == when


def test_one_telling_date_on_a_page_decides_how_the_others_are_read() -> None:
    assert dates.day_comes_first(["03-04-2011", "25-12-2010"])
    assert not dates.day_comes_first(["03-04-2011", "12-25-2010", "25.12.2010"])
    assert dates.from_words("03-04-2011", day_first=True) == datetime(2011, 4, 3, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "99999999999999999999", "-"])
def test_what_is_no_time_is_no_time(text: str) -> None:
    assert dates.from_unix(text) is None
    assert dates.from_iso(text) is None
