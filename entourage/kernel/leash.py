"""What every child process runs first: ends it and all its descendants when the server is gone.

Called as `python -P leash.py MODULE ARGS…` with a pipe from the server as standard input. No byte ever comes through:
its end is the end of the server (or of the server's interest), however that came about, also by SIGKILL. Only the
standard library is used, so that the child's own modules find nothing of ours loaded.
"""

import os
import runpy
import signal
import sys
import threading


def _watch(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _main() -> None:
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()
    module = sys.argv[1]
    del sys.argv[:1]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
