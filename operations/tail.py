"""A queue of one's own on the bus, for as long as somebody listens: events as they come, in an account and locally."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from promptmill.clock import first_id, new_id, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from operations.deployment import Deployment

LONGEST_MS = 3_600_000
"""How long a tail is, at most."""
# Of tails that are longer than that, nobody is left to remove the queue and the rule.
_ABANDONED_MS = LONGEST_MS + 5 * 60_000
_MOST = 10
# The longest that SQS lets one wait.
_WAIT_SECONDS = 20


class Tail:
    """A rule on the bus and the queue that it fills, both of this name."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self.name = name
        self._bus = deployment.value_of("EventBusName")
        self._events = deployment.client("events")
        self._sqs = deployment.client("sqs")
        self._tags = {"application": "promptmill", "stage": deployment.stage}

    def make(self, pattern: Mapping[str, Any]) -> str:
        """The URL of the queue, once events of the pattern come to it. Raises botocore's errors."""
        rule = self._events.put_rule(
            Name=self.name,
            EventBusName=self._bus,
            Description="An operator looks at events as they come. Removed afterwards.",
            EventPattern=json.dumps(pattern),
            Tags=[{"Key": key, "Value": value} for key, value in self._tags.items()],
        )["RuleArn"]
        url = str(self._sqs.create_queue(QueueName=self.name, tags=self._tags)["QueueUrl"])
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": attributes["QueueArn"],
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        target = {"Id": "Tail", "Arn": attributes["QueueArn"]}
        answer = self._events.put_targets(Rule=self.name, EventBusName=self._bus, Targets=[target])
        if answer["FailedEntryCount"]:
            raise click.ClickException(f"The rule did not take the queue: {answer['FailedEntries'][0]['ErrorMessage']}")
        return url

    def remove(self) -> None:
        """Removes what there is of both; the queue even when the rule cannot be removed."""
        with ExitStack() as stack:
            stack.callback(self._remove_queue)
            with suppress(self._events.exceptions.ResourceNotFoundException):
                self._events.remove_targets(Rule=self.name, EventBusName=self._bus, Ids=["Tail"])
                self._events.delete_rule(Name=self.name, EventBusName=self._bus)

    def _remove_queue(self) -> None:
        with suppress(self._sqs.exceptions.QueueDoesNotExist):
            self._sqs.delete_queue(QueueUrl=self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"])


@contextmanager
def tail(deployment: Deployment, pattern: Mapping[str, Any]) -> Iterator[str]:
    """The URL of a queue that events of the pattern come to, while the context lasts, however it ends."""
    own = Tail(deployment, new_id(_prefix(deployment), now_ms()))
    try:
        yield own.make(pattern)
    finally:
        own.remove()


def remove_abandoned(deployment: Deployment, *, at_ms: int) -> list[str]:
    """Removes the tails of this stage that were left behind, such as by a machine that went down; their names."""
    prefix = f"{_prefix(deployment)}_"
    rules = deployment.client("events").get_paginator("list_rules")
    queues = deployment.client("sqs").get_paginator("list_queues")
    names = {
        rule["Name"]
        for page in rules.paginate(EventBusName=deployment.value_of("EventBusName"), NamePrefix=prefix)
        for rule in page["Rules"]
    } | {
        url.rpartition("/")[2] for page in queues.paginate(QueueNamePrefix=prefix) for url in page.get("QueueUrls", [])
    }
    abandoned = sorted(name for name in names if name < first_id(_prefix(deployment), at_ms - _ABANDONED_MS))
    for name in abandoned:
        Tail(deployment, name).remove()
    return abandoned


def received(sqs: Any, url: str, *, until_ms: int) -> Iterator[dict[str, Any]]:
    """The events, as EventBridge puts them into a queue, as they come until then."""
    while (left_ms := until_ms - now_ms()) > 0:
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_MOST, WaitTimeSeconds=min(_WAIT_SECONDS, -(-left_ms // 1000))
        ).get("Messages", [])
        for message in messages:
            yield json.loads(message["Body"])
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def _prefix(deployment: Deployment) -> str:
    """Of the ids that tails of this stage are named by, which say when each was made."""
    return f"promptmill-{deployment.stage}-tail"
