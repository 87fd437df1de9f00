"""What every answer carries, whichever route it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.http.resolver import base_url
from promptmill.settings import settings
from tests.support.builders import PROMPT, a_job_id
from tests.unit.http.calls import ORIGINS, REQUEST_ID, Api, Reply, an_event
from tests.unit.jobs.fakes import MemoryJobStore, MemoryRates

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job

ENHANCE = {"kind": "enhance", "prompt": PROMPT}


class Broken(MemoryJobStore):
    def get(self, job_id: str, owner: str, *, at_ms: int | None = None) -> Job:
        raise KeyError("secret words of a caller")


CALLS: dict[int, Callable[[dict[str, str]], Reply]] = {
    200: lambda headers: Api().get("/v1/health", headers=headers),
    202: lambda headers: Api().post("/v1/jobs", ENHANCE, headers=headers),
    400: lambda headers: Api().post("/v1/jobs", body="{", headers=headers),
    404: lambda headers: Api().get("/v1/nothing", headers=headers),
    413: lambda headers: Api().post("/v1/jobs", body="x" * 600_000, headers=headers),
    415: lambda headers: Api().submit(an_event("POST", "/v1/jobs", body="{}", headers=headers)),
    422: lambda headers: Api().post("/v1/jobs", {}, headers=headers),
    429: lambda headers: Api(tat_ms=2**53).post("/v1/jobs", ENHANCE, headers=headers),
    500: lambda headers: Api(jobs=Broken()).get(f"/v1/jobs/{a_job_id()}", headers=headers),
    503: lambda headers: Api(rates=MemoryRates(error=errors.StoreUnavailable())).post(
        "/v1/jobs", ENHANCE, headers=headers
    ),
}


@pytest.mark.parametrize("status", CALLS)
def test_every_answer_carries_the_request_id(status: int) -> None:
    answer = CALLS[status]({})
    assert (answer.status, answer.headers["x-request-id"]) == (status, REQUEST_ID)


@pytest.mark.parametrize("status", CALLS)
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("name", ["origin", "Origin"])
def test_an_origin_of_ours_may_read_every_answer_and_its_headers(status: int, origin: str, name: str) -> None:
    headers = CALLS[status]({name: origin}).headers
    assert headers["access-control-allow-origin"] == origin
    exposed = set(headers["access-control-expose-headers"].split(","))
    assert {"Location", "Retry-After", "RateLimit", "RateLimit-Policy", "x-request-id"} <= exposed


@pytest.mark.parametrize("status", CALLS)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://one.example", "https://one.example.evil", "https://one.example/", "null"]
)
def test_any_other_origin_may_not(status: int, origin: str) -> None:
    headers = CALLS[status]({"Origin": origin}).headers
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("status", CALLS)
def test_a_cache_keeps_the_answers_to_different_origins_apart(status: int) -> None:
    assert CALLS[status]({}).headers["vary"] == "Origin"


def test_cookies_are_never_asked_for() -> None:
    assert "access-control-allow-credentials" not in CALLS[200]({"Origin": ORIGINS[0]}).headers


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/job_x", "/v1/generate-prompt"])
def test_a_preflight_allows_what_the_api_takes(path: str) -> None:
    headers = {"Origin": ORIGINS[1], "Access-Control-Request-Method": "POST"}
    answer = Api().read(an_event("OPTIONS", path, headers=headers))
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["access-control-allow-origin"] == ORIGINS[1]
    assert set(answer.headers["access-control-allow-methods"].split(",")) == {
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    }
    allowed = {name.lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "idempotency-key", "prefer", "traceparent", "if-none-match", "last-event-id"} <= allowed


def test_a_preflight_from_elsewhere_allows_no_origin() -> None:
    answer = Api().read(an_event("OPTIONS", "/v1/jobs", headers={"Origin": "https://evil.example"}))
    assert "access-control-allow-origin" not in answer.headers


def test_without_configured_origins_no_browser_may_read_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMPTMILL_CORS_ORIGINS")
    settings.cache_clear()
    assert "access-control-allow-origin" not in CALLS[200]({"Origin": ORIGINS[0]}).headers


def test_a_fault_of_ours_says_no_more_than_that_it_is_one() -> None:
    answer = CALLS[500]({})
    document = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert (document["code"], document["title"], document["retryable"]) == (
        "internal_error",
        "Internal Server Error",
        True,
    )
    assert "secret words" not in answer.text
    assert "KeyError" not in answer.text


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, RecursionError, errors.BrokenContractError])
def test_whatever_breaks_is_a_problem_document(kind: type[Exception]) -> None:
    class Breaking(MemoryJobStore):
        def add(self, job: Job) -> None:
            raise kind(job.input["prompt"])

    answer = Api(jobs=Breaking()).post("/v1/jobs", ENHANCE)
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert PROMPT not in answer.text


def an_addressed_event(**context: Any) -> dict[str, Any]:
    event = an_event("GET", "/v1/jobs/job_x")
    event["requestContext"] |= context
    return event


def test_the_api_is_where_the_gateway_says_with_its_stage() -> None:
    assert base_url(an_addressed_event()) == "https://abc123.execute-api.eu-west-1.amazonaws.com/dev"


def test_a_domain_of_its_own_has_no_stage_in_its_path() -> None:
    event = an_addressed_event(domainName="api.example.com", path="/v1/jobs/job_x")
    assert base_url(event) == "https://api.example.com"


@pytest.mark.parametrize("configured", ["https://api.example.com", "https://api.example.com/"])
def test_a_configured_address_comes_first(configured: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTMILL_PUBLIC_URL", configured)
    settings.cache_clear()
    assert base_url(an_addressed_event()) == "https://api.example.com"
    assert Api().post("/v1/jobs", ENHANCE).headers["location"].startswith("https://api.example.com/v1/jobs/job_")
