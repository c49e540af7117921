"""Durability: what was written survives a power cut; many files at once for little more than one costs."""

import ctypes
import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

FEW = 2
"""So many are synced one by one; for more, one call for the whole file system waits for a single commit."""


def sync_files(files: Collection[Path]) -> None:
    """Wait until the contents of files (of one file system) are on the disk; raises OSError where they are not."""
    _sync(files, os.O_RDONLY)


def sync_folders(folders: Collection[Path]) -> None:
    """Wait until the entries of folders (of one file system) are on the disk; raises OSError where they are not."""
    _sync(folders, os.O_RDONLY | os.O_DIRECTORY)


def _sync(paths: Collection[Path], flags: int) -> None:
    if len(paths) > FEW and _whole is not None:
        descriptor = os.open(next(iter(paths)), flags)
        try:
            if _whole(descriptor):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(descriptor)
        return
    _one_by_one(paths, flags)


def _one_by_one(paths: Iterable[Path], flags: int) -> None:
    for path in paths:
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _syncfs() -> "ctypes._NamedFuncPointer | None":  # pyright: ignore[reportPrivateUsage]  # it has no public name
    """The call that syncs a whole file system, where it reports what could not be written (Linux 5.8 and later)."""
    if sys.platform != "linux":
        return None
    major, minor = (int(number) for number in os.uname().release.split("-", 1)[0].split(".")[:2])
    if (major, minor) < (5, 8):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


_whole = _syncfs()
