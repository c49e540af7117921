"""Every call of the analytics API at a million channels, and the audience of a million followers; needs wrk.

The bare server answers the same bytes to everything, under the same uvicorn settings.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks import insight_data, serving
from benchmarks.media_reads import Load, process, serve_bytes
from benchmarks.report import Section, ratio
from entourage.accounts.model import OPERATOR
from entourage.insight import counting, figures, recording
from entourage.insight.estimates import MINIMUM
from entourage.kernel.columns import from_ms
from entourage.kernel.db import Database
from entourage.kernel.migrate import migrate
from entourage.networks.facts import FollowFact

SECONDS = 6
POSTGRES = os.environ.get("ENTOURAGE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
CALLS = (
    ("balance", "/v1/account/balance"),
    ("search", "/v1/channels/search?username=user%d"),
    ("channel", "/v1/channels/%s"),
    ("audience", "/v1/channels/%s/analytics/audience"),
    ("quality", "/v1/channels/%s/analytics/quality"),
    ("incoming mentions", "/v1/channels/%s/analytics/mentions/incoming"),
    ("outgoing mentions", "/v1/channels/%s/analytics/mentions/outgoing"),
    ("follower changes", "/v1/channels/%s/analytics/follower-changes?period=90"),
    ("engaged", "/v1/channels/%s/analytics/engaged"),
    ("content", "/v1/channels/%s/content"),
)
KEPT = "answers are given again until facts are learned. Each call is charged."
ASKED = 1_000
"""Channels that are asked for in turn: every second one is large."""
_LUA = (
    "i = 0\nrequest = function()\n i = i + 1\n local n = (i * 7 %% {asked}) + 1\n"
    " if n %% 2 == 0 then n = {large} + n * {step} end\n"
    ' return wrk.format("GET", "{path}")\nend'
)


def _script(path: str, channels: int) -> str:
    large = min(insight_data.LARGE, channels // 500)
    step = max(1, (channels - large) // (ASKED + 1))
    address = path.replace("%s", '00000000-0000-5000-8000-" .. string.format("%012d", n) .. "')
    return _LUA.format(
        asked=min(ASKED, large - 1), large=large, step=step, path=address.replace("%d", '" .. n .. "')
    )  # fmt: skip


def _ask(url: str, pid: int, token: str, seconds: int, script: str) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        before = serving.busy(pid)
        out = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{seconds}", "--latency", "-H", f"Authorization: Token {token}"]
            + (["-s", file.name] if script else [])
            + [url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    patterns = {"rate": r"Requests/sec:\s+([\d.]+)", "middle": r"(?m)^\s+50%\s+(\S+)", "late": r"(?m)^\s+99%\s+(\S+)",
                "number": r"(\d+) requests in"}  # fmt: skip
    told = {name: match[1] for name, pattern in patterns.items() if (match := re.search(pattern, out))}
    if "Non-2xx" in out or len(told) != len(patterns):
        raise SystemExit(f"{url}: {out}")
    return Load(
        float(told["rate"]), told["middle"], told["late"], (serving.busy(pid) - before) / int(told["number"]) * 1e6
    )


@contextlib.contextmanager
def _database(kind: str, folder: Path) -> Generator[str]:
    if kind == "SQLite":
        yield f"sqlite:///{folder}/entourage.db"
        return
    name = f"entourage_bench_{uuid.uuid4().hex[:8]}"
    server = POSTGRES.rstrip("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _token(folder: Path, url: str) -> str:
    env = {**os.environ, "ENTOURAGE_DATA": str(folder), "ENTOURAGE_DATABASE": url}
    add = serving.command("user", "add", serving.USER, "--role", "admin", "--password-stdin")
    subprocess.run(add, env=env, input=serving.PASSWORD.encode(), stdout=subprocess.DEVNULL, check=True)
    made = subprocess.run(
        serving.command("token", "add", serving.USER, "--credits", "100000000"),
        env=env,
        capture_output=True,
        check=True,
    )
    return made.stdout.decode().strip()


def measure(*, small: bool) -> Section:
    """Fill both databases, ask, count."""
    if shutil.which("wrk") is None:
        raise SystemExit("needs wrk (Debian has it as a package of that name)")
    channels, seconds = (20_000, 1) if small else (1_000_000, SECONDS)
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for kind in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory() as scratch, _database(kind, Path(scratch)) as url:
            folder = Path(scratch)
            migrate(url)
            started = time.monotonic()
            written = insight_data.fill(url, channels)
            notes.append(
                f"{kind}: {written.channels:,} channels, {written.facts:,} facts (written in "
                f"{time.monotonic() - started:.0f} s). {_audience(url, written)}"
            )
            rows += _calls(kind, folder, url, channels, seconds)
    return Section(
        "insight",
        ("call", "database", "Entourage", "bare ASGI", "Entourage / it", "by processor time", "median / 99 %"),
        rows,
        [
            f"{seconds} s each, 16 connections, {ASKED:,} channels in turn, each asked for before: {KEPT}",
            *notes,
        ],
    )


def _calls(kind: str, folder: Path, url: str, channels: int, seconds: int) -> list[tuple[str, ...]]:
    token = _token(folder, url)
    rows: list[tuple[str, ...]] = []
    options = {} if kind == "SQLite" else {"database": url}
    with serving.entourage(folder, **options) as ours:
        for name, path in CALLS:
            first = path.replace("%s", f"00000000-0000-5000-8000-{2:012d}").replace("%d", "2")
            answer = httpx.get(ours.url + first, headers={"Authorization": f"Token {token}"}, timeout=60)
            answer.raise_for_status()
            headers = [(k, v) for k, v in answer.headers.raw if k.lower() not in {b"date", b"server"}]
            script = _script(path, channels) if "%" in path else ""
            _ask(ours.url + first, ours.pid, token, max(1, seconds // 2), script)  # what is counted once is kept
            with process(serve_bytes, answer.content, headers) as bare:
                time.sleep(0.3)
                peer = _ask(bare[0] + first, bare[1], token, seconds, script)
                our = _ask(ours.url + first, ours.pid, token, seconds, script)
            rows.append(
                (
                    name,
                    kind,
                    f"{our.rate:,.0f}/s",
                    f"{peer.rate:,.0f}/s",
                    ratio(our.rate, peer.rate),
                    ratio(peer.spent, our.spent),
                    f"{our.middle} / {our.late}",
                )
            )
    return rows


def _audience(url: str, written: insight_data.Written) -> str:
    """How long the audience of the largest channel takes: counted whole, and after a day's thousand changes."""
    database = Database(url)
    try:
        database.write_now(figures.of, OPERATOR, 2)  # a server has read its lists of words before
        whole = _timed(lambda: database.write_now(counting.whole, 1, MINIMUM))
        moment = from_ms(insight_data.NOW) + timedelta(days=1)
        step = max(1, written.channels // 1_001)
        left = range(written.channels - 999 * step, written.channels + 1, step)
        changes = [
            FollowFact(network="instagram", follower=f"n{number}", followed="n1", seen_at=moment, until=moment)
            for number in left
        ]
        database.write_now(recording.learn, changes)
        after = _timed(lambda: database.write_now(figures.of, OPERATOR, 1))
    finally:
        database.close()
    return (
        f"An audience of {written.channels - 1:,} is counted in {whole:.2f} s, and after 1,000 of them left brought "
        f"up to date in {after * 1000:.0f} ms."
    )


def _timed(work: Any) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
