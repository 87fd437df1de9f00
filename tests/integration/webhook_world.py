"""Webhooks in this process: real stores on moto, the real sender, receivers on this machine; the clock is the test's.

The queues are SQS as far as it matters: a message is seen when its delay is over, hidden from others while somebody has
it, and seen again when nobody deleted it. Each call to the store, the queue and the receiver is counted, and a ``Cut``
kills whoever makes one of them, before it is sent or after it was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Lock, local
from typing import Any

from botocore.config import Config

from promptmill.clock import epoch_ms
from promptmill.events.webhooks.answer import Answer
from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue, Message
from promptmill.events.webhooks.deliveries.records import DUE
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.delivery import Attempted, Dispatch
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.fan_out import FanOut
from promptmill.events.webhooks.gateway import WebhookSender
from promptmill.events.webhooks.model import Delivery, Webhook
from promptmill.events.webhooks.payload import Event
from promptmill.events.webhooks.release import release
from promptmill.events.webhooks.schedule import MINUTE_MS
from tests.integration.crashes import Crash, Cut
from tests.integration.tables import client
from tests.support.builders import FakeClock
from tests.support.loopback import Connection, Respond, http_answer
from tests.support.receiver import Receiver
from tests.support.webhooks import a_webhook
from tests.unit.jobs.settling import always

VISIBILITY_MS = 180_000
# Long enough for a receiver that answers, on a busy machine too.
DEADLINE_SECONDS = 2.0


@dataclass
class Waiting:
    """A message, or an event, in a queue, and when it is seen."""

    content: Any
    visible_ms: int


class Calls:
    """What was called, in order, and where the process is killed, with all its threads."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.cut: Cut | None = None
        self._killed = False
        self._lock = Lock()
        self._under_way = local()

    @contextmanager
    def process(self) -> Iterator[None]:
        """A process that may be killed; all its threads have ended when it has."""
        with suppress(Crash):
            yield
        self._killed = False

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        self.begin(name)
        yield
        self.end()

    def begin(self, name: str) -> None:
        with self._lock:
            if self._killed:
                raise Crash
            self._under_way.number = len(self.made)
            self.made.append(name)
        self._kill(after=False)

    def end(self) -> None:
        self._kill(after=True)

    def _kill(self, *, after: bool) -> None:
        with self._lock:
            self._killed = self._killed or self.cut == Cut(self._under_way.number, after)
            if self._killed:
                raise Crash


class MemoryQueue(DeliveryQueue):
    def __init__(self, clock: FakeClock, calls: Calls) -> None:
        self._clock = clock
        self._calls = calls
        self.waiting: list[Waiting] = []

    def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
        assert 0 <= delay_seconds <= 900
        with self._calls.during("SendMessage"):
            self.waiting.append(Waiting(Message(webhook_id, delivery_id), self._clock() + delay_seconds * 1000))


class CountedSender(WebhookSender):
    """What a receiver takes passes on the test's clock too."""

    def __init__(self, clock: FakeClock, calls: Calls, authority: str, deadline_seconds: float) -> None:
        super().__init__(loopback_ca=authority, deadline_seconds=deadline_seconds)
        self._clock = clock
        self._calls = calls

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        with self._calls.during("POST"):
            answer = super().send(url, body, headers)
            self._clock.advance(answer.duration_ms)
            return answer


class ScriptedSender(WebhookSender):
    """In the place of receivers: one answer after the other, the last one from then on. A callable makes its answer."""

    def __init__(self, clock: FakeClock, *answers: Answer | Callable[[], Answer]) -> None:
        self._clock = clock
        self._left = list(answers)
        self.sent = 0

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.sent += 1
        step = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        answer = step if isinstance(step, Answer) else step()
        self._clock.advance(answer.duration_ms)
        return answer


def answering(*statuses: int) -> Respond:
    """One status after the other; the last one from then on."""
    left = list(statuses)

    def respond(connection: Connection) -> None:
        connection.send(http_answer(left.pop(0) if len(left) > 1 else left[0]))

    return respond


class World:
    """One table with its webhooks, and all who work on it."""

    def __init__(self, table: str, authority: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self.table = table
        self.clock = FakeClock()
        self.calls = Calls()
        once = Config(retries={"total_max_attempts": 1})
        self.outside, dynamodb = (client("dynamodb", config=once) for _ in range(2))
        dynamodb.meta.events.register("before-call", self._begin)
        dynamodb.meta.events.register("after-call", self._end)
        # moto looks at a condition and writes in two steps.
        self._one_at_a_time = Lock()
        self.endpoints = EndpointStore(table, self.outside)
        self.deliveries = DeliveryStore(table, self.outside)
        self.queue = MemoryQueue(self.clock, self.calls)
        self.events: list[Waiting] = []
        endpoints, deliveries = EndpointStore(table, dynamodb), DeliveryStore(table, dynamodb)
        self.fan_out = FanOut(endpoints, deliveries, self.queue)
        self.sender = CountedSender(self.clock, self.calls, authority, deadline_seconds)
        self.dispatch = Dispatch(endpoints, deliveries, self.queue, self.sender)
        self.counted = deliveries
        self.attempted: list[Attempted] = []
        self.released_ms = 0

    def webhook(self, receiver: Receiver, **fields: Any) -> Webhook:
        """A webhook of this receiver that is sent what succeeded and what failed, to begin with."""
        webhook = a_webhook(**{"url": receiver.url, **fields})
        self.endpoints.add(webhook)
        return webhook

    def script(self, *answers: Answer | Callable[[], Answer]) -> ScriptedSender:
        """Has all receivers answer so from now on."""
        sender = ScriptedSender(self.clock, *answers)
        self.dispatch = replace(self.dispatch, sender=sender)
        return sender

    def publish(self, event: Event) -> None:
        self.events.append(Waiting(event, self.clock()))

    def now(self, webhook: Webhook) -> Webhook:
        return self.endpoints.get(webhook.id)

    def delivery(self, webhook: Webhook, event: Event) -> Delivery:
        return self.deliveries.get(webhook.id, event.id, at_ms=self.clock())

    def work(self) -> None:
        """Does all that is to be done now; a crash is one of the process, and the rest goes on."""
        self._take(self.events, lambda event: self.fan_out.spread(event, at_ms=self.clock()))
        self._take(self.queue.waiting, self._attempt)

    def run(self, duration_ms: int) -> None:
        """Lets so much time pass, with all that happens in it."""
        ends_ms = self.clock() + duration_ms
        while True:
            self.work()
            next_ms = self._next_ms()
            if next_ms is None or next_ms > ends_ms:
                break
            self.clock.at_ms = max(self.clock(), next_ms)
            if self.clock() % MINUTE_MS == 0:
                self.released_ms = self.clock()
                with self.calls.process():
                    release(self.counted, self.queue, at_ms=self.clock(), has_time=always)
        self.clock.at_ms = ends_ms

    def _begin(self, *, model: Any, **_: Any) -> None:
        self.calls.begin(model.name)
        self._one_at_a_time.acquire()

    def _end(self, **_: Any) -> None:
        self._one_at_a_time.release()
        self.calls.end()

    def _attempt(self, message: Message) -> None:
        attempted = self.dispatch.attempt(message.webhook_id, message.delivery_id, at_ms=self.clock(), jitter=0)
        if attempted is not None:
            self.attempted.append(attempted)

    def _take(self, queue: list[Waiting], handle: Callable[[Any], object]) -> None:
        while visible := [one for one in queue if one.visible_ms <= self.clock()]:
            for one in visible:
                one.visible_ms = self.clock() + VISIBILITY_MS
                with self.calls.process():
                    handle(one.content)
                    queue.remove(one)

    def _next_ms(self) -> int | None:
        """When something happens next: a message is seen, or the first minute has come at which one is to be sent."""
        times = [one.visible_ms for one in (*self.events, *self.queue.waiting)]
        found = self.outside.query(
            TableName=self.table,
            IndexName="gsi2",
            KeyConditionExpression="gsi2pk = :due",
            ExpressionAttributeValues={":due": {"S": DUE}},
            Limit=1,
        )["Items"]
        for item in found:
            earliest_ms = max(epoch_ms(item["gsi2sk"]["S"]), self.clock(), self.released_ms + 1)
            times.append(-(-earliest_ms // MINUTE_MS) * MINUTE_MS)
        return min(times, default=None)
