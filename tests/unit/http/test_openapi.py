"""The OpenAPI document: made from the code, committed twice, true of what the API answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from aws_lambda_powertools.event_handler.openapi.models import OpenAPI

from promptmill import errors
from promptmill.http.documents import EVENT_STREAM
from promptmill.http.openapi import openapi_document, openapi_text
from promptmill.jobs.model import JobStatus
from promptmill.jobs.streaming.events import MAX_ID_LENGTH
from tests.support.builders import COST, PROMPT, TEXT_USAGE, a_job, a_job_id, an_image_entry
from tests.unit.http.calls import OWNER, Api, an_event
from tests.unit.http.test_generate_prompt import EndingStore
from tests.unit.jobs.fakes import MemoryRates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.http.calls import Reply

ROOT = Path(__file__).parents[3]
COMMITTED = [ROOT / "docs" / "openapi.json", ROOT / "layers" / "core" / "promptmill" / "http" / "openapi.json"]
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# What every operation must have, https://spec.openapis.org/oas/v3.1.0#operation-object and below.
OPERATION: dict[str, Any] = {
    "type": "object",
    "required": ["summary", "operationId", "tags", "responses"],
    "properties": {
        "operationId": {"type": "string", "pattern": "^[a-z][A-Za-z]+$"},
        "tags": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "parameters": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "in", "schema"],
                "properties": {"in": {"enum": ["path", "query", "header"]}},
                "if": {"properties": {"in": {"const": "path"}}},
                "then": {"required": ["required"], "properties": {"required": {"const": True}}},
            },
        },
        "requestBody": {
            "type": "object",
            "required": ["content"],
            "properties": {"content": {"type": "object", "required": ["application/json"]}},
        },
        "responses": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "patternProperties": {
                # Without a body.
                "^(204|304)$": {
                    "type": "object",
                    "required": ["description"],
                    "not": {"required": ["content"]},
                },
                "^(?!204|304)[2-5][0-9]{2}$": {
                    "type": "object",
                    "required": ["description", "content"],
                    "properties": {
                        "description": {"type": "string", "minLength": 5},
                        "content": {
                            "type": "object",
                            "minProperties": 1,
                            "maxProperties": 1,
                            "additionalProperties": {"type": "object", "required": ["schema"]},
                        },
                        "headers": {
                            "type": "object",
                            "additionalProperties": {"type": "object", "required": ["description", "schema"]},
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document()


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        yield from (found for member in node.values() for found in references(member))
    elif isinstance(node, list):
        yield from (found for member in node for found in references(member))


@pytest.mark.parametrize("path", COMMITTED, ids=["docs", "layer"])
def test_the_committed_document_is_the_one_the_code_makes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == openapi_text()


def test_the_api_serves_the_committed_document() -> None:
    answer = Api().get("/v1/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == COMMITTED[1].read_text(encoding="utf-8")


def test_making_the_document_twice_makes_the_same_text() -> None:
    assert openapi_text() == openapi_text()


def test_it_is_an_openapi_3_1_document(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    OpenAPI.model_validate(document)
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "tags"}
    assert document["info"].keys() >= {"title", "version", "description"}
    for operation in operations(document).values():
        jsonschema.validate(operation, OPERATION, jsonschema.Draft202012Validator)


def test_every_schema_is_a_json_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere_and_every_schema_is_led_to(document: dict[str, Any]) -> None:
    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == named


def test_operations_have_names_of_their_own_and_paths_declare_their_parameters(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    for (_, path), operation in found.items():
        declared = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))


def test_the_operations_are_those_of_the_api(document: dict[str, Any]) -> None:
    assert set(operations(document)) == {
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("post", "/v1/generate-prompt"),
        ("get", "/v1/health"),
        ("get", "/v1/models"),
        ("get", "/v1/openapi.json"),
    }


def test_refusals_are_problems_and_a_rate_limit_has_its_headers(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        media_type_of_success = EVENT_STREAM if operation["operationId"] == "followJob" else "application/json"
        for status, response in operation["responses"].items():
            if status in {"204", "304"}:
                continue
            (media_type,) = response["content"]
            assert media_type == ("application/problem+json" if status >= "400" else media_type_of_success)
            if status == "429":
                assert set(response["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}


def holds(document: dict[str, Any], operation: tuple[str, str], answer: Reply) -> None:
    """Holds an answer to what the document says of it: status, media type, schema and headers."""
    described = operations(document)[operation]["responses"][str(answer.status)]
    schema = described["content"][answer.headers["content-type"]]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(answer.json, whole, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())
    assert {name.lower() for name in described.get("headers", {})} <= set(answer.headers)


SUBMIT, READ, GENERATE = ("post", "/v1/jobs"), ("get", "/v1/jobs/{job_id}"), ("post", "/v1/generate-prompt")
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


def test_the_longest_id_an_event_can_have_is_as_documented(document: dict[str, Any]) -> None:
    (parameter,) = [
        parameter
        for parameter in operations(document)["get", "/v1/jobs/{job_id}/events"]["parameters"]
        if parameter["name"] == "Last-Event-ID"
    ]
    assert parameter["schema"]["maxLength"] == MAX_ID_LENGTH


@pytest.mark.parametrize("path", ["/v1/health", "/v1/models", "/v1/openapi.json"])
def test_what_is_the_same_for_everybody_is_as_documented(document: dict[str, Any], path: str) -> None:
    holds(document, ("get", path), Api().get(path))


def test_every_legal_body_of_the_tests_is_legal_by_the_document(document: dict[str, Any]) -> None:
    schema = operations(document)[SUBMIT]["requestBody"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(ENHANCE, whole, jsonschema.Draft202012Validator)
    for illegal in ({**ENHANCE, "colour": "red"}, {"kind": "enhance"}, {"kind": "chat", "prompt": PROMPT}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(illegal, whole, jsonschema.Draft202012Validator)
