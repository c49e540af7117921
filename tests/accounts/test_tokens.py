"""Tokens: short access, refresh tokens that work once, and a cache that forgets in time."""

import asyncio
import base64
import json

import jwt
import pytest
from testclock import TestClock

from entourage.accounts import sessions, tokens, users
from entourage.accounts.model import OPERATOR, PasswordHash, Role, TokenPair, User
from entourage.accounts.store import people as store
from entourage.kernel.db import Database
from entourage.kernel.errors import Unauthenticated
from entourage.kernel.secrets import Secrets

KEYS = tokens.Keys.of(Secrets(b"k" * 32))
OTHER_KEYS = tokens.Keys.of(Secrets(b"o" * 32))


@pytest.fixture
def user(database: Database) -> User:
    hash_ = PasswordHash("x")
    database.write_now(users.add, OPERATOR, "admin", hash_, role=Role.ADMIN)
    return database.write_now(users.add, OPERATOR, "alice", hash_)


@pytest.fixture
def pair(database: Database, user: User) -> TokenPair:
    return database.write_now(tokens.issue, KEYS, user)


def _recognised(verifier: tokens.Verifier, token: str) -> bool:
    try:
        asyncio.run(verifier.recognise(token))
    except Unauthenticated:
        return False
    return True


def _refresh(database: Database, token: str) -> TokenPair:
    return asyncio.run(tokens.refresh(database, KEYS, token))


def test_an_access_token_says_who_until_it_expires(
    database: Database, user: User, pair: TokenPair, clock: TestClock
) -> None:
    verifier = tokens.Verifier(database, KEYS)
    assert pair.expires_in == 900
    assert asyncio.run(verifier.recognise(pair.access)) == user.actor
    clock.advance(899)
    assert _recognised(verifier, pair.access)
    clock.advance(1)
    assert not _recognised(verifier, pair.access)


def test_the_claims_are_the_documented_ones(pair: TokenPair, user: User, clock: TestClock) -> None:
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    assert claims["sub"] == str(user.id)
    assert claims["role"] == "user"
    assert claims["iat"] == int(clock.now.timestamp())
    assert claims["exp"] == claims["iat"] + 900
    assert jwt.get_unverified_header(pair.access)["alg"] == "HS256"


def _unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def _signed(**claims: object) -> str:
    return jwt.encode({"sub": "1", "fam": 1, "jti": "j", "iat": 1, **claims}, KEYS.access, algorithm="HS256")


def test_anything_else_is_not_an_access_token(database: Database, pair: TokenPair) -> None:
    verifier = tokens.Verifier(database, KEYS)
    for spoilt in (
        "",
        "nonsense",
        "\ud800",
        pair.access[:-2],
        pair.access + "A",
        pair.refresh,
        _unsigned(pair.access),
        _signed(),
        _signed(sub="x", exp=9999999999),
        _signed(fam="x", exp=9999999999),
        _signed(exp=10**30),
        _signed(exp="soon"),
        _signed(fam=999, exp=9999999999),
        _signed(sub="999", exp=9999999999),
    ):
        assert not _recognised(verifier, spoilt), spoilt
    assert _recognised(verifier, pair.access)


def test_a_token_of_another_server_is_refused(database: Database, user: User, pair: TokenPair) -> None:
    assert not _recognised(tokens.Verifier(database, OTHER_KEYS), pair.access)
    with pytest.raises(Unauthenticated):
        asyncio.run(tokens.refresh(database, OTHER_KEYS, pair.refresh))


def test_refreshing_gives_a_new_pair_and_the_old_access_token_lives_out_its_time(
    database: Database, user: User, pair: TokenPair, clock: TestClock
) -> None:
    clock.advance(600)
    second = _refresh(database, pair.refresh)
    assert second.user.id == user.id
    assert len({pair.access, pair.refresh, second.access, second.refresh}) == 4
    verifier = tokens.Verifier(database, KEYS)
    assert _recognised(verifier, pair.access)
    assert _recognised(verifier, second.access)


def test_a_used_refresh_token_is_refused_and_takes_its_family_along(
    database: Database, user: User, pair: TokenPair
) -> None:
    other = database.write_now(tokens.issue, KEYS, user)
    second = _refresh(database, pair.refresh)
    with pytest.raises(Unauthenticated):
        _refresh(database, pair.refresh)
    with pytest.raises(Unauthenticated):
        _refresh(database, second.refresh)
    verifier = tokens.Verifier(database, KEYS)
    assert not _recognised(verifier, second.access)
    assert _recognised(verifier, other.access)
    assert _refresh(database, other.refresh).user.id == user.id


def test_of_many_refreshes_at_once_at_most_one_succeeds(database: Database, pair: TokenPair) -> None:
    async def race() -> list[object]:
        tries = (tokens.refresh(database, KEYS, pair.refresh) for _ in range(8))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    answers = asyncio.run(race())
    assert sum(isinstance(answer, TokenPair) for answer in answers) == 1
    assert sum(isinstance(answer, Unauthenticated) for answer in answers) == 7


def test_an_access_token_does_not_refresh(database: Database, pair: TokenPair) -> None:
    with pytest.raises(Unauthenticated):
        _refresh(database, pair.access)
    assert _refresh(database, pair.refresh)


def test_a_refresh_token_lives_thirty_days(database: Database, pair: TokenPair, clock: TestClock) -> None:
    clock.advance(29 * 86400)
    second = _refresh(database, pair.refresh)
    clock.advance(30 * 86400)
    with pytest.raises(Unauthenticated):
        _refresh(database, second.refresh)


def test_logging_out_revokes_both_tokens(database: Database, pair: TokenPair, user: User) -> None:
    for token in (pair.access, database.write_now(tokens.issue, KEYS, user).refresh, "nonsense"):
        database.write_now(tokens.log_out, KEYS, token)
    assert not _recognised(tokens.Verifier(database, KEYS), pair.access)
    with pytest.raises(Unauthenticated):
        _refresh(database, pair.refresh)


def test_what_was_verified_needs_no_database_for_a_moment_and_then_does(
    database: Database, user: User, pair: TokenPair, clock: TestClock
) -> None:
    verifier = tokens.Verifier(database, KEYS)
    assert verifier.known(pair.access) is None
    assert _recognised(verifier, pair.access)
    database.write_now(users.disable, OPERATOR, user.id)
    assert verifier.known(pair.access) == user.actor
    clock.advance(tokens.RECHECK.total_seconds())
    assert verifier.known(pair.access) is None
    assert not _recognised(verifier, pair.access)


def test_a_changed_role_is_noticed_within_seconds(
    database: Database, user: User, pair: TokenPair, clock: TestClock
) -> None:
    verifier = tokens.Verifier(database, KEYS)
    assert not asyncio.run(verifier.recognise(pair.access)).admin
    database.write_now(users.set_role, OPERATOR, user.id, Role.ADMIN)
    clock.advance(tokens.RECHECK.total_seconds())
    assert asyncio.run(verifier.recognise(pair.access)).admin


def test_a_clock_set_back_does_not_prolong_what_is_believed(
    database: Database, user: User, pair: TokenPair, clock: TestClock
) -> None:
    verifier = tokens.Verifier(database, KEYS)
    assert _recognised(verifier, pair.access)
    clock.jump(-3600)
    assert verifier.known(pair.access) is None


def test_what_is_remembered_is_bounded(database: Database, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    verifier = tokens.Verifier(database, KEYS)
    pairs = [database.write_now(tokens.issue, KEYS, user) for _ in range(5)]
    for each in pairs:
        assert _recognised(verifier, each.access)
    assert [verifier.known(each.access) is not None for each in pairs] == [False, False, True, True, True]
    verifier.forget_all()
    assert verifier.known(pairs[-1].access) is None


def test_only_hashes_of_refresh_tokens_are_kept(database: Database, pair: TokenPair) -> None:
    with database.reading() as tx:
        kept = str(tx.all(store.refresh_tokens.select()))
    assert pair.refresh not in kept
    assert pair.refresh.split(".")[2] not in kept


def test_expired_tokens_are_forgotten_and_live_ones_are_not(
    database: Database, user: User, pair: TokenPair, clock: TestClock
) -> None:
    clock.advance(20 * 86400)
    fresh = database.write_now(tokens.issue, KEYS, user)
    clock.advance(15 * 86400)
    database.write_now(sessions.tidy)
    with database.reading() as tx:
        assert len(tx.all(store.refresh_tokens.select())) == 1
        assert len(tx.all(store.token_families.select())) == 1
    assert _refresh(database, fresh.refresh)
