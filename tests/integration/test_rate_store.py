"""The peek at a caller's rate before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from promptmill import errors
from promptmill.limits.store import RateStore
from tests.integration.tables import client
from tests.support.builders import AT_MS, OWNER, a_policy


def put(dynamodb: Any, table: str, key: str, **attributes: dict[str, str]) -> None:
    dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, **attributes})


def test_a_caller_who_never_called_has_no_arrival_time(dynamodb: Any, control_table: str) -> None:
    assert RateStore(control_table, dynamodb).peek("ip_nobody", a_policy()) is None


def test_the_arrival_time_is_read_to_the_millisecond(dynamodb: Any, control_table: str) -> None:
    put(dynamodb, control_table, f"RATE#{OWNER}#anonymous", tat={"N": str(AT_MS + 1)}, expires_at={"N": "1"})
    assert RateStore(control_table, dynamodb).peek(OWNER, a_policy()) == AT_MS + 1


def test_an_item_without_an_arrival_time_is_none(dynamodb: Any, control_table: str) -> None:
    put(dynamodb, control_table, f"RATE#{OWNER}#partner", expires_at={"N": "1"})
    assert RateStore(control_table, dynamodb).peek(OWNER, a_policy(name="partner")) is None


def test_peeking_writes_nothing(dynamodb: Any, control_table: str) -> None:
    RateStore(control_table, dynamodb).peek("ip_only_peeked", a_policy())
    key = {"pk": {"S": "RATE#ip_only_peeked#anonymous"}}
    assert "Item" not in dynamodb.get_item(TableName=control_table, Key=key)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ProvisionedThroughputExceededException", errors.StoreUnavailable),
        ("InternalServerError", errors.StoreUnavailable),
        ("AccessDeniedException", errors.BrokenContractError),
        ("ResourceNotFoundException", errors.BrokenContractError),
    ],
)
def test_a_table_that_does_not_answer_lets_nobody_in(code: str, error: type[errors.PromptmillError]) -> None:
    stubbed = client("dynamodb", config=no_retries())
    with Stubber(stubbed) as stub:
        stub.add_client_error("get_item", code)
        with pytest.raises(error):
            RateStore("control", stubbed).peek(OWNER, a_policy())


def no_retries() -> Any:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1})
