"""The metrics there are: AWS's with the dimensions they come with, and those our code reports."""

from __future__ import annotations

import ast
from functools import cache

from promptmill.metrics import NAMESPACE
from tests.architecture.source import FUNCTIONS, PACKAGE_FILES, code, tree

_FUNCTION = frozenset({"FunctionName"})
_MACHINE = frozenset({"StateMachineArn"})
_API = frozenset({"ApiName", "Stage"})
_QUEUE = frozenset({"QueueName"})
# AWS's: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html,
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html,
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html,
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html.
METRICS: dict[tuple[str, str], set[frozenset[str]]] = {
    ("AWS/Lambda", "Duration"): {_FUNCTION},
    ("AWS/Lambda", "Errors"): {_FUNCTION},
    ("AWS/Lambda", "Throttles"): {_FUNCTION, frozenset()},
    **{
        ("AWS/States", name): {_MACHINE}
        for name in (
            *("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"),
            *("ExecutionsAborted", "ExecutionThrottled"),
        )
    },
    **{("AWS/ApiGateway", name): {_API} for name in ("Count", "4XXError", "5XXError", "Latency")},
    **{("AWS/SQS", name): {_QUEUE} for name in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")},
}
OF_THE_STAGE = frozenset({"service", "stage"})
BY_OUTCOME = OF_THE_STAGE | {"kind", "model", "outcome"}


@cache
def _texts() -> frozenset[str]:
    """Every text in the code; of one that is put together, what comes first, with a star."""
    found = set()
    for file in (*PACKAGE_FILES, *FUNCTIONS):
        for node in code(tree(file)):
            match node:
                case ast.JoinedStr(values=[ast.Constant(value=str(head)), *_]):
                    found.add(f"{head}*")
                case ast.Constant(value=str(text)):
                    found.add(text)
    return frozenset(found)


def is_reported(name: str) -> bool:
    """Whether the code reports a metric of this name: it has the name, or puts it together."""
    heads = {text[:-1] for text in _texts() if text.endswith("*") and text[:-1].isalnum() and text[0].isupper()}
    return name in _texts() or any(name.startswith(head) for head in heads)


def dimension_sets(namespace: str, name: str) -> set[frozenset[str]]:
    """The sets of dimensions a metric comes with; none for a metric that there is not."""
    if namespace == NAMESPACE:
        return {OF_THE_STAGE, BY_OUTCOME} if is_reported(name) else set()
    return METRICS.get((namespace, name), set())
