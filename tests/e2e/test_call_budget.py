"""What a job costs in AWS calls. The handlers run here, against the stack, so that every call can be counted."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local.stack import ROOT
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.model import ReplayMode
from promptmill.jobs.store import JobStore
from tests.support.api import new_address, user_at
from tests.support.in_process import api_event, in_process
from tests.support.jobs import a_job, attempt, state_of

if TYPE_CHECKING:
    from local.stack import Stack
    from promptmill.jobs.model import Job
    from tests.support.api import Api

PROMPT = "Describe how bread dough rises, for someone who has never baked."
# The reservation and the job, then its request.
ASSEMBLE = {"dynamodb.UpdateItem": 2, "dynamodb.PutItem": 1}
# Row and step before the call, row and result after it.
LEDGER = {"dynamodb.Query": 1, "dynamodb.TransactWriteItems": 2}


@pytest.fixture
def jobs(stack: Stack) -> JobStore:
    return JobStore(stack.jobs_table, stack.client("dynamodb"))


def _assembled(stack: Stack, jobs: JobStore, kind: str) -> Job:
    job = a_job(kind)
    jobs.add(job)
    with in_process(stack, "assemble_prompt") as assemble:
        assemble(state_of(job))
        assert assemble.calls.by_operation == ASSEMBLE
    return job


def test_a_post_is_one_look_one_write_and_one_start(stack: Stack, api: Api) -> None:
    body = json.dumps({"kind": "enhance", "prompt": PROMPT})
    with in_process(stack, "submit_job") as submit:
        answer = submit(api_event("POST", "/v1/jobs", address=api.address, user=user_at(stack, api.address), body=body))
        assert answer["statusCode"] == 202
        assert submit.calls.by_operation == {
            "dynamodb.GetItem": 1,
            "dynamodb.PutItem": 1,
            "stepfunctions.StartExecution": 1,
        }
        assert len(submit.calls) <= 4
    assert api.finished(json.loads(answer["body"])["id"])["status"] == "succeeded"


def test_a_refused_post_makes_no_call(stack: Stack) -> None:
    with in_process(stack, "submit_job") as submit:
        answer = submit(
            api_event("POST", "/v1/jobs", address=new_address(), body='{"kind":"enhance","prompt":"short"}')
        )
        assert answer["statusCode"] == 422
        assert submit.calls.operations == []


@pytest.mark.parametrize("body", [{"kind": "enhance", "prompt": PROMPT}, {"kind": "image", "prompt": PROMPT, "n": 4}])
def test_a_poll_is_one_read_though_it_signs_four_links(stack: Stack, api: Api, body: dict[str, Any]) -> None:
    sizes = {"width": 256, "height": 256} if body["kind"] == "image" else {}
    job = api.run(**body, **sizes)
    with in_process(stack, "read_jobs") as read:
        answer = read(api_event("GET", f"/v1/jobs/{job['id']}", address=api.address, user=user_at(stack, api.address)))
        assert answer["statusCode"] == 200
        assert json.loads(answer["body"])["status"] == "succeeded"
        assert read.calls.by_operation == {"dynamodb.Query": 1}


def test_neither_health_nor_models_nor_the_document_makes_a_call(stack: Stack) -> None:
    with in_process(stack, "read_jobs") as read:
        for path in ("/v1/health", "/v1/models", "/v1/openapi.json"):
            assert read(api_event("GET", path, address=new_address()))["statusCode"] == 200
        assert read.calls.operations == []


def test_a_model_step_is_one_read_one_model_call_and_two_transactions(stack: Stack, jobs: JobStore) -> None:
    job = _assembled(stack, jobs, "enhance")
    with in_process(stack, "invoke_bedrock") as invoke:
        invoke(attempt(job, "claude-haiku-4.5"))
        assert invoke.calls.by_operation == {**LEDGER, "bedrock-runtime.ConverseStream": 1}


def test_a_model_step_that_runs_again_only_reads(stack: Stack, jobs: JobStore) -> None:
    job = _assembled(stack, jobs, "enhance")
    with in_process(stack, "invoke_bedrock") as invoke:
        first = invoke(attempt(job, "claude-haiku-4.5"))
        made = len(invoke.calls)
        assert invoke(attempt(job, "claude-haiku-4.5")) == first
        assert invoke.calls.operations[made:] == ["dynamodb.Query"]


def test_an_image_step_writes_its_picture_and_reads_the_key_once_per_process(stack: Stack, jobs: JobStore) -> None:
    first, second = _assembled(stack, jobs, "image"), _assembled(stack, jobs, "image")
    with in_process(stack, "invoke_flux") as invoke:
        invoke(attempt(first, "flux-schnell"))
        made = len(invoke.calls)
        invoke(attempt(second, "flux-schnell"))
        again = invoke.calls.operations[made:]
    assert sorted(again) == sorted(["dynamodb.Query", *["dynamodb.TransactWriteItems"] * 2, "s3.PutObject"])


def test_the_rules_step_costs_what_the_ledger_costs(stack: Stack, jobs: JobStore) -> None:
    job = _assembled(stack, jobs, "enhance")
    with in_process(stack, "enhance_by_rules") as enhance:
        enhance(attempt(job, "rules"))
        assert enhance.calls.by_operation == LEDGER


def test_a_replay_is_a_post_and_one_read_more(stack: Stack, api: Api) -> None:
    source = api.run(kind="enhance", prompt=PROMPT)
    for body in ("{}", '{"mode":"recorded"}'):
        with in_process(stack, "submit_job") as submit:
            answer = submit(
                api_event(
                    "POST",
                    f"/v1/jobs/{source['id']}/replay",
                    address=api.address,
                    user=user_at(stack, api.address),
                    body=body,
                )
            )
            assert answer["statusCode"] == 202
            assert submit.calls.by_operation == {
                "dynamodb.Query": 1,
                "dynamodb.GetItem": 1,
                "dynamodb.PutItem": 1,
                "stepfunctions.StartExecution": 1,
            }
        assert api.finished(json.loads(answer["body"])["id"])["status"] == "succeeded"


def test_a_recorded_image_is_read_once_and_written_once(stack: Stack, jobs: JobStore) -> None:
    source = _assembled(stack, jobs, "image")
    with in_process(stack, "invoke_flux") as invoke:
        invoke(attempt(source, "flux-schnell"))
    job = replace(a_job("image"), owner=source.owner, replay_of=source.id, replay_mode=ReplayMode.RECORDED)
    jobs.add(job)
    with in_process(stack, "assemble_prompt") as assemble:
        assemble(state_of(job))
        assert assemble.calls.by_operation == {**ASSEMBLE, "dynamodb.Query": 1}
    with in_process(stack, "replay_recorded") as recorded:
        recorded(attempt(job, "flux-schnell"))
        # The job, then which job it replays, then that one.
        assert recorded.calls.by_operation == {**LEDGER, "dynamodb.Query": 3, "s3.GetObject": 1, "s3.PutObject": 1}


def test_a_happy_text_job_is_eight_transitions(stack: Stack, api: Api) -> None:
    job = api.run(kind="enhance", prompt=PROMPT)
    arn = execution_arn(stack.state_machine_arn, job["id"])
    pages = stack.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    entered = [event for page in pages for event in page["events"] if event["type"].endswith("StateEntered")]
    assert 1 < len(entered) <= 8


def test_nothing_that_ships_scans_a_table() -> None:
    sources = [*(ROOT / "layers" / "core" / "promptmill").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    assert len(sources) > 20
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            named = (
                node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else ""
            )
            assert str(named).lower() not in {"scan", "dynamodb:scan"}, f"{source}:{getattr(node, 'lineno', 0)}"
    for text in ("template.yaml", "statemachines/generation.asl.json"):
        assert "dynamodb:scan" not in (ROOT / text).read_text(encoding="utf-8").lower()
