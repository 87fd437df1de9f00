"""Idempotency records in DynamoDB: one transaction with the job they are for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.idempotency.record import new_record
from promptmill.idempotency.store import IdempotencyStore
from promptmill.jobs.store import JobStore
from tests.integration.tables import client
from tests.support.builders import AT_MS, DAY_MS, OTHER_OWNER, OWNER, a_job, a_job_id

if TYPE_CHECKING:
    from promptmill.idempotency.record import IdempotencyRecord
    from promptmill.jobs.model import Job


class Stores:
    def __init__(self, dynamodb: Any, control_table: str, jobs_table: str) -> None:
        self.records = IdempotencyStore(control_table, dynamodb)
        self.jobs = JobStore(jobs_table, dynamodb)

    def take(self, key: str, job: Job, *, digest: str = "d", at_ms: int = AT_MS) -> IdempotencyRecord | None:
        record = new_record(job.id, digest, at_ms)
        return self.records.take(job.owner, key, record, beside=self.jobs.add_action(job), at_ms=at_ms)

    def has(self, job: Job) -> bool:
        try:
            return self.jobs.get(job.id, job.owner, at_ms=AT_MS) == job
        except errors.JobNotFound:
            return False


@pytest.fixture
def stores(dynamodb: Any, control_table: str, jobs_table: str) -> Stores:
    return Stores(dynamodb, control_table, jobs_table)


@pytest.fixture
def key() -> str:
    return a_job_id()


def test_a_free_key_is_taken_together_with_the_job(stores: Stores, key: str) -> None:
    job = a_job("queued")
    assert stores.take(key, job) is None
    assert stores.has(job)
    assert stores.records.get(OWNER, key, at_ms=AT_MS) == new_record(job.id, "d", AT_MS)


def test_a_taken_key_gives_its_record_and_stores_nothing(stores: Stores, key: str) -> None:
    first, second = a_job("queued"), a_job("queued")
    stores.take(key, first)
    assert stores.take(key, second, digest="other") == new_record(first.id, "d", AT_MS)
    assert not stores.has(second)


def test_owners_do_not_meet_at_a_key(stores: Stores, key: str) -> None:
    stores.take(key, a_job("queued"))
    assert stores.take(key, a_job("queued", owner=OTHER_OWNER)) is None


@pytest.mark.parametrize(("later_ms", "is_free"), [(DAY_MS - 1000, False), (DAY_MS, True)])
def test_a_key_is_free_again_after_a_day_although_its_item_is_still_there(
    stores: Stores, key: str, later_ms: int, *, is_free: bool
) -> None:
    stores.take(key, a_job("queued"))
    assert (stores.records.get(OWNER, key, at_ms=AT_MS + later_ms) is None) is is_free
    assert (stores.take(key, a_job("queued"), at_ms=AT_MS + later_ms) is None) is is_free


def test_a_record_says_once_its_execution_is_there(stores: Stores, key: str) -> None:
    job = a_job("queued")
    stores.take(key, job)
    stores.records.mark_started(OWNER, key, job.id)
    assert stores.records.get(OWNER, key, at_ms=AT_MS) == replace(new_record(job.id, "d", AT_MS), started=True)


def test_a_released_key_is_free(stores: Stores, key: str) -> None:
    job = a_job("queued")
    stores.take(key, job)
    stores.records.release(OWNER, key, job.id)
    assert stores.records.get(OWNER, key, at_ms=AT_MS) is None


def test_a_key_that_came_to_another_job_is_left_alone(stores: Stores, key: str) -> None:
    job = a_job("queued")
    stores.take(key, job)
    stores.records.mark_started(OWNER, key, a_job_id())
    stores.records.release(OWNER, key, a_job_id())
    assert stores.records.get(OWNER, key, at_ms=AT_MS) == new_record(job.id, "d", AT_MS)


def test_the_key_itself_is_not_stored(stores: Stores, dynamodb: Any, control_table: str) -> None:
    stores.take("visible-secret", a_job("queued"))
    stores.records.mark_started(OWNER, "visible-secret", a_job_id())
    assert "visible-secret" not in str(dynamodb.scan(TableName=control_table)["Items"])


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        ([{"Code": "TransactionConflict"}, {"Code": "None"}], errors.RequestInFlight),
        ([{"Code": "None"}, {"Code": "TransactionConflict"}], errors.RequestInFlight),
        ([{"Code": "ThrottlingError"}, {"Code": "None"}], errors.StoreUnavailable),
        ([{"Code": "None"}, {"Code": "ConditionalCheckFailed"}], errors.StoreUnavailable),
    ],
)
def test_a_transaction_that_was_canceled_for_another_reason_is_an_error_of_ours(
    reasons: list[dict[str, str]], error: type[errors.PromptmillError]
) -> None:
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error(
            "transact_write_items", "TransactionCanceledException", modeled_fields={"CancellationReasons": reasons}
        )
        with pytest.raises(error) as caught:
            Stores(stubbed, "c", "j").take("k", a_job("queued"))
    assert isinstance(caught.value.__cause__, ClientError)
