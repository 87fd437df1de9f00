"""Accounts: the store in DynamoDB and the one in memory keep the same promises, and so do the workflow's own writes."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from promptmill.errors import BudgetExhausted, RateLimited, StoreUnavailable
from promptmill.gateway import UPDATE_ATTEMPTS
from promptmill.jobs.intake import initial_state
from promptmill.limits.money import format_nanousd
from promptmill.limits.plan import Allowance
from promptmill.limits.spending.reservation import Account, Claim, Reservation
from promptmill.limits.spending.store import SpendingStore, key
from tests.integration.tables import client
from tests.support.builders import a_job, some_limits
from tests.unit.core.asl import evaluate, states
from tests.unit.jobs.accounts import MemorySpending

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job

DAY = "2026-11-21"
CAP = 1000
ALLOWED = Allowance(concurrent_jobs=20, images_per_day=10, daily_nanousd=CAP)
_subjects = count(1)


@pytest.fixture(params=["dynamodb", "memory"])
def spending(request: pytest.FixtureRequest, dynamodb: Any, control_table: str) -> SpendingStore:
    return SpendingStore(control_table, dynamodb) if request.param == "dynamodb" else MemorySpending()


@pytest.fixture
def subject() -> str:
    """Nobody has an account of this name yet."""
    return f"usr_{next(_subjects):032x}"


def a_claim(subject: str, job: int = 1, *, nanousd: int = 100, images: int = 0, **allowed: int) -> Claim:
    return Claim(subject, f"job_{job}", Reservation(DAY, nanousd, images), replace(ALLOWED, **allowed))


def settle(spending: SpendingStore, claim: Claim, spent_nanousd: int) -> None:
    spending.settle(claim.subject, claim.job_id, claim.reservation, spent_nanousd=spent_nanousd)


def test_of_64_jobs_those_that_fit_are_admitted(spending: SpendingStore, subject: str) -> None:
    admitted = []
    for job in range(64):
        try:
            assert spending.reserve(a_claim(subject, job))
        except BudgetExhausted:
            continue
        admitted.append(f"job_{job}")
    assert len(admitted) == 10
    assert spending.read(subject, DAY) == Account(frozenset(admitted), nanousd=CAP)


def test_what_was_not_spent_is_there_for_the_next(spending: SpendingStore, subject: str) -> None:
    for job in range(64):
        claim = a_claim(subject, job)
        if job < 60:
            assert spending.reserve(claim)
            settle(spending, claim, 15)
        else:
            with pytest.raises(BudgetExhausted):
                spending.reserve(replace(claim, reservation=Reservation(DAY, CAP - 60 * 15 + 1, 0)))
    assert spending.read(subject, DAY) == Account(nanousd=900, spent_nanousd=900)


def test_reserving_again_changes_nothing_whatever_the_limits_are_by_then(spending: SpendingStore, subject: str) -> None:
    assert spending.reserve(a_claim(subject, images=1))
    before = spending.read(subject, DAY)
    assert not spending.reserve(a_claim(subject, images=1))
    assert not spending.reserve(a_claim(subject, images=1, concurrent_jobs=1, images_per_day=1, daily_nanousd=100))
    assert spending.read(subject, DAY) == before


def test_settling_again_or_what_was_never_reserved_changes_nothing(spending: SpendingStore, subject: str) -> None:
    claim = a_claim(subject, images=2)
    settle(spending, claim, 40)
    assert spending.read(subject, DAY) == Account()
    assert spending.reserve(claim)
    settle(spending, claim, 40)
    settle(spending, claim, 70)
    assert spending.read(subject, DAY) == Account(nanousd=40, spent_nanousd=40, images=2)


def test_images_that_nothing_was_paid_for_are_given_back(spending: SpendingStore, subject: str) -> None:
    claim = a_claim(subject, images=10)
    assert spending.reserve(claim)
    with pytest.raises(BudgetExhausted):
        spending.reserve(a_claim(subject, 2, images=1))
    settle(spending, claim, 0)
    assert spending.read(subject, DAY) == Account()
    assert spending.reserve(a_claim(subject, 2, images=10))


def test_jobs_at_a_time_are_counted_over_all_days(spending: SpendingStore, subject: str) -> None:
    yesterday = replace(a_claim(subject, 1), reservation=Reservation("2026-11-20", 100, 0))
    assert spending.reserve(yesterday)
    with pytest.raises(RateLimited):
        spending.reserve(a_claim(subject, 2, concurrent_jobs=1))
    settle(spending, yesterday, 60)
    assert spending.reserve(a_claim(subject, 2, concurrent_jobs=1))
    assert spending.read(subject, "2026-11-20").spent_nanousd == 60
    assert spending.read(subject, DAY).nanousd == 100


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [({"nanousd": CAP + 1}, BudgetExhausted), ({"images": 11}, BudgetExhausted), ({"concurrent_jobs": 0}, RateLimited)],
)
def test_what_never_fits_is_refused_on_an_empty_account_too(
    spending: SpendingStore, subject: str, wanted: dict[str, int], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        spending.reserve(a_claim(subject, **wanted))
    assert spending.read(subject, DAY) == Account()


def test_who_asks_for_nothing_is_admitted_past_every_cap(spending: SpendingStore, subject: str) -> None:
    assert spending.reserve(a_claim(subject, 1, nanousd=CAP, images=10))
    lowered = {"daily_nanousd": 1, "images_per_day": 1}
    assert spending.reserve(a_claim(subject, 2, nanousd=0, **lowered))


def test_an_account_keeps_two_days_and_is_deleted_after_a_week_without_use(
    dynamodb: Any, control_table: str, subject: str
) -> None:
    store = SpendingStore(control_table, dynamodb)
    for number, day in enumerate(["2026-11-12", "2026-11-13", "2026-11-19", "2026-11-20"]):
        claim = Claim(subject, f"job_{number}", Reservation(day, 10, 1), ALLOWED)
        assert store.reserve(claim)
        settle(store, claim, 5)
    assert store.reserve(Claim(subject, "job_9", Reservation(DAY, 10, 1), ALLOWED))
    item = dynamodb.get_item(TableName=control_table, Key=key(subject))["Item"]
    kept = {name.partition("_")[2] for name in item if name.startswith(("nanousd_", "spent_", "images_"))}
    assert kept == {"2026-11-20", DAY}
    # 30 November, when the account of the last day is over for eight days.
    assert int(item["expires_at"]["N"]) == 1_795_996_800


WRITES = {
    "CloseSucceeded": lambda arguments: arguments["TransactItems"][0]["Update"],
    "ReleaseReservation": lambda arguments: arguments,
    "ReleaseUnused": lambda arguments: arguments,
}


@pytest.mark.parametrize("is_reserved", [True, False])
@pytest.mark.parametrize("paid", [0, 412_000])
@pytest.mark.parametrize("name", WRITES)
def test_the_workflow_settles_as_the_store_does(
    dynamodb: Any, control_table: str, subject: str, name: str, paid: int, *, is_reserved: bool
) -> None:
    store, memory = SpendingStore(control_table, dynamodb), MemorySpending()
    job: Job = a_job("running", subject=subject, reservation=Reservation(DAY, 10**6, 2))
    claim = Claim(subject, job.id, job.reservation, replace(ALLOWED, daily_nanousd=10**9))
    if is_reserved:
        assert store.reserve(claim)
        assert memory.reserve(claim)
    cost = {"model_usd": format_nanousd(paid), "estimated": False}
    variables = {
        "job": initial_state(job, some_limits()),
        "outcome": {"cost": cost},
        "event": {"data": {"cost": cost}},
    }
    arguments = WRITES[name](evaluate(states()[name]["Arguments"], variables))
    held = memory.write(arguments)
    try:
        dynamodb.update_item(**{**arguments, "TableName": control_table})
    except dynamodb.exceptions.ConditionalCheckFailedException:
        assert not held
    assert held is is_reserved
    settled = MemorySpending()
    if is_reserved:
        assert settled.reserve(claim)
    settled.settle(subject, job.id, job.reservation, spent_nanousd=0 if name == "ReleaseUnused" else paid)
    assert store.read(subject, DAY) == memory.read(subject, DAY) == settled.read(subject, DAY)
    if is_reserved:
        item = dynamodb.get_item(TableName=control_table, Key=key(subject))["Item"]
        assert item["open_jobs"] == {"N": "0"}


WRITERS: dict[str, Callable[[SpendingStore, Claim], object]] = {
    "reserve": lambda store, claim: store.reserve(claim),
    "settle": lambda store, claim: settle(store, claim, 40),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_write_that_meets_a_transaction_is_made_again_at_once(writer: str) -> None:
    stubbed = client("dynamodb")
    with Stubber(stubbed) as stub:
        for _ in range(UPDATE_ATTEMPTS - 1):
            stub.add_client_error("update_item", "TransactionConflictException")
        stub.add_response("update_item", {})
        WRITERS[writer](SpendingStore("control", stubbed), a_claim("usr_1"))
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_write_that_keeps_meeting_transactions_gives_up(writer: str) -> None:
    stubbed = client("dynamodb")
    with Stubber(stubbed) as stub:
        for _ in range(UPDATE_ATTEMPTS):
            stub.add_client_error("update_item", "TransactionConflictException")
        with pytest.raises(StoreUnavailable):
            WRITERS[writer](SpendingStore("control", stubbed), a_claim("usr_1"))
        stub.assert_no_pending_responses()
