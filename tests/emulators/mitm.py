"""A loopback CONNECT proxy with its own certificate authority: real host names over real TLS, led to local ports.

Whatever host is not mapped is refused with 403, so a client that strays is seen in `refused` and gets nowhere.
"""

import contextlib
import fnmatch
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import trustme

_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nx-refused: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Mitm:
    """Maps host patterns to loopback ports while the `with` block runs."""

    def __init__(self, hosts: Mapping[str, int], folder: Path) -> None:
        self.hosts = hosts
        self.reached: list[str] = []
        self.refused: list[str] = []
        self._ca = trustme.CA()
        own = folder / "own-ca.pem"
        self._ca.cert_pem.write_to_path(str(own))
        self.ca_file = own
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def trust(self) -> Mapping[str, str]:
        """What a child process needs in its environment to trust the certificates made here."""
        return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(self.ca_file))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (chunk := client.recv(4096)):
                    return
                head += chunk
            line, _, rest = head.partition(b"\r\n")
            verb, target, _ = line.decode("latin-1").split(" ")
            parts = urlsplit(f"//{target}" if verb == "CONNECT" else target)
            host = parts.hostname or ""
            port = next((port for pattern, port in self.hosts.items() if fnmatch.fnmatch(host, pattern)), None)
            if port is None:
                self.refused.append(host)
                client.sendall(_REFUSAL)
                return
            self.reached.append(host)
            with socket.create_connection(("127.0.0.1", port)) as server:
                if verb == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    with self._context(host).wrap_socket(client, server_side=True) as secure:
                        self._join(secure, server)
                else:
                    # One request a connection: the next one may be for another host.
                    path = parts._replace(scheme="", netloc="").geturl() or "/"
                    server.sendall(
                        f"{verb} {path} HTTP/1.1\r\nConnection: close\r\n".encode() + _without_connection(rest)
                    )
                    self._join(client, server)

    def _context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._ca.issue_cert(host).configure_cert(context)
                context.set_alpn_protocols(["http/1.1"])
                self._contexts[host] = context
            return self._contexts[host]

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}


def _without_connection(headers: bytes) -> bytes:
    head, end, body = headers.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"proxy-"))]
    return b"\r\n".join(kept) + end + body


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
