"""`entourage token` and `entourage credits` from outside, in processes of their own."""

import re
from pathlib import Path

import pytest
from servers.entourage_server import entourage

GOOD = "a long and good password"


@pytest.fixture
def given(tmp_path: Path, database_url: str) -> tuple[object, ...]:
    options = ("--data", tmp_path / "data", "--database", database_url)
    assert entourage("user", "add", "ada", "--password-stdin", *options, typed=GOOD).code == 0
    return options


def test_a_token_stands_alone_on_its_line_and_is_never_told_again(given: tuple[object, ...]) -> None:
    made = entourage("token", "add", "Ada", "--credits", 12, "--label", "reports", *given)
    assert made.code == 0, made.err
    assert re.fullmatch(r"[0-9a-f]{40}\n", made.out)
    assert re.fullmatch(r"ada has 12 credits of plan full until \S+ \S+\. The token is not shown again\.\n", made.err)
    listed = entourage("token", "list", "ada", *given).out
    assert made.out.strip() not in listed
    assert re.fullmatch(rf"1\tada\t{made.out[:6]}…\treports\tmade [-\d]+ [\d:]+\tcounts\n", listed)


def test_a_plan_a_top_up_and_a_revoked_token(given: tuple[object, ...]) -> None:
    assert "1000 credits of plan basic" in entourage("token", "add", "ada", "--plan", "basic", *given).err
    assert "1030 credits of plan basic" in entourage("credits", "add", "ada", 30, *given).out
    shown = entourage("credits", "show", "ada", *given).out.splitlines()
    assert [line.split("\t")[1:4] for line in shown[1:]] == [
        ["+30", "1030", "top-up"],
        ["-9000", "1000", "plan basic"],
        ["+10000", "10000", "plan full"],
    ]
    assert entourage("token", "revoke", 1, *given).code == 0
    assert "\trevoked " in entourage("token", "list", *given).out


def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(given: tuple[object, ...]) -> None:
    for words, code, told in (
        (("token", "add", "nobody"), 1, "There is no user called nobody."),
        (("token", "add", "ada", "--plan", "gold"), 2, "plan: one of full, basic"),
        (("token", "add", "ada", "--credits", -1), 2, "credits: 0 to "),
        (("token", "add", "ada", "--credits", "many"), 2, "invalid int value"),
        (("token", "revoke", 7), 1, "There is no such token."),
        (("token", "list", "nobody"), 1, "There is no user called nobody."),
        (("credits", "add", "ada", 0), 2, "credits: 1 to "),
        (("credits", "add", "nobody", 5), 1, "There is no user called nobody."),
        (("credits", "show", "nobody"), 1, "There is no user called nobody."),
        (("token", "add", "ada", "--credit-plan", "full=many"), 2, "--credit-plan: a plan as full=10000"),
        (("token", "add", "ada", "--credit-plan", "a=1:pictures"), 2, "pictures is no resource"),
    ):
        ended = entourage(*words, *given)
        assert (ended.code, ended.out) == (code, "")
        assert told in ended.said_plainly()
    assert entourage("token", "list", *given).out == ""
    assert len(entourage("credits", "show", "ada", *given).out.splitlines()) == 1
