"""A loopback server that answers as a real Mastodon 4.7 once did, from the recordings of the makers of Mastodon.py."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import yaml
from servers.install import CannotInstallError, ensure_cassettes
from servers.process import absent

DOMAIN = "localhost:3000"
"""What the recorded server called itself."""
TOKEN = "the-token-of-the-recording"
_TELLING = ("acct", "max_id", "q")
"""Of a query, what decides which answer is meant; page sizes and the like do not."""
_ENVELOPE = frozenset({"transfer-encoding", "content-length", "content-encoding", "connection", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request of the recording and its answer."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@cache
def cassette(name: str) -> Sequence[Recorded]:
    """What `name`.yaml holds, in its order."""
    try:
        folder = ensure_cassettes()
    except CannotInstallError as reason:
        absent(f"the recordings of Mastodon.py: {reason}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    tape = yaml.load(Path(folder, f"{name}.yaml").read_text(encoding="utf-8"), loader)
    return [_recorded(one["request"], one["response"]) for one in tape["interactions"]]


def _recorded(request: Mapping[str, Any], response: Mapping[str, Any]) -> Recorded:
    place = urlsplit(request["uri"])
    headers = [
        (name, value)
        for name, values in response["headers"].items()
        for value in values
        if name.lower() not in _ENVELOPE
    ]
    said = response["body"].get("string") or b""
    body = said.encode() if isinstance(said, str) else said
    query = dict(parse_qsl(place.query))
    return Recorded(request["method"], place.path, query, response["status"]["code"], headers, body)


class Replay:
    """`with Replay("test_account_lookup", …) as server:`; of several recorded answers the first one is given."""

    def __init__(self, *cassettes: str) -> None:
        self.asked: list[tuple[str, str]] = []
        """Path with query, and credentials, of each request."""
        self._answers: dict[tuple[str, ...], Recorded] = {}
        self._refusal = next(one for one in cassette("test_home_tl_anonymous_throws") if one.status == 401)
        for name in cassettes:
            for one in cassette(name):
                if one.method == "GET":
                    _ = self._answers.setdefault(_key(one.path, one.query), one)
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

    def put(
        self, path: str, body: object, query: Mapping[str, str] | None = None, link: str = "", *, status: int = 200
    ) -> None:
        """From now on this is the answer: what was recorded elsewhere, put together by a test."""
        headers = [("Content-Type", "application/json; charset=utf-8"), *([("Link", link)] if link else [])]
        answer = Recorded("GET", path, query or {}, status, headers, json.dumps(body).encode())
        self._answers[_key(path, query or {})] = answer

    def _answer(self, target: str, credentials: str) -> Recorded:
        place = urlsplit(target)
        if credentials not in {"", f"Bearer {TOKEN}"}:
            return self._refusal
        found = self._answers.get(_key(place.path, dict(parse_qsl(place.query))))
        return found or Recorded("GET", place.path, {}, 404, [], b'{"error":"Record not found"}')

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                credentials = self.headers.get("Authorization", "")
                replay.asked.append((self.path, credentials))
                answer = replay._answer(self.path, credentials)
                self.send_response_only(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler


def _key(path: str, query: Mapping[str, str]) -> tuple[str, ...]:
    return (path.rstrip("/"), *(query.get(name, "").lower() for name in _TELLING))
