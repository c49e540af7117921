"""`entourage doctor`: the settings in force, what is missing on this machine, and whether the data folder is sound."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TextIO
from zoneinfo import available_timezones

from entourage.archive.store import downloads as store
from entourage.kernel import migrate
from entourage.kernel.db import Database
from entourage.kernel.errors import EntourageError
from entourage.kernel.secrets import readable_by_others
from entourage.kernel.settings import Settings, options, unknown_variables

LITTLE_ROOM = 2 * 1024**3
WELL, HINT, BAD = "ok", "hint", "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `state` is ok, hint (works without) or bad."""

    state: str
    about: str
    words: str


def examine(settings: Settings, environ: Mapping[str, str], out: TextIO) -> bool:
    """Write down what was found; whether nothing is bad. Changes nothing and needs no running server."""
    out.write("Settings\n")
    shown = settings.masked()
    out.writelines(f"  {option.name:<16} {shown[option.name] or f'({option.shown_default})'}\n" for option in options())
    out.write("\nFindings\n")
    sound = True
    for finding in findings(settings, environ):
        sign = {WELL: "✓", HINT: "·", BAD: "✗"}[finding.state]
        out.write(f"  {sign} {finding.about}: {finding.words}\n")
        sound = sound and finding.state != BAD
    out.write("\nEverything that is needed is here.\n" if sound else "\nWhat is marked ✗ has to be put right.\n")
    return sound


def findings(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Everything there is to find, one after the other."""
    for name in unknown_variables(environ):
        yield Finding(HINT, name, "sets nothing; is it misspelt?")
    yield from _folder(settings)
    yield from _key(settings)
    yield from _database(settings)
    yield from _programs()
    if "Europe/Berlin" not in available_timezones():
        yield Finding(BAD, "time zones", "none are installed; install the package tzdata")


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    if not folder.exists():
        yield Finding(HINT, "data folder", f"{folder} does not exist yet; the first start makes it")
        return
    if not folder.is_dir():
        yield Finding(BAD, "data folder", f"{folder} is a file; name another place with --data")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(BAD, "data folder", f"{folder} cannot be written to by this user")
        return
    free = shutil.disk_usage(folder).free
    words = f"{folder}, {free / 1e9:.1f} GB free"
    yield Finding(WELL if free > LITTLE_ROOM else BAD, "data folder", words)


def _key(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key:
        yield Finding(WELL, "key", "given by the environment")
    elif not settings.key_file.exists():
        yield Finding(HINT, "key", "not made yet; the first start makes it")
    elif readable_by_others(settings.key_file):
        yield Finding(BAD, "key", f"others may read {settings.key_file}; run chmod 600 on it")
    else:
        yield Finding(WELL, "key", str(settings.key_file))


def _database(settings: Settings) -> Iterator[Finding]:
    url = settings.database_url
    local = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else None
    if local is not None and not local.exists():
        yield Finding(HINT, "database", "not made yet; the first start makes it")
        return
    try:
        waiting = migrate.pending(url)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the finding
        yield Finding(BAD, "database", str(error).partition("\n")[0] or type(error).__name__)
        return
    if waiting:
        yield Finding(HINT, "database", f"needs {len(waiting)} steps to this version's schema: entourage migrate")
        return
    if local is not None:
        with sqlite3.connect(f"file:{local}?mode=ro", uri=True) as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        connection.close()
        if verdict != "ok":
            yield Finding(BAD, "database", f"is damaged: {verdict}")
            return
    yield Finding(WELL, "database", "answers, and has this version's schema")
    yield from _files(settings)


def _files(settings: Settings) -> Iterator[Finding]:
    """Every file that is recorded is looked for (not read: that is `entourage verify`)."""
    database = Database(settings.database_url)
    blobs = settings.data / "blobs"
    missing, count, wrong, damaged, after = 0, 0, 0, 0, ""
    try:
        with database.reading() as tx:
            while batch := store.blobs_after(tx, after, 1000):
                for sha256, size, bad in batch:
                    count += 1
                    damaged += bad
                    try:
                        wrong += (blobs / sha256[:2] / sha256).stat().st_size != size
                    except FileNotFoundError:
                        missing += 1
                after = batch[-1][0]
    except EntourageError as error:
        yield Finding(BAD, "files", str(error))
        return
    finally:
        database.close()
    if missing or wrong or damaged:
        words = f"{missing} of {count} missing, {wrong} of another size, {damaged} known to be damaged"
        yield Finding(BAD, "files", f"{words}; run entourage verify for the list")
    else:
        yield Finding(WELL, "files", f"all {count} recorded files are there")


def _programs() -> Iterator[Finding]:
    for name, use in (("gallery-dl", "Instagram and TikTok photographs"), ("yt-dlp", "videos and streams")):
        try:
            yield Finding(WELL, name, version(name))
        except PackageNotFoundError:
            yield Finding(BAD, name, f"is not installed; it is needed for {use}")
    for name, use in (
        ("ffmpeg", "posters of videos, and videos whose picture and sound come apart"),
        ("ffprobe", "size and length of videos"),
    ):
        found = shutil.which(name)
        yield Finding(WELL, name, found) if found else Finding(HINT, name, f"is not installed; it makes {use}")
