"""GET /v1/analytics: a report on the caller's jobs; for operators, also on another owner's or everybody's."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.analytics.query import EVERYBODY, report_request
from promptmill.analytics.report import report_groups
from promptmill.clock import now_ms, timestamp
from promptmill.errors import Forbidden
from promptmill.http.documents import responses
from promptmill.http.resolver import caller, declared, json_response, make_resolver, query_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.analytics.store import RollupStore

DESCRIPTION = (
    "What the caller's jobs used, cost and took, by the day in UTC on which they ended: in all, or by what `group_by` "
    "names. A group that has no jobs is left out. A percentile is the upper bound of the bucket it is in, null where "
    "it is above 1,000 seconds. Durations are those of all jobs of a group, also of those that were refused at once: "
    "group by `status` to tell them apart. Only a job that succeeded has a model and tokens, and only a text job a "
    "prompt version. A job is counted a few seconds after it ended, and for 400 days. An operator may ask for another "
    "`owner`, or `all`."
)


@cache
def analytics_api(rollups: RollupStore | None = None, clock: Callable[[], int] = now_ms) -> APIGatewayRestResolver:
    """The resolver of the report; None is this process's own store."""
    app = make_resolver()

    @app.get(
        "/v1/analytics",
        summary="Read analytics",
        description=DESCRIPTION,
        tags=["Analytics"],
        operation_id="readAnalytics",
        responses=responses("report", HTTPStatus.OK, 400, 503),
    )
    def read_analytics() -> Response[Any]:
        asked = report_request(query_parameters(app), today=timestamp(clock())[:10])
        who = caller(app)
        if asked.owner is not None and not who.is_operator:
            raise Forbidden("Only an operator may ask for another owner's jobs.")
        owner = asked.owner or who.owner
        store, days = rollups or _default_rollups(), {"first_day": asked.first_day, "last_day": asked.last_day}
        rows = store.everybodys_rows(**days) if owner == EVERYBODY else store.owners_rows(owner, **days)
        body = {
            "object": "report",
            "owner": owner,
            "from": asked.first_day,
            "to": asked.last_day,
            "group_by": list(asked.group_by),
            "data": report_groups(rows, asked.group_by),
        }
        return json_response(HTTPStatus.OK, body, {"Cache-Control": "private, no-cache"})

    return declared(app)


def _default_rollups() -> RollupStore:
    from promptmill.analytics.store import rollup_store

    return rollup_store()
