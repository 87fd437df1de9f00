"""Two thousand ends of jobs, and everything on their way goes wrong: nothing is lost and nothing counts twice.

Events go through a bus, an archive, a rule, a queue and a dead-letter queue of their own, which are as the template has
them, and into a table of their own; the handler runs here, so that it can be made to fail. The expected totals are
added up from the plan, by other code.
"""

from __future__ import annotations

import bisect
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.errors import StoreUnavailable
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from promptmill.identity.users.store import UserStore
from tests.integration.tables import make_table
from tests.support.api import eventually
from tests.support.in_process import InProcess, in_process

EVENTS, MALFORMED = 2_000, 20
DUPLICATED, FAILING, REFUSED = 0.05, 0.05, 0.10
WORKERS = 4
BOUNDS_MS = [100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000]
CODES = {"failed": ["provider_timeout", "internal_error"], "rejected": ["rate_limited", "content_blocked"]}
STATUSES = ["succeeded"] * 14 + ["failed", "failed", "rejected", "rejected", "canceled", "expired"]


@dataclass
class Plan:
    """``ends`` are the details of the good events; ``malformed`` of those no consumer can count, by id."""

    chance: random.Random
    ends: list[dict[str, Any]] = field(default_factory=list)
    malformed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def make(self) -> Plan:
        owners = [f"usr_{number:032x}" for number in range(30)] + [f"ip_{number:032x}" for number in range(10)]
        for _ in range(EVENTS):
            self.ends.append(self._end(self.chance.choice(owners)))
        for number in range(MALFORMED):
            detail = self._end(owners[0])
            damage = [("data", "cost"), ("data", "status"), ("metadata", "owner"), ("data", "duration_ms")][number % 4]
            del detail[damage[0]][damage[1]]
            self.malformed[detail["metadata"]["id"]] = detail
        return self

    def entries(self) -> list[tuple[EventName, dict[str, Any]]]:
        """Everything that is published, some of it twice, in no order."""
        sent = [*self.ends, *self.chance.sample(self.ends, int(EVENTS * DUPLICATED)), *self.malformed.values()]
        self.chance.shuffle(sent)
        return [(EventName(f"job.{detail['data'].get('status', 'failed')}"), detail) for detail in sent]

    def _end(self, owner: str) -> dict[str, Any]:
        ended_ms = now_ms() - self.chance.randrange(3 * 86_400_000)
        kind, status = self.chance.choice(["enhance", "enhance", "image"]), self.chance.choice(STATUSES)
        data: dict[str, Any] = {
            "kind": kind,
            "status": status,
            "duration_ms": int(10 ** self.chance.uniform(1, 6.2)),
            "cost": {"model_usd": f"{self.chance.randrange(10**7)}e-9", "estimated": False},
        }
        if status == "succeeded":
            fallback = self.chance.random() < 0.1
            data["usage"] = {"model": self.chance.choice(["nova-2-lite", "nova-pro"]), "fallback": fallback}
            if kind == "enhance":
                tokens = {"input_tokens": self.chance.randrange(900), "output_tokens": self.chance.randrange(900)}
                version = {"prompt_version": self.chance.choice(["enhance-v1", "enhance-v2"])}
                data["usage"] |= tokens | version
        if status in CODES:
            data["error"] = {"code": self.chance.choice(CODES[status]), "step": "InvokeBedrock"}
        metadata = {
            "id": new_id("evt", ended_ms),
            "version": "1",
            "occurred_at": timestamp(ended_ms),
            "owner": owner,
            "job_id": new_id("job", ended_ms),
            "correlation_id": f"req-{random_hex(4)}",
        }
        return {"metadata": metadata, "data": data}


def expected(ends: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The report on these ends by all dimensions, added up job by job."""
    groups = defaultdict(list)
    for end in ends:
        usage = end["data"].get("usage", {})
        day = end["metadata"]["occurred_at"].partition("T")[0]
        common = (day, end["data"]["kind"], usage.get("model"), end["data"]["status"], usage.get("prompt_version"))
        groups[common].append(end["data"])
    report = []
    for common, jobs in groups.items():
        durations = sorted(job["duration_ms"] for job in jobs)
        codes = Counter((job["status"], job["error"]["code"]) for job in jobs if "error" in job)
        dollars = sum((Decimal(job["cost"]["model_usd"]) for job in jobs), Decimal(0))
        report.append(
            {
                "group": dict(zip(DIMENSIONS, common, strict=True)),
                "jobs": len(jobs),
                "input_tokens": sum(job.get("usage", {}).get("input_tokens", 0) for job in jobs),
                "output_tokens": sum(job.get("usage", {}).get("output_tokens", 0) for job in jobs),
                "cost": dollars,
                "duration_ms": {
                    "average": round(sum(durations) / len(durations)),
                    **{f"p{percent}": bound_of(durations, percent) for percent in (50, 95, 99)},
                },
                "fallbacks": sum(job.get("usage", {}).get("fallback", False) for job in jobs),
                "rejections": {code: number for (status, code), number in codes.items() if status == "rejected"},
                "failures": {code: number for (status, code), number in codes.items() if status == "failed"},
            }
        )
    return in_order(report)


def bound_of(durations: list[int], percent: int) -> int | None:
    """The first bound that is no lower than so many percent of the sorted durations."""
    duration = durations[math.ceil(len(durations) * percent / 100) - 1]
    place = bisect.bisect_left(BOUNDS_MS, duration)
    return BOUNDS_MS[place] if place < len(BOUNDS_MS) else None


def in_order(report: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(report, key=lambda group: [str(value) for value in group["group"].values()])


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

    def count(self, job: FinishedJob, *, marker_expires_at_seconds: int) -> bool:
        left = self._left.get(job.event_id, 0)
        self._left[job.event_id] = left - 1
        if left == 2:
            self.failed += 1
            raise StoreUnavailable
        counted = super().count(job, marker_expires_at_seconds=marker_expires_at_seconds)
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
    dead_letters_url: str

    @property
    def rollups(self) -> Failing:
        return Failing(self.table, self.stack.client("dynamodb"))

    def rebuild(self) -> Rebuild:
        users = UserStore(self.stack.library_table, self.stack.client("dynamodb"))
        return Rebuild(self.place, RollupStore(self.table, self.stack.client("dynamodb")), users, self.stack.client)

    def replay(self) -> None:
        """Has the archive send everything there is once more."""
        events = self.stack.client("events")
        name = self.rebuild().start_replay(timestamp(now_ms())[:10])
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
        while messages := sqs.receive_message(QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"])["detail"]["metadata"]["id"])
                sqs.delete_message(QueueUrl=self.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(found)

    def report(self) -> list[dict[str, Any]]:
        """Everybody's report by all dimensions."""
        first, last = timestamp(now_ms() - 5 * 86_400_000)[:10], timestamp(now_ms())[:10]
        rows = RollupStore(self.table, self.stack.client("dynamodb")).everybodys_rows(first_day=first, last_day=last)
        return comparable(report_groups(rows, DIMENSIONS))

    def report_on(self, owner: str) -> list[dict[str, Any]]:
        first, last = timestamp(now_ms() - 5 * 86_400_000)[:10], timestamp(now_ms())[:10]
        store = RollupStore(self.table, self.stack.client("dynamodb"))
        return comparable(report_groups(store.owners_rows(owner, first_day=first, last_day=last), DIMENSIONS))


def comparable(report: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return in_order([{**group, "cost": Decimal(group["cost"]["model_usd"])} for group in report])


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
    place = Place(table, name, bus_arn, rule_arn, queue_url, mapping_id="")
    yield Pipeline(stack, table, name, place, dead_letters_url)
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


def test_two_thousand_events_add_up_before_and_after_a_replay_and_a_rebuild(stack: Stack, pipeline: Pipeline) -> None:
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
        assert pipeline.report_on(owner) == expected(end for end in plan.ends if end["metadata"]["owner"] == owner)

        pipeline.replay()
        pipeline.consume(record, rollups)
        assert pipeline.report() == wanted
        assert pipeline.dead_letters() == unwanted

        pipeline.rebuild().erase("2020-01-01")
        assert pipeline.report() == []
        pipeline.replay()
        pipeline.consume(record, rollups)
        assert pipeline.report() == wanted
