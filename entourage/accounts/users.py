"""Users: added, listed, changed and shut out; the last administrator always stays."""

from entourage.accounts.model import Actor, PasswordHash, Role, User, checked_email, checked_name, name_key
from entourage.accounts.store import people as store
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, NotFound

_LOCK = "users"


def exist(tx: Tx) -> bool:
    """Whether anybody has an account yet; if not, the first visitor sets the server up."""
    return store.anyone(tx)


def set_up(tx: Tx, username: str, password: PasswordHash, email: str | None = None) -> User:
    """Add the first administrator; raises Conflict once there is any user."""
    tx.lock(_LOCK)
    if store.anyone(tx):
        raise Conflict("This server is set up already; sign in, or ask its administrator for an account.")
    return _add(tx, username, password, email, Role.ADMIN)


def add(
    tx: Tx, actor: Actor, username: str, password: PasswordHash, *, email: str | None = None, role: Role = Role.USER
) -> User:
    """Add a user, by an administrator; raises Invalid for a bad name or e-mail and Conflict where the name is taken."""
    actor.needs_admin()
    tx.lock(_LOCK)
    return _add(tx, username, password, email, role)


def _add(tx: Tx, username: str, password: PasswordHash, email: str | None, role: Role) -> User:
    name, email = checked_name(username), checked_email(email)
    if store.login(tx, name_key(name)) is not None:
        raise Conflict(f"There is a user called {name} already.")
    user_id = store.add_user(tx, username=name, key=name_key(name), email=email, role=role, password=password)
    return User(user_id, name, email, role, tx.now, None, disabled=False)


def everyone(tx: Tx, actor: Actor) -> list[User]:
    """All users, for an administrator."""
    actor.needs_admin()
    return store.everyone(tx)


def get(tx: Tx, actor: Actor, user_id: int) -> User:
    """One user: oneself, or anybody for an administrator; raises NotFound."""
    if (actor.admin or actor.user_id == user_id) and (found := store.user(tx, user_id)) is not None:
        return found
    raise NotFound("There is no such user.")


def named(tx: Tx, actor: Actor, username: str) -> User:
    """The user of this name, for an administrator; raises NotFound."""
    actor.needs_admin()
    found = store.login(tx, name_key(username))
    if found is None:
        raise NotFound(f"There is no user called {username}.")
    return found[0]


def set_email(tx: Tx, actor: Actor, user_id: int, email: str | None) -> User:
    """Change an e-mail address: one's own, or anybody's as an administrator."""
    get(tx, actor, user_id)
    store.set_email(tx, user_id, checked_email(email))
    return get(tx, actor, user_id)


def set_password(tx: Tx, actor: Actor, user_id: int, password: PasswordHash) -> None:
    """Change a password, one's own or anybody's as an administrator, and end all that was opened with the old one."""
    get(tx, actor, user_id)
    store.set_password(tx, user_id, password)
    _shut(tx, user_id)


def set_role(tx: Tx, actor: Actor, user_id: int, role: Role) -> User:
    """Change a role, by an administrator; raises Conflict rather than leave the server without one."""
    actor.needs_admin()
    tx.lock(_LOCK)
    user = get(tx, actor, user_id)
    if role is not Role.ADMIN and user.role is Role.ADMIN:
        _keep_an_administrator(tx, user_id)
    store.set_role(tx, user_id, role)
    return get(tx, actor, user_id)


def disable(tx: Tx, actor: Actor, user_id: int) -> User:
    """Shut a user out at once, by an administrator; their things stay. Raises Conflict for the last administrator."""
    actor.needs_admin()
    tx.lock(_LOCK)
    user = get(tx, actor, user_id)
    if user.role is Role.ADMIN:
        _keep_an_administrator(tx, user_id)
    store.set_disabled(tx, user_id, disabled=True)
    _shut(tx, user_id)
    return get(tx, actor, user_id)


def enable(tx: Tx, actor: Actor, user_id: int) -> User:
    """Let a user in again, by an administrator."""
    actor.needs_admin()
    get(tx, actor, user_id)
    store.set_disabled(tx, user_id, disabled=False)
    return get(tx, actor, user_id)


def _shut(tx: Tx, user_id: int) -> None:
    store.revoke_families(tx, user_id)
    store.end_sessions(tx, user_id)


def _keep_an_administrator(tx: Tx, user_id: int) -> None:
    if not store.another_administrator(tx, user_id):
        raise Conflict("This is the last administrator; make somebody else one first.")
