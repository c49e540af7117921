"""Signing in: the lock-out, browser sessions, and what a new password ends."""

import asyncio

import pytest
from argon2 import PasswordHasher
from testclock import TestClock

from entourage.accounts import passwords, sessions, tokens, users
from entourage.accounts.model import OPERATOR, PasswordHash, Role, User
from entourage.kernel.db import Database
from entourage.kernel.errors import Invalid, LockedOut, Unauthenticated
from entourage.kernel.secrets import Secrets

PASSWORD = "correct horse battery"
# Hashed once, with parameters weaker than ours, so that the tests are quick.
WEAK = PasswordHash(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD))
KEYS = tokens.Keys.of(Secrets(b"k" * 32))


@pytest.fixture
def alice(database: Database) -> User:
    database.write_now(users.add, OPERATOR, "admin", WEAK, role=Role.ADMIN)
    return database.write_now(users.add, OPERATOR, "Alice", WEAK)


def _log_in(database: Database, name: str, password: str) -> User:
    return asyncio.run(sessions.log_in(database, name, password))


def _fail(database: Database, name: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            _log_in(database, name, "wrong")


def test_the_right_password_says_who_it_is_and_when_they_came(
    database: Database, alice: User, clock: TestClock
) -> None:
    clock.advance(60)
    user = _log_in(database, "aLICE", PASSWORD)
    assert (user.id, user.last_login) == (alice.id, clock.now)


def test_a_password_hashed_weakly_is_hashed_anew_when_it_is_known(database: Database, alice: User) -> None:
    _log_in(database, "alice", PASSWORD)
    with database.reading() as tx:
        stored = sessions.store.login(tx, "alice")
    assert stored is not None
    assert stored[1] != WEAK
    assert asyncio.run(passwords.matches(stored[1], PASSWORD))
    assert asyncio.run(passwords.renewed(stored[1], PASSWORD)) is None


def test_five_wrong_passwords_lock_the_name_for_fifteen_minutes(
    database: Database, alice: User, clock: TestClock
) -> None:
    _fail(database, "alice", 5)
    with pytest.raises(LockedOut) as locked:
        _log_in(database, "ALICE", PASSWORD)
    assert (locked.value.until - clock.now).total_seconds() == 15 * 60
    clock.advance(15 * 60 - 1)
    with pytest.raises(LockedOut):
        _log_in(database, "alice", PASSWORD)
    clock.advance(1)
    assert _log_in(database, "alice", PASSWORD).id == alice.id


def test_an_unknown_name_answers_and_locks_as_a_known_one_does(database: Database, alice: User) -> None:
    words: list[set[str]] = []
    for name in ("alice", "nobody"):
        said: set[str] = set()
        for _ in range(6):
            with pytest.raises((Unauthenticated, LockedOut)) as refused:
                _log_in(database, name, "wrong")
            said.add(f"{type(refused.value).__name__} {refused.value}")
        words.append(said)
    assert words[0] == words[1]
    assert len(words[0]) == 2


def test_many_tries_at_once_get_no_more_than_five(database: Database, alice: User) -> None:
    async def flood() -> list[object]:
        tries = (sessions.log_in(database, "alice", f"guess {number}") for number in range(20))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    answers = [type(answer) for answer in asyncio.run(flood())]
    assert answers.count(Unauthenticated) == 5
    assert answers.count(LockedOut) == 15


def test_the_right_password_forgets_the_wrong_ones(database: Database, alice: User) -> None:
    _fail(database, "alice", 4)
    _log_in(database, "alice", PASSWORD)
    _fail(database, "alice", 4)
    assert _log_in(database, "alice", PASSWORD).id == alice.id


def test_wrong_passwords_of_long_ago_do_not_count(database: Database, alice: User, clock: TestClock) -> None:
    _fail(database, "alice", 4)
    clock.advance(15 * 60 + 1)
    _fail(database, "alice", 4)
    assert _log_in(database, "alice", PASSWORD).id == alice.id


def test_one_name_locked_leaves_the_others_open(database: Database, alice: User) -> None:
    _fail(database, "alice", 5)
    assert _log_in(database, "admin", PASSWORD).username == "admin"


def test_a_clock_set_back_does_not_lock_for_longer(database: Database, alice: User, clock: TestClock) -> None:
    _fail(database, "alice", 5)
    clock.jump(-365 * 86400)
    assert _log_in(database, "alice", PASSWORD).id == alice.id


def test_a_disabled_user_is_told_no_more_than_a_stranger(database: Database, alice: User) -> None:
    database.write_now(users.disable, OPERATOR, alice.id)
    with pytest.raises(Unauthenticated, match="Incorrect username or password"):
        _log_in(database, "alice", PASSWORD)


def test_locks_that_no_longer_matter_are_forgotten(database: Database, alice: User, clock: TestClock) -> None:
    _fail(database, "alice", 5)
    database.write_now(sessions.tidy)
    with pytest.raises(LockedOut):
        _log_in(database, "alice", PASSWORD)
    clock.advance(15 * 60 + 1)
    database.write_now(sessions.tidy)
    with database.reading() as tx:
        assert tx.all(sessions.store.login_failures.select()) == []


def test_a_browser_session_lasts_while_it_is_used_and_ends_two_weeks_after(
    database: Database, alice: User, clock: TestClock
) -> None:
    cookie, opened = database.write_now(sessions.start, alice)
    for _ in range(4):
        clock.advance(10 * 86400)
        session = asyncio.run(sessions.recognise(database, cookie))
        assert session is not None
        assert session.actor == alice.actor
        assert session.csrf == opened.csrf
    clock.advance(14 * 86400)
    assert asyncio.run(sessions.recognise(database, cookie)) is None


def test_only_the_hash_of_a_cookie_is_kept(database: Database, alice: User) -> None:
    cookie, _ = database.write_now(sessions.start, alice)
    with database.reading() as tx:
        rows = tx.all(sessions.store.browser_sessions.select())
    assert cookie not in str(rows)


def test_a_closed_session_is_over_and_closing_twice_is_harmless(database: Database, alice: User) -> None:
    cookie, _ = database.write_now(sessions.start, alice)
    database.write_now(sessions.close, cookie)
    database.write_now(sessions.close, cookie)
    with database.reading() as tx:
        assert sessions.lookup(tx, cookie) is None
        assert sessions.lookup(tx, "made up") is None


def test_a_form_from_another_page_is_recognised(database: Database, alice: User) -> None:
    cookie, session = database.write_now(sessions.start, alice)
    assert sessions.csrf_matches(cookie, session.csrf)
    for other in ("", "wrong", sessions.csrf_token("another"), "ü"):
        assert not sessions.csrf_matches(cookie, other)


def test_a_new_password_ends_everything_but_this_browser(database: Database, alice: User) -> None:
    here, _ = database.write_now(sessions.start, alice)
    there, _ = database.write_now(sessions.start, alice)
    pair = database.write_now(tokens.issue, KEYS, alice)
    asyncio.run(sessions.change_password(database, alice.actor, PASSWORD, "a new password", cookie=here))
    with database.reading() as tx:
        assert sessions.lookup(tx, here) is not None
        assert sessions.lookup(tx, there) is None
        with pytest.raises(Unauthenticated):
            tokens.Verifier(database, KEYS).verify(tx, pair.access)
    assert _log_in(database, "alice", "a new password").id == alice.id
    _fail(database, "alice", 1)


def test_a_new_password_needs_the_old_one_and_some_length(database: Database, alice: User) -> None:
    with pytest.raises(Unauthenticated):
        asyncio.run(sessions.change_password(database, alice.actor, "wrong", "a new password"))
    with pytest.raises(Invalid):
        asyncio.run(sessions.change_password(database, alice.actor, PASSWORD, "short"))
    assert _log_in(database, "alice", PASSWORD).id == alice.id


def test_shutting_a_user_out_ends_their_sessions(database: Database, alice: User) -> None:
    cookie, _ = database.write_now(sessions.start, alice)
    database.write_now(users.disable, OPERATOR, alice.id)
    database.write_now(users.enable, OPERATOR, alice.id)
    with database.reading() as tx:
        assert sessions.lookup(tx, cookie) is None
