"""What `entourage demo` has ready before it serves: the same for as long as its folder lives."""

import asyncio
import socket
import stat
from pathlib import Path

from entourage import demo
from entourage.accounts import passwords
from entourage.accounts.model import OPERATOR
from entourage.accounts.store import people as store
from entourage.archive import queue, schedules
from entourage.archive.model import Item, ItemStatus, Schedule
from entourage.insight import importing, plans
from entourage.kernel.db import Database, Tx
from entourage.kernel.settings import Settings
from entourage.networks.sandbox import export


def kept(ready: demo.Ready) -> tuple[list[Item], list[Schedule]]:
    def look(tx: Tx) -> tuple[list[Item], list[Schedule]]:
        page = queue.listing(tx, OPERATOR, number=1, size=50).page
        return list(page.items), list(schedules.listing(tx, OPERATOR))

    database = Database(ready.settings.database_url)
    try:
        return asyncio.run(database.read(look))
    finally:
        database.close()


def known(ready: demo.Ready) -> tuple[list[str], list[tuple[str, str]]]:
    """The names of the imports, and who is watched on which server."""

    def look(tx: Tx) -> tuple[list[str], list[tuple[str, str]]]:
        imported = [one.name for one in importing.listing(tx, OPERATOR)]
        return imported, [(plan.who, plan.server) for plan in plans.listing(tx, OPERATOR)]

    database = Database(ready.settings.database_url)
    try:
        return asyncio.run(database.read(look))
    finally:
        database.close()


def lets_in(ready: demo.Ready, password: str) -> bool:
    database = Database(ready.settings.database_url)
    try:
        found = asyncio.run(database.read(lambda tx: store.login(tx, demo.USER)))
    finally:
        database.close()
    assert found is not None
    return asyncio.run(passwords.matches(found[1], password))


def test_the_first_start_leaves_an_administrator_work_in_the_queue_and_a_thread_to_watch(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "elsewhere", database="postgresql://nobody@127.0.0.1:1/mine")
    with demo.prepared(settings, tmp_path / "demo", port=0) as ready:
        items, watched = kept(ready)
        assert ready.is_new
        assert ready.settings.allow_networks == ("127.0.0.1/32",)
        assert {item.url for item in items} == {
            *(place.url for place in ready.sandbox.threads if place is not ready.sandbox.threads[2]),
            ready.sandbox.galleries[0].url,
        }
        assert {item.status for item in items} == {ItemStatus.PENDING}
        assert [(one.url, one.cron, one.enabled) for one in watched] == [
            (ready.sandbox.threads[3].url, demo.LOOKS, True)
        ]
        assert known(ready) == ([demo.YEAR], sorted((f"@{name}", ready.sandbox.url) for name in export.WATCHED))
        assert (ready.settings.data / demo.YEAR).stat().st_size > 0
        assert lets_in(ready, ready.memory.password)
        told = demo.welcome(ready)
        assert ready.memory.password in told
        assert ready.sandbox.threads[2].url in told
    assert stat.S_IMODE((tmp_path / "demo" / "demo.json").stat().st_mode) == 0o600
    assert not (tmp_path / "elsewhere").exists()


def test_the_next_start_has_the_same_addresses_and_password_and_queues_nothing_again(tmp_path: Path) -> None:
    with demo.prepared(Settings(), tmp_path, port=0) as ready:
        before, furnished, first = kept(ready), known(ready), ready
    with demo.prepared(Settings(), tmp_path) as ready:
        assert (kept(ready), known(ready)) == (before, furnished)
        assert (ready.sandbox.url, ready.memory.password) == (first.sandbox.url, first.memory.password)
        assert len(ready.memory.starts) == 2
        assert not ready.is_new


def test_a_port_that_somebody_else_took_is_said_and_its_number_kept_for_the_next_time(tmp_path: Path) -> None:
    with demo.prepared(Settings(), tmp_path, port=0) as ready:
        port = ready.sandbox.port
    with socket.create_server(("127.0.0.1", port)), demo.prepared(Settings(), tmp_path) as ready:
        assert ready.moved
        assert ready.sandbox.port != port
        assert f"Port {port} is taken" in demo.welcome(ready)
    with demo.prepared(Settings(), tmp_path) as ready:
        assert ready.sandbox.port == port


def test_a_lost_password_is_replaced_by_the_one_that_is_shown(tmp_path: Path) -> None:
    with demo.prepared(Settings(), tmp_path, port=0) as ready:
        old = ready.memory.password
    (tmp_path / "demo.json").write_text("{half")
    with demo.prepared(Settings(), tmp_path, port=0) as ready:
        assert ready.memory.password != old
        assert lets_in(ready, ready.memory.password)
        assert not lets_in(ready, old)
