"""Each of the image provider's errors: retried as often as the table says, then the job fails with its code."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd
from tests.workflows.cases import Case, case
from tests.workflows.machines import NOWHERE, Stub, copied, stubbed

if TYPE_CHECKING:
    from tests.workflows.cases import Runs

MODEL = "flux-schnell"
PRICE = Decimal("0.0027") * 256 * 256 / 1_000_000


def _failing(name: str, fault: dict[str, Any], retries: int, error: str, code: str) -> tuple[Case, int, str, str]:
    one = case(f"flux_{name}", kind="image", flux=[fault] * (1 + retries))
    return one, retries, error, code


FAILING = [
    _failing("throttling", {"status": 429, "retry_after": 1}, 3, "ProviderThrottled", "provider_throttled"),
    _failing("conflict", {"status": 409}, 3, "ProviderThrottled", "provider_throttled"),
    _failing("internal", {"status": 500}, 3, "ProviderError", "provider_error"),
    _failing("overloaded", {"status": 529}, 3, "ProviderError", "provider_error"),
    _failing("unavailable", {"status": 503}, 3, "ProviderUnavailable", "provider_unavailable"),
    _failing("disconnect", {"disconnect": True}, 3, "ProviderUnavailable", "provider_unavailable"),
    _failing("timeout", {"status": 504}, 2, "ProviderTimeout", "provider_timeout"),
    _failing("cut_answer", {"truncate": True}, 1, "ProviderAnswerBroken", "provider_answer_broken"),
    _failing("nonsense", {"body": "this is not JSON"}, 1, "ProviderAnswerBroken", "provider_answer_broken"),
    _failing("no_pictures", {"body": '{"data":[]}'}, 1, "ProviderAnswerBroken", "provider_answer_broken"),
    _failing("bad_key", {"status": 401}, 0, "ProviderAccessDenied", "provider_access_denied"),
    _failing("spending_limit", {"status": 402}, 0, "ProviderQuota", "provider_quota"),
    _failing("unknown_model", {"status": 404}, 0, "ModelNotFound", "model_not_found"),
]
TRIED_AGAIN = case("flux_tried_again", kind="image", flux=[{"status": 429}, {"truncate": True}, {"status": 504}])
INVALID_REQUEST = case("flux_invalid_request", kind="image", flux=[{"status": 400}])
UNREACHABLE = case(
    "flux_unreachable",
    kind="image",
    machine=copied("InvokeFluxFunctionArn", PROMPTMILL_TOGETHER_URL=f"{NOWHERE}/v1"),
    slow=True,
)
# Together has no answer that says so today; the workflow is ready for a provider that has.
BLOCKED = case("flux_blocked", kind="image", machine=stubbed(InvokeFluxFunctionArn=Stub(error="ContentBlocked")))


@pytest.mark.parametrize(("one", "retries", "error", "code"), FAILING, ids=str)
def test_an_error_is_retried_by_the_table_and_then_the_job_fails_with_its_code(
    runs: Runs, one: Case, retries: int, error: str, code: str
) -> None:
    run = runs.of(one)
    assert run.made_calls == [(MODEL, error)] * (1 + retries)
    assert run.faults_left == []
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": code, "step": "InvokeFlux"}
    assert (run.execution.status, run.execution.error) == ("FAILED", error)
    assert run.event_names == ["job.accepted", "job.failed"]
    assert run.outcome["data"]["error"] == {"code": code, "step": "InvokeFlux"}


def test_an_answer_that_may_have_been_billed_is_in_the_books_at_its_upper_bound(runs: Runs) -> None:
    cut = next(one for one, *_ in FAILING if one.name == "flux_cut_answer")
    run = runs.of(cut)
    assert [call.cost_usd for call in run.calls] == [PRICE, PRICE]
    assert run.job.cost == {"model_usd": format_usd(2 * PRICE), "estimated": True}


def test_each_kind_of_error_has_a_count_of_its_own(runs: Runs) -> None:
    run = runs.of(TRIED_AGAIN)
    errors = ["ProviderThrottled", "ProviderAnswerBroken", "ProviderTimeout", None]
    assert run.made_calls == [(MODEL, error) for error in errors]
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.job.usage is not None
    assert run.job.usage["fallback"] is False


def test_a_request_the_provider_calls_malformed_is_not_retried(runs: Runs) -> None:
    run = runs.of(INVALID_REQUEST)
    assert run.made_calls == [(MODEL, "InvalidRequest")]
    assert run.job.error == {"code": "invalid_request", "step": "InvokeFlux"}
    assert run.execution.states.count("ChooseProvider") == 1


def test_a_provider_nobody_reaches_is_tried_four_times(runs: Runs) -> None:
    run = runs.of(UNREACHABLE)
    assert run.made_calls == [(MODEL, "ProviderUnavailable")] * 4
    assert run.provider_calls == []
    assert run.job.error == {"code": "provider_unavailable", "step": "InvokeFlux"}


def test_blocked_content_rejects_the_job(runs: Runs) -> None:
    run = runs.of(BLOCKED)
    assert run.job.status is JobStatus.REJECTED
    assert run.job.error == {"code": "content_blocked", "step": "InvokeFlux"}
    assert run.execution.attempts("InvokeFlux") == 1
    assert run.event_names == ["job.accepted", "job.rejected"]
