"""Killed at any call of its way, before or after it, a job still has one end, one event, and no unrecorded bill.

The calls are those a happy job makes, so a call that is added is covered by itself. Whoever was killed is followed by
the next attempt (Step Functions' retry, the client's repeat with its key) or by nobody: then time passes and the
sweeper runs. A picture nobody names may be left by who was killed between writing it and naming it, and only with a job
that did not succeed; it lies under the job's own prefix, where the bucket's lifecycle rule deletes it with the job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.ledger import paid_nanousd, total_cost
from promptmill.jobs.model import Job
from promptmill.jobs.settling.judgement import GRACE_MS, LOOK_AGAIN_MS
from promptmill.limits.spending.store import SpendingStore
from promptmill.providers.cost import format_usd
from tests.integration.crashes import Account, Crash, Cut, Journey
from tests.support.builders import AT_MS

KINDS = ["enhance", "image"]
# When the sweeper looks at a job that was not started, and at one that must be over; after its birth.
START_MS = 120_000
LATE_MS = 300_000 + GRACE_MS
COMMON = {
    "dynamodb.GetItem": 1,
    "dynamodb.TransactWriteItems": 4,
    "stepfunctions.StartExecution": 1,
    "dynamodb.Query": 1,
    "events.PutEvents": 2,
}


@pytest.fixture(scope="module")
def account(aws: None, jobs_table: str, control_table: str) -> Account:
    return Account(jobs_table, control_table)


def killed(process: Callable[[], Any]) -> bool:
    """Whether the process was killed."""
    try:
        process()
    except Crash:
        return True
    return False


def travel(account: Account, kind: str, cut: Cut | None = None, *, followed: bool = True) -> Journey:
    """A job's whole way. Without a cut it is a happy one; ``followed``: who is killed is tried again."""
    journey = Journey(account, kind)
    account.cut = cut
    if killed(journey.submit) and followed:
        journey.submit_again()
    walk = journey.follow_execution()
    while walk is not None and walk.is_running:
        if killed(walk.step) and not followed:
            break
    else:
        journey.end_execution()
    return journey


def let_time_pass(journey: Journey) -> None:
    """Until the sweeper finds nothing to do. It may be killed once on the way."""
    for at_ms in (START_MS, LATE_MS, LATE_MS + LOOK_AGAIN_MS):
        journey.clock.at_ms = AT_MS + at_ms
        killed(journey.sweep)
    assert journey.sweep() == {}


def calls_of(account: Account, kind: str) -> list[str]:
    journey = travel(account, kind)
    journey.clear()
    return list(account.made)


def check(journey: Journey, label: str, *, accepted: bool = True) -> Job | None:
    """Fails the test unless all is well with the owner's one job; None when nothing was ever accepted."""
    work, executions = journey.work(), journey.executions()
    money = SpendingStore(journey.account.control_table, journey.account.outside["dynamodb"])
    accounts = [money.read(journey.owner, one.job.reservation.day) for one in work]
    journey.clear()
    if not work and not accepted:
        assert executions == [], label
        assert journey.outcomes() == {}, label
        assert (journey.provider.paid_calls, journey.objects()) == (0, set()), label
        return None
    ((job, calls),) = [(one.job, one.calls) for one in work]
    assert job.status.is_terminal, label
    assert job.due_at is None, label
    assert journey.outcomes() == {outcome_event_id(job.id): {f"job.{job.status.value}"}}, label
    assert len(executions) == (1 if journey.walk else 0), label
    assert len(calls) >= journey.provider.paid_calls, label
    if calls:
        total = total_cost(calls)
        assert job.cost == {"model_usd": format_usd(total.usd), "estimated": total.estimated}, label
    (account,) = accounts
    assert account.open_jobs == frozenset(), label
    assert account.nanousd == account.spent_nanousd <= job.reservation.nanousd, label
    assert account.spent_nanousd >= paid_nanousd(job.cost), label
    assert account.images == (job.reservation.images if account.spent_nanousd else 0), label
    named = {image["key"] for image in (job.result or {}).get("images", [])}
    if job.status.value == "succeeded":
        assert journey.objects() == named, label
        assert journey.provider.paid_calls >= 1, label
    else:
        assert named <= journey.objects(), label
        assert all(f"/{job.id}/" in key for key in journey.objects()), label
    return job


@pytest.mark.parametrize("kind", KINDS)
def test_a_happy_job_is_well(account: Account, kind: str) -> None:
    journey = travel(account, kind)
    job = check(journey, "happy")
    assert job is not None
    assert job.status.value == "succeeded"
    made = {name: account.made.count(name) for name in account.made}
    assert {name: made[name] for name in COMMON} == COMMON
    assert made[f"provider.{kind}"] == 1
    assert made.get("s3.PutObject", 0) == (1 if kind == "image" else 0)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_killed_at_any_call_and_tried_again_succeeds(account: Account, kind: str, *, after: bool) -> None:
    for number, name in enumerate(calls_of(account, kind)):
        label = f"{kind}: killed {'after' if after else 'before'} {number} {name}, tried again"
        journey = travel(account, kind, Cut(number, after))
        let_time_pass(journey)
        job = check(journey, label)
        assert job is not None
        assert job.status.value == "succeeded", label
        assert journey.walk is not None, label


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_killed_at_any_call_and_followed_by_nobody_is_finished_by_the_sweeper(
    account: Account, kind: str, *, after: bool
) -> None:
    ends = set()
    for number, name in enumerate(calls_of(account, kind)):
        label = f"{kind}: killed {'after' if after else 'before'} {number} {name}, followed by nobody"
        journey = travel(account, kind, Cut(number, after), followed=False)
        let_time_pass(journey)
        job = check(journey, label, accepted=False)
        ends.add(job.status.value if job else None)
        if job is not None and job.result is not None:
            assert job.status.value == "succeeded", label
    assert ends >= {"succeeded", "expired", "failed"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_sweeper_that_is_killed_at_any_call_is_followed_by_the_next(account: Account, *, after: bool) -> None:
    start = Cut(calls_of(account, "enhance").index("stepfunctions.StartExecution"), after=False)

    def left_behind() -> Journey:
        """The function that accepted it was killed before it could start it."""
        journey = travel(account, "enhance", start, followed=False)
        journey.clock.advance(START_MS)
        account.made, account.cut = [], None
        return journey

    journey = left_behind()
    assert journey.sweep() == {"unstarted": 1}
    for number, name in enumerate(list(account.made)):
        journey = left_behind()
        account.cut = Cut(number, after)
        assert killed(journey.sweep)
        let_time_pass(journey)
        job = check(journey, f"sweeper killed at {number} {name}")
        assert job is not None
        assert job.status.value == "failed"


@pytest.mark.parametrize("followed_by", ["the caller", "the sweeper"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_cancel_that_is_killed_at_any_call_takes_effect_once_or_not_at_all(
    account: Account, followed_by: str, *, after: bool
) -> None:
    def at_work() -> Journey:
        journey = Journey(account, "enhance")
        journey.submit()
        walk = journey.follow_execution()
        assert walk is not None
        while walk.state != "InvokeBedrock":
            walk.step()
        account.made, account.cut = [], None
        return journey

    def cancel(journey: Journey) -> Any:
        ((work),) = journey.work()
        return journey.settlement.cancel(work.job.id, journey.owner, at_ms=journey.clock())

    journey = at_work()
    assert cancel(journey).concluded
    for number, name in enumerate(list(account.made)):
        journey = at_work()
        account.cut = Cut(number, after)
        assert killed(lambda journey=journey: cancel(journey))  # type: ignore[misc]
        if followed_by == "the caller":
            assert cancel(journey).concluded
        let_time_pass(journey)
        label = f"cancel killed at {number} {name}"
        (execution,) = journey.executions()
        assert execution["status"] == "ABORTED", label
        job = check(journey, label)
        assert job is not None
        was_written = number > 0 or after or followed_by == "the caller"
        assert job.status.value == ("canceled" if was_written else "expired"), label
