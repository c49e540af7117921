"""The server's key, what is sealed with it, and what is taken out of texts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entourage.kernel import secrets
from entourage.kernel.errors import Damaged, Invalid
from entourage.kernel.secrets import Secrets, redact, redact_value

KEY = b"0123456789abcdef0123456789abcdef"


def test_the_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"
    first = secrets.open_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not secrets.readable_by_others(path)
    assert secrets.open_key(path).derive("x") == first.derive("x")
    assert list(path.parent.iterdir()) == [path]


def test_a_key_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    secrets.open_key(path)
    path.chmod(0o640)
    assert secrets.readable_by_others(path)


def test_many_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with ThreadPoolExecutor(16) as pool:
        keys = {opened.derive("x") for opened in pool.map(secrets.open_key, [path] * 16)}
    assert len(keys) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_given_key_is_used_and_no_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    given_key = secrets.open_key(path, KEY.decode())
    assert given_key.derive("x") == Secrets(KEY).derive("x")
    assert not path.exists()


def test_a_key_too_short_or_an_emptied_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(b"")
    with pytest.raises(Invalid):
        secrets.open_key(path)
    with pytest.raises(Invalid):
        secrets.open_key(path, "short")
    assert path.read_bytes() == b""


def test_each_purpose_has_a_key_of_its_own() -> None:
    ours = Secrets(KEY)
    assert len({ours.derive("a"), ours.derive("b"), Secrets(KEY + b"x").derive("a")}) == 3
    assert len(ours.derive("a")) == 32


@given(st.text(), st.text(max_size=20))
def test_what_was_sealed_comes_back_and_never_looks_the_same(text: str, context: str) -> None:
    ours = Secrets(KEY)
    sealed = ours.seal(text, context)
    assert ours.unseal(sealed, context) == text
    assert ours.seal(text, context) != sealed


def test_what_was_changed_moved_or_sealed_by_another_is_refused_with_what_to_do() -> None:
    ours = Secrets(KEY)
    sealed = ours.seal("hunter2", "account 1")
    assert "hunter2" not in sealed
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for spoilt, context in ((sealed, "account 2"), (changed, "account 1"), ("", ""), ("v1.", ""), ("plain text", "")):
        with pytest.raises(Damaged, match="old key"):
            ours.unseal(spoilt, context)
    with pytest.raises(Damaged):
        Secrets(KEY + b"x").unseal(sealed, "account 1")


SECRET = "s3cr3t-W0rd.42"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://alice:{SECRET}@example.org/a?b=1",
        f"postgresql://u:{SECRET}@localhost:5432/x",
        f"https://example.org/?token={SECRET}&page=2",
        f"https://example.org/?page=2&X-Amz-Signature={SECRET}",
        f"https://example.org/#access_token={SECRET}",
        f"api_key={SECRET}, then more",
        f"password: {SECRET}",
        f"PASSWORD = '{SECRET} with a space'",
        f'{{"password": "{SECRET}", "user": "x"}}',
        f"{{'client_secret': '{SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"Proxy-Authorization: Negotiate {SECRET}",
        f"Cookie: a=b; sessionid={SECRET}; c=d",
        f"Set-Cookie: id={SECRET}; HttpOnly",
        f"X-Api-Key: {SECRET}",
        f"sent bearer {SECRET} along",
        f"header Token {SECRET}",
        f"got eyJhbGciOiJIUzI1NiJ9.{SECRET.replace('.', '')}.sig back",
        f"--password={SECRET}",
        f"DB_PASSWORD={SECRET}",
        f"sessionid={SECRET}",
        f"csrftoken={SECRET};",
    ],
)
def test_secrets_are_taken_out_of_texts(text: str) -> None:
    assert SECRET not in redact(text)
    assert SECRET.split(".", maxsplit=1)[0] not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Downloaded 8 posts from evalongoria",
        "https://example.org/alice/status/12?page=2#comments",
        "The access token has expired; basic information about monkey=3",
        "user@example.org asked for tokens of gratitude",
        "Sorted by keyword=blue at 12:30",
    ],
)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


def test_what_belongs_to_an_address_stays_readable() -> None:
    assert redact(f"https://u:{SECRET}@h.org/p?a=1&token={SECRET}&b=2") == "https://***@h.org/p?a=1&token=***&b=2"


def test_values_are_masked_by_their_names_however_deep() -> None:
    value = {
        "user": "alice",
        "password": SECRET,
        "count": 3,
        "done": True,
        "nothing": None,
        "headers": {"Cookie": SECRET, "Accept": "x"},
        "list": [f"token={SECRET}", {"api_key": 12345}],
        "has_password": True,
        "tokens": 5,
    }
    clean = redact_value(value)
    assert SECRET not in str(clean)
    assert clean == {
        "user": "alice",
        "password": "***",
        "count": 3,
        "done": True,
        "nothing": None,
        "headers": {"Cookie": "***", "Accept": "x"},
        "list": ["token=***", {"api_key": "***"}],
        "has_password": True,
        "tokens": 5,
    }


@given(st.text(alphabet="x-key token=:/@\"'eyJ.session_", max_size=400))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(redact(once)) == redact(once)


@pytest.mark.parametrize("piece", ["x-", "session_", "://", "key=", "eyJ", "token ", "cookie:", '"', "a:", "-----"])
def test_a_long_hostile_text_is_redacted_without_end(piece: str) -> None:
    assert redact(piece * 20_000 + "=") is not None
