"""Policies and arrivals for the properties of the limiter."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import strategies as st

from promptmill.limits.gcra import RatePolicy

START_MS = 1_800_000_000_000

policies = st.builds(
    RatePolicy,
    name=st.just("anonymous"),
    limit=st.integers(1, 5000),
    period_seconds=st.integers(1, 3600),
    burst=st.integers(1, 30),
)


@st.composite
def arrivals(draw: st.DrawFn, policy: RatePolicy, max_size: int = 60) -> list[int]:
    """Instants in order: many at once, a hair beside the interval, and long pauses."""
    interval = policy.interval_ms
    gaps = st.one_of(
        st.just(0),
        st.sampled_from([1, interval - 1, interval, interval + 1, policy.tolerance_ms, policy.tolerance_ms + 1]),
        st.integers(0, 3 * interval),
        st.integers(0, (policy.burst + 2) * interval),
    )
    return list(accumulate(draw(st.lists(gaps, min_size=1, max_size=max_size)), initial=START_MS))
