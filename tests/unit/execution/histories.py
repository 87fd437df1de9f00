"""Histories as GetExecutionHistory answers them, event for event, in AWS's dialect and in MiniStack's.

The shapes are those of https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from tests.support.builders import AT_MS

BEGAN = datetime.fromtimestamp(AT_MS / 1000, UTC)
Dialect = Literal["aws", "ministack"]


class History:
    """Events in the order they are said; ``at_ms`` counts from the execution's start."""

    def __init__(self, dialect: Dialect = "aws") -> None:
        self.events: list[dict[str, Any]] = []
        self._aws = dialect == "aws"
        self.add(0, "ExecutionStarted", roleArn="arn:aws:iam::1:role/r")

    def add(self, at_ms: int, kind: str, **details: Any) -> Self:
        number = len(self.events) + 1
        event = {"timestamp": BEGAN + timedelta(milliseconds=at_ms), "type": kind, "id": number}
        if self._aws:
            event["previousEventId"] = number - 1
        if details:
            name = kind
            for suffix in ("StateEntered", "StateExited"):
                name = suffix if kind.endswith(suffix) else name
            event[f"{name[0].lower()}{name[1:]}EventDetails"] = details
        self.events.append(event)
        return self

    def entered(self, at_ms: int, name: str, kind: str = "Task") -> Self:
        return self.add(at_ms, f"{kind}StateEntered", name=name)

    def left(self, at_ms: int, name: str, kind: str = "Task") -> Self:
        return self.add(at_ms, f"{kind}StateExited", name=name)

    def tried(self, at_ms: int, end_ms: int, error: str | None = None) -> Self:
        """One attempt of a Lambda task from ``at_ms`` to ``end_ms``."""
        task = {"resourceType": "lambda", "resource": "invoke"}
        where = {"region": "eu-west-1", "parameters": "{}"} if self._aws else {}
        self.add(at_ms, "TaskScheduled", **task, **where)
        if self._aws:
            self.add(at_ms + 1, "TaskStarted", **task)
        if error is None:
            return self.add(end_ms, "TaskSucceeded", **task)
        return self.add(end_ms, "TaskFailed", **task, error=error, cause='{"errorMessage":"quotes the prompt"}')

    def through(self, at_ms: int, end_ms: int, name: str) -> Self:
        """A task that works at once."""
        return self.entered(at_ms, name).tried(at_ms, end_ms).left(end_ms, name)

    def ended(self, at_ms: int, kind: str = "ExecutionSucceeded", **details: Any) -> Self:
        return self.add(at_ms, kind, **details)


def two_retries(dialect: Dialect) -> History:
    """A model call that is throttled twice, then answers; the usual way otherwise."""
    history = History(dialect)
    history.entered(10, "ChooseProvider", "Choice").left(11, "ChooseProvider", "Choice")
    history.entered(11, "InvokeBedrock").tried(12, 20, "ProviderThrottled").tried(1020, 1030, "ProviderThrottled")
    history.tried(3030, 3100).left(3101, "InvokeBedrock")
    history.entered(3102, "JobSucceeded", "Succeed").left(3102, "JobSucceeded", "Succeed")
    return history.ended(3103)


def failed_in(step: str, error: str = "DynamoDB.InternalServerError") -> History:
    """An execution that ended because nothing caught an error."""
    history = History().through(1, 5, "AssemblePrompt").through(6, 500, "InvokeBedrock")
    return history.entered(501, step).tried(502, 600, error).ended(600, "ExecutionFailed", error=error)
