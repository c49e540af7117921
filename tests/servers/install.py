"""Installs the real forums that tests read, each into a virtual environment of its own under `.servers/`.

Called as `python tests/servers/install.py [misago] [flaskbb]`; quick when they are there already.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".servers"


@dataclass(frozen=True, slots=True)
class Forum:
    """A forum as the package index has it. Its dependencies are pinned, so it never shares our environment."""

    package: str
    version: str
    python: tuple[int, int]

    @property
    def folder(self) -> Path:
        return CACHE / f"{self.package}-{self.version}"

    @property
    def interpreter(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def site(self) -> Path:
        return self.folder / "venv" / "lib" / "python{}.{}".format(*self.python) / "site-packages"


FORUMS = {
    "misago": Forum("misago", "0.39.6", (3, 11)),
    "flaskbb": Forum("flaskbb", "3.0.0rc5", (3, 12)),
}


class CannotInstallError(Exception):
    """A forum cannot be had on this machine."""


def ensure(name: str) -> Forum:
    """The forum, installed; CannotInstallError when its Python is missing or the package index is out of reach."""
    forum = FORUMS[name]
    done = forum.folder / "installed"
    with _alone(name):
        if not (done.exists() and forum.interpreter.exists()):
            python = _python(*forum.python)
            shutil.rmtree(forum.folder, ignore_errors=True)
            _install(forum, python)
            # FlaskBB opens its log files there while it is being imported, wherever its settings put them.
            (forum.site / "logs").mkdir(exist_ok=True)
            done.touch()
    return forum


def _install(forum: Forum, python: str) -> None:
    wanted = f"{forum.package}=={forum.version}"
    uv = shutil.which("uv")
    if uv is not None:
        _run(uv, "venv", "--quiet", "--python", python, str(forum.folder / "venv"))
        _run(uv, "pip", "install", "--quiet", "--python", str(forum.interpreter), wanted)
    else:
        _run(python, "-m", "venv", str(forum.folder / "venv"))
        _run(str(forum.interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted)


def _run(*command: str) -> None:
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise CannotInstallError(f"{' '.join(command)}: {ended.stderr.strip()[-800:]}")


def _python(major: int, minor: int) -> str:
    """An interpreter of this version: our own, one on the path, uv's, or one of pyenv's."""
    if sys.version_info[:2] == (major, minor):
        return sys.executable
    name = f"python{major}.{minor}"
    found = [shutil.which(name), *_known_to_uv(f"{major}.{minor}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found += [str(path) for path in sorted(pyenv.glob(f"{major}.{minor}.*/bin/python"), reverse=True)]
    for candidate in found:
        if candidate is not None and _runs(candidate):
            return candidate
    raise CannotInstallError(f"needs Python {major}.{minor}")


def _known_to_uv(version: str) -> list[str]:
    uv = shutil.which("uv")
    if uv is None:
        return []
    asked = subprocess.run([uv, "python", "find", version], check=False, capture_output=True, text=True)
    return [asked.stdout.strip()] if asked.returncode == 0 else []


def _runs(python: str) -> bool:
    """Whether it starts (pyenv leaves launchers on the path for versions that are switched off)."""
    try:
        return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@contextlib.contextmanager
def _alone(name: str) -> Generator[None]:
    """Held by one process at a time, so that tests running side by side install once."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Installs what was named, or all; the exit code says whether all is there."""
    complete = True
    for name in sys.argv[1:] or FORUMS:
        try:
            forum = ensure(name)
        except CannotInstallError as reason:
            complete = False
            print(f"{name}: {reason}", file=sys.stderr)  # noqa: T201 - a command's output
        else:
            print(f"{name} {forum.version}: {forum.folder}")  # noqa: T201 - a command's output
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
