"""2,000 pictures of 50 kB and one file of 2 GB from nginx on loopback, 16 at once, beside aria2c, curl and gallery-dl.

Ours is the whole path, measured from the call that queues the address to the last record: the page with the links is
read and expanded, each file passes the gate, is hashed, decoded, synced to the disk, linked and noted in the library,
and recorded. The peers are given the finished list and only write the bytes. Each runs several times, in turn.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks import serving
from benchmarks.report import Section, middle, ratio

FILES, SIZE, AT_ONCE = 2000, 50_000, 16
LARGE = 2_000_000_000
ROUNDS = 3
PATIENCE = 600
_MARK = 4


def measure(*, small: bool) -> Section:
    """Every number."""
    files, large, rounds = (FILES // 10, LARGE // 10, 1) if small else (FILES, LARGE, ROUNDS)
    # On the disk and not in memory: what is synced should cost what it costs.
    with tempfile.TemporaryDirectory(prefix="entourage-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        home = Path(folder)
        make_files(home / "www", files, large)
        with serving.nginx(home / "www", home / "nginx") as url:
            addresses = [f"{url}/{number:05}.jpg" for number in range(files)]
            many = Contest(home, f"{url}/index.html", addresses, rounds, count=files, size=files * SIZE)
            one = Contest(home, f"{url}/large.7z", [f"{url}/large.7z"], rounds, count=1, size=large)
            rows = [*many.rows(), *one.rows()]
            spent = many.spent / files / rounds * 1000
    return Section(
        "downloads",
        ("what", "speed", "Entourage / it", "peak memory", "hashes, checks, syncs, records"),
        rows,
        [
            f"{files:,} different JPEG files of {SIZE // 1000} kB, one file of {large / 1e9:g} GB; {AT_ONCE} at once.",
            f"The median of {rounds} rounds in turn.",
            f"One small file takes {spent:.2f} ms of processor time in all of Entourage.",
        ],
    )


def make_files(root: Path, files: int, large: int) -> None:
    """Pictures that decode, all different, each filled up to its size with what decoders skip."""
    root.mkdir()
    chance = random.Random(7)
    links: list[str] = []
    for number in range(files):
        picture = Image.frombytes("RGB", (56, 42), chance.randbytes(7056)).resize((640, 480), Image.Resampling.BICUBIC)
        written = BytesIO()
        picture.save(written, "JPEG", quality=70)
        content = fill(written.getvalue(), SIZE, chance)
        (root / f"{number:05}.jpg").write_bytes(content)
        links.append(f'<img src="/{number:05}.jpg" alt="">')
    (root / "index.html").write_text(f"<!doctype html><title>Harbour</title><body>{''.join(links)}</body>")
    with (root / "large.7z").open("wb") as file:
        file.truncate(large)


def fill(picture: bytes, size: int, chance: random.Random) -> bytes:
    """A JPEG made larger by comment segments behind its mark."""
    segments: list[bytes] = []
    left = size - len(picture)
    while left > _MARK:
        content = chance.randbytes(min(left, 65_000) - _MARK)
        segments.append(b"\xff\xfe" + (len(content) + 2).to_bytes(2, "big") + content)
        left -= len(content) + _MARK
    return picture[:2] + b"".join(segments) + picture[2:]


class Contest:
    """One load, fetched by everybody in turn."""

    def __init__(self, home: Path, page: str, addresses: list[str], rounds: int, *, count: int, size: int) -> None:
        self.home = home
        self.page = page
        self.addresses = addresses
        self.count = count
        self.size = size
        self.spent = 0.0
        self.memory = 0.0
        self.peak: dict[str, float] = {}
        self.seconds: dict[str, list[float]] = {}
        runners = {
            "Entourage": self.ours,
            f"aria2c -j{AT_ONCE}": self.aria2c,
            f"curl --parallel-max {AT_ONCE}": self.curl,
            "gallery-dl": self.gallery_dl,
        }
        for _ in range(rounds):
            for name, run in runners.items():
                self.run(name, run)

    def run(self, name: str, fetch: Callable[[Path], float]) -> None:
        """One run into an empty folder."""
        # Nothing small is deleted until the end: where inodes were just freed, ext4 makes new files slowly.
        target = Path(tempfile.mkdtemp(dir=self.home))
        os.sync()
        self.seconds.setdefault(name, []).append(fetch(target))
        self.peak[name] = max(self.memory, self.peak.get(name, 0.0))
        if self.count == 1:
            shutil.rmtree(target)

    def rows(self) -> list[tuple[str, ...]]:
        """The table's rows."""
        ours = middle(self.seconds["Entourage"])
        unit = f"{self.count:,} of {SIZE // 1000} kB" if self.count > 1 else f"one of {self.size / 1e9:g} GB"
        rows: list[tuple[str, ...]] = []
        for name, found in self.seconds.items():
            speed = self.count / middle(found)
            shown = f"{speed:,.0f} files/s" if self.count > 1 else f"{self.size / middle(found) / 1e6:,.0f} MB/s"
            does = "yes" if name == "Entourage" else "no"
            against = "" if name == "Entourage" else ratio(middle(found), ours)
            rows.append((f"{unit}: {name}", shown, against, f"{self.peak[name]:.0f} MB", does))
        return rows

    def ours(self, target: Path) -> float:
        """The whole path of a running server, from the call to the last record."""
        serving.add_user(target)
        with serving.entourage(target) as server:
            server.call("PATCH", "/settings", {"general": {"concurrent_downloads": AT_ONCE}})
            serving.forget_peak(server.pid)
            before = serving.busy(server.pid)
            began = time.perf_counter()
            item = server.call("POST", "/queue", {"url": self.page, "platform": "web"})
            until = began + PATIENCE
            while True:
                time.sleep(0.05)
                found = server.call("GET", f"/queue/{item['id']}")
                if found["status"] not in {"pending", "downloading"} or time.perf_counter() > until:
                    break
            seconds = time.perf_counter() - began
            self.spent += serving.busy(server.pid) - before
            self.memory = serving.memory(server.pid)
            kept = server.call("GET", "/downloads?status=completed&per_page=1")["total"]
        if found["status"] != "completed" or kept != self.count:
            raise SystemExit(f"{kept} of {self.count} files came: {json.dumps(found)}")
        return seconds

    def aria2c(self, target: Path) -> float:
        """Many connections from one process; writes, does not sync or hash."""
        listed = self.home / "aria2.txt"
        listed.write_text("\n".join(self.addresses) + "\n")
        return self.child(
            target,
            "aria2c", "--no-conf", "--quiet", f"-j{AT_ONCE}", f"-x{AT_ONCE}", "--file-allocation=none",
            "-d", str(target), "-i", str(listed),
        )  # fmt: skip

    def curl(self, target: Path) -> float:
        """Many transfers in one process; writes, does not sync or hash."""
        listed = self.home / "curl.txt"
        listed.write_text("".join(f'url = "{address}"\nremote-name\n' for address in self.addresses))
        return self.child(
            target, "curl", "--silent", "--parallel", "--parallel-max", str(AT_ONCE), "--output-dir", str(target),
            "-K", str(listed),
        )  # fmt: skip

    def gallery_dl(self, target: Path) -> float:
        """One process, one file after the other."""
        listed = self.home / "gallery.txt"
        listed.write_text("\n".join(self.addresses) + "\n")
        return self.child(
            target, sys.executable, "-m", "gallery_dl", "--config-ignore", "--quiet", "-D", str(target),
            "-i", str(listed),
        )  # fmt: skip

    def child(self, target: Path, *argv: str) -> float:
        """Run a peer to its end; all files must be there."""
        began = time.perf_counter()
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        self.memory = usage.ru_maxrss / 1024
        came = [file for file in target.rglob("*") if file.is_file()]
        if process.returncode or len(came) != self.count:
            raise SystemExit(f"{argv[0]} ended with {process.returncode} and {len(came)} of {self.count} files")
        return seconds
