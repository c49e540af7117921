"""A real nginx on a free loopback port, with a configuration, logs and process of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.process import absent

_SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
_PATIENCE = 20.0
_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  types {{
    text/html html; image/jpeg jpg; image/png png; video/mp4 mp4 m4s; application/dash+xml mpd;
    application/vnd.apple.mpegurl m3u8; video/mp2t ts; text/plain txt;
  }}
  log_format lines escape=json '{{"path":"$request_uri","status":$status,"sent":$body_bytes_sent,'
    '"range":"$http_range","if_range":"$http_if_range","port":$server_port}}';
  access_log {folder}/access.log lines;
  client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/temp;
  uwsgi_temp_path {folder}/temp;
  scgi_temp_path {folder}/temp;
  lingering_close off;
  postpone_output 0;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{other};
    absolute_redirect off;
    root {root};
    {locations}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request as nginx wrote it down when it was over; `sent` are the bytes of the body that it sent."""

    path: str
    status: int
    sent: int
    range: str
    if_range: str
    port: int


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: what lies in `root` is served at `url`, and at the same port number's sibling `other_url`."""

    url: str
    other_url: str
    root: Path
    log: Path

    def put(self, path: str, body: bytes) -> str:
        """From now on `body` lies at `path`; the whole address."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        return self.url + path

    def answered(self, path: str) -> Sequence[Answered]:
        """The requests for `path` that are over, in their order."""
        lines = [Answered(**json.loads(line)) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line.path.partition("?")[0] == path]


@contextlib.contextmanager
def nginx(folder: Path, locations: str = "") -> Generator[Nginx]:
    """A fresh nginx; `locations` is more of its own configuration language, with {other} for its second port."""
    program = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN)))
    if program is None:
        absent("nginx")
    root = folder / "root"
    root.mkdir(parents=True)
    port, other = _free_ports()
    config = folder / "nginx.conf"
    locations = locations.replace("{other}", str(other))
    config.write_text(_CONFIG.format(folder=folder, root=root, port=port, other=other, locations=locations))
    for readable in (folder, root):  # where the tests run as root, nginx's worker does too: `master_process off`
        readable.chmod(0o755)
    with subprocess.Popen(
        [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            _wait_for(server, port)
            yield Nginx(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}", root, folder / "access.log")
        finally:
            server.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(5)
            server.kill()


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def _wait_for(server: "subprocess.Popen[str]", port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if server.poll() is not None:
            assert server.stderr is not None
            raise AssertionError(server.stderr.read())
        assert time.monotonic() < deadline
        time.sleep(0.02)
