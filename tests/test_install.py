"""`pip install .` into a fresh environment gives a working `entourage`, with nothing of the source tree at hand."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from servers.entourage_server import ROOT, serving
from servers.process import plain_env


def told(*command: str | Path, folder: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints; fails with what it complains of."""
    ended = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout


def installer(python: Path) -> Sequence[str]:
    """The command that installs for `python`: uv where it is, else pip."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        return [uv, "pip", "install", "--quiet", "--no-deps", "--refresh-package", "entourage", "--python", str(python)]
    return [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed `entourage`. Its dependencies are those of the tests; its own code is in its own environment."""
    place = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    told(*installer(python), str(ROOT), folder=place, env=dict(os.environ))
    site = Path(told(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=place).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = told(python, "-c", "import entourage; print(entourage.__file__)", folder=place, env=plain_env())
    assert Path(where.strip()).is_relative_to(place)
    return place / "bin" / "entourage"


def test_everything_that_is_not_code_is_installed_too(program: Path) -> None:
    (installed,) = program.parent.parent.glob("lib/python*/site-packages/entourage")
    source = ROOT / "entourage"
    files = [path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {path.relative_to(source).as_posix() for path in files}
    assert len([path for path in wanted if path.endswith(".html")]) > 10
    missing = sorted(path for path in wanted if not (installed / path).is_file())
    assert missing == []
    for path in (path for path in wanted if not path.endswith(".py")):
        assert (installed / path).read_bytes() == (source / path).read_bytes(), path


def test_the_installed_program_works_away_from_its_source(program: Path, tmp_path: Path) -> None:
    env = plain_env()
    assert told(program, "--version", folder=tmp_path, env=env).startswith("entourage ")
    data = tmp_path / "data"
    assert told(program, "migrate", "--data", data, folder=tmp_path, env=env).startswith("Applied 0001")
    assert "Everything that is needed is here" in told(program, "doctor", "--data", data, folder=tmp_path, env=env)
    with serving(data, env={"PYTHONPATH": ""}, program=[str(program)]) as server:
        with httpx.Client(base_url=server.url, trust_env=False, follow_redirects=True, timeout=60) as web:
            page = web.get("/")
            assert page.status_code == 200
            shown = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
            assert shown
            for path in (*shown, "/docs"):
                assert web.get(path).status_code == 200, path
        assert server.end() == 0
