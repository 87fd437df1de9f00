"""GET /v1/analytics, as its caller gets it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from promptmill.analytics.query import MAX_LENGTHS
from promptmill.analytics.report import DIMENSIONS
from promptmill.analytics.rollup import Row
from promptmill.errors import StoreUnavailable
from promptmill.http.analytics_routes import analytics_api
from promptmill.http.analytics_schemas import Report
from promptmill.http.resolver import resolve
from promptmill.identity.access import Role, Scope
from promptmill.identity.caller import Caller
from tests.support.builders import AT_MS
from tests.unit.analytics.fakes import MemoryRollups, an_outcome, counted
from tests.unit.http.calls import OPERATOR, USER, Reply, an_event, reply
from tests.unit.http.test_openapi import operations
from tests.unit.http.test_openapi_answers import holds

OTHER = f"usr_{'1' * 32}"
KEY = Caller(USER.owner, "key", frozenset({Role.USER}), key="key_1", scopes=frozenset({Scope.READ}))
REPORT = ("get", "/v1/analytics")


class Down(MemoryRollups):
    def owners_rows(self, owner: str, *, first_day: str, last_day: str) -> Iterator[Row]:
        raise StoreUnavailable


def some_rollups() -> MemoryRollups:
    """Two jobs of the user's, of two days, and one of somebody else's."""
    return counted(
        an_outcome(owner=USER.owner),
        an_outcome("rejected", code="rate_limited", owner=USER.owner, at="2026-11-15T00:00:00.000Z"),
        an_outcome(owner=OTHER),
    )


def read(caller: Caller | None = USER, *, rollups: MemoryRollups | None = None, **query: str) -> Reply:
    sent = {name.removesuffix("_"): [value] for name, value in query.items()}
    api = analytics_api(rollups or some_rollups(), lambda: AT_MS)
    return reply(resolve(api, an_event("GET", "/v1/analytics", query=sent, caller=caller), None))


def test_a_user_reads_the_last_seven_days_of_their_own_jobs() -> None:
    answer = read()
    report = Report.model_validate_json(answer.text)
    assert (answer.status, report.owner, report.first_day, report.to) == (200, USER.owner, "2026-11-15", "2026-11-21")
    (total,) = report.data
    assert (total.jobs, total.cost.model_usd, total.rejections) == (2, "0.000824", {"rate_limited": 1})


def test_days_and_groups_are_those_asked_for() -> None:
    answer = read(from_="2026-11-16", to="2026-11-21", group_by="day,status")
    (group,) = answer.json["data"]
    assert group["group"] == {"day": "2026-11-21", "status": "succeeded"}
    assert answer.json["group_by"] == ["day", "status"]


def test_a_key_that_may_read_reports_on_its_owner() -> None:
    assert read(KEY).json["data"][0]["jobs"] == 2


@pytest.mark.parametrize(("owner", "jobs"), [(OTHER, 1), (USER.owner, 2), ("all", 3), (f"ip_{'2' * 32}", 0)])
def test_an_operator_reads_anybodys_and_everybodys(owner: str, jobs: int) -> None:
    answer = read(OPERATOR, owner=owner)
    assert (answer.json["owner"], answer.json["data"][0]["jobs"]) == (owner, jobs)


@pytest.mark.parametrize("owner", [OTHER, "all", USER.owner])
@pytest.mark.parametrize("caller", [USER, KEY])
def test_nobody_else_names_an_owner(caller: Caller, owner: str) -> None:
    answer = read(caller, owner=owner)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_who_has_not_signed_in_and_a_key_that_may_not_read_are_refused() -> None:
    assert read(None).status == 401
    assert read(replace(KEY, scopes=frozenset({Scope.WRITE}))).status == 403


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (200, {}),
        (200, {"group_by": "day,kind,model,status,prompt_version"}),
        (200, {"rollups": MemoryRollups()}),
        (400, {"from_": "2026-11-22"}),
        (401, {"caller": None}),
        (403, {"owner": "all"}),
        (503, {"rollups": Down()}),
    ],
)
def test_a_report_is_answered_as_documented(document: dict[str, Any], status: int, parts: dict[str, Any]) -> None:
    answer = read(**parts)
    assert answer.status == status
    holds(document, REPORT, answer)


def test_the_documented_parameters_are_those_it_takes(document: dict[str, Any]) -> None:
    described = {parameter["name"]: parameter for parameter in operations(document)[REPORT]["parameters"]}
    assert described.keys() == MAX_LENGTHS.keys()
    for name in ("from", "to", "owner"):
        assert described[name]["schema"]["maxLength"] == MAX_LENGTHS[name]
    grouping = described["group_by"]
    assert (grouping["style"], grouping["explode"]) == ("form", False)
    assert grouping["schema"]["items"]["enum"] == list(DIMENSIONS)
    assert len(",".join(DIMENSIONS)) <= MAX_LENGTHS["group_by"]
