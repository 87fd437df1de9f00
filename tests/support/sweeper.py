"""The deployed sweeper, called as its schedule does."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from local.stack import STACK_NAME

if TYPE_CHECKING:
    from local.stack import Stack


def sweep(stack: Stack) -> dict[str, int]:
    """One run; how many jobs it dealt with, by verdict. The schedule's own runs may come before it."""
    answer = stack.client("lambda").invoke(FunctionName=_function_name(stack), Payload=b"{}")
    content = answer["Payload"].read()
    assert "FunctionError" not in answer, content
    done: dict[str, int] = json.loads(content)
    return done


@cache
def _function_name(stack: Stack) -> str:
    outputs = stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]["Outputs"]
    (name,) = (str(output["OutputValue"]) for output in outputs if output["OutputKey"] == "SweepJobsFunctionName")
    return name
