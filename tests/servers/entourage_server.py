"""The product as its users start it: commands in child processes, with nothing of the test's own environment."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from servers.process import plain_env

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "entourage")
PATIENCE = 60.0
_READY = re.compile(r"Entourage is ready at (http://\S+)")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def said_plainly(self) -> str:
        """The one line of its complaint; fails where there is another line, or a traceback."""
        (line,) = self.err.splitlines()
        assert line.startswith("entourage"), line
        assert "Traceback" not in self.out
        return line


def environment(**more: str) -> dict[str, str]:
    """What a child process gets: the tree under test on its path, and `more`."""
    return {**plain_env(PYTHONPATH=str(ROOT)), **more}


def entourage(*words: object, typed: str = "", env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Ran:
    """Run `entourage WORDS…` to its end, with `typed` as its standard input."""
    ended = subprocess.run(
        [*prefix, *PROGRAM, *map(str, words)],
        input=typed,
        env=environment(**(env or {})),
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


@dataclass(slots=True)
class Running:
    """A command that runs until it is told to stop; what it says on standard error is collected in `lines`."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list[str])
    news: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    def listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def waits_for(self, pattern: str) -> re.Match[str]:
        """What it says once it says something of this kind."""

        def heard() -> "re.Match[str] | bool":
            return re.search(pattern, self.said) or self.ended

        with self.news:
            found = self.news.wait_for(heard, PATIENCE)
        assert isinstance(found, re.Match), self.said
        return found

    @property
    def url(self) -> str:
        """Where a server answers, once it does."""
        return self.waits_for(_READY.pattern)[1]

    def end(self, sign: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """As when the power fails: no chance to say good-bye."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def started(
    *words: object,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    program: Sequence[str] = PROGRAM,
) -> Generator[Running]:
    """`entourage WORDS…`, running; killed at the end of the block where it still runs then."""
    with subprocess.Popen(
        [*prefix, *program, *map(str, words)],
        env=environment(**(env or {})),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        running = Running(process)
        listener = threading.Thread(target=running.listen)
        listener.start()
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
            listener.join(PATIENCE)


@contextlib.contextmanager
def serving(
    data: Path, *words: object, env: Mapping[str, str] | None = None, program: Sequence[str] = PROGRAM
) -> Generator[Running]:
    """`entourage serve` on a free port, once it answers."""
    given = ("serve", "--data", data, "--port", 0, "--allow-network", "127.0.0.0/8", *words)
    with started(*given, env=env, program=program) as running:
        assert running.url
        yield running
