"""A hundred thousand files in the grid: it stays small, and long tasks stay rare. Numbers are measured, not asserted in time."""

import os
from collections.abc import Callable

import gallery
import pytest
from conftest import Served, Window

from entourage.accounts.model import User

MANY = 100_000
SCROLL = """async () => {
  const frames = [], long = [];
  new PerformanceObserver((list) => list.getEntries().forEach((e) => long.push(e.duration))).observe({ type: 'longtask', buffered: false });
  const height = document.documentElement.scrollHeight - innerHeight;
  let most = 0, last = performance.now();
  const turn = () => new Promise((done) => requestAnimationFrame((now) => { frames.push(now - last); last = now; done(); }));
  await turn();
  frames.length = 0;
  for (let step = 0; step < 240; step += 1) { scrollBy(0, 120); await turn(); most = Math.max(most, document.querySelectorAll('#grid .tile').length); }
  const gentle = frames.splice(0);
  for (let step = 0; step <= 200; step += 1) { scrollTo(0, height * step / 200); await turn(); most = Math.max(most, document.querySelectorAll('#grid .tile').length); }
  const fast = frames.splice(0);
  const say = (list) => { list.sort((a, b) => a - b); return { median: list[list.length >> 1], p95: list[Math.floor(list.length * .95)], worst: list.at(-1) }; };
  return { gentle: say(gentle), fast: say(fast), long: long.length, longest: Math.max(0, ...long), tiles: most, height };
}"""


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
    measured = w.page.evaluate(SCROLL)
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
