"""Rules of the house that a program can check."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "entourage"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)
MODULES = [path for path in SOURCES if path.name != "__init__.py"]
LONGEST = 500
LISTS = {"wire.py"}
"""Shapes of a whole contract, one after the other: as long as the contract."""
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "service", "services", "misc"}


def tracked(*endings: str) -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in listed.stdout.split("\0"):
        if name.endswith(endings) and (ROOT / name).exists():
            yield ROOT / name


def identify(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_a_module_says_what_it_is_for_and_stays_small(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "a module begins with one sentence that says what it is for"
    assert len(text.splitlines()) <= LONGEST or path.name in LISTS
    assert path.stem not in FORBIDDEN_NAMES


def test_nothing_is_re_exported() -> None:
    for path in SOURCES:
        if path.name == "__init__.py" and path.parent != PACKAGE:
            tree = ast.parse(path.read_text())
            assert all(isinstance(node, ast.Expr) for node in tree.body), path


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_only_stores_and_the_kernel_speak_sql(path: Path) -> None:
    parts = path.relative_to(PACKAGE).parts
    if parts[0] == "kernel" or "store" in parts or path.name == "store.py":
        return
    imported = {name.partition(".")[0] for name in _imports(path)}
    assert not imported & {"sqlalchemy", "sqlite3", "psycopg", "alembic"} or path.name == "doctor.py"


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_only_doors_pages_and_the_composition_root_speak_http(path: Path) -> None:
    parts = path.relative_to(PACKAGE).parts
    if parts[0] in {"doors", "web"} or path.name == "app.py" or "sandbox" in parts:
        return
    imported = {name.partition(".")[0] for name in _imports(path)}
    assert not imported & {"litestar", "uvicorn", "starlette"}


def test_what_is_licensed_otherwise_is_run_and_never_imported() -> None:
    for path in SOURCES:
        assert not {name.partition(".")[0] for name in _imports(path)} & {"gallery_dl", "yt_dlp"}, path


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_no_path_of_a_machine_and_no_package_index_is_named() -> None:
    # Put together so that this file does not find itself.
    wanted = re.compile(
        "|".join(["/ro" + "ot/", "/wo" + "rk/", "py" + r"pi\.org", "pythonhost" + "ed", "registry.npm" + "js"])
    )
    for path in tracked(".py", ".md", ".toml", ".txt", ".html", ".css", ".js", ".yml", "Makefile", "run"):
        found = wanted.search(path.read_text(errors="replace"))
        assert not found, f"{identify(path)}: {found and found[0]}"


def test_no_left_over_is_committed() -> None:
    marks = re.compile("TO" + "DO|FIX" + r"ME|\bXX" + r"X\b|NotImplemented" + "Error")
    for path in tracked(".py", ".js", ".html"):
        if "vendor" not in path.parts:
            assert not marks.search(path.read_text(errors="replace")), identify(path)


def test_every_dependency_is_pinned_with_its_hash() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = (ROOT / "requirements.txt").read_text()
    for requirement in declared:
        name = re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0]
        assert re.search(rf"^{re.escape(name)}(\[[^\]]*\])?==\S+ .*\\$", pinned, re.MULTILINE), name
    assert "--hash=sha256:" in pinned


def test_the_pages_made_by_the_program_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_links_of_the_guide_lead_somewhere() -> None:
    for page in tracked(".md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{identify(page)}: {target}"
