"""The OpenAPI document: made from the code, committed twice, true of what the API answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from aws_lambda_powertools.event_handler.openapi.models import OpenAPI

from promptmill.http.documents import EVENT_STREAM
from promptmill.http.openapi import openapi_text
from tests.unit.http.calls import Api

if TYPE_CHECKING:
    from collections.abc import Iterator


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
                "^((?!204|304)[2-5][0-9]{2}|default)$": {
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
        ("post", "/v1/jobs/{job_id}/cancel"),
        ("get", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/execution"),
        ("get", "/v1/jobs/{job_id}/diff"),
        ("post", "/v1/jobs/{job_id}/replay"),
        ("post", "/v1/jobs/{job_id}/redrive"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("post", "/v1/generate-prompt"),
        ("get", "/v1/me"),
        ("patch", "/v1/me"),
        ("delete", "/v1/me"),
        ("post", "/v1/keys"),
        ("get", "/v1/keys"),
        ("get", "/v1/keys/{key_id}"),
        ("delete", "/v1/keys/{key_id}"),
        ("post", "/v1/keys/{key_id}/rotate"),
        ("get", "/v1/limits/{subject}"),
        ("put", "/v1/limits/{subject}"),
        ("delete", "/v1/limits/{subject}"),
        ("get", "/v1/health"),
        ("get", "/v1/models"),
        ("get", "/v1/me/limits"),
        ("get", "/v1/analytics"),
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
                assert {"Retry-After", "RateLimit", "RateLimit-Policy", "x-request-id"} == set(response["headers"])
