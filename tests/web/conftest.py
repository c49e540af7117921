"""A server to look at, and a Chromium to look with."""

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from browsing import PASSWORD, Caller, Served, Window
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from entourage.accounts import passwords, users
from entourage.accounts.model import User

PLAIN: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB"}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


def absent(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"needs {what}, and in CI nothing is skipped")
    pytest.skip(f"needs {what}")


@pytest.fixture
def served(tmp_path: Path, sqlite_template: Path) -> Generator[Served]:
    """A server that is set up with nobody and nothing; start it when it is filled."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copyfile(sqlite_template, data / "entourage.db")
    made = Served(data)
    yield made
    made.close()


@pytest.fixture
def anna(served: Served) -> User:
    """The first administrator."""
    return served.write(users.set_up, "anna", passwords.hash_now(PASSWORD), "anna@example.org")


@pytest.fixture
def site(served: Served, anna: User) -> Served:
    """A server with an administrator, answering."""
    served.start()
    return served


@pytest.fixture
def caller(site: Served) -> Generator[Caller]:
    """A browser without scripts that is not signed in."""
    with Caller(base_url=site.url, timeout=20) as client:
        yield client


@pytest.fixture
def signed_in(caller: Caller) -> Caller:
    """The same, signed in as the administrator."""
    assert caller.sign_in().status_code == 303
    return caller


@pytest.fixture(scope="module")
def playwright_driver() -> Generator[Playwright]:
    """Playwright; it holds the event loop of this thread, so it ends with the module that needs it."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Generator[Browser]:
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if path is None:
        absent("Chromium")
    browser = playwright_driver.chromium.launch(executable_path=path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def contexts(chromium: Browser) -> Generator[Callable[..., BrowserContext]]:
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**{**PLAIN, **options})
        context.set_default_timeout(15_000)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def window(served: Served, contexts: Callable[..., BrowserContext]) -> Callable[..., Window]:
    """Opens a browser window at the server; options are those of a browser context."""

    def make(**options: Any) -> Window:
        made = Window(contexts(**options).new_page(), served)
        made.page.on("console", made.hear)
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.on("request", made.see)
        return made

    return make
