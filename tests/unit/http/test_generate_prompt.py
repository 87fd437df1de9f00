"""POST /v1/generate-prompt: PromptCraft's contract over a job like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.error_codes import error_classes
from tests.support.builders import PROMPT, TEXT_RESULT, TEXT_USAGE, a_job, a_policy
from tests.unit.http.calls import BASE_URL, REQUEST_ID, Api, Reply
from tests.unit.jobs.fakes import FakeWorkflow, MemoryJobStore

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

BODY = {"prompt": PROMPT, "tone": "casual"}


class EndingStore(MemoryJobStore):
    """A store whose jobs turn into ``end`` at the given read; a read that is an error fails."""

    def __init__(self, end: Job | None, *, at_read: int = 1, failing_reads: int = 0) -> None:
        super().__init__()
        self._end = end
        self._at_read = at_read
        self._failing_reads = failing_reads
        self.reads = 0

    def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
        self.reads += 1
        if self.reads <= self._failing_reads:
            raise errors.StoreUnavailable
        job = super().get(job_id, owner, at_ms=at_ms)
        if self._end is None or self.reads < self._at_read:
            return job
        return replace(self._end, id=job.id, owner=job.owner)


def ending(status: str, *, at_read: int = 1, **fields: Any) -> Api:
    return Api(jobs=EndingStore(a_job(status, **fields), at_read=at_read))


def generate(api: Api, document: Any = BODY) -> Reply:
    return api.post("/v1/generate-prompt", document)


def test_a_job_that_ends_in_time_is_answered_as_promptcraft_always_did() -> None:
    api = ending("succeeded", at_read=3)
    answer = generate(api)
    (job_id,) = api.workflow.started
    assert answer.status == 200
    assert answer.json == {
        "enhancedPrompt": TEXT_RESULT["text"],
        "metadata": {
            "type": "content",
            "processingTime": 900,
            "model": TEXT_USAGE["model"],
            "tokens": {"input": 300, "output": 200},
            "cost": 0.000412,
            "jobId": job_id,
            "fallback": False,
        },
    }
    assert answer.headers["ratelimit"].startswith('"anonymous";r=9;')


def test_it_is_an_enhance_job_with_the_same_input() -> None:
    api = ending("succeeded")
    generate(api, {**BODY, "length": "concise", "model": "nova-2-lite"})
    (job,) = api.jobs.jobs.values()
    assert (job.kind, job.input) == ("enhance", {**BODY, "length": "concise", "model": "nova-2-lite"})


def test_a_job_that_takes_longer_is_answered_with_the_job_and_where_to_find_it() -> None:
    api = Api(jobs=EndingStore(None))
    answer = generate(api)
    job = answer.json
    assert (answer.status, job["object"], job["status"]) == (202, "job", "queued")
    assert answer.headers["location"] == f"{BASE_URL}/v1/jobs/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert sum(api.clock.slept_ms) == 25_000


def test_a_read_that_fails_while_waiting_does_not_lose_the_caller_their_job() -> None:
    jobs = EndingStore(a_job("succeeded"), at_read=4, failing_reads=3)
    assert generate(Api(jobs=jobs)).status == 200
    jobs = EndingStore(None, failing_reads=1000)
    answer = generate(Api(jobs=jobs))
    assert (answer.status, set(jobs.jobs)) == (202, {answer.json["id"]})


@pytest.mark.parametrize(
    ("status", "code", "http"),
    [
        ("rejected", "rate_limited", 429),
        ("rejected", "content_blocked", 422),
        ("failed", "provider_error", 502),
        ("failed", "model_not_found", 502),
        ("expired", "deadline_passed", 502),
    ],
)
def test_a_job_without_result_is_a_problem_that_names_it(status: str, code: str, http: int) -> None:
    api = ending(status, error={"code": code, "step": "InvokeBedrock"})
    answer = generate(api)
    (job_id,) = api.workflow.started
    known = next(cls for cls in error_classes().values() if cls.code == code)
    assert answer.status == http
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json
    assert (document["code"], document["detail"], document["retryable"]) == (code, known.__doc__, known.retryable)
    assert (document["job_id"], document["request_id"]) == (job_id, REQUEST_ID)
    assert (document["instance"], document["status"]) == ("/v1/generate-prompt", http)


@pytest.mark.parametrize("error", [None, {"code": "internal_error", "step": "InvokeBedrock"}, {"code": "unheard_of"}])
def test_a_job_that_failed_for_a_reason_nobody_has_words_for_is_called_internal(error: dict[str, str] | None) -> None:
    answer = generate(ending("failed", error=error))
    document = answer.json
    assert (answer.status, document["retryable"]) == (502, True)
    assert document["detail"] == "The job could not be finished because of an internal error."


def test_a_job_the_workflow_refused_for_its_rate_says_when_to_come_back_and_that_nothing_is_left() -> None:
    api = Api(
        jobs=EndingStore(a_job("rejected", error={"code": "rate_limited", "step": "CheckRate"})),
        policy=a_policy(limit=10, period_seconds=60, burst=10),
    )
    answer = generate(api)
    assert answer.headers["retry-after"] == "6"
    assert answer.headers["ratelimit"] == '"anonymous";r=0;t=6'
    assert answer.headers["ratelimit-policy"] == '"anonymous";q=10;w=60'


def test_a_job_that_was_refused_for_those_at_work_leaves_the_rate_as_it_is() -> None:
    answer = generate(ending("rejected", error={"code": "rate_limited", "step": "AssemblePrompt"}))
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (429, "rate_limited", True)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["ratelimit"].startswith('"anonymous";r=9')


def test_a_job_that_was_refused_for_the_days_money_says_when_the_day_ends() -> None:
    answer = generate(ending("rejected", error={"code": "budget_exhausted", "step": "AssemblePrompt"}))
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (429, "budget_exhausted", False)
    assert 0 < int(answer.headers["retry-after"]) <= 24 * 60 * 60
    assert answer.headers["ratelimit"].startswith('"anonymous";r=9')


def test_a_caller_over_the_limit_is_told_at_once() -> None:
    api = Api(tat_ms=2**53)
    answer = generate(api)
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert "ratelimit" in answer.headers
    assert (api.jobs.jobs, api.clock.slept_ms) == ({}, [])


def test_a_job_that_cannot_be_started_is_a_503() -> None:
    answer = generate(Api(workflow=FakeWorkflow(errors.WorkflowUnavailable("down"))))
    assert (answer.status, answer.json["code"]) == (503, "workflow_unavailable")


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"prompt": "short"}, "/prompt"),
        ({}, "/prompt"),
        ({**BODY, "kind": "enhance"}, "/kind"),
        ({**BODY, "enhance": 1}, "/enhance"),
        ({**BODY, "language": "pt"}, "/language"),
        ({**BODY, "tone": "rude"}, "/tone"),
        ({**BODY, "model": "no-such-model"}, "/model"),
        ({**BODY, "model": "flux-schnell"}, "/model"),
    ],
)
def test_a_body_that_breaks_a_rule_says_where(document: dict[str, Any], pointer: str) -> None:
    api = Api()
    answer = generate(api, document)
    assert answer.status == 422
    assert [finding["pointer"] for finding in answer.json["errors"]] == [pointer]
    assert api.jobs.jobs == {}
