"""How much the stack holds, to tell that a request left nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.stack import Stack


@dataclass(frozen=True)
class Inventory:
    """``jobs`` and ``control`` count table items of every sort."""

    jobs: int
    control: int
    executions: int
    artifacts: int


def take_inventory(stack: Stack) -> Inventory:
    dynamodb = stack.client("dynamodb")

    def items(table: str) -> int:
        return sum(page["Count"] for page in dynamodb.get_paginator("scan").paginate(TableName=table, Select="COUNT"))

    executions = stack.client("stepfunctions").get_paginator("list_executions")
    objects = stack.client("s3").get_paginator("list_objects_v2")
    return Inventory(
        jobs=items(stack.jobs_table),
        control=items(stack.control_table),
        executions=sum(
            len(page["executions"]) for page in executions.paginate(stateMachineArn=stack.state_machine_arn)
        ),
        artifacts=sum(page.get("KeyCount", 0) for page in objects.paginate(Bucket=stack.artifacts_bucket)),
    )
