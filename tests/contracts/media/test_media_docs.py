"""The door's page about itself is true: every call is there with an example, and the calls do what it says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from media_stage import DOCUMENTED, Stage, staged
from schemathesis import GenerationMode, checks

from entourage.archive.preferences import Preferences
from entourage.doors.media import calls, routes

API = "/api/v1"


def test_every_call_is_on_the_page_with_examples_that_fit_their_shapes() -> None:
    assert {handler.handler_name for handler in routes.HANDLERS} == set(calls.CALLS)
    for name, call in calls.CALLS.items():
        if call.answer is not None:
            assert call.example is not None, name
            assert msgspec.convert(call.example, call.answer) is not None
        if call.body is not None:
            assert msgspec.convert(call.body_example, call.body) is not None, name


def test_every_documented_call_is_there() -> None:
    paths = routes.document()["paths"]
    there = {
        (method.upper(), re.sub(r"\{\w+\}", "{id}", path.removeprefix(API)))
        for path, methods in paths.items()
        for method in methods
    }
    documented = {tuple(call.split(" ")) for call, entry in DOCUMENTED.items() if "event" not in entry}
    assert documented <= there


def test_the_page_needs_nothing_from_elsewhere(stage: Stage) -> None:
    client = stage.client()
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    links = {"/docs/style.css", "/docs/openapi.json", "/v1/docs"}
    assert set(re.findall(r'(?:href|src)="([^"#]+)"', page.text)) == links
    assert "<script" not in page.text
    assert client.get("/docs/style.css").headers["content-type"].startswith("text/css")
    document = client.get("/docs/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert all(f'id="{call}"' in page.text for call in calls.CALLS)


SIGNS_OUT = f"{API}/auth/logout"
HOW = settings(
    max_examples=12,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_calls_do_what_the_page_says(narrow_mind: Stage, mode: GenerationMode) -> None:
    """Requests made from the document, right ones and wrong ones: answers fit it, and none is a crash.

    That wrong ones are refused is tested by hand: what is wrong here may be a parameter too many, which is ignored.
    """
    stage = narrow_mind
    admin = stage.client(stage.admin)
    stage.keep("one")
    page: Any = schemathesis.openapi.from_dict(admin.get("/docs/openapi.json").json())
    page.config.update(base_url=stage.url)
    chosen: list[Any] = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.response_headers_conformance,
    ]
    headers = {"Authorization": admin.headers["Authorization"]}
    for found in page.get_all_operations():
        operation = found.ok()
        wrong_is_possible = operation.query or operation.body or operation.path_parameters
        if operation.path == SIGNS_OUT or (mode is GenerationMode.NEGATIVE and not wrong_is_possible):
            continue

        @HOW
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=chosen)

        ask()


@pytest.fixture
def narrow_mind(database_url: str, tmp_path: Path, clock: Any) -> Iterator[Stage]:
    """A door without limits worth speaking of, for thousands of requests."""
    with staged(database_url, tmp_path / "data", clock, user_rate=1_000_000, public_rate=1_000_000) as running:
        yield running


def test_the_settings_on_the_page_are_those_there_are(admin: httpx.Client) -> None:
    told = admin.get(f"{API}/settings").json()
    assert msgspec.convert(told, Preferences) is not None
