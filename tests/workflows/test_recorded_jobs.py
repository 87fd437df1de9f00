"""A job that gives the recorded answer of another: the same machine, no model, no cost."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.artifacts.store import artifact_key
from promptmill.clock import new_id, now_ms
from promptmill.jobs.model import JobStatus, ReplayMode
from promptmill.prompting.assemble import assemble_request, request_to_state
from tests.support.builders import a_call, an_image_entry
from tests.workflows.cases import canceled, case
from tests.workflows.machines import NOWHERE, Stub, copied, missing, stubbed
from tests.workflows.test_happy_jobs import HAPPY_TEXT_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job
    from tests.workflows.cases import Case, Runs, World

ALIAS = "nova-pro"
PICTURE = b"\x89PNG, as far as anybody looks"
WRITTEN = 'Here is the improved prompt:\n\n"A story about an apple."'


def replaying(*, picture: bool = True, source: bool = True) -> Callable[[World, Job], None]:
    """Makes the stored job a recorded replay of one that ``ALIAS`` answered.

    Without a ``picture``, what an image job drew is not in the bucket any more; without a ``source``, nor is the job.
    """

    def link(world: World, job: Job) -> None:
        original = replace(job, id=new_id("job", now_ms()))
        if source:
            said = _drawn(world, original, picture=picture) if job.kind == "image" else _written()
            _answered(world, original, *said)
        values = {":of": {"S": original.id}, ":mode": {"S": ReplayMode.RECORDED}}
        world.dynamodb.update_item(
            TableName=world.stack.jobs_table,
            Key={"pk": {"S": f"JOB#{job.id}"}, "sk": {"S": "JOB"}},
            UpdateExpression="SET replay_of = :of, replay_mode = :mode",
            ExpressionAttributeValues=values,
        )

    return link


def canceled_before_its_answer(world: World, job: Job) -> None:
    replaying()(world, job)
    canceled(world, job)


TEXT = case("recorded", before=replaying())
IMAGE = case("recorded_image", kind="image", before=replaying())
SOURCE_GONE = case("recorded_source_gone", before=replaying(source=False))
PICTURE_GONE = case("recorded_picture_gone", kind="image", before=replaying(picture=False))
NO_STEP = case("no_recorded_step", machine=missing("ReplayRecordedFunctionArn"), before=replaying())
NO_STORE = case(
    "recorded_step_without_store",
    machine=copied("ReplayRecordedFunctionArn", AWS_ENDPOINT_URL_DYNAMODB=NOWHERE),
    before=replaying(),
    slow=True,
)
# Assembled an instant before it was canceled.
CANCELED = case(
    "canceled_before_the_recorded_answer",
    machine=stubbed(
        AssemblePromptFunctionArn=Stub(answer=json.dumps({"candidates": [{"provider": "recorded", "model": ALIAS}]}))
    ),
    before=canceled_before_its_answer,
)


def _written() -> tuple[dict[str, Any], dict[str, Any]]:
    """What a model answered, and the result that was made of it."""
    answer = {"text": WRITTEN, "truncated": True, "input_tokens": 312, "output_tokens": 205}
    return answer, {"text": "A story about an apple.", "type": "content"}


def _drawn(world: World, original: Job, *, picture: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    key = artifact_key(original.owner, original.id, "img_1.png")
    if picture:
        world.stack.client("s3").put_object(Bucket=world.stack.artifacts_bucket, Key=key, Body=PICTURE)
    images = [an_image_entry(key=key, sha256=hashlib.sha256(PICTURE).hexdigest())]
    return {"images": images}, {"images": images}


def _answered(world: World, original: Job, answer: dict[str, Any], result: dict[str, Any]) -> None:
    """Stores the original as a job that the second model to be tried has answered."""
    job = replace(original, status=JobStatus.RUNNING, cost={"model_usd": "0.01", "estimated": True})
    world.jobs.add(job)
    world.jobs.put_request(job, request_to_state(assemble_request(job)), models=["claude-haiku-4.5", ALIAS])
    call = a_call(1, "succeeded", model=ALIAS, answer=answer)
    assert world.jobs.finish_call(job, call, cost={"model_usd": "0.002", "estimated": False}, result=result, usage={})


@pytest.mark.parametrize("one", [TEXT, IMAGE], ids=str)
def test_a_recorded_answer_goes_straight_through_in_eight_transitions_and_costs_nothing(runs: Runs, one: Case) -> None:
    run = runs.of(one)
    assert run.execution.states == ["ReplayRecorded" if s == "InvokeBedrock" else s for s in HAPPY_TEXT_PATH]
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.job.cost == run.outcome["data"]["cost"] == {"model_usd": "0", "estimated": False}
    assert run.outcome["data"]["usage"] == run.job.usage
    (call,) = run.calls
    assert (call.step, call.model, call.cost_usd, call.upper_bound_usd) == (
        "ReplayRecorded",
        ALIAS,
        Decimal(0),
        Decimal(0),
    )


def test_a_recorded_text_is_read_as_when_it_was_written(runs: Runs) -> None:
    run = runs.of(TEXT)
    assert run.job.result is not None
    assert run.job.result["text"] == "A story about an apple."
    assert run.job.usage is not None
    usage = {name: run.job.usage[name] for name in ("model", "input_tokens", "output_tokens", "truncated", "fallback")}
    assert usage == {"model": ALIAS, "input_tokens": 312, "output_tokens": 205, "truncated": True, "fallback": True}


def test_a_recorded_picture_is_copied_under_the_job(runs: Runs) -> None:
    run = runs.of(IMAGE)
    assert run.job.result is not None
    (image,) = run.job.result["images"]
    assert image["key"].startswith(f"artifacts/{run.job.owner}/{run.job.id}/")
    copy = runs.world.stack.client("s3").get_object(Bucket=runs.world.stack.artifacts_bucket, Key=image["key"])
    assert (copy["Body"].read(), copy["ContentType"]) == (PICTURE, "image/png")


@pytest.mark.parametrize(
    ("one", "step", "attempts", "code"),
    [
        (SOURCE_GONE, "AssemblePrompt", 1, "job_state_broken"),
        (PICTURE_GONE, "ReplayRecorded", 1, "job_state_broken"),
        (NO_STEP, "ReplayRecorded", 1, "internal_error"),
        (NO_STORE, "ReplayRecorded", 5, "store_unavailable"),
    ],
    ids=str,
)
def test_what_cannot_be_given_again_fails_the_job_and_asks_no_model(
    runs: Runs, one: Case, step: str, attempts: int, code: str
) -> None:
    run = runs.of(one)
    assert run.execution.attempts(step) == attempts
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": code, "step": step}
    assert run.execution.status == "FAILED"
    assert run.event_names == ["job.accepted", "job.failed"]
    assert run.job.cost == {"model_usd": "0", "estimated": False}


def test_a_recorded_job_that_was_canceled_stays_canceled(runs: Runs) -> None:
    run = runs.of(CANCELED)
    assert run.job.status is JobStatus.CANCELED
    assert run.job.result is None
    assert run.execution.states[-2:] == ["ReplayRecorded", "StopSettled"]
    assert run.event_names == ["job.accepted"]
