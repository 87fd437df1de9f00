"""What a caller sends is found in that caller's jobs and answers, and in no other place that keeps or tells anything.

Each kind of text has a marker of its own. They go through every operation of the OpenAPI document, and through jobs
that end in every way; then all that is kept is searched.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.rendering import read_template
from promptmill.clock import random_hex
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from tests.support.api import new_address
from tests.support.canaries import (
    API_KEY,
    CANARIES,
    ENDINGS,
    HEADERS,
    OPERATIONS,
    QUERY,
    UNUSABLE_BODIES,
    USABLE_BODIES,
    Sent,
    filled,
    send_everything,
)
from tests.support.emitted import emitted
from tests.support.in_process import api_event
from tests.support.traces import events, histories, log_events, log_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from local.stack import Stack

# Attributes that are there to hold what a caller sent, by the table and the beginning of the sort key.
HOLDERS = {
    ("jobs", "JOB"): {"input", "metadata", "result"},
    ("jobs", "REQUEST"): {"request"},
    ("jobs", "CALL#"): {"answer"},
    ("jobs", "CHUNK#"): {"text"},
    ("library", "USER"): {"email", "subject"},
    ("webhooks", "WEBHOOK"): {"url", "secrets"},
    ("webhooks", "DELIVERY#"): {"body"},
}
NOBODY_THERE = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def sent(stack: Stack) -> Sent:
    return send_everything(stack)


def test_the_jobs_ended_in_every_way(sent: Sent) -> None:
    wanted = {ending.name: ending.status for ending in ENDINGS} | {"is replayed": "succeeded"}
    assert {name: sent.jobs[name]["status"] for name in wanted} == wanted
    assert sent.jobs["is canceled"]["status"] in {"canceled", "succeeded"}
    assert CANARIES["prompt"] in sent.jobs["succeeds"]["result"]["text"]


def test_no_log_has_anything_that_was_sent(sent: Sent, stack: Stack) -> None:
    written = log_events(stack) | log_files(stack)
    assert sent.jobs["is cut off"]["id"] in written[stack.function_log_group]
    assert {name: found for name, text in written.items() if (found := sent.found_in(text))} == {}


def test_histories_have_the_metadata_of_the_event_and_nothing_else_that_was_sent(sent: Sent, stack: Stack) -> None:
    written = histories(stack, *(job["id"] for job in sent.jobs.values()))
    assert sent.found_in(written) == ["metadata"]


def test_events_have_the_metadata_and_nothing_else_that_was_sent(sent: Sent, stack: Stack) -> None:
    messages = events(stack, *(job["id"] for job in sent.jobs.values()))
    assert len(messages) == 2 * len(sent.jobs)
    assert sent.found_in(json.dumps(messages, ensure_ascii=False)) == ["metadata"]


def test_what_is_sent_is_stored_only_in_the_attributes_that_are_there_for_it(sent: Sent, stack: Stack) -> None:
    held: set[tuple[str, str]] = set()
    for table, sort_key, name, text in stored(stack):
        if found := sent.found_in(text):
            assert name in holders(table, sort_key), (table, sort_key, name, found)
            assert not sent.credentials.keys() & set(found)
            held.add((table, name))
    assert held == {(table, name) for (table, _), names in HOLDERS.items() for name in names}


def stored(stack: Stack) -> Iterator[tuple[str, str, str, str]]:
    """Every attribute of every item: table, sort key, name, content."""
    dynamodb = stack.client("dynamodb")
    tables = {
        "jobs": stack.jobs_table,
        "library": stack.library_table,
        "control": stack.control_table,
        "webhooks": stack.webhooks_table,
    }
    for table, name in tables.items():
        for page in dynamodb.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                for attribute, value in item.items():
                    yield table, item.get("sk", {}).get("S", ""), attribute, json.dumps(value, default=str)


def holders(table: str, sort_key: str) -> set[str]:
    found = [names for (of, start), names in HOLDERS.items() if of == table and sort_key.startswith(start)]
    return set().union(*found)


def test_artifacts_are_named_without_anything_that_was_sent(sent: Sent, stack: Stack) -> None:
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.artifacts_bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    assert any(sent.jobs["is drawn"]["id"] in key for key in keys)
    assert sent.found_in(" ".join(keys)) == []


def test_an_answer_repeats_nothing_that_is_not_its_own(sent: Sent) -> None:
    assert {answer.status_code for answer, _ in sent.answers} >= {200, 400, 401, 404, 422}
    for answer, own in sent.answers:
        assert set(sent.found_in(all_of(answer))) <= own, answer.request.url


def test_a_strangers_answers_have_nothing_that_was_sent(sent: Sent) -> None:
    for answer in sent.of_strangers:
        assert sent.found_in(all_of(answer)) == [], answer.request.url


def test_a_failed_job_says_its_code_and_nothing_of_what_was_sent(sent: Sent) -> None:
    errors = [job["error"] for job in sent.jobs.values() if job["error"]]
    assert len(errors) == 4
    assert sent.found_in(json.dumps(errors)) == []


def all_of(answer: httpx.Response) -> str:
    return f"{answer.headers} {answer.text}"


@pytest.mark.parametrize(
    ("environment", "statuses"),
    [({}, {200, 202, 400, 404, 422}), (NOBODY_THERE, {400, 404, 422, 503})],
    ids=["at work", "without a store"],
)
def test_the_api_functions_write_nothing_that_was_sent(
    sent: Sent, stack: Stack, environment: dict[str, str], statuses: set[int]
) -> None:
    written = ""
    for folder, routes in api_functions().items():
        asked = [event for route in sorted(routes) for event in api_events(sent, *route)]
        written += emitted(stack, folder, asked, **environment)
    assert [status for status in statuses if f'"status":{status}' not in written] == []
    assert sent.found_in(written) == []


@pytest.mark.parametrize("environment", [{}, NOBODY_THERE], ids=["at work", "without a store"])
def test_the_authorizer_writes_nothing_that_was_sent(sent: Sent, stack: Stack, environment: dict[str, str]) -> None:
    asked = [
        {
            "type": "REQUEST",
            "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/local/GET/v1/jobs",
            "multiValueHeaders": {"authorization": [f"Bearer {credential}"], "x-note": [CANARIES["header"]]},
        }
        for credential in (sent.token, sent.bad_token, API_KEY, CANARIES["header"])
    ]
    written = emitted(stack, "authorize_caller", asked, **environment)
    assert "Unauthorized" in written
    assert ("StoreUnavailable" in written) is bool(environment)
    assert sent.found_in(written) == []


def api_functions() -> dict[str, set[tuple[str, str]]]:
    """The folders of the functions behind the API, each with its operations: method and path."""
    known = set(OPERATIONS)
    found: dict[str, set[tuple[str, str]]] = {}
    for resource in read_template()["Resources"].values():
        properties = resource.get("Properties", {})
        for event in properties.get("Events", {}).values():
            route = (event["Properties"].get("Method"), event["Properties"].get("Path"))
            if route in known:
                found.setdefault(properties["CodeUri"].split("/")[1], set()).add(route)
    assert set().union(*found.values()) == known
    return found


def api_events(sent: Sent, method: str, path: str) -> Iterator[dict[str, Any]]:
    """What the functions get of requests with the markers, refused and accepted."""
    job_id, owner = sent.jobs["succeeds"]["id"], sent.jobs["succeeds"]["owner"]
    # The owner of the jobs has started as many as one may.
    caller = Caller(owner if "{" in path else f"usr_{random_hex(16)}", plan="user", roles=frozenset(Role))
    refused = {**HEADERS, "authorization": f"Bearer {sent.token}"}
    accepted = {name: value for name, value in refused.items() if name not in {"prefer", "last-event-id"}}
    for headers, query, place, bodies in (
        (refused, QUERY, CANARIES["path"], UNUSABLE_BODIES),
        (refused, QUERY, job_id, UNUSABLE_BODIES),
        (accepted, None, job_id, USABLE_BODIES),
    ):
        for body in bodies if method == "POST" else (None,):
            event = api_event(method, filled(path, place), address=new_address(), body=body, query=query)
            event |= {"headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
            event["requestContext"]["authorizer"] = caller.to_context()
            yield event
