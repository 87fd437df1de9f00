"""Limits as a deployment and an admin write them, and what is said of limits that cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.rendering import read_template
from promptmill.errors import BrokenContractError
from promptmill.identity.caller import Caller
from promptmill.limits.default import default_plans
from promptmill.limits.gcra import RatePolicy
from promptmill.limits.plan import Allowance, Limits, limits_of, parse_limits
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = "requests_per_minute=30,burst=20,concurrent_jobs=10,images_per_day=100,daily_usd=2.50"
USER = Limits("user", RatePolicy("user", 30, 60, 20), Allowance(10, 100, 2_500_000_000))


def test_limits_are_read_in_any_order_and_with_spaces_after_commas() -> None:
    assert parse_limits("user", TEXT) == USER
    assert parse_limits("user", ", ".join(reversed(TEXT.split(",")))) == USER


@pytest.mark.parametrize("parameter", ["AnonymousLimits", "UserLimits", "KeyLimits"])
def test_the_limits_of_the_template_can_be_read(parameter: str) -> None:
    assert parse_limits("user", read_template()["Parameters"][parameter]["Default"]).rate.limit >= 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be requests_per_minute, burst, concurrent_jobs, images_per_day, daily_usd"),
        (TEXT.replace("burst=20,", ""), "each once"),
        (f"{TEXT},burst=20", "each once"),
        (TEXT.replace("burst", "bursts"), "not requests_per_minute, bursts"),
        (TEXT.replace("burst=20", "burst=0"), "burst must be a whole number, 1 or more"),
        (TEXT.replace("=30", "=0"), "requests_per_minute must be a whole number, 1 or more"),
        (TEXT.replace("=100", "=-1"), "images_per_day must be a whole number, 0 or more"),
        (TEXT.replace("=100", "=1.5"), "images_per_day must be a whole number"),
        (TEXT.replace("=10,", "=1000000000,"), "concurrent_jobs must be a whole number"),
        (TEXT.replace("2.50", "0.0000000001"), "daily_usd must be US dollars"),
        (TEXT.replace("2.50", "1e3"), "daily_usd must be US dollars"),
        (TEXT.replace("2.50", "NaN"), "daily_usd must be US dollars"),
    ],
)
def test_what_is_wrong_with_the_limits_of_a_plan_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_limits("user", text)


def test_what_an_admin_set_holds_and_the_rest_stays() -> None:
    changed = USER.with_overrides('{"daily_usd": "10", "burst": 1}')
    assert changed == Limits("user", RatePolicy("user", 30, 60, 1), Allowance(10, 100, 10**10))


def test_nothing_set_changes_nothing() -> None:
    assert USER.with_overrides("") is USER
    assert USER.with_overrides("{}") == USER


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "requests_per_minute": st.integers(1, 10**9 - 1),
            "burst": st.integers(1, 10**9 - 1),
            "concurrent_jobs": st.integers(0, 10**9 - 1),
            "images_per_day": st.integers(0, 10**9 - 1),
            "daily_usd": st.decimals(0, 10**6, places=9).map(lambda usd: f"{usd:f}"),
        },
    )
)
def test_setting_the_same_again_changes_nothing(overrides: dict[str, object]) -> None:
    once = USER.with_overrides(json.dumps(overrides))
    assert once.with_overrides(json.dumps(overrides)) == once
    assert once.rate.name == "user"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "must be a JSON object"),
        ("{", "Expecting property name"),
        ('{"speed": 1}', "there is no limit called speed"),
        ('{"speed": "1"}', "there is no limit called speed"),
        ('{"burst": "5"}', "burst must be a whole number"),
        ('{"burst": true}', "burst must be a whole number"),
        ('{"burst": 1.0}', "burst must be a whole number"),
        ('{"burst": null}', "burst must be a whole number"),
        ('{"daily_usd": 2.5}', "daily_usd must be US dollars as a string"),
        ('{"daily_usd": "-1"}', "daily_usd must be US dollars as a string"),
    ],
)
def test_what_is_wrong_with_what_an_admin_set_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        USER.with_overrides(text)


def test_a_caller_has_the_limits_of_the_plan_and_what_was_set_for_that_caller() -> None:
    plans = {"user": USER, "key": parse_limits("key", TEXT)}
    key = Caller("usr_1", "key", key="key_1", limits='{"concurrent_jobs": 2}')
    assert limits_of(key, plans) == Limits("key", RatePolicy("key", 30, 60, 20), Allowance(2, 100, 2_500_000_000))
    assert limits_of(Caller("usr_1", "user"), plans) == USER


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for plan in ("ANONYMOUS", "USER", "KEY"):
        monkeypatch.setenv(f"PROMPTMILL_{plan}_LIMITS", TEXT)
    settings.cache_clear()
    default_plans.cache_clear()
    yield monkeypatch
    settings.cache_clear()
    default_plans.cache_clear()


def test_a_deployment_has_three_plans(deployment: pytest.MonkeyPatch) -> None:
    assert list(default_plans()) == ["anonymous", "user", "key"]
    assert default_plans()["user"] == USER


def test_a_setting_that_cannot_be_read_is_a_set_up_that_a_person_must_mend(deployment: pytest.MonkeyPatch) -> None:
    deployment.setenv("PROMPTMILL_KEY_LIMITS", "burst=1")
    with pytest.raises(BrokenContractError, match="the limits of plan key must be"):
        default_plans()
