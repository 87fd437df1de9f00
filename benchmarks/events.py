"""Events on a warm stack: how long one is on its way, and how many arrive in a second when many are published at once.

On the local stack every consumer shares the machine's cores, so each of these is slower the more the others do.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.receiver import receiving
from benchmarks.samples import summary
from local.sam import ROOT
from promptmill.analytics.store import RollupStore
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from promptmill.events.webhooks.endpoints.store import EndpointStore, new_secret
from promptmill.events.webhooks.model import Secret, Webhook, WebhookStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.stack import Stack

EXAMPLES = ROOT / "events" / "published"
PAUSE_SECONDS = 0.05
POLL_SECONDS = 1
ARRIVAL_SECONDS = 60
OUTCOME = EventName.JOB_SUCCEEDED
# One that goes to webhooks and is counted nowhere.
UNCOUNTED = EventName.TEMPLATE_PUBLISHED


@dataclass(frozen=True)
class Numbers:
    """How many events each measurement publishes."""

    published: int = 60
    delivered: int = 20
    delivered_at_once: int = 60
    counted_at_once: int = 200


def measure(stack: Stack, numbers: Numbers) -> dict[str, Any]:
    """``latency_ms`` of one event after the other, and ``per_second`` of many that are published at once."""
    bus = EventBus(stack.bus_name, stack.client("events"))
    _counted_per_second(stack, bus, n=1)
    published = _time_to_queue(stack, bus, n=numbers.published)
    counted = _counted_per_second(stack, bus, n=numbers.counted_at_once)
    with receiving(Path(stack.folder)) as receiver, subscribed(stack, url=receiver.url) as owner:

        def deliver(n: int) -> tuple[float, list[str]]:
            """When they were published, and their ids; they have all arrived."""
            details = [an_event(UNCOUNTED, owner) for _ in range(n)]
            ids = [detail["metadata"]["id"] for detail in details]
            began = time.perf_counter()
            bus.publish_all([(UNCOUNTED, detail) for detail in details])
            _wait(lambda: receiver.arrived.keys() >= set(ids), f"{n} events did not reach their webhook")
            return began, ids

        deliver(1)
        delivered = []
        for _ in range(numbers.delivered):
            began, (event_id,) = deliver(1)
            delivered.append((receiver.arrived[event_id] - began) * 1000)
        began, ids = deliver(numbers.delivered_at_once)
        seconds = max(receiver.arrived[event_id] for event_id in ids) - began
    return {
        "latency_ms": {"publish": asdict(summary(published)), "delivery": asdict(summary(delivered))},
        "functions_at_once": _attempts_at_once(stack),
        "at_once": {"deliveries": numbers.delivered_at_once, "counted": numbers.counted_at_once},
        "per_second": {"deliveries": round(numbers.delivered_at_once / seconds, 2), "counted": round(counted, 2)},
    }


def an_owner() -> str:
    return f"usr_{random_hex(16)}"


def an_event(name: EventName, owner: str) -> dict[str, Any]:
    """The published example as a new event of this owner."""
    detail: dict[str, Any] = json.loads((EXAMPLES / f"{name}.example.json").read_text(encoding="utf-8"))
    at_ms = now_ms()
    detail["metadata"] |= {"id": new_id("evt", at_ms), "owner": owner, "occurred_at": timestamp(at_ms)}
    return detail


@contextmanager
def pairs(stack: Stack, *, n: int) -> Iterator[list[tuple[str, str]]]:
    """Outcomes of jobs as EventBridge puts them into a queue: of who has no webhook, and of who has one.

    Its receiver answers for the length of a ``with``, after which each of the second ones has to have reached it once.
    """
    with receiving(Path(stack.folder)) as receiver, subscribed(stack, url=receiver.url) as subscriber:
        yield [(_message(OUTCOME, an_owner()), _message(OUTCOME, subscriber)) for _ in range(n)]
        if len(receiver.arrived) != n:
            raise RuntimeError(f"{len(receiver.arrived)} of {n} events reached their webhook")


def _message(name: EventName, owner: str) -> str:
    return json.dumps({"detail-type": name, "source": name.source, "detail": an_event(name, owner)})


@contextmanager
def subscribed(stack: Stack, *, url: str) -> Iterator[str]:
    """A user whose events a webhook is sent for the length of a ``with``."""
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    at_ms = now_ms()
    webhook = Webhook(
        id=new_id("whk", at_ms),
        url=url,
        events=frozenset({OUTCOME, UNCOUNTED}),
        owner=an_owner(),
        secrets=(Secret(new_secret()),),
        status=WebhookStatus.ENABLED,
        created_at=timestamp(at_ms),
    )
    endpoints.add(webhook)
    try:
        yield str(webhook.owner)
    finally:
        endpoints.delete(webhook.id)


def _attempts_at_once(stack: Stack) -> int:
    """How many functions at a time the stack has send events to webhooks."""
    mappings = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    (found,) = (one["ScalingConfig"] for one in mappings if "-DeliverWebhookFunction-" in one["FunctionArn"])
    return int(found["MaximumConcurrency"])


def _time_to_queue(stack: Stack, bus: EventBus, *, n: int) -> list[float]:
    """Milliseconds from publishing each of ``n`` events to holding its message of the sample subscriber's queue."""
    sqs, url, owner = stack.client("sqs"), stack.events_queue_url, an_owner()
    sqs.purge_queue(QueueUrl=url)
    samples = []
    for _ in range(n):
        detail = an_event(OUTCOME, owner)
        began = time.perf_counter()
        bus.publish(OUTCOME, detail)
        samples.append((_received(sqs, url, detail["metadata"]["id"]) - began) * 1000)
    return samples


def _received(sqs: Any, url: str, event_id: str) -> float:
    """When the event was received from the queue. What else is there, such as of the jobs before, is dropped."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=POLL_SECONDS).get("Messages", [])
        at = time.perf_counter()
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if json.loads(message["Body"])["detail"]["metadata"]["id"] == event_id:
                return at
    raise RuntimeError(f"an event did not reach the subscriber's queue within {ARRIVAL_SECONDS} seconds")


def _counted_per_second(stack: Stack, bus: EventBus, *, n: int) -> float:
    """Of ``n`` outcomes of jobs that are published at once, from the first being sent to the last being counted."""
    rollups, owner = RollupStore(stack.analytics_table, stack.client("dynamodb")), an_owner()
    details = [an_event(OUTCOME, owner) for _ in range(n)]
    first_day, last_day = details[0]["metadata"]["occurred_at"][:10], details[-1]["metadata"]["occurred_at"][:10]

    def counted() -> int:
        return sum(row.counters["jobs"] for row in rollups.owners_rows(owner, first_day=first_day, last_day=last_day))

    began = time.perf_counter()
    bus.publish_all([(OUTCOME, detail) for detail in details])
    _wait(lambda: counted() == n, f"{n} outcomes were not counted")
    return n / (time.perf_counter() - began)


def _wait(is_so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{otherwise} within {ARRIVAL_SECONDS} seconds")
        time.sleep(PAUSE_SECONDS)
