"""All that a job leaves behind for people to read: logs, histories, events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.stack import ROOT
from tests.support.inbox import parked_inbox, subscriber_inbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

MOST_LOG_EVENTS = 10_000


def log_events(stack: Stack) -> dict[str, str]:
    """The text of every log group."""
    logs = stack.client("logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    return {group: "\n".join(_messages(logs, group)) for group in groups}


def _messages(logs: Any, group: str) -> Iterator[str]:
    """Every message of a group. MiniStack gives the oldest 10,000 of what is asked for, and no token for more."""
    start_ms = 0
    while True:
        found = logs.filter_log_events(logGroupName=group, startTime=start_ms)["events"]
        yield from (event["message"] for event in found)
        if len(found) < MOST_LOG_EVENTS:
            return
        # The last millisecond may have had more; what is read twice does no harm.
        start_ms = max(start_ms + 1, found[-1]["timestamp"])


def log_files(stack: Stack) -> dict[str, str]:
    """What the processes of the local stack wrote."""
    return {path.name: path.read_text(errors="replace") for path in _folder(stack).glob("*.log")}


def histories(stack: Stack, *job_ids: str) -> str:
    """The whole execution histories of these jobs, with inputs and outputs."""
    pages = stack.client("stepfunctions").get_paginator("get_execution_history")
    machine = stack.state_machine_arn.replace(":stateMachine:", ":execution:")
    events = [
        event
        for job_id in job_ids
        for page in pages.paginate(executionArn=f"{machine}:{job_id}")
        for event in page["events"]
    ]
    return json.dumps(events, default=str, ensure_ascii=False)


def events(stack: Stack, *job_ids: str) -> list[dict[str, Any]]:
    """What subscribers got about these jobs, and what was parked."""
    return [
        message
        for inbox in (subscriber_inbox(stack), parked_inbox(stack))
        for one in job_ids
        for message in inbox.of(one)
    ]


def _folder(stack: Stack) -> Path:
    for known in (ROOT / ".local").glob("*/stack.json"):
        if json.loads(known.read_text(encoding="utf-8")).get("pid") == stack.pid:
            return known.parent
    raise AssertionError("no folder has this stack's stack.json")
