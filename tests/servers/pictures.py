"""Pictures that look different from each other, and a loopback web server that has some."""

import contextlib
import io
import threading
from collections.abc import Generator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from PIL import Image


def picture(shade: int, size: tuple[int, int] = (48, 32), kind: str = "JPEG") -> bytes:
    """The bytes of a small picture; another shade gives other bytes."""
    out = io.BytesIO()
    Image.new("RGB", size, (shade % 256, (shade * 7) % 256, (shade * 31) % 256)).save(out, kind)
    return out.getvalue()


@contextlib.contextmanager
def picture_host(files: Mapping[str, bytes]) -> Generator[str]:
    """The address of a server that answers these paths (whatever the query) as JPEG pictures."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(urlsplit(self.path).path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            _ = self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
