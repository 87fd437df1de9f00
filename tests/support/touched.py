"""Whose things a call to AWS touches: the keys it names, and the owner its condition or filter asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Neither has keys of tenants.
WITHOUT_KEYS = {"bedrock-runtime.ConverseStream", "secretsmanager.GetSecretValue"}
JOB_ID = re.compile(r"job_[0-9A-Z]{26}")


@dataclass(frozen=True)
class Touch:
    """``key`` is a table's or an index's partition, an object's key, an execution's name, or an event's owner.

    ``guard`` is the only owner whose items the call reads or writes there, None where it does not ask.
    """

    operation: str
    key: str
    guard: str | None = None

    @property
    def job_ids(self) -> set[str]:
        return set(JOB_ID.findall(self.key))


def touches(operation: str, asked: dict[str, Any]) -> Iterator[Touch]:
    """What a call touches; fails the test for an operation nobody has said that of."""
    if operation == "dynamodb.TransactWriteItems":
        for action in asked["TransactItems"]:
            ((kind, part),) = action.items()
            yield from touches("dynamodb.PutItem" if kind == "Put" else "dynamodb.UpdateItem", part)
    elif operation not in WITHOUT_KEYS:
        guard = _guard(asked)
        yield from (Touch(operation, key, guard) for key in _keys(operation, asked))


def _keys(operation: str, asked: dict[str, Any]) -> list[str]:
    match operation:
        case "dynamodb.GetItem" | "dynamodb.UpdateItem" | "dynamodb.DeleteItem":
            keys = [asked["Key"]["pk"]["S"]]
        case "dynamodb.PutItem":
            # The sweeper's index, gsi2, has jobs of all owners and no caller reads it.
            keys = [asked["Item"][name]["S"] for name in ("pk", "gsi1pk") if name in asked["Item"]]
        case "dynamodb.Query":
            (partition,) = re.findall(r"^\w+ = (:\w+)", asked["KeyConditionExpression"])
            keys = [asked["ExpressionAttributeValues"][partition]["S"]]
        case "dynamodb.BatchGetItem":
            keys = [key["pk"]["S"] for table in asked["RequestItems"].values() for key in table["Keys"]]
        case "s3.GetObject" | "s3.PutObject":
            keys = [asked["Key"]]
        case "stepfunctions.StartExecution":
            # A deletion is named after its user and the day.
            keys = [re.sub(r"-\d{4}-\d{2}-\d{2}$", "", asked["name"])]
        case "stepfunctions.GetExecutionHistory" | "stepfunctions.StopExecution":
            keys = [asked["executionArn"].rpartition(":")[2]]
        case "events.PutEvents":
            keys = [json.loads(entry["Detail"])["metadata"]["owner"] for entry in asked["Entries"]]
        case _:
            raise AssertionError(f"{operation}: say in tests/support/touched.py what it touches")
    return keys


def _guard(asked: dict[str, Any]) -> str | None:
    """The owner without whom the condition or the filter holds for nothing, or, below a job's key, not for the job."""
    names = asked.get("ExpressionAttributeNames", {})
    for expression in (asked.get("FilterExpression", ""), asked.get("ConditionExpression", "")):
        for clause in expression.split(" AND "):
            only = re.fullmatch(r"\(?(?:attribute_not_exists\((#?\w+)\) OR )?(#?\w+) = (:\w+)\)?", clause)
            if only and names.get(only[2], only[2]) == "owner" and only[1] in {None, only[2]}:
                return str(asked["ExpressionAttributeValues"][only[3]]["S"])
    return None
