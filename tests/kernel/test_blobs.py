"""The content-addressed store."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from entourage.kernel.blobs import Blobs
from entourage.kernel.errors import NotFound
from entourage.kernel.parts import note_path

BODY = b"the bytes of a file"
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "data")


def arrive(blobs: Blobs, body: bytes = BODY, name: str = "one") -> Path:
    part = blobs.part(name)
    part.write_bytes(body)
    note_path(part).write_text("{}")
    return part


def test_an_adopted_file_is_found_by_its_hash_and_nothing_is_left_behind(blobs: Blobs) -> None:
    path = blobs.adopt(arrive(blobs), SHA)
    assert path == blobs.root / "blobs" / SHA[:2] / SHA
    assert path.read_bytes() == BODY
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert blobs.exists(SHA)
    with blobs.open(SHA) as file:
        assert file.read() == BODY
    assert list(blobs.walk()) == [SHA]
    assert not list(blobs.incoming.iterdir())


def test_the_same_content_is_kept_once(blobs: Blobs) -> None:
    first = blobs.adopt(arrive(blobs), SHA)
    inode = first.stat().st_ino
    assert blobs.adopt(arrive(blobs, name="two"), SHA).stat().st_ino == inode
    assert list(blobs.walk()) == [SHA]
    assert not list(blobs.incoming.iterdir())


def test_a_changed_byte_is_noticed(blobs: Blobs) -> None:
    path = blobs.adopt(arrive(blobs), SHA)
    assert blobs.verify(SHA)
    path.write_bytes(b"THE bytes of a file")
    assert not blobs.verify(SHA)


def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    assert not blobs.exists(SHA)
    assert not blobs.delete(SHA)
    with pytest.raises(NotFound):
        blobs.open(SHA)
    with pytest.raises(NotFound):
        blobs.verify(SHA)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 63 + "/", "0" * 64 + "\n"]
)
def test_only_a_hash_names_a_blob(blobs: Blobs, name: str) -> None:
    with pytest.raises(NotFound):
        blobs.path(name)


def test_a_deleted_blob_is_gone(blobs: Blobs) -> None:
    blobs.adopt(arrive(blobs), SHA)
    assert blobs.delete(SHA)
    assert not blobs.exists(SHA)
    assert list(blobs.walk()) == []


def test_any_key_gives_a_part_in_incoming_and_always_the_same(blobs: Blobs) -> None:
    for key in ("../../x", "a" * 3000, "1/https://example.org/?a=b", "\0"):
        assert blobs.part(key).parent == blobs.incoming
        assert blobs.part(key) == blobs.part(key)
        assert len(blobs.part(key).name) < 60
    assert blobs.part("a") != blobs.part("b")


def test_only_what_lay_untouched_is_swept(blobs: Blobs) -> None:
    old, fresh = arrive(blobs, name="old"), arrive(blobs, name="fresh")
    for path in (old, note_path(old)):
        os.utime(path, (1, 1))
    assert blobs.sweep(3600) == 2
    assert sorted(blobs.incoming.iterdir()) == sorted([fresh, note_path(fresh)])


def test_strangers_in_the_folder_are_not_blobs(blobs: Blobs) -> None:
    blobs.adopt(arrive(blobs), SHA)
    (blobs.root / "blobs" / SHA[:2] / "notes.txt").write_text("x")
    (blobs.root / "blobs" / "lost+found").write_text("x")
    assert list(blobs.walk()) == [SHA]


def test_killed_at_any_moment_a_blob_is_whole_or_absent(blobs: Blobs, tmp_path: Path) -> None:
    program = (
        "import hashlib, os, sys, pathlib\n"
        "from entourage.kernel.blobs import Blobs\n"
        "blobs = Blobs(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "for number in range(100000):\n"
        "    body = str(number).encode() * 20000\n"
        "    part = blobs.part(str(number)); part.write_bytes(body)\n"
        "    blobs.adopt(part, hashlib.sha256(body).hexdigest())\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(blobs.root)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        done = [next(writer.stdout) for _ in range(30)]
        writer.kill()
    kept = list(blobs.walk())
    assert len(kept) >= len(done) - 1
    assert all(blobs.verify(sha256) for sha256 in kept)
