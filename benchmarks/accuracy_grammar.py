"""Mentions, hashtags and user names against the files by which the networks' own programs are judged."""

from collections.abc import Iterator

import yaml

from benchmarks.accuracy import DATA, Row
from entourage.insight import grammar

SUITE = "twitter-text, conformance/extract.yml"
SYNTAX = "atproto, interop-test-files/syntax"


def rows() -> Iterator[Row]:
    """How many cases of each file come out exactly."""
    tests = yaml.safe_load((DATA / "twitter-text" / "extract.yml").read_text("utf-8"))["tests"]
    cases = tests["mentions"]
    right = sum(grammar.mentions("twitter", case["text"]) == case["expected"] for case in cases)
    yield Row("mentions", f"{SUITE}, mentions", len(cases), "cases right", str(right), "11 by a naive pattern")
    cases = tests["hashtags"]
    right = sum(grammar.hashtags("twitter", case["text"]) == case["expected"] for case in cases)
    yield Row("hashtags", f"{SUITE}, hashtags", len(cases), "cases right", str(right), "45 by a naive pattern")
    cases = [*tests["mentions_with_indices"], *tests["mentions_or_lists_with_indices"]]
    right = sum(_names(case["text"]) == _wanted(case["expected"]) for case in cases)
    yield Row("mentions", f"{SUITE}, mentions with indices, lists left out", len(cases), "cases right", str(right))
    cases = [*tests["hashtags_from_astral"]]
    right = sum(grammar.hashtags("twitter", case["text"]) == case["expected"] for case in cases)
    yield Row("hashtags", f"{SUITE}, hashtags from astral", len(cases), "cases right", str(right))
    cases = tests["hashtags_with_indices"]
    right = sum(
        [(span.text, [span.start, span.end]) for span in grammar.hashtag_spans("twitter", case["text"])]
        == [(found["hashtag"], found["indices"]) for found in case["expected"]]
        for case in cases
    )
    yield Row("hashtags", f"{SUITE}, hashtags with indices", len(cases), "cases right", str(right))
    yield from _handles()


def _names(text: str) -> list[tuple[str, list[int]]]:
    return [(span.text, [span.start, span.end]) for span in grammar.mention_spans("twitter", text)]


def _wanted(expected: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(found["screen_name"], found["indices"]) for found in expected if not found.get("list_slug")]


def _handles() -> Iterator[Row]:
    for name, valid in (("handle_syntax_valid.txt", True), ("handle_syntax_invalid.txt", False)):
        lines = (DATA / "atproto-syntax" / name).read_text("utf-8").split("\n")
        cases = [line for line in lines if line and not line.startswith("#")]
        right = sum((grammar.handle("bluesky", case) is not None) == valid for case in cases)
        yield Row("user names", f"{SYNTAX}, {name}", len(cases), "cases right", str(right))
