"""Neither what a user wrote nor a secret is in a log, a history or an event, however a job ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import random_hex
from tests.support.api import Api, new_address
from tests.support.stand_ins import StandIns
from tests.support.traces import events, histories, log_events, log_files

if TYPE_CHECKING:
    from local.stack import Stack

USER_TEXT = f"canary-{random_hex(8)}"
METADATA = f"tag-{random_hex(8)}"
KEY = f"key-{random_hex(16)}"
SIZE = {"width": 256, "height": 256}


@dataclass(frozen=True)
class Traces:
    """``jobs`` by how they ended. ``written`` is every log by name."""

    jobs: dict[str, dict[str, Any]]
    written: dict[str, str]
    histories: str
    events: list[dict[str, Any]]


def _prompt(ending: str) -> str:
    return f"Tell {USER_TEXT} how a job can end when it {ending}."


@pytest.fixture(scope="module")
def traces(stack: Stack) -> Traces:
    """Jobs of every ending, run with a key of their own, and requests that never became jobs."""
    _set_provider_key(stack, KEY)
    stand_ins = StandIns(stack)
    for provider, ending, faults in (
        ("chat", "falls back", [{"status": 500, "repeat": 4}, {"truncate": True, "repeat": 4}]),
        ("chat", "is malformed", [{"status": 400}]),
        ("chat", "is blocked", [{"stop_reason": "guardrail_intervened"}]),
        ("flux", "meets a bad key", [{"status": 401, "body": f'{{"error":"{KEY} is not valid for {USER_TEXT}"}}'}]),
        ("flux", "gets nonsense", [{"body": f"{USER_TEXT} {KEY}"}] * 2),
    ):
        stand_ins.script(provider, faults, match=_prompt(ending))  # type: ignore[arg-type]
    stand_ins.close()
    with Api(stack, new_address()) as api:
        told = {"metadata": {"tag": METADATA}}
        jobs = {ending: api.submit(kind="enhance", prompt=_prompt(ending), **told) for ending in TEXT_ENDINGS}
        jobs |= {ending: api.submit(kind="image", prompt=_prompt(ending), **SIZE, **told) for ending in IMAGE_ENDINGS}
        jobs = {ending: api.finished(job["id"]) for ending, job in jobs.items()}
        for content in (
            f"{USER_TEXT}",
            f'{{"kind":"enhance","prompt":"{USER_TEXT}","{USER_TEXT}":1}}',
            f'"{USER_TEXT}"',
        ):
            assert api.http.post(
                "/v1/jobs", content=content, headers={"content-type": "application/json"}
            ).is_client_error
        api.http.get(f"/v1/jobs/{USER_TEXT}")
        generated = api.http.post("/v1/generate-prompt", json={"prompt": _prompt("is waited for")})
        assert generated.status_code == 200
    ids = [job["id"] for job in jobs.values()]
    return Traces(jobs, log_events(stack) | log_files(stack), histories(stack, *ids), events(stack, *ids))


TEXT_ENDINGS = ("succeeds", "falls back", "is malformed", "is blocked")
IMAGE_ENDINGS = ("is drawn", "meets a bad key", "gets nonsense")


def test_the_jobs_ended_in_every_way(traces: Traces) -> None:
    assert {ending: job["status"] for ending, job in traces.jobs.items()} == {
        "succeeds": "succeeded",
        "falls back": "succeeded",
        "is malformed": "failed",
        "is blocked": "rejected",
        "is drawn": "succeeded",
        "meets a bad key": "failed",
        "gets nonsense": "failed",
    }
    assert USER_TEXT in traces.jobs["succeeds"]["result"]["text"]


def test_the_logs_are_those_of_these_jobs(traces: Traces, stack: Stack) -> None:
    functions = traces.written[stack.function_log_group]
    for job in traces.jobs.values():
        assert job["id"] in functions
    for error in ("ProviderError", "InvalidRequest", "ContentBlocked", "ProviderAccessDenied", "ProviderAnswerBroken"):
        assert error in functions
    assert {"ministack.log", "providers.log", "supervisor.log"} <= set(traces.written)


def test_no_log_has_the_prompt_the_metadata_or_the_key(traces: Traces) -> None:
    for name, text in traces.written.items():
        for secret in (USER_TEXT, METADATA, KEY, "Bearer "):
            assert secret not in text, f"{secret} is in {name}"


def test_no_history_has_the_prompt_or_the_key(traces: Traces) -> None:
    assert traces.jobs["succeeds"]["id"] in traces.histories
    assert USER_TEXT not in traces.histories
    assert KEY not in traces.histories


def test_no_event_has_the_prompt_the_result_or_the_key(traces: Traces) -> None:
    assert len(traces.events) == 2 * len(traces.jobs)
    text = json.dumps(traces.events, ensure_ascii=False)
    assert METADATA in text
    assert USER_TEXT not in text
    assert KEY not in text
    assert "Signature" not in text


def test_no_job_says_more_of_its_failure_than_its_code(traces: Traces) -> None:
    for ending in ("is malformed", "is blocked", "meets a bad key", "gets nonsense"):
        error = json.dumps(traces.jobs[ending]["error"])
        assert USER_TEXT not in error
        assert KEY not in error


def _set_provider_key(stack: Stack, key: str) -> None:
    """Sets the key and has the image function begin anew, since it keeps a key for minutes."""
    functions = stack.client("lambda")
    (image,) = [
        function
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith("promptmill-local-InvokeFluxFunction-")
    ]
    arn = image["Environment"]["Variables"]["PROMPTMILL_TOGETHER_SECRET_ARN"]
    stack.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=key)
    functions.update_function_configuration(FunctionName=image["FunctionName"], Environment=image["Environment"])
