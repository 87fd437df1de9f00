"""The admins' routes of the limits of one user or key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.http.admin import Administration
from tests.unit.http.calls import OWNER
from tests.unit.identity.fakes import MemoryOverrides

NONE = {
    "requests_per_minute": None,
    "burst": None,
    "concurrent_jobs": None,
    "images_per_day": None,
    "daily_usd": None,
}


def shown(subject: str, **limits: Any) -> dict[str, Any]:
    return {"object": "subject_limits", "subject": subject, **NONE, **limits}


@pytest.mark.parametrize("of", ["user", "key"])
def test_limits_are_set_replaced_and_taken_back(of: str) -> None:
    administration = Administration()
    subject = OWNER if of == "user" else administration.make()["id"]
    path = f"/v1/limits/{subject}"
    assert administration.call("GET", path).json == shown(subject)
    for own in ({"requests_per_minute": 120, "burst": 20}, {"daily_usd": "0.50", "concurrent_jobs": 0}):
        answer = administration.call("PUT", path, own)
        assert (answer.status, answer.json) == (200, shown(subject, **own))
        assert administration.call("GET", path).json == shown(subject, **own)
    for _ in range(2):
        answer = administration.call("DELETE", path)
        assert (answer.status, answer.text) == (204, "")
    assert administration.call("GET", path).json == shown(subject)


def test_what_is_kept_is_the_limits_that_were_set_and_no_others() -> None:
    administration = Administration()
    administration.call("PUT", f"/v1/limits/{OWNER}", {"burst": 3, "daily_usd": "1.5", "images_per_day": None})
    assert json.loads(administration.overrides.get(OWNER)) == {"burst": 3, "daily_usd": "1.5"}


@pytest.mark.parametrize(
    ("pointer", "document"),
    [
        ("/requests_per_minute", {"requests_per_minute": 0}),
        ("/requests_per_minute", {"requests_per_minute": "60"}),
        ("/burst", {"burst": True}),
        ("/burst", {"burst": 0}),
        ("/concurrent_jobs", {"concurrent_jobs": -1}),
        ("/images_per_day", {"images_per_day": 1.5}),
        ("/daily_usd", {"daily_usd": 1}),
        ("/daily_usd", {"daily_usd": "-1"}),
        ("/daily_usd", {"daily_usd": "1e3"}),
        ("/daily_usd", {"daily_usd": "\N{ARABIC-INDIC DIGIT ONE}"}),
        ("/daily_usd", {"daily_usd": "1\n"}),
        ("/daily_usd", {"daily_usd": "1.1234567"}),
        ("/plan", {"plan": "key"}),
    ],
)
def test_limits_outside_the_rules_are_not_set(pointer: str, document: dict[str, Any]) -> None:
    administration = Administration()
    answer = administration.call("PUT", f"/v1/limits/{OWNER}", document)
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert administration.overrides.get(OWNER) == ""


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("subject", [f"usr_{'0' * 32}", "key_01JD0000000000000000000000", "ip_7"])
def test_nobody_has_no_limits(method: str, subject: str) -> None:
    document = {"burst": 1} if method == "PUT" else None
    answer = Administration().call(method, f"/v1/limits/{subject}", document)
    assert (answer.status, answer.json["code"]) == (404, "subject_not_found")


class NeverAsked(MemoryOverrides):
    """Fails the test when anything is asked of it."""

    def _check(self, subject: str) -> None:
        raise AssertionError(subject)


@pytest.mark.parametrize(
    "subject", ["usr_", "key_", f"usr_{'7' * 64}", f"usr_{'7' * 31}G", "key_x", f"usr_{'7' * 3000}"]
)
def test_what_cannot_be_an_id_costs_no_call(subject: str) -> None:
    administration = Administration()
    administration.overrides = NeverAsked(administration.keys)
    assert administration.call("GET", f"/v1/limits/{subject}").status == 404
