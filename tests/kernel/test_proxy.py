"""The egress proxy, used by real clients and by rude ones."""

import asyncio
import base64
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import faults
import httpx
import pytest
import trustme
from faults import FaultServer, File, content

from entourage.kernel.egress import Gate, networks
from entourage.kernel.proxy import Proxy

pytestmark = pytest.mark.anyio
BODY = content(1, 500_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def proxy() -> AsyncGenerator[Proxy]:
    async with Proxy(Gate(networks(["127.0.0.1"]))) as started:
        yield started


@pytest.fixture
async def server() -> AsyncGenerator[FaultServer]:
    async with FaultServer() as started:
        started.on("/f", File(BODY))
        yield started


def through(url: str, trust: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(proxy=url, trust_env=False, verify=trust or True)


def with_credential(url: str, request_line: bytes) -> bytes:
    parts = urlsplit(url)
    key = base64.b64encode(f"{parts.username}:{parts.password}".encode())
    return request_line + b"\r\nProxy-Authorization: Basic " + key + b"\r\n\r\n"


async def raw(url: str, request: bytes) -> bytes:
    port = urlsplit(url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_plain_http_passes_and_is_counted(proxy: Proxy, server: FaultServer) -> None:
    async with proxy.grant() as grant, through(grant.url) as web:
        for _ in range(3):
            answer = await web.get(server.url("/f"), headers={"X-Own": "1"})
            assert answer.content == BODY
        assert grant.received > 3 * len(BODY)
        assert grant.sent > 0
        assert grant.refused == []
    seen = server.asked[0]
    assert seen.path == "/f"
    assert seen.headers["x-own"] == "1"
    assert not [name for name in seen.headers if name.startswith("proxy-")]


async def test_a_body_is_passed_on(proxy: Proxy, server: FaultServer) -> None:
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        got.append(await reader.readexactly(100_000))
        writer.write(faults.head("200 OK", "Content-Length: 2") + b"ok")
        await writer.drain()
        writer.close()

    taker = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{taker.sockets[0].getsockname()[1]}/"
    async with proxy.grant() as grant, through(grant.url) as web:
        assert (await web.post(url, content=BODY[:100_000])).text == "ok"
    taker.close()
    assert got == [BODY[:100_000]]


async def test_tls_passes_through_unopened(proxy: Proxy) -> None:
    authority, context, trust = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trust)
    async with FaultServer(tls=context) as secure, proxy.grant() as grant, through(grant.url, trust) as web:
        secure.on("/f", File(BODY))
        assert (await web.get(secure.url("/f", host="localhost"))).content == BODY
        assert grant.received > len(BODY)


@pytest.mark.parametrize("credential", [None, b"Basic bm86Ym9keQ==", b"Bearer x", b"\xff\xfe"])
async def test_strangers_are_turned_away(proxy: Proxy, server: FaultServer, credential: bytes | None) -> None:
    lines = b"" if credential is None else b"Proxy-Authorization: " + credential + b"\r\n"
    async with proxy.grant() as grant:
        for first in (f"GET {server.url('/f')} HTTP/1.1", f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"):
            answer = await raw(grant.url, first.encode() + b"\r\n" + lines + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 407 ")
    assert server.connections == 0


async def test_a_credential_ends_with_its_grant(proxy: Proxy, server: FaultServer) -> None:
    async with proxy.grant() as grant:
        pass
    async with through(grant.url) as web:
        assert (await web.get(server.url("/f"))).status_code == 407


@pytest.mark.parametrize("host", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "[::1]", "0x7f000002"])
async def test_closed_networks_are_refused_and_remembered(proxy: Proxy, server: FaultServer, host: str) -> None:
    async with proxy.grant() as grant:
        for line in (f"GET http://{host}:{server.port}/f HTTP/1.1", f"CONNECT {host}:{server.port} HTTP/1.1"):
            answer = await raw(grant.url, with_credential(grant.url, line.encode()))
            assert answer.startswith(b"HTTP/1.1 403 ")
        assert len(grant.refused) == 1
        assert "network we do not enter" in grant.refused[0]
    assert server.connections == 0


async def test_each_child_has_its_own_refusals(proxy: Proxy) -> None:
    async with proxy.grant() as one, proxy.grant() as two, through(one.url) as web:
        await web.get("http://10.0.0.1/")
        assert len(one.refused) == 1
        assert two.refused == []


async def test_more_than_the_limit_is_cut_and_remembered(proxy: Proxy, server: FaultServer) -> None:
    async with proxy.grant(limit=100_000) as grant, through(grant.url) as web:
        with pytest.raises(httpx.HTTPError):
            await web.get(server.url("/f"))
        assert "100000 bytes" in grant.refused[0]


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET",
        b"GET /f HTTP/1.1",
        b"GET ftp://x/ HTTP/1.1",
        b"GET file:///etc/passwd HTTP/1.1",
        b"GET https://example.org/ HTTP/1.1",
        b"CONNECT  HTTP/1.1",
        b"CONNECT a/b@c HTTP/1.1",
        b"\x16\x03\x01 \xff x",
    ],
)
async def test_what_is_no_request_is_answered_shortly(proxy: Proxy, request_line: bytes) -> None:
    async with proxy.grant() as grant:
        answer = await raw(grant.url, with_credential(grant.url, request_line))
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 502"))


async def test_a_closed_port_is_a_bad_gateway(proxy: Proxy) -> None:
    async with FaultServer() as gone:
        url = gone.url("/f")
    async with proxy.grant() as grant, through(grant.url) as web:
        assert (await web.get(url)).status_code == 502
        assert grant.refused == []


async def test_a_second_request_on_a_connection_does_not_reach_the_first_host(
    proxy: Proxy, server: FaultServer
) -> None:
    async with proxy.grant() as grant:
        one = with_credential(grant.url, f"GET {server.url('/f')} HTTP/1.1".encode())
        await raw(grant.url, one + b"GET http://10.0.0.1/ HTTP/1.1\r\n\r\n")
    assert [asked.path for asked in server.asked] in ([], ["/f"])


async def test_leaving_a_grant_cuts_its_connections(proxy: Proxy, server: FaultServer) -> None:
    server.on("/slow", faults.stall(faults.head("200 OK", "Content-Length: 10")))
    async with proxy.grant() as grant:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(grant.url).port)
        writer.write(with_credential(grant.url, f"GET {server.url('/slow')} HTTP/1.1".encode()))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await reader.readexactly(1)
    writer.close()


async def test_closing_the_proxy_leaves_nothing_waiting(server: FaultServer) -> None:
    server.on("/slow", faults.stall(faults.head("200 OK", "Content-Length: 10")))
    async with Proxy(Gate(networks(["127.0.0.1"]))) as proxy, proxy.grant() as grant:
        _, silent = await asyncio.open_connection("127.0.0.1", urlsplit(grant.url).port)
        client = through(grant.url)
        asking = asyncio.ensure_future(client.get(server.url("/slow")))
        await asyncio.sleep(0)
    with pytest.raises(httpx.HTTPError):
        await asking
    await client.aclose()
    silent.close()


async def test_a_real_tool_uses_it(proxy: Proxy, server: FaultServer, tmp_path: Path) -> None:
    async with proxy.grant() as grant:
        command = [sys.executable, "-m", "yt_dlp", "--ignore-config", "--proxy", grant.url, "--force-generic-extractor"]
        server.on("/clip.mp4", File(BODY, lines=("Content-Type: video/mp4",)))
        process = await asyncio.create_subprocess_exec(
            *command, "-o", str(tmp_path / "%(id)s.%(ext)s"), server.url("/clip.mp4"), stdout=subprocess.DEVNULL
        )
        assert await process.wait() == 0
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [BODY]
        assert grant.received > len(BODY)
