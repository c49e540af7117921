"""Child processes on their leash, and the world they see."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from faults import FaultServer, page

from entourage.kernel import children
from entourage.kernel.egress import Gate, networks
from entourage.kernel.errors import ChildFailed, Damaged, Refused, Unreachable
from entourage.kernel.world import World
from entourage.networks.model import Net

pytestmark = pytest.mark.anyio

TALK = "import sys\nprint('one')\nprint('two', sys.argv[1:])\nsys.stdout.write('unended')\n"
FAIL = "import sys\nprint('first', file=sys.stderr)\nprint('ERROR: no luck', file=sys.stderr)\nsys.exit(3)\n"
ENVIRONMENT = "import os\nfor pair in os.environ.items(): print('='.join(pair))\nprint('cwd=' + os.getcwd())\n"
FAMILY = (
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(os.getpid()); print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)
FETCH = "import sys, urllib.request\nfor url in sys.argv[1:]:\n    print(urllib.request.urlopen(url).read().decode())\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def modules(tmp_path: Path) -> dict[str, str]:
    """The environment in which the modules of this test are found."""
    folder = tmp_path / "modules"
    folder.mkdir()
    sources = {"talk": TALK, "fail": FAIL, "environment": ENVIRONMENT, "family": FAMILY, "fetch": FETCH}
    for name, source in sources.items():
        (folder / f"{name}_child.py").write_text(source)
    (folder / "endless_child.py").write_text("import sys\nwhile True: sys.stdout.write('x' * 65536)\n")
    (folder / "quiet_child.py").write_text("import time\nprint('begun')\ntime.sleep(600)\n")
    (folder / "loud_child.py").write_text("import sys\nfor n in range(20000): print('complaint', n, file=sys.stderr)\n")
    (folder / "stdin_child.py").write_text("import sys\nprint(repr(sys.stdin.read()))\n")
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(Gate(networks(["127.0.0.1"])), tmp_path / "scratch") as opened:
        yield opened


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def gone(pid: int) -> None:
    while alive(pid):
        await asyncio.sleep(0.01)


async def test_lines_come_as_they_are_printed(world: World, modules: dict[str, str]) -> None:
    net: Net = world
    lines = [line async for line in net.lines(["talk_child", "--x", "ü"], env=modules)]
    assert lines == ["one", "two ['--x', 'ü']", "unended"]


async def test_a_failure_says_the_code_and_the_last_complaint(world: World, modules: dict[str, str]) -> None:
    lines: list[str] = []
    with pytest.raises(ChildFailed, match="ERROR: no luck") as raised:
        lines += [line async for line in world.lines(["fail_child"], env=modules)]
    assert raised.value.code == 3
    assert raised.value.stderr == "first\nERROR: no luck\n"


async def test_a_module_that_does_not_exist_is_a_failure(world: World) -> None:
    with pytest.raises(ChildFailed, match="no_such_module"):
        _ = [line async for line in world.lines(["no_such_module"])]


async def test_nothing_of_our_environment_leaks(
    world: World, modules: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENTOURAGE_SECRET", "secret")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")
    lines = [line async for line in world.lines(["environment_child"], env=modules | {"OWN": "1"})]
    told = dict(line.split("=", 1) for line in lines)
    assert "ENTOURAGE_SECRET" not in told
    assert (told["NO_PROXY"], told["no_proxy"], told["OWN"]) == ("", "", "1")
    assert told["SSL_CERT_FILE"] == told["REQUESTS_CA_BUNDLE"] == "/ca.pem"
    assert told["HTTP_PROXY"] == told["https_proxy"]
    assert told["HTTP_PROXY"].startswith("http://")
    for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "cwd"):
        assert Path(told[name]).is_relative_to(tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())


async def test_the_standard_input_is_empty(world: World, modules: dict[str, str]) -> None:
    assert [line async for line in world.lines(["stdin_child"], env=modules)] == ["''"]


async def test_much_complaining_blocks_nobody(world: World, modules: dict[str, str]) -> None:
    assert [line async for line in world.lines(["loud_child"], env=modules)] == []


async def test_leaving_the_iteration_ends_the_whole_family(world: World, modules: dict[str, str]) -> None:
    async with contextlib.aclosing(world.lines(["family_child"], env=modules)) as lines:
        pids = [int(await anext(lines)), int(await anext(lines))]
        assert all(alive(pid) for pid in pids)
    for pid in pids:
        await gone(pid)


async def test_cancelling_ends_the_whole_family(world: World, modules: dict[str, str]) -> None:
    pids: list[int] = []
    both = asyncio.Event()

    async def listen() -> None:
        async for line in world.lines(["family_child"], env=modules):
            pids.append(int(line))
            if len(pids) == 2:
                both.set()

    listening = asyncio.ensure_future(listen())
    await both.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    for pid in pids:
        await gone(pid)


async def test_when_the_server_is_killed_the_whole_family_goes_with_it(tmp_path: Path, modules: dict[str, str]) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from entourage.kernel.egress import Gate\n"
        "from entourage.kernel.world import World\n"
        "async def main():\n"
        "    async with World(Gate(), pathlib.Path(sys.argv[1])) as world:\n"
        "        async for line in world.lines(['family_child'], env={'PYTHONPATH': sys.argv[2]}):\n"
        "            print(line, flush=True)\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "s"), modules["PYTHONPATH"], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    pids = [int(await server.stdout.readline()), int(await server.stdout.readline())]
    assert all(alive(pid) for pid in pids)
    os.kill(server.pid, signal.SIGKILL)
    await server.wait()
    for pid in pids:
        await gone(pid)


async def test_a_line_without_end_is_stopped(modules: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="line without end"):
        _ = [
            line
            async for line in children.lines(
                ["endless_child"], proxy_url="http://127.0.0.1:1", scratch=tmp_path, env=modules, longest_line=1_000_000
            )
        ]


async def test_silence_and_length_have_an_end(world: World, modules: dict[str, str]) -> None:
    with pytest.raises(Unreachable, match="took too long"):
        _ = [line async for line in world.lines(["quiet_child"], env=modules, silence=0.5)]
    with pytest.raises(Unreachable, match="took too long"):
        _ = [line async for line in world.lines(["quiet_child"], env=modules, total=0.5)]


async def test_a_child_sees_the_world_only_through_the_gate(world: World, modules: dict[str, str]) -> None:
    async with FaultServer() as server:
        url = server.on("/f", page(b"hello"))
        assert [line async for line in world.lines(["fetch_child", url], env=modules)] == ["hello"]
        with pytest.raises(Refused, match="network we do not enter"):
            _ = [line async for line in world.lines(["fetch_child", server.url("/f", host="127.0.0.2")], env=modules)]


async def test_a_child_receives_no_more_than_its_limit(world: World, modules: dict[str, str]) -> None:
    async with FaultServer() as server:
        url = server.on("/f", page(bytes(1_000_000)))
        with pytest.raises(Refused, match="500000 bytes"):
            _ = [line async for line in world.lines(["fetch_child", url], env=modules, limit=500_000)]


async def test_two_children_run_side_by_side(world: World, modules: dict[str, str]) -> None:
    async def talk(word: str) -> list[str]:
        return [line async for line in world.lines(["talk_child", word], env=modules)]

    one, two = await asyncio.gather(talk("a"), talk("b"))
    assert (one[1], two[1]) == ("two ['a']", "two ['b']")
