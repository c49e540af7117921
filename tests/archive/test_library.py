"""The readable tree: harmless names, links that never lead or stand elsewhere."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.archive.library import Library, file_name, safe_name
from entourage.archive.model import Order
from entourage.networks.model import Media, MediaKind

NASTY = [
    "../../etc/passwd",
    "..",
    ".",
    "",
    "a/b\\c",
    "con",
    "nul.txt",
    "x" * 300 + ".jpg",
    "\u202egpj.exe",
    "\x00",
    "é" * 200,
]


def order(filename: str, *, source: str = "harbour", key: str = "k") -> Order:
    media = Media(key=key, url="https://example.org/x.jpg", kind=MediaKind.IMAGE, filename=filename, source=source)
    return Order(1, 1, "web", media, msgspec.json.encode(key).hex() * 8, None)


@pytest.mark.parametrize("text", NASTY)
def test_a_name_from_a_stranger_is_one_harmless_path_segment(text: str) -> None:
    name = safe_name(text, "fallback")
    assert name
    assert name not in {".", ".."}
    assert not set(name) & set('/\\\x00<>:"|?*')
    assert len(name.encode()) <= 150


@given(st.text(max_size=400))
def test_no_text_makes_a_name_that_leaves_its_folder(text: str) -> None:
    name = safe_name(text, "fallback")
    assert "/" not in name
    assert name.strip(". ")
    assert 0 < len(name.encode()) <= 150


@pytest.mark.parametrize(
    ("suggested", "extension", "wanted"),
    [
        ("a.jpg", "jpg", "a.jpg"),
        ("a.jpeg", "jpg", "a.jpeg"),
        ("a.png", "jpg", "a.jpg"),
        ("a", "jpg", "a.jpg"),
        ("v1.2 final", "png", "v1.2 final.png"),
    ],
)
def test_the_content_decides_the_extension(suggested: str, extension: str, wanted: str) -> None:
    assert file_name(order(suggested), extension) == wanted


def test_two_files_of_one_name_get_two_links(tmp_path) -> None:  # noqa: ANN001 - pytest's own
    library = Library(tmp_path / "library", tmp_path / "blobs")
    blob = tmp_path / "blobs" / "one"
    blob.parent.mkdir()
    blob.write_bytes(b"1")
    first, second = order("a.jpg", key="one"), order("a.jpg", key="two")
    paths = []
    for each in (first, second, first):
        path = library.place(each, "ann", "jpg", blob)
        paths.append(path)
    assert paths[0] == paths[2] == "ann/web/harbour/a.jpg"
    assert paths[1].startswith("ann/web/harbour/a_")
    assert (tmp_path / "library" / paths[0]).resolve() == blob
    library.remove(paths[0])
    library.remove(paths[1])
    assert blob.exists()
    assert list((tmp_path / "library").iterdir()) == []
