"""Kept files over HTTP: ranges and validators, and nothing that a stranger's bytes could do to a browser."""

from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from media_stage import Stage, picture

from entourage.doors.files import disposition
from entourage.networks.model import MediaKind

API = "/api/v1"
RAW = picture(size=(300, 200))


@pytest.fixture
def path(stage: Stage) -> str:
    """Where a picture is served."""
    return f"{API}/downloads/{stage.keep('one', content=RAW).id}/file"


def test_a_picture_is_served_whole_and_harmless(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 200
    assert answer.content == RAW
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'inline; filename="one.jpg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, len(RAW)),
        ("bytes=-5", len(RAW) - 5, len(RAW)),
        (f"bytes=5-{len(RAW) * 9}", 5, len(RAW)),
        (f"bytes=-{len(RAW) * 9}", 0, len(RAW)),
        ("bytes=0-99999999999999999999999999", 0, len(RAW)),
    ],
)
def test_a_range_is_served(admin: httpx.Client, path: str, asked: str, first: int, end: int) -> None:
    answer = admin.get(path, headers={"Range": asked})
    assert answer.content == RAW[first:end]
    whole = (first, end) == (0, len(RAW))
    assert answer.status_code == (200 if whole else 206)
    if not whole:
        assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(RAW)}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-3", "bytes=x-", "bytes=", "lines=1-2", "bytes=0-1,4-5", "bytes=\u0661-\u0662"]
)
def test_a_range_that_cannot_be_read_is_ignored(admin: httpx.Client, path: str, asked: str) -> None:
    answer = admin.get(path, headers={b"Range": asked.encode()})
    assert (answer.status_code, answer.content) == (200, RAW)


@pytest.mark.parametrize("asked", [f"bytes={len(RAW)}-", "bytes=-0", "bytes=99999999-"])
def test_a_range_beyond_the_end_is_416(admin: httpx.Client, path: str, asked: str) -> None:
    answer = admin.get(path, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(RAW)}"


def test_validators_are_honoured(admin: httpx.Client, path: str) -> None:
    tag = admin.get(path).headers["etag"]
    for tags in (tag, f'"x", W/{tag}', "*"):
        unchanged = admin.get(path, headers={"If-None-Match": tags})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert admin.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    assert admin.get(path, headers={"Range": "bytes=0-4", "If-Range": tag}).status_code == 206
    assert admin.get(path, headers={"Range": "bytes=0-4", "If-Range": '"x"'}).status_code == 200


def test_what_is_no_picture_or_video_is_to_be_saved(stage: Stage, admin: httpx.Client) -> None:
    page = b"<!doctype html><script>alert(1)</script>" + b" " * 200
    kept = stage.keep("page", content=page, kind=MediaKind.FILE, filename="page.html")
    answer = admin.get(f"{API}/downloads/{kept.id}/file")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert admin.get(f"{API}/downloads/{kept.id}/thumbnail").status_code == 404


def test_what_could_not_be_had_has_no_file(stage: Stage, admin: httpx.Client) -> None:
    missing = stage.keep("two", failed="It is gone.")
    assert admin.get(f"{API}/downloads/{missing.id}/file").status_code == 404
    assert admin.get(f"{API}/downloads/{missing.id}/thumbnail").status_code == 404


@pytest.mark.parametrize("name", ["ü 日本.jpg", 'a"b\\c.jpg', "../../etc/passwd", "a\r\nSet-Cookie: x", "100%.jpg"])
def test_a_name_of_any_characters_is_told_safely(name: str) -> None:
    told = disposition(name, shown=True)
    assert "\r" not in told
    assert told.isascii()
    plain = told.partition('filename="')[2].partition('"')[0]
    assert not set('/\\"') & set(plain)
    assert unquote(told.partition("filename*=UTF-8''")[2]) == name


def test_a_large_file_comes_in_pieces(stage: Stage, admin: httpx.Client, tmp_path: Path) -> None:
    kept = stage.keep("big", content=RAW)
    blob = stage.parts.shelf.blob_path(kept)
    blob.chmod(0o600)
    large = RAW + bytes(3_000_000)
    blob.write_bytes(large)
    with admin.stream("GET", f"{API}/downloads/{kept.id}/file") as answer:
        pieces = list(answer.iter_raw())
    assert b"".join(pieces) == large


def test_a_file_that_is_cut_while_it_is_sent_never_looks_whole(stage: Stage, admin: httpx.Client) -> None:
    kept = stage.keep("big", content=RAW)
    blob = stage.parts.shelf.blob_path(kept)
    blob.chmod(0o600)
    blob.write_bytes(bytes(40_000_000))
    got = 0

    def read() -> None:
        nonlocal got
        with admin.stream("GET", f"{API}/downloads/{kept.id}/file") as answer:
            for piece in answer.iter_raw(65_536):
                if not got:
                    blob.write_bytes(b"")
                got += len(piece)

    with pytest.raises(httpx.RemoteProtocolError):
        read()
    assert got < 40_000_000
