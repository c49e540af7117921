"""A server that is killed while it charges: nothing was answered unpaid, and the ledger agrees with the balance."""

import threading
import time
from pathlib import Path

import httpx
from influencer_stage import society
from servers.entourage_server import entourage, serving

from entourage.accounts import credits as money
from entourage.accounts import users
from entourage.accounts.model import OPERATOR
from entourage.insight import recording
from entourage.kernel.clock import system_clock
from entourage.kernel.db import Database
from entourage.kernel.tariff import PRICE

BALANCE, ENOUGH = 1_000_000, 200


def test_a_kill_in_the_middle_leaves_no_answer_unpaid_and_no_credit_astray(tmp_path: Path) -> None:
    data = ("--data", tmp_path)
    assert entourage("user", "add", "ada", "--password-stdin", *data, typed="a long and good password").code == 0
    token = entourage("token", "add", "ada", "--credits", BALANCE, *data).out.strip()
    database = Database(f"sqlite:///{tmp_path / 'entourage.db'}")
    database.write_now(recording.learn, society(system_clock()))
    answered = [0] * 8

    def ask(place: int, url: str) -> None:
        with httpx.Client(headers={"Authorization": f"Token {token}"}, timeout=10) as client:
            while True:
                try:
                    answer = client.get(f"{url}/v1/channels/search?username=dior")
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                answered[place] += 1

    with serving(tmp_path) as server:
        url = server.url
        askers = [threading.Thread(target=ask, args=(place, url)) for place in range(len(answered))]
        for asker in askers:
            asker.start()
        until = time.monotonic() + 30
        while sum(answered) < ENOUGH and time.monotonic() < until:
            time.sleep(0.005)
        server.kill()
        for asker in askers:
            asker.join()
    with database.reading() as tx:
        user = users.named(tx, OPERATOR, "ada")
        ledger = money.ledger(tx, OPERATOR, user.id, size=100_000).items
        (newest, *_) = ledger
    database.close()
    charges = [entry for entry in ledger if entry.token_id is not None]
    assert ENOUGH <= sum(answered) <= len(charges)
    assert len(charges) - sum(answered) <= len(answered), "at most one call of each asker was paid and not yet answered"
    assert newest.balance == BALANCE - PRICE * len(charges)
