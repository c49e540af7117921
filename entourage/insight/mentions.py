"""Mentions: who names a channel in their posts, whom it names, and how those belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from entourage.accounts.model import Actor
from entourage.insight import channels
from entourage.insight.channels import ENOUGH, skip
from entourage.insight.model import Channel
from entourage.insight.people import handle_of
from entourage.insight.store import channels as people
from entourage.insight.store import mentions as store
from entourage.kernel.db import Tx
from entourage.kernel.paging import Page


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody who names the channel, or whom it names: in how many posts, and when last."""

    username: str
    picture: str | None
    posts: int
    last_at: datetime | None
    channel_id: int | None
    """None for a name of which no channel is known."""


@dataclass(frozen=True, slots=True)
class Node:
    """Somebody in the graph. `key` is the handle, or the number of who has none."""

    key: str
    username: str
    picture: str | None
    followers: int | None
    channel_id: int | None
    uuid: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """The one with the key `source` names the one with the key `target` in `posts` posts."""

    source: str
    target: str
    posts: int


@dataclass(frozen=True, slots=True)
class Graph:
    """A channel (the first node) among those who name it or whom it names, and who of them names whom."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]


def incoming(tx: Tx, actor: Actor, channel_id: int, number: int = 1, size: int = 20) -> Page[Mention]:
    """Who names the channel, those who do in most posts first; at most ENOUGH are counted.

    Former names count too, unless somebody else has them now. Raises NotFound for no such channel.
    """
    skipped = skip(number, size)
    channel = channels.by_id(tx, actor, channel_id)
    handles = _handles(tx, channel)
    if not handles or skipped >= ENOUGH:
        return Page([], _count_incoming(tx, channel, handles), number, size)
    rows = store.incoming(tx, channel_id, channel.network, handles, skipped=skipped, most=min(size, ENOUGH - skipped))
    known = people.many(tx, [row.author_id for row in rows])
    total = _count_incoming(tx, channel, handles)
    found = [_from(known[row.author_id], row.posts, row.last_at) for row in rows if row.author_id in known]
    return Page(found, total, number, size)


def outgoing(tx: Tx, actor: Actor, channel_id: int, number: int = 1, size: int = 20) -> Page[Mention]:
    """Whom the channel names besides itself, those whom it names in most posts first; at most ENOUGH are counted.

    A name of which no channel is known stands as it is. Raises NotFound for no such channel.
    """
    skipped = skip(number, size)
    channel = channels.by_id(tx, actor, channel_id)
    own = _handles(tx, channel)
    total = store.count_outgoing(tx, channel_id, channel.network, own, ENOUGH)
    if skipped >= ENOUGH:
        return Page([], total, number, size)
    rows = store.outgoing(tx, channel_id, channel.network, own, skipped=skipped, most=min(size, ENOUGH - skipped))
    known = people.holders(tx, channel.network, [row.handle for row in rows])
    found = [
        _from(known[row.handle], row.posts, row.last_at)
        if row.handle in known
        else Mention(row.handle, None, row.posts, row.last_at, None)
        for row in rows
    ]
    return Page(found, total, number, size)


def graph(tx: Tx, actor: Actor, channel_id: int, most: int = 40) -> Graph:
    """The channel with at most `most - 1` others around it, those with most mentions either way, and all edges among
    them. Raises NotFound for no such channel.
    """
    channel = channels.by_id(tx, actor, channel_id)
    centre = _node(channel)
    handles = _handles(tx, channel)
    came = store.incoming(tx, channel_id, channel.network, handles, skipped=0, most=most) if handles else []
    went = store.outgoing(tx, channel_id, channel.network, handles, skipped=0, most=most)
    holders = people.holders(tx, channel.network, [row.handle for row in went])
    authors = people.many(tx, [row.author_id for row in came])
    nodes: dict[str, Node] = {}
    weight: dict[str, int] = {}
    for row in came:
        if row.author_id in authors:
            node = _node(authors[row.author_id])
            nodes[node.key] = node
            weight[node.key] = weight.get(node.key, 0) + row.posts
    for row in went:
        holder = holders.get(row.handle)
        node = Node(row.handle, row.handle, None, None, None, None) if holder is None else _node(holder)
        nodes.setdefault(node.key, node)
        weight[node.key] = weight.get(node.key, 0) + row.posts
    nodes.pop(centre.key, None)
    chosen = sorted(nodes, key=lambda key: (-weight[key], key))[: max(0, most - 1)]
    around = [centre, *(nodes[key] for key in chosen)]
    return Graph(around, _edges(tx, channel, around, handles))


def _edges(tx: Tx, channel: Channel, nodes: Sequence[Node], handles: Sequence[str]) -> Sequence[Edge]:
    keys: Mapping[int, str] = {node.channel_id: node.key for node in nodes if node.channel_id is not None}
    centre = nodes[0].key
    found: dict[tuple[str, str], int] = {}
    for row in store.between(tx, channel.network, keys, {*handles, *(node.key for node in nodes)}):
        source, target = keys[row.author_id], centre if row.handle in handles else row.handle
        if source != target:
            found[source, target] = found.get((source, target), 0) + row.posts
    return [Edge(source, target, posts) for (source, target), posts in sorted(found.items())]


def _count_incoming(tx: Tx, channel: Channel, handles: Sequence[str]) -> int:
    return store.count_incoming(tx, channel.id, channel.network, handles, ENOUGH) if handles else 0


def _handles(tx: Tx, channel: Channel) -> Sequence[str]:
    """The handle of a channel, and of those it had and nobody else has now the ones that somebody names."""
    if channel.username is None:
        return []
    current = handle_of(channel.username)
    former = {handle_of(name) for name, _, _ in people.names(tx, channel.id)} - {current}
    taken = people.holders(tx, channel.network, former)
    return [current, *sorted(name for name in former - taken.keys() if store.named(tx, channel.network, name))]


def _from(channel: Channel, posts: int, last_at: datetime | None) -> Mention:
    return Mention(channel.username or channel.native_id, channel.picture, posts, last_at, channel.id)


def _node(channel: Channel) -> Node:
    key = f"#{channel.id}" if channel.username is None else handle_of(channel.username)
    username = channel.username or channel.native_id
    return Node(key, username, channel.picture, channel.followers, channel.id, channel.uuid)
