"""botocore's errors become ours once, at the boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from promptmill import errors
from promptmill.artifacts.store import ArtifactStore
from promptmill.gateway import READ_TIMEOUT_SECONDS, aws_client, aws_session, error_code, store_errors
from promptmill.jobs.store import JobStore
from tests.integration.tables import client
from tests.support.builders import AT, AT_MS, COST, OWNER, a_call, a_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "https://dynamodb.eu-west-1.amazonaws.com"


def a_client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "pk JOB#1 of arn:aws:dynamodb"}}, "PutItem")


def mapped(error: Exception) -> Exception:
    with pytest.raises(Exception) as caught, store_errors():  # noqa: PT011 - which one is the question
        raise error
    return caught.value


@pytest.mark.parametrize(
    "code",
    ["AccessDeniedException", "AccessDenied", "ValidationException", "ResourceNotFoundException", "NoSuchBucket"],
)
def test_what_only_a_person_can_mend_stops(code: str) -> None:
    error = mapped(a_client_error(code))
    assert type(error) is errors.BrokenContractError
    assert str(error) == f"the store refused: {code}"


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        "TransactionInProgressException",
        "TransactionConflictException",
        "SlowDown",
        "ServiceUnavailable",
        "503",
        "a code of tomorrow",
    ],
)
def test_what_may_go_away_can_be_tried_again(code: str) -> None:
    error = mapped(a_client_error(code))
    assert type(error) is errors.StoreUnavailable
    assert str(error) == f"the store answered {code}"


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        NoCredentialsError(),
    ],
)
def test_a_store_that_does_not_answer_can_be_tried_again(error: Exception) -> None:
    found = mapped(error)
    assert type(found) is errors.StoreUnavailable
    assert str(found) == f"the store did not answer: {type(error).__name__}"
    assert found.__cause__ is error


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "TransactionCanceledException", "PreconditionFailed"]
)
def test_a_failed_condition_is_for_the_store_to_understand(code: str) -> None:
    error = a_client_error(code)
    assert mapped(error) is error


@pytest.mark.parametrize("error", [errors.JobSettled(), KeyError("x"), TypeError("x")])
def test_what_is_not_botocores_passes(error: Exception) -> None:
    assert mapped(error) is error


def test_the_message_of_aws_is_not_repeated() -> None:
    assert "arn:aws" not in str(mapped(a_client_error("ValidationException")))


def test_a_block_that_works_raises_nothing() -> None:
    with store_errors():
        answer = 1
    assert answer == 1


def test_a_client_error_has_its_code() -> None:
    assert error_code(a_client_error("SlowDown")) == "SlowDown"


@pytest.fixture
def _lambda_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the runtime gives to a function."""
    for name, value in (("DEFAULT_REGION", "eu-west-1"), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for cached in (aws_session, aws_client):
        cached.cache_clear()
    yield
    for cached in (aws_session, aws_client):
        cached.cache_clear()


@pytest.mark.usefixtures("_lambda_environment")
def test_clients_are_made_once_and_do_not_wait_or_retry_without_end() -> None:
    made = aws_client("dynamodb")
    assert made is aws_client("dynamodb")
    assert made.meta.config.read_timeout == READ_TIMEOUT_SECONDS
    assert made.meta.config.connect_timeout <= READ_TIMEOUT_SECONDS
    assert made.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    edge = aws_client("dynamodb", attempts=2)
    assert edge.meta.config.retries["total_max_attempts"] == 2


@pytest.mark.usefixtures("_lambda_environment")
def test_links_are_signed_the_new_way_and_for_the_host_of_the_region() -> None:
    link = urlsplit(ArtifactStore("artifacts-of-a-test", aws_client("s3")).link("artifacts/o/j/i.png"))
    assert link.hostname == "artifacts-of-a-test.s3.eu-west-1.amazonaws.com"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link.query


JOB = a_job("running")
METHODS: dict[str, tuple[str, Callable[[JobStore], object]]] = {
    "add": ("put_item", lambda store: store.add(JOB)),
    "get": ("query", lambda store: store.get(JOB.id, OWNER, at_ms=AT_MS)),
    "begin": ("update_item", lambda store: store.begin(JOB.id, at=AT, step="AssemblePrompt")),
    "put_request": ("put_item", lambda store: store.put_request(JOB, {}, models=[])),
    "load_work": ("query", lambda store: store.load_work(JOB.id)),
    "start_call": ("transact_write_items", lambda store: store.start_call(JOB, a_call(), cost=COST)),
    "finish_call": ("transact_write_items", lambda store: store.finish_call(JOB, a_call(), cost=COST)),
    "settle_unstarted": ("update_item", lambda store: store.settle_unstarted(JOB.id, at=AT, error={})),
}


def refused(method: str, code: str, **details: Any) -> None:
    """Uses the store while DynamoDB answers with this error."""
    operation, use = METHODS[method]
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error(operation, code, modeled_fields=details)
        use(JobStore("jobs", stubbed))


@pytest.mark.parametrize("method", METHODS)
def test_every_use_of_the_store_says_when_it_may_be_tried_again(method: str) -> None:
    with pytest.raises(errors.StoreUnavailable):
        refused(method, "ProvisionedThroughputExceededException")


@pytest.mark.parametrize("method", METHODS)
def test_every_use_of_the_store_says_when_a_permission_is_missing(method: str) -> None:
    with pytest.raises(errors.BrokenContractError):
        refused(method, "AccessDeniedException")


@pytest.mark.parametrize("method", ["start_call", "finish_call"])
@pytest.mark.parametrize(
    "reasons",
    [
        [{"Code": "ThrottlingError"}, {"Code": "None"}],
        [{"Code": "None"}, {"Code": "ProvisionedThroughputExceeded"}],
    ],
)
def test_a_transaction_that_was_canceled_for_load_can_be_tried_again(
    method: str, reasons: list[dict[str, str]]
) -> None:
    with pytest.raises(errors.StoreUnavailable):
        refused(method, "TransactionCanceledException", CancellationReasons=reasons)


@pytest.mark.parametrize("method", ["start_call", "finish_call"])
@pytest.mark.parametrize(
    "reasons",
    [
        [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}],
        [{"Code": "None"}, {"Code": "ConditionalCheckFailed"}],
        [{"Code": "TransactionConflict"}, {"Code": "None"}],
    ],
)
def test_a_transaction_that_met_another_write_says_that_the_job_must_be_read_again(
    method: str, reasons: list[dict[str, str]]
) -> None:
    """A paid call must not be made again because its settling met another write."""
    operation, use = METHODS[method]
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error(
            operation, "TransactionCanceledException", modeled_fields={"CancellationReasons": reasons}
        )
        assert use(JobStore("jobs", stubbed)) is False
