"""``events tail``: the rule and the queue that it makes, and that neither is left behind."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from operations.deployment import Deployment
from operations.events import event_of, line_of, pattern_of
from operations.tail import LONGEST_MS, Tail, remove_abandoned, tail
from promptmill.clock import new_id, now_ms, random_hex
from promptmill.events.names import EventName
from tests.integration.tables import client
from tests.support.builders import a_job_id
from tests.support.interactions import an_interaction
from tests.unit.operations.stage import USER, Stage

MARGIN_MS = 10 * 60_000


class Bus:
    """A bus in moto and the tails on it."""

    def __init__(self) -> None:
        self.name = f"bus-{random_hex(4)}"
        self.events, self.sqs = client("events"), client("sqs")
        self.events.create_event_bus(Name=self.name)
        clients = {"events": self.events, "sqs": self.sqs}
        # A stage of the test's own: the queues of an account are all in one list.
        session = SimpleNamespace(client=lambda service, **_config: clients[service])
        self.deployment = Deployment(self.name, {"EventBusName": self.name}, session)

    def rules(self) -> list[str]:
        return [rule["Name"] for rule in self.events.list_rules(EventBusName=self.name)["Rules"]]

    def queues(self) -> list[str]:
        urls = self.sqs.list_queues(QueueNamePrefix=f"promptmill-{self.name}").get("QueueUrls", [])
        return [url.rpartition("/")[2] for url in urls]

    def tail_of(self, at_ms: int) -> Tail:
        """One that was made then."""
        made = Tail(self.deployment, new_id(f"promptmill-{self.name}-tail", at_ms))
        made.make(pattern_of((), owner=None, job_id=None))
        return made


@pytest.fixture
def bus(aws: None) -> Bus:
    return Bus()


def test_a_rule_of_the_bus_may_fill_the_queue_and_both_are_gone_afterwards(bus: Bus) -> None:
    pattern = pattern_of(("job.failed",), owner=None, job_id=None)
    with tail(bus.deployment, pattern) as url:
        (name,) = bus.rules()
        assert bus.queues() == [name]
        rule = bus.events.describe_rule(Name=name, EventBusName=bus.name)
        assert json.loads(rule["EventPattern"]) == pattern
        attributes = bus.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        (target,) = bus.events.list_targets_by_rule(Rule=name, EventBusName=bus.name)["Targets"]
        assert target["Arn"] == attributes["QueueArn"]
        (statement,) = json.loads(attributes["Policy"])["Statement"]
        assert (statement["Resource"], statement["Action"]) == (attributes["QueueArn"], "sqs:SendMessage")
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule["Arn"]}}
        assert bus.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"application": "promptmill", "stage": bus.name}
    assert (bus.rules(), bus.queues()) == ([], [])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), BrokenPipeError()])
def test_whatever_ends_it_nothing_is_left(bus: Bus, error: BaseException) -> None:
    with pytest.raises(type(error)), tail(bus.deployment, pattern_of((), owner=None, job_id=None)):
        raise error
    assert (bus.rules(), bus.queues()) == ([], [])


@pytest.mark.parametrize(
    "call", ["sqs.CreateQueue", "sqs.SetQueueAttributes", "events.PutTargets", "events.RemoveTargets"]
)
def test_an_interruption_while_it_is_made_or_removed_leaves_no_queue(bus: Bus, call: str) -> None:
    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    getattr(bus, call.partition(".")[0]).meta.events.register(f"before-call.{call}", interrupt)
    with pytest.raises(KeyboardInterrupt), tail(bus.deployment, pattern_of((), owner=None, job_id=None)):
        pass
    assert bus.queues() == []
    assert bus.rules() == [] or call == "events.RemoveTargets"


def test_tails_that_were_left_behind_are_removed_and_those_of_others_are_not(bus: Bus) -> None:
    at_ms = now_ms()
    left, halved = (bus.tail_of(at_ms - LONGEST_MS - MARGIN_MS) for _ in range(2))
    bus.sqs.delete_queue(QueueUrl=bus.sqs.get_queue_url(QueueName=halved.name)["QueueUrl"])
    orphan = new_id(f"promptmill-{bus.name}-tail", at_ms - LONGEST_MS - MARGIN_MS)
    bus.sqs.create_queue(QueueName=orphan)
    others = bus.tail_of(at_ms - LONGEST_MS)
    assert remove_abandoned(bus.deployment, at_ms=at_ms) == sorted([left.name, halved.name, orphan])
    assert (bus.rules(), bus.queues()) == ([others.name], [others.name])


def test_the_pattern_has_the_filters_that_were_asked_for() -> None:
    job_id, ours = a_job_id(), [{"prefix": "promptmill."}]
    assert pattern_of((), owner=None, job_id=None) == {"source": ours}
    assert pattern_of(("job.failed", "job.expired"), owner=USER, job_id=job_id) == {
        "source": ours,
        "detail-type": ["job.failed", "job.expired"],
        "detail": {"metadata": {"owner": [USER], "job_id": [job_id]}},
    }


def test_an_event_is_a_line_for_people_and_what_webhooks_get_for_programs() -> None:
    envelope = an_interaction(EventName.PROMPT_STARRED, "prm_1")
    metadata = envelope["detail"]["metadata"]
    assert event_of(envelope) == {
        "type": "prompt.starred",
        "timestamp": metadata["occurred_at"],
        "metadata": metadata,
        "data": envelope["detail"]["data"],
    }
    assert line_of(envelope).split() == [
        metadata["occurred_at"],
        "prompt.starred",
        "-",
        metadata["owner"],
        "-",
        "-",
        "-",
    ]
    data = {"kind": "enhance", "status": "succeeded", "cost": {"model_usd": "0.0004"}}
    job = {**envelope, "detail": {"metadata": {**metadata, "job_id": "job_1"}, "data": data}}
    assert line_of(job).split()[2:] == ["job_1", metadata["owner"], "succeeded", "enhance", "0.0004"]


def test_what_anybody_puts_on_the_bus_is_shown_too() -> None:
    envelope = {"detail-type": "moon.risen", "time": "2026-11-21T10:00:00Z", "detail": {}}
    assert event_of(envelope)["timestamp"] == "2026-11-21T10:00:00Z"
    assert line_of(envelope).startswith("2026-11-21T10:00:00Z      moon.risen")


def test_who_wants_to_listen_for_longer_is_refused() -> None:
    result = Stage().run("events", "tail", "--for", "61m")
    assert result.exit_code == 2
    assert "an hour at most" in result.stderr
