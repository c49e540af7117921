"""Packaged lists of words: what is packed is found again, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from entourage.insight.wordlist import Wordlist, load, packed

WORDS = st.text(st.characters(exclude_characters="\n\t", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.dictionaries(WORDS, WORDS, min_size=1), WORDS)
def test_what_is_packed_is_found_again(entries: dict[str, str], other: str) -> None:
    table = Wordlist(packed(entries))
    assert {word: table.find(word) for word in entries} == entries
    assert table.find(other) == entries.get(other)


def test_what_cannot_be_in_a_list_is_not_found() -> None:
    names = load("names.z")
    for word in ("", "\ud800", "anna\t", "\nanna", "no such name", "a" * 10_000):
        assert names.find(word) is None
    assert names.find("anna")
