"""Whatever goes wrong, the answer is in the document's words, and costs nothing."""

import inspect
import json
import socket
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from influencer_stage import UNKNOWN, Stage, society, staged

from entourage.accounts import api_tokens, users
from entourage.accounts.model import OPERATOR
from entourage.doors import refusals
from entourage.doors.influencer.dialect import WORDS, Dialect
from entourage.kernel import errors
from entourage.kernel.db import Tx
from entourage.kernel.statements import Busy

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RESOURCES = (
    "/v1/channels/search?username=dior",
    "/v1/channels/{id}",
    "/v1/channels/{id}/analytics/audience",
    "/v1/channels/{id}/analytics/quality",
    "/v1/channels/{id}/analytics/mentions/incoming",
    "/v1/channels/{id}/analytics/mentions/outgoing",
    "/v1/channels/{id}/analytics/follower-changes",
    "/v1/channels/{id}/analytics/engaged",
    "/v1/channels/{id}/content",
)
FREE = ("/v1/", "/v1", "/v1/account/balance")


def told(answer: httpx.Response, status: int, detail: str) -> None:
    """An error of the document, after a look at what every error has."""
    assert answer.status_code == status, answer.text
    assert answer.json() == {"detail": detail}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert uuid.UUID(answer.headers["x-request-id"])


def test_every_error_that_can_be_raised_has_words() -> None:
    kinds = {kind for module in (errors, refusals) for _, kind in inspect.getmembers(module, inspect.isclass)}
    kinds = {kind for kind in kinds if issubclass(kind, errors.EntourageError)} - {errors.EntourageError}
    assert kinds == set(WORDS)


@pytest.mark.parametrize(
    ("error", "status", "detail", "header"),
    [
        (errors.Unauthenticated("No."), 401, "Not authorized", (b"www-authenticate", b"Token")),
        (errors.NotAllowed("No."), 403, "Forbidden", None),
        (errors.NotFound("There is no such channel."), 404, "Not found", None),
        (errors.NotFound("Not enough data: 3 of 10."), 404, "Not enough data: 3 of 10.", None),
        (errors.OutOfCredit("3 are left."), 429, "Not enough credits", None),
        (
            errors.Invalid(errors.Problem("page", "must be a number")),
            400,
            "Invalid value: page: must be a number",
            None,
        ),
        (Busy("Busy."), 503, "Internal error", (b"retry-after", b"30")),
        (refusals.RateLimited("Wait.", 60), 429, "Too many requests: Wait.", (b"retry-after", b"60")),
        (RuntimeError("the secret is 42"), 500, "Internal error", None),
    ],
)
def test_an_error_is_told_in_the_document_s_words(
    error: Exception, status: int, detail: str, header: tuple[bytes, bytes] | None
) -> None:
    reply = Dialect().refusal(error, "id", NOW)
    assert (reply.status, json.loads(reply.body)) == (status, {"detail": detail})
    assert header is None or header in reply.headers
    assert header is not None or not {b"retry-after", b"www-authenticate"} & {name for name, _ in reply.headers}


def test_who_shows_no_token_or_one_that_does_not_count_is_not_authorized(stage: Stage) -> None:
    dior = stage.channel("dior")
    revoked, good = stage.token(), stage.token()
    (number,) = [one.id for one in stage.do(api_tokens.listing, OPERATOR) if one.hint == revoked[:6]]
    stage.do(api_tokens.revoke, OPERATOR, number)
    for shown in (
        None,
        "Token " + "0" * 40,
        "Token " + revoked,
        "Token",
        "Bearer " + good,
        good,
        "Token " + good.upper() + "x",
        "Token é",
    ):
        client = stage.client(headers={} if shown is None else {b"Authorization": shown.encode("latin-1")})
        for path in (*FREE, *RESOURCES):
            for method in ("GET", "OPTIONS"):
                answer = client.request(method, path.format(id=dior))
                told(answer, 401, "Not authorized")
                assert answer.headers["www-authenticate"] == "Token"
    for shown in ("token " + good, "TOKEN   " + good):
        assert stage.client(headers={"Authorization": shown}).get("/v1/").status_code == 200
    assert stage.ledger() == []


def test_what_is_wrong_is_looked_at_in_a_known_order(stage: Stage) -> None:
    poor = stage.client(stage.token(plan="basic", credits_left=0))
    bad, forbidden = "/v1/channels/search?page=0", f"/v1/channels/{UNKNOWN}/analytics/engaged"
    told(stage.client().post(bad), 405, "Method not allowed")
    told(stage.client().get(bad), 401, "Not authorized")
    assert poor.get(bad).status_code == 400
    assert poor.get(forbidden + "?page=0").status_code == 400
    told(poor.get(forbidden), 403, "Forbidden")
    told(poor.get(f"/v1/channels/{UNKNOWN}"), 429, "Not enough credits")


def test_a_token_that_is_revoked_or_whose_user_is_disabled_stops_counting_within_three_seconds(stage: Stage) -> None:
    first, second = stage.client(stage.token()), stage.client(stage.token())
    assert first.get("/v1/").status_code == second.get("/v1/").status_code == 200
    stage.do(api_tokens.revoke, OPERATOR, stage.do(api_tokens.listing, OPERATOR)[0].id)
    stage.clock.advance(3)
    told(first.get("/v1/"), 401, "Not authorized")
    assert second.get("/v1/").status_code == 200
    stage.do(users.disable, OPERATOR, stage.user.id)
    stage.clock.advance(3)
    told(second.get("/v1/"), 401, "Not authorized")


def test_a_plan_that_does_not_include_a_resource_forbids_it(stage: Stage) -> None:
    client = stage.client(stage.token(plan="basic"))
    dior = stage.channel("dior")
    allowed = ("search", "follower-changes", "content", dior)
    for path in RESOURCES:
        address = path.format(id=dior)
        if address.partition("?")[0].endswith(allowed):
            assert client.get(address).status_code == 200
        else:
            told(client.get(address), 403, "Forbidden")
        assert client.options(address).json() == {"credits": 5}
    assert stage.balance() == 1000 - 4 * 5


def test_what_is_not_there_is_not_found_and_free(stage: Stage, ada: httpx.Client) -> None:
    for missing in (UNKNOWN, "nonsense", "1", "é", "%00", "x" * 3000):
        for path in RESOURCES[1:]:
            told(ada.get(path.format(id=missing)), 404, "Not found")
    for path in ("/v1/nothing", "/v1/channels", "/v1/channels/a/b", "/v1/account", f"/v1/channels/{UNKNOWN}/analytics"):
        for method in ("GET", "POST", "OPTIONS"):
            told(ada.request(method, path), 404, "Not found")
    dior = stage.channel("dior")
    for path in ("/v1/channels/search?username=dior&page=4", f"/v1/channels/{dior}/content?page=4"):
        told(ada.get(path), 404, "Not found")
    assert stage.ledger() == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("search", "username: is required"),
        ("search?username=", "username: must not be empty"),
        ("search?username=" + "x" * 201, "username: must have at most 200 characters"),
        ("search?username=a%00b", "username: must not contain control characters"),
        ("search?username=dior&media=myspace", "media: must be one of instagram, "),
        ("search?username=dior&media=", "media: must be one of "),
        ("search?username=dior&page=0", "page: must be at least 1"),
        ("search?username=dior&page=-1", "page: must be at least 1"),
        ("search?username=dior&page=two", "page: must be a whole number"),
        ("search?username=dior&page=1.5", "page: must be a whole number"),
        ("search?username=dior&page=99999999999999999999999999", "page: "),
        ("search?username=%ff", ""),
        ("{id}/content?page=0", "page: must be at least 1"),
        ("{id}/analytics/engaged?page=x", "page: must be a whole number"),
        ("{id}/analytics/follower-changes?period=91", "period: must be one of 90, 180, 360"),
        ("{id}/analytics/follower-changes?period=-90", "period: must be one of 90, 180, 360"),
        ("{id}/analytics/follower-changes?period=", "period: must be a whole number"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_costs_nothing(
    stage: Stage, ada: httpx.Client, query: str, words: str
) -> None:
    answer = ada.get("/v1/channels/" + query.format(id=stage.channel("dior")))
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"detail"}
    assert answer.json()["detail"].startswith("Invalid value: " + words)
    assert stage.ledger() == []


def test_other_methods_are_not_allowed_and_those_that_are_are_named(stage: Stage, ada: httpx.Client) -> None:
    dior = stage.channel("dior")
    for path in (*FREE, *RESOURCES):
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE"):
            answer = ada.request(method, path.format(id=dior))
            told(answer, 405, "Method not allowed")
            assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_who_has_too_few_credits_is_told_so_before_any_work(stage: Stage) -> None:
    client = stage.client(stage.token(credits_left=4))
    dior = stage.channel("dior")
    for path in RESOURCES:
        for address in (path.format(id=dior), path.format(id=UNKNOWN)):
            told(client.get(address), 429, "Not enough credits")
        assert client.options(path.format(id=dior)).json() == {"credits": 5}
        assert client.head(path.format(id=dior)).status_code == 429
    assert client.get("/v1/account/balance").json() == {"credits": 4}
    assert client.get("/v1/").status_code == 200
    assert stage.balance() == 4


def test_strangers_are_counted_by_address_and_holders_of_tokens_not_at_all(
    database_url: str, tmp_path: Path, clock: Any
) -> None:
    with staged(database_url, tmp_path / "data", clock, public_rate=1, user_rate=1) as stage:
        stranger, holder = stage.client(), stage.client(stage.token())
        answers = [stranger.get("/v1/") for _ in range(101)]
        assert {answer.status_code for answer in answers[:-1]} == {401}
        assert answers[-1].status_code == 429
        assert answers[-1].json()["detail"].startswith("Too many requests: ")
        assert answers[-1].headers["retry-after"] == "3600"
        assert {holder.get("/v1/").status_code for _ in range(5)} == {200}


def test_a_crash_is_told_without_its_details_and_costs_nothing(stage: Stage, ada: httpx.Client) -> None:
    dior = stage.channel("dior")
    stage.do(Tx.run, sa.text("UPDATE posts SET tags = 'the secret is 42'"))
    told(ada.get(f"/v1/channels/{dior}/content"), 500, "Internal error")
    stage.do(Tx.run, sa.text("UPDATE posts SET tags = '[]'"))
    assert ada.get(f"/v1/channels/{dior}/content").status_code == 200
    assert len(stage.ledger()) == 1


def test_bytes_that_are_no_request_break_nothing(stage: Stage, ada: httpx.Client) -> None:
    where = urlsplit(stage.url)
    assert where.hostname
    assert where.port
    for raw in (b"GET /v1/\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"GET /v1/ HTTP/9.9\r\n\r\n"):
        with socket.create_connection((where.hostname, where.port), 5) as wire:
            wire.sendall(raw)
            assert b"200 OK" not in wire.recv(65_536)
    assert ada.get("/v1/").status_code == 200


def test_links_lead_where_the_client_came_from(database_url: str, tmp_path: Path, clock: Any) -> None:
    with staged(database_url, tmp_path / "data", clock, trusted=True) as stage:
        stage.learn(*society(clock()))
        client = stage.client(stage.token())
        path = "/v1/channels/search?username=dior"
        for headers, start in (
            ({"Host": "api.example.org"}, "http://api.example.org/v1/"),
            ({"Host": "api.example.org:8443", "X-Forwarded-Proto": "https"}, "https://api.example.org:8443/v1/"),
            ({"Host": "[::1]:8000"}, "http://[::1]:8000/v1/"),
            ({"Host": "entourage_server:80"}, "http://entourage_server:80/v1/"),
            ({"Host": 'evil"><script>'}, '{"detail":"Invalid value"}'),
        ):
            answer = client.get(path, headers=headers)
            assert answer.json().get("next", answer.text).startswith(start)


def test_links_lead_to_the_public_address_where_there_is_one(database_url: str, tmp_path: Path, clock: Any) -> None:
    with staged(database_url, tmp_path / "data", clock, public_url="https://influencer.example.org/") as stage:
        stage.learn(*society(clock()))
        client = stage.client(stage.token())
        told_next = client.get("/v1/channels/search?username=d%C3%AFor+x&username=dior").json()["next"]
        assert told_next == (
            "https://influencer.example.org/v1/channels/search?username=d%C3%AFor+x&username=dior&page=2"
        )


def test_one_origin_may_come_in_by_configuration(database_url: str, tmp_path: Path, clock: Any) -> None:
    with staged(database_url, tmp_path / "data", clock, cors_origins=("https://app.example.org",)) as stage:
        asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
        ready = stage.client().options("/v1/channels/search", headers=asked)
        assert ready.status_code == 204
        assert "Authorization" in ready.headers["access-control-allow-headers"]
        answer = stage.client(stage.token()).options("/v1/", headers={"Origin": "https://app.example.org"})
        assert answer.json() == {"credits": 0}
        assert "X-Credits-Remaining" in answer.headers["access-control-expose-headers"]


def test_prices_and_plans_are_the_operator_s(database_url: str, tmp_path: Path, clock: Any) -> None:
    options: dict[str, Any] = {"credit_prices": ("audience=50", "content=0"), "credit_plans": ("gold=60",)}
    with staged(database_url, tmp_path / "data", clock, **options) as stage:
        stage.learn(*society(clock()))
        dior, client = stage.channel("dior"), stage.client(stage.token())
        assert client.options(f"/v1/channels/{dior}/analytics/audience").json() == {"credits": 50}
        assert client.get(f"/v1/channels/{dior}/content").headers["x-credits-cost"] == "0"
        assert client.get(f"/v1/channels/{dior}/analytics/audience").headers["x-credits-remaining"] == "10"
        told(client.get(f"/v1/channels/{dior}/analytics/audience"), 429, "Not enough credits")
        assert stage.ledger() == [("audience", -50, dior)]


def test_a_month_later_the_allowance_is_there_again(stage: Stage) -> None:
    client, dior = stage.client(stage.token(credits_left=5)), stage.channel("dior")
    assert client.get(f"/v1/channels/{dior}").headers["x-credits-remaining"] == "0"
    told(client.get(f"/v1/channels/{dior}"), 429, "Not enough credits")
    stage.clock.advance(31 * 86_400)
    assert client.get("/v1/account/balance").json() == {"credits": 10_000}
    assert client.get(f"/v1/channels/{dior}").headers["x-credits-remaining"] == "9995"
