"""Reading and redriving executions: what Step Functions may answer, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.jobs.execution.gateway import Executions, Start
from tests.integration.tables import client
from tests.support.builders import AT_MS, a_job_id
from tests.unit.execution.histories import failed_in, two_retries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:generation"
JOB_ID = a_job_id()
ARN = f"arn:aws:states:eu-west-1:123456789012:execution:generation:{JOB_ID}"
ASKED = {"executionArn": ARN, "maxResults": 1000, "reverseOrder": False, "includeExecutionData": False}


ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def stepfunctions() -> Any:
    return client("stepfunctions", config=ONCE)


@pytest.fixture
def stub(stepfunctions: Any) -> Iterator[Stubber]:
    with Stubber(stepfunctions) as stubber:
        yield stubber


@pytest.fixture
def executions(stepfunctions: Any) -> Executions:
    return Executions(MACHINE, stepfunctions)


def test_a_history_is_read_page_by_page_oldest_first_without_inputs_and_outputs(
    executions: Executions, stub: Stubber
) -> None:
    events = [*two_retries("aws").events, *failed_in("PersistResult").events]
    stub.add_response("get_execution_history", {"events": events[:3], "nextToken": "t1"}, ASKED)
    stub.add_response("get_execution_history", {"events": [], "nextToken": "t2"}, ASKED | {"nextToken": "t1"})
    stub.add_response("get_execution_history", {"events": events[3:]}, ASKED | {"nextToken": "t2"})
    assert executions.history(JOB_ID) == events
    stub.assert_no_pending_responses()


def test_an_execution_nobody_knows_has_no_history(executions: Executions, stub: Stubber) -> None:
    stub.add_client_error("get_execution_history", "ExecutionDoesNotExist")
    assert executions.history(JOB_ID) is None


def test_a_redrive_names_the_execution_of_the_job(executions: Executions, stub: Stubber) -> None:
    answer = {"redriveDate": two_retries("aws").events[0]["timestamp"]}
    stub.add_response("redrive_execution", answer, {"executionArn": ARN})
    executions.redrive(JOB_ID)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "message", "detail"),
    [
        ("InvalidAction", "Unknown action: RedriveExecution", "not available here"),
        ("UnknownOperationException", "", "not available here"),
        ("ExecutionNotRedrivable", "Execution is SUCCEEDED.", "Step Functions refused: Execution is SUCCEEDED."),
        ("ExecutionDoesNotExist", "Execution does not exist.", "Step Functions refused: Execution does not exist."),
    ],
)
def test_what_cannot_be_redriven_is_refused_with_the_reason(
    executions: Executions, stub: Stubber, code: str, message: str, detail: str
) -> None:
    stub.add_client_error("redrive_execution", code, message)
    with pytest.raises(errors.NotRedrivable) as caught:
        executions.redrive(JOB_ID)
    assert detail in caught.value.detail


def test_the_executions_there_are_come_page_by_page_the_latest_first(executions: Executions, stub: Stubber) -> None:
    asked = {"stateMachineArn": MACHINE, "maxResults": 1000}

    def entry(name: str, status: str, at_ms: int) -> dict[str, Any]:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        return {"executionArn": ARN, "stateMachineArn": MACHINE, "name": name, "status": status, "startDate": at}

    later, earlier = entry("b", "RUNNING", AT_MS + 1), entry("a", "FAILED", AT_MS)
    stub.add_response("list_executions", {"executions": [later], "nextToken": "t1"}, asked)
    stub.add_response("list_executions", {"executions": [earlier]}, asked | {"nextToken": "t1"})
    assert list(executions.starts()) == [[Start("b", "RUNNING", AT_MS + 1)], [Start("a", "FAILED", AT_MS)]]
    stub.assert_no_pending_responses()


USES: dict[str, Callable[[Executions], object]] = {
    "get_execution_history": lambda executions: executions.history(JOB_ID),
    "list_executions": lambda executions: list(executions.starts()),
    "redrive_execution": lambda executions: executions.redrive(JOB_ID),
}


@pytest.mark.parametrize("operation", USES)
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", errors.WorkflowUnavailable),
        ("ExecutionLimitExceeded", errors.WorkflowUnavailable),
        ("InternalFailure", errors.WorkflowUnavailable),
        ("ServiceUnavailable", errors.WorkflowUnavailable),
        ("a code of tomorrow", errors.WorkflowUnavailable),
        ("AccessDeniedException", errors.BrokenContractError),
        ("KmsAccessDeniedException", errors.BrokenContractError),
        ("InvalidArn", errors.BrokenContractError),
    ],
)
def test_a_refusal_is_one_that_may_go_away_or_one_for_a_person(
    executions: Executions, stub: Stubber, operation: str, code: str, error: type[errors.PromptmillError]
) -> None:
    stub.add_client_error(operation, code, "arn:aws:states:secret")
    with pytest.raises(error) as caught:
        USES[operation](executions)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)


def test_a_history_whose_second_page_fails_is_not_half_a_history(executions: Executions, stub: Stubber) -> None:
    stub.add_response("get_execution_history", {"events": two_retries("aws").events[:3], "nextToken": "t"}, ASKED)
    stub.add_client_error("get_execution_history", "ThrottlingException")
    with pytest.raises(errors.WorkflowUnavailable):
        executions.history(JOB_ID)


@pytest.mark.parametrize("operation", USES)
@pytest.mark.parametrize("kind", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_answer_at_all_may_be_tried_again(operation: str, kind: Any) -> None:
    unreachable = client("stepfunctions", config=ONCE)

    def fail(**_: Any) -> None:
        raise kind(endpoint_url="https://states.eu-west-1.amazonaws.com")

    unreachable.meta.events.register("before-send.sfn", fail)
    with pytest.raises(errors.WorkflowUnavailable):
        USES[operation](Executions(MACHINE, unreachable))
