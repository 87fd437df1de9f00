"""Counts the AWS calls Promptmill makes in this process.

with recorded_calls() as calls:
    lambda_handler(event, context)
assert calls.by_operation == {"dynamodb.Query": 1}
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptmill.gateway import aws_session

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = "before-call"
RECORDER_ID = "recorded-calls"


@dataclass
class Calls:
    """The calls so far, as ``service.Operation``, in order.

    A retry of the SDK's is part of its call; a presigned link is none.
    """

    operations: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.operations)

    @property
    def by_operation(self) -> Counter[str]:
        return Counter(self.operations)

    def record(self, **event: Any) -> None:
        model = event["model"]
        self.operations.append(f"{model.service_model.service_name}.{model.name}")


@contextmanager
def recorded_calls() -> Iterator[Calls]:
    """Records every call of clients that ``promptmill.gateway`` makes.

    A client copies its session's hooks when it is made, so all that is cached is forgotten before and after: the block
    begins with no client, like a cold start.
    """
    forget_cached()
    calls = Calls()
    aws_session().register(EVENT, calls.record, unique_id=RECORDER_ID)
    try:
        yield calls
    finally:
        forget_cached()


def forget_cached() -> None:
    """Empties every cache of Promptmill's in this process: settings, clients, stores, resolvers."""
    for name, module in list(sys.modules.items()):
        if name == "promptmill" or name.startswith("promptmill."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
