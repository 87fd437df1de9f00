"""The rollups in DynamoDB: an event counts once, in one transaction, whatever happens on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count, pairwise
from typing import Any

import pytest
from botocore.config import Config
from botocore.stub import ANY, Stubber

from promptmill.analytics.report import report_groups
from promptmill.analytics.rollup import FinishedJob, Row, everybodys_shard, expires_at_seconds, finished_job
from promptmill.analytics.store import TRIES, RollupStore, owner_pk
from promptmill.clock import epoch_ms, timestamp
from promptmill.errors import BrokenContractError, StoreUnavailable
from promptmill.gateway import BATCH_ATTEMPTS
from tests.integration.tables import client, make_table
from tests.support.grants import literal, of_type
from tests.unit.analytics.fakes import MemoryRollups, an_outcome

DAY = "2026-11-21"
COUNTED_AT_MS = epoch_ms(f"{DAY}T10:00:05Z")
_owners = count(1)


@pytest.fixture(scope="module")
def table(dynamodb: Any) -> str:
    return make_table(dynamodb, "AnalyticsTable")


@pytest.fixture
def store(dynamodb: Any, table: str) -> RollupStore:
    return RollupStore(table, dynamodb)


@pytest.fixture
def calls(dynamodb: Any) -> Iterator[list[str]]:
    """The operations that DynamoDB is asked for."""
    made: list[str] = []

    def note(**event: Any) -> None:
        made.append(event["model"].name)

    dynamodb.meta.events.register("before-call.dynamodb", note)
    yield made
    dynamodb.meta.events.unregister("before-call.dynamodb", note)


@pytest.fixture
def owner() -> str:
    """Nobody has jobs under this name yet."""
    return f"usr_{next(_owners):032x}"


def a_job(owner: str, status: str = "succeeded", **fields: Any) -> FinishedJob:
    return finished_job(an_outcome(status, owner=owner, **fields))


def add(store: RollupStore, *jobs: FinishedJob) -> list[bool]:
    return [store.count(job, at_ms=COUNTED_AT_MS, retention_days=90) for job in jobs]


def rows_of(store: RollupStore, owner: str, first_day: str = DAY, last_day: str = DAY) -> list[Row]:
    return list(store.owners_rows(owner, first_day=first_day, last_day=last_day))


def items(dynamodb: Any, table: str, pk: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.query(
        TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}
    )["Items"]
    return found


def test_jobs_of_one_kind_add_up_in_one_row(store: RollupStore, owner: str) -> None:
    assert add(store, a_job(owner), a_job(owner)) == [True, True]
    (row,) = rows_of(store, owner)
    assert row.key == a_job(owner).row.key
    assert row.counters == Counter(
        jobs=2, input_tokens=600, output_tokens=400, nanousd=824_000, duration_ms=1_800, le_1000=2
    )


def test_an_event_is_one_transaction_and_nothing_else(store: RollupStore, calls: list[str], owner: str) -> None:
    jobs = [a_job(owner) for _ in range(5)]
    assert add(store, *jobs) == [True] * 5
    assert calls == ["TransactWriteItems"] * 5
    assert add(store, *jobs) == [False] * 5
    assert calls == ["TransactWriteItems"] * 10


def test_a_repeat_changes_nothing(store: RollupStore, dynamodb: Any, table: str, owner: str) -> None:
    job = a_job(owner, "failed")
    assert add(store, job) == [True]
    before = [items(dynamodb, table, pk) for pk in (owner_pk(owner), f"EVENT#{job.event_id}")]
    assert add(store, job, job) == [False, False]
    assert [items(dynamodb, table, pk) for pk in (owner_pk(owner), f"EVENT#{job.event_id}")] == before


def test_what_is_stored_of_an_event_says_its_day_and_when_it_may_go(
    store: RollupStore, dynamodb: Any, table: str, owner: str
) -> None:
    job = a_job(owner)
    add(store, job)
    (marker,) = items(dynamodb, table, f"EVENT#{job.event_id}")
    assert (marker["sk"]["S"], marker["day"]["S"]) == ("ANALYTICS", DAY)
    assert timestamp(int(marker["expires_at"]["N"]) * 1000) == "2027-03-21T10:00:05.000Z"
    (row,) = items(dynamodb, table, owner_pk(owner))
    assert (row["sk"]["S"], row["expires_at"]["N"]) == (job.row.key.text, str(expires_at_seconds(DAY)))


def test_an_owners_report_of_a_day_and_of_three_months_is_one_query(
    store: RollupStore, calls: list[str], owner: str
) -> None:
    days = ("2026-08-22", "2026-11-20", DAY)
    add(store, *(a_job(owner, at=f"{day}T10:00:00.000Z") for day in days))
    calls.clear()
    assert len(rows_of(store, owner)) == 1
    assert calls == ["Query"]
    assert [row.key.day for row in rows_of(store, owner, "2026-08-22")] == list(days)
    assert calls == ["Query"] * 2


def test_the_days_of_a_report_are_both_included_and_no_other(store: RollupStore, owner: str) -> None:
    instants = (f"{day}T{time}Z" for day in ("2026-11-19", "2026-11-20", DAY, "2026-11-22") for time in (
        "00:00:00.000", "23:59:59.999",
    ))  # fmt: skip
    add(store, *(a_job(owner, at=at) for at in instants))
    assert {row.key.day: row.counters["jobs"] for row in rows_of(store, owner, "2026-11-20", DAY)} == {
        "2026-11-20": 2,
        DAY: 2,
    }


def test_everybodys_rows_have_the_jobs_of_all_owners_in_eight_queries(
    dynamodb: Any, calls: list[str], owner: str
) -> None:
    store = RollupStore(make_table(dynamodb, "AnalyticsTable", "everybody"), dynamodb)
    owners = [f"ip_{number:032x}" for number in range(20)]
    assert len({everybodys_shard(owner) for owner in owners}) > 4
    add(store, *(a_job(owner, status) for owner in owners for status in ("succeeded", "failed")))
    calls.clear()
    rows = store.everybodys_rows(first_day=DAY, last_day=DAY)
    by_status = {group["group"]["status"]: group["jobs"] for group in report_groups(rows, ["status"])}
    assert by_status == {"failed": 20, "succeeded": 20}
    assert calls == ["Query"] * 8


def test_a_report_reads_what_is_there_and_on_where_a_page_ends() -> None:
    stubbed = client("dynamodb")
    keys = [{"pk": {"S": "OWNER#usr_1"}, "sk": {"S": f"{DAY}#{kind}#-#failed#-"}} for kind in ("enhance", "image")]
    pages = [{**key, "jobs": {"N": "1"}, "expires_at": {"N": "9"}} for key in keys]
    with Stubber(stubbed) as stub:
        asked = {
            "TableName": "t",
            "KeyConditionExpression": ANY,
            "ExpressionAttributeValues": ANY,
            "ConsistentRead": True,
        }
        stub.add_response("query", {"Items": pages[:1], "LastEvaluatedKey": keys[0]}, asked)
        stub.add_response("query", {"Items": pages[1:]}, {**asked, "ExclusiveStartKey": keys[0]})
        rows = rows_of(RollupStore("t", stubbed), "usr_1")
    assert [row.key.kind for row in rows] == ["enhance", "image"]
    assert rows[0].counters == Counter(jobs=1)


def test_an_owner_who_is_forgotten_leaves_everybodys_sums(
    store: RollupStore, dynamodb: Any, table: str, owner: str
) -> None:
    other = f"ip_{owner[4:]}"
    days = [f"2026-{month:02}-{day:02}" for month in (9, 10) for day in range(1, 16)]
    add(store, *(a_job(owner, at=f"{day}T10:00:00.000Z") for day in days), a_job(other))
    before = list(store.everybodys_rows(first_day="2026-09-01", last_day=DAY))
    store.forget(owner)
    assert items(dynamodb, table, owner_pk(owner)) == []
    assert len(rows_of(store, other)) == 1
    assert list(store.everybodys_rows(first_day="2026-09-01", last_day=DAY)) == before
    store.forget(owner)


def canceled(*codes: str | None) -> dict[str, Any]:
    return {"modeled_fields": {"CancellationReasons": [{"Code": code} if code else {"Code": "None"} for code in codes]}}


def counting(*answers: dict[str, Any] | str | None, pauses: list[float] | None = None) -> bool:
    """Counts a job where DynamoDB answers each transaction so in turn: canceled, an error of this code, or done.

    ``pauses`` is given how long, in seconds, each pause may be.
    """
    pause = ([] if pauses is None else pauses).append
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        for answer in answers:
            if isinstance(answer, dict):
                stub.add_client_error("transact_write_items", "TransactionCanceledException", **answer)
            elif answer:
                stub.add_client_error("transact_write_items", answer)
            else:
                stub.add_response("transact_write_items", {})
        try:
            return add(RollupStore("t", stubbed, pause=pause), a_job("usr_1"))[0]
        finally:
            stub.assert_no_pending_responses()


CONFLICT = canceled(None, None, "TransactionConflict")


def test_a_transaction_that_meets_another_is_tried_again() -> None:
    assert counting(CONFLICT, None) is True
    assert counting(CONFLICT, canceled("ConditionalCheckFailed", None, None)) is False


def test_the_pauses_between_tries_grow_and_a_batch_of_them_is_over_before_the_function_is() -> None:
    pauses: list[float] = []
    with pytest.raises(StoreUnavailable):
        counting(*[CONFLICT] * TRIES, pauses=pauses)
    assert len(pauses) == TRIES - 1 == 5
    assert all(after == 2 * before > 0 for before, after in pairwise(pauses))
    (function,) = [each for each in of_type("AWS::Lambda::EventSourceMapping").values() if each["BatchSize"] == 10
                   and literal(each["EventSourceArn"]) == "${AnalyticsQueue.Arn}"]  # fmt: skip
    timeout_seconds = of_type("AWS::Lambda::Function")["RecordAnalyticsFunction"]["Timeout"]
    assert function["BatchSize"] * sum(pauses) < timeout_seconds * 0.6


def test_a_transaction_that_is_done_or_refused_is_not_followed_by_a_pause() -> None:
    pauses: list[float] = []
    assert counting(None, pauses=pauses) is True
    assert counting(canceled("ConditionalCheckFailed", None, None), pauses=pauses) is False
    with pytest.raises(StoreUnavailable):
        counting(canceled(None, "ThrottlingError", None), pauses=pauses)
    assert pauses == []


def test_a_seen_event_is_done_although_a_row_is_being_written() -> None:
    assert counting(canceled("ConditionalCheckFailed", None, "TransactionConflict")) is False


@pytest.mark.parametrize(
    "answers",
    [
        [CONFLICT] * TRIES,
        [canceled(None, "ThrottlingError", None)],
        [canceled(None, "ProvisionedThroughputExceeded", "TransactionConflict")],
        ["TransactionInProgressException"],
        ["ProvisionedThroughputExceededException"],
    ],
)
def test_what_may_go_away_leaves_the_event_for_another_time(answers: list[Any]) -> None:
    with pytest.raises(StoreUnavailable):
        counting(*answers)


def test_a_missing_right_is_for_a_person_to_mend() -> None:
    with pytest.raises(BrokenContractError):
        counting("AccessDeniedException")


def test_a_store_that_leaves_rows_undeleted_can_be_tried_again() -> None:
    stubbed = client("dynamodb")
    key = {"pk": {"S": "OWNER#usr_1"}, "sk": {"S": f"{DAY}#enhance#-#failed#-"}}
    left = {"UnprocessedItems": {"t": [{"DeleteRequest": {"Key": key}}]}}
    pauses: list[float] = []
    with Stubber(stubbed) as stub:
        for _ in range(BATCH_ATTEMPTS):
            stub.add_response("batch_write_item", left)
        with pytest.raises(StoreUnavailable):
            RollupStore("t", stubbed, pause=pauses.append).delete([key])
        assert pauses == [0.05, 0.1, 0.2, 0.4]
        stub.assert_no_pending_responses()
        stub.add_response("batch_write_item", left)
        stub.add_response("batch_write_item", {})
        RollupStore("t", stubbed, pause=pauses.append).delete([key])


def test_the_rollups_in_memory_count_as_those_in_dynamodb_do(store: RollupStore, owner: str) -> None:
    jobs = [a_job(owner, status) for status in ("succeeded", "failed", "succeeded", "rejected", "expired", "canceled")]
    memory = MemoryRollups()
    assert add(memory, *jobs, jobs[0]) == add(store, *jobs, jobs[0])
    reports = [report_groups(rows_of(each, owner), ["status"]) for each in (memory, store)]
    assert reports[0] == reports[1]
