"""Child processes: foreign tools, each on a leash, with an environment of our making and no way out but the proxy."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from entourage.kernel.curl import settled
from entourage.kernel.errors import ChildFailed, Damaged, Unreachable

_LEASH = str(Path(__file__).with_name("leash.py"))
_LONGEST_LINE = 8 << 20
_CHUNK = 65_536
_STDERR_KEPT = 65_536
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH", "SYSTEMROOT")


async def lines(
    argv: Sequence[str],
    *,
    proxy_url: str,
    scratch: Path,
    env: Mapping[str, str] | None = None,
    silence: float = 600.0,
    total: float = 6 * 3600.0,
    longest_line: int = _LONGEST_LINE,
) -> AsyncGenerator[str]:
    """The lines that `python -m argv[0] …` prints, as they come, without their ends.

    The child sees the world only through `proxy_url`, and `scratch` as its home, its temporary and its current folder.
    It is killed with its descendants when the iteration is left, when nothing was printed for `silence` seconds, after
    `total` seconds, and when the server dies. Raises ChildFailed on a non-zero exit, Unreachable when time was up.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        _LEASH,
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(proxy_url, scratch, env),
        cwd=scratch,
        start_new_session=True,
    )
    stdout, stderr = process.stdout, process.stderr
    if stdout is None or stderr is None:
        raise ChildFailed(-1, "no pipes")
    complaints = asyncio.ensure_future(_tail(stderr))
    deadline = asyncio.get_running_loop().time() + total
    held = bytearray()
    try:
        while True:
            left = deadline - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(min(silence, left)):
                    chunk = await stdout.read(_CHUNK)
            except TimeoutError as error:
                raise Unreachable(f"{argv[0]} took too long and was stopped.") from error
            if not chunk:
                break
            held += chunk
            *whole, rest = held.split(b"\n")
            held = rest
            for line in whole:
                yield line.decode("utf-8", "replace").removesuffix("\r")
            if len(held) > longest_line:
                raise Damaged(f"{argv[0]} printed a line without end and was stopped.")
        if held:
            yield held.decode("utf-8", "replace")
        async with asyncio.timeout(silence):
            code = await process.wait()
            if code != 0:
                raise ChildFailed(code, await complaints)
    except TimeoutError as error:
        raise Unreachable(f"{argv[0]} did not end and was stopped.") from error
    finally:
        await _end(process, complaints)


def environment(proxy_url: str, scratch: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a child: what it needs to run, the proxy, folders of its own, and `env`."""
    told = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    if "SSL_CERT_FILE" in told:
        told["REQUESTS_CA_BUNDLE"] = told["SSL_CERT_FILE"]  # the requests library reads no other
    home = str(scratch)
    told |= dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), home)
    told |= {"XDG_RUNTIME_DIR": home, "XDG_STATE_HOME": home, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    told |= env or {}
    proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    told |= dict.fromkeys(proxies, proxy_url)
    told |= dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    return told


async def _tail(stream: asyncio.StreamReader) -> str:
    """The end of what comes from `stream`, which is read to its end so that the child never blocks on it."""
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[-_STDERR_KEPT:]
    return kept.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process, complaints: asyncio.Future[str]) -> None:
    """Kills what is left of the child's process group and waits for the child itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    waiting = asyncio.ensure_future(process.wait())
    await settled(waiting)
    complaints.cancel()
    await asyncio.gather(complaints, return_exceptions=True)
