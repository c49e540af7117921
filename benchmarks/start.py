"""From the start of the process to its first answer, and what it costs when nothing happens.

The peer is a server that does nothing: the same uvicorn with a bare ASGI application, by the same interpreter.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from pathlib import Path

from benchmarks import serving
from benchmarks.report import Section, middle, ratio

ROUNDS = 7
IDLE_SECONDS = 10.0
_BARE = """
import sys, uvicorn
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None)
"""


def measure(*, small: bool) -> Section:
    """Every number."""
    rounds, seconds = (1, 2.0) if small else (ROUNDS, IDLE_SECONDS)
    fresh, again, bare = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(rounds):
            bare.append(first_answer(home, bare=True))
            fresh.append(first_answer(home / f"fresh{number}"))
            if not number:
                serving.add_user(home / "kept")
            again.append(first_answer(home / "kept"))
        ours, theirs = idle(home / "kept", seconds), idle(home, seconds, bare=True)
    return Section(
        "start",
        ("what", "Entourage", "bare uvicorn", "Entourage / it"),
        (
            _row("first answer, data folder there", middle(again), middle(bare), "s"),
            _row("first answer, empty data folder", middle(fresh), middle(bare), "s"),
            _row("memory when idle", ours[0], theirs[0], "MB"),
            _row("processor when idle", ours[1] * 100, theirs[1] * 100, "%"),
        ),
        (f"The median of {rounds} starts; idle for {seconds:g} s, beginning 5 s after the first answer.",),
    )


def _row(what: str, ours: float, theirs: float, unit: str) -> tuple[str, ...]:
    digits = {"MB": 0, "%": 1}.get(unit, 2)
    return what, f"{ours:.{digits}f} {unit}", f"{theirs:.{digits}f} {unit}", ratio(ours, theirs)


@contextlib.contextmanager
def started(data: Path, *, bare: bool = False) -> Generator[tuple[int, float]]:
    """A server that has just given its first answer: its number and the seconds that took."""
    port = serving.free_port()
    argv: Sequence[str] = [sys.executable, "-c", _BARE, str(port)] if bare else serving.command("serve")
    options = {"ENTOURAGE_DATA": str(data), "ENTOURAGE_PORT": str(port), "ENTOURAGE_LOG_LEVEL": "WARNING"}
    began = time.perf_counter()
    process = subprocess.Popen(
        argv, env={**os.environ, **options}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with serving.ended(process):
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30):  # leads to set-up or sign-in
                    break
            except urllib.error.HTTPError:
                raise
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None:
                    raise
                time.sleep(0.01)
        yield process.pid, time.perf_counter() - began


def first_answer(data: Path, *, bare: bool = False) -> float:
    """Seconds from the start of the process to its first answer."""
    with started(data, bare=bare) as (_, seconds):
        return seconds


def idle(data: Path, seconds: float, *, bare: bool = False) -> tuple[float, float]:
    """Megabytes held, and the share of one processor used, when nobody asks for anything."""
    with started(data, bare=bare) as (pid, _):
        time.sleep(5)
        before = serving.busy(pid)
        time.sleep(seconds)
        return serving.memory(pid, "VmRSS"), (serving.busy(pid) - before) / seconds
