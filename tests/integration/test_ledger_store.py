"""The ledger as it is read: the calls of one job, and nothing else of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.stub import Stubber

from promptmill import errors
from promptmill.jobs.execution.store import LedgerStore
from tests.integration.tables import client
from tests.support.builders import COST, TEXT_RESULT, TEXT_USAGE, a_call, a_job, a_job_id
from tests.unit.execution.fakes import MemoryLedger
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from promptmill.jobs.store import JobStore


@pytest.fixture
def ledger(jobs: JobStore, dynamodb: Any, jobs_table: str) -> LedgerStore:
    return MemoryLedger(jobs) if isinstance(jobs, MemoryJobStore) else LedgerStore(jobs_table, dynamodb)


def test_the_calls_of_a_job_are_read_first_one_first(jobs: JobStore, ledger: LedgerStore) -> None:
    job = a_job("running")
    jobs.add(job)
    jobs.put_request(job, {"messages": []}, models=["nova-2-lite"])
    failed = a_call(1, "failed", cost_usd=Decimal(0), error="ProviderThrottled")
    for number in range(1, 13):
        call = failed if number == 1 else a_call(number)
        assert jobs.start_call(job, call, cost=COST)
        job = jobs.load_work(job.id).job
    done = a_call(12, "succeeded", cost_usd=Decimal("0.000412"), provider_request_id="r")
    assert jobs.finish_call(job, done, cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    calls = ledger.calls(job.id)
    assert [call.number for call in calls] == list(range(1, 13))
    assert (calls[0], calls[-1]) == (failed, done)


def test_a_job_that_called_nobody_has_an_empty_ledger(jobs: JobStore, ledger: LedgerStore) -> None:
    job = a_job("queued")
    jobs.add(job)
    assert ledger.calls(job.id) == ()
    assert ledger.calls(a_job_id()) == ()


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", errors.StoreUnavailable), ("AccessDeniedException", errors.BrokenContractError)],
)
def test_a_ledger_that_cannot_be_read_says_whether_to_try_again(code: str, error: type[Exception]) -> None:
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    stub = Stubber(stubbed)
    stub.add_client_error("query", code)
    with stub, pytest.raises(error):
        LedgerStore("jobs", stubbed).calls(a_job_id())
