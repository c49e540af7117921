"""Logging: `log = logs.logger("Queue")`, then `log.info("Queued 8 files from alice", user=3, count=8)`.

A line goes to the logbook, to standard error, and to whoever listens, always without secrets. Libraries that use the
standard logging are heard too.
"""

import contextlib
import io
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, cast

import msgspec

from entourage.kernel.clock import Clock, system_clock
from entourage.kernel.logbook import Logbook, LogLine
from entourage.kernel.logsearch import as_plain_text
from entourage.kernel.secrets import redact, redact_value

LONGEST_MESSAGE = 8_000
LONGEST_METADATA = 16_000
_LONGEST_READ = 65_536
_OURS = "entourage"
_ABOUT = "about"

Listener = Callable[[LogLine], None]

# What people call the parts that log under the names of their packages.
_WORDS = {
    "uvicorn": "Server",
    "litestar": "Server",
    "asyncio": "Server",
    "alembic": "Database",
    "sqlalchemy": "Database",
    "psycopg": "Database",
    "db": "Database",
    "tiktok": "TikTok",
    "youtube": "YouTube",
    "ytdlp": "yt-dlp",
}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", _ABOUT}


class Log:
    """Says what one part of the server does. A message is a finished sentence; values for programs go beside it."""

    __slots__ = ("_logger",)

    def __init__(self, module: str) -> None:
        self._logger = logging.getLogger(f"{_OURS}.{module}")

    def debug(self, message: str, *, user: int | None = None, **metadata: object) -> None:
        """What only somebody who looks for a fault wants to know."""
        self._say(logging.DEBUG, message, user, metadata)

    def info(self, message: str, *, user: int | None = None, **metadata: object) -> None:
        """What happened as it should. `user` is whose subject it is: that user may read the line."""
        self._say(logging.INFO, message, user, metadata)

    def warning(self, message: str, *, user: int | None = None, **metadata: object) -> None:
        """What did not go well but is being dealt with."""
        self._say(logging.WARNING, message, user, metadata)

    def error(self, message: str, *, user: int | None = None, **metadata: object) -> None:
        """What failed."""
        self._say(logging.ERROR, message, user, metadata)

    def exception(self, message: str, *, user: int | None = None, **metadata: object) -> None:
        """What failed in a way nobody foresaw: the exception being handled is kept with the line."""
        self._say(logging.ERROR, message, user, metadata, with_exception=True)

    def _say(
        self,
        level: int,
        message: str,
        user: int | None,
        metadata: Mapping[str, object],
        *,
        with_exception: bool = False,
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, message, extra={_ABOUT: (user, metadata)}, exc_info=with_exception)


def logger(module: str) -> Log:
    """The log of a part of the server, under the name that people know it by: "Queue", "Scheduler", "Instagram"."""
    return Log(module)


_listeners: tuple[Listener, ...] = ()
_listeners_lock = threading.Lock()


def subscribe(listener: Listener) -> Callable[[], None]:
    """Let `listener` have each line that this process logs, in the thread that logs it; call the result to stop.

    It must be quick, and what it logs itself is not told to listeners.
    """
    global _listeners  # noqa: PLW0603 - replaced whole, so that lines are told without a lock
    with _listeners_lock:
        _listeners = (*_listeners, listener)

    def stop() -> None:
        global _listeners  # noqa: PLW0603 - as above
        with _listeners_lock:
            _listeners = tuple(other for other in _listeners if other is not listener)

    return stop


class Logs:
    """Logging of this process, from `start` until it is closed."""

    def __init__(self, handler: logging.Handler, book: Logbook) -> None:
        self._handler = handler
        self._book = book

    def close(self) -> None:
        """Log nothing more."""
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        self._book.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    root: Path,
    *,
    level: str = "INFO",
    limit: int = 1024**3,
    clock: Clock = system_clock,
    console: TextIO | None = sys.stderr,
) -> Logs:
    """Log into files under `root`, of at most `limit` bytes together, and to `console` unless that is None."""
    book = Logbook(root, limit=limit, clock=clock)
    handler = _Handler(book, console)
    everything = logging.getLogger()
    everything.addHandler(handler)
    everything.setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)
    logging.getLogger(_OURS).setLevel(level)
    return Logs(handler, book)


class _Handler(logging.Handler):
    """Turns records into lines. It never raises: where a line cannot be kept, the console says so."""

    def __init__(self, book: Logbook, console: TextIO | None) -> None:
        super().__init__()
        self._book = book
        self._console = console
        self._telling = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            user, message, metadata = _content(record)
            level, module = _level(record.levelno), _module(record.name)
        except Exception:  # noqa: BLE001 - a log line with odd values must not stop the work it tells of
            self._print(f"A line of {record.name} could not be read:\n{traceback.format_exc(limit=3)}")
            return
        try:
            line = self._book.append(level, module, message, user, metadata)
        except OSError as error:
            line = LogLine(0, datetime.fromtimestamp(record.created, UTC), level, module, user, message, metadata)
            self._print(f"The log cannot be written ({error.strerror or error}); this line is only here:\n")
        self._print(as_plain_text(line) + "\n")
        self._tell(line)

    def _print(self, text: str) -> None:
        if self._console is not None:
            with contextlib.suppress(OSError, ValueError):
                self._console.write(text)
                self._console.flush()

    def _tell(self, line: LogLine) -> None:
        if getattr(self._telling, "now", False):
            return
        self._telling.now = True
        try:
            for listener in _listeners:
                try:
                    listener(line)
                except Exception:  # noqa: BLE001 - one listener's fault is neither the others' nor the logger's
                    self._print(f"A listener to the log failed:\n{traceback.format_exc(limit=3)}")
        finally:
            self._telling.now = False


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "ERROR"
    if number >= logging.WARNING:
        return "WARNING"
    return "INFO" if number >= logging.INFO else "DEBUG"


def _module(name: str) -> str:
    parts = name.split(".")
    word = parts[-1] if parts[0] == _OURS else parts[0]
    return _WORDS.get(word) or (word.capitalize() if word.islower() else word)


def _content(record: logging.LogRecord) -> tuple[int | None, str, dict[str, Any]]:
    """Whose subject it is, the message and what goes with it, all without secrets and of bounded size."""
    about = getattr(record, _ABOUT, None)
    if about is None:
        metadata = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        user = metadata.pop("user", None)
    else:
        user, metadata = cast("tuple[int | None, dict[str, object]]", about)
    if record.exc_info and record.exc_info[0] is not None:
        metadata = {**metadata, "error": _last_line(record.exc_info[1]), "traceback": _trace(record)}
    message = redact(_readable(record.getMessage()[:_LONGEST_READ]))
    if len(message) > LONGEST_MESSAGE:
        message = message[: LONGEST_MESSAGE - 1] + "…"
    return (user if isinstance(user, int) else None), message, _bounded(metadata)


def _bounded(metadata: Mapping[str, object]) -> dict[str, Any]:
    if not metadata:
        return {}
    clean = cast("dict[str, Any]", redact_value(dict(metadata)))
    try:
        encoded = msgspec.json.encode(clean)
        if len(encoded) <= LONGEST_METADATA:
            return clean
        text = encoded.decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        text = _readable(repr(clean))
    return {"cut": text[: LONGEST_METADATA // 4]}


def _readable(text: str) -> str:
    """The text without halves of characters, which file names may hold and JSON cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def _last_line(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _trace(record: logging.LogRecord) -> str:
    out = io.StringIO()
    kind, error, trace = cast("tuple[type[BaseException], BaseException, TracebackType]", record.exc_info)
    traceback.print_exception(kind, error, trace, limit=-12, file=out)
    return out.getvalue()[-LONGEST_MESSAGE:]
