"""Mentions: who names a channel, whom it names, and how those belong together."""

from typing import Any

import pytest
from crowd_of import ANN, at, known, learn, post, profile

from entourage.insight import mentions
from entourage.insight.mentions import Edge, Mention
from entourage.kernel.db import Database
from entourage.kernel.errors import NotFound
from entourage.kernel.paging import Page


def incoming(database: Database, native_id: str = "1", *page: int) -> Page[Mention]:
    number = known(database, native_id).id
    with database.reading() as tx:
        return mentions.incoming(tx, ANN, number, *page)


def outgoing(database: Database, native_id: str = "1", *page: int) -> Page[Mention]:
    number = known(database, native_id).id
    with database.reading() as tx:
        return mentions.outgoing(tx, ANN, number, *page)


def told(page: Page[Mention]) -> Any:
    return [(one.username, one.posts) for one in page.items]


def test_who_names_the_channel_most_often_is_first(database: Database) -> None:
    learn(
        database,
        profile("1", "Dior"), profile("2", "ann", picture="https://example.org/ann.jpg"), profile("3", "ben"),
        post("p1", "2", "with @dior", 1), post("p2", "2", "@DIOR! @Dior", 5), post("p3", "3", "@dior.", 3),
        post("p4", "3", "@dior_beauty is another"), post("p5", "1", "@dior is me"),
    )  # fmt: skip
    found = incoming(database)
    assert (told(found), found.total) == ([("ann", 2), ("ben", 1)], 2)
    first = found.items[0]
    assert (first.picture, first.last_at) == ("https://example.org/ann.jpg", at(5))
    assert first.channel_id == known(database, "2").id


def test_whom_the_channel_names_is_told_with_what_is_known_of_them(database: Database) -> None:
    learn(
        database,
        profile("1", "dior"), profile("2", "Ann.Maria", picture="https://example.org/ann.jpg"),
        post("p1", "1", "thanks @ann.maria and @nobody_known", 1), post("p2", "1", "@ANN.MARIA again", 2),
    )  # fmt: skip
    found = outgoing(database)
    assert found.total == 2
    assert found.items[0] == Mention("Ann.Maria", "https://example.org/ann.jpg", 2, at(2), known(database, "2").id)
    assert found.items[1] == Mention("nobody_known", None, 1, at(1), None)


def test_who_names_itself_names_nobody_by_that(database: Database) -> None:
    learn(
        database,
        profile("1", "maison", 0), post("p1", "1", "@maison and @ann", 1), profile("1", "Dior", 5),
        post("p2", "1", "@DIOR was @maison", 6),
    )  # fmt: skip
    found = outgoing(database)
    assert (told(found), found.total) == ([("ann", 1)], 1)
    number = known(database, "1").id
    with database.reading() as tx:
        graph = mentions.graph(tx, ANN, number)
    assert ([node.key for node in graph.nodes], graph.edges) == (["dior", "ann"], [Edge("dior", "ann", 1)])
    learn(database, profile("2", "maison", 7))
    assert told(outgoing(database)) == [("maison", 2), ("ann", 1)]


def test_the_same_name_on_another_network_is_somebody_else(database: Database) -> None:
    learn(database, profile("1", "dior", network="tiktok"), profile("2", "ann"), post("p1", "2", "@dior"))
    number = known(database, "1", "tiktok").id
    with database.reading() as tx:
        assert mentions.incoming(tx, ANN, number).total == 0


def test_mentions_come_in_pages(database: Database) -> None:
    learn(database, profile("1", "dior"))
    for number in range(2, 32):
        learn(
            database, profile(str(number)), *(post(f"p{number}.{n}", str(number), "@dior") for n in range(number % 5))
        )
    first, second, third = (incoming(database, "1", number, 10) for number in (1, 2, 3))
    everybody = [*first.items, *second.items, *third.items]
    assert first.total == second.total == third.total == len(everybody) == 24
    assert len({one.username for one in everybody}) == 24
    assert [one.posts for one in everybody] == sorted((one.posts for one in everybody), reverse=True)
    learn(database, post("p1", "1", " ".join(f"@friend{number}" for number in range(25))))
    assert [len(outgoing(database, "1", number, 10).items) for number in (1, 2, 3, 4)] == [10, 10, 5, 0]


def test_a_name_that_the_channel_had_counts_too_unless_somebody_else_has_it_now(database: Database) -> None:
    learn(
        database,
        profile("1", "maison", 0), profile("2", "ann"), profile("3", "ben"),
        post("p1", "2", "@maison", 1), post("p2", "3", "@maison", 1),
        profile("1", "dior", 5), post("p3", "2", "@dior and @maison", 6),
    )  # fmt: skip
    found = incoming(database)
    assert (told(found), found.total) == ([("ann", 3), ("ben", 1)], 2)
    learn(database, profile("9", "maison", 7))
    assert told(incoming(database)) == [("ann", 1)]


def test_a_channel_without_a_name_is_named_by_nobody(database: Database) -> None:
    learn(database, post("p1", "1", "@somebody"))
    assert incoming(database).total == 0
    assert told(outgoing(database)) == [("somebody", 1)]


def test_no_such_channel_is_not_found(database: Database) -> None:
    for verb in (mentions.incoming, mentions.outgoing, mentions.graph):
        with database.reading() as tx, pytest.raises(NotFound):
            verb(tx, ANN, 99)


def test_the_graph_has_both_directions_and_what_is_between_the_others(database: Database) -> None:
    learn(
        database,
        profile("1", "dior", followers=9), profile("2", "ann"), profile("3", "ben"), profile("4", "far"),
        post("p1", "1", "@ann @unknown"), post("p2", "2", "@dior @ben @far"), post("p3", "3", "@dior"),
        post("p4", "3", "@dior"), post("p5", "4", "@ann"),
    )  # fmt: skip
    number = known(database, "1").id
    with database.reading() as tx:
        found = mentions.graph(tx, ANN, number)
    assert [node.key for node in found.nodes] == ["dior", "ann", "ben", "unknown"]
    assert found.nodes[0].followers == 9
    assert found.nodes[3].channel_id is None
    assert set(found.edges) == {
        Edge("dior", "ann", 1), Edge("dior", "unknown", 1), Edge("ann", "dior", 1), Edge("ann", "ben", 1),
        Edge("ben", "dior", 2),
    }  # fmt: skip


def test_the_graph_keeps_to_the_most_that_is_wanted(database: Database) -> None:
    learn(database, profile("1", "dior"), post("p1", "1", " ".join(f"@friend{number}" for number in range(60))))
    number = known(database, "1").id
    with database.reading() as tx:
        assert len(mentions.graph(tx, ANN, number).nodes) == 40
        small = mentions.graph(tx, ANN, number, 1)
    assert [node.key for node in small.nodes] == ["dior"]
    assert small.edges == []
