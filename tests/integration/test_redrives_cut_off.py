"""``dlq redrive`` that is interrupted or killed: no message is lost on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.crashes import Crash
from tests.integration.queues_of_a_stack import Queues, an_event, event_id
from tests.support.dead_letters import parked


@pytest.fixture
def queues(aws: None) -> Queues:
    return Queues()


def test_what_was_sent_is_said_before_it_is_deleted(queues: Queues) -> None:
    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    for event in (an_event() for _ in range(3)):
        queues.put("AnalyticsDeadLetterQueue", event)
        queues.put("ParkedEventsQueue", parked(event))
    queues.sqs.meta.events.register("before-call.sqs.DeleteMessage", interrupt)
    for name, sent in (("AnalyticsDeadLetterQueue", 1), ("ParkedEventsQueue", 3)):
        result = queues.run("dlq", "redrive", name)
        assert result.exit_code == 130
        assert len(result.stdout.splitlines()) == sent
    assert len(queues.messages("AnalyticsQueue")) == 1
    assert len(queues.bus.published) == 3


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "after it was answered"])
def test_whichever_call_the_command_is_killed_at_nothing_is_lost(queues: Queues, *, after: bool) -> None:
    calls = ["receive", *("send", "delete") * 3, "receive"]
    for number in range(len(calls)):
        events = {event_id(event): event for event in (an_event() for _ in range(3))}
        for event in events.values():
            queues.put("AnalyticsDeadLetterQueue", event)
        queues.release("AnalyticsDeadLetterQueue", killed_at(queues, "AnalyticsDeadLetterQueue", number, after=after))
        queues.results("dlq", "redrive", "AnalyticsDeadLetterQueue")
        arrived = Counter(map(event_id, queues.bodies("AnalyticsQueue")))
        assert arrived.keys() >= events.keys()
        assert sum(arrived[one] for one in events) <= len(events) + 1
        assert queues.messages("AnalyticsDeadLetterQueue") == [], number


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "after it was answered"])
def test_whichever_call_the_command_is_killed_at_no_event_that_was_parked_is_lost(
    queues: Queues, *, after: bool
) -> None:
    calls = ["receive", "publish", *("delete",) * 3, "receive"]
    for number in range(len(calls)):
        events = {event_id(event): event for event in (an_event() for _ in range(3))}
        for event in events.values():
            queues.put("ParkedEventsQueue", parked(event))
        queues.release("ParkedEventsQueue", killed_at(queues, "ParkedEventsQueue", number, after=after))
        queues.results("dlq", "redrive", "ParkedEventsQueue")
        arrived = Counter(detail["metadata"]["id"] for _, detail in queues.bus.published)
        assert {arrived[one] for one in events} <= {1, 2}
        assert queues.messages("ParkedEventsQueue") == [], number


def killed_at(queues: Queues, name: str, number: int, *, after: bool) -> list[dict[str, Any]]:
    """Redrives until the process is gone at this call; the messages it had received."""
    left, received = [number], []

    def count(**_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    def note(parsed: dict[str, Any], **_: Any) -> None:
        received.extend(parsed.get("Messages", []))

    when = "after-call" if after else "before-call"
    # Who is killed releases nothing.
    hooks: list[tuple[str, Callable[..., None]]] = [
        *((f"{when}.sqs.{name}", count) for name in ("ReceiveMessage", "SendMessage", "DeleteMessage")),
        ("before-call.sqs.ChangeMessageVisibilityBatch", count),
        ("after-call.sqs.ReceiveMessage", note),
    ]
    for event, hook in reversed(hooks):
        queues.sqs.meta.events.register(event, hook)
    setattr(queues.bus, "after" if after else "before", count)
    with pytest.raises(Crash):
        queues.run("dlq", "redrive", name)
    for event, hook in hooks:
        queues.sqs.meta.events.unregister(event, hook)
    queues.bus.before = queues.bus.after = lambda: None
    return received
