"""GET /v1/me/limits: what limits the caller, and where the caller stands."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms, timestamp
from promptmill.http.documents import responses
from promptmill.http.resolver import caller, declared, json_response, make_resolver
from promptmill.limits.gcra import standing
from promptmill.limits.plan import limits_of
from promptmill.limits.view import limits_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptmill.limits.plan import Limits
    from promptmill.limits.spending.store import SpendingStore
    from promptmill.limits.store import RateStore


@cache
def limits_api(
    rates: RateStore | None = None,
    spending: SpendingStore | None = None,
    plans: Callable[[], Mapping[str, Limits]] | None = None,
    clock: Callable[[], int] = now_ms,
) -> APIGatewayRestResolver:
    """The resolver of the limits route; None is this process's own part."""
    app = make_resolver()

    @app.get(
        "/v1/me/limits",
        summary="Read one's limits",
        description="Every limit that holds for the caller, what is used of it and what is left. An API key has limits "
        "of its own. `reserved` is what jobs at work may still cost: they are paid from it, and what they do not need "
        "comes back.",
        tags=["Limits"],
        operation_id="readLimits",
        responses=responses("limits", HTTPStatus.OK, 503),
    )
    def read_limits() -> Response[Any]:
        who, at_ms = caller(app), clock()
        limits = limits_of(who, (plans or _default_plans)())
        now = standing((rates or _default_rates()).peek(who.subject, limits.rate), at_ms, limits.rate)
        account = (spending or _default_spending()).read(who.subject, timestamp(at_ms)[:10])
        return json_response(HTTPStatus.OK, limits_view(limits, now, account, at_ms=at_ms))

    return declared(app)


def _default_plans() -> Mapping[str, Limits]:
    from promptmill.limits.default import default_plans

    return default_plans()


def _default_rates() -> RateStore:
    from promptmill.limits.store import rate_store

    return rate_store()


def _default_spending() -> SpendingStore:
    from promptmill.gateway import EDGE_ATTEMPTS
    from promptmill.limits.spending.store import spending_store

    return spending_store(attempts=EDGE_ATTEMPTS)
