"""`entourage demo`: the server beside the sandbox, with an administrator and something under way."""

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from entourage import app
from entourage.accounts import passwords, users
from entourage.accounts.model import OPERATOR, PasswordHash, Role
from entourage.archive import queue, schedules
from entourage.archive.model import Wish
from entourage.insight import importing, plans
from entourage.insight.importers import sources
from entourage.insight.watching import Depth
from entourage.kernel.clock import system_clock
from entourage.kernel.db import Tx
from entourage.kernel.errors import NotFound
from entourage.kernel.settings import Settings
from entourage.networks import facts
from entourage.networks.sandbox import export, reading
from entourage.networks.sandbox import server as sandbox
from entourage.networks.sandbox.server import Sandbox

FOLDER = Path("demo-data")
USER = "admin"
FORUM = "Tidewater"
FIRST_PORT = 8808
"""Where the sandbox is looked for first; any other port serves as well."""
LOOKS = "*/2 * * * *"
"""How often the thread that grows is looked at."""
YEAR = "a year of the sandbox.jsonl"
"""What somebody would have kept who had watched some of the sandbox's creators for a year; it is imported at first."""
DEPTH = Depth(posts=60, followers=600, followings=0, likers_of=5, likers=100, comments_of=5, comments=50)
"""How deep the demo goes on looking at them."""
_MONITORED_DAYS = 30
_KEPT_STARTS = 200


@dataclass(frozen=True, slots=True)
class Memory:
    """What the demo remembers from one start to the next, in demo.json: queued addresses name the sandbox's port."""

    password: str
    port: int
    starts: Sequence[datetime] = ()

    @classmethod
    def of(cls, folder: Path, port: int) -> "Memory":
        """What is remembered in this folder; something new, with this port, where there is nothing to be read."""
        try:
            told: dict[str, Any] = json.loads((folder / "demo.json").read_text("utf-8"))
            starts = [datetime.fromisoformat(start) for start in told["starts"]]
            return cls(str(told["password"]), int(told["port"]), starts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(secrets.token_urlsafe(12), port)

    def keep(self, folder: Path) -> None:
        """Write it down, for the owner of the folder only."""
        told = {"password": self.password, "port": self.port, "starts": [start.isoformat() for start in self.starts]}
        beside = folder / "demo.json.part"
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
        beside.replace(folder / "demo.json")


@dataclass(frozen=True, slots=True)
class Ready:
    """A demo that only has to be served."""

    settings: Settings
    memory: Memory
    sandbox: Sandbox
    is_new: bool
    """Whether this was the first start."""
    moved: bool
    """Whether the sandbox's own port was taken, so that it is on another one this time."""


def run(settings: Settings, data: Path | None = None) -> None:
    """Run the demo in `data` (./demo-data where none is given) until it is told to stop."""
    with prepared(settings, data) as ready:

        def welcomed(running: Settings) -> None:
            print(welcome(replace(ready, settings=running)), flush=True)  # noqa: T201 - for the person at the terminal

        app.serve(ready.settings, ready=welcomed)


@contextlib.contextmanager
def prepared(settings: Settings, data: Path | None = None, *, port: int = FIRST_PORT) -> Generator[Ready]:
    """The sandbox running (at first on `port`), the administrator there and, at the first start, work in the queue."""
    folder = (data or FOLDER).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    memory = Memory.of(folder, port)
    if len(memory.starts) < _KEPT_STARTS:
        memory = replace(memory, starts=[*memory.starts, system_clock()])
    # The gate stays shut but for this one address; and the demo never touches a database that the operator uses.
    allowed = (*settings.allow_networks, f"{sandbox.HOST}/32")
    settings = replace(settings, data=folder, database="", allow_networks=allowed)
    with contextlib.ExitStack() as stack:
        running, moved = _started(stack, memory)
        memory = replace(memory, port=memory.port if moved else running.port)
        memory.keep(folder)
        is_new = asyncio.run(_furnished(settings, memory, running))
        yield Ready(settings, memory, running, is_new, moved)


def _started(stack: contextlib.ExitStack, memory: Memory) -> tuple[Sandbox, bool]:
    def start(port: int) -> Sandbox:
        return stack.enter_context(sandbox.serving(port=port, pace=sandbox.WATCHABLE, starts=memory.starts))

    try:
        return start(memory.port), False
    except OSError:
        first_start = len(memory.starts) == 1
        return start(0), not first_start


async def _furnished(settings: Settings, memory: Memory, running: Sandbox) -> bool:
    hashed = await passwords.hashed(memory.password)
    forgotten = len(memory.starts) == 1  # where there are users all the same, demo.json was lost with their password
    async with app.opened(settings, console=False) as parts:
        year, mark = settings.data / YEAR, ""
        if not await parts.database.read(users.exist):
            mark = await asyncio.to_thread(_write_year, year, memory.starts[0], running.url)
        return await parts.database.write(lambda tx: _furnish(tx, hashed, running, year, mark, forgotten=forgotten))


def _write_year(path: Path, opened: datetime, url: str) -> str:
    """Write what is imported at first; its fingerprint."""
    with path.open("wb") as file:
        file.writelines(facts.encoded(fact) + b"\n" for fact in export.facts(opened, server=url, opened=opened))
    return sources.fingerprint(path)


def _furnish(tx: Tx, password: PasswordHash, running: Sandbox, year: Path, mark: str, *, forgotten: bool) -> bool:
    """Give an empty server its administrator and something to do; whether it was empty."""
    if users.exist(tx):
        if forgotten:
            _let_in(tx, password)
        return False
    actor = users.set_up(tx, USER, password).actor
    short, long, _, growing, gap = running.threads
    queue.add(tx, actor, Wish(url=short.url, source=FORUM, priority=1))
    queue.add(tx, actor, Wish(url=running.galleries[0].url, source=FORUM, priority=3))
    queue.add(tx, actor, Wish(url=long.url, source=FORUM))
    queue.add(tx, actor, Wish(url=gap.url, source=FORUM, priority=2))
    watched = schedules.monitor(
        tx,
        actor,
        forum_name=FORUM,
        thread_url=growing.url,
        thread_title=growing.title,
        monitor_days=_MONITORED_DAYS,
    )
    schedules.change(tx, actor, watched.id, cron=LOOKS)
    importing.add(tx, actor, year, YEAR, mark)
    for name in export.WATCHED:
        plans.watch(tx, actor, network=reading.NAME, server=running.url, who=f"@{name}", depth=DEPTH)
    return True


def _let_in(tx: Tx, password: PasswordHash) -> None:
    try:
        user = users.named(tx, OPERATOR, USER)
    except NotFound:
        users.add(tx, OPERATOR, USER, password, role=Role.ADMIN)
    else:
        users.set_password(tx, OPERATOR, user.id, password)


def welcome(ready: Ready) -> str:
    """What the person at the terminal is told once the server answers."""
    place, spare = ready.sandbox, ready.sandbox.threads[2]
    lines = ["", "  Entourage is ready. Everything in this demo stays on this machine.", ""]
    if ready.moved:
        lines += [
            f"  Port {ready.memory.port} is taken, so the sandbox is at {place.url} this time. What was queued with",
            "  its old address cannot be fetched until that port is free and the demo is started again.",
            "",
        ]
    lines += [
        f"  Open      {ready.settings.url}",
        f"  User      {USER}",
        f"  Password  {ready.memory.password}   (unless you changed it)",
        "",
        "  Some threads and a gallery are under way; one thread is looked at every two minutes for new posts."
        if ready.is_new
        else "  What was not finished goes on by itself.",
        "  To try: add one of these addresses and watch it come in; kill the server in the middle, start it again.",
        "",
        *(f"    {each.url}   {each.title}" for each in (spare, *place.galleries[1:], *place.videos)),
        "",
        "  Channels shows what a year of watching some of the sandbox's creators tells; Collecting goes on with it.",
        "",
        f"  The small network all of it comes from: {place.url}",
        f"  Files, logs and this password are in {ready.settings.data}",
        "  Ctrl+C stops the demo.",
        "",
        "",
    ]
    return "\n".join(lines)
