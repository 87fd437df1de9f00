"""What the end of a job adds to the rollups."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.analytics.rollup import (
    BUCKETS_MS,
    OUTCOMES,
    RowKey,
    everybodys_shard,
    expires_at_seconds,
    finished_job,
    percentile_ms,
    row_key_of,
)
from promptmill.errors import BrokenContractError
from tests.support.published import example
from tests.unit.analytics.fakes import an_outcome

IMAGE_USAGE = {"model": "flux-schnell", "images": 1, "truncated": False, "fallback": True}


def test_a_text_job_that_succeeded_adds_its_tokens_its_cost_and_its_duration() -> None:
    detail = example("job.succeeded")
    job = finished_job(detail)
    assert job.row.key == RowKey("2026-11-21", "enhance", "claude-haiku-4.5", "succeeded", "enhance-v1")
    assert +job.row.counters == Counter(
        jobs=1, input_tokens=691, output_tokens=94, nanousd=1_277_100, duration_ms=812, le_1000=1
    )
    assert (job.event_id, job.owner) == (detail["metadata"]["id"], detail["metadata"]["owner"])
    assert (job.job_id, job.correlation_id) == (detail["metadata"]["job_id"], detail["metadata"]["correlation_id"])
    assert (job.duration_ms, job.cost_usd) == (812, Decimal("0.0012771"))


def test_a_picture_has_a_model_and_no_prompt_version_and_a_fallback_counts() -> None:
    job = finished_job(an_outcome(kind="image", usage=IMAGE_USAGE))
    assert job.row.key.text == "2026-11-21#image#flux-schnell#succeeded#-"
    assert (job.row.counters["fallbacks"], job.row.counters["input_tokens"]) == (1, 0)


@pytest.mark.parametrize(
    ("status", "counter"), [("rejected", "rejected_rate_limited"), ("failed", "failed_rate_limited")]
)
def test_a_rejection_and_a_failure_count_under_their_code(status: str, counter: str) -> None:
    job = finished_job(an_outcome(status, code="rate_limited"))
    assert job.row.key.text == f"2026-11-21#enhance#-#{status}#-"
    assert job.row.counters[counter] == 1


@pytest.mark.parametrize("name", OUTCOMES.values())
def test_every_terminal_event_of_the_catalogue_can_be_counted(name: str) -> None:
    job = finished_job(example(name))
    assert f"job.{job.row.key.status}" == name
    assert job.row.counters["jobs"] == 1


def test_a_job_counts_on_the_day_in_utc_on_which_it_ended() -> None:
    assert finished_job(an_outcome(at="2026-11-21T23:59:59.999Z")).row.key.day == "2026-11-21"
    assert finished_job(an_outcome(at="2026-11-22T00:30:00.000+01:00")).row.key.day == "2026-11-21"


def damaged(path: str, value: Any) -> dict[str, Any]:
    """A good event but for what is at this path."""
    detail = an_outcome("failed")
    *way, last = path.split(".")
    place = detail
    for name in way:
        place = place[name]
    place[last] = value
    return detail


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata", None),
        ("metadata", []),
        ("data", "text"),
        ("metadata.id", "evt_1"),
        ("metadata.id", 7),
        ("metadata.job_id", "evt_01KAHNM8T0M2E5R7A9D4C6VXZQ"),
        ("metadata.occurred_at", "yesterday"),
        ("metadata.owner", "somebody"),
        ("metadata.owner", "usr_1#2"),
        ("metadata.correlation_id", {"a": "b"}),
        ("data.kind", "en#hance"),
        ("data.kind", ""),
        ("data.status", "running"),
        ("data.status", ["failed"]),
        ("data.duration_ms", -1),
        ("data.duration_ms", "812"),
        ("data.duration_ms", True),
        ("data.duration_ms", 1.5),
        ("data.cost", {}),
        ("data.cost", {"model_usd": "a lot"}),
        ("data.cost", {"model_usd": "-1"}),
        ("data.cost", {"model_usd": "NaN"}),
        ("data.cost", {"model_usd": "Infinity"}),
        ("data.error", {"code": "Not A Code"}),
        ("data.usage", {"model": 7}),
        ("data.usage", {"model": "m", "input_tokens": "many"}),
        ("data.usage", {"model": "m", "prompt_version": "a#b"}),
        ("data.usage", ["model"]),
    ],
)
def test_an_event_that_is_not_as_published_is_a_broken_contract(path: str, value: Any) -> None:
    with pytest.raises(BrokenContractError):
        finished_job(damaged(path, value))


def test_a_key_is_read_as_it_was_written() -> None:
    for key in (
        RowKey("2026-11-21", "enhance", "nova-2-lite", "succeeded", "enhance-v1"),
        RowKey("2026-11-21", "image", None, "failed", None),
    ):
        assert row_key_of(key.text) == key


def test_a_row_is_kept_for_four_hundred_whole_days() -> None:
    ends = datetime.fromtimestamp(expires_at_seconds("2026-11-21"), UTC)
    assert ends == datetime(2027, 12, 27, tzinfo=UTC)
    assert (ends - datetime(2026, 11, 22, tzinfo=UTC)).days == 400


def test_owners_are_spread_over_everybodys_partitions() -> None:
    shards = Counter(everybodys_shard(f"usr_{number:032x}") for number in range(800))
    assert set(shards) == set(range(8))
    assert min(shards.values()) > 60


def lasting(*durations_ms: int) -> Counter[str]:
    """The counters of jobs of these durations."""
    rows = [damaged("data.duration_ms", duration_ms) for duration_ms in durations_ms]
    return sum((finished_job(row).row.counters for row in rows), Counter())


@pytest.mark.parametrize(("duration_ms", "bucket"), [(0, 100), (100, 100), (101, 200), (999_999, 1_000_000)])
def test_a_bucket_includes_its_upper_bound(duration_ms: int, bucket: int) -> None:
    assert lasting(duration_ms)[f"le_{bucket}"] == 1


def test_percentiles_of_a_few_jobs() -> None:
    jobs = lasting(*[90] * 50, *[300] * 45, *[4_000] * 4, 2_000_000)
    assert [percentile_ms(jobs, percent) for percent in (50, 51, 95, 99)] == [100, 500, 500, 5_000]
    assert percentile_ms(jobs, 100) is None
    assert percentile_ms(Counter(), 50) is None


@given(st.lists(st.integers(0, BUCKETS_MS[-1]), min_size=1, max_size=40), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_the_first_bound_that_so_many_durations_do_not_exceed(
    durations: list[int], percent: int
) -> None:
    bound = percentile_ms(lasting(*durations), percent)
    within = [
        bound_ms for bound_ms in BUCKETS_MS if sum(d <= bound_ms for d in durations) * 100 >= percent * len(durations)
    ]
    assert bound == within[0]
