"""The whole server over real HTTP, in a thread with an event loop of its own, and a real Chromium to look at it."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright

from entourage import app
from entourage.accounts import passwords, users
from entourage.accounts.model import User
from entourage.archive.files import Shelf
from entourage.kernel.db import Database
from entourage.kernel.settings import Settings

R = TypeVar("R")
PASSWORD = "correct horse battery"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


def absent(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"needs {what}, and in CI nothing is skipped")
    pytest.skip(f"needs {what}")


class Served:
    """A server that answers on a port of its own until it is closed."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.settings = Settings(
            data=data, database=f"sqlite:///{data / 'entourage.db'}", allow_networks=("127.0.0.0/8",)
        )
        self.database = Database(self.settings.database_url)
        self.shelf = Shelf(data)
        self._ready = threading.Event()
        self._listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listening.bind(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer."""
        front = app.Front(self.settings, ready=self._ready.set)
        config = uvicorn.Config(front, lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[self._listening])))
        self._thread.start()
        assert self._ready.wait(30)

    def close(self) -> None:
        """Stop, and let go of everything."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(30)
        self.shelf.close()
        self.database.close()
        self._listening.close()

    def write(self, verb: Callable[..., R], *args: Any, **options: Any) -> R:
        """Run a verb in a transaction, from beside the server."""
        return self.database.write_now(verb, *args, **options)

    def wait_for(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of what wants an event loop, in a thread (Playwright holds the loop of this one)."""
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(asyncio.run, work).result()

    def read(self, verb: Callable[..., R], *args: Any, **options: Any) -> R:
        """Run a verb that only looks."""
        with self.database.reading() as tx:
            return verb(tx, *args, **options)


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


class Caller(httpx.Client):
    """A browser without scripts: it keeps cookies, and sends forms with the token of the page it saw last."""

    def form(self, path: str, *, seen: str = "", **fields: Any) -> httpx.Response:
        """Send a form, as the page at `seen` (or at `path`) would."""
        page = self.get(seen or path)
        body = urlencode({"csrf": token(page.text), **fields}, doseq=True)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": f"{self.base_url}{seen or path}".replace("//", "/").replace(":/", "://"),
        }
        return self.post(path, content=body, headers=headers)

    def sign_in(self, name: str = "anna", password: str = PASSWORD) -> httpx.Response:
        """Sign in."""
        return self.form("/sign-in", username=name, password=password)


def token(html: str) -> str:
    """The token in a page."""
    return html.partition('data-csrf="')[2].partition('"')[0]


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


@dataclass
class Window:
    """A page of Chromium, with everything that went wrong in it."""

    page: Page
    site: Served
    complaints: list[str] = field(default_factory=list[str])
    strangers: list[str] = field(default_factory=list[str])

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def see(self, request: Request) -> None:
        if not request.url.startswith((self.site.url, "data:", "blob:")):
            self.strangers.append(request.url)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.site.url}{path}")

    def sign_in(self, name: str = "anna", password: str = PASSWORD) -> None:
        self.go("/sign-in")
        self.page.fill("#username", name)
        self.page.fill("#password", password)
        self.page.click("button.main")
        self.page.wait_for_url(lambda url: "sign-in" not in url)

    def shoot(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture, where somebody wants to look at pictures."""
        folder = os.environ.get("ENTOURAGE_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=whole, caret="initial")

    def quiet(self) -> None:
        """Nothing went wrong, and nothing was asked of another host."""
        assert self.complaints == []
        assert self.strangers == []


@pytest.fixture
def contexts(chromium: Browser) -> Generator[Callable[..., BrowserContext]]:
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **options})
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
