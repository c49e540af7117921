"""A well-behaved little web server in a thread: pages and files that tests put there, counted, held back at will."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

PATIENCE = 60.0


class Pages:
    """`with Pages() as pages: url = pages.put("/a.jpg", body, "image/jpeg")`; `counts` how often each is asked for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._files: dict[str, tuple[bytes, str]] = {}
        self._held: set[str] = set()
        self._open = threading.Event()
        self._asked = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def put(self, path: str, body: bytes, media_type: str) -> str:
        """From now on `path` is answered by this; returns the whole address."""
        self._files[path] = body, media_type
        return self.url(path)

    def hold(self, path: str) -> None:
        """From now on the second half of `path` is held back, until `release`."""
        self._held.add(path)

    def release(self) -> None:
        """Hold nothing back any more."""
        self._held.clear()
        self._open.set()

    def wait_for(self, path: str) -> None:
        """Until somebody has asked for `path`."""
        with self._asked:
            assert self._asked.wait_for(lambda: self.counts[path], PATIENCE)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pages = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body, media_type = pages._files.get(self.path, (b"", ""))
                with pages._asked:
                    pages.counts[self.path] += 1
                    pages._asked.notify_all()
                self.send_response(200 if media_type else 404)
                self.send_header("Content-Type", media_type or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                half = len(body) // 2 if self.path in pages._held else len(body)
                self.wfile.write(body[:half])
                self.wfile.flush()
                if half < len(body):
                    pages._open.wait(PATIENCE)
                    try:
                        self.wfile.write(body[half:])
                    except OSError:
                        return

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                pass

        return Handler
