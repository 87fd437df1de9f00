"""Requests made from the OpenAPI document, good and bad: every answer is one that the document lists and describes."""

from __future__ import annotations

from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from local.stack import ROOT
from tests.support.api import Api, new_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

# At random, besides the set list that schemathesis makes of each operation's bounds, choices and types.
MAX_EXAMPLES = 10
# Under the burst that one caller has.
JOBS_PER_CALLER = 6
GENERATED_IDS_ONE_IN = 4
MODELS = {"enhance": "nova-2-lite", "image": "flux-schnell"}
# What a replay may change depends on the job.
OF_THE_REPLAYED_JOB = ("prompt", "parameters", "label")

# OpenAPI 3.1 has no schema for the events of a stream, only one for its text.
OF_A_STREAM = [
    checks.response_headers_conformance,
    checks.content_type_conformance,
    checks.negative_data_rejection,
]
OF_AN_ANSWER = [*OF_A_STREAM, checks.response_schema_conformance]

SCHEMA = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json")
SCHEMA.config.generation.update(
    max_examples=MAX_EXAMPLES, modes=list(GenerationMode), deterministic=True, database="none"
)


class Callers:
    """Callers one after the other, each with a finished job, none of them near its limits."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._sent = 0
        self._next()

    def send(self, case: Case[Any]) -> Response:
        """The answer to a case; its ids are most often those of the caller's own job."""
        if self._jobs == JOBS_PER_CALLER:
            self.close()
            self._next()
        self._sent += 1
        if self._sent % GENERATED_IDS_ONE_IN:
            _put_ids(case, self._job_id)
        signed_in = {"authorization": f"Bearer {self._api.token}", "x-forwarded-for": self._api.address}
        answer = case.call(base_url=self._stack.api_url, headers=signed_in, timeout=40)
        self._jobs += case.method == HTTPMethod.POST and answer.status_code in {HTTPStatus.OK, HTTPStatus.ACCEPTED}
        return answer

    def close(self) -> None:
        self._api.http.close()

    def _next(self) -> None:
        self._api = Api(self._stack, new_address(), groups=("operators", "admins"))
        self._job_id = self._api.run(kind="enhance", prompt="Plan a picnic for twelve people.")["id"]
        self._jobs = 1


def _put_ids(case: Case[Any], job_id: str) -> None:
    """Replaces the ids that the document allows; those it does not allow are there to be refused."""
    for location, name in ((ParameterLocation.PATH, "job_id"), (ParameterLocation.QUERY, "with")):
        parameters: dict[str, Any] | None = getattr(case, location.container_name)
        if parameters and name in parameters and case.meta and not case.meta.is_negative_at(location):
            parameters[name] = job_id


def _put_models(case: Case[Any]) -> None:
    """Replaces the models, which the document leaves to the catalog."""
    if is_allowed(case) and isinstance(case.body, dict) and case.body.get("model"):
        case.body["model"] = MODELS[str(case.body.get("kind", "enhance"))]


def is_allowed(case: Case[Any]) -> bool:
    """Whether the document allows this request."""
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def must_be_accepted(case: Case[Any], answer: Response) -> bool:
    """Whether nothing speaks against an allowed request that no schema can say.

    Such as white space around a text, which does not count, cursors, which are made by the service, times that are
    over, days that are too far apart, users that do not exist, and keys that were used before.
    """
    body: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    trimmed = all(value == value.strip() for value in body.values() if isinstance(value, str))
    # 30.0 is an integer to JSON Schema and not to the API.
    is_exact = not any(isinstance(value, float) for value in body.values())
    replays_as_it_was = body.get("mode") != "recorded" and all(body.get(name) is None for name in OF_THE_REPLAYED_JOB)
    is_possible = not {"expires_at", "owner"} & body.keys()
    is_known = bool({"cursor", "from", "to"} & (case.query or {}).keys()) or b'"idempotency_mismatch"' in answer.content
    return is_allowed(case) and trimmed and is_exact and replays_as_it_was and is_possible and not is_known


def listed_statuses(case: Case[Any]) -> set[int]:
    """What the document lists for the operation; for a method it does not have, what the gateway answers itself.

    Never a fault of ours, nor 429, since a throttled request shows nothing of what it was sent for.
    """
    if case.method.upper() != case.operation.method.upper():
        return {HTTPStatus.NOT_FOUND} | ({HTTPStatus.NO_CONTENT} if case.method == HTTPMethod.OPTIONS else set())
    listed = {int(status) for status in case.operation.definition.raw["responses"] if status != "default"}
    if "%0A" in case.formatted_path:
        # What an authorizer allows by `*` has no line breaks to the local gateway.
        listed.add(HTTPStatus.FORBIDDEN)
    return {status for status in listed if status < HTTPStatus.INTERNAL_SERVER_ERROR} - {HTTPStatus.TOO_MANY_REQUESTS}


@pytest.fixture(scope="module")
def callers(stack: Stack) -> Iterator[Callers]:
    found = Callers(stack)
    yield found
    found.close()


@SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_the_document_lists_and_describes(case: Case[Any], callers: Callers) -> None:
    _put_models(case)
    answer = callers.send(case)
    assert answer.status_code in listed_statuses(case), answer.text
    content_type = answer.headers["content-type"][0]
    if content_type == "application/problem+json":
        assert answer.json()["status"] == answer.status_code
    is_stream = content_type.startswith("text/event-stream")
    wanted = [*(OF_A_STREAM if is_stream else OF_AN_ANSWER)]
    if must_be_accepted(case, answer):
        wanted.append(checks.positive_data_acceptance)
    case.validate_response(answer, checks=wanted)
