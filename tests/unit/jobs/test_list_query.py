"""The parameters of GET /v1/jobs."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.clock import epoch_ms, timestamp
from promptmill.errors import InvalidParameter
from promptmill.jobs.listing.query import MAX_LENGTHS, JobFilter, ListRequest, list_request
from promptmill.jobs.model import JobStatus
from promptmill.jobs.requests import EnhanceJob, ImageJob
from tests.support.builders import AT, AT_MS, a_job

ZONED = "an RFC 3339 time with a zone, such as 2026-11-21T10:00:00.000Z; a + is written %2B."
NO_INSTANTS = [
    "",
    "now",
    "2026-11-21",
    "2026-11-21T10:00:00",
    "2026-11-21 10:00:00Z",
    "2026-11-21T10:00Z",
    "2026-11-21T10:00:00.Z",
    "2026-11-21T10:00:00.1234567890Z",
    "2026-11-21T10:00:00,5Z",
    "2026-11-21T10:00:60Z",
    "2026-11-31T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-11-21T24:30:00Z",
    "2026-11-21T10:00:00 01:00",
    "2026-11-21T10:00:00+0100",
    "2026-11-21T10:00:00+24:00",
    "2026-11-21T10:00:00+01:60",
    "2026-11-21T10:00:00Z\n",
    "٢٠٢٦-11-21T10:00:00Z",
    "2026-11-21T10:00:00.٣Z",
    "0000-01-01T00:00:00Z",
    "1795255200",
]


def test_nothing_asked_is_the_newest_twenty_of_all() -> None:
    assert list_request({}) == ListRequest(JobFilter(None, None, None), limit=20, cursor=None)


def test_everything_asked_is_understood() -> None:
    asked = {"status": ["failed"], "kind": ["image"], "created_after": [AT], "limit": ["100"], "cursor": ["abc"]}
    assert list_request(asked) == ListRequest(JobFilter(JobStatus.FAILED, "image", AT_MS), limit=100, cursor="abc")


@pytest.mark.parametrize("status", [status.value for status in JobStatus])
def test_every_status_can_be_asked_for(status: str) -> None:
    assert list_request({"status": [status]}).job_filter == JobFilter(status=JobStatus(status))


def test_every_kind_that_can_be_posted_can_be_asked_for_and_no_other() -> None:
    for kind in ("enhance", "image"):
        assert list_request({"kind": [kind]}).job_filter == JobFilter(kind=kind)
    posted = {model.model_json_schema()["properties"]["kind"]["const"] for model in (EnhanceJob, ImageJob)}
    assert posted == {"enhance", "image"}


@pytest.mark.parametrize("limit", [1, 9, 10, 99, 100])
def test_a_page_has_one_to_a_hundred_jobs(limit: int) -> None:
    assert list_request({"limit": [str(limit)]}).limit == limit


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-11-21T10:00:00.123456789Z", AT_MS + 123),
        ("2026-11-21T10:00:00.9999999Z", AT_MS + 999),
        ("2026-11-21T10:00:00.5Z", AT_MS + 500),
        ("2026-11-21t10:00:00z", AT_MS),
        ("2026-11-21T11:30:00+01:30", AT_MS),
        ("2026-11-20T23:00:00.001-11:00", AT_MS + 1),
    ],
)
def test_a_time_is_read_to_the_millisecond_below_it(text: str, expected_ms: int) -> None:
    assert list_request({"created_after": [text]}).job_filter == JobFilter(created_after_ms=expected_ms)


# The years of four digits.
@given(st.integers(-30_610_224_000_000, 253_402_300_799_999))
def test_every_time_of_ours_is_read_as_it_is_written(at_ms: int) -> None:
    assert list_request({"created_after": [timestamp(at_ms)]}).job_filter.created_after_ms == at_ms


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        *(("status", value, "one of queued, running, succeeded, failed, rejected, canceled or expired.")
          for value in ("", "done", "QUEUED", " queued", "queued,failed", "queued\n")),
        *(("kind", value, "one of enhance or image.") for value in ("", "chat", "Image", "enhance\x00")),
        *(("limit", value, "a whole number from 1 to 100.")
          for value in ("", "0", "101", "999", "-1", "+1", "1.0", "1e1", "01", " 1", "1\n", "٣", "1٣", "all")),
        *(("created_after", value, ZONED) for value in NO_INSTANTS),
    ],
)  # fmt: skip
def test_a_value_that_breaks_its_rule_is_refused_with_the_rule_and_without_the_value(
    name: str, value: str, rule: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        list_request({name: [value]})
    assert refused.value.detail == f"{name} must be {rule}"


@pytest.mark.parametrize("name", MAX_LENGTHS)
def test_no_parameter_is_longer_than_its_limit(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{name} must not be longer than {MAX_LENGTHS[name]} characters"):
        list_request({name: ["x" * (MAX_LENGTHS[name] + 1)]})


def test_a_cursor_may_be_as_long_as_its_limit() -> None:
    assert list_request({"cursor": ["x" * 256]}).cursor == "x" * 256


@pytest.mark.parametrize(
    ("name", "value"), [("status", "queued"), ("limit", "1"), ("created_after", AT), ("cursor", "c")]
)
def test_a_parameter_is_given_once(name: str, value: str) -> None:
    for values in ([value, value], []):
        with pytest.raises(InvalidParameter, match=f"{name} must be given once"):
            list_request({name: values})


@pytest.mark.parametrize("name", ["state", "Status", "status ", "Owner", "", "offset", "created_before", "<script>"])
def test_a_parameter_nobody_knows_is_refused_so_that_a_typo_does_not_list_everything(name: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        list_request({"limit": ["1"], name: ["failed"]})
    expected = "The parameters are status, kind, created_after, owner, limit and cursor; there are no others."
    assert refused.value.detail == expected


@given(st.dictionaries(st.sampled_from([*MAX_LENGTHS, "other"]), st.lists(st.text(max_size=300), max_size=2)))
def test_whatever_is_sent_is_understood_or_refused(parameters: dict[str, list[str]]) -> None:
    with contextlib.suppress(InvalidParameter):
        assert 1 <= list_request(parameters).limit <= 100


def test_a_filter_matches_what_has_all_it_asks_for() -> None:
    job = a_job("failed", kind="image")
    for status, kind, at_ms in itertools.product(
        (None, JobStatus.FAILED, JobStatus.QUEUED), (None, "image", "enhance"), (None, AT_MS - 1, AT_MS, AT_MS + 1)
    ):
        expected = status is not JobStatus.QUEUED and kind != "enhance" and at_ms in {None, AT_MS - 1}
        assert JobFilter(status, kind, at_ms).matches(job) is expected
    assert epoch_ms(job.created_at) == AT_MS
