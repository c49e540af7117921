"""Users: who may change whom, and that an administrator always remains."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from entourage.accounts import passwords, users
from entourage.accounts.model import OPERATOR, Actor, PasswordHash, Role, User
from entourage.kernel.db import Database
from entourage.kernel.errors import Conflict, Invalid, NotAllowed, NotFound

HASH = PasswordHash("$argon2id$not-a-real-one")


def _add(database: Database, name: str, role: Role = Role.USER) -> User:
    return database.write_now(users.add, OPERATOR, name, HASH, role=role)


def test_the_first_visitor_becomes_the_administrator_and_the_second_does_not(database: Database) -> None:
    with database.reading() as tx:
        assert not users.exist(tx)
    first = database.write_now(users.set_up, "admin", HASH, "admin@example.org")
    assert (first.role, first.email, first.disabled) == (Role.ADMIN, "admin@example.org", False)
    with database.reading() as tx:
        assert users.exist(tx)
        assert users.everyone(tx, OPERATOR) == [first]
    with pytest.raises(Conflict, match="set up already"):
        database.write_now(users.set_up, "other", HASH)


def test_of_many_first_visitors_at_once_only_one_is_let_in(database: Database) -> None:
    def visit(number: int) -> bool:
        try:
            database.write_now(users.set_up, f"admin{number}", HASH)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(visit, range(8))) == 1


@pytest.mark.parametrize("same", ["ALICE", "alice", "  Alice ", "\uff21lice"])
def test_names_that_look_the_same_are_the_same(database: Database, same: str) -> None:
    _add(database, "Alice")
    with pytest.raises(Conflict, match="There is a user called"):
        _add(database, same)
    with database.reading() as tx:
        assert users.named(tx, OPERATOR, same).username == "Alice"


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "two words", "-dash", "a\nb", "a/b", "<b>"])
def test_names_that_would_confuse_are_refused_and_nothing_is_stored(database: Database, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        _add(database, name)
    assert refused.value.problems[0].field == "username"
    with database.reading() as tx:
        assert not users.exist(tx)


def test_an_e_mail_address_may_be_absent_but_not_nonsense(database: Database) -> None:
    with pytest.raises(Invalid):
        database.write_now(users.add, OPERATOR, "bob", HASH, email="not an address")
    bob = database.write_now(users.add, OPERATOR, "bob", HASH, email="  ")
    assert bob.email is None
    assert database.write_now(users.set_email, bob.actor, bob.id, "bob@example.org").email == "bob@example.org"


def test_a_user_sees_and_changes_only_themselves(database: Database) -> None:
    alice, bob = _add(database, "alice"), _add(database, "bob")
    with database.reading() as tx:
        assert users.get(tx, alice.actor, alice.id) == alice
        with pytest.raises(NotFound):
            users.get(tx, alice.actor, bob.id)
        with pytest.raises(NotAllowed):
            users.everyone(tx, alice.actor)
        with pytest.raises(NotAllowed):
            users.named(tx, alice.actor, "bob")
    for change in (
        lambda: database.write_now(users.add, alice.actor, "carol", HASH),
        lambda: database.write_now(users.set_role, alice.actor, alice.id, Role.ADMIN),
        lambda: database.write_now(users.disable, alice.actor, bob.id),
        lambda: database.write_now(users.enable, alice.actor, bob.id),
    ):
        with pytest.raises(NotAllowed):
            change()
    with pytest.raises(NotFound):
        database.write_now(users.set_password, alice.actor, bob.id, HASH)


def test_the_last_administrator_can_neither_be_demoted_nor_shut_out(database: Database) -> None:
    admin, user = _add(database, "admin", Role.ADMIN), _add(database, "user")
    gone = _add(database, "gone", Role.ADMIN)
    database.write_now(users.disable, OPERATOR, gone.id)
    with pytest.raises(Conflict, match="last administrator"):
        database.write_now(users.set_role, admin.actor, admin.id, Role.USER)
    with pytest.raises(Conflict, match="last administrator"):
        database.write_now(users.disable, admin.actor, admin.id)
    database.write_now(users.set_role, admin.actor, user.id, Role.ADMIN)
    assert database.write_now(users.disable, admin.actor, admin.id).disabled


def test_two_administrators_who_demote_each_other_at_once_leave_one(database: Database) -> None:
    pair = [_add(database, "one", Role.ADMIN), _add(database, "two", Role.ADMIN)]

    def demote(index: int) -> None:
        try:
            database.write_now(users.set_role, OPERATOR, pair[index].id, Role.USER)
        except Conflict:
            return

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(demote, range(2)))
    with database.reading() as tx:
        assert [user.role for user in users.everyone(tx, OPERATOR)].count(Role.ADMIN) == 1


def test_making_an_administrator_of_an_administrator_changes_nothing(database: Database) -> None:
    admin = _add(database, "admin", Role.ADMIN)
    assert database.write_now(users.set_role, OPERATOR, admin.id, Role.ADMIN) == admin


def test_a_disabled_user_can_be_let_in_again(database: Database) -> None:
    _add(database, "admin", Role.ADMIN)
    bob = _add(database, "bob")
    assert database.write_now(users.disable, OPERATOR, bob.id).disabled
    assert database.write_now(users.enable, OPERATOR, bob.id) == bob


def test_an_actor_says_who_may_do_everything() -> None:
    assert OPERATOR.admin
    assert not Actor(1, "alice", Role.USER).admin


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025])
def test_a_password_too_short_or_too_long_is_not_even_hashed(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.hash_now(password)
    assert refused.value.problems[0].field == "password"
