"""Connections: accounts on networks that their owners let this server use, and what proves them, sealed."""

from collections.abc import Mapping, Sequence

import msgspec

from entourage.accounts.model import Actor, Connection, ConnectionState
from entourage.accounts.store import connections as store
from entourage.kernel import events, lanes
from entourage.kernel.db import Tx
from entourage.kernel.errors import Conflict, NotFound
from entourage.kernel.secrets import Secrets

_sessions = msgspec.json.Decoder(dict[str, str])


def add(
    tx: Tx,
    actor: Actor,
    secrets: Secrets,
    *,
    network: str,
    server: str,
    native_id: str,
    username: str,
    session: Mapping[str, str],
) -> Connection:
    """Keep an account that its owner just signed in to; one that is kept already works again from now on."""
    tx.lock("connections")
    known = store.twin(tx, actor.user_id, network, server, native_id)
    if known is not None:
        return renew(tx, secrets, known.id, native_id=native_id, username=username, session=session)
    number = store.reserve(tx)
    made = Connection(
        number, actor.user_id, network, server, native_id, username, ConnectionState.OK, None, tx.now
    )  # fmt: skip
    store.insert(tx, made, _seal(secrets, number, session))
    _announce(tx, made, "added")
    return made


def renew(
    tx: Tx, secrets: Secrets, connection_id: int, *, native_id: str, username: str, session: Mapping[str, str]
) -> Connection:
    """Let a connection work again after its owner signed in; raises Conflict when that was another account."""
    known = _known(tx, connection_id)
    if known.native_id != native_id:
        raise Conflict(f"You signed in as @{username}, but this connection belongs to @{known.username}.")
    keep_session(tx, secrets, connection_id, session)
    store.set_name(tx, connection_id, username)
    set_state(tx, connection_id, ConnectionState.OK)
    return _known(tx, connection_id)


def mine(tx: Tx, actor: Actor) -> Sequence[Connection]:
    """The actor's own connections, by network and name."""
    return store.listing(tx, actor.user_id)


def get(tx: Tx, actor: Actor, connection_id: int) -> Connection:
    """One of the actor's own connections, or anybody's for an administrator; raises NotFound."""
    found = store.get(tx, connection_id)
    if found is None or not (actor.admin or found.owner == actor.user_id):
        raise NotFound("There is no such connection.")
    return found


def find(tx: Tx, connection_id: int) -> Connection | None:
    """The connection, whoever owns it, for work that is done in its owner's name; None when it was removed."""
    return store.get(tx, connection_id)


def session_of(tx: Tx, secrets: Secrets, connection_id: int) -> Mapping[str, str] | None:
    """What proves who we are; None when the connection was removed. Raises Damaged where the key is another one."""
    sealed = store.session(tx, connection_id)
    return None if sealed is None else _sessions.decode(secrets.unseal(sealed, _context(connection_id)))


def keep_session(tx: Tx, secrets: Secrets, connection_id: int, session: Mapping[str, str]) -> None:
    """Replace what proves who we are, because the network gave us something newer."""
    store.set_session(tx, connection_id, _seal(secrets, connection_id, session))


def set_state(tx: Tx, connection_id: int, state: ConnectionState, reason: str | None = None) -> None:
    """Note whether a connection can be used; one that works again may start at once."""
    before = store.get(tx, connection_id)
    if before is None:
        return
    if state is ConnectionState.OK:
        lanes.close_breaker(tx, before.lane)
    if (before.state, before.reason) == (state, reason):
        return
    store.set_state(tx, connection_id, state, reason)
    _announce(tx, _known(tx, connection_id), "updated")


def confirm(tx: Tx, actor: Actor, connection_id: int) -> Connection:
    """Its owner did what the network asked for: go on. Raises Conflict where signing in again is what is needed."""
    found = get(tx, actor, connection_id)
    if found.state is ConnectionState.SIGNED_OUT:
        raise Conflict("This account is signed out; sign in again to use it.")
    set_state(tx, connection_id, ConnectionState.OK)
    return get(tx, actor, connection_id)


def remove(tx: Tx, actor: Actor, connection_id: int) -> None:
    """Forget a connection and what proves it; what was collected with it stays."""
    found = get(tx, actor, connection_id)
    store.delete(tx, connection_id)
    _announce(tx, found, "removed")


def _known(tx: Tx, connection_id: int) -> Connection:
    found = store.get(tx, connection_id)
    if found is None:
        raise NotFound("There is no such connection.")
    return found


def _context(connection_id: int) -> str:
    return f"connection/{connection_id}"


def _seal(secrets: Secrets, connection_id: int, session: Mapping[str, str]) -> str:
    return secrets.seal(msgspec.json.encode(dict(session)).decode(), _context(connection_id))


def _announce(tx: Tx, connection: Connection, action: str) -> None:
    told = {
        "id": connection.id,
        "network": connection.network,
        "username": connection.username,
        "state": str(connection.state),
    }
    events.publish(tx, "connection.changed", {"action": action, "connection": told}, user=connection.owner)
