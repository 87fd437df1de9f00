"""How events come to their queues and from there to functions."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest

from promptmill.events.webhooks.deliveries.store import LEASE_MS
from promptmill.events.webhooks.gateway import SEND_SECONDS
from promptmill.gateway import CONNECT_TIMEOUT_SECONDS, EDGE_ATTEMPTS, READ_TIMEOUT_SECONDS
from tests.support.grants import listed, literal, of_type

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
TIMEOUTS_TO_WAIT = 6


def arn(name: str) -> str:
    return f"${{{name}.Arn}}"


def fills() -> dict[str, set[str]]:
    """The rules that may put something into a queue, as their target or as what they could not deliver."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    queues = {arn(name): name for name in of_type("AWS::SQS::Queue")}
    for rule, properties in of_type("AWS::Events::Rule").items():
        for target in properties["Targets"]:
            for place in (literal(target["Arn"]), literal(target["DeadLetterConfig"]["Arn"])):
                if place in queues:
                    found[queues[place]].add(rule)
    return found


def let_in() -> dict[str, set[str]]:
    """The rules each queue's policy lets in."""
    found = {}
    for policy in of_type("AWS::SQS::QueuePolicy").values():
        # SQS wants a policy to be about one queue.
        (queue,) = policy["Queues"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert literal(statement["Resource"]) == arn(queue["Ref"])
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        sources = listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        found[queue["Ref"]] = {literal(source).removeprefix("${").removesuffix(".Arn}") for source in sources}
    return found


@pytest.mark.parametrize("rule", sorted(of_type("AWS::Events::Rule")))
def test_a_rule_tries_again_and_has_a_place_for_what_it_could_not_deliver(rule: str) -> None:
    for target in of_type("AWS::Events::Rule")[rule]["Targets"]:
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 60
        assert literal(target["DeadLetterConfig"]["Arn"]) == arn("EventDeadLetterQueue")


def test_every_queue_a_rule_fills_lets_exactly_that_rule_in() -> None:
    assert let_in() == fills()


def readers() -> dict[str, dict[str, Any]]:
    """The event source mapping of each queue that has one."""
    queues = {arn(name): name for name in of_type("AWS::SQS::Queue")}
    mappings = of_type("AWS::Lambda::EventSourceMapping").values()
    return {queues[literal(mapping["EventSourceArn"])]: mapping for mapping in mappings}


def test_every_queue_that_leads_to_a_dead_letter_queue_is_read_by_a_function_but_the_sample() -> None:
    leading = {name for name, queue in of_type("AWS::SQS::Queue").items() if "RedrivePolicy" in queue}
    assert readers().keys() == leading - {"SubscriberQueue"}


def test_a_message_stays_hidden_for_as_long_as_its_function_may_need_it() -> None:
    for queue, mapping in readers().items():
        function = re.sub(r"\W", "", literal(mapping["FunctionName"]))
        timeout_seconds = of_type("AWS::Lambda::Function")[function]["Timeout"]
        assert of_type("AWS::SQS::Queue")[queue]["VisibilityTimeout"] >= TIMEOUTS_TO_WAIT * timeout_seconds, queue
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], queue


def test_an_attempt_is_over_before_its_function_is_and_is_nobody_elses_for_twice_as_long() -> None:
    """A call around it that uses up its time ends it, so at most one does."""
    assert SEND_SECONDS == 15
    timeout_seconds = of_type("AWS::Lambda::Function")["DeliverWebhookFunction"]["Timeout"]
    call_seconds = EDGE_ATTEMPTS * (CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS)
    assert SEND_SECONDS + call_seconds < timeout_seconds
    assert 2 * timeout_seconds * 1000 <= LEASE_MS
