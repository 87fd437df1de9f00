"""Who changed what: lines of the function log, beside those of the admins' routes."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import click

from promptmill.clock import now_ms, timestamp


class Journal:
    """Lines of one operator, who is an ARN; each day has its stream, ``operators/2026-11-21``."""

    def __init__(self, log_group: str, operator: str, client: Any) -> None:
        self._log_group = log_group
        self._operator = operator
        self._client = client
        self._stream = ""

    def note(self, command: str, **ids: str) -> None:
        """Notes a change that is about to be tried: what cannot be noted is not done.

        Ids and names, never secrets or content. Raises botocore's errors, and a ``ClickException`` for a line that
        CloudWatch leaves out, as it does with those too far from its own time, within a 200.
        """
        at_ms = now_ms()
        at = timestamp(at_ms)
        line = {"timestamp": at, "level": "INFO", "message": "operator", "operator": self._operator, "command": command}
        stream = f"operators/{at[:10]}"
        if stream != self._stream:
            with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
                self._client.create_log_stream(logGroupName=self._log_group, logStreamName=stream)
            self._stream = stream
        event = {"timestamp": at_ms, "message": json.dumps(line | ids)}
        answer = self._client.put_log_events(logGroupName=self._log_group, logStreamName=stream, logEvents=[event])
        if "rejectedLogEventsInfo" in answer:
            raise click.ClickException("The function log did not take the note: is this machine's clock right?")
