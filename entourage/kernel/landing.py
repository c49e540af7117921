"""Where answers land: in memory for a page, in a part file for a download. Runs in the transfer thread."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from entourage.kernel import decoding
from entourage.kernel.answers import content_range, length_of
from entourage.kernel.curl import Enough, Exchange
from entourage.kernel.decoding import Decoder, decoder_for
from entourage.kernel.errors import Damaged, Gone, Refused, StorageFull
from entourage.kernel.parts import PartFile, Validators, validators

Progress = Callable[[int, int | None], None]
"""Told in the event loop, a few times a second at most: the bytes that are here, and of how many (if known)."""

Kept = tuple[PartFile, Validators]

_SMALL_TALK = 65_536
_BETWEEN_PROGRESS = 0.1


class Reading:
    """A small answer, collected in memory: at most `limit` bytes after decoding, or just its first ones (`peek`)."""

    def __init__(self, limit: int, *, peek: bool = False) -> None:
        self._limit = limit
        self._peek = peek
        self._pieces: list[bytes] = []
        self._size = 0
        self._came = 0
        self._promised: int | None = None
        self._decoder: Decoder | None = None
        self._wanted = False
        self._ended = False
        self.asks = ["Accept-Encoding: identity" if peek else f"Accept-Encoding: {decoding.ACCEPTED}"]

    @property
    def content(self) -> bytes:
        """What was collected."""
        return b"".join(self._pieces)

    def head(self, exchange: Exchange) -> None:
        """Decides by status and length whether the body is wanted."""
        self._wanted = 200 <= exchange.status < 300  # noqa: PLR2004 - HTTP's own numbers
        self._came = 0
        if not self._wanted:
            return
        self._promised = length_of(exchange.headers)
        if not self._peek and self._promised is not None and self._promised > self._limit:
            raise _too_large(exchange.shown, self._limit)
        self._shown = exchange.shown
        self._decoder = decoder_for(exchange.headers.get("content-encoding", ""))

    def body(self, chunk: bytes) -> None:
        """Collects `chunk`, decoded."""
        self._came += len(chunk)
        if not self._wanted:
            if self._came > _SMALL_TALK:
                raise Enough
            return
        for piece in (chunk,) if self._decoder is None else self._decoder.feed(chunk):
            self._size += len(piece)
            if self._size > self._limit and not self._peek:
                raise _too_large(self._shown, self._limit)
            self._pieces.append(piece)
            if self._peek and self._size >= self._limit:
                self._pieces = [self.content[: self._limit]]
                self._ended = True
                raise Enough

    def done(self, failure: BaseException | None) -> None:
        """Checks that what was collected is all of it."""
        if failure is not None or not self._wanted or self._ended:
            return
        _check_length(self._came, self._promised)
        if self._decoder is not None:
            self._decoder.finish()


class Landing:
    """A download on its way into a part file: fresh, or behind what `kept` holds if the answer continues exactly that.

    `again` asks for a second try from zero: the answer did not fit what was kept. `whole` says that the file is
    complete; `size`, `digest` (sha256, hex) and the validators are final then.
    """

    def __init__(
        self,
        url: str,
        path: Path,
        kept: Kept | None,
        *,
        expected: int | None,
        limit: int | None,
        progress: Progress | None,
    ) -> None:
        self._url = url
        self._path = path
        self._file, self._known = kept or (None, None)
        self._expected = expected
        self._limit = limit
        self._progress = progress
        self._progress_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._decoder: Decoder | None = None
        self._taking = False
        self._came = 0
        self._coming: int | None = None
        self._shown = ""
        self.again = False
        self.whole = False
        self.size = 0
        self.digest = ""
        self.resumed_from = 0
        self.promised: int | None = None
        self.etag: str | None = None
        self.last_modified: str | None = None

    @property
    def asks(self) -> Sequence[str]:
        """The header lines that say what is wanted: all of it, or the rest of exactly what is kept."""
        lines = ["Accept-Encoding: identity"]
        if self._file is not None and self._known is not None and self._known.if_range is not None:
            lines += [f"Range: bytes={self._file.size}-", f"If-Range: {self._known.if_range}"]
        return lines

    def head(self, exchange: Exchange) -> None:
        """Decides whether this answer begins the file, continues it, says that it is complete, or is none."""
        status = exchange.status
        self._taking, self._came, self._shown, self.again = False, 0, exchange.shown, False
        if status in {200, 203}:
            self._begin(exchange)
        elif status == 206:  # noqa: PLR2004 - HTTP's own number
            self._proceed(exchange)
        elif status == 416 and self._file is not None and self._known is not None:  # noqa: PLR2004 - as above
            if not self._known.complete(exchange.headers, self._file.size):
                raise self._over_again()
            self._complete(self._file, self._known, self._file.size)
            self.resumed_from = self._file.size
            raise Enough
        elif 200 <= status < 300:  # noqa: PLR2004 - as above
            raise Gone(f"{exchange.shown} answers without a file ({status}).")

    def _begin(self, exchange: Exchange) -> None:
        headers = exchange.headers
        length = length_of(headers)
        self._decoder = decoder_for(headers.get("content-encoding", ""))
        if self._limit is not None and length is not None and length > self._limit:
            raise _too_large(self._shown, self._limit)
        if self._file is None:
            self._file = PartFile(self._path)
        plain = self._decoder is None
        known = validators(self._url, headers, length if plain else None)
        # What was decoded here has other offsets than the server's ranges: it cannot be resumed.
        self._file.begin(known if plain else None)
        self._known = known
        self._taking, self._coming, self.promised, self.resumed_from = True, length, length, 0
        if self._expected is not None and plain and length is not None and length != self._expected:
            raise Damaged(f"{self._shown} has {length} bytes where {self._expected} were announced.")

    def _proceed(self, exchange: Exchange) -> None:
        if self._file is None or self._known is None:
            raise Damaged(f"{self._shown} sent a piece of a file where all of it was asked for.")
        piece = content_range(exchange.headers.get("content-range", ""))
        length = length_of(exchange.headers)
        fits = self._known.fits(exchange.headers, self._file.size) and "content-encoding" not in exchange.headers
        if not fits or piece is None or piece.first is None or piece.last is None:
            raise self._over_again()
        self._coming = piece.last - piece.first + 1
        if length not in {None, self._coming}:
            raise self._over_again()
        self._decoder = None
        self.resumed_from = self._file.size
        self.promised = piece.last + 1
        self._file.proceed(self._known)
        self._taking = True

    def _over_again(self) -> Enough:
        if self._file is not None:
            self._file.discard()
        self._file = self._known = None
        self.again = True
        return Enough()

    def body(self, chunk: bytes) -> None:
        """Writes and hashes `chunk`, decoded where it came encoded."""
        self._came += len(chunk)
        file = self._file
        if not self._taking or file is None:
            if self._came > _SMALL_TALK:
                raise Enough
            return
        for piece in (chunk,) if self._decoder is None else self._decoder.feed(chunk):
            if self._limit is not None and file.size + len(piece) > self._limit:
                raise _too_large(self._shown, self._limit)
            file.write(piece)
        if self._progress is not None and self._came != self.promised:  # the whole is told at the end
            self._tell(self._progress, file.size)

    def _tell(self, progress: Progress, size: int) -> None:
        now = monotonic()
        if now < self._progress_at:
            return
        self._progress_at = now + _BETWEEN_PROGRESS
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody is left to be told
            self._loop.call_soon_threadsafe(progress, size, None if self._decoder is not None else self.promised)

    def done(self, failure: BaseException | None) -> None:
        """Checks that the file is whole; otherwise keeps what can be resumed and deletes what cannot be trusted."""
        file, known = self._file, self._known
        if not self._taking or file is None or known is None:
            return
        self._taking, self._file = False, None
        try:
            if failure is None:
                file.flush()
                self._check(file)
                self._complete(file, known, file.size)
        except BaseException as error:
            _put_down(file, error)
            raise
        _put_down(file, failure)

    def _check(self, file: PartFile) -> None:
        _check_length(self._came, self._coming)
        if self._decoder is not None:
            self._decoder.finish()
        if self._expected is not None and file.size != self._expected:
            raise Damaged(f"{self._shown} has {file.size} bytes where {self._expected} were announced.")

    def _complete(self, file: PartFile, known: Validators, size: int) -> None:
        self.whole, self.size, self.digest = True, size, file.hash.hexdigest()
        self.etag, self.last_modified = known.etag, known.last_modified

    def release(self) -> None:
        """Lets go of a part file that no answer touched. Called when no exchange runs any more."""
        if self._file is not None:
            self._file.close(whole=False)
            self._file = None


def _put_down(file: PartFile, failure: BaseException | None) -> None:
    """Lets go of a part: deleted where it cannot be trusted, else left for a resume or an adoption."""
    if isinstance(failure, (Refused, Damaged)):
        file.discard()
        return
    try:
        file.close(whole=failure is None)
    except StorageFull:
        if failure is None:
            raise  # otherwise there is something worse to tell


def _check_length(came: int, promised: int | None) -> None:
    if promised is not None and came != promised:
        raise Damaged(f"{came} bytes came where the server promised {promised}; they were thrown away.")


def _too_large(shown: str, limit: int) -> Refused:
    return Refused(f"{shown} is larger than the {limit} bytes allowed; nothing of it was kept.")
