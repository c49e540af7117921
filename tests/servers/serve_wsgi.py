"""Serves a WSGI application on a free loopback port and prints that port; run with a forum's own interpreter.

Called as `python serve_wsgi.py module:name`; with `--call` the name is a factory that is called first.
"""

import importlib
import sys
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request: pages of a forum ask for each other."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Keeps the error log for errors."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


def main() -> None:
    """Serves until it is ended."""
    module, _, name = sys.argv[1].partition(":")
    application = getattr(importlib.import_module(module), name)
    if "--call" in sys.argv:
        application = application()
    with make_server("127.0.0.1", 0, application, server_class=Server, handler_class=Quiet) as server:
        print(server.server_port, flush=True)  # noqa: T201 - how the parent learns the port
        server.serve_forever()


if __name__ == "__main__":
    main()
