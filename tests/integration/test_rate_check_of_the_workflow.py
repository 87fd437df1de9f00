"""CheckRate and CheckBurst decide as ``gcra.admit`` does: their own arguments, from the definition, run on DynamoDB."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptmill.jobs.intake import initial_state, new_job
from promptmill.limits.gcra import RatePolicy, admit
from promptmill.limits.store import RateStore
from tests.support.builders import a_caller, a_policy, an_enhance_request, an_origin, some_limits
from tests.unit.core.asl import evaluate, states
from tests.unit.limits.strategies import START_MS, arrivals, policies

_subjects = count(1)


class RateCheck:
    """The two states of one subject: one write, and another when the first one's condition fails."""

    def __init__(self, dynamodb: Any, table: str, policy: RatePolicy) -> None:
        self.owner = f"ip_{next(_subjects):032x}"
        self.policy = policy
        self.store = RateStore(table, dynamodb)
        self._dynamodb = dynamodb
        self._table = table
        job = new_job(an_enhance_request(), a_caller(self.owner), an_origin(), at_ms=START_MS, retention_days=1)
        self._job = initial_state(job, some_limits(policy))

    def arguments(self, state: str, at_ms: int) -> dict[str, Any]:
        found: dict[str, Any] = evaluate(states()[state]["Arguments"], {"job": self._job, "started_ms": at_ms})
        return {**found, "TableName": self._table}

    def passes(self, state: str, at_ms: int) -> bool:
        try:
            self._dynamodb.update_item(**self.arguments(state, at_ms))
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def admits(self, at_ms: int) -> bool:
        return self.passes("CheckRate", at_ms) or self.passes("CheckBurst", at_ms)

    def stands_at(self, tat_ms: int | None) -> None:
        key = self.arguments("CheckRate", START_MS)["Key"]
        if tat_ms is None:
            self._dynamodb.delete_item(TableName=self._table, Key=key)
        else:
            self._dynamodb.put_item(TableName=self._table, Item={**key, "tat": {"N": str(tat_ms)}})

    @property
    def tat_ms(self) -> int | None:
        return self.store.peek(self.owner, self.policy)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), policy=policies)
def test_every_sequence_of_requests_is_decided_alike(
    dynamodb: Any, control_table: str, data: st.DataObject, policy: RatePolicy
) -> None:
    check = RateCheck(dynamodb, control_table, policy)
    tat_ms: int | None = None
    for at_ms in data.draw(arrivals(policy, max_size=25)):
        moved = admit(tat_ms, at_ms, policy)
        assert check.admits(at_ms) is (moved is not None)
        tat_ms = tat_ms if moved is None else moved
        assert check.tat_ms == tat_ms


POLICIES = [a_policy(limit=10, period_seconds=60, burst=3), a_policy(limit=1, period_seconds=1, burst=1), a_policy()]


@pytest.mark.parametrize("policy", POLICIES, ids=["burst of 3", "burst of 1", "the default"])
def test_the_edges_are_decided_alike_and_leave_the_same_arrival_time(
    dynamodb: Any, control_table: str, policy: RatePolicy
) -> None:
    check = RateCheck(dynamodb, control_table, policy)
    interval, tolerance = policy.interval_ms, policy.tolerance_ms
    edges = [-interval, -1, 0, 1, interval - 1, interval, tolerance - 1, tolerance, tolerance + 1, tolerance + interval]
    for tat_ms in [None, *(START_MS + edge for edge in edges)]:
        check.stands_at(tat_ms)
        moved = admit(tat_ms, START_MS, policy)
        assert check.admits(START_MS) is (moved is not None)
        assert check.tat_ms == (tat_ms if moved is None else moved)


@pytest.mark.parametrize("ahead_ms", [None, *range(-2, 3), 12_000, 12_001])
def test_exactly_one_of_the_two_writes_takes_a_request_that_is_admitted(
    dynamodb: Any, control_table: str, ahead_ms: int | None
) -> None:
    """No arrival time falls between the two conditions, and none satisfies both."""
    check = RateCheck(dynamodb, control_table, POLICIES[0])
    tat_ms = None if ahead_ms is None else START_MS + ahead_ms
    passed = []
    for state in ("CheckRate", "CheckBurst"):
        check.stands_at(tat_ms)
        passed.append(check.passes(state, START_MS))
    assert sum(passed) == (0 if admit(tat_ms, START_MS, POLICIES[0]) is None else 1)


def test_two_requests_of_one_instant_take_two_places(dynamodb: Any, control_table: str) -> None:
    check = RateCheck(dynamodb, control_table, a_policy(limit=10, period_seconds=60, burst=2))
    assert [check.admits(START_MS) for _ in range(4)] == [True, True, False, False]
    assert check.tat_ms == START_MS + 12_000


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), policy=policies)
def test_executions_that_arrive_out_of_order_are_decided_alike(
    dynamodb: Any, control_table: str, data: st.DataObject, policy: RatePolicy
) -> None:
    """Executions carry their own start times, which need not reach the table in order."""
    check = RateCheck(dynamodb, control_table, policy)
    tat_ms: int | None = None
    for at_ms in data.draw(arrivals(policy, max_size=15).flatmap(st.permutations)):
        moved = admit(tat_ms, at_ms, policy)
        assert check.admits(at_ms) is (moved is not None)
        tat_ms = tat_ms if moved is None else moved


def test_subjects_and_policies_do_not_share_a_number(dynamodb: Any, control_table: str) -> None:
    policy = a_policy(burst=1)
    first, second = RateCheck(dynamodb, control_table, policy), RateCheck(dynamodb, control_table, policy)
    assert first.admits(START_MS)
    assert not first.admits(START_MS)
    assert second.admits(START_MS)
    assert second.store.peek(first.owner, a_policy(name="partner")) is None


def test_the_number_is_kept_for_as_long_as_it_can_refuse_anybody(dynamodb: Any, control_table: str) -> None:
    policy = a_policy(limit=10, period_seconds=60, burst=5)
    check = RateCheck(dynamodb, control_table, policy)
    for _ in range(policy.burst):
        assert check.admits(START_MS)
        item = dynamodb.get_item(TableName=control_table, Key=check.arguments("CheckRate", START_MS)["Key"])["Item"]
        assert int(item["expires_at"]["N"]) * 1000 >= int(item["tat"]["N"])
