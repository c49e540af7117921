"""Starts a server that prints its port, and ends it again with all it started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from servers.install import CannotInstallError, Forum, ensure

SERVE = Path(__file__).with_name("serve_wsgi.py")


def forum_or_skip(name: str) -> Forum:
    """The installed forum; where it cannot be had the test is skipped by name, in CI it fails."""
    try:
        return ensure(name)
    except CannotInstallError as reason:
        absent(f"{name}: {reason}")


def absent(what: str) -> NoReturn:
    """Skips the test that needs `what`; fails it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have what tests need: {what}")
    pytest.skip(f"needs {what}")


@contextlib.contextmanager
def serving(command: Sequence[str], env: Mapping[str, str], folder: Path) -> Generator[str]:
    """The address of a server that prints its port as its first line; its complaints go to `folder/errors.log`."""
    with (
        (folder / "errors.log").open("wb") as errors,
        subprocess.Popen(
            command, env=dict(env), cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port.isdigit(), (folder / "errors.log").read_text(errors="replace")[-2000:]
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def run(command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
    """Runs a set-up command to its end; fails with what it said."""
    ended = subprocess.run(command, env=dict(env), cwd=folder, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-2000:]


def plain_env(**more: str) -> dict[str, str]:
    """An environment without anything that could lead a server elsewhere."""
    return {"PATH": os.defpath, "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **more}
