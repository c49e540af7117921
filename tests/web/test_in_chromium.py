"""The pages in a real Chromium: nothing is asked of another host, nothing complains, and everything moves by itself."""

import re
import threading
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gallery
import pytest
from browsing import PASSWORD, Served, Window
from playwright.sync_api import expect

from entourage.accounts.model import User
from entourage.archive import downloads, queue
from entourage.archive.model import Download, DownloadFilter, ItemStatus, Wish

Opener = Callable[..., Window]
COUNT = 8
LONG = 60_000


class World:
    """A page with pictures, the last of which come only when they are let through."""

    def __init__(self) -> None:
        self.let = threading.Event()
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = "text/html", world.page
                if match := re.fullmatch(r"/(\d+)\.jpg", self.path):
                    number = int(match[1])
                    if number >= COUNT // 2:
                        world.let.wait(60)
                    kind, body = "image/jpeg", gallery.draw(number, 640, 480)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                pass

        pictures = "".join(f'<img src="/{n}.jpg" width="640" height="480">' for n in range(COUNT))
        self.page = f"<html><head><title>An autumn walk</title></head><body>{pictures}</body></html>".encode()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/walk"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.let.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def world() -> Generator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture
def pictures(served: Served, anna: User) -> list[Download]:
    """Forty pictures of several sources, newest last, and two files that could not be had."""

    async def hang() -> list[Download]:
        kept = await gallery.hang(served.database, served.shelf, 40, anna.id)
        await gallery.lose(served.database, anna.id, 901, "The server answered 404: it is not there any more.")
        return kept

    return served.wait_for(hang())


def test_a_first_visitor_sets_up_adds_an_address_and_watches_it_come_in(
    served: Served, window: Opener, world: World
) -> None:
    served.start()
    w = window()
    w.go("/")
    w.shoot("setup")
    for name, value in (("username", "anna"), ("password", PASSWORD), ("again", PASSWORD)):
        w.page.fill(f"#f-{name}", value)
    w.page.click("button.main")
    w.page.wait_for_url("**/queue")
    expect(w.page.get_by_text("The queue is empty")).to_be_visible()
    w.shoot("queue-empty")
    w.page.wait_for_selector("html[data-connected]")

    w.page.fill("#urls", world.url)
    expect(w.page.locator("#seen")).to_contain_text("web")
    w.page.click("text=Look first")
    expect(w.page.locator("#preview")).to_contain_text(f"{COUNT} files")
    w.shoot("queue-preview")
    assert served.read(queue.listing, gallery.admin(served), number=1, size=9).page.total == 0
    w.page.press("#urls", "Enter")

    row = w.page.locator("[data-item]")
    expect(row.locator("[data-counts]")).to_have_text(f"{COUNT // 2} of {COUNT}", timeout=LONG)
    assert int(row.locator("progress").get_attribute("value") or row.locator("progress").evaluate("e => e.value")) <= 50
    expect(w.page.locator("#open-items")).to_have_text("1")
    w.shoot("queue-running")
    w.page.evaluate("window.same = true")
    world.let.set()
    expect(row.locator(".chip.good")).to_be_visible(timeout=LONG)
    expect(w.page.locator("#open-items")).to_be_hidden()
    assert w.page.evaluate("window.same"), "the page was loaded again"
    row.locator("a").first.click()
    expect(w.page.locator(".grid .tile")).to_have_count(COUNT)
    w.shoot("item-done")
    w.quiet()


def test_waiting_items_say_why_and_obey_the_buttons(site: Served, anna: User, window: Opener) -> None:
    for number in range(5):
        item = site.write(queue.add, anna.actor, Wish(f"https://example.org/{number}"))
        site.write(queue.change, anna.actor, item.id, status=ItemStatus.PAUSED)
    w = window()
    w.sign_in()
    w.go("/queue")
    expect(w.page.locator("#items .why").first).to_contain_text("Paused by you")
    w.page.check("#tick-2")
    w.page.check("#tick-4")
    expect(w.page.locator("[data-ticked]")).to_have_text("2")
    w.shoot("queue-ticked")
    w.page.click("#many button[value=remove]")
    expect(w.page.locator("#said")).to_contain_text("2 items removed")
    expect(w.page.locator("#items > li")).to_have_count(3)
    expect(w.page.locator("[data-when-ticked]").first).to_be_hidden()
    other = window()
    other.sign_in()
    other.go("/queue")
    other.page.wait_for_selector("html[data-connected]")
    w.page.click("#remove-1")
    expect(other.page.locator("#items > li")).to_have_count(2)
    w.quiet()
    other.quiet()


def test_the_grid_filters_searches_and_keeps_its_state_in_the_address(
    served: Served, pictures: list[Download], window: Opener
) -> None:
    served.start()
    w = window()
    w.sign_in()
    w.go("/library")
    expect(w.page.locator("#count")).to_have_text("41 files")
    w.page.select_option("#source", "harbour.lights")
    w.page.wait_for_url("**/library?source=harbour.lights")
    expect(w.page.locator("#count")).to_have_text("7 files")
    expect(w.page.locator(".tile img:not([hidden])")).to_have_count(7)
    w.page.press("body", "/")
    w.page.keyboard.type("00006")
    w.page.keyboard.press("Enter")
    w.page.wait_for_url("**q=00006**")
    expect(w.page.locator("#count")).to_have_text("1 file")
    w.page.reload()
    expect(w.page.locator("#q")).to_have_value("00006")
    w.go("/library?status=failed")
    expect(w.page.locator(".tile .mark")).to_have_text("Failed")
    w.page.locator(".tile a").click()
    expect(w.page.locator("#stage")).to_contain_text("404: it is not there any more")
    w.shoot("viewer-failed")
    w.quiet()


def test_the_viewer_obeys_the_keys(served: Served, pictures: list[Download], window: Opener) -> None:
    served.start()
    w = window()
    w.sign_in()
    w.go("/library?kind=image&status=completed")
    w.page.locator(".tile a").nth(1).click()
    w.page.wait_for_url(f"**/library/{pictures[-2].id}?*")
    expect(w.page.locator("#stage img")).to_be_visible()
    w.page.wait_for_function("document.querySelector('#stage img').naturalWidth > 800")
    w.page.evaluate("window.same = true")
    w.page.keyboard.press("ArrowRight")
    w.page.wait_for_url(f"**/library/{pictures[-3].id}?*")
    w.page.keyboard.press("ArrowLeft")
    w.page.wait_for_url(f"**/library/{pictures[-2].id}?*")
    w.page.keyboard.press("ArrowLeft")
    w.page.wait_for_url(f"**/library/{pictures[-1].id}?*")
    expect(w.page.locator("#newer")).to_have_count(0)
    assert w.page.evaluate("window.same"), "the page was loaded again"
    expect(w.page.locator("#about")).to_contain_text("First light over the bay")
    w.page.keyboard.press("i")
    expect(w.page.locator("#about")).to_be_hidden()
    w.shoot("viewer-plain")
    w.page.keyboard.press("i")
    expect(w.page.locator("#about")).to_be_visible()
    with w.page.expect_download() as saved:
        w.page.keyboard.press("d")
    assert saved.value.suggested_filename == pictures[-1].filename
    w.page.keyboard.press("f")
    w.page.wait_for_function("document.fullscreenElement !== null")
    w.page.keyboard.press("ArrowRight")
    w.page.wait_for_url(f"**/library/{pictures[-2].id}?*")
    assert w.page.evaluate("document.fullscreenElement !== null")
    w.page.evaluate("document.exitFullscreen()")
    w.page.wait_for_function("document.fullscreenElement === null")
    w.page.keyboard.press("Escape")
    w.page.wait_for_url("**/library?kind=image&status=completed")
    w.quiet()


def test_files_are_picked_in_the_grid_and_deleted_together(
    served: Served, anna: User, pictures: list[Download], window: Opener
) -> None:
    served.start()
    w = window()
    w.sign_in()
    w.go("/library?status=completed")
    w.page.locator(".tile").nth(0).hover()
    w.page.locator(".tile .pick").nth(0).click()
    w.page.locator(".tile .pick").nth(3).click(modifiers=["Shift"])
    expect(w.page.locator("[data-picked]")).to_have_text("4")
    w.shoot("library-picked")
    w.page.once("dialog", lambda dialog: dialog.accept())
    w.page.click("#bulk button[value=delete]")
    expect(w.page.locator("#said")).to_contain_text("4 files deleted")
    expect(w.page.locator("#count")).to_have_text("36 files")
    left = served.read(downloads.listing, anna.actor, DownloadFilter(), number=1, size=99)
    assert {d.id for d in left.items}.isdisjoint({d.id for d in pictures[-4:]})
    w.quiet()


def test_shortcuts_lead_everywhere_and_help_lists_them(site: Served, window: Opener) -> None:
    w = window()
    w.sign_in()
    for keys, path in (
        ("gq", "/queue"),
        ("gl", "/library"),
        ("gs", "/schedules"),
        ("go", "/logs"),
        ("ge", "/settings"),
        ("gd", "/"),
    ):
        for key in keys:
            w.page.keyboard.press(key)
        w.page.wait_for_url(f"{site.url}{path}")
    w.page.keyboard.press("?")
    expect(w.page.locator("dialog#keys")).to_be_visible()
    w.page.keyboard.press("Escape")
    expect(w.page.locator("dialog#keys")).to_be_hidden()
    w.page.keyboard.press("n")
    w.page.wait_for_url("**/queue#urls")
    expect(w.page.locator("#urls")).to_be_focused()
    w.quiet()


def test_dark_follows_the_system_until_one_chooses(site: Served, window: Opener) -> None:
    w = window(color_scheme="dark")
    w.sign_in()
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    dark = w.page.evaluate(paper)
    w.page.click("#theme button")
    w.page.wait_for_selector("html[data-theme=dark]")
    assert w.page.evaluate(paper) == dark
    w.page.click("#theme button")
    w.page.wait_for_selector("html[data-theme=light]")
    assert w.page.evaluate(paper) != dark
    light = window(color_scheme="light")
    light.sign_in()
    assert light.page.evaluate(paper) == w.page.evaluate(paper)
    w.quiet()


PAGES = (
    "/",
    "/queue",
    "/library",
    "/schedules",
    "/schedules/new",
    "/logs",
    "/settings",
    "/settings/people",
    "/settings/account",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_everything_has_a_name(
    served: Served, pictures: list[Download], window: Opener, scheme: str
) -> None:
    served.start()
    w = window(color_scheme=scheme)
    w.sign_in()
    for path in PAGES:
        w.go(path)
        assert w.ask("contrast") == [], path
        assert w.ask("nameless") == [], path
    w.quiet()


def test_a_phone_shows_everything_without_scrolling_sideways(
    served: Served, pictures: list[Download], window: Opener
) -> None:
    served.start()
    w = window(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    w.sign_in()
    for path in (*PAGES, f"/library/{pictures[0].id}"):
        w.go(path)
        assert w.page.evaluate("document.documentElement.scrollWidth") <= 390, path
    w.go("/")
    w.page.tap("#more > summary")
    w.shoot("phone-more")
    w.page.tap("#more a[href='/settings']")
    w.page.wait_for_url("**/settings")
    w.quiet()


def test_the_basics_work_without_scripts(site: Served, window: Opener) -> None:
    w = window(java_script_enabled=False)
    w.sign_in()
    w.go("/queue")
    w.page.fill("#urls", "http://127.0.0.1:9/a.jpg")
    w.page.click("#add button.main")
    expect(w.page.locator("#said")).to_contain_text("1 address added")
    w.page.click("#pause-1")
    expect(w.page.locator("#items")).to_contain_text("Paused")
    w.page.click("text=Settings")
    w.page.wait_for_url("**/settings")


def test_going_back_from_the_viewer_finds_the_same_place(
    served: Served, anna: User, pictures: list[Download], window: Opener
) -> None:
    served.write(gallery.copy, pictures, 2_000)
    served.start()
    w = window()
    w.sign_in()
    w.go("/library")
    w.page.evaluate("scrollTo(0, 30000)")
    w.page.wait_for_function("() => document.elementFromPoint(700, 400)?.closest('.tile a[href]')")
    before = w.page.evaluate("Math.round(scrollY)")
    w.page.mouse.click(700, 400)
    w.page.wait_for_selector("#stage")
    w.page.keyboard.press("Escape")
    w.page.wait_for_selector("#grid.window")
    assert abs(w.page.evaluate("Math.round(scrollY)") - before) < 300
    w.quiet()


def test_news_stop_when_the_session_ends_and_the_page_asks_to_sign_in(site: Served, window: Opener) -> None:
    w = window()
    w.sign_in()
    w.go("/queue")
    other = w.page.context.new_page()
    other.goto(f"{site.url}/")
    other.click("text=Sign out")
    other.wait_for_url("**/sign-in")
    w.page.click("text=Paused")
    w.page.wait_for_url("**/sign-in?next=**")
