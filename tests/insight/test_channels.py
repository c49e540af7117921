"""Channels: found by the beginning of a name, listed, and known under the names they had."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from crowd_of import ANN, at, comment, known, learn, post, profile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entourage.accounts.model import OPERATOR
from entourage.insight import channels
from entourage.insight.channels import ChannelFilter
from entourage.insight.store import channels as store
from entourage.insight.store.tables import plans
from entourage.kernel.db import Database
from entourage.kernel.errors import Invalid, NotFound
from entourage.networks.facts import ProfileFact


def search(database: Database, username: str, number: int = 1, size: int = 20, **more: Any) -> Sequence[str | None]:
    with database.reading() as tx:
        return [one.username for one in channels.search(tx, ANN, username, number=number, size=size, **more).items]


def listed(database: Database, wanted: ChannelFilter, number: int = 1, size: int = 50) -> Sequence[str | None]:
    with database.reading() as tx:
        return [one.username for one in channels.listing(tx, OPERATOR, wanted, number, size).items]


def test_who_has_exactly_the_name_is_first_and_then_who_begins_so(database: Database) -> None:
    names = ["dior", "Diorshow", "dior_beauty", "dio", "christiandior", "dios"]
    learn(database, *(profile(str(number), name) for number, name in enumerate(names)))
    assert search(database, "dior") == ["dior", "dior_beauty", "Diorshow"]
    assert search(database, "@DIOR") == ["dior", "dior_beauty", "Diorshow"]
    assert search(database, "dior_b") == ["dior_beauty"]
    assert search(database, "nobody") == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=3), st.lists(st.text(min_size=1, max_size=4), max_size=4))
def test_the_end_of_a_prefix_is_behind_all_that_begin_with_it_and_before_all_others(
    prefix: str, others: Sequence[str]
) -> None:
    end = store.past(prefix)
    for other in [*others, prefix, prefix + "\U0010ffff", prefix + "z"]:
        assert (prefix <= other < end) == other.startswith(prefix)


def test_names_beyond_ascii_are_found_on_both_databases(database: Database) -> None:
    for number, name in enumerate(["ärzte", "ärzte.live", "azte", "zebra", "日本", "日本語", "a-b", "a_b", "ab"]):
        learn(database, profile(str(number), name, network="mastodon"))
    assert search(database, "ärz") == ["ärzte", "ärzte.live"]
    assert search(database, "日") == ["日本", "日本語"]
    assert search(database, "a") == ["a-b", "a_b", "ab", "azte"]


@pytest.mark.parametrize("asked", ["", "@", "  ", "a\0b", "\ud800", "%", "_", "'; --", "dior%"])
def test_what_is_no_name_finds_nobody(database: Database, asked: str) -> None:
    learn(database, profile("1", "dior"))
    assert search(database, asked) == []


def test_search_keeps_to_a_network(database: Database) -> None:
    learn(database, profile("1", "dior"), profile("1", "dior", network="bluesky"))
    assert len(search(database, "dior")) == 2
    with database.reading() as tx:
        found = channels.search(tx, ANN, "dior", network="bluesky").items
        nobody = channels.search(tx, ANN, "dior", network="tiktok")
    assert [one.network for one in found] == ["bluesky"]
    assert (nobody.total, nobody.items) == (0, [])


def test_who_is_gone_comes_last_and_who_was_never_seen_not_at_all(database: Database) -> None:
    learn(
        database,
        profile("1", "ann1"), profile("2", "ann2"), profile("3", "ann3"),
        ProfileFact(network="instagram", id="1", username="ann1", seen_at=at(3), gone=True),
        post("p1", "2"), comment("p1", "@ann4"),
    )  # fmt: skip
    assert search(database, "ann") == ["ann2", "ann3", "ann1"]
    pages = [search(database, "ann", number, 1) for number in (1, 2, 3, 4)]
    assert pages == [["ann2"], ["ann3"], ["ann1"], []]
    with database.reading() as tx:
        assert channels.search(tx, ANN, "ann", size=1).total == 3


def test_pages_are_counted_no_further_than_enough(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "ENOUGH", 5)
    learn(database, *(profile(str(number), f"ann{number}") for number in range(9)))
    with database.reading() as tx:
        pages = [channels.search(tx, ANN, "ann", number=number, size=2) for number in range(1, 5)]
    assert [page.total for page in pages] == [5, 5, 5, 5]
    assert [[one.username for one in page.items] for page in pages] == [
        ["ann0", "ann1"], ["ann2", "ann3"], ["ann4"], [],
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "size"), [(0, 20), (-1, 20), (1, 0), (1, 501)])
def test_a_page_that_cannot_be_is_refused(database: Database, number: int, size: int) -> None:
    with database.reading() as tx, pytest.raises(Invalid):
        channels.search(tx, ANN, "dior", number=number, size=size)


def test_a_page_far_beyond_the_end_is_empty(database: Database) -> None:
    learn(database, profile("1", "dior"))
    assert search(database, "dior", 10**30) == []


def test_a_channel_is_had_by_its_uuid_in_any_spelling(database: Database) -> None:
    learn(database, profile("1", "dior"))
    channel = known(database, "1")
    with database.reading() as tx:
        assert channels.get(tx, ANN, channel.uuid) == channel
        assert channels.get(tx, ANN, channel.uuid.upper()) == channel
        assert channels.by_id(tx, ANN, channel.id) == channel
        assert channels.many(tx, [channel.id, 99]) == {channel.id: channel}


@pytest.mark.parametrize("uuid", ["", "1", "d15ea3bc-c59a-49da-a6d2-f5e66fd44b71", "x" * 36, "\0", "d15ea3bc\ud800"])
def test_another_uuid_is_nobody(database: Database, uuid: str) -> None:
    with database.reading() as tx:
        with pytest.raises(NotFound):
            channels.get(tx, ANN, uuid)
        with pytest.raises(NotFound):
            channels.by_id(tx, ANN, 99)


def test_names_are_told_with_their_times_the_newest_first(database: Database) -> None:
    learn(
        database,
        profile("1", "old", 0),
        profile("1", "old", 5, posts=1),
        profile("1", "new", 9),
        profile("1", "New", 11),
    )
    channel = known(database, "1")
    with database.reading() as tx:
        found = [(one.username, one.first_seen, one.last_seen) for one in channels.names(tx, ANN, channel.id)]
    assert found == [("New", at(11), at(11)), ("new", at(9), at(9)), ("old", at(0), at(5))]


def test_a_list_shows_who_was_seen_in_the_order_that_is_wanted(database: Database) -> None:
    learn(
        database,
        profile("1", "zoe", followers=10, name="Zoe A"), profile("2", "Anna", followers=500, name="Anna B"),
        profile("3", "ben", name="100% Ben"), profile("4", "carl", network="bluesky", followers=20),
        post("p1", "2"), comment("p1", "unseen"),
    )  # fmt: skip
    assert listed(database, ChannelFilter()) == ["Anna", "carl", "zoe", "ben"]
    assert listed(database, ChannelFilter(order="name")) == ["Anna", "ben", "carl", "zoe"]
    assert listed(database, ChannelFilter(order="newest"))[0] == "carl"
    assert listed(database, ChannelFilter(network="bluesky")) == ["carl"]
    assert listed(database, ChannelFilter(text="AN")) == ["Anna"]
    assert listed(database, ChannelFilter(text="0% b")) == ["ben"]
    assert listed(database, ChannelFilter(text="0_ b")) == []
    assert listed(database, ChannelFilter(text="a\0")) == []
    assert [listed(database, ChannelFilter(), number, 3) for number in (1, 2)] == [["Anna", "carl", "zoe"], ["ben"]]


def test_watched_ones_are_those_of_ones_own_plans_and_of_anybody_for_administrators(database: Database) -> None:
    learn(database, profile("1", "mine"), profile("2", "theirs"), profile("3", "nobodys"))
    with database.writing() as tx:
        for number, owner in (("1", ANN.user_id), ("2", 77)):
            channel_id = tx.value(sa.text(f"SELECT id FROM channels WHERE native_id = '{number}'"))
            tx.run(
                sa.insert(plans).values(
                    owner=owner, network="instagram", server="", who=number, channel_id=channel_id, every_hours=24,
                    depth={}, paused=False, created_at=tx.now,
                )
            )  # fmt: skip
    wanted = ChannelFilter(watched=True, order="name")
    with database.reading() as tx:
        mine = [one.username for one in channels.listing(tx, ANN, wanted).items]
    assert mine == ["mine"]
    assert listed(database, wanted) == ["mine", "theirs"]


def test_why_tells_what_speaks_for_what_is_believed(database: Database) -> None:
    learn(
        database,
        profile("1", "anna", name="Anna Schmidt", location="Berlin, Germany", followers=900, follows=300, posts=80),
        post("p1", "1"),
        comment("p1", "2"),
    )
    found = {one.what: one for one in channels.why(known(database, "1"), date(2026, 3, 2))}
    assert found["country"].value == "DE"
    assert found["country"].how == ["from the place that the profile states"]
    assert found["gender"].value == "female"
    assert found["quality"].value.endswith("% probably genuine")
    assert found["quality"].how
    assert channels.why(known(database, "2"), date(2026, 3, 2)) == []
