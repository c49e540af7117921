"""Compressed bodies, in any pieces."""

import contextlib
import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.kernel.decoding import decoder_for
from entourage.kernel.errors import Damaged, Refused

BODY = b"".join(b"line %d\n" % number for number in range(5000))
PACKED: dict[str, bytes] = {
    "gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "br": brotli.compress(BODY),
    "gzip, gzip": gzip.compress(gzip.compress(BODY)),
}


def decoded(encoding: str, pieces: list[bytes]) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    out = b"".join(piece for chunk in pieces for piece in decoder.feed(chunk))
    decoder.finish()
    return out


@given(encoding=st.sampled_from(list(PACKED)), size=st.integers(1, 5000))
def test_any_division_into_pieces_decodes_alike(encoding: str, size: int) -> None:
    packed = PACKED[encoding]
    assert decoded(encoding, [packed[at : at + size] for at in range(0, len(packed), size)]) == BODY


@given(encoding=st.sampled_from(list(PACKED)), share=st.floats(0, 1, exclude_max=True))
def test_a_cut_never_passes_as_whole(encoding: str, share: float) -> None:
    cut = PACKED[encoding][: int(len(PACKED[encoding]) * share)]
    if cut:
        with pytest.raises(Damaged):
            decoded(encoding, [cut])


@given(st.binary(min_size=1), st.sampled_from(["gzip", "deflate", "br"]))
def test_any_bytes_are_decoded_or_damaged(body: bytes, encoding: str) -> None:
    with contextlib.suppress(Damaged, Refused):
        decoded(encoding, [body])


def test_members_one_behind_the_other_and_padding_are_gzip_too() -> None:
    assert decoded("gzip", [gzip.compress(b"one") + gzip.compress(b"two") + bytes(512)]) == b"onetwo"


def test_an_empty_body_is_empty_in_any_encoding() -> None:
    for encoding in PACKED:
        assert decoded(encoding, []) == b""


@pytest.mark.parametrize("encoding", ["", "identity", " , identity"])
def test_no_encoding_needs_no_decoder(encoding: str) -> None:
    assert decoder_for(encoding) is None


def test_what_is_unknown_or_piled_up_is_not_taken() -> None:
    with pytest.raises(Damaged, match="zstd"):
        decoder_for("zstd")
    with pytest.raises(Refused, match="layers"):
        decoder_for(", ".join(["gzip"] * 4))


def gzip_bomb() -> bytes:
    return gzip.compress(bytes(100 << 20), 9)


def br_bomb() -> bytes:
    return brotli.compress(bytes(100 << 20), quality=5)


def layered_bomb() -> bytes:
    return gzip.compress(gzip_bomb(), 9)


@pytest.mark.parametrize(
    ("encoding", "make"),
    [("gzip", gzip_bomb), ("br", br_bomb), ("gzip, gzip", layered_bomb)],
    ids=["gzip", "br", "gzip in gzip"],
)
def test_a_bomb_is_noticed_in_any_encoding(encoding: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(Refused, match="bomb"):
        decoded(encoding, [make()])
