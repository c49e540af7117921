"""Connecting: a user signs in to a network once; from then on this server may read there in their name."""

from collections.abc import Mapping

from entourage.accounts import connections
from entourage.accounts.model import Actor, Connection
from entourage.insight import runs
from entourage.insight.watching import server_of
from entourage.kernel import lanes
from entourage.kernel.db import Database, Tx
from entourage.kernel.errors import Invalid, Problem
from entourage.kernel.secrets import Secrets
from entourage.kernel.world import World
from entourage.networks import registry
from entourage.networks.reading import Access, Reads, SignedIn


async def connect(
    database: Database,
    world: World,
    secrets: Secrets,
    actor: Actor,
    *,
    network: str,
    server: str,
    given: Mapping[str, str],
) -> Connection:
    """Sign in to a network with what its CREDENTIALS ask for, and keep the session sealed, never what was given.

    Raises Invalid naming the field, Unauthenticated for wrong credentials, and what the network answers.
    """
    if not registry.PEOPLE.get(network):
        raise Invalid(Problem("network", f"cannot be read; known are {', '.join(sorted(registry.PEOPLE))}"))
    reader = registry.PEOPLE[network]
    if not reader.CREDENTIALS:
        raise Invalid(Problem("network", f"{reader.DISPLAY_NAME} is read without an account"))
    place = server_of(reader, server)
    signed = await _sign_in(database, world, reader, place, given)
    return await database.write(
        connections.add,
        actor,
        secrets,
        network=network,
        server=place,
        native_id=signed.id,
        username=signed.username,
        session=signed.session,
    )


async def reconnect(
    database: Database, world: World, secrets: Secrets, actor: Actor, *, connection_id: int, given: Mapping[str, str]
) -> Connection:
    """Sign in to the same account again; it works from now on, and so do the plans that wait for it.

    Raises Conflict when it is another account; else as `connect`.
    """
    known = await database.read(connections.get, actor, connection_id)
    signed = await _sign_in(database, world, registry.people(known.network), known.server, given)
    return await database.write(
        connections.renew,
        secrets,
        connection_id,
        native_id=signed.id,
        username=signed.username,
        session=signed.session,
    )


async def _sign_in(database: Database, world: World, reader: Reads, server: str, given: Mapping[str, str]) -> SignedIn:
    missing = [Problem(name, f"is needed: {words}") for name, words in reader.CREDENTIALS if not given.get(name)]
    if missing:
        raise Invalid(*missing)
    await database.write(_pay, reader, server)
    return await reader.sign_in(Access(world, server), {name: given[name] for name, _ in reader.CREDENTIALS})


def _pay(tx: Tx, reader: Reads, server: str) -> None:
    """A sign-in is a call like any other; raises Throttled when the network's lane has none left."""
    lanes.take(tx, [runs.declare_network(tx, reader, server)])
