"""Two concurrent calls never spend the same credit, in one server or in several, and nothing is answered unpaid."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
from influencer_stage import Stage, many, society
from servers.entourage_server import entourage, serving

from entourage.accounts import credits as money
from entourage.accounts import users
from entourage.accounts.model import OPERATOR
from entourage.insight import recording
from entourage.kernel.clock import system_clock
from entourage.kernel.db import Database

CALLS, PAID = 200, 50


def test_of_two_hundred_calls_at_once_fifty_are_answered_where_there_are_credits_for_fifty(stage: Stage) -> None:
    token, dior = stage.token(credits_left=5 * PAID), stage.channel("dior")
    answers = asyncio.run(many(stage.url, token, f"/v1/channels/{dior}", CALLS))
    assert Counter(answer.status_code for answer in answers) == {200: PAID, 429: CALLS - PAID}
    left = [int(answer.headers["x-credits-remaining"]) for answer in answers if answer.status_code == 200]
    assert sorted(left) == list(range(0, 5 * PAID, 5))
    assert stage.ledger() == [("channel", -5, dior)] * PAID
    assert stage.balance() == 0


def test_calls_of_several_tokens_and_resources_share_the_user_s_credits(stage: Stage) -> None:
    tokens, dior = [stage.token(credits_left=100), stage.token()], stage.channel("dior")

    async def both() -> list[httpx.Response]:
        paths = (f"/v1/channels/{dior}/content", "/v1/channels/search?username=dior")
        work = (many(stage.url, token, path, 20) for token in tokens for path in paths)
        return [answer for answers in await asyncio.gather(*work) for answer in answers]

    answers = asyncio.run(both())
    assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 60}
    assert sum(change for _, change, _ in stage.ledger()) == -100
    assert stage.balance() == 0


def test_two_servers_on_one_database_never_spend_the_same_credit(tmp_path: Path, postgres_url: str) -> None:
    given = ("--data", tmp_path / "one", "--database", postgres_url)
    assert entourage("user", "add", "ada", "--password-stdin", *given, typed="a long and good password").code == 0
    token = entourage("token", "add", "ada", "--credits", 5 * PAID, *given).out.strip()
    database = Database(postgres_url)
    database.write_now(recording.learn, society(system_clock()))
    key = tmp_path / "one" / "secret.key"
    with serving(tmp_path / "one", "--database", postgres_url) as first:
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "secret.key").write_bytes(key.read_bytes())
        (tmp_path / "two" / "secret.key").chmod(0o600)
        with serving(tmp_path / "two", "--database", postgres_url) as second:

            async def both() -> list[httpx.Response]:
                work = (many(server.url, token, "/v1/channels/search?username=dior", 100) for server in (first, second))
                return [answer for answers in await asyncio.gather(*work) for answer in answers]

            answers = asyncio.run(both())
    assert Counter(answer.status_code for answer in answers) == {200: PAID, 429: CALLS - PAID}
    with database.reading() as tx:
        user = users.named(tx, OPERATOR, "ada")
        ledger = list(reversed(money.ledger(tx, OPERATOR, user.id, size=1000).items))
    database.close()
    charges = [entry for entry in ledger if entry.token_id is not None]
    assert len(charges) == PAID
    assert [entry.balance for entry in charges] == list(range(5 * PAID - 5, -1, -5))
