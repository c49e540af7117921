"""Operator settings: where they come from, what is refused, what is shown."""

from pathlib import Path

import pytest

from entourage.kernel import settings
from entourage.kernel.errors import Invalid
from entourage.kernel.settings import Settings, from_environment

GUIDE = Path(__file__).parents[2] / "docs/guide/settings.md"


def test_nothing_set_gives_the_documented_defaults(tmp_path: Path) -> None:
    found = from_environment({"ENTOURAGE_DATA": str(tmp_path)})
    assert (found.host, found.port, found.access_seconds) == ("127.0.0.1", 8000, 900)
    assert (found.public_rate, found.user_rate, found.user_sockets) == (100, 1000, 10)
    assert found.database_url == f"sqlite:///{tmp_path}/entourage.db"
    assert found.key_file == tmp_path / "secret.key"
    assert found.url == "http://127.0.0.1:8000"


def test_the_command_line_wins_over_the_environment_and_none_is_not_given() -> None:
    environment = {"ENTOURAGE_PORT": "9000", "ENTOURAGE_HOST": "::1"}
    found = from_environment(environment, port=9001, host=None, allow_networks=())
    assert (found.port, found.host, found.url) == (9001, "::1", "http://[::1]:9001")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert from_environment({"ENTOURAGE_PORT": " "}).port == 8000


def test_networks_come_as_a_list_or_separated_by_commas() -> None:
    assert from_environment({"ENTOURAGE_ALLOW_NETWORKS": "10.1.2.3/8, 192.168.0.1,"}).allow_networks == (
        "10.0.0.0/8",
        "192.168.0.1/32",
    )
    assert from_environment({}, allow_networks=["fd00::/8"]).allow_networks == ("fd00::/8",)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("k" * 40 + "\n")
    assert from_environment({"ENTOURAGE_SECRET_KEY_FILE": str(path)}).secret_key == "k" * 40
    both = {"ENTOURAGE_SECRET_KEY_FILE": str(path), "ENTOURAGE_SECRET_KEY": "x" * 40}
    assert from_environment(both).secret_key == "x" * 40


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "\u0665"),
        ("SLOTS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("ALLOW_NETWORKS", "10.0.0.0/8,home"),
        ("DATABASE", "mysql://u:secret-word@h/d"),
        ("PUBLIC_URL", "media.example.org"),
        ("PUBLIC_URL", "http://[broken"),
        ("SECRET_KEY", "secret-word"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_it_was_set_with(variable: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_environment({f"ENTOURAGE_{variable}": value})
    assert [problem.field for problem in refused.value.problems] == [f"ENTOURAGE_{variable}"]
    assert "secret-word" not in str(refused.value)


def test_every_bad_value_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    environment = {
        "ENTOURAGE_SECRET_KEY_FILE": str(tmp_path / "absent"),
        "ENTOURAGE_DATABASE_FILE": str(tmp_path / "binary"),
    }
    with pytest.raises(Invalid) as refused:
        from_environment(environment, port="x")
    assert {problem.field for problem in refused.value.problems} == {
        "--port",
        "ENTOURAGE_SECRET_KEY_FILE",
        "ENTOURAGE_DATABASE_FILE",
    }


def test_an_option_that_does_not_exist_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="portt"):
        from_environment({}, portt=1)


def test_a_misspelt_variable_is_noticed() -> None:
    environment = {"ENTOURAGE_PROT": "1", "ENTOURAGE_PORT": "1", "ENTOURAGE_SECRET_KEY_FILE": "x", "PATH": "/bin"}
    assert settings.unknown_variables(environment) == ["ENTOURAGE_PROT"]


def test_secrets_are_masked_wherever_they_stand() -> None:
    database = "postgresql://entourage:pass-word@db/entourage?password=other-word&sslmode=require"
    shown = Settings(database=database, secret_key="k" * 40).masked()
    assert shown["database"] == "postgresql://entourage:***@db/entourage?password=***&sslmode=require"
    assert shown["secret_key"] == "***"
    assert Settings().masked()["secret_key"] == ""
    assert set(shown) == {option.name for option in settings.options()}


def test_every_option_says_what_it_is_for() -> None:
    for option in settings.options():
        assert option.help.endswith(".")
        assert option.shown_default
        assert option.variable == f"ENTOURAGE_{option.name.upper()}"
    assert settings.option("allow_networks").flag == "--allow-network"
    assert settings.option("trusted_proxies").flag == "--trusted-proxy"


def test_the_page_of_the_manual_is_the_one_made_from_the_options() -> None:
    assert GUIDE.read_text("utf-8") == settings.guide()
