"""Leases: how a worker shows that it lives, and how others notice that one died.

A worker counts up its `beat`; who sees it stand still for the length of a lease, by its own steady clock, takes what it
held. So no setting of a wall clock can end a lease. On the same machine a process that is gone is noticed at once.
"""

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from entourage.kernel.clock import system_clock
from entourage.kernel.db import Tx
from entourage.kernel.tables import jobs, workers


class Peer(NamedTuple):
    """A worker as others see it."""

    owner: str
    place: str
    pid: int
    pid_started: int
    beat: int


_register = sa.insert(workers).values(
    owner=sa.bindparam("owner"),
    place=sa.bindparam("place"),
    pid=sa.bindparam("pid"),
    pid_started=sa.bindparam("pid_started"),
    beat=0,
    seen_at=sa.bindparam("seen_at"),
)
_beat = (
    sa.update(workers)
    .where(workers.c.owner == sa.bindparam("holder"))
    .values(beat=workers.c.beat + 1, seen_at=sa.bindparam("seen", type_=workers.c.seen_at.type))
)
_forget = sa.delete(workers).where(workers.c.owner == sa.bindparam("holder"))
_peers = sa.select(workers.c.owner, workers.c.place, workers.c.pid, workers.c.pid_started, workers.c.beat)
_holders = sa.select(jobs.c.owner).where(sa.text("owner IS NOT NULL")).distinct()


def new_owner() -> str:
    """A name for a worker that no other ever has."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:12]}"


def register(tx: Tx, owner: str) -> None:
    """A worker of this process begins."""
    pid = os.getpid()
    tx.run(_register, owner=owner, place=_place(), pid=pid, pid_started=_started(pid), seen_at=tx.now)


def beat(tx: Tx, owner: str) -> bool:
    """The worker lives; False if it was taken for dead and its jobs were given to others."""
    return tx.run(_beat, holder=owner, seen=tx.now) > 0


def forget(tx: Tx, owner: str) -> None:
    """The worker ended."""
    tx.run(_forget, holder=owner)


def peers(tx: Tx) -> list[Peer]:
    """Every worker that registered and did not end, and whoever else still holds jobs (as one that runs nowhere)."""
    found = [Peer(*row) for row in tx.all(_peers)]
    known = {peer.owner for peer in found}
    strays = [row[0] for row in tx.all(_holders) if row[0] not in known]
    return found + [Peer(owner, _place(), 0, 0, 0) for owner in strays]


@dataclass(slots=True)
class Watch:
    """What one worker saw of the others."""

    lease: float
    seen: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])

    def dead(self, found: Sequence[Peer], own: str) -> list[str]:
        """Those whose process is gone, or whose beat stood still for a lease."""
        now = time.monotonic()
        self.seen = {peer.owner: self.seen.get(peer.owner, (peer.beat, now)) for peer in found}
        gone: list[str] = []
        for peer in found:
            before, since = self.seen[peer.owner]
            if peer.beat != before:
                self.seen[peer.owner] = (peer.beat, now)
            elif peer.owner != own and (now - since >= self.lease or _is_gone(peer)):
                gone.append(peer.owner)
        return gone


def _place() -> str:
    """Where process numbers mean the same: this boot of this machine, within one namespace of processes."""
    space = ""
    with contextlib.suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{system_clock.steady().boot}/{space}"


def _is_gone(peer: Peer) -> bool:
    return peer.pid == 0 or (peer.place == _place() and _started(peer.pid) != peer.pid_started)


def _started(pid: int) -> int:
    """When a process started, in ticks since boot; 0 where that is not told, -1 for one that does not run."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1 if Path("/proc/self/stat").exists() else 0
    return -1 if after_name[0] in "ZX" else int(after_name[19])
