"""``dlq``: where the messages of each queue go."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from promptmill.clock import now_ms
from tests.integration.queues_of_a_stack import Queues, an_event, event_id
from tests.support.dead_letters import parked

LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/promptmill-dev"


@pytest.fixture
def queues(aws: None) -> Queues:
    return Queues()


def names_its_target(queues: Queues, target: str) -> tuple[dict[str, Any], dict[str, str]]:
    """An event, and what EventBridge writes beside one that a target did not take."""
    rule = f"arn:aws:events:eu-west-1:123456789012:rule/{queues.name}/AnalyticsRule"
    attributes = {"ERROR_CODE": "SDK_CLIENT_ERROR", "ERROR_MESSAGE": "denied", "RULE_ARN": rule, "TARGET_ARN": target}
    return an_event(), attributes


def test_every_queue_says_what_it_holds_and_how_much(queues: Queues) -> None:
    queues.put("AnalyticsDeadLetterQueue", an_event())
    at, name = datetime.fromtimestamp(now_ms() / 1000 - 120, UTC), f"{queues.name}-AnalyticsDeadLetterQueue"
    metric = {
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": name}],
        "Timestamp": at,
        "Value": 61.0,
    }
    queues.clients["cloudwatch"].put_metric_data(Namespace="AWS/SQS", MetricData=[metric])
    listed = {row["queue"]: row for row in queues.results("dlq", "ls")}
    assert {name: row["holds"] for name, row in listed.items()} == {
        "AnalyticsDeadLetterQueue": "what was received from AnalyticsQueue too often",
        "DeliveriesDeadLetterQueue": "what was received from DeliveriesQueue too often",
        "EventDeadLetterQueue": "events that the target of a rule did not take",
        "InteractionsDeadLetterQueue": "events that InteractionsWorkflow failed on",
        "ParkedEventsQueue": "events that the bus did not take",
    }
    assert {name: row["messages"] for name, row in listed.items() if row["messages"]} == {"AnalyticsDeadLetterQueue": 1}
    ages = {name: row["oldest_seconds"] for name, row in listed.items()}
    assert ages == {**dict.fromkeys(listed), "AnalyticsDeadLetterQueue": 61}


def test_what_a_queue_gave_up_goes_back_to_it_as_it_was(queues: Queues) -> None:
    event = an_event()
    queues.put("AnalyticsDeadLetterQueue", event, traceparent="00-a-b-01", group="whk_1")
    (told,) = queues.results("dlq", "redrive", "AnalyticsDeadLetterQueue")
    assert (told["event_id"], told["event"], told["to"]) == (event_id(event), "prompt.starred", "AnalyticsQueue")
    (message,) = queues.messages("AnalyticsQueue")
    assert json.loads(message["Body"]) == event
    assert message["MessageAttributes"]["traceparent"]["StringValue"] == "00-a-b-01"
    assert message["Attributes"]["MessageGroupId"] == "whk_1"
    assert queues.messages("AnalyticsDeadLetterQueue") == []
    assert queues.journal.lines == [("dlq redrive", {"queue": "AnalyticsDeadLetterQueue"})]


def test_what_a_target_did_not_take_goes_to_that_target(queues: Queues) -> None:
    to_queue, of_queue = names_its_target(queues, queues.arn("AnalyticsQueue"))
    to_workflow, of_workflow = names_its_target(queues, queues.workflow)
    queues.put("EventDeadLetterQueue", to_queue, **of_queue)
    queues.put("EventDeadLetterQueue", to_workflow, **of_workflow)
    told = queues.results("dlq", "redrive", "EventDeadLetterQueue")
    assert {one["event_id"]: one["to"] for one in told} == {
        event_id(to_queue): "AnalyticsQueue",
        event_id(to_workflow): "InteractionsWorkflow",
    }
    (message,) = queues.messages("AnalyticsQueue")
    assert json.loads(message["Body"]) == to_queue
    assert "MessageAttributes" not in message
    assert queues.executions() == [to_workflow]
    assert queues.messages("EventDeadLetterQueue") == []


def test_what_the_bus_did_not_take_is_published_once(queues: Queues) -> None:
    events = {event_id(event): event for event in (an_event() for _ in range(12))}
    for event in events.values():
        queues.put("ParkedEventsQueue", parked(event))
    untaken = sorted(events)[4]
    queues.bus.refuses = untaken.__eq__
    told = queues.results("dlq", "redrive", "ParkedEventsQueue", status=1)
    assert {one["event_id"] for one in told if "to" in one} == events.keys() - {untaken}
    assert [(one["event_id"], one["error"]["code"]) for one in told if "error" in one] == [(untaken, "bus_unavailable")]
    assert [len(request) for request in queues.bus.requests if request] in ([9, 2], [10, 1])
    assert [one["Detail"] for one in queues.bodies("ParkedEventsQueue")] == [parked(events[untaken])["Detail"]]
    queues.bus.refuses = lambda _: False
    assert len(queues.results("dlq", "redrive", "ParkedEventsQueue")) == 1
    published = queues.bus.published
    assert len(published) == len(events)
    assert {detail["metadata"]["id"]: (name, detail) for name, detail in published} == {
        one: (event["detail-type"], event["detail"]) for one, event in events.items()
    }
    assert queues.messages("ParkedEventsQueue") == []


def test_what_the_workflow_failed_on_starts_it_again(queues: Queues) -> None:
    event = an_event()
    queues.put("InteractionsDeadLetterQueue", event)
    assert queues.results("dlq", "redrive", "InteractionsDeadLetterQueue")[0]["to"] == "InteractionsWorkflow"
    assert queues.executions() == [event]
    assert (queues.bus.published, queues.messages("InteractionsDeadLetterQueue")) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        *("no JSON", "[]", "{}", "[" * 100_000),
        json.dumps({"DetailType": "moon.risen", "Detail": "{}"}),
        json.dumps({"DetailType": "prompt.starred", "Detail": "[]"}),
        json.dumps({"DetailType": "prompt.starred", "Detail": '{"metadata":{"id":"evt_1"},"data":"\\ud800"}'}),
    ],
)
def test_a_message_that_nothing_can_be_done_with_stays_and_keeps_no_other(queues: Queues, body: str) -> None:
    event = an_event()
    poison = queues.put("ParkedEventsQueue", body)
    queues.put("ParkedEventsQueue", parked(event))
    would = queues.results("dlq", "redrive", "ParkedEventsQueue", "--dry-run", status=1)
    told = queues.results("dlq", "redrive", "ParkedEventsQueue", status=1)
    assert [one["message_id"] for one in would if "error" in one] == [poison]
    assert sorted((one["message_id"] == poison, "error" in one) for one in told) == [(False, False), (True, True)]
    assert [detail for _, detail in queues.bus.published] == [event["detail"]]
    assert [message["MessageId"] for message in queues.messages("ParkedEventsQueue")] == [poison]
    assert queues.results("dlq", "discard", "ParkedEventsQueue", poison)[0]["message_id"] == poison
    assert queues.results("dlq", "redrive", "ParkedEventsQueue") == []


def test_where_only_eventbridge_sends_to_the_message_stays(queues: Queues) -> None:
    topic = queues.arn("AnalyticsQueue").replace(":sqs:", ":sns:")
    for target in (LOGS, topic, "arn:aws:sqs:eu-west-1:123456789012:somebody-elses"):
        event, attributes = names_its_target(queues, target)
        queues.put("EventDeadLetterQueue", event, **attributes)
    for attributes in ({}, {"TARGET_ARN": "moon"}):
        queues.put("EventDeadLetterQueue", an_event(), **attributes)
    result = queues.run("dlq", "redrive", "EventDeadLetterQueue")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "stays: the target that did not take it, moon, is no ARN." in result.stderr
    assert f"stays: nothing but EventBridge sends to {LOGS}" in result.stderr
    assert "stays: it does not say which target did not take it." in result.stderr
    assert len(queues.messages("EventDeadLetterQueue")) == 5


def test_a_target_that_still_takes_nothing_leaves_the_message(queues: Queues) -> None:
    event = an_event()
    queues.put("InteractionsDeadLetterQueue", event)
    queues.clients["stepfunctions"].delete_state_machine(stateMachineArn=queues.workflow)
    (told,) = queues.results("dlq", "redrive", "InteractionsDeadLetterQueue", status=1)
    assert told["error"]["code"] == "StateMachineDoesNotExist"
    assert queues.bodies("InteractionsDeadLetterQueue") == [event]


def test_what_would_be_done_is_said_and_nothing_is(queues: Queues) -> None:
    events = [an_event() for _ in range(3)]
    for event in events:
        queues.put("AnalyticsDeadLetterQueue", event)
    message_id = queues.messages("AnalyticsDeadLetterQueue")[0]["MessageId"]
    told = queues.results("dlq", "redrive", "AnalyticsDeadLetterQueue", "--dry-run")
    assert {(one["to"], one["dry_run"]) for one in told} == {("AnalyticsQueue", True)}
    assert queues.results("dlq", "discard", "AnalyticsDeadLetterQueue", message_id, "--dry-run")[0]["dry_run"]
    assert {event_id(one) for one in queues.bodies("AnalyticsDeadLetterQueue")} == set(map(event_id, events))
    assert (queues.messages("AnalyticsQueue"), queues.journal.lines) == ([], [])


def test_as_many_are_redriven_as_are_asked_for(queues: Queues) -> None:
    for _ in range(13):
        queues.put("AnalyticsDeadLetterQueue", an_event())
    assert len(queues.results("dlq", "redrive", "AnalyticsDeadLetterQueue", "--limit", "12")) == 12
    assert len(queues.messages("AnalyticsQueue")) == 12
    assert len(queues.messages("AnalyticsDeadLetterQueue")) == 1


def test_a_message_that_comes_back_at_once_does_not_go_round(queues: Queues) -> None:
    def fails_again(params: dict[str, Any], **_: Any) -> None:
        params["QueueUrl"] = queues.urls["AnalyticsDeadLetterQueue"]

    for _ in range(15):
        queues.put("AnalyticsDeadLetterQueue", an_event())
    queues.sqs.meta.events.register("provide-client-params.sqs.SendMessage", fails_again)
    assert len(queues.results("dlq", "redrive", "AnalyticsDeadLetterQueue")) == 15
    assert len(queues.messages("AnalyticsDeadLetterQueue")) == 15


def test_messages_are_shown_with_why_they_are_here(queues: Queues) -> None:
    event, attributes = names_its_target(queues, LOGS)
    queues.put("EventDeadLetterQueue", event, **attributes)
    for receives in (1, 2):
        (row,) = queues.results("dlq", "show", "EventDeadLetterQueue")
        assert (row["event_id"], row["event"], row["receives"]) == (event_id(event), "prompt.starred", receives)
    assert (row["error"], row["error_message"], row["rule"], row["target"]) == (
        "SDK_CLIENT_ERROR",
        "denied",
        "AnalyticsRule",
        LOGS,
    )
    delivery = {"webhook_id": "whk_1", "delivery_id": "evt_1"}
    queues.put("DeliveriesDeadLetterQueue", delivery)
    queues.put("DeliveriesDeadLetterQueue", "no JSON")
    shown = queues.results("dlq", "show", "DeliveriesDeadLetterQueue")
    assert {(row["event_id"], row["event"]) for row in shown} == {("evt_1", None), (None, None)}
    assert len(queues.results("dlq", "show", "DeliveriesDeadLetterQueue", "--limit", "1")) == 1


def test_people_are_told_what_went_where(queues: Queues) -> None:
    event = an_event()
    queues.put("AnalyticsDeadLetterQueue", event)
    result = queues.run("dlq", "redrive", "AnalyticsDeadLetterQueue")
    assert result.stdout == f"{event_id(event)} (prompt.starred) went to AnalyticsQueue.\n"
    again = queues.run("dlq", "redrive", "AnalyticsDeadLetterQueue")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "AnalyticsDeadLetterQueue is empty.\n")


def test_a_queue_or_a_message_that_is_not_there_is_refused(queues: Queues) -> None:
    for command in (["show"], ["redrive"], ["discard", "1"]):
        result = queues.run("dlq", command[0], "MoonQueue", *command[1:])
        assert (result.exit_code, result.stdout) == (1, "")
        assert "no dead-letter queue MoonQueue, but AnalyticsDeadLetterQueue, " in result.stderr
    kept = queues.put("AnalyticsDeadLetterQueue", an_event())
    (told,) = queues.results("dlq", "discard", "AnalyticsDeadLetterQueue", "1", status=1)
    assert told == {"message_id": "1", "error": {"code": "message_not_found", "detail": "There is no such message."}}
    assert [one["MessageId"] for one in queues.messages("AnalyticsDeadLetterQueue")] == [kept]
