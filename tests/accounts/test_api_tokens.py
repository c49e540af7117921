"""API tokens: told once, kept as hashes, believed for a few seconds."""

import asyncio
import hashlib
import re

import pytest
from testclock import TestClock

from entourage.accounts import api_tokens, users
from entourage.accounts import credits as money
from entourage.accounts.model import OPERATOR, PasswordHash, Role, User
from entourage.accounts.store.credits import api_tokens as table
from entourage.accounts.tokens import RECHECK
from entourage.kernel.db import Database
from entourage.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Unauthenticated
from entourage.kernel.tariff import Tariff


@pytest.fixture
def user(database: Database) -> User:
    database.write_now(users.add, OPERATOR, "root", PasswordHash("x"), role=Role.ADMIN)
    return database.write_now(users.add, OPERATOR, "Ada", PasswordHash("x"))


def counts(verifier: api_tokens.Verifier, token: str) -> bool:
    try:
        asyncio.run(verifier.recognise(token))
    except Unauthenticated:
        return False
    return True


def test_a_token_is_forty_hex_characters_of_which_only_a_hash_is_kept(database: Database, user: User) -> None:
    token = database.write_now(api_tokens.add, OPERATOR, "ada", "reports")
    assert re.fullmatch(r"[0-9a-f]{40}", token)
    with database.reading() as tx:
        (row,) = tx.all(table.select())
        assert hashlib.sha256(token.encode()).hexdigest() in row
        assert token not in row
        (told,) = api_tokens.listing(tx, user.actor)
        assert (told.username, told.hint, told.label, told.revoked_at) == ("Ada", token[:6], "reports", None)


def test_a_token_says_who_holds_it(database: Database, user: User) -> None:
    token = database.write_now(api_tokens.add, OPERATOR, "ada")
    with database.reading() as tx:
        holder = api_tokens.known(tx, token)
        for wrong in (token[:-1], token.upper(), "", "0" * 40, token + "\n"):
            if wrong != token:
                with pytest.raises(Unauthenticated):
                    api_tokens.known(tx, wrong)
    assert (holder.user_id, holder.username, holder.role, holder.plan) == (user.id, "Ada", Role.USER, None)


def test_a_revoked_token_is_believed_for_three_seconds_at_most(
    database: Database, user: User, clock: TestClock
) -> None:
    token = database.write_now(api_tokens.add, OPERATOR, "ada")
    verifier = api_tokens.Verifier(database)
    assert counts(verifier, token)
    assert verifier.known(token, clock()) is not None
    (told,) = database.write_now(api_tokens.listing, OPERATOR)
    database.write_now(api_tokens.revoke, user.actor, told.id)
    database.write_now(api_tokens.revoke, user.actor, told.id)
    clock.advance(RECHECK.total_seconds())
    assert verifier.known(token, clock()) is None
    assert not counts(verifier, token)
    clock.jump(-1000)
    assert verifier.known(token, clock()) is None


def test_the_token_of_a_disabled_user_does_not_count_until_they_are_let_in_again(
    database: Database, user: User
) -> None:
    token = database.write_now(api_tokens.add, OPERATOR, "ada")
    verifier = api_tokens.Verifier(database)
    database.write_now(users.disable, OPERATOR, user.id)
    assert not counts(verifier, token)
    with pytest.raises(Conflict):
        database.write_now(api_tokens.add, OPERATOR, "ada")
    database.write_now(users.enable, OPERATOR, user.id)
    assert counts(verifier, token)


def test_users_add_tokens_for_themselves_once_they_were_given_credits(database: Database, user: User) -> None:
    with pytest.raises(NotAllowed):
        database.write_now(api_tokens.add, user.actor, "ada")
    database.write_now(money.set_balance, OPERATOR, Tariff.of(), user.id, 10)
    database.write_now(api_tokens.add, user.actor, "ada")
    for name in ("root", "nobody"):
        with pytest.raises(NotFound):
            database.write_now(api_tokens.add, user.actor, name)


def test_others_do_not_see_or_revoke_a_token(database: Database, user: User) -> None:
    database.write_now(api_tokens.add, OPERATOR, "root")
    (token,) = database.write_now(api_tokens.listing, OPERATOR)
    assert database.write_now(api_tokens.listing, user.actor) == []
    for number in (token.id, 999):
        with pytest.raises(NotFound):
            database.write_now(api_tokens.revoke, user.actor, number)
    with pytest.raises(NotFound):
        database.write_now(api_tokens.listing, user.actor, token.id + 1000)


@pytest.mark.parametrize("label", ["x" * 101, "two\nlines", "\0"])
def test_a_label_is_one_short_line(database: Database, user: User, label: str) -> None:
    with pytest.raises(Invalid):
        database.write_now(api_tokens.add, OPERATOR, "ada", label)
