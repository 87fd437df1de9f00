"""The rate decision, against a reference that works another way, and against what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.limits.gcra import RatePolicy, Standing, admit, standing
from tests.support.builders import a_policy
from tests.unit.limits.reference import LeakyBucket
from tests.unit.limits.strategies import START_MS, arrivals, policies


def admitted_at(policy: RatePolicy, times: list[int]) -> list[int]:
    tat: int | None = None
    admitted = []
    for at_ms in times:
        moved = admit(tat, at_ms, policy)
        if moved is not None:
            tat = moved
            admitted.append(at_ms)
    return admitted


@given(data=st.data(), policy=policies)
def test_every_decision_is_that_of_a_leaky_bucket(data: st.DataObject, policy: RatePolicy) -> None:
    bucket = LeakyBucket(policy)
    tat: int | None = None
    for at_ms in data.draw(arrivals(policy)):
        moved = admit(tat, at_ms, policy)
        assert (moved is not None) is bucket.admits(at_ms)
        tat = tat if moved is None else moved


@given(data=st.data(), policy=policies)
def test_no_window_admits_more_than_its_burst_and_its_share(data: st.DataObject, policy: RatePolicy) -> None:
    admitted = admitted_at(policy, data.draw(arrivals(policy)))
    for first, begins_ms in enumerate(admitted):
        for last in range(first, len(admitted)):
            window_ms = admitted[last] - begins_ms
            assert last - first + 1 <= policy.burst + window_ms // policy.interval_ms


@given(data=st.data(), policy=policies)
def test_requests_that_arrive_out_of_order_gain_no_place(data: st.DataObject, policy: RatePolicy) -> None:
    times = data.draw(arrivals(policy).flatmap(st.permutations))
    span_ms = max(times) - min(times)
    assert len(admitted_at(policy, times)) <= policy.burst + span_ms // policy.interval_ms


@given(policy=policies)
def test_the_whole_burst_is_admitted_at_once_and_not_one_more(policy: RatePolicy) -> None:
    assert len(admitted_at(policy, [START_MS] * (policy.burst + 5))) == policy.burst


@given(policy=policies)
def test_a_subject_that_keeps_to_the_interval_is_never_refused(policy: RatePolicy) -> None:
    times = [START_MS + number * policy.interval_ms for number in range(50)]
    assert admitted_at(policy, times) == times


@given(policy=policies)
def test_a_full_period_never_holds_more_than_the_limit_beyond_the_burst(policy: RatePolicy) -> None:
    assert policy.interval_ms * policy.limit >= policy.period_seconds * 1000
    assert (policy.interval_ms - 1) * policy.limit < policy.period_seconds * 1000


tats = st.one_of(st.none(), st.integers(START_MS - 10_000_000, START_MS + 200_000_000))


@given(policy=policies, tat=tats)
def test_remaining_is_how_many_would_be_admitted_in_a_row(policy: RatePolicy, tat: int | None) -> None:
    in_a_row, next_tat = 0, tat
    while (moved := admit(next_tat, START_MS, policy)) is not None:
        in_a_row, next_tat = in_a_row + 1, moved
    assert standing(tat, START_MS, policy).remaining == in_a_row


@given(policy=policies, tat=tats)
def test_reset_is_the_first_millisecond_at_which_one_more_is_free(policy: RatePolicy, tat: int | None) -> None:
    now = standing(tat, START_MS, policy)
    if now.reset_ms == 0:
        assert now.remaining == policy.burst
        return
    assert standing(tat, START_MS + now.reset_ms - 1, policy).remaining == now.remaining
    assert standing(tat, START_MS + now.reset_ms, policy).remaining == now.remaining + 1


@given(policy=policies, tat=tats)
def test_a_subject_is_over_exactly_when_it_would_be_refused(policy: RatePolicy, tat: int | None) -> None:
    assert standing(tat, START_MS, policy).is_over is (admit(tat, START_MS, policy) is None)


# 10 per minute is one per 6 s; a burst of 3 tolerates an arrival time 12 s ahead.
POLICY = a_policy(limit=10, period_seconds=60, burst=3)


@pytest.mark.parametrize(
    ("ahead_ms", "moved_ms"),
    [
        (None, 6_000),
        (-1, 6_000),
        (0, 6_000),
        (1, 6_001),
        (11_999, 17_999),
        (12_000, 18_000),
        (12_001, None),
        (600_000, None),
    ],
)
def test_the_edges_of_the_tolerance(ahead_ms: int | None, moved_ms: int | None) -> None:
    tat = None if ahead_ms is None else START_MS + ahead_ms
    assert admit(tat, START_MS, POLICY) == (None if moved_ms is None else START_MS + moved_ms)


@pytest.mark.parametrize(
    ("ahead_ms", "expected"),
    [
        (None, Standing(remaining=3, reset_ms=0)),
        (-5_000, Standing(remaining=3, reset_ms=0)),
        (0, Standing(remaining=3, reset_ms=0)),
        (1, Standing(remaining=2, reset_ms=1)),
        (6_000, Standing(remaining=2, reset_ms=6_000)),
        (6_001, Standing(remaining=1, reset_ms=1)),
        (12_000, Standing(remaining=1, reset_ms=6_000)),
        (12_001, Standing(remaining=0, reset_ms=1)),
        (18_000, Standing(remaining=0, reset_ms=6_000)),
        (30_000, Standing(remaining=0, reset_ms=18_000)),
    ],
)
def test_where_a_subject_stands_at_the_edges(ahead_ms: int | None, expected: Standing) -> None:
    assert standing(None if ahead_ms is None else START_MS + ahead_ms, START_MS, POLICY) == expected
