"""Cursors: only ours, and only for the list they were made for."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.clock import new_id
from promptmill.errors import InvalidParameter
from promptmill.jobs.listing.cursor import cursor_key, make_cursor, position_of
from promptmill.jobs.listing.query import MAX_LENGTHS, JobFilter
from promptmill.jobs.model import KINDS, JobStatus
from tests.support.builders import AT_MS, OTHER_OWNER, OWNER, a_job_id

KEY = cursor_key("salt of one deployment")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
BOUND: dict[str, Any] = {"owner": OWNER, "job_filter": JobFilter(), "key": KEY}
POSITION = a_job_id()
CURSOR = make_cursor(POSITION, **BOUND)

filters = st.builds(
    JobFilter,
    st.none() | st.sampled_from(JobStatus),
    st.none() | st.sampled_from(KINDS),
    st.none() | st.integers(-(2**40), 2**47),
)


@given(at_ms=st.integers(0, 2**48 - 1), job_filter=filters)
def test_a_cursor_leads_back_to_its_job_and_is_short_text_for_a_url(at_ms: int, job_filter: JobFilter) -> None:
    position = new_id("job", at_ms)
    cursor = make_cursor(position, owner=OWNER, job_filter=job_filter, key=KEY)
    assert position_of(cursor, owner=OWNER, job_filter=job_filter, key=KEY) == position
    assert set(cursor) <= set(ALPHABET)
    assert len(cursor) <= MAX_LENGTHS["cursor"]


def refused(cursor: str, **changes: Any) -> bool:
    try:
        position_of(cursor, **{**BOUND, **changes})
    except InvalidParameter as error:
        return error.detail == "cursor must be the next_cursor of a page of the same list."
    return False


def test_the_cursor_the_others_differ_from_is_good() -> None:
    assert not refused(CURSOR)


def test_a_cursor_with_any_character_changed_is_refused() -> None:
    """The last one too, though some of its bits say nothing."""
    for place, character in itertools.product(range(len(CURSOR)), ALPHABET):
        changed = CURSOR[:place] + character + CURSOR[place + 1 :]
        assert refused(changed) is (changed != CURSOR)


def test_a_cursor_with_any_part_missing_or_more_is_refused() -> None:
    for length in range(len(CURSOR)):
        assert refused(CURSOR[:length])
        assert refused(CURSOR[length + 1 :])
    for text in (CURSOR + "A", CURSOR + "=", CURSOR + "==", CURSOR + CURSOR, f" {CURSOR}", f"{CURSOR}\n"):
        assert refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "=",
        "====",
        "!",
        "job_x",
        POSITION,
        "é",
        "\U0001f98a",
        "\x00",
        "\ud800",
        "A" * 256,
        "%41",
        "/+/+",
        "null",
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    assert refused(text)


@given(st.text(max_size=100))
def test_no_text_but_a_cursor_is_one(text: str) -> None:
    assert refused(text) is (text != CURSOR)


def test_another_owners_cursor_is_refused() -> None:
    assert refused(CURSOR, owner=OTHER_OWNER)


@given(made=filters, used=filters)
def test_a_cursor_holds_for_the_same_filter_only(made: JobFilter, used: JobFilter) -> None:
    assert refused(make_cursor(POSITION, owner=OWNER, job_filter=made, key=KEY), job_filter=used) is (made != used)


@pytest.mark.parametrize(
    "other", [JobFilter(status=JobStatus.FAILED), JobFilter(kind="image"), JobFilter(created_after_ms=AT_MS)]
)
def test_each_part_of_the_filter_counts(other: JobFilter) -> None:
    assert refused(CURSOR, job_filter=other)
    assert refused(make_cursor(POSITION, owner=OWNER, job_filter=other, key=KEY))


def test_another_deployments_cursor_is_refused() -> None:
    assert refused(CURSOR, key=cursor_key("salt of another deployment"))
    assert refused(CURSOR, key=b"salt of one deployment")


def test_a_position_cannot_be_moved_under_its_hash() -> None:
    content = base64.urlsafe_b64decode(CURSOR + "==")
    moved = content.replace(POSITION.encode(), new_id("job", AT_MS + 1).encode())
    assert moved != content
    assert refused(base64.urlsafe_b64encode(moved).rstrip(b"=").decode())
