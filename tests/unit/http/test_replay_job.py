"""POST /v1/jobs/{job_id}/replay."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import epoch_ms
from promptmill.jobs.model import JobStatus, ReplayMode
from tests.support.builders import AT_MS, IMAGE_INPUT, OTHER_OWNER, PROMPT, a_call, a_job, a_job_id
from tests.unit.http.calls import BASE_URL, OWNER, Api, an_event
from tests.unit.http.test_generate_prompt import EndingStore

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.unit.http.calls import Reply

INPUT = {"prompt": PROMPT, "tone": "casual", "model": "nova-pro"}
ANSWER = {"text": "Write.", "truncated": False, "input_tokens": 1, "output_tokens": 1}
RETIRED = "claude-1"


def with_source(status: str = "failed", *, api: Api | None = None, answered: bool = False, **fields: Any) -> Any:
    """An API that has one job, and the job."""
    api = api or Api()
    defaults = {"owner": OWNER, "expires_at_seconds": 2**33, "input": INPUT, "metadata": {"order": "7"}}
    source = a_job(status, **{**defaults, **fields})
    api.jobs.add(source)
    api.jobs.put_request(source, {"form": "text"}, models=["nova-pro"])
    if answered:
        api.jobs.calls[source.id, 1] = a_call(1, "succeeded", answer=ANSWER)
    return api, source


def replay(api: Api, source: Job | str, body: Any = None, *, headers: dict[str, str] | None = None) -> Reply:
    job_id = source if isinstance(source, str) else source.id
    path = f"/v1/jobs/{job_id}/replay"
    if body is None:
        return api.submit(an_event("POST", path, headers=headers))
    return api.post(path, body, headers=headers)


def replays(api: Api, source: Job) -> list[Job]:
    return [job for job in api.jobs.jobs.values() if job.id != source.id]


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_of_any_status_is_replayed_as_a_new_one(status: JobStatus) -> None:
    api, source = with_source(status)
    answer = replay(api, source, {})
    assert answer.status == 202
    (job,) = replays(api, source)
    assert (answer.json["id"], answer.json["status"], answer.json["kind"]) == (job.id, "queued", "enhance")
    assert (answer.json["replay_of"], answer.json["replay_mode"]) == (source.id, "live")
    assert (job.replay_of, job.replay_mode) == (source.id, ReplayMode.LIVE)
    assert (job.input, job.metadata, job.owner) == (INPUT, {"order": "7"}, OWNER)
    assert epoch_ms(job.deadline_at) - epoch_ms(job.created_at) == 300_000
    assert list(api.workflow.started) == [job.id]
    assert answer.headers["location"] == f"{BASE_URL}/v1/jobs/{job.id}"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["ratelimit"].startswith('"anonymous";r=9')
    assert api.jobs.jobs[source.id] == source


def test_an_absent_body_changes_nothing_and_needs_no_type() -> None:
    api, source = with_source()
    answer = replay(api, source)
    assert answer.status == 202
    (job,) = replays(api, source)
    assert (job.input, job.metadata) == (INPUT, {"order": "7"})


def test_a_body_that_is_there_must_say_that_it_is_json() -> None:
    api, source = with_source()
    answer = api.submit(an_event("POST", f"/v1/jobs/{source.id}/replay", body="{}"))
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert replays(api, source) == []


def test_overrides_are_in_the_new_job_and_not_in_the_old_one() -> None:
    api, source = with_source()
    body = {"model": "nova-lite", "prompt": f"  {PROMPT}, please ", "metadata": {"a": "b"}, "deadline_seconds": 60}
    answer = replay(api, source, body)
    assert answer.status == 202, answer.text
    (job,) = replays(api, source)
    assert job.input == {"prompt": f"{PROMPT}, please", "tone": "casual", "model": "nova-lite"}
    assert job.metadata == {"a": "b"}
    assert epoch_ms(job.deadline_at) - epoch_ms(job.created_at) == 60_000
    assert api.jobs.jobs[source.id] == source


def test_null_is_as_the_source_has_it() -> None:
    api, source = with_source()
    nothing = {"model": None, "prompt": None, "parameters": None, "label": None, "metadata": None}
    assert replay(api, source, {**nothing, "deadline_seconds": None}).status == 202
    (job,) = replays(api, source)
    assert (job.input, job.metadata) == (INPUT, {"order": "7"})


def test_an_image_job_is_replayed_as_one() -> None:
    stored = {**IMAGE_INPUT, "width": 512, "height": 256}
    api, source = with_source(kind="image", input=stored)
    assert replay(api, source, {"prompt": "fox"}).status == 202
    (job,) = replays(api, source)
    assert (job.kind, job.input) == ("image", {**stored, "prompt": "fox"})


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"prompt": "short"}, ["/prompt"]),
        ({"prompt": 7}, ["/prompt"]),
        ({"prompt": PROMPT + "\x00"}, ["/prompt"]),
        ({"model": "no-such-model"}, ["/model"]),
        ({"model": "flux-schnell"}, ["/model"]),
        ({"model": "Not An Alias"}, ["/model"]),
        ({"parameters": {"name": "x"}}, ["/parameters"]),
        ({"label": "stable"}, ["/label"]),
        ({"metadata": {"a": 1}}, ["/metadata/a"]),
        ({"metadata": {str(n): "x" for n in range(17)}}, ["/metadata"]),
        ({"deadline_seconds": 29}, ["/deadline_seconds"]),
        ({"mode": "dry"}, ["/mode"]),
        ({"mode": None}, ["/mode"]),
        ({"colour": "red"}, ["/colour"]),
        ({"kind": "image"}, ["/kind"]),
        ({"tone": "casual"}, ["/tone"]),
        ({"mode": "recorded", "model": "nova-lite"}, ["/model"]),
        ({"mode": "recorded", "prompt": PROMPT}, ["/prompt"]),
        ({"mode": "recorded", "prompt": PROMPT, "model": "nova-lite"}, ["/model", "/prompt"]),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused_with_its_place_and_stores_nothing(
    body: dict[str, Any], pointers: list[str]
) -> None:
    api, source = with_source("succeeded", answered=True)
    answer = replay(api, source, body)
    assert (answer.status, answer.json["code"]) == (422, "invalid_input")
    assert [finding["pointer"] for finding in answer.json["errors"]] == pointers
    assert all(finding["detail"] for finding in answer.json["errors"])
    assert (replays(api, source), api.workflow.started) == ([], {})


@pytest.mark.parametrize("body", ["[]", "7", "{", "null"])
def test_a_body_that_is_no_object_is_malformed(body: str) -> None:
    api, source = with_source()
    answer = api.post(f"/v1/jobs/{source.id}/replay", body=body)
    assert (answer.status, answer.json["code"]) == (400, "malformed_body")


def test_a_model_that_is_called_no_more_must_be_changed_to_ask_again() -> None:
    api, source = with_source(input={**INPUT, "model": RETIRED}, answered=True)
    refused = replay(api, source, {})
    assert (refused.status, [finding["pointer"] for finding in refused.json["errors"]]) == (422, ["/model"])
    assert replays(api, source) == []
    assert replay(api, source, {"model": "nova-lite"}).status == 202
    assert replay(api, source, {"mode": "recorded"}).status == 202


@pytest.mark.parametrize("mode", ["live", "recorded"])
def test_a_job_that_is_not_ones_own_or_is_gone_is_as_unknown_as_one_that_never_was(mode: str) -> None:
    api, foreign = with_source("succeeded", owner=OTHER_OWNER, answered=True)
    _, expired = with_source("succeeded", api=api, expires_at_seconds=1, answered=True)
    answers = [replay(api, job_id, {"mode": mode}) for job_id in (a_job_id(), foreign.id, expired.id, "job_x", "x")]
    problems = [{name: value for name, value in answer.json.items() if name != "instance"} for answer in answers]
    assert [answer.status for answer in answers] == [404] * 5
    assert all(problem == problems[0] for problem in problems)
    assert all(answer.headers == answers[0].headers for answer in answers)
    assert api.workflow.started == {}


@pytest.mark.parametrize("status", list(JobStatus))
def test_what_was_recorded_is_replayed_whatever_became_of_the_job(status: JobStatus) -> None:
    api, source = with_source(status, answered=True)
    answer = replay(api, source, {"mode": "recorded", "metadata": {}})
    assert (answer.status, answer.json["replay_mode"]) == (202, "recorded")
    (job,) = replays(api, source)
    assert (job.input, job.metadata, job.replay_mode) == (INPUT, {}, ReplayMode.RECORDED)


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_that_was_never_answered_has_nothing_to_replay(status: JobStatus) -> None:
    api, source = with_source(status)
    api.jobs.calls[source.id, 1] = a_call(1, "failed", error="ProviderTimeout")
    answer = replay(api, source, {"mode": "recorded"})
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (409, "nothing_recorded", False)
    assert (replays(api, source), api.workflow.started) == ([], {})


def test_a_caller_who_is_over_the_limit_is_refused() -> None:
    api, source = with_source(api=Api(tat_ms=2**53))
    answer = replay(api, source, {})
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert set(answer.headers) >= {"retry-after", "ratelimit", "ratelimit-policy"}
    assert replays(api, source) == []


def test_a_caller_who_waits_gets_the_finished_job() -> None:
    api, source = with_source(api=Api(jobs=EndingStore(None)))
    jobs = EndingStore(a_job("succeeded"), at_read=3)
    jobs.jobs, jobs.requests = api.jobs.jobs, api.jobs.requests
    answer = replay(Api(jobs=jobs), source, {}, headers={"Prefer": "wait=10"})
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=10"


def test_the_same_key_and_body_are_the_same_replay() -> None:
    api, source = with_source(answered=True)
    key = {"Idempotency-Key": "again-1"}
    first, again = (replay(api, source, body, headers=key) for body in ({}, {"mode": "live", "model": "nova-pro"}))
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    assert again.headers["idempotency-replayed"] == "true"
    assert len(api.workflow.started) == 1


def test_the_same_key_for_another_source_mode_or_input_or_a_plain_job_is_refused() -> None:
    api, source = with_source(answered=True)
    twin = replace(source, id=a_job_id(AT_MS + 1))
    api.jobs.add(twin)
    api.jobs.put_request(twin, {"form": "text"}, models=[])
    key = {"Idempotency-Key": "again-2"}
    assert replay(api, source, {}, headers=key).status == 202
    plain = {"kind": "enhance", **INPUT, "metadata": {"order": "7"}}
    refused = [
        replay(api, twin, {}, headers=key),
        replay(api, source, {"mode": "recorded"}, headers=key),
        replay(api, source, {"model": "nova-lite"}, headers=key),
        api.post("/v1/jobs", plain, headers=key),
    ]
    assert [(answer.status, answer.json["code"]) for answer in refused] == [(422, "idempotency_mismatch")] * 4
    assert len(api.workflow.started) == 1


def test_the_execution_of_a_replay_is_told_no_prompt() -> None:
    api, source = with_source()
    replay(api, source, {"prompt": "a secret of the new prompt"})
    assert "secret" not in json.dumps(api.workflow.started)
    assert PROMPT not in json.dumps(api.workflow.started)
