"""Servers of a benchmark: Entourage as a user starts it, and nginx; each a process of its own, ended by its number."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "ada", "correct horse battery"
START_SECONDS = 60.0
MUCH = str(2**31 - 1)


@dataclass(frozen=True, slots=True)
class Server:
    """A running Entourage with one administrator, who is signed in."""

    url: str
    pid: int
    token: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One call of the media API."""
        request = urllib.request.Request(  # a loopback address of our own
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def command(*words: str) -> list[str]:
    """The command line of Entourage, of this environment."""
    return [str(Path(sys.executable).parent / "entourage"), *words]


def add_user(data: Path) -> None:
    """An administrator in a fresh data folder."""
    subprocess.run(
        command("user", "add", USER, "--email", "ada@example.org", "--role", "admin", "--password-stdin"),
        env={**os.environ, "ENTOURAGE_DATA": str(data)},
        input=PASSWORD.encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Generator["subprocess.Popen[bytes]"]:
    """Ends a process when the block is left."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def entourage(data: Path, **options: str) -> Generator[Server]:
    """`entourage serve` on a folder that has a user; `options` by their name in the environment, without the prefix."""
    port = free_port()
    given: Mapping[str, str] = {
        "ENTOURAGE_DATA": str(data),
        "ENTOURAGE_PORT": str(port),
        "ENTOURAGE_ALLOW_NETWORKS": "127.0.0.0/8",
        "ENTOURAGE_USER_RATE": MUCH,
        "ENTOURAGE_PUBLIC_RATE": MUCH,
        "ENTOURAGE_ACCESS_SECONDS": "86400",
        "ENTOURAGE_LOG_LEVEL": "WARNING",
        **{f"ENTOURAGE_{name.upper()}": value for name, value in options.items()},
    }
    with (data / "console.txt").open("ab") as log:
        process = subprocess.Popen(command("serve"), env={**os.environ, **given}, stdout=log, stderr=log)
    with ended(process):
        url = f"http://127.0.0.1:{port}"
        server = Server(url, process.pid, "")
        _await(lambda: server.call("POST", "/auth/login", {"username": USER, "password": PASSWORD}), process)
        signed = server.call("POST", "/auth/login", {"username": USER, "password": PASSWORD})
        yield Server(url, process.pid, signed["access_token"])


def _await(try_it: Any, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            try_it()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def nginx(root: Path, scratch: Path) -> Generator[str]:
    """An nginx serving the files below `root`; its address."""
    port = free_port()
    scratch.mkdir(exist_ok=True)
    config = scratch / "nginx.conf"
    temp = " ".join(
        f"{kind}_temp_path {scratch}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; master_process off; worker_processes 1; user root; pid {scratch}/nginx.pid;"
        f" error_log {scratch}/error.log warn; events {{ worker_connections 1024; }}"
        f" http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; {temp}"
        " types { text/html html; image/jpeg jpg; application/octet-stream 7z; }"
        f" server {{ listen 127.0.0.1:{port} backlog=1024; root {root}; }} }}\n"
    )
    process = subprocess.Popen(["nginx", "-p", str(scratch), "-c", str(config)], stderr=subprocess.DEVNULL)
    with ended(process):
        until = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > until:
                raise TimeoutError("nginx does not answer")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"


def memory(pid: int, which: str = "VmHWM") -> float:
    """Megabytes a process holds (VmRSS), or held at most (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_peak(pid: int) -> None:
    """Let VmHWM begin anew (signing in alone takes 64 MB for a moment: that is what makes passwords hard to guess)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def busy(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
