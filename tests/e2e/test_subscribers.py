"""The templates for subscribers, deployed as the operations page says: what is published gets to who listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.environment import shell_environment
from local.stack import ROOT
from promptmill.clock import new_id, now_ms
from promptmill.events.library_events import Occurrence, prompt_event, template_published_event
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from tests.support.api import eventually
from tests.support.builders import TRACEPARENT
from tests.support.published import check_bus_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

AWS = Path(sys.executable).with_name("aws")


@contextmanager
def subscriber(stack: Stack, folder: Path, name: str) -> Iterator[dict[str, str]]:
    """The outputs of a subscriber's stack that listens to prompts, for the length of a ``with``."""
    (folder / "env").write_text(shell_environment(stack))
    deploy = (
        f". {folder / 'env'} && exec {AWS} cloudformation deploy --stack-name {name} --capabilities CAPABILITY_IAM "
        f"--template-file events/subscribers/{name}.yaml "
        "--parameter-overrides EventBusArn=/promptmill/local/event-bus-arn DetailTypes=prompt.created,prompt.copied"
    )
    clean = {variable: value for variable, value in os.environ.items() if not variable.startswith("AWS_")}
    result = subprocess.run(
        ["bash", "-c", deploy], cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    cloudformation = stack.client("cloudformation")
    try:
        (deployed,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        yield {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}
    finally:
        cloudformation.delete_stack(StackName=name)


def publish(stack: Stack) -> str:
    """Publishes an event the subscriber does not listen to, then one it does; returns the id of that."""
    bus = EventBus(stack.bus_name, stack.client("events"))
    unheard, heard = (
        Occurrence(new_id("evt", now_ms()), now_ms(), f"usr_{'5' * 32}", "req-subscribers", TRACEPARENT)
        for _ in range(2)
    )
    bus.publish(EventName.TEMPLATE_PUBLISHED, template_published_event(unheard, new_id("tpl", now_ms()), version=1))
    bus.publish(EventName.PROMPT_CREATED, prompt_event(heard, new_id("prm", now_ms())))
    return heard.event_id


def test_an_event_arrives_in_the_queue_of_a_subscriber(stack: Stack, tmp_path: Path) -> None:
    sqs = stack.client("sqs")

    def received() -> list[dict[str, Any]] | None:
        messages: list[dict[str, Any]] | None = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
            "Messages"
        )
        return messages

    with subscriber(stack, tmp_path, "sqs-subscriber") as outputs:
        queue = outputs["EventsQueueUrl"]
        event_id = publish(stack)
        (message,) = eventually(received)
    event = json.loads(message["Body"])
    check_bus_event(event)
    assert (event["detail-type"], event["detail"]["metadata"]["id"]) == ("prompt.created", event_id)


def test_a_function_of_the_account_is_called_with_an_event(stack: Stack, tmp_path: Path) -> None:
    logs = stack.client("logs")

    def noted() -> list[dict[str, Any]] | None:
        events = logs.filter_log_events(logGroupName=group)["events"]
        lines = [event["message"] for event in events if event["message"].startswith("{")]
        return [json.loads(line) for line in lines] or None

    with subscriber(stack, tmp_path, "same-account-rule") as outputs:
        group = outputs["NoteEventLogGroupName"]
        event_id = publish(stack)
        assert eventually(noted) == [{"event": "prompt.created", "id": event_id, "owner": f"usr_{'5' * 32}"}]
