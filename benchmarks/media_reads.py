"""GET /downloads/{id} and GET /downloads against a bare ASGI server that answers the same bytes; needs wrk.

Some cases ask for one address again and again, the others for many in turn, so that every answer is made anew.
"""

import contextlib
import multiprocessing
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from benchmarks import serving
from benchmarks.report import Section, ratio
from entourage.accounts import passwords, tokens, users
from entourage.accounts.model import OPERATOR
from entourage.app import opened
from entourage.doors import door
from entourage.doors.media import routes
from entourage.kernel.db import Database
from entourage.kernel.migrate import migrate
from entourage.kernel.secrets import Secrets
from entourage.kernel.settings import Settings

KEY = "the key of a benchmark, which guards nothing at all"
SECONDS = 6
ROW = (
    "INSERT INTO downloads (id, owner, address_hash, url, media_url, platform, source, content_type, kind, filename, "
    "path, size, sha256, media_type, width, height, duration, posted_at, finished_at, status, attempts, error, "
    "profile, upgraded, caption, author, facts, queue_id, request) SELECT value, 1, printf('%064x', value), "
    "'https://forum.example/threads/harbour.' || value, 'https://cdn.example/' || value || '.jpg', "
    "CASE value % 3 WHEN 0 THEN 'forum' WHEN 1 THEN 'instagram' ELSE 'web' END, 'source' || (value % 50), 'image', "
    "'image', 'crane-' || value || '.jpg', 'ada/forum/harbour/crane-' || value || '.jpg', 184220, "
    "printf('%064x', value), 'image/jpeg', 1600, 1067, NULL, 1772000000000, 1772000000000 + value, 'completed', 1, "
    "NULL, NULL, 0, NULL, NULL, '{\"media_id\":\"attachment-311\"}', NULL, '{}' FROM numbers"
)


_ASK = 'i = 0\nrequest = function()\n i = i + 1\n return wrk.format("GET", "/api/v1/downloads%s)\nend'
EACH_ONE = _ASK.replace("%s", '/" .. (i * 7919 % %d + 1)')
EACH_SOURCE = _ASK.replace("%s", '?platform=forum&source=source" .. (i % 50) .. "&page=" .. (i % 100 + 1)')
EACH_PAGE = _ASK.replace("%s", '?platform=forum&per_page=50&page=" .. (i % 1000 + 1)')


def fill(url: str, rows: int) -> None:
    """A user and so many downloads, with their tallies."""
    migrate(url)
    database = Database(url)
    with database.writing() as tx:
        users.set_up(tx, "ada", passwords.hash_now("a benchmark's password"))
    database.close()
    import sqlite3  # noqa: PLC0415 - only this benchmark writes rows without the store, a million at once

    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
        numbers = (
            f"WITH RECURSIVE numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < {rows}) "
        )
        raw.execute(ROW.replace("SELECT value, 1", numbers + "SELECT value, 1", 1))
        for hour in ("0", "finished_at / 3600000 * 3600000"):
            raw.execute(
                f"INSERT INTO tallies SELECT owner, {hour}, platform, source, content_type, status, count(*), "
                "sum(size) FROM downloads GROUP BY 1, 2, 3, 4, 5, 6"
            )
        raw.commit()


def listen() -> socket.socket:
    """A socket on a free port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def serve_door(data: str, listening: socket.socket) -> None:
    """The door, as app.py puts it together, without pages and worker."""

    async def main() -> None:
        settings = Settings(data=Path(data), secret_key=KEY, user_rate=2**31 - 1)
        async with opened(settings, console=False) as parts:
            names = ("settings", "database", "verifier", "keys", "secrets", "bus", "shelf", "logs")
            app = routes.build(door.House(**{name: getattr(parts, name) for name in names}))
            await uvicorn.Server(_config(app)).serve(sockets=[listening])

    uvloop_run(main())


def serve_bytes(body: bytes, headers: list[tuple[bytes, bytes]], listening: socket.socket) -> None:
    """A bare ASGI application that answers the same bytes to everything."""

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - ASGI
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvloop_run(uvicorn.Server(_config(app)).serve(sockets=[listening]))


def uvloop_run(work: Any) -> None:
    """Run on uvloop, as uvicorn does."""
    import uvloop  # noqa: PLC0415 - child processes alone need it

    uvloop.run(work)


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False
    )


@contextlib.contextmanager
def process(target: Any, *args: Any) -> Generator[tuple[str, int]]:
    """A server in a process of its own: its address and its number."""
    listening = listen()
    child = multiprocessing.get_context("fork").Process(target=target, args=(*args, listening), daemon=True)
    child.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.listen(128)
    try:
        yield url, child.pid or 0
    finally:
        child.terminate()
        child.join()
        listening.close()


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw; `spent` is microseconds of the server's processor time per request."""

    rate: float
    middle: str
    late: str
    spent: float


def wrk(url: str, pid: int, token: str, seconds: int, script: str = "") -> Load:
    """Ask as often as the server answers."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        options = ["-s", file.name] if script else []
        signed = f"Authorization: Bearer {token}"
        before = serving.busy(pid)
        out = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{seconds}", "--latency", "-H", signed, *options, url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    found = {
        name: re.search(pattern, out)
        for name, pattern in (
            ("rate", r"Requests/sec:\s+([\d.]+)"),
            ("middle", r"(?m)^\s+50%\s+(\S+)"),
            ("late", r"(?m)^\s+99%\s+(\S+)"),
            ("number", r"(\d+) requests in"),
        )
    }
    told = {name: match[1] for name, match in found.items() if match}
    if "Non-2xx" in out or len(told) != len(found):
        raise SystemExit(out)
    spent = (serving.busy(pid) - before) / int(told["number"]) * 1e6
    return Load(float(told["rate"]), told["middle"], told["late"], spent)


def measure(*, small: bool) -> Section:
    """Fill, serve, measure."""
    if shutil.which("wrk") is None:
        raise SystemExit("needs wrk (Debian has it as a package of that name)")
    rows, seconds = (10_000, 1) if small else (1_000_000, SECONDS)
    table: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/entourage.db"
        started = time.monotonic()
        fill(url, rows)
        filled = time.monotonic() - started
        database = Database(url)
        with database.writing() as tx:
            user = users.get(tx, OPERATOR, 1)
            token = tokens.issue(tx, tokens.Keys.of(Secrets(KEY.encode())), user).access
        database.close()
        one = "/api/v1/downloads/77"
        page = "/api/v1/downloads?platform=forum"
        cases = [
            ("one, asked for again", one, ""),
            ("one, always another", one, EACH_ONE.replace("%d", str(rows))),
            ("50 of a platform, asked for again", page, ""),
            ("50 of a platform, always another page", page, EACH_PAGE),
            ("50 of a platform and source, always another page", f"{page}&source=source7", EACH_SOURCE),
        ]
        with process(serve_door, folder) as ours:
            for name, path, script in cases:
                answer = _wait(ours[0] + path, token)
                headers = [(k, v) for k, v in answer.headers.raw if k.lower() not in {b"date", b"server"}]
                with process(serve_bytes, answer.content, headers) as bare:
                    _wait(bare[0] + path, token)
                    peer = wrk(bare[0] + path, bare[1], token, seconds)
                    our = wrk(ours[0] + path, ours[1], token, seconds, script)
                table.append(
                    (
                        name,
                        f"{our.rate:,.0f}/s",
                        f"{peer.rate:,.0f}/s",
                        ratio(our.rate, peer.rate),
                        ratio(peer.spent, our.spent),
                        f"{our.middle} / {our.late}",
                        f"{peer.middle} / {peer.late}",
                    )
                )
    return Section(
        "api",
        ("what", "Entourage", "bare ASGI", "Entourage / it", "by processor time", "its median / 99 %", "bare's"),
        table,
        [
            f"{rows:,} downloads (written in {filled:.0f} s); {seconds} s each; wrk with 16 connections, signed in.",
            "The bare server answers the same bytes to everything, under the same uvicorn settings.",
        ],
    )


def _wait(url: str, token: str) -> httpx.Response:
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).raise_for_status()
        time.sleep(0.1)
    raise SystemExit("the server did not start")
