"""The table of accounts on networks that users own, and what is asked of it."""

from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

from entourage.accounts.model import Connection, ConnectionState
from entourage.kernel.columns import Choice, Id, Instant, metadata
from entourage.kernel.db import Row, Tx

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("server", sa.Text, nullable=False),
    sa.Column("native_id", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("state", Choice(ConnectionState), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("owner", "network", "server", "native_id"),
    sqlite_autoincrement=True,
)
"""`session` is sealed (kernel/secrets.py); nobody is ever shown it."""

_c = connections.c
_bind = sa.bindparam
_known = sa.select(*(_c[field.name] for field in fields(Connection)))
_one = _known.where(_c.id == _bind("connection"))
_of_owner = _known.where(_c.owner == _bind("whose")).order_by(_c.network, _c.username, _c.id)
_twin = _known.where(
    _c.owner == _bind("whose"),
    _c.network == _bind("net"),
    _c.server == _bind("place"),
    _c.native_id == _bind("native"),
)
_insert = sa.insert(connections)
_session = sa.select(_c.session).where(_c.id == _bind("connection"))
_set_session = sa.update(connections).where(_c.id == _bind("connection")).values(session=_bind("sealed"))
_set_name = sa.update(connections).where(_c.id == _bind("connection")).values(username=_bind("name"))
_set_state = (
    sa.update(connections)
    .where(_c.id == _bind("connection"))
    .values(state=_bind("to"), reason=_bind("why", type_=_c.reason.type))
)
_delete = sa.delete(connections).where(_c.id == _bind("connection"))


def _of(row: Row) -> Connection:
    return Connection(*row)


def get(tx: Tx, connection_id: int) -> Connection | None:
    """The connection, or None."""
    row = tx.one(_one, connection=connection_id)
    return None if row is None else _of(row)


def twin(tx: Tx, owner: int, network: str, server: str, native_id: str) -> Connection | None:
    """The connection of a user to this very account, or None."""
    row = tx.one(_twin, whose=owner, net=network, place=server, native=native_id)
    return None if row is None else _of(row)


def listing(tx: Tx, owner: int) -> Sequence[Connection]:
    """The connections of a user, by network and name."""
    return [_of(row) for row in tx.all(_of_owner, whose=owner)]


def reserve(tx: Tx) -> int:
    """The number of the next connection; what is sealed for it names this number."""
    return tx.reserve("connections", 1)[0]


def insert(tx: Tx, connection: Connection, sealed: str) -> None:
    """Store a connection with what proves it."""
    row = {field.name: getattr(connection, field.name) for field in fields(Connection)}
    tx.run(_insert, session=sealed, **row)


def session(tx: Tx, connection_id: int) -> str | None:
    """What proves it, sealed."""
    return tx.value(_session, connection=connection_id)


def set_session(tx: Tx, connection_id: int, sealed: str) -> None:
    """Replace what proves it."""
    tx.run(_set_session, connection=connection_id, sealed=sealed)


def set_name(tx: Tx, connection_id: int, username: str) -> None:
    """Note the user name that the account has now."""
    tx.run(_set_name, connection=connection_id, name=username)


def set_state(tx: Tx, connection_id: int, state: ConnectionState, reason: str | None) -> int:
    """Note whether it can be used, and why not."""
    return tx.run(_set_state, connection=connection_id, to=state, why=reason)


def delete(tx: Tx, connection_id: int) -> None:
    """Forget the connection and what proves it."""
    tx.run(_delete, connection=connection_id)
