"""Each of Bedrock's errors: retried as often as the table says, then the next model, at last the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd
from tests.workflows.cases import Case, case
from tests.workflows.machines import NOWHERE, Stub, copied, stubbed

if TYPE_CHECKING:
    from tests.workflows.cases import Runs

FIRST, SECOND = "claude-haiku-4.5", "nova-2-lite"


def _failing(name: str, fault: dict[str, Any], retries: int, error: str) -> tuple[Case, int, str]:
    """The first model fails for good, the second answers."""
    return case(f"bedrock_{name}", chat=[fault] * (1 + retries)), retries, error


THEN_THE_NEXT_MODEL = [
    _failing("throttling", {"status": 429, "retry_after": 1}, 3, "ProviderThrottled"),
    _failing("warming", {"error": "ModelNotReadyException"}, 3, "ProviderWarming"),
    _failing("timeout", {"status": 408}, 2, "ProviderTimeout"),
    _failing("internal", {"status": 500}, 3, "ProviderError"),
    _failing("unavailable", {"status": 503}, 3, "ProviderUnavailable"),
    _failing("disconnect", {"disconnect": True}, 3, "ProviderUnavailable"),
    _failing("stream_error", {"error": "modelStreamErrorException"}, 3, "ProviderStreamBroken"),
    _failing("cut_stream", {"truncate": True}, 3, "ProviderStreamBroken"),
    _failing("nonsense", {"body": "this is not a stream"}, 3, "ProviderStreamBroken"),
    _failing("throttled_in_the_stream", {"error": "throttlingException"}, 3, "ProviderThrottled"),
    _failing("model_error", {"status": 424}, 1, "ProviderModelError"),
    _failing("malformed_output", {"stop_reason": "malformed_model_output"}, 1, "ProviderAnswerBroken"),
    _failing("access_denied", {"status": 403}, 0, "ProviderAccessDenied"),
    _failing("unknown_model", {"status": 404}, 0, "ModelNotFound"),
    _failing("quota", {"error": "ServiceQuotaExceededException"}, 0, "ProviderQuota"),
]
TRIED_AGAIN = case("bedrock_tried_again", chat=[{"status": 500}, {"status": 429}])
ALL_MODELS_FAIL = case("bedrock_all_models_fail", chat=[{"status": 404}] * 2)
INVALID_REQUEST = case("bedrock_invalid_request", chat=[{"status": 400}])
UNREACHABLE = case(
    "bedrock_unreachable",
    machine=copied("InvokeBedrockFunctionArn", AWS_ENDPOINT_URL_BEDROCK_RUNTIME=NOWHERE),
    slow=True,
)
BLOCKED = [
    case("bedrock_guardrail", chat=[{"stop_reason": "guardrail_intervened"}]),
    case("bedrock_content_filter", chat=[{"stop_reason": "content_filtered"}]),
]
NO_REQUEST = case(
    "bedrock_without_a_request",
    machine=stubbed(
        AssemblePromptFunctionArn=Stub(answer=f'{{"candidates":[{{"provider":"bedrock","model":"{FIRST}"}}]}}')
    ),
    before=lambda world, job: world.set_status(job, JobStatus.RUNNING),
)


@pytest.mark.parametrize(("one", "retries", "error"), THEN_THE_NEXT_MODEL, ids=str)
def test_an_error_is_retried_by_the_table_and_then_the_next_model_answers(
    runs: Runs, one: Case, retries: int, error: str
) -> None:
    run = runs.of(one)
    assert run.made_calls == [(FIRST, error)] * (1 + retries) + [(SECOND, None)]
    assert run.faults_left == []
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.job.usage is not None
    assert (run.job.usage["model"], run.job.usage["fallback"]) == (SECOND, True)
    assert run.execution.states.count("ChooseProvider") == 2


def test_a_retry_that_works_is_no_fallback(runs: Runs) -> None:
    run = runs.of(TRIED_AGAIN)
    assert run.made_calls == [(FIRST, "ProviderError"), (FIRST, "ProviderThrottled"), (FIRST, None)]
    assert run.job.usage is not None
    assert run.job.usage["fallback"] is False


def test_when_no_model_answers_the_rules_do_and_the_usage_says_so(runs: Runs) -> None:
    run = runs.of(ALL_MODELS_FAIL)
    assert run.made_calls == [(FIRST, "ModelNotFound"), (SECOND, "ModelNotFound"), ("rules", None)]
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.job.usage is not None
    assert (run.job.usage["model"], run.job.usage["fallback"]) == ("rules", True)
    assert run.job.cost == {"model_usd": "0", "estimated": False}
    assert run.job.result is not None
    assert run.token in run.job.result["text"]
    assert run.execution.states[-4:] == ["EnhanceByRules", "PersistResult", "PublishOutcome", "CloseSucceeded"]


def test_a_provider_nobody_reaches_is_tried_four_times_per_model(runs: Runs) -> None:
    run = runs.of(UNREACHABLE)
    tries = [(FIRST, "ProviderUnavailable")] * 4 + [(SECOND, "ProviderUnavailable")] * 4
    assert run.made_calls == [*tries, ("rules", None)]
    assert run.provider_calls == []
    assert run.job.status is JobStatus.SUCCEEDED


def test_a_request_the_provider_calls_malformed_fails_the_job_without_fallback(runs: Runs) -> None:
    run = runs.of(INVALID_REQUEST)
    assert run.made_calls == [(FIRST, "InvalidRequest")]
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": "invalid_request", "step": "InvokeBedrock"}
    assert (run.execution.status, run.execution.error) == ("FAILED", "InvalidRequest")
    assert run.event_names == ["job.accepted", "job.failed"]


@pytest.mark.parametrize("one", BLOCKED, ids=str)
def test_a_blocked_answer_rejects_the_job_and_its_cost_is_kept(runs: Runs, one: Case) -> None:
    run = runs.of(one)
    assert run.made_calls == [(FIRST, "ContentBlocked")]
    assert run.job.status is JobStatus.REJECTED
    assert run.job.error == {"code": "content_blocked", "step": "InvokeBedrock"}
    assert run.job.result is None
    assert run.execution.status == "SUCCEEDED"
    assert run.event_names == ["job.accepted", "job.rejected"]
    assert run.calls[0].cost_usd
    assert run.job.cost == {"model_usd": format_usd(run.calls[0].cost_usd), "estimated": False}
    assert run.outcome["data"]["cost"] == run.job.cost


def test_a_job_without_its_stored_request_fails_before_any_call(runs: Runs) -> None:
    run = runs.of(NO_REQUEST)
    assert run.calls == ()
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": "job_state_broken", "step": "InvokeBedrock"}
