"""Bodies that come compressed: decoded as they stream, never larger than allowed, never taken when cut."""

import zlib
from collections.abc import Iterator
from typing import Protocol, cast

import brotli

from entourage.kernel.errors import Damaged, Refused

ACCEPTED = "gzip, deflate, br"
_PIECE = 1 << 20
_BOMB_SIZE = 64 << 20
_BOMB_RATIO = 200
_MOST_LAYERS = 3


class Decoder(Protocol):
    """Takes the bytes of a body as they came and gives those that were meant."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` adds, in pieces of bounded size; raises Damaged for what cannot be decoded."""
        ...

    def finish(self) -> None:
        """Raises Damaged if the end is missing."""
        ...


def decoder_for(content_encoding: str) -> Decoder | None:
    """The decoder for a Content-Encoding header, None where nothing is to be done; raises Damaged if unknown."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if not names:
        return None
    if len(names) > _MOST_LAYERS:
        raise Refused("The body is packed in too many layers.")
    layers: list[Decoder] = []
    for name in reversed(names):
        if name in {"gzip", "x-gzip"}:
            layers.append(_Zlib(16 + zlib.MAX_WBITS))
        elif name == "deflate":
            layers.append(_Deflate())
        elif name == "br":
            layers.append(_Brotli())
        else:
            raise Damaged(f"The body came in an encoding that nobody asked for ({name[:40]}).")
    return _Bounded(layers)


class _Bounded:
    """Layers of decoders, watched for bombs."""

    def __init__(self, layers: list[Decoder]) -> None:
        self._layers = layers
        self._taken = 0
        self._given = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._taken += len(chunk)
        for piece in self._through(chunk, 0):
            self._given += len(piece)
            if self._given > _BOMB_SIZE and self._given > _BOMB_RATIO * self._taken:
                raise Refused("The body is a decompression bomb; nothing of it was kept.")
            yield piece

    def _through(self, chunk: bytes, depth: int) -> Iterator[bytes]:
        if depth == len(self._layers):
            yield chunk
            return
        for piece in self._layers[depth].feed(chunk):
            yield from self._through(piece, depth + 1)

    def finish(self) -> None:
        for layer in self._layers:
            layer.finish()


class _Zlib:
    """gzip (also of several members) and zlib."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._stream.eof:
                chunk = chunk.lstrip(b"\0")  # gzip allows padding after its end
                if not chunk:
                    return
                self._stream = zlib.decompressobj(self._window)
            self._begun = True
            try:
                piece = self._stream.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise Damaged("The compressed body cannot be decoded.") from error
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        if self._begun and not self._stream.eof:
            raise Damaged("The compressed body was cut.")


class _Deflate:
    """What servers mean by "deflate": zlib, or raw deflate from those that got it wrong."""

    def __init__(self) -> None:
        self._inner: _Zlib | None = None
        self._held = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if self._inner is None:
            chunk = self._held + chunk
            if len(chunk) < 2:  # noqa: PLR2004 - the length of zlib's own header
                self._held = chunk
                return iter(())
            zlib_header = chunk[0] & 0x0F == 8 and (chunk[0] << 8 | chunk[1]) % 31 == 0  # noqa: PLR2004 - RFC 1950
            self._inner = _Zlib(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
        return self._inner.feed(chunk)

    def finish(self) -> None:
        if self._inner is not None:
            self._inner.finish()
        elif self._held:
            raise Damaged("The compressed body was cut.")


class _BrotliStream(Protocol):
    """What the untyped brotli package offers."""

    def process(self, data: bytes, output_buffer_limit: int) -> bytes: ...

    def is_finished(self) -> bool: ...


_BrotliError = cast("type[Exception]", brotli.error)  # pyright: ignore[reportUnknownMemberType] - untyped package


class _Brotli:
    """br."""

    def __init__(self) -> None:
        self._stream = cast("_BrotliStream", brotli.Decompressor())  # pyright: ignore[reportUnknownMemberType] - as above
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._begun = True
        try:
            piece = self._stream.process(chunk, output_buffer_limit=_PIECE)
            while piece:
                yield piece
                piece = self._stream.process(b"", output_buffer_limit=_PIECE)
        except _BrotliError as error:
            raise Damaged("The compressed body cannot be decoded.") from error

    def finish(self) -> None:
        if self._begun and not self._stream.is_finished():
            raise Damaged("The compressed body was cut.")
