"""Counts the AWS calls Promptmill makes in this process, and what those to DynamoDB cost.

with recorded_calls() as calls:
    lambda_handler(event, context)
assert calls.by_operation == {"dynamodb.Query": 1}
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from promptmill.gateway import aws_session
from tests.support.capacity import Cost, cost_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDER_ID = "recorded-calls"


@dataclass
class Calls:
    """The calls so far, as ``service.Operation``, in order.

    A retry of the SDK's is part of its call; a presigned link is none, but what it is a link to is among ``requests``,
    which are operations with their parameters.
    """

    operations: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _answered: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.operations)

    @property
    def by_operation(self) -> Counter[str]:
        return Counter(self.operations)

    @property
    def costs(self) -> list[Cost]:
        """What each call to DynamoDB cost that it did not refuse."""
        return [cost_of(*answered) for answered in self._answered]

    def record(self, **event: Any) -> None:
        model = event["model"]
        self.operations.append(_name(model))

    def record_request(self, *, params: dict[str, Any], model: Any, **_event: Any) -> None:
        self.requests.append((_name(model), params))

    def ask_for_capacity(self, *, params: dict[str, Any], model: Any, context: dict[str, Any], **_event: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"
        context[RECORDER_ID] = params

    def record_answer(self, *, parsed: dict[str, Any], model: Any, context: dict[str, Any], **event: Any) -> None:
        if event["http_response"].status_code < HTTPStatus.BAD_REQUEST:
            self._answered.append((model.name, context[RECORDER_ID], parsed))

    def events(self) -> dict[str, Callable[..., None]]:
        """What is listened to in botocore: https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html."""
        return {
            "before-call": self.record,
            "before-parameter-build": self.record_request,
            "before-parameter-build.dynamodb": self.ask_for_capacity,
            "after-call.dynamodb": self.record_answer,
        }


@contextmanager
def recorded_calls() -> Iterator[Calls]:
    """Records every call of clients that ``promptmill.gateway`` makes.

    A client copies its session's hooks when it is made, so all that is cached is forgotten before and after: the block
    begins with no client, like a cold start.
    """
    forget_cached()
    calls = Calls()
    for event, listener in calls.events().items():
        aws_session().register(event, listener, unique_id=f"{RECORDER_ID} {event}")
    try:
        yield calls
    finally:
        forget_cached()


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}.{model.name}"


def forget_cached() -> None:
    """Empties every cache of Promptmill's in this process: settings, clients, stores, resolvers."""
    for name, module in list(sys.modules.items()):
        if name == "promptmill" or name.startswith("promptmill."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
