"""AWS clients and their errors: one botocore session and one client per service and process, made on first use.

botocore rather than boto3: the functions need neither resources nor transfer managers, and importing boto3 costs a
cold start about 60 ms more (docs/decisions/0008).
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from promptmill.clock import pause_up_to
from promptmill.errors import BrokenContractError, RequestInFlight, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from botocore.session import Session

    from promptmill.errors import Refused

# Two attempts of a connect and a read stay below the shortest function timeout, so that a service that hangs becomes an
# error of ours and not a function that is killed.
CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 2
# At the HTTP edge a caller waits. Inside the workflow Step Functions retries, and the SDK does not.
EDGE_ATTEMPTS = 2

# One read of DynamoDB returns 16 MB at most, and says what it left.
READ_ATTEMPTS = 3
# What one BatchWriteItem takes, and how often what it left is given to it again.
BATCH_SIZE = 25
BATCH_ATTEMPTS = 5
# What DynamoDB leaves it has no capacity for right now. A read's waits are over in 0.15 seconds, a batch's in 0.75.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
_FIRST_PAUSE_SECONDS = 0.05

# A transaction is at an item for a few milliseconds.
UPDATE_ATTEMPTS = 3

# A bug or a missing permission: trying again will not mend it.
NOT_WORTH_RETRYING = frozenset(
    {
        "AccessDeniedException",
        "AccessDenied",
        "ValidationException",
        "ResourceNotFoundException",
        "NoSuchBucket",
    }
)

# What a conditional write meets; the store that set the condition knows what it means.
_CONDITIONS = frozenset(
    {
        "ConditionalCheckFailedException",
        "ConditionalRequestConflict",
        "PreconditionFailed",
        "TransactionCanceledException",
    }
)


@cache
def aws_session() -> Session:
    """This process's botocore session."""
    import botocore.session

    return botocore.session.get_session()


@cache
def aws_client(service: str, *, read_timeout_seconds: int = READ_TIMEOUT_SECONDS, attempts: int = 1) -> Any:
    """This process's client of an AWS service. ``attempts`` counts the first try too."""
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        **signing(service),
    )
    return aws_session().create_client(service, config=config)


def signing(service: str) -> dict[str, Any]:
    """What the ``Config`` of a service's client says of signatures.

    Links to artifacts: without these, botocore signs them the old way, which newer Regions refuse, and for the global
    host, which redirects to a young bucket's Region, where the signature does not hold.
    """
    return {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}} if service == "s3" else {}


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns botocore's errors into ours, except failed conditions, which the store itself understands.

    Raises ``BrokenContractError`` for what only a person can mend, ``StoreUnavailable`` for all else.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in _CONDITIONS:
            raise
        if code in NOT_WORTH_RETRYING:
            raise BrokenContractError(f"the store refused: {code}") from error
        raise StoreUnavailable(f"the store answered {code}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"the store did not answer: {type(error).__name__}") from error


def error_code(error: Any) -> str:
    """The AWS error code of a botocore ``ClientError``."""
    return str(error.response["Error"]["Code"])


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a transaction, such as ``{"Put": {…}}``; ``refusal`` is what it means that its condition failed."""

    request: dict[str, Any]
    refusal: Refused | None = None


def write_together(client: Any, actions: Sequence[Action]) -> None:
    """Writes all to DynamoDB or nothing.

    Raises the refusal of the first action whose condition failed, ``RequestInFlight`` when another write is at one of
    the items, ``StoreUnavailable`` when DynamoDB does not answer as it should.
    """
    from botocore.exceptions import ClientError

    with store_errors():
        try:
            client.transact_write_items(TransactItems=[action.request for action in actions])
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            for action, code in zip(actions, codes, strict=False):
                if code == "ConditionalCheckFailed" and action.refusal:
                    raise action.refusal from None
            if "TransactionConflict" in codes:
                raise RequestInFlight from error
            raise StoreUnavailable(f"the transaction was canceled: {codes}") from error


def tries(most: int, pause: Callable[[float], None]) -> Iterator[None]:
    """So many tries, each but the first after a pause: of ``_FIRST_PAUSE_SECONDS`` at most, then of twice as many."""
    for tried in range(most):
        if tried:
            pause(_FIRST_PAUSE_SECONDS * 2 ** (tried - 1))
        yield


def update_item(client: Any, **write: Any) -> dict[str, Any]:
    """DynamoDB's answer to an update, which is tried ``UPDATE_ATTEMPTS`` times where a transaction is at the item."""
    for _ in range(UPDATE_ATTEMPTS - 1):
        with suppress(client.exceptions.TransactionConflictException):
            return cast("dict[str, Any]", client.update_item(**write))
    return cast("dict[str, Any]", client.update_item(**write))


def read_together(
    client: Any, table: str, keys: Sequence[dict[str, Any]], *, pause: Callable[[float], None] = pause_up_to
) -> list[dict[str, Any]]:
    """Those items of at most 100 keys that are there, in any order, in consistent reads.

    Raises ``StoreUnavailable`` when DynamoDB does not answer as it should, or keeps leaving items unread.
    """
    found: list[dict[str, Any]] = []
    left = list(keys)
    if not left:
        return found
    for _ in tries(READ_ATTEMPTS, pause):
        with store_errors():
            answer = client.batch_get_item(RequestItems={table: {"Keys": left, "ConsistentRead": True}})
        found += answer["Responses"].get(table, [])
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        if not left:
            return found
    raise StoreUnavailable("the store left items unread")


def delete_items(
    client: Any, table: str, keys: Sequence[dict[str, Any]], *, pause: Callable[[float], None] = pause_up_to
) -> None:
    """Deletes items; one that is not there is fine.

    Raises ``StoreUnavailable`` when DynamoDB does not answer as it should, or keeps leaving items undeleted.
    """
    for start in range(0, len(keys), BATCH_SIZE):
        left = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH_SIZE]]
        for _ in tries(BATCH_ATTEMPTS, pause):
            with store_errors():
                answer = client.batch_write_item(RequestItems={table: left})
            left = answer.get("UnprocessedItems", {}).get(table, [])
            if not left:
                break
        else:
            raise StoreUnavailable("the store left items undeleted")
