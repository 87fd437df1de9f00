"""Times and ids."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.clock import (
    derived_id,
    epoch_ms,
    first_id,
    hashed_id,
    instant_ms,
    is_id,
    monotonic_ms,
    new_id,
    now_ms,
    pause_up_to,
    random_hex,
    random_token,
    timestamp,
)

# From the epoch to the end of the year 9999, in whole milliseconds.
instants = st.integers(0, 253_402_300_799_999)
ulid_instants = st.integers(0, 2**48 - 1)


@given(at_ms=instants)
def test_a_timestamp_reads_back_to_the_same_millisecond(at_ms: int) -> None:
    assert epoch_ms(timestamp(at_ms)) == at_ms


@given(first=instants, second=instants)
def test_timestamps_sort_as_their_instants_do(first: int, second: int) -> None:
    assert (timestamp(first) < timestamp(second)) is (first < second)


@given(at_ms=instants)
def test_a_timestamp_is_rfc_3339_in_utc_with_milliseconds(at_ms: int) -> None:
    text = timestamp(at_ms)
    assert len(text) == len("2026-11-21T10:00:00.123Z")
    assert datetime.fromisoformat(text).utcoffset() == datetime.now(UTC).utcoffset()


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00.001+01:00", 1),
        ("2026-11-21T10:00:00.123456Z", 1_795_255_200_123),
    ],
)
def test_other_rfc_3339_forms_are_read_too(text: str, expected_ms: int) -> None:
    assert epoch_ms(text) == expected_ms


@given(first=ulid_instants, second=ulid_instants)
def test_ids_sort_by_their_time(first: int, second: int) -> None:
    if first != second:
        assert (new_id("job", first) < new_id("job", second)) is (first < second)


@given(at_ms=ulid_instants, prefix=st.sampled_from(["job", "evt", "img"]))
def test_a_new_id_is_an_id_of_its_prefix_only(at_ms: int, prefix: str) -> None:
    made = new_id(prefix, at_ms)
    assert is_id(prefix, made)
    assert not is_id("other", made)
    assert len(made) == len(prefix) + 1 + 26


@given(at_ms=ulid_instants)
def test_no_id_of_an_instant_sorts_before_its_first_and_every_older_one_does(at_ms: int) -> None:
    first = first_id("job", at_ms)
    assert is_id("job", first)
    assert first <= new_id("job", at_ms)
    assert at_ms == 0 or new_id("job", at_ms - 1) < first


def test_the_first_id_of_a_time_before_the_epoch_is_the_first_of_all() -> None:
    assert first_id("job", -1) == first_id("job", 0) == "job_" + "0" * 26


def test_ids_of_one_instant_differ() -> None:
    assert len({new_id("job", 1_800_000_000_000) for _ in range(1000)}) == 1000


def test_an_id_carries_its_time_in_the_first_ten_characters() -> None:
    # 1469918176385 is the example of https://github.com/ulid/spec.
    assert new_id("job", 1_469_918_176_385)[4:14] == "01ARYZ6S41"


@given(at_ms=ulid_instants, label=st.text(max_size=20), other=st.text(max_size=20))
def test_a_derived_id_is_the_same_for_the_same_source_and_label_and_no_other(
    at_ms: int, label: str, other: str
) -> None:
    source = new_id("job", at_ms)
    made = derived_id("evt", source, label)
    assert made == derived_id("evt", source, label)
    assert is_id("evt", made)
    assert (made == derived_id("evt", source, other)) is (label == other)
    assert made != derived_id("evt", new_id("job", at_ms), label)


@given(at_ms=ulid_instants)
def test_a_derived_id_carries_the_time_of_its_source(at_ms: int) -> None:
    source = new_id("job", at_ms)
    assert derived_id("evt", source, "outcome")[4:14] == source[4:14]


def test_what_follows_the_time_of_a_derived_id_is_the_labels_own() -> None:
    full, empty = f"job_01ARZ3NDEK{'Z' * 16}", f"job_01ARZ3NDEK{'0' * 16}"
    for source in (full, empty):
        assert len({derived_id("evt", source, str(label)) for label in range(100)}) == 100
        assert derived_id("evt", source, "outcome")[-16:] != source[-16:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job",
        "job_",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "job_01arz3ndektsv4rrffq69g5fav",
        "job_81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FA\n",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAé",
        "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "job__01ARZ3NDEKTSV4RRFFQ69G5FAV",
        " job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ],
)
def test_junk_is_no_id(text: str) -> None:
    assert not is_id("job", text)


@given(text=st.text())
def test_nothing_but_26_crockford_characters_after_the_prefix_is_an_id(text: str) -> None:
    expected = len(text) == 26 and text[0] in "01234567" and set(text) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert is_id("job", f"job_{text}") is expected


def test_the_clocks_tell_the_time() -> None:
    before = datetime.now(UTC).timestamp() * 1000
    first, second = monotonic_ms(), monotonic_ms()
    assert before - 1 <= now_ms() <= datetime.now(UTC).timestamp() * 1000 + 1
    assert second >= first


def test_random_hex_has_two_digits_a_byte_and_is_not_repeated() -> None:
    made = {random_hex(8) for _ in range(100)}
    assert len(made) == 100
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in made)


@given(source=st.text(), other=st.text())
def test_an_id_made_of_a_text_is_an_id_of_that_text_alone(source: str, other: str) -> None:
    assert is_id("evt", hashed_id("evt", source))
    assert (hashed_id("evt", source) == hashed_id("evt", other)) is (source == other)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1500),
        ("1970-01-01T01:00:00.123999+01:00", 123),
        ("1969-12-31T23:00:00-01:00", 0),
    ],
)
def test_an_rfc_3339_time_is_read_to_the_millisecond(text: str, ms: int) -> None:
    assert instant_ms(text) == ms


@pytest.mark.parametrize(
    "text", ["", "1970-01-01", "1970-01-01T00:00:00", "1970-02-30T00:00:00Z", "0", "1970-01-01T00:00:00+24:00", "now"]
)
def test_what_is_no_rfc_3339_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|range"):
        instant_ms(text)


def test_a_random_token_has_its_bytes_in_base64url() -> None:
    first, second = random_token(32), random_token(32)
    assert first != second
    assert len(base64.urlsafe_b64decode(f"{first}=")) == 32


def test_pauses_up_to_the_same_length_differ_and_none_is_longer() -> None:
    pauses: list[float] = []
    for _ in range(100):
        pause_up_to(0.4, sleep=pauses.append)
    assert all(0 <= pause <= 0.4 for pause in pauses)
    assert len(set(pauses)) > 10
    assert max(pauses) - min(pauses) > 0.2
