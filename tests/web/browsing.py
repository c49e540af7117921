"""A server over real HTTP in a thread of its own, and those who look at it: with scripts and without."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import uvicorn
from playwright.sync_api import ConsoleMessage, Page, Request

from entourage import app
from entourage.archive.files import Shelf
from entourage.kernel.db import Database
from entourage.kernel.settings import Settings

R = TypeVar("R")
PASSWORD = "correct horse battery"


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

    def ask(self, script: str) -> Any:
        """What a script beside the tests finds out about the page."""
        return self.page.evaluate((Path(__file__).parent / f"{script}.js").read_text("utf-8"))

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
