"""Each event of ``events/lambda`` is taken by the function it is named after."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from local.sam import ROOT
from promptmill.clock import epoch_ms, timestamp
from promptmill.http.cancel_routes import cancel_api
from promptmill.http.read_routes import read_api
from promptmill.http.redrive_routes import redrive_api
from promptmill.http.resolver import resolve
from promptmill.http.submit_routes import submit_api
from promptmill.identity.caller import caller_of
from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.intake import Intake
from promptmill.jobs.model import JobStatus, ReplayMode
from tests.support.builders import IMAGE_INPUT, TEXT_INPUT, TEXT_RESULT, a_claim, a_job, a_policy, plans_of
from tests.support.functions import handler
from tests.unit.execution.fakes import FakeExecutions
from tests.unit.execution.histories import failed_in
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.attempts import a_text_answer, an_image_answer
from tests.unit.jobs.fakes import (
    FakeProvider,
    FakeWorkflow,
    MemoryArtifacts,
    MemoryJobListing,
    MemoryJobStore,
    MemoryRates,
    MemoryRecords,
)
from tests.unit.jobs.settling import World
from tests.unit.samples.samples import FOLDER, MODELS, SALT, sample

# The functions have the real clock.
LATER = timestamp(4_000_000_000_000)


def a_store(event: dict[str, Any], kind: str, *, assembled: bool) -> MemoryJobStore:
    """A store that has the event's job."""
    jobs = MemoryJobStore()
    content = IMAGE_INPUT if kind == "image" else TEXT_INPUT
    jobs.add(a_job(id=event["job_id"], kind=kind, input=content, deadline_at=LATER))
    if assembled:
        assemble(jobs, event["job_id"])
    return jobs


def assemble(jobs: MemoryJobStore, job_id: str) -> dict[str, Any]:
    return assemble_prompt(a_claim(jobs.jobs[job_id]), jobs=jobs, spending=MemorySpending(), configured=MODELS)


def test_every_function_has_an_event_and_every_event_a_function() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {path.stem.partition("-")[0] for path in FOLDER.glob("*.json")} == functions


def test_submit_job_accepts_its_event() -> None:
    workflow = FakeWorkflow()
    jobs = MemoryJobStore()
    intake = Intake(jobs, MemoryRates(), workflow, MemoryRecords(jobs), plans_of(a_policy()), MODELS, 90)
    answer = resolve(submit_api(intake), sample("submit_job"), None)
    assert answer["statusCode"] == 202
    assert list(workflow.started) == [json.loads(answer["body"])["id"]]


def test_the_event_of_generate_prompt_is_a_body_that_route_takes() -> None:
    """Its job is refused by the limit, so that nobody waits for it."""
    jobs = MemoryJobStore()
    rates = MemoryRates(tat_ms=1 << 50)
    intake = Intake(jobs, rates, FakeWorkflow(), MemoryRecords(jobs), plans_of(a_policy()), MODELS, 90)
    answer = resolve(submit_api(intake), sample("submit_job-generate_prompt"), None)
    assert answer["statusCode"] == 429


def test_submit_job_replays_the_job_of_its_event() -> None:
    event, jobs, workflow = sample("submit_job-replay"), MemoryJobStore(), FakeWorkflow()
    owner = caller_of(event, salt=SALT).owner
    source_id = event["pathParameters"]["job_id"]
    jobs.add(a_job("failed", id=source_id, owner=owner, expires_at_seconds=4_000_000_000))
    intake = Intake(jobs, MemoryRates(), workflow, MemoryRecords(jobs), plans_of(a_policy()), MODELS, 90)
    answer = resolve(submit_api(intake), event, None)
    assert answer["statusCode"] == 202
    replayed = json.loads(answer["body"])
    assert (replayed["replay_of"], replayed["input"]["model"]) == (source_id, "nova-pro")


def test_read_jobs_finds_the_job_of_its_event() -> None:
    event, jobs = sample("read_jobs"), MemoryJobStore()
    job_id = event["pathParameters"]["job_id"]
    owner = caller_of(event, salt=SALT).owner
    jobs.add(a_job("succeeded", id=job_id, owner=owner, expires_at_seconds=4_000_000_000))
    answer = resolve(read_api(jobs, MemoryArtifacts()), event, None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["id"] == job_id


def test_read_jobs_lists_the_jobs_of_its_event() -> None:
    event, jobs = sample("read_jobs-list"), MemoryJobStore()
    owner = caller_of(event, salt=SALT).owner
    for status in ("queued", "succeeded"):
        jobs.add(a_job(status, owner=owner, expires_at_seconds=4_000_000_000))
    answer = resolve(read_api(jobs, MemoryArtifacts(), listing=MemoryJobListing(jobs)), event, None)
    assert answer["statusCode"] == 200
    assert [job["status"] for job in json.loads(answer["body"])["data"]] == ["succeeded"]


def test_read_jobs_compares_the_jobs_of_its_event() -> None:
    event, jobs = sample("read_jobs-diff"), MemoryJobStore()
    owner = caller_of(event, salt=SALT).owner
    ids = [event["pathParameters"]["job_id"], *event["multiValueQueryStringParameters"]["with"]]
    for job_id in ids:
        jobs.add(a_job("succeeded", id=job_id, owner=owner, expires_at_seconds=4_000_000_000))
    answer = resolve(read_api(jobs, MemoryArtifacts()), event, None)
    assert answer["statusCode"] == 200
    document = json.loads(answer["body"])
    assert [document["from"]["id"], document["to"]["id"]] == ids


@pytest.mark.parametrize("name", ["read_jobs-health", "read_jobs-models"])
def test_read_jobs_answers_what_needs_no_job(name: str) -> None:
    assert resolve(read_api(MemoryJobStore(), MemoryArtifacts()), sample(name), None)["statusCode"] == 200


def test_cancel_job_cancels_the_job_of_its_event() -> None:
    event, world = sample("cancel_job"), World()
    job_id = event["pathParameters"]["job_id"]
    owner = caller_of(event, salt=SALT).owner
    world.has(a_job("running", id=job_id, owner=owner, expires_at_seconds=4_000_000_000))
    answer = resolve(cancel_api(world.settlement), event, None)
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (202, "canceled")
    assert world.bus.names == ["job.canceled"]


def test_redrive_job_redrives_the_job_of_its_event() -> None:
    event, jobs = sample("redrive_job"), MemoryJobStore()
    job_id = event["pathParameters"]["job_id"]
    jobs.add(a_job("running", id=job_id, result=TEXT_RESULT, expires_at_seconds=4_000_000_000))
    executions = FakeExecutions({job_id: failed_in("PersistResult")})
    answer = resolve(redrive_api(jobs, executions), event, None)
    assert (answer["statusCode"], json.loads(answer["body"])["redriven_from"]) == (202, "PersistResult")
    assert executions.redriven == [job_id]


class Remaining:
    """The context of a function with so much time left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def test_sweep_jobs_finishes_what_was_left_behind_and_counts_it(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    job = world.has(a_job(), execution=None)
    sweep = handler("sweep_jobs")
    at_ms = epoch_ms(job.deadline_at)
    done = sweep(sample("sweep_jobs"), Remaining(60_000), settlement=world.settlement, at_ms=at_ms)
    assert done == {"unstarted": 1}
    assert world.now(job).status is JobStatus.FAILED
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["JobsSwept"], line["JobsSweptUnstarted"]) == ([1.0], [1.0])


def test_sweep_jobs_begins_nothing_it_has_no_time_to_finish() -> None:
    world = World()
    job = world.has(a_job(), execution=None)
    sweep, at_ms = handler("sweep_jobs"), epoch_ms(job.deadline_at)
    assert sweep(sample("sweep_jobs"), Remaining(20_000), settlement=world.settlement, at_ms=at_ms) == {}
    assert world.now(job) == job


def test_assemble_prompt_names_the_models_of_its_job() -> None:
    event = sample("assemble_prompt")
    answer = handler("assemble_prompt")(
        event, None, jobs=a_store(event, "enhance", assembled=False), spending=MemorySpending()
    )
    assert answer["candidates"][0]["model"] == sample("invoke_bedrock")["model"]


def test_invoke_bedrock_makes_the_call_of_its_event() -> None:
    event = sample("invoke_bedrock")
    provider = FakeProvider(a_text_answer())
    answer = handler("invoke_bedrock")(event, None, jobs=a_store(event, "enhance", assembled=True), provider=provider)
    assert answer["usage"]["model"] == event["model"]


def test_invoke_flux_makes_the_call_of_its_event() -> None:
    event = sample("invoke_flux")
    answer = handler("invoke_flux")(
        event,
        None,
        jobs=a_store(event, "image", assembled=True),
        artifacts=MemoryArtifacts(),
        provider=FakeProvider(an_image_answer(0)),
    )
    assert answer["usage"]["images"] == 1


def test_enhance_by_rules_does_the_work_of_its_event() -> None:
    event = sample("enhance_by_rules")
    jobs = a_store(event, "enhance", assembled=True)
    answer = handler("enhance_by_rules")(event, None, jobs=jobs)
    assert answer["usage"]["model"] == event["model"]
    job = jobs.jobs[event["job_id"]]
    assert replace(job, status=JobStatus.SUCCEEDED).result


def test_replay_recorded_gives_the_answer_of_the_job_its_events_job_replays() -> None:
    event = sample("replay_recorded")
    source_id = sample("assemble_prompt")["job_id"]
    jobs = MemoryJobStore()
    jobs.add(a_job(id=source_id, expires_at_seconds=2**33, deadline_at=LATER))
    replayed = {"replay_of": source_id, "replay_mode": ReplayMode.RECORDED}
    jobs.add(a_job(id=event["job_id"], expires_at_seconds=2**33, deadline_at=LATER, **replayed))
    assemble(jobs, source_id)
    handler("invoke_bedrock")(
        sample("invoke_bedrock"), None, jobs=jobs, provider=FakeProvider(a_text_answer("Write a letter."))
    )
    (candidate,) = assemble(jobs, event["job_id"])["candidates"]
    assert candidate["model"] == event["model"]
    answer = handler("replay_recorded")(event, None, jobs=jobs, artifacts=MemoryArtifacts())
    assert answer["cost"] == {"model_usd": "0", "estimated": False}
    assert jobs.jobs[event["job_id"]].result == jobs.jobs[source_id].result
