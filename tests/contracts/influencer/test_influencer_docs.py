"""The door's page about itself is true: every call is there with an example that fits its shape."""

import re
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from influencer_stage import Stage
from schemathesis import GenerationMode, checks

from entourage.doors.influencer import calls, resources, routes

DOCUMENTED = {
    "/v1/",
    "/v1/account/balance",
    "/v1/channels/search",
    "/v1/channels/{channel_id}",
    "/v1/channels/{channel_id}/analytics/audience",
    "/v1/channels/{channel_id}/analytics/quality",
    "/v1/channels/{channel_id}/analytics/mentions/incoming",
    "/v1/channels/{channel_id}/analytics/mentions/outgoing",
    "/v1/channels/{channel_id}/analytics/follower-changes",
    "/v1/channels/{channel_id}/analytics/engaged",
    "/v1/channels/{channel_id}/content",
}


def test_every_call_is_on_the_page_with_an_example_that_fits_its_shape() -> None:
    assert {handler.handler_name for handler in resources.HANDLERS} == set(calls.CALLS)
    for name, call in calls.CALLS.items():
        assert msgspec.convert(call.example, call.answer) is not None, name
    paths = routes.document()["paths"]
    assert set(paths) == DOCUMENTED
    assert all(set(methods) == {"get", "options"} for methods in paths.values())
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_the_page_needs_no_token_and_nothing_from_elsewhere(stage: Stage) -> None:
    client = stage.client()
    page = client.get("/v1/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert set(re.findall(r'(?:href|src)="(/[^"#]+)"', page.text)) == {
        "/v1/docs/style.css",
        "/v1/docs/openapi.json",
        "/docs",
    }
    assert "<script" not in page.text
    assert client.get("/v1/docs/style.css").headers["content-type"].startswith("text/css")
    document = client.get("/v1/docs/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert all(f'id="{call}"' in page.text for call in calls.CALLS)


HOW = settings(
    max_examples=12,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_calls_do_what_the_page_says(stage: Stage, ada: httpx.Client, mode: GenerationMode) -> None:
    """Requests made from the document, right ones and wrong ones: answers fit it, and none is a crash."""
    page: Any = schemathesis.openapi.from_dict(ada.get("/v1/docs/openapi.json").json())
    page.config.update(base_url=stage.url)
    chosen: list[Any] = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.response_headers_conformance,
    ]
    headers = {"Authorization": ada.headers["Authorization"]}
    for found in page.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters):
            continue

        @HOW
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=chosen)

        ask()
