"""The document itself, run against the server by a tester that others wrote (Dredd, from npm)."""

import re
import subprocess
from pathlib import Path

import httpx
import msgspec
from influencer_stage import society
from servers.entourage_server import ROOT, entourage, serving
from servers.install import CannotInstallError, Dredd, ensure_dredd
from servers.process import absent, plain_env

from entourage.kernel.clock import system_clock

DOCUMENT = ROOT.parent / "shared" / "contracts" / "influencer-analytics.apib"
HOOKS = ROOT / "tests" / "servers" / "dredd" / "hooks.js"
TRANSACTIONS = 42


def dredd() -> Dredd:
    if not DOCUMENT.exists():
        absent(f"the contract {DOCUMENT.name}")
    try:
        return ensure_dredd()
    except CannotInstallError as reason:
        absent(f"dredd: {reason}")


def test_every_transaction_of_the_document_passes_against_the_running_server(tmp_path: Path, database_url: str) -> None:
    tester = dredd()
    given = ("--data", tmp_path / "data", "--database", database_url)
    facts = tmp_path / "facts.jsonl"
    facts.write_bytes(b"".join(msgspec.json.encode(fact) + b"\n" for fact in society(system_clock())))
    for name in ("ada", "bea"):
        assert entourage("user", "add", name, "--password-stdin", *given, typed="a long and good password").code == 0
    imported = entourage("import", facts, *given)
    assert imported.code == 0, imported.err
    rich = entourage("token", "add", "ada", *given).out.strip()
    poor = entourage("token", "add", "bea", "--credits", 0, *given).out.strip()
    with serving(tmp_path / "data", "--database", database_url) as server:
        found = httpx.get(
            f"{server.url}/v1/channels/search?username=dior&media=instagram", headers={"Authorization": f"Token {rich}"}
        ).json()
        tokens = {"TOKEN_WITH_CREDITS": rich, "TOKEN_WITHOUT_CREDITS": poor, "CHANNEL": found["results"][0]["id"]}
        ended = subprocess.run(
            [*tester.command, str(DOCUMENT), server.url, f"--hookfiles={HOOKS}", "--no-color"],
            env=plain_env(**tokens),
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
    told = re.search(r"complete: (.*total)", ended.stdout)
    assert told is not None, ended.stdout + ended.stderr
    assert told[1] == f"{TRANSACTIONS} passing, 0 failing, 0 errors, 0 skipped, {TRANSACTIONS} total", ended.stdout
    assert ended.returncode == 0
