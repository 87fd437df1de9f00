"""What the store of the settling side promises. The one in memory is held to the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.config import Config
from botocore.stub import Stubber

from promptmill import errors
from promptmill.clock import timestamp
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.reach import Reach
from promptmill.jobs.records import NOTHING_PAID, OPEN_SHARDS, open_shard
from promptmill.jobs.settling.store import SettlingStore
from promptmill.jobs.store import JobStore
from tests.integration.tables import client
from tests.support.builders import AT, AT_MS, COST, OTHER_OWNER, OWNER, TEXT_RESULT, a_job, a_job_id
from tests.unit.jobs.fakes import MemoryJobStore
from tests.unit.jobs.settling import MemorySettlingStore

LATER = timestamp(AT_MS + 60_000)
MINE = Reach(OWNER, AT_MS // 1000)
DUE = timestamp(AT_MS + 120_000)
ERROR = {"code": "deadline_passed", "step": "InvokeFlux"}
TERMINAL = [status for status in JobStatus if status.is_terminal]


@dataclass(frozen=True)
class Stores:
    jobs: JobStore
    settling: SettlingStore

    def has(self, status: str = "running", **fields: Any) -> Job:
        job = a_job(status, **fields)
        self.jobs.add(job)
        return job

    def now(self, job: Job) -> Job:
        return self.jobs.load_work(job.id).job


@pytest.fixture(scope="module", params=["dynamodb", "memory"])
def stores(request: pytest.FixtureRequest, dynamodb: Any, jobs_table: str) -> Stores:
    if request.param == "dynamodb":
        return Stores(JobStore(jobs_table, dynamodb), SettlingStore(jobs_table, dynamodb))
    jobs = MemoryJobStore()
    return Stores(jobs, MemorySettlingStore(jobs))


@pytest.mark.parametrize("before", ["queued", "running"])
@pytest.mark.parametrize(
    "status", [status for status in TERMINAL if status is not JobStatus.SUCCEEDED], ids=lambda status: status.value
)
def test_a_job_that_is_not_over_gets_the_status_and_stays_open(stores: Stores, before: str, status: JobStatus) -> None:
    job = stores.has(before)
    settled, did = stores.settling.settle(job.id, status, at=AT, due_at=LATER, error=ERROR)
    expected = replace(job, status=status, finished_at=AT, error=ERROR, cost=NOTHING_PAID, due_at=LATER)
    assert (settled, did) == (expected, True)
    assert stores.now(job) == stores.settling.load(job.id) == expected


def test_what_was_paid_stays(stores: Stores) -> None:
    job = stores.has(cost=COST)
    settled, _ = stores.settling.settle(job.id, JobStatus.CANCELED, at=AT, due_at=LATER)
    assert (settled.cost, settled.error) == (COST, None)


def test_success_needs_a_result(stores: Stores) -> None:
    without, having = stores.has(), stores.has(result=TEXT_RESULT)
    settled, did = stores.settling.settle(without.id, JobStatus.SUCCEEDED, at=AT, due_at=LATER)
    assert (settled, did) == (without, False)
    assert stores.now(without) == without
    assert stores.settling.settle(having.id, JobStatus.SUCCEEDED, at=AT, due_at=LATER)[1]
    assert stores.now(having).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("before", TERMINAL)
@pytest.mark.parametrize("status", TERMINAL)
def test_a_job_that_is_over_stays_as_it_is(stores: Stores, before: JobStatus, status: JobStatus) -> None:
    job = stores.has(before.value)
    assert stores.settling.settle(job.id, status, at=AT, due_at=LATER, error=ERROR) == (job, False)
    assert stores.now(job) == job


def test_a_write_whose_answer_was_lost_meets_itself(stores: Stores) -> None:
    job = stores.has()
    first = stores.settling.settle(job.id, JobStatus.EXPIRED, at=AT, due_at=LATER, error=ERROR)
    assert stores.settling.settle(job.id, JobStatus.EXPIRED, at=AT, due_at=LATER, error=ERROR) == first
    assert stores.settling.settle(job.id, JobStatus.EXPIRED, at=LATER, due_at=LATER, error=ERROR) == (first[0], False)
    assert stores.settling.settle(job.id, JobStatus.CANCELED, at=AT, due_at=LATER) == (first[0], False)


@pytest.mark.parametrize("status", ["running", "canceled", "succeeded"])
def test_for_another_owner_the_job_is_not_there(stores: Stores, status: str) -> None:
    job = stores.has(status, owner=OTHER_OWNER)
    with pytest.raises(errors.JobNotFound):
        stores.settling.settle(job.id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=MINE)
    assert stores.now(job) == job
    if status == "running":
        assert stores.settling.settle(
            job.id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=Reach(OTHER_OWNER, AT_MS // 1000)
        )[1]


def test_for_any_owner_a_job_is_there_to_the_last_second(stores: Stores) -> None:
    anybodys = Reach(None, AT_MS // 1000)
    gone = stores.has("running", expires_at_seconds=AT_MS // 1000 - 1)
    with pytest.raises(errors.JobNotFound):
        stores.settling.settle(gone.id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=anybodys)
    last = stores.has("running", owner=OTHER_OWNER, expires_at_seconds=AT_MS // 1000)
    assert stores.settling.settle(last.id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=anybodys)[1]


@pytest.mark.parametrize("status", ["running", "canceled"])
def test_for_its_owner_a_job_is_there_to_the_last_second_and_for_the_sweeper_until_it_is_deleted(
    stores: Stores, status: str
) -> None:
    gone = stores.has(status, expires_at_seconds=AT_MS // 1000 - 1)
    with pytest.raises(errors.JobNotFound):
        stores.settling.settle(gone.id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=MINE)
    assert stores.now(gone) == gone
    last = stores.has(status, expires_at_seconds=AT_MS // 1000)
    stores.settling.settle(last.id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=MINE)
    assert stores.now(last).status is JobStatus.CANCELED
    assert stores.settling.settle(gone.id, JobStatus.EXPIRED, at=AT, due_at=LATER)[1] is (status == "running")


def test_a_job_that_does_not_exist_is_not_there_and_is_not_made(stores: Stores) -> None:
    job_id = a_job_id()
    for reach in (MINE, None):
        with pytest.raises(errors.JobNotFound):
            stores.settling.settle(job_id, JobStatus.CANCELED, at=AT, due_at=LATER, reach=reach)
    stores.settling.close(job_id)
    stores.settling.postpone(job_id, DUE)
    assert stores.settling.load(job_id) is None
    with pytest.raises(errors.JobStateBroken):
        stores.jobs.load_work(job_id)


def test_of_many_who_settle_a_job_one_does(dynamodb: Any, jobs_table: str) -> None:
    store = SettlingStore(jobs_table, dynamodb)
    job = a_job("running", result=TEXT_RESULT)
    JobStore(jobs_table, dynamodb).add(job)

    def settle(number: int) -> tuple[Job, bool]:
        return store.settle(job.id, TERMINAL[number % len(TERMINAL)], at=timestamp(AT_MS + number), due_at=LATER)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(settle, range(24)))
    (winner,) = [seen for seen, did in outcomes if did]
    assert all(seen == winner for seen, _ in outcomes)


def test_a_closed_job_is_out_of_the_index_and_stays_out(stores: Stores) -> None:
    job = stores.has("succeeded", due_at=AT)
    assert job.id in _due(stores, job)
    stores.settling.close(job.id)
    stores.settling.close(job.id)
    stores.settling.postpone(job.id, AT)
    assert stores.now(job) == replace(job, due_at=None)
    assert job.id not in _due(stores, job)


def test_a_postponed_job_is_due_then_and_not_before(stores: Stores) -> None:
    job = stores.has(due_at=AT)
    stores.settling.postpone(job.id, DUE)
    assert stores.now(job) == replace(job, due_at=DUE)
    assert job.id not in _due(stores, job, at=timestamp(AT_MS + 119_999))
    assert job.id in _due(stores, job, at=DUE)


def _due(stores: Stores, job: Job, *, at: str = LATER) -> list[str]:
    return [one for page in stores.settling.due(open_shard(job.id), at, page_size=50) for one in page]


def test_jobs_are_found_in_their_shard_the_longest_overdue_first_a_page_at_a_time(stores: Stores) -> None:
    shard = 3
    last = next(letter for letter in "0123456789" if ord(letter) % OPEN_SHARDS == shard)
    early = 946684800_000
    order = [4, 0, 3, 1, 2, 6, 5]
    ids = {place: f"job_00000000000000000000000{place:02d}{last}" for place in order}
    for place in order:
        stores.has(id=ids[place], due_at=timestamp(early + place))
    elsewhere = stores.has(id=f"job_0000000000000000000000099{chr(ord(last) + 1)}", due_at=timestamp(early))
    pages = list(stores.settling.due(shard, timestamp(early + 5), page_size=2))
    assert [page for page in pages if page] == [[ids[0], ids[1]], [ids[2], ids[3]], [ids[4], ids[5]]]
    assert elsewhere.id not in {one for page in pages for one in page}


def test_pages_go_on_behind_what_was_settled_meanwhile(stores: Stores) -> None:
    shard, early = 5, 946684800_000
    last = next(letter for letter in "0123456789" if ord(letter) % OPEN_SHARDS == shard)
    ids = [f"job_0000000000000000000000{place:03d}{last}" for place in range(6)]
    for place, job_id in enumerate(ids):
        stores.has(id=job_id, due_at=timestamp(early + place))
    seen = []
    for page in stores.settling.due(shard, timestamp(early + 10), page_size=2):
        for job_id in page:
            seen.append(job_id)
            stores.settling.close(job_id)
    assert seen == ids


METHODS: dict[str, tuple[str, Callable[[SettlingStore], object]]] = {
    "load": ("get_item", lambda store: store.load("job_x")),
    "settle": ("update_item", lambda store: store.settle("job_x", JobStatus.EXPIRED, at=AT, due_at=LATER)),
    "close": ("update_item", lambda store: store.close("job_x")),
    "postpone": ("update_item", lambda store: store.postpone("job_x", LATER)),
    "due": ("query", lambda store: list(store.due(0, AT, page_size=1))),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ProvisionedThroughputExceededException", errors.StoreUnavailable),
        ("InternalServerError", errors.StoreUnavailable),
        ("AccessDeniedException", errors.BrokenContractError),
    ],
)
def test_a_table_that_does_not_answer_as_it_should_is_an_error_of_ours(
    method: str, code: str, kind: type[errors.PromptmillError]
) -> None:
    operation, use = METHODS[method]
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error(operation, code)
        with pytest.raises(kind) as caught:
            use(SettlingStore("jobs", stubbed))
    assert type(caught.value) is kind
