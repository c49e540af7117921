"""Pages, redirects, credentials, the gate and TLS of the one HTTP client."""

import asyncio
import gzip
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import brotli
import faults
import pytest
import trustme
from faults import FaultServer, File, content, sha256

from entourage.kernel.curl import Pace
from entourage.kernel.egress import Gate, networks
from entourage.kernel.errors import Damaged, Refused, Unreachable
from entourage.kernel.transfer import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncGenerator[FaultServer]:
    async with FaultServer() as started:
        yield started


@pytest.fixture
async def web() -> AsyncGenerator[Client]:
    opened = Client(Gate(networks(["127.0.0.1"])))
    yield opened
    await opened.close()


async def test_a_page_is_read_with_its_headers_and_text(web: Client, server: FaultServer) -> None:
    body = "<p>Grüße</p>".encode("iso-8859-1")
    url = server.on("/p", faults.page(body, "Content-Type: text/html; charset=ISO-8859-1", "X-Two: a", "x-two: b"))
    page = await web.read(url)
    assert (page.url, page.status, page.body, page.text) == (url, 200, body, "<p>Grüße</p>")
    assert (page.headers["content-type"], page.headers["x-two"]) == ("text/html; charset=ISO-8859-1", "a, b")


@pytest.mark.parametrize(
    ("body", "lines", "text"),
    [
        ("žluť".encode(), (), "žluť"),
        ("žluť".encode("cp1250"), ("Content-Type: text/html; charset=windows-1250",), "žluť"),
        (b'<meta charset="iso-8859-2">' + "žluť".encode("iso-8859-2"), (), '<meta charset="iso-8859-2">žluť'),
        (b"\xef\xbb\xbfabc", ("Content-Type: text/html; charset=latin-1",), "abc"),
        ("abc".encode("utf-16"), (), "abc"),
        (b"\x93quoted\x94", (), "“quoted”"),
        (b"abc\xff", ("Content-Type: text/html; charset=utf-8",), "abc\ufffd"),
        (b"abc", ("Content-Type: text/html; charset=base64",), "abc"),
        (b"abc", ("Content-Type: text/html; charset=no-such",), "abc"),
    ],
)
async def test_text_is_read_by_its_charset(
    web: Client, server: FaultServer, body: bytes, lines: tuple[str, ...], text: str
) -> None:
    assert (await web.read(server.on("/p", faults.page(body, *lines)))).text == text


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("br", brotli.compress)])
async def test_pages_may_come_packed(
    web: Client, server: FaultServer, name: str, pack: Callable[[bytes], bytes]
) -> None:
    body = b"hello " * 1000
    url = server.on("/p", faults.page(pack(body), f"Content-Encoding: {name}"))
    assert (await web.read(url)).body == body
    assert name in server.asked[0].headers["accept-encoding"]
    with pytest.raises(Damaged):
        await web.read(server.on("/cut", faults.page(pack(body)[:-3], f"Content-Encoding: {name}")))


async def test_the_limit_of_a_page_is_its_decoded_size(web: Client, server: FaultServer) -> None:
    url = server.on("/p", faults.page(b"x" * 1000))
    assert len((await web.read(url, limit=1000)).body) == 1000
    with pytest.raises(Refused, match="larger than the 999 bytes"):
        await web.read(url, limit=999)
    packed = server.on("/z", faults.page(gzip.compress(b"x" * 1000), "Content-Encoding: gzip"))
    with pytest.raises(Refused, match="larger"):
        await web.read(packed, limit=999)


async def test_a_look_at_the_head_takes_4_kb_of_whatever_there_is(web: Client, server: FaultServer) -> None:
    body = content(5, 1_000_000)
    page = await web.head(server.on("/big", File(body)))
    assert page.body == body[:4096]
    assert page.headers["content-length"] == "1000000"
    assert (await web.head(server.on("/endless", faults.endless()))).body == b"e" * 4096
    assert (await web.head(server.on("/small", File(b"abc")))).body == b"abc"
    assert (await web.head(server.on("/empty", File(b"")))).body == b""


async def test_an_empty_page_and_an_empty_file_are_what_they_are(
    web: Client, server: FaultServer, tmp_path: Path
) -> None:
    url = server.on("/empty", File(b""))
    assert (await web.read(url)).body == b""
    received = await web.save(url, tmp_path / "empty")
    assert (received.size, received.sha256, (tmp_path / "empty").read_bytes()) == (0, sha256(b""), b"")


async def test_interim_answers_and_trailers_are_not_the_answer(web: Client, server: FaultServer) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nETag: early\r\nContent-Length: 7\r\n\r\n"
    last = faults.head("200 OK", "ETag: real", "Transfer-Encoding: chunked")
    body = b"5\r\nhello\r\n0\r\nETag: trailer\r\n\r\n"

    async def reply(_: faults.Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(early + last + body)

    page = await web.read(server.on("/p", reply))
    assert (page.body, page.headers["etag"]) == (b"hello", "real")


async def test_our_headers_cannot_be_overridden_nor_broken_out_of(web: Client, server: FaultServer) -> None:
    url = server.on("/p", faults.page(b"x"))
    given = {"Range": "bytes=5-", "Host": "evil", "accept-encoding": "zstd", "X-Own": "yes", "X-Ümlaut": "no"}
    with pytest.raises(Refused, match="mlaut"):
        await web.read(url, headers=given)
    with pytest.raises(Refused, match="X-Own"):
        await web.read(url, headers={"X-Own": "a\r\nX-Evil: b"})
    del given["X-Ümlaut"]
    await web.read(url, headers=given | {"X-Text": "grün", "User-Agent": "Mine/1", "X-Empty": ""})
    sent = server.asked[0].headers
    assert "range" not in sent
    assert sent["host"] == f"127.0.0.1:{server.port}"
    assert "zstd" not in sent["accept-encoding"]
    assert (sent["x-own"], sent["user-agent"], sent["x-empty"]) == ("yes", "Mine/1", "")


@pytest.mark.parametrize("where", ["port", "host"])
async def test_credentials_are_not_carried_to_another_origin(server: FaultServer, tmp_path: Path, where: str) -> None:
    web = Client(Gate(networks(["127.0.0.0/8", "::1"])))
    secrets = {
        "Authorization": "Bearer s",
        "Cookie": "a=b",
        "X-Api-Key": "s",
        "Referer": "http://r/",
        "Accept": "image/*",
    }
    try:
        async with FaultServer() as other:
            target = other.url("/there") if where == "port" else server.url("/there", host="127.0.0.2")
            for one in (server, other):
                one.on("/there", faults.page(b"x"))
            if where == "host":  # the same server by another name
                target = f"http://localhost:{server.port}/there"
            server.on("/same", faults.redirect("/start"))
            server.on("/start", faults.redirect(target))
            await web.save(server.url("/same"), tmp_path / "x", headers=secrets)
            first, second, third = [*server.asked, *other.asked]
    finally:
        await web.close()
    for asked in (first, second):
        assert asked.headers["authorization"] == "Bearer s"
        assert asked.headers["cookie"] == "a=b"
    assert not {"authorization", "cookie", "x-api-key"} & third.headers.keys()
    assert third.headers["referer"] == "http://r/"
    assert third.headers["accept"] == "image/*"


async def test_credentials_that_were_dropped_do_not_come_back(web: Client, server: FaultServer) -> None:
    async with FaultServer() as other:
        server.on("/start", faults.redirect(other.url("/between")))
        other.on("/between", faults.redirect(server.url("/end")))
        server.on("/end", faults.page(b"x"))
        await web.read(server.url("/start").replace("//", "//user:word@"), headers={"Cookie": "a=b"})
    assert server.asked[0].headers["authorization"] == "Basic dXNlcjp3b3Jk"
    for asked in (other.asked[0], server.asked[1]):
        assert not {"authorization", "cookie"} & asked.headers.keys()


async def test_closed_networks_are_refused_before_anything_is_sent(server: FaultServer, tmp_path: Path) -> None:
    closed = Client(Gate())
    try:
        for host in ("127.0.0.1", "localhost", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"):
            with pytest.raises(Refused, match="network we do not enter"):
                await closed.read(f"http://{host}:{server.port}/x")
        with pytest.raises(Refused, match="loopback"):
            await closed.save(server.url("/x"), tmp_path / "x")
    finally:
        await closed.close()
    assert server.connections == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::1]/"])
async def test_a_redirect_into_a_closed_network_is_refused(
    web: Client, server: FaultServer, tmp_path: Path, target: str
) -> None:
    url = server.on("/r", faults.redirect(target))
    with pytest.raises(Refused, match="network we do not enter"):
        await web.save(url, tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/", "http://", "//[/"]
)
async def test_a_redirect_to_another_scheme_is_refused(
    web: Client, server: FaultServer, tmp_path: Path, target: str
) -> None:
    url = server.on("/r", faults.redirect(target))
    with pytest.raises(Refused):
        await web.save(url, tmp_path / "x")
    assert not list(tmp_path.iterdir())


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    web = Client(Gate(networks(["127.0.0.1"])))
    try:
        await web.read(server.on("/p", faults.page(b"x")))
    finally:
        await web.close()
    assert "authorization" not in server.asked[0].headers


async def test_cookies_are_not_kept(web: Client, server: FaultServer) -> None:
    url = server.on("/p", faults.page(b"x", "Set-Cookie: a=b; Path=/"))
    await web.read(url)
    await web.read(url)
    assert "cookie" not in server.asked[1].headers


async def test_connections_are_used_again(web: Client, server: FaultServer, tmp_path: Path) -> None:
    url = server.on("/f", File(content(1, 50_000)))
    for number in range(20):
        await web.save(url, tmp_path / str(number))
    assert server.connections == 1


async def test_many_at_once_all_come_whole(web: Client, server: FaultServer, tmp_path: Path) -> None:
    bodies = [content(number, 20_000 + number) for number in range(100)]
    urls = [server.on(f"/{number}", File(body)) for number, body in enumerate(bodies)]
    received = await asyncio.gather(*(web.save(url, tmp_path / f"{n}.part") for n, url in enumerate(urls)))
    assert [one.sha256 for one in received] == [sha256(body) for body in bodies]
    assert not list(tmp_path.glob("*.json"))


async def test_cancelled_before_it_began_it_does_nothing(web: Client, server: FaultServer, tmp_path: Path) -> None:
    url = server.on("/f", File(b"x"))
    saving = asyncio.ensure_future(web.save(url, tmp_path / "x"))
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert not server.asked


async def test_closing_ends_what_runs_and_keeps_it(server: FaultServer, tmp_path: Path) -> None:
    web = Client(Gate(networks(["127.0.0.1"])))
    moved = asyncio.Event()

    def told(_done: int, _total: int | None) -> None:
        moved.set()

    url = server.on("/f", faults.stall(faults.head("200 OK", "Content-Length: 99", 'ETag: "a"') + b"begun"))
    saving = asyncio.ensure_future(web.save(url, tmp_path / "x.part", on_progress=told))
    await moved.wait()
    await web.close()
    with pytest.raises(Unreachable, match="shutting down"):
        await saving
    assert (tmp_path / "x.part").read_bytes() == b"begun"
    with pytest.raises(Unreachable, match="shutting down"):
        await web.read(url)
    assert not [thread for thread in threading.enumerate() if thread.name == "transfers"]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def secure(authority: trustme.CA) -> AsyncGenerator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with FaultServer(tls=context) as started:
        started.on("/f", File(content(1, 300_000)))
        yield started


async def test_tls_is_trusted_by_the_given_authority_only(
    secure: FaultServer, authority: trustme.CA, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    gate = Gate(networks(["127.0.0.1", "::1"]))
    url = secure.url("/f", host="localhost")
    trusting, suspicious = Client(gate, ca_file=ca_file), Client(gate)
    try:
        assert (await trusting.save(url, tmp_path / "x")).sha256 == sha256(content(1, 300_000))
        with pytest.raises(Unreachable, match="No secure connection"):
            await suspicious.save(url, tmp_path / "y")
        with pytest.raises(Unreachable, match="No secure connection"):  # a certificate for another name
            await trusting.save(secure.url("/f"), tmp_path / "y")
    finally:
        await trusting.close()
        await suspicious.close()
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize("told", [True, False])
async def test_the_environment_may_name_the_authority(
    secure: FaultServer, authority: trustme.CA, tmp_path: Path, *, told: bool
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    program = (
        "import asyncio, sys\n"
        "from entourage.kernel.egress import Gate, networks\n"
        "from entourage.kernel.transfer import Client\n"
        "async def main():\n"
        "    web = Client(Gate(networks(['127.0.0.1', '::1'])))\n"
        "    try:\n"
        "        print(len((await web.read(sys.argv[1])).body))\n"
        "    except Exception as error:\n"
        "        print(error)\n"
        "    await web.close()\n"
        "asyncio.run(main())\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT")}
    if told:
        env["SSL_CERT_FILE"] = str(ca_file)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, secure.url("/f", host="localhost"), env=env, stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert (b"300000" in printed) is told
    assert (b"No secure connection" in printed) is not told


async def test_a_connection_that_never_stands_is_given_up(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    quiet = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = quiet.sockets[0].getsockname()[1]
    web = Client(Gate(networks(["127.0.0.1"])), pace=Pace(connect=0.2))
    try:
        with pytest.raises(Unreachable, match="did not answer"):  # TLS is part of connecting
            await web.save(f"https://127.0.0.1:{port}/", tmp_path / "x")
    finally:
        await web.close()
        quiet.close()
