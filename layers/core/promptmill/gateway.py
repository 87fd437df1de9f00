"""AWS clients and their errors: one botocore session and one client per service and process, made on first use.

botocore rather than boto3: the functions need neither resources nor transfer managers, and importing boto3 costs a
cold start about 60 ms more (docs/decisions/0008).
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.errors import BrokenContractError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.session import Session

# Two attempts of a connect and a read stay below the shortest function timeout, so that a service that hangs becomes an
# error of ours and not a function that is killed.
CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 2
# At the HTTP edge a caller waits. Inside the workflow Step Functions retries, and the SDK does not.
EDGE_ATTEMPTS = 2

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
