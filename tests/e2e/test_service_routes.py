"""Health, the catalog, the document, and what every answer carries."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from local.stack import ROOT
from promptmill.http.schemas import Health, ModelList, Problem

if TYPE_CHECKING:
    from tests.support.api import Api

ORIGIN = "http://localhost:5173"
STRANGER = "https://evil.example"
GOOD_PATHS = ["/v1/health", "/v1/models", "/v1/openapi.json"]
EXPOSED = {"Location", "Retry-After", "RateLimit", "RateLimit-Policy", "x-request-id"}


def test_health_says_the_stage(api: Api) -> None:
    health = Health.model_validate_json(api.http.get("/v1/health").text)
    assert (health.status, health.stage) == ("ok", "local")


def test_the_catalog_lists_every_model_with_a_price_as_a_string(api: Api) -> None:
    models = ModelList.model_validate_json(api.http.get("/v1/models").text).data
    by_alias = {model.alias: model for model in models}
    assert {"claude-haiku-4.5", "nova-2-lite", "flux-schnell", "rules"} <= set(by_alias)
    assert by_alias["claude-haiku-4.5"].price == {
        "input_usd_per_million_tokens": "1.10",
        "output_usd_per_million_tokens": "5.50",
    }


def test_the_document_is_the_one_in_the_repository(api: Api) -> None:
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert api.http.get("/v1/openapi.json").json() == committed
    assert {"/v1/jobs", "/v1/jobs/{job_id}", "/v1/generate-prompt"} <= set(committed["paths"])


@pytest.mark.parametrize("path", [*GOOD_PATHS, "/v1/jobs/nothing", "/v1/nothing", "/v1/jobs/a/b/c"])
def test_every_answer_carries_a_request_id_of_its_own(api: Api, path: str) -> None:
    first, second = (api.http.get(path).headers["x-request-id"] for _ in range(2))
    assert re.fullmatch(r"[0-9A-Za-z-]{8,}", first)
    assert first != second


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("POST", "/v1/nothing"), ("GET", "/v1/generate-prompt")]
)
def test_an_unknown_path_is_a_problem(api: Api, method: str, path: str) -> None:
    answer = api.http.request(method, path, headers={"origin": ORIGIN})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.text)
    assert (problem.code, problem.instance) == ("not_found", path)
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize(
    ("path", "method"), [("/v1/jobs", "POST"), ("/v1/generate-prompt", "POST"), ("/v1/jobs/job_1", "GET")]
)
def test_a_preflight_from_a_configured_origin_is_granted(api: Api, path: str, method: str) -> None:
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type,idempotency-key",
    }
    answer = api.http.options(path, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert method in answer.headers["access-control-allow-methods"].split(",")
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "idempotency-key"} <= allowed
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/jobs", b'{"kind":"enhance","prompt":"Name five rivers of Asia."}', 202),
        ("POST", "/v1/jobs", b"{", 400),
        ("GET", "/v1/jobs/job_1", b"", 404),
        ("POST", "/v1/jobs", b"x" * 600_000, 413),
        ("POST", "/v1/jobs", b"{}", 422),
        ("GET", "/v1/health", b"", 200),
    ],
)
def test_answers_and_errors_alike_can_be_read_by_a_configured_origin(
    api: Api, method: str, path: str, content: bytes, status: int
) -> None:
    headers = {"origin": ORIGIN, "content-type": "application/json"}
    answer = api.http.request(method, path, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= EXPOSED
    if status == 202:
        api.finished(answer.json()["id"])


@pytest.mark.parametrize(
    "origin", [STRANGER, "http://localhost:5174", "https://localhost:5173", f"{ORIGIN}.evil.example", "null"]
)
def test_another_origin_is_granted_nothing(api: Api, origin: str) -> None:
    preflight = api.http.options("/v1/jobs", headers={"origin": origin, "access-control-request-method": "POST"})
    refused = api.http.post("/v1/jobs", content=b"{", headers={"origin": origin, "content-type": "application/json"})
    for answer in (preflight, refused):
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers
