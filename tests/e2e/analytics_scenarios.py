"""As ``scenarios``, of the functions of the rollups."""

from __future__ import annotations

from tests.e2e.scenarios import Scenario, World, a_user, signed_in, the_body
from tests.support.in_process import InProcess
from tests.unit.analytics.fakes import a_message, an_outcome


def the_end_of_a_job_is_counted(world: World, record: InProcess) -> None:
    # Long ago: a rebuild, of whose archive it is not, would miss it.
    end = an_outcome(owner=a_user(), at="2026-01-02T00:00:00.000Z")
    assert record({"Records": [a_message(end)]}) == {"batchItemFailures": []}


def a_report_is_read(world: World, read: InProcess) -> None:
    the_body(read(signed_in("GET", "/v1/analytics", a_user())), 200)


ANALYTICS_SCENARIOS = {
    "record_analytics": [Scenario(the_end_of_a_job_is_counted)],
    "read_analytics": [Scenario(a_report_is_read)],
}
