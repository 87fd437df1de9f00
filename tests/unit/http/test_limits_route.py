"""GET /v1/me/limits, as its caller gets it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptmill.http.limits_routes import limits_api
from promptmill.http.limits_schemas import Limits
from promptmill.http.resolver import resolve
from promptmill.identity.access import Role, Scope
from promptmill.identity.caller import Caller
from promptmill.limits.plan import parse_limits
from promptmill.limits.spending.reservation import Claim, Reservation
from tests.support.builders import AT_MS, DAY
from tests.unit.http.calls import USER, Reply, an_event, reply
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.fakes import MemoryRates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.limits.plan import Limits as CallersLimits

TEXT = "requests_per_minute=10,burst=5,concurrent_jobs=3,images_per_day=8,daily_usd=2"
KEY = Caller(USER.owner, "key", frozenset({Role.USER}), key="key_1", scopes=frozenset({Scope.READ}))


def plans() -> Mapping[str, CallersLimits]:
    return {plan: parse_limits(plan, TEXT) for plan in ("user", "key")}


def read(caller: Caller | None, *, rates: MemoryRates | None = None, spending: MemorySpending | None = None) -> Reply:
    api = limits_api(rates or MemoryRates(), spending or MemorySpending(), plans, lambda: AT_MS)
    return reply(resolve(api, an_event("GET", "/v1/me/limits", caller=caller), None))


def with_a_job_of(subject: str) -> MemorySpending:
    spending = MemorySpending()
    spending.reserve(Claim(subject, "job_1", Reservation(DAY, 5 * 10**8, 2), plans()["user"].allowance))
    return spending


def test_a_user_reads_the_limits_of_the_plan_and_what_is_used_of_them() -> None:
    answer = read(USER, rates=MemoryRates(tat_ms=AT_MS + 12_000), spending=with_a_job_of(USER.owner))
    limits = Limits.model_validate_json(answer.text)
    assert (answer.status, limits.plan) == (200, "user")
    assert (limits.requests.remaining, limits.concurrent_jobs.used, limits.images_per_day.used) == (3, 1, 2)
    assert (limits.daily_usd.reserved, limits.daily_usd.remaining) == ("0.5", "1.5")


def test_a_key_reads_its_own_limits_and_not_its_owners() -> None:
    limits = Limits.model_validate_json(read(KEY, spending=with_a_job_of(USER.owner)).text)
    assert (limits.plan, limits.concurrent_jobs.used) == ("key", 0)
    limits = Limits.model_validate_json(read(KEY, spending=with_a_job_of("key_1")).text)
    assert limits.concurrent_jobs.used == 1


def test_what_an_admin_set_is_what_is_read() -> None:
    limits = Limits.model_validate_json(read(replace(USER, limits='{"daily_usd": "7.5"}')).text)
    assert (limits.daily_usd.limit, limits.images_per_day.limit) == ("7.5", 8)


def test_the_rate_is_looked_up_for_the_subject_and_its_plan() -> None:
    rates = MemoryRates()
    read(KEY, rates=rates)
    assert rates.asked == [("key_1", "key")]


def test_who_has_not_signed_in_and_a_key_that_may_not_read_are_refused() -> None:
    assert read(None).status == 401
    assert read(replace(KEY, scopes=frozenset({Scope.WRITE}))).status == 403
