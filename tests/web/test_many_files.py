"""A hundred thousand files in the grid: only what is in sight exists. Times are recorded, not asserted."""

import os
from collections.abc import Callable

import gallery
import pytest
from browsing import Served, Window

from entourage.accounts.model import User

MANY = 100_000


@pytest.mark.timeout(300)
def test_the_grid_stays_small_at_a_hundred_thousand_files(
    served: Served, anna: User, window: Callable[..., Window], record_property: Callable[[str, object], None]
) -> None:
    kept = served.wait_for(gallery.hang(served.database, served.shelf, 60, anna.id))
    served.write(gallery.copy, kept, MANY - len(kept))
    served.start()
    w = window()
    w.sign_in()
    w.go("/library")
    assert w.page.locator("#count").inner_text().replace("\u202f", "") == f"{MANY} files"
    w.page.wait_for_function("() => document.querySelectorAll('.tile img[src]').length > 20")
    measured = w.ask("scrolling")
    # The last row is really there, with its pictures, after the jump to the end.
    w.page.wait_for_function(
        "() => { const all = [...document.querySelectorAll('#grid .tile[aria-posinset=\"100000\"] img')];"
        " return all.length === 1 && all[0].naturalWidth > 0; }"
    )
    w.shoot("library-hundred-thousand")
    record_property("scrolling", measured)
    if os.environ.get("ENTOURAGE_SCREENSHOTS"):
        print(measured)  # noqa: T201 - asked for
    assert measured["tiles"] < 150
    w.quiet()
