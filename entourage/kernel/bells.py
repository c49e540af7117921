"""Bells: how a commit wakes those who wait for it, in this process and, by way of the database, in others."""

import logging
import threading
from collections.abc import Callable, Generator, Iterable

log = logging.getLogger(__name__)

Heard = Callable[[threading.Event], Generator[None]]
"""Yields whenever another process may have rung, until the event is set."""


class Bells:
    """Who waits for which bell. The thread that listens to other processes runs only while somebody waits."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._lock = threading.Lock()
        self._wakes: dict[str, list[Callable[[], None]]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def listen(self, bell: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` whenever `bell` rings, in any thread; returns what ends it."""
        with self._lock:
            self._wakes.setdefault(bell, []).append(wake)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="bells", daemon=True)
                self._thread.start()

        def end() -> None:
            with self._lock:
                if wake in self._wakes[bell]:
                    self._wakes[bell].remove(wake)

        return end

    def ring(self, bells: Iterable[str]) -> None:
        """Wake who listens for any of `bells`."""
        with self._lock:
            wakes = [wake for bell in bells for wake in self._wakes.get(bell, ())]
        for wake in wakes:
            try:
                wake()
            except Exception:
                log.exception("a bell that rang was heard with an error")

    def close(self, nudge: Callable[[], None]) -> None:
        """Stop listening to other processes; `nudge` makes `heard` look up from its waiting."""
        self._stop.set()
        if self._thread is not None:
            nudge()
            self._thread.join()

    def _watch(self) -> None:
        for _ in self._heard(self._stop):
            with self._lock:
                bells = list(self._wakes)
            self.ring(bells)
