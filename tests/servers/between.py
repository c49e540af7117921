"""A loopback server that stands in front of a real one: it passes requests on, or answers in its place."""

import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_KEPT = ("content-type", "link", "ratelimit-reset", "retry-after", "x-ratelimit-reset", "date")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent instead of the real answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Between:
    """`with Between(upstream) as between:`; `between.say(…)` answers everything until `between.pass_on()`."""

    def __init__(self, upstream: str) -> None:
        self.asked: list[str] = []
        """The paths, with their queries, in order."""
        self.heard: list[Mapping[str, str]] = []
        """The headers of each request, names in lower case."""
        self._upstream = urlsplit(upstream)
        self._said: Answer | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def say(self, status: int, body: bytes | str, **headers: str) -> None:
        """From now on this is the answer to everything; `content_type=` and the like become headers."""
        content = body.encode() if isinstance(body, str) else body
        self._said = Answer(status, content, {name.replace("_", "-"): value for name, value in headers.items()})

    def pass_on(self) -> None:
        """From now on the real server answers."""
        self._said = None

    def _forwarded(self, path: str, headers: Mapping[str, str]) -> Answer:
        assert self._upstream.hostname is not None
        connection = http.client.HTTPConnection(self._upstream.hostname, self._upstream.port, timeout=30)
        try:
            kept = {name: value for name, value in headers.items() if name in {"authorization", "accept"}}
            connection.request("GET", path, headers=kept)
            answer = connection.getresponse()
            told = {name: value for name, value in answer.getheaders() if name.lower() in _KEPT}
            return Answer(answer.status, answer.read(), told)
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        between = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                between.asked.append(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                between.heard.append(headers)
                answer = between._said or between._forwarded(self.path, headers)
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                try:
                    self.wfile.write(answer.body)
                except OSError:
                    return

            do_POST = do_GET  # noqa: N815 - the library's name

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler
