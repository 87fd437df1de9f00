"""Replaying jobs and comparing them, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from promptmill.http.schemas import Job, JobDiff, Problem
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.store import JobStore
from promptmill.prompting.assemble import request_from_state
from promptmill.prompting.model import TextRequest
from tests.support.api import Api

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.stand_ins import StandIns

PROMPT = "Write a toast for the wedding of two lighthouse keepers."
FREE = {"model_usd": "0", "estimated": False}
# So that every test's prompt is its own and its calls can be counted.
ENHANCE = {"kind": "enhance", "metadata": {"page": "home"}, "deadline_seconds": 120}
IMAGE = {"kind": "image", "width": 320, "height": 256, "n": 2}

RECORDED_PATH = [
    *("AnnounceAccepted", "CheckRate", "AssemblePrompt", "ChooseProvider"),
    *("ReplayRecorded", "PersistResult", "PublishOutcome", "CloseSucceeded"),
]


def replay(api: Api, job: dict[str, Any], **body: Any) -> httpx.Response:
    return api.http.post(f"/v1/jobs/{job['id']}/replay", json=body)


def replayed(api: Api, job: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The replay once it is over."""
    answer = replay(api, job, **body)
    assert answer.status_code == 202, answer.text
    return api.finished(answer.json()["id"])


def diff(api: Api, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    answer = api.http.get(f"/v1/jobs/{one['id']}/diff", params={"with": other["id"]})
    assert answer.status_code == 200, answer.text
    JobDiff.model_validate(answer.json())
    document: dict[str, Any] = answer.json()
    return document


def calls_of(stack: Stack, stand_ins: StandIns, job: dict[str, Any]) -> int:
    """How often a stand-in was asked for what this job asks; its replays ask the same."""
    request = request_from_state(JobStore(stack.jobs_table, stack.client("dynamodb")).load_work(job["id"]).request)
    return len(stand_ins.calls_about(request.messages[-1].text if isinstance(request, TextRequest) else request.prompt))


def states_of(stack: Stack, job: dict[str, Any]) -> list[str]:
    arn = execution_arn(stack.state_machine_arn, job["id"])
    pages = stack.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    return [event["stateEnteredEventDetails"]["name"] for event in events if event["type"].endswith("StateEntered")]


def test_a_job_replayed_with_another_model_is_a_new_job_that_says_what_it_replays(stack: Stack, api: Api) -> None:
    source = api.run(prompt=PROMPT, **ENHANCE)
    answer = replay(api, source, model="nova-pro")
    accepted = Job.model_validate_json(answer.text)
    assert answer.status_code == 202
    assert (accepted.replay_of, accepted.replay_mode) == (source["id"], "live")
    assert answer.headers["location"] == accepted.links.self == f"{stack.api_url}/v1/jobs/{accepted.id}"
    job = api.finished(accepted.id)
    assert (job["status"], job["usage"]["model"], job["usage"]["fallback"]) == ("succeeded", "nova-pro", False)
    assert job["metadata"] == {"page": "home"}
    changed = diff(api, source, job)
    assert changed["input"] == {"model": {"from": None, "to": "nova-pro"}}
    assert changed["usage"]["model"] == {"from": "claude-haiku-4.5", "to": "nova-pro"}
    assert changed["cost"]["difference_usd"] not in {"0", ""}
    assert api.read(source["id"]) == source


def test_a_recorded_text_is_the_same_text_and_usage_at_no_cost_and_nobody_is_asked(
    stack: Stack, api: Api, stand_ins: StandIns
) -> None:
    source = api.run(prompt=f"{PROMPT} Recorded.", **ENHANCE)
    before = calls_of(stack, stand_ins, source)
    job = replayed(api, source, mode="recorded")
    again = replayed(api, job, mode="recorded")
    for each, of in ((job, source), (again, job)):
        assert (each["status"], each["replay_of"], each["replay_mode"]) == ("succeeded", of["id"], "recorded")
        assert (each["result"], each["usage"], each["input"]) == (source["result"], source["usage"], source["input"])
        assert each["cost"] == FREE
    assert before == calls_of(stack, stand_ins, source) == 1
    nothing = diff(api, source, job)
    assert (nothing["text"], nothing["usage"], nothing["input"]) == ({"same": True, "unified": ""}, {}, {})
    assert nothing["cost"]["difference_usd"] == f"-{source['cost']['model_usd']}"
    # Three jobs in a moment are within the burst, which one of them or two may have to be checked for.
    assert [state for state in states_of(stack, job) if state != "CheckBurst"] == RECORDED_PATH


def test_recorded_images_are_the_same_pictures_of_the_new_job(stack: Stack, api: Api, stand_ins: StandIns) -> None:
    source = api.run(prompt="Two lighthouse keepers dancing", **IMAGE)
    job = replayed(api, source, mode="recorded")
    assert (job["status"], job["usage"], job["cost"]) == ("succeeded", source["usage"], FREE)
    compared = diff(api, source, job)["images"]
    assert compared["same"] is True
    assert len(compared["from"]) == 2
    for old, new in zip(source["result"]["images"], job["result"]["images"], strict=True):
        assert (old["sha256"], old["seed"]) == (new["sha256"], new["seed"])
        assert old["id"] != new["id"]
        assert httpx.get(old["url"]).content == httpx.get(new["url"]).content
    assert calls_of(stack, stand_ins, source) == 1


def test_a_recorded_fallback_is_still_a_fallback(stack: Stack, api: Api, stand_ins: StandIns) -> None:
    prompt = f"{PROMPT} Nobody answers at first."
    stand_ins.script("chat", [{"status": 404}], match=prompt)
    source = api.run(prompt=prompt, **ENHANCE)
    assert source["usage"]["fallback"] is True
    job = replayed(api, source, mode="recorded")
    assert (job["result"], job["usage"], job["cost"]) == (source["result"], source["usage"], FREE)


def test_what_the_rules_wrote_is_recorded_too(api: Api, stand_ins: StandIns) -> None:
    prompt = f"{PROMPT} Nobody answers at all."
    stand_ins.script("chat", [{"status": 404}] * 2, match=prompt)
    source = api.run(prompt=prompt, **ENHANCE)
    assert source["usage"]["model"] == "rules"
    job = replayed(api, source, mode="recorded")
    assert (job["result"], job["usage"], job["cost"]) == (source["result"], source["usage"], FREE)


def test_a_job_that_failed_has_nothing_recorded_and_can_be_tried_again(api: Api, stand_ins: StandIns) -> None:
    prompt = "A lighthouse no model will draw today"
    stand_ins.script("flux", [{"status": 402}], match=prompt)
    source = api.run(prompt=prompt, **IMAGE)
    assert source["status"] == "failed"
    refused = replay(api, source, mode="recorded")
    assert (refused.status_code, Problem.model_validate_json(refused.text).code) == (409, "nothing_recorded")
    again = replayed(api, source)
    assert (again["status"], again["replay_of"]) == ("succeeded", source["id"])
    assert diff(api, source, again)["images"] is None


def test_a_replay_may_be_waited_for_and_repeated_under_its_key(api: Api) -> None:
    source = api.run(prompt=PROMPT, **ENHANCE)
    path, headers = f"/v1/jobs/{source['id']}/replay", {"Idempotency-Key": "replay-1", "Prefer": "wait=20"}
    first = api.http.post(path, headers=headers)
    assert (first.status_code, first.json()["status"]) == (200, "succeeded"), first.text
    again = api.http.post(path, headers=headers)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (first.json()["id"], "true")
    other = api.http.post(path, headers=headers, json={"mode": "recorded"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("mode", ["live", "recorded"])
def test_another_callers_job_is_neither_replayed_nor_compared(api: Api, other_api: Api, mode: str) -> None:
    theirs, mine = api.run(prompt=PROMPT, **ENHANCE), other_api.run(prompt=PROMPT, **ENHANCE)
    answers = [
        replay(other_api, theirs, mode=mode),
        other_api.http.get(f"/v1/jobs/{theirs['id']}/diff", params={"with": mine["id"]}),
        other_api.http.get(f"/v1/jobs/{mine['id']}/diff", params={"with": theirs["id"]}),
    ]
    for answer in answers:
        assert (answer.status_code, Problem.model_validate_json(answer.text).code) == (404, "job_not_found")


def test_a_browser_may_ask_for_both(stack: Stack) -> None:
    job_id = "job_01KAJ2E4Q0V5RZ8T3B6N7M9XWC"
    for method, path in (("POST", "replay"), ("GET", "diff")):
        headers = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": method}
        answer = httpx.options(f"{stack.api_url}/v1/jobs/{job_id}/{path}", headers=headers)
        assert answer.status_code == 204
        assert method in answer.headers["access-control-allow-methods"]
