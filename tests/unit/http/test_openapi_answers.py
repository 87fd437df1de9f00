"""What the API answers is what the OpenAPI document says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from promptmill import errors
from promptmill.http.resolver import EXPOSED_HEADERS
from promptmill.jobs.listing.query import MAX_LENGTHS, list_request
from promptmill.jobs.model import JobStatus
from tests.support.builders import COST, OTHER_OWNER, PROMPT, TEXT_RESULT, TEXT_USAGE, a_job, a_job_id, an_image_entry
from tests.unit.execution.histories import two_retries
from tests.unit.http.admin import ADMIN, Administration
from tests.unit.http.calls import OWNER, USER, Api, an_event
from tests.unit.http.test_cancel_job import cancel
from tests.unit.http.test_execution_route import Reading
from tests.unit.http.test_generate_prompt import EndingStore
from tests.unit.http.test_list_jobs import Down
from tests.unit.http.test_openapi import operations
from tests.unit.jobs.fakes import MemoryJobStore, MemoryRates
from tests.unit.jobs.settling import World

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller
    from tests.unit.http.calls import Reply


def holds(document: dict[str, Any], operation: tuple[str, str], answer: Reply) -> None:
    """Holds an answer to what the document says of it: status, media type, schema and headers."""
    described = operations(document)[operation]["responses"][str(answer.status)]
    schema = described["content"][answer.headers["content-type"]]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(answer.json, whole, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())
    documented = {name.lower(): header for name, header in described["headers"].items()}
    assert {name for name, header in documented.items() if header["required"]} <= set(answer.headers)
    assert set(answer.headers) & {name.lower() for name in EXPOSED_HEADERS} <= set(documented)


SUBMIT, READ, GENERATE = ("post", "/v1/jobs"), ("get", "/v1/jobs/{job_id}"), ("post", "/v1/generate-prompt")
LIST = ("get", "/v1/jobs")
ENHANCE = {"kind": "enhance", "prompt": PROMPT, "metadata": {"order": "7"}}


@pytest.mark.parametrize(
    ("status", "api", "body"),
    [
        (202, Api(), ENHANCE),
        (202, Api(), {"kind": "image", "prompt": "a red fox"}),
        (400, Api(), []),
        (413, Api(), "x" * 600_000),
        (422, Api(), {"kind": "enhance", "colour": "red"}),
        (429, Api(tat_ms=2**53), ENHANCE),
        (500, Api(rates=MemoryRates(error=errors.BrokenContractError())), ENHANCE),
        (503, Api(rates=MemoryRates(error=errors.StoreUnavailable())), ENHANCE),
    ],
)
def test_what_comes_of_submitting_a_job_is_as_documented(
    document: dict[str, Any], status: int, api: Api, body: Any
) -> None:
    answer = api.post("/v1/jobs", body)
    assert answer.status == status
    holds(document, SUBMIT, answer)


def test_a_body_of_another_type_is_answered_as_documented(document: dict[str, Any]) -> None:
    for operation in (SUBMIT, GENERATE):
        holds(document, operation, Api().submit(an_event("POST", operation[1], body="{}")))


@pytest.mark.parametrize("status", list(JobStatus))
@pytest.mark.parametrize("kind", ["enhance", "image"])
def test_a_job_is_read_as_documented_in_every_status(document: dict[str, Any], status: JobStatus, kind: str) -> None:
    job = a_job(status, kind=kind, owner=OWNER, expires_at_seconds=2**33)
    if kind == "image" and status is JobStatus.SUCCEEDED:
        usage = {"model": "flux-schnell", "images": 1, "truncated": False, "fallback": False}
        fields = {"result": {"images": [an_image_entry()]}, "usage": usage}
        job = a_job(status, kind=kind, owner=OWNER, expires_at_seconds=2**33, **fields)
    api = Api()
    api.jobs.add(job)
    holds(document, READ, api.get(f"/v1/jobs/{job.id}"))


@pytest.mark.parametrize("query", [{}, {"limit": ["1"]}, {"status": ["failed"]}, {"limit": ["0"]}])
def test_jobs_are_listed_as_documented(document: dict[str, Any], query: dict[str, list[str]]) -> None:
    api = Api()
    for _ in range(2):
        api.jobs.add(a_job("succeeded", owner=OWNER, expires_at_seconds=2**33))
    answer = api.get("/v1/jobs", query=query)
    assert answer.status == (400 if query.get("limit") == ["0"] else 200)
    holds(document, LIST, answer)


def test_a_list_without_its_store_is_answered_as_documented(document: dict[str, Any]) -> None:
    answer = Api(listing=Down(MemoryJobStore())).get("/v1/jobs")
    assert answer.status == 503
    holds(document, LIST, answer)


def test_the_documented_parameters_of_a_list_are_those_it_takes_with_their_limits(document: dict[str, Any]) -> None:
    described = {parameter["name"]: parameter["schema"] for parameter in operations(document)[LIST]["parameters"]}
    assert described.keys() == MAX_LENGTHS.keys()
    assert all(schema["maxLength"] == MAX_LENGTHS[name] for name, schema in described.items() if name != "limit")
    asked = list_request({})
    assert described["limit"]["default"] == asked.limit
    for name in ("status", "kind"):
        for value in described[name]["enum"]:
            assert getattr(list_request({name: [value]}).job_filter, name) == value
    lowest, highest = described["limit"]["minimum"], described["limit"]["maximum"]
    for limit in (lowest, highest):
        assert list_request({"limit": [str(limit)]}).limit == limit
    for limit in (lowest - 1, highest + 1):
        with pytest.raises(errors.InvalidParameter):
            list_request({"limit": [str(limit)]})


def test_a_job_nobody_has_is_answered_as_documented(document: dict[str, Any]) -> None:
    holds(document, READ, Api().get(f"/v1/jobs/{a_job_id()}"))


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (200, a_job("succeeded", usage=TEXT_USAGE, cost=COST)),
        (202, None),
        (422, a_job("rejected", error={"code": "content_blocked"})),
        (429, a_job("rejected", error={"code": "rate_limited"})),
        (502, a_job("failed")),
    ],
)
def test_what_comes_of_generating_a_prompt_is_as_documented(document: dict[str, Any], status: int, end: Any) -> None:
    answer = Api(jobs=EndingStore(end)).post("/v1/generate-prompt", {"prompt": PROMPT})
    assert answer.status == status
    holds(document, GENERATE, answer)


@pytest.mark.parametrize(("last_event_id", "status"), [("", 200), ("3", 200), ("4", 204), ("5", 400)])
def test_a_job_is_followed_as_documented(document: dict[str, Any], last_event_id: str, status: int) -> None:
    api, job = Api(), a_job("succeeded", owner=OWNER, expires_at_seconds=2**33)
    api.jobs.add(job)
    answer = api.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": last_event_id})
    described = operations(document)["get", "/v1/jobs/{job_id}/events"]["responses"][str(status)]
    assert answer.status == status
    assert list(described.get("content", {})) == ([] if status == 204 else [answer.headers["content-type"]])


@pytest.mark.parametrize("path", ["/v1/health", "/v1/models", "/v1/openapi.json"])
def test_what_is_the_same_for_everybody_is_as_documented(document: dict[str, Any], path: str) -> None:
    holds(document, ("get", path), Api().get(path))


KEYS, KEY = ("post", "/v1/keys"), ("get", "/v1/keys/{key_id}")
LIMITS = ("put", "/v1/limits/{subject}")


@pytest.mark.parametrize(
    ("status", "body", "caller"),
    [
        (201, {"name": "billing", "scopes": ["jobs:read"]}, ADMIN),
        (400, [], ADMIN),
        (401, {}, None),
        (403, {}, USER),
        (413, "x" * 600_000, ADMIN),
        (422, {"name": "billing", "scopes": []}, ADMIN),
    ],
)
def test_what_comes_of_making_a_key_is_as_documented(
    document: dict[str, Any], status: int, body: Any, caller: Caller | None
) -> None:
    answer = Administration().call("POST", "/v1/keys", body, caller=caller)
    assert answer.status == status
    holds(document, KEYS, answer)


@pytest.mark.parametrize("status", ["active", "expired", "revoked"])
def test_a_key_is_read_listed_and_rotated_as_documented(document: dict[str, Any], status: str) -> None:
    administration = Administration()
    path = f"/v1/keys/{administration.make()['id']}"
    holds(document, ("post", "/v1/keys/{key_id}/rotate"), administration.call("POST", f"{path}/rotate"))
    if status == "expired":
        ((key_id, key),) = administration.keys.keys.items()
        administration.keys.keys[key_id] = replace(key, expires_at=key.created_at)
    if status == "revoked":
        assert administration.call("DELETE", path).status == 204
    read = administration.call("GET", path)
    assert read.json["status"] == status
    holds(document, KEY, read)
    holds(document, ("get", "/v1/keys"), administration.call("GET", "/v1/keys"))
    holds(document, ("post", "/v1/keys/{key_id}/rotate"), administration.call("POST", f"{path}/rotate"))


def test_a_key_nobody_made_is_answered_as_documented(document: dict[str, Any]) -> None:
    absent = Administration().call("GET", "/v1/keys/key_x")
    holds(document, KEY, absent)
    holds(document, ("delete", "/v1/keys/{key_id}"), Administration().call("DELETE", "/v1/keys/key_x"))


@pytest.mark.parametrize(("status", "body"), [(200, {"daily_usd": "0.5"}), (422, {"burst": 0}), (404, {"burst": 1})])
def test_limits_are_set_as_documented(document: dict[str, Any], status: int, body: dict[str, Any]) -> None:
    administration, subject = Administration(), "key_x" if status == 404 else OWNER
    answer = administration.call("PUT", f"/v1/limits/{subject}", body)
    assert answer.status == status
    holds(document, LIMITS, answer)
    holds(document, ("get", "/v1/limits/{subject}"), administration.call("GET", f"/v1/limits/{subject}"))


REPLAY, DIFF = ("post", "/v1/jobs/{job_id}/replay"), ("get", "/v1/jobs/{job_id}/diff")


@pytest.mark.parametrize(
    ("status", "body"),
    [(202, {}), (400, []), (413, "x" * 600_000), (422, {"label": "x"}), (409, {"mode": "recorded"})],
)
def test_what_comes_of_replaying_a_job_is_as_documented(document: dict[str, Any], status: int, body: Any) -> None:
    api, job = Api(), a_job("failed", owner=OWNER, expires_at_seconds=2**33)
    api.jobs.add(job)
    answer = api.post(f"/v1/jobs/{job.id}/replay", body)
    assert answer.status == status
    holds(document, REPLAY, answer)


@pytest.mark.parametrize(("status", "stored"), [(202, "running"), (202, "canceled"), (409, "succeeded"), (404, None)])
def test_what_comes_of_canceling_a_job_is_as_documented(
    document: dict[str, Any], status: int, stored: str | None
) -> None:
    world = World()
    owner = OWNER if stored else OTHER_OWNER
    job = world.has(a_job(stored or "running", owner=owner, expires_at_seconds=2**33, error=None))
    answer = cancel(world, job.id)
    assert answer.status == status
    holds(document, ("post", "/v1/jobs/{job_id}/cancel"), answer)


@pytest.mark.parametrize("history", [None, two_retries("aws")], ids=["not started", "ended"])
def test_an_execution_is_read_as_documented(document: dict[str, Any], history: Any) -> None:
    holds(document, ("get", "/v1/jobs/{job_id}/execution"), Reading(history).get())


def test_replaying_needs_no_body(document: dict[str, Any]) -> None:
    assert operations(document)[REPLAY]["requestBody"]["required"] is False
    assert operations(document)[SUBMIT]["requestBody"]["required"] is True


@pytest.mark.parametrize("kind", ["enhance", "image"])
def test_two_jobs_are_compared_as_documented(document: dict[str, Any], kind: str) -> None:
    api = Api()
    result = {"images": [an_image_entry()]} if kind == "image" else TEXT_RESULT
    one, other = (
        a_job("succeeded", kind=kind, owner=OWNER, expires_at_seconds=2**33, result=result, **fields)
        for fields in ({}, {"input": {"prompt": "x"}, "cost": {"model_usd": "0", "estimated": False}, "usage": {}})
    )
    api.jobs.add(one)
    api.jobs.add(other)
    answer = api.get(f"/v1/jobs/{one.id}/diff", query={"with": [other.id]})
    assert answer.status == 200
    assert (answer.json["cost"]["difference_usd"], bool(answer.json["usage"])) == ("-0.000412", True)
    holds(document, DIFF, answer)
    holds(document, DIFF, api.get(f"/v1/jobs/{one.id}/diff"))
    holds(document, DIFF, api.get(f"/v1/jobs/{one.id}/diff", query={"with": [a_job_id()]}))


def test_every_legal_body_of_the_tests_is_legal_by_the_document(document: dict[str, Any]) -> None:
    schema = operations(document)[SUBMIT]["requestBody"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(ENHANCE, whole, jsonschema.Draft202012Validator)
    for illegal in ({**ENHANCE, "colour": "red"}, {"kind": "enhance"}, {"kind": "chat", "prompt": PROMPT}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(illegal, whole, jsonschema.Draft202012Validator)
