"""POST /v1/jobs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from promptmill import errors
from promptmill.jobs.intake import Intake
from tests.support.builders import PROMPT, a_policy, plans_of
from tests.unit.http.calls import BASE_URL, OWNER, REQUEST_ID, Api, Reply, an_event
from tests.unit.jobs.attempts import CONFIGURED
from tests.unit.jobs.fakes import FakeWorkflow, MemoryJobStore, MemoryRates, MemoryRecords

ENHANCE = {"kind": "enhance", "prompt": PROMPT}
IMAGE = {"kind": "image", "prompt": "a red fox", "width": 256}


def problem_of(answer: Reply) -> dict[str, Any]:
    """The problem document, held to its form."""
    document: dict[str, Any] = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert {name: document[name] for name in ("type", "status", "instance", "request_id")} == {
        "type": "about:blank",
        "status": answer.status,
        "instance": "/v1/jobs",
        "request_id": REQUEST_ID,
    }
    assert document["detail"]
    assert set(document) <= {
        *("type", "title", "status", "detail", "instance", "code", "request_id", "retryable", "errors"),
    }
    return document


def left_nothing(api: Api) -> bool:
    return (api.jobs.jobs, api.workflow.started) == ({}, {})


@pytest.mark.parametrize("document", [ENHANCE, IMAGE])
def test_a_job_is_accepted_stored_and_started(document: dict[str, Any]) -> None:
    api = Api()
    answer = api.post("/v1/jobs", document)
    job = answer.json
    assert answer.status == 202
    assert (job["object"], job["kind"], job["status"], job["owner"]) == ("job", document["kind"], "queued", OWNER)
    assert set(api.jobs.jobs) == set(api.workflow.started) == {job["id"]}
    assert answer.headers["location"] == job["links"]["self"] == f"{BASE_URL}/v1/jobs/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/json"


def test_the_accepted_job_can_be_read_at_its_location_as_it_was_answered() -> None:
    api = Api()
    accepted = api.post("/v1/jobs", ENHANCE)
    path = accepted.headers["location"].removeprefix(BASE_URL)
    assert api.get(path).json == accepted.json


def test_the_answer_says_what_is_left_of_the_rate() -> None:
    headers = Api(policy=a_policy(limit=10, period_seconds=60, burst=3)).post("/v1/jobs", ENHANCE).headers
    assert headers["ratelimit-policy"] == '"anonymous";q=10;w=60'
    assert headers["ratelimit"] == '"anonymous";r=2;t=6'


def test_a_caller_over_the_limit_is_told_so_with_every_header_and_nothing_is_left() -> None:
    api = Api(tat_ms=2**53, policy=a_policy(limit=10, period_seconds=60, burst=3))
    answer = api.post("/v1/jobs", ENHANCE)
    document = problem_of(answer)
    assert (answer.status, document["code"], document["retryable"]) == (429, "rate_limited", True)
    seconds = int(answer.headers["retry-after"])
    assert seconds > 1
    assert f"{seconds} seconds" in document["detail"]
    assert answer.headers["ratelimit-policy"] == '"anonymous";q=10;w=60'
    assert answer.headers["ratelimit"] == f'"anonymous";r=0;t={seconds}'
    assert left_nothing(api)


def test_the_headers_of_a_refusal_are_not_on_the_next_answer() -> None:
    """A function serves one request after another."""
    api = Api(tat_ms=2**53)
    assert api.post("/v1/jobs", ENHANCE).status == 429
    answer = api.post("/v1/jobs", {"kind": "enhance"})
    assert answer.status == 422
    assert "ratelimit" not in answer.headers


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ("{", {}, 400, "malformed_body"),
        ("", {}, 400, "malformed_body"),
        ("[]", {}, 400, "malformed_body"),
        ('"text"', {}, 400, "malformed_body"),
        (json.dumps(ENHANCE), {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ('{"kind":"enhance","prompt":"' + "x" * 600_000 + '"}', {}, 413, "body_too_large"),
        ('{"kind":"enhance","prompt":"short"}', {}, 422, "invalid_input"),
        ('{"kind":"enhance","prompt":"long enough a prompt","model":"gpt-9"}', {}, 422, "invalid_input"),
        ('{"kind":"image","prompt":"a red fox","model":"nova-lite"}', {}, 422, "invalid_input"),
    ],
)
def test_a_body_that_cannot_be_used_leaves_nothing(body: str, headers: dict[str, str], status: int, code: str) -> None:
    api = Api()
    answer = api.post("/v1/jobs", body=body, headers=headers)
    document = problem_of(answer)
    assert (answer.status, document["code"], document["retryable"]) == (status, code, False)
    assert left_nothing(api)


def test_every_finding_is_named_where_it_is() -> None:
    answer = Api().post("/v1/jobs", {"kind": "image", "prompt": "a red fox", "width": 100, "colour": "red", "n": 9})
    document = problem_of(answer)
    assert {finding["pointer"] for finding in document["errors"]} == {"/width", "/colour", "/n"}
    assert all(finding["detail"] for finding in document["errors"])


def test_a_model_that_cannot_be_used_is_named_with_those_that_can() -> None:
    answer = Api().post("/v1/jobs", {**IMAGE, "model": "claude-haiku-4.5"})
    (finding,) = problem_of(answer)["errors"]
    assert finding["pointer"] == "/model"
    assert "flux-schnell" in finding["detail"]
    assert "nova" not in finding["detail"]


@pytest.mark.parametrize(
    "error", [errors.WorkflowUnavailable("ThrottlingException"), errors.BrokenContractError("AccessDenied on arn:aws")]
)
def test_a_job_that_cannot_be_started_is_a_503_and_settled(error: errors.PromptmillError) -> None:
    api = Api(workflow=FakeWorkflow(error))
    answer = api.post("/v1/jobs", ENHANCE)
    document = problem_of(answer)
    assert (answer.status, document["code"], document["retryable"]) == (503, "workflow_unavailable", True)
    assert answer.headers["retry-after"] == "2"
    assert "arn:aws" not in answer.text
    assert [job.status for job in api.jobs.jobs.values()] == ["failed"]


def test_a_store_that_does_not_answer_is_a_503() -> None:
    api = Api(rates=MemoryRates(error=errors.StoreUnavailable("the store did not answer: ReadTimeoutError")))
    answer = api.post("/v1/jobs", ENHANCE)
    assert (answer.status, problem_of(answer)["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert left_nothing(api)


def test_a_missing_setting_is_a_fault_of_ours_that_says_nothing() -> None:
    api = Api(rates=MemoryRates(error=errors.BrokenContractError("settings missing: PROMPTMILL_RATE_LIMIT")))
    answer = api.post("/v1/jobs", ENHANCE)
    document = problem_of(answer)
    assert (answer.status, document["code"], document["retryable"]) == (500, "internal_error", True)
    assert "PROMPTMILL" not in answer.text


def test_a_body_in_base_64_is_the_same_body() -> None:
    encoded = base64.b64encode(json.dumps({**ENHANCE, "metadata": {"é": "\U0001f98a"}}).encode()).decode()
    event = an_event("POST", "/v1/jobs", body=encoded, headers={"content-type": "application/json"}, base64=True)
    answer = Api().submit(event)
    assert answer.status == 202
    assert answer.json["metadata"] == {"é": "\U0001f98a"}


@pytest.mark.parametrize("body", ["not base 64!", "////", base64.b64encode(b"\xff\xfe{}").decode()])
def test_bytes_that_are_no_text_are_malformed(body: str) -> None:
    event = an_event("POST", "/v1/jobs", body=body, headers={"content-type": "application/json"}, base64=True)
    answer = Api().submit(event)
    assert (answer.status, problem_of(answer)["code"]) == (400, "malformed_body")


def test_a_request_without_a_body_is_malformed() -> None:
    event = an_event("POST", "/v1/jobs", headers={"content-type": "application/json"})
    assert Api().submit(event).json["code"] == "malformed_body"


def test_a_request_without_any_header_is_answered() -> None:
    event = {**an_event("POST", "/v1/jobs", body="{}"), "headers": None, "multiValueHeaders": None}
    assert Api().submit(event).status == 415


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
@pytest.mark.parametrize("value", ["application/json", "application/json; charset=utf-8", " Application/JSON "])
def test_the_media_type_is_read_as_http_says(name: str, value: str) -> None:
    event = an_event("POST", "/v1/jobs", body=json.dumps(ENHANCE), headers={name: value})
    assert Api().submit(event).status == 202


def test_the_callers_trace_goes_with_the_job() -> None:
    api = Api()
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    job = api.post("/v1/jobs", ENHANCE, headers={"traceparent": traceparent}).json
    metadata = api.workflow.started[job["id"]]["event"]["metadata"]
    assert (metadata["traceparent"], metadata["correlation_id"]) == (traceparent, REQUEST_ID)


def test_another_method_on_the_path_is_no_path() -> None:
    answer = Api().submit(an_event("PUT", "/v1/jobs", body="{}", headers={"content-type": "application/json"}))
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_an_intake_may_be_compared_and_kept() -> None:
    """The resolver is made once per intake, which is why an intake must be hashable."""
    jobs, rates, workflow = MemoryJobStore(), MemoryRates(), FakeWorkflow()
    records = MemoryRecords(jobs)
    plans = plans_of(a_policy())
    made = [Intake(jobs, rates, workflow, records, plans, CONFIGURED, 90) for _ in range(2)]
    assert len(set(made)) == 1
