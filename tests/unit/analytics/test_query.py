"""What a report may be asked for."""

from __future__ import annotations

import pytest

from promptmill.analytics.query import ReportRequest, report_request
from promptmill.errors import InvalidParameter

TODAY = "2026-11-21"
OWNER = f"usr_{'7' * 32}"


def request(**sent: str) -> ReportRequest:
    parameters = {name.removesuffix("_"): [value] for name, value in sent.items()}
    return report_request(parameters, today=TODAY)


def test_without_parameters_it_is_the_callers_last_seven_days_in_all() -> None:
    assert request() == ReportRequest("2026-11-15", "2026-11-21")


def test_either_end_may_be_left_out() -> None:
    assert request(from_="2026-11-01") == ReportRequest("2026-11-01", "2026-11-21")
    assert request(to="2026-11-10") == ReportRequest("2026-11-04", "2026-11-10")


def test_grouping_and_owner_are_taken_as_given() -> None:
    asked = request(group_by="model,day", owner=OWNER)
    assert (asked.group_by, asked.owner) == (("model", "day"), OWNER)
    assert request(owner="all").owner == "all"


def test_as_many_days_as_there_may_be() -> None:
    assert request(from_="2026-08-22", to="2026-11-21") == ReportRequest("2026-08-22", "2026-11-21")
    assert request(from_="2025-10-17", to="2025-10-17").first_day == "2025-10-17"


def test_where_it_is_tomorrow_already_that_day_may_be_asked_for() -> None:
    assert request(to="2026-11-22") == ReportRequest("2026-11-16", "2026-11-22")
    assert request(from_="2026-11-22", to="2026-11-22").first_day == "2026-11-22"


def test_a_report_without_a_first_day_begins_no_earlier_than_what_is_kept() -> None:
    assert request(to="2025-10-19") == ReportRequest("2025-10-17", "2025-10-19")


@pytest.mark.parametrize(
    "sent",
    [
        {"from_": "2026-08-21", "to": "2026-11-21"},
        {"from_": "2026-11-22"},
        {"from_": "2026-11-21", "to": "2026-11-20"},
        {"from_": "2025-10-16", "to": "2025-10-17"},
        {"to": "2026-11-23"},
        {"to": "2025-10-16"},
        {"to": "0001-01-03"},
        {"from_": "0001-01-01"},
        {"from_": "0000-01-01", "to": "0000-01-01"},
        {"from_": "9999-12-31", "to": "9999-12-31"},
        {"from_": "2026-11-21", "to": "9999-12-31"},
        {"from_": "20261121"},
        {"from_": "2026-W47-6"},
        {"to": "2026-02-30"},
        {"to": "yesterday"},
        {"group_by": ""},
        {"group_by": "owner"},
        {"group_by": "day,day"},
        {"group_by": "day, kind"},
        {"owner": "usr_1"},
        {"owner": "ALL"},
        {"limit": "3"},
    ],
)
def test_what_breaks_a_rule_is_refused(sent: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter):
        request(**sent)
