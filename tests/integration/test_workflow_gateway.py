"""Starting an execution: what Step Functions may answer, and what it means for the job."""

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
    from collections.abc import Iterator

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
    assert code in str(caught.value)


class Unreachable:
    """A client whose every call fails before an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def start_execution(self, **_: Any) -> None:
        raise self._error


@pytest.mark.parametrize("kind", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_answer_at_all_may_be_tried_again(kind: Any) -> None:
    error = kind(endpoint_url="https://states.eu-west-1.amazonaws.com")
    with pytest.raises(errors.WorkflowUnavailable) as caught:
        GenerationWorkflow(ARN, Unreachable(error)).start(a_job_id(), {})
    assert kind.__name__ in str(caught.value)
