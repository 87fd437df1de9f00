"""Starting, seeing and stopping an execution: what Step Functions may answer, and what it means for the job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.jobs.gateway import GenerationWorkflow
from tests.integration.tables import client
from tests.support.builders import a_job_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:generation"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:generation:job"


@pytest.fixture(scope="module")
def stepfunctions() -> Any:
    return client("stepfunctions", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def stub(stepfunctions: Any) -> Iterator[Stubber]:
    with Stubber(stepfunctions) as stubber:
        yield stubber


def test_the_execution_is_named_after_the_job_and_gets_its_state_as_compact_json(
    stepfunctions: Any, stub: Stubber
) -> None:
    job_id, state = a_job_id(), {"job_id": "x", "text": "é \U0001f98a", "rate": {"interval_ms": 6000}}
    expected = {
        "stateMachineArn": ARN,
        "name": job_id,
        "input": '{"job_id":"x","text":"é \U0001f98a","rate":{"interval_ms":6000}}',
    }
    stub.add_response("start_execution", {"executionArn": EXECUTION, "startDate": 0}, expected)
    GenerationWorkflow(ARN, stepfunctions).start(job_id, state)
    stub.assert_no_pending_responses()
    assert json.loads(expected["input"]) == state


def test_an_execution_that_is_there_already_counts_as_started(stepfunctions: Any, stub: Stubber) -> None:
    stub.add_client_error("start_execution", "ExecutionAlreadyExists")
    GenerationWorkflow(ARN, stepfunctions).start(a_job_id(), {})
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", errors.WorkflowUnavailable),
        ("ExecutionLimitExceeded", errors.WorkflowUnavailable),
        ("ServiceQuotaExceededException", errors.WorkflowUnavailable),
        ("StateMachineDeleting", errors.WorkflowUnavailable),
        ("InternalFailure", errors.WorkflowUnavailable),
        ("a code of tomorrow", errors.WorkflowUnavailable),
        ("AccessDeniedException", errors.BrokenContractError),
        ("StateMachineDoesNotExist", errors.BrokenContractError),
        ("InvalidExecutionInput", errors.BrokenContractError),
        ("InvalidName", errors.BrokenContractError),
    ],
)
def test_a_refusal_is_one_that_may_go_away_or_one_for_a_person(
    stepfunctions: Any, stub: Stubber, code: str, error: type[errors.PromptmillError]
) -> None:
    stub.add_client_error("start_execution", code)
    with pytest.raises(error) as caught:
        GenerationWorkflow(ARN, stepfunctions).start(a_job_id(), {})
    assert type(caught.value) is error
    assert code in str(caught.value.__cause__)


class Unreachable:
    """A client whose every call fails before an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def start_execution(self, **_: Any) -> None:
        raise self._error

    describe_execution = stop_execution = start_execution


USES: dict[str, tuple[str, Callable[[GenerationWorkflow], object]]] = {
    "start": ("start_execution", lambda workflow: workflow.start(a_job_id(), {})),
    "status": ("describe_execution", lambda workflow: workflow.status(a_job_id())),
    "stop": ("stop_execution", lambda workflow: workflow.stop(a_job_id(), error="Canceled", cause="x")),
}


@pytest.mark.parametrize("use", [use for _, use in USES.values()], ids=list(USES))
@pytest.mark.parametrize("kind", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_answer_at_all_may_be_tried_again(kind: Any, use: Callable[[GenerationWorkflow], object]) -> None:
    error = kind(endpoint_url="https://states.eu-west-1.amazonaws.com")
    with pytest.raises(errors.WorkflowUnavailable) as caught:
        use(GenerationWorkflow(ARN, Unreachable(error)))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_the_status_is_the_one_of_the_execution_named_after_the_job(
    stepfunctions: Any, stub: Stubber, status: str
) -> None:
    answer = {"executionArn": EXECUTION, "stateMachineArn": ARN, "startDate": 0, "status": status}
    stub.add_response("describe_execution", answer, {"executionArn": EXECUTION})
    assert GenerationWorkflow(ARN, stepfunctions).status("job") == status
    stub.assert_no_pending_responses()


def test_a_job_without_an_execution_has_no_status(stepfunctions: Any, stub: Stubber) -> None:
    stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert GenerationWorkflow(ARN, stepfunctions).status("job") is None


def test_an_execution_is_stopped_with_a_reason(stepfunctions: Any, stub: Stubber) -> None:
    expected = {"executionArn": EXECUTION, "error": "Canceled", "cause": "The job was canceled."}
    stub.add_response("stop_execution", {"stopDate": 0}, expected)
    GenerationWorkflow(ARN, stepfunctions).stop("job", error="Canceled", cause="The job was canceled.")
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "ValidationException"])
def test_an_execution_that_is_not_there_or_has_ended_counts_as_stopped(
    stepfunctions: Any, stub: Stubber, code: str
) -> None:
    stub.add_client_error("stop_execution", code)
    GenerationWorkflow(ARN, stepfunctions).stop("job", error="Canceled", cause="x")
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", errors.WorkflowUnavailable),
        ("ServiceUnavailable", errors.WorkflowUnavailable),
        ("AccessDeniedException", errors.BrokenContractError),
        ("InvalidArn", errors.BrokenContractError),
    ],
)
def test_what_step_functions_cannot_do_now_may_be_tried_again_and_what_it_must_not_is_for_a_person(
    stepfunctions: Any, stub: Stubber, use: str, code: str, kind: type[errors.PromptmillError]
) -> None:
    operation, call = USES[use]
    stub.add_client_error(operation, code)
    with pytest.raises(kind) as caught:
        call(GenerationWorkflow(ARN, stepfunctions))
    assert type(caught.value) is kind
