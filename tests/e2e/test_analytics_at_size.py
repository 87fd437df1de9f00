"""Two thousand ends of jobs, and everything on their way goes wrong: nothing is lost and nothing counts twice.

Events go through a bus, an archive, a rule, a queue and a dead-letter queue of their own, which are as the template has
them, and into a table of their own; the handler runs here, so that it can be made to fail. The expected totals are
added up from the plan, by other code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from local.rendering import read_template
from local.sam import CREDENTIALS
from local.stack import Stack
from operations.rebuild import Place, Rebuild
from promptmill.analytics.report import DIMENSIONS, report_groups
from promptmill.analytics.rollup import FinishedJob
from promptmill.analytics.store import RollupStore
from promptmill.clock import now_ms, random_hex, timestamp
from promptmill.errors import StoreUnavailable
from promptmill.events.publish import EventBus
from promptmill.identity.users.store import UserStore
from tests.integration.tables import make_table
from tests.support.api import eventually
from tests.support.ends import DAYS, EVENTS, Plan, day_of, expected, in_order
from tests.support.in_process import InProcess, in_process

FAILING, REFUSED = 0.05, 0.10
WORKERS = 4


class Refusing:
    """A client of the bus; each entry it is given has its chance to be refused, within an answer that is a success."""

    def __init__(self, events: Any, chance: random.Random) -> None:
        self._events = events
        self._chance = chance
        self.refused = 0

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        refused = [self._chance.random() < REFUSED for _ in Entries]
        self.refused += sum(refused)
        taken = [entry for entry, no in zip(Entries, refused, strict=True) if not no]
        answers = iter(self._events.put_events(Entries=taken)["Entries"] if taken else [])
        entries = [{"ErrorCode": "ThrottlingException"} if no else next(answers) for no in refused]
        return {"FailedEntryCount": sum(refused), "Entries": entries}


class Failing(RollupStore):
    """Rollups whose every twentieth event fails: before it was counted, or, which is worse, after."""

    def __init__(self, table: str, client: Any) -> None:
        super().__init__(table, client)
        self._left: dict[str, int] = {}
        self.failed = 0

    def plan(self, event_ids: Iterable[str], chance: random.Random) -> None:
        self._left = {each: chance.choice([1, 2]) for each in event_ids if chance.random() < FAILING}

    def count(self, job: FinishedJob, *, at_ms: int, retention_days: int) -> bool:
        left = self._left.get(job.event_id, 0)
        self._left[job.event_id] = left - 1
        if left == 2:
            self.failed += 1
            raise StoreUnavailable
        counted = super().count(job, at_ms=at_ms, retention_days=retention_days)
        if left == 1:
            self.failed += 1
            raise RuntimeError("cut off when the transaction was done")
        return counted


@dataclass(frozen=True)
class Pipeline:
    """From a bus to a table: the parts of the template, made once more."""

    stack: Stack
    table: str
    bus: str
    place: Place

    @property
    def rollups(self) -> Failing:
        return Failing(self.table, self.stack.client("dynamodb"))

    def rebuild(self) -> Rebuild:
        users = UserStore(self.stack.library_table, self.stack.client("dynamodb"))
        return Rebuild(self.place, RollupStore(self.table, self.stack.client("dynamodb")), users, self.stack.client)

    def replay(self) -> None:
        """Has the archive send everything there is once more."""
        events = self.stack.client("events")
        name = self.rebuild().start_replay(timestamp(now_ms())[:10], until_ms=now_ms())
        eventually(lambda: events.describe_replay(ReplayName=name)["State"] == "COMPLETED" or None)

    def consume(self, record: InProcess, rollups: RollupStore) -> None:
        """What Lambda's event source mapping does, until nothing is left in the queue."""
        sqs = self.stack.client("sqs")

        def work(_worker: int) -> None:
            while messages := sqs.receive_message(QueueUrl=self.place.queue_url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                records = [{"messageId": each["MessageId"], "body": each["Body"]} for each in messages]
                answer = record({"Records": records}, rollups=rollups)
                failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
                done = [each for each in messages if each["MessageId"] not in failed]
                again = [each for each in messages if each["MessageId"] in failed]
                act(sqs.delete_message_batch, done)
                act(sqs.change_message_visibility_batch, again, VisibilityTimeout=0)

        def act(batch: Callable[..., Any], messages: list[dict[str, Any]], **options: int) -> None:
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"], **options}
                for number, each in enumerate(messages)
            ]
            if entries:
                assert not batch(QueueUrl=self.place.queue_url, Entries=entries).get("Failed")

        with ThreadPoolExecutor(WORKERS) as pool:
            eventually(lambda: ([*pool.map(work, range(WORKERS))] and self._is_empty()) or None, seconds=60)

    def _is_empty(self) -> bool:
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.stack.client("sqs").get_queue_attributes(QueueUrl=self.place.queue_url, AttributeNames=counts)
        return not any(int(answer["Attributes"][name]) for name in counts)

    def dead_letters(self) -> list[str]:
        """The ids of the events in the dead-letter queue, which is empty afterwards."""
        sqs, found = self.stack.client("sqs"), list[str]()
        while messages := sqs.receive_message(QueueUrl=self.place.dead_letters_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(json.loads(message["Body"])["detail"]["metadata"]["id"])
                sqs.delete_message(QueueUrl=self.place.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(found)

    def report(self, owner: str = "") -> list[dict[str, Any]]:
        """The report by all dimensions on an owner's jobs, or on everybody's."""
        store = RollupStore(self.table, self.stack.client("dynamodb"))
        days = {"first_day": timestamp(now_ms() - (DAYS + 2) * 86_400_000)[:10], "last_day": timestamp(now_ms())[:10]}
        rows = store.owners_rows(owner, **days) if owner else store.everybodys_rows(**days)
        groups = report_groups(rows, DIMENSIONS)
        return in_order([{**group, "cost": Decimal(group["cost"]["model_usd"])} for group in groups])


@pytest.fixture
def pipeline(stack: Stack) -> Iterator[Pipeline]:
    resources, name = read_template()["Resources"], f"at-size-{random_hex(4)}"
    events, sqs, dynamodb = stack.client("events"), stack.client("sqs"), stack.client("dynamodb")
    dead_letters_url = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    redrive = resources["AnalyticsQueue"]["Properties"]["RedrivePolicy"]
    policy = {"deadLetterTargetArn": arn_of(sqs, dead_letters_url), "maxReceiveCount": redrive["maxReceiveCount"]}
    attributes = {"RedrivePolicy": json.dumps(policy)}
    queue_url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    bus_arn = events.create_event_bus(Name=name)["EventBusArn"]
    events.create_archive(ArchiveName=name, EventSourceArn=bus_arn)
    pattern = json.dumps(resources["AnalyticsRule"]["Properties"]["EventPattern"])
    rule_arn = events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)["RuleArn"]
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": arn_of(sqs, queue_url)}])
    table = make_table(dynamodb, "AnalyticsTable", name)
    place = Place(table, name, bus_arn, rule_arn, queue_url, dead_letters_url, mapping_id="")
    yield Pipeline(stack, table, name, place)
    events.remove_targets(Rule=name, EventBusName=name, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=name)
    events.delete_archive(ArchiveName=name)
    events.delete_event_bus(Name=name)
    for url in (queue_url, dead_letters_url):
        sqs.delete_queue(QueueUrl=url)
    dynamodb.delete_table(TableName=table)


def arn_of(sqs: Any, queue_url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def test_two_thousand_events_add_up_before_and_after_half_is_erased_and_all_is_replayed(
    stack: Stack, pipeline: Pipeline
) -> None:
    chance = random.Random(7)
    plan = Plan(chance).make()
    refusing, rollups = Refusing(stack.client("events"), chance), pipeline.rollups
    rollups.plan((end["metadata"]["id"] for end in plan.ends), chance)
    EventBus(pipeline.bus, refusing).publish_all(plan.entries(), pause=lambda _seconds: None)
    wanted, unwanted = expected(plan.ends), sorted(plan.malformed)
    with in_process(stack, "record_analytics", **CREDENTIALS, AWS_SESSION_TOKEN="") as record:
        pipeline.consume(record, rollups)
        assert refusing.refused > EVENTS * REFUSED * 0.8
        assert rollups.failed > EVENTS * FAILING * 0.8
        assert pipeline.report() == wanted
        assert pipeline.dead_letters() == unwanted
        owner = plan.ends[0]["metadata"]["owner"]
        assert pipeline.report(owner) == expected(end for end in plan.ends if end["metadata"]["owner"] == owner)

        day = sorted(day_of(end) for end in plan.ends)[EVENTS // 2]
        pipeline.rebuild().erase(day)
        assert pipeline.report() == expected(end for end in plan.ends if day_of(end) < day)
        pipeline.replay()
        pipeline.consume(record, rollups)
        assert pipeline.report() == wanted
        assert pipeline.dead_letters() == unwanted
