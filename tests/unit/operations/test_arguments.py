"""Ids, times and lengths of time on a command line."""

from __future__ import annotations

import click
import pytest

from operations.arguments import JOB_ID, KEY_ID, LIMITED, OWNER, SUBJECT, USER, Form, Instant, Length
from promptmill.clock import new_id, now_ms
from tests.support.builders import AT, AT_MS
from tests.support.builders import OWNER as ADDRESS

KEY = new_id("key", AT_MS)
A_USER = f"usr_{'0' * 32}"


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (JOB_ID, [new_id("job", AT_MS)], ["job_1", KEY, ""]),
        (KEY_ID, [KEY], ["key_", A_USER]),
        (OWNER, [A_USER, ADDRESS], [KEY, A_USER.upper(), f"{A_USER}0"]),
        (USER, [A_USER], [ADDRESS, KEY]),
        (SUBJECT, [A_USER, ADDRESS, KEY], ["somebody", f"{ADDRESS} "]),
        (LIMITED, [A_USER, KEY], [ADDRESS]),
    ],
)
def test_an_id_has_the_form_of_what_it_is_an_id_of(form: Form, right: list[str], wrong: list[str]) -> None:
    assert [form.convert(text, None, None) for text in right] == right
    for text in wrong:
        with pytest.raises(click.BadParameter):
            form.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90s", 90_000), ("5m", 300_000), ("2h", 7_200_000), ("3d", 259_200_000), ("1w", 604_800_000)],
)
def test_a_length_of_time_is_a_number_and_a_unit(text: str, milliseconds: int) -> None:
    assert Length().convert(text, None, None) == milliseconds


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1.5h", "2 h", "2H", "1h30m", "9999999d", "٣d"])
def test_any_other_text_is_no_length_of_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 2h"):
        Length().convert(text, None, None)


def test_a_length_of_time_may_have_a_longest() -> None:
    assert Length("2d").convert("48h", None, None) == 172_800_000
    with pytest.raises(click.BadParameter, match="2d at most"):
        Length("2d").convert("49h", None, None)


def test_a_time_is_an_instant_or_how_long_ago() -> None:
    assert Instant().convert(AT, None, None) == AT_MS
    assert Instant().convert("2026-11-21T12:00:00+02:00", None, None) == AT_MS
    before = now_ms() - 7_200_000
    assert before <= Instant().convert("2h", None, None) <= now_ms() - 7_200_000


@pytest.mark.parametrize("text", ["yesterday", "2026-11-21", "2026-11-21T10:00:00", "2026-13-21T10:00:00Z"])
def test_any_other_text_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="2026-11-21T10:00:00Z"):
        Instant().convert(text, None, None)
