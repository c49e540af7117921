"""The pages of channels and collecting in a real Chromium, over a real small network: from a name to its figures."""

import csv
import io
import json
import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browsing import Served, Window
from insightful import NETWORK, creator, found, learn, profile
from PIL import Image
from playwright.sync_api import Page, expect

from entourage.accounts.model import OPERATOR, User
from entourage.insight import channels, plans
from entourage.insight.channels import ChannelFilter
from entourage.insight.watching import Depth
from entourage.networks.sandbox import server
from entourage.networks.sandbox.network import PASSWORD
from entourage.networks.sandbox.server import Sandbox

Opener = Callable[..., Window]
SHALLOW = Depth(posts=12, followers=0, followings=0, likers_of=0, likers=0, comments_of=0, comments=0)


@pytest.fixture
def sandbox() -> Generator[Sandbox]:
    """A small network with people, posts and pictures."""
    with server.serving() as running:
        yield running


def signed_in(window: Opener, **options: object) -> Window:
    w = window(**options)
    w.sign_in()
    return w


def saved(page: Page, selector: str) -> tuple[str, bytes]:
    """What a click brings as a file: its name and its bytes."""
    with page.expect_download() as told:
        page.click(selector)
    return told.value.suggested_filename, Path(told.value.path()).read_bytes()


def test_a_channel_is_watched_and_its_figures_open(site: Served, window: Opener, sandbox: Sandbox) -> None:
    w = signed_in(window)
    w.go("/collecting/new")
    w.page.select_option("#f-network", "sandbox")
    w.page.fill("#f-server", sandbox.url)
    w.page.locator("#f-who").press_sequentially("slowtrains")
    expect(w.page.locator("#cost")).to_contain_text("A run takes at most")
    expect(w.page.locator("#f-posts")).to_be_hidden()
    w.page.click("text=Light")
    expect(w.page.locator("[data-depth][aria-pressed=true]")).to_have_text("Light")
    expect(w.page.locator("#depth-said")).to_contain_text("a look at who follows")
    w.page.click("#numbers summary")
    expect(w.page.locator("#f-posts")).to_have_value("30")
    before = w.page.locator("#cost").inner_text()
    w.page.fill("#f-followings", "100")
    expect(w.page.locator("#depth-said")).to_have_text("Your own numbers.")
    expect(w.page.locator("#cost")).to_contain_text("for whom it follows")
    assert before != w.page.locator("#cost").inner_text()
    w.page.click("text=Watch it")
    w.page.wait_for_url(re.compile(r"/collecting/\d+$"))
    expect(w.page.locator("#runs")).to_contain_text("Running")
    expect(w.page.locator("#runs .chip.good")).to_have_text("Done", timeout=30_000)
    expect(w.page.locator("#runs")).to_contain_text("200 followers")
    w.go("/channels")
    w.page.fill("#q", "slow t")
    expect(w.page.locator("#list tbody tr")).to_have_count(1)
    expect(w.page).to_have_url(re.compile(r"/channels\?q=slow"))
    w.page.click("#list strong")
    expect(w.page.locator("h1")).to_have_text("Slow Trains")
    expect(w.page.locator(".channel-top img.portrait")).to_have_js_property("complete", value=True)
    assert w.page.eval_on_selector(".channel-top img.portrait", "image => image.naturalWidth") > 0
    expect(w.page.locator("#audience svg").first).to_be_visible()
    expect(w.page.locator("#hours svg")).to_be_visible()
    w.page.locator("#posts").scroll_into_view_if_needed()
    w.page.wait_for_function(
        "() => [...document.querySelectorAll('.postcard img')].every((one) => one.naturalWidth > 0)"
    )
    w.shoot("channel", whole=True)
    w.quiet()


def test_the_page_of_a_channel_renews_itself_in_place_when_a_run_ends(
    served: Served, anna: User, window: Opener, sandbox: Sandbox
) -> None:
    served.start()
    plan = served.write(
        plans.watch, anna.actor, network="sandbox", who="@slowtrains", server=sandbox.url, depth=SHALLOW
    )  # fmt: skip
    w = signed_in(window)
    w.go(f"/collecting/{plan.id}")
    expect(w.page.locator("#runs .chip.good")).to_have_count(1, timeout=30_000)
    channel = served.read(channels.listing, OPERATOR, ChannelFilter(text="slowtrains")).items[0]
    later = datetime.now(UTC)  # to the microsecond: within the second of the run, yet after it
    learn(served, profile(channel.native_id, "slowtrains", network="sandbox", name="Old Name", seen_at=later))
    w.go(f"/channels/{channel.uuid}")
    expect(w.page.locator("h1")).to_have_text("Old Name")
    w.page.click("#hours summary")
    w.page.evaluate("scrollTo(0, 600)")
    w.page.wait_for_selector("html[data-connected=yes]")
    served.write(plans.run_now, anna.actor, plan.id)
    expect(w.page.locator("h1")).to_have_text("Slow Trains", timeout=30_000)
    expect(w.page.locator("#hours details")).to_have_js_property("open", value=True)
    assert w.page.evaluate("Math.round(scrollY)") == 600
    w.quiet()


def test_figures_are_explained_saved_and_compared(site: Served, window: Opener) -> None:
    for number, name in enumerate(("north", "south", "west"), 1):
        learn(site, *creator(name, str(number), name=f"The {name}", biography="Mountains, hiking and \x0b travel"))
    w = signed_in(window)
    w.go(f"/channels/{found(site, '@north').uuid}")
    told = w.page.locator("#growth details")
    expect(told.locator("p").first).to_be_hidden()
    told.locator("summary").click()
    expect(told.locator("p").first).to_contain_text("Each time the profile is seen")
    for plot in ("growth", "quality", "hours", "mentions"):
        name, picture = saved(w.page, f"#{plot} [data-save-plot]")
        assert name == f"north-{plot}.png"
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        assert image.width >= 1_300
        assert len(image.getcolors(1 << 24) or []) > 20, plot
    name, table = saved(w.page, "#growth a[download]")
    rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"))))
    assert (name, rows[0][:2], len(rows)) == ("north-growth.csv", ["date", "followers"], 11)
    w.go("/channels?q=the")
    for name in ("north", "south"):
        w.page.check(f"[aria-label='Compare {name}']")
    w.page.fill("#q", "west")
    expect(w.page.locator("#list tbody tr")).to_have_count(1)
    w.page.check("[aria-label='Compare west']")
    expect(w.page.locator("#picked .chip")).to_have_text(["The north", "The south", "The west"])
    w.page.fill("#q", "")
    expect(w.page.locator("[aria-label='Compare south']")).to_be_checked()
    w.page.click("#picked button")
    expect(w.page).to_have_url(re.compile("/channels/compare"))
    expect(w.page.locator(".compare .faceline strong")).to_have_text(["The north", "The south", "The west"])
    assert w.page.locator("svg > path.line").count() == 6
    name, picture = saved(w.page, "#growth [data-save-plot]")
    assert (name, Image.open(io.BytesIO(picture)).width >= 1_300) == ("compare-growth.png", True)
    name, table = saved(w.page, "#growth a[download]")
    assert (name, len(table.splitlines())) == ("compared-growth.csv", 31)
    w.shoot("compare", whole=True)
    w.quiet()


def test_no_more_channels_are_ticked_than_fit_beside_each_other(site: Served, window: Opener) -> None:
    learn(site, *(profile(str(number), f"name{number}", followers=number) for number in range(1, 8)))
    w = signed_in(window)
    w.go("/channels")
    for number in range(1, 6):
        expect(w.page.locator("#full")).to_be_empty()
        w.page.check(f"[aria-label='Compare name{number}']")
    expect(w.page.locator("#full")).to_contain_text("No more fit beside each other")
    expect(w.page.locator("[aria-label='Compare name6']")).to_be_disabled()
    w.page.fill("#q", "name7")
    expect(w.page.locator("#list tbody tr")).to_have_count(1)
    expect(w.page.locator("[aria-label='Compare name7']")).to_be_disabled()
    w.shoot("picked")
    w.page.click("#picked .chip >> nth=0")
    w.page.check("[aria-label='Compare name7']")
    w.page.click("#picked button")
    expect(w.page.locator(".compare .faceline strong")).to_have_text(["name2", "name3", "name4", "name5", "name7"])
    w.quiet()


def test_pictures_that_cannot_be_had_leave_an_initial(site: Served, window: Opener) -> None:
    learn(site, profile("1", "walker", followers=5, picture="http://127.0.0.1:9/none.png"))
    w = signed_in(window)
    w.go("/channels")
    expect(w.page.locator("#list span.portrait")).to_have_text("W")
    assert w.page.locator("img").count() == 0


def test_an_account_is_connected_mended_and_let_go(site: Served, window: Opener, sandbox: Sandbox) -> None:
    w = signed_in(window)
    w.go("/collecting/connections")
    w.page.click("summary:has-text('Sandbox')")
    w.page.get_by_label("Server").locator("visible=true").fill(sandbox.url)
    w.page.get_by_label("User name").locator("visible=true").fill("slowtrains")
    w.page.fill("#f-sandbox-password", "wrong")
    w.page.click("button:has-text('Connect'):visible")
    expect(w.page.locator(".said.bad, .wrong").first).to_be_visible()
    expect(w.page.locator("#f-sandbox-username")).to_have_value("slowtrains")
    expect(w.page.locator("#f-sandbox-password")).to_have_value("")
    w.page.fill("#f-sandbox-password", PASSWORD)
    w.page.click("button:has-text('Connect'):visible")
    expect(w.page.locator("#said")).to_contain_text("You are connected as @slowtrains")
    w.page.click("[aria-label='Sign in again']")
    expect(w.page.locator("#sign-in h2")).to_have_text("Sign in again as @slowtrains")
    w.page.fill("#f-sandbox-username", "slowtrains")
    w.page.fill("#f-sandbox-password", PASSWORD)
    w.page.click("#sign-in button:has-text('Sign in')")
    expect(w.page.locator("#said")).to_contain_text("works again")
    w.page.once("dialog", lambda dialog: dialog.accept())
    w.page.click("[aria-label=Disconnect]")
    expect(w.page.locator("#connections")).to_contain_text("No account is connected")
    assert [text for text in w.complaints if "422" not in text] == []


_PART = "{source: '#imports', target: '#imports', select: '#imports', swap: 'outerHTML'}"
RENEW = f"htmx.ajax('GET', location.pathname, {_PART})"
"""What the page does when an import moves."""


def test_files_are_sent_and_what_is_wrong_in_them_is_named(site: Served, window: Opener, tmp_path: Path) -> None:
    path, empty = tmp_path / "seen.jsonl", tmp_path / "empty.jsonl"
    seen = {"kind": "profile", "network": NETWORK, "seen_at": "2026-01-01T00:00:00Z"}
    lines = [json.dumps({**seen, "id": str(n), "username": f"walker{n}"}) for n in range(300)]
    path.write_text("\n".join([*lines[:150], '{"kind": "profile", broken', *lines[150:]]) + "\n")
    empty.touch()
    w = signed_in(window)
    w.go("/collecting/imports")
    w.page.locator("#files").focus()
    w.page.set_input_files("#files", empty)
    expect(w.page.locator("#sending")).to_contain_text("“empty.jsonl” was not taken. File is empty.")
    w.page.set_input_files("#files", path)
    row = w.page.locator("#imports tbody tr")
    expect(row.locator(".chip.good")).to_have_text("Done", timeout=30_000)
    expect(row).to_contain_text("300 profiles")
    row.locator("summary").click()
    expect(row.locator("li")).to_contain_text("line 151")
    row.locator("[aria-label='Take off the list']").click()
    expect(w.page.locator("#imports")).to_contain_text("Nothing was imported yet")
    expect(w.page.locator("#said")).to_contain_text("Taken off the list")
    w.page.evaluate(RENEW)
    expect(w.page.locator("#said")).to_contain_text("Taken off the list")
    assert [text for text in w.complaints if "422" not in text] == []


def test_a_token_is_made_and_revoked(site: Served, window: Opener) -> None:
    w = signed_in(window)
    w.go("/settings/credits")
    w.page.get_by_label("For").fill("reports")
    w.page.click("text=Make a token")
    expect(w.page.locator(".token-once")).to_have_text(re.compile("^[0-9a-f]{40}$"))
    w.page.once("dialog", lambda dialog: dialog.accept())
    w.page.click("[aria-label=Revoke]")
    expect(w.page.locator("#main")).to_contain_text("revoked")
    expect(w.page.locator(".token-once")).to_have_count(0)
    w.quiet()


@pytest.fixture
def furnished(served: Served, anna: User) -> list[str]:
    """A server with something on each page; their paths."""
    learn(served, *creator("north", "1", name="The north", location="Oslo, Norway"), *creator("south", "2"))
    plan = served.write(
        plans.watch, anna.actor, network="mastodon", who="@a.very.long.name.that.wants.room", server="http://127.0.0.1:9"
    )  # fmt: skip
    one, two = (found(served, f"@{name}").uuid for name in ("north", "south"))
    served.start()
    return ["/", "/channels", f"/channels/{one}", f"/channels/compare?with={one}&with={two}", "/collecting",
            f"/collecting/{plan.id}", "/collecting/new", "/collecting/connections", "/collecting/imports",
            "/settings/credits"]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_readable_and_have_names(furnished: list[str], window: Opener, scheme: str) -> None:
    w = signed_in(window, color_scheme=scheme)
    for path in furnished:
        w.go(path)
        w.page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        assert w.ask("contrast") == [], path
        assert w.ask("nameless") == [], path
        ids = w.page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids)), path


def test_a_phone_shows_figures_without_scrolling_sideways(furnished: list[str], window: Opener) -> None:
    w = signed_in(window, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    for path in furnished:
        w.go(path)
        assert w.page.evaluate("document.documentElement.scrollWidth") <= 390, path
        w.shoot(f"phone{path.partition('?')[0].replace('/', '-')}", whole=True)
