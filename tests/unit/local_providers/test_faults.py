from typing import Any

import pytest

from local.providers.faults import Fault, Faults, read_script
from tests.unit.local_providers.stack import Stack


def faults_of(*script: dict[str, Any], provider: str = "chat") -> Faults:
    faults = Faults()
    faults.add(*read_script({"provider": provider, "script": list(script)}))
    return faults


def test_entries_are_consumed_in_order_and_then_calls_go_well() -> None:
    faults = faults_of({"status": 429}, {"delay_ms": 8})
    assert [faults.take("chat", "a") for _ in range(3)] == [Fault(status=429), Fault(delay_ms=8), Fault()]


def test_each_provider_has_its_own_script() -> None:
    faults = faults_of({"status": 500})
    assert faults.take("flux", "a") == Fault()
    assert faults.take("chat", "a").status == 500


def test_repeat_is_the_number_of_calls_an_entry_is_for() -> None:
    faults = faults_of({"repeat": 2, "status": 500}, {"status": 503})
    assert [faults.take("chat", "a").status for _ in range(4)] == [500, 500, 503, None]


def test_an_entry_without_an_effect_lets_one_call_pass() -> None:
    faults = faults_of({}, {"status": 500})
    assert [faults.take("chat", "a").status for _ in range(2)] == [None, 500]


def test_an_entry_with_match_is_skipped_by_calls_without_its_text() -> None:
    faults = faults_of({"match": "blue", "status": 500}, {"match": "red", "status": 503}, {"status": 429})
    assert faults.take("chat", "a red sea").status == 503
    assert faults.take("chat", "a red sea").status == 429
    assert faults.take("chat", "a red sea").status is None
    assert faults.take("chat", "other", "the blue one").status == 500


def test_what_is_left_can_be_read_and_cleared(stack: Stack) -> None:
    stack.script("flux", {"status": 500, "repeat": 3, "match": "hill"})
    stack.draw()
    assert stack.http.get("/_faults").json() == {"chat": [], "flux": [{"status": 500, "match": "hill", "repeat": 2}]}
    assert stack.http.delete("/_faults").json() == {"chat": [], "flux": []}
    assert stack.draw().status_code == 200


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ({"provider": "together", "script": [{}]}, "provider"),
        ({"script": [{}]}, "provider"),
        ({"provider": "chat"}, "script"),
        ({"provider": "chat", "script": []}, "script"),
        ({"provider": "chat", "script": [{}], "extra": 1}, "extra"),
        ({"provider": "chat", "script": [{}, 7]}, "script[1]"),
        ({"provider": "chat", "script": [{"stats": 500}]}, "script[0].stats"),
        ({"provider": "chat", "script": [{"status": 418}]}, "script[0].status"),
        ({"provider": "chat", "script": [{"status": True}]}, "script[0].status"),
        ({"provider": "flux", "script": [{"status": 200}]}, "script[0].status"),
        ({"provider": "flux", "script": [{"stop_reason": "end_turn"}]}, "script[0].stop_reason"),
        ({"provider": "flux", "script": [{"error": "ThrottlingException"}]}, "script[0].error"),
        ({"provider": "chat", "script": [{"error": "Oops"}]}, "script[0].error"),
        ({"provider": "chat", "script": [{"error": ["ThrottlingException"]}]}, "script[0].error"),
        ({"provider": "chat", "script": [{"stop_reason": "bored"}]}, "script[0].stop_reason"),
        ({"provider": "chat", "script": [{"delay_ms": -1}]}, "script[0].delay_ms"),
        ({"provider": "chat", "script": [{"delay_ms": 1.5}]}, "script[0].delay_ms"),
        ({"provider": "chat", "script": [{"pause_ms": 5001}]}, "script[0].pause_ms"),
        ({"provider": "flux", "script": [{"pause_ms": 1}]}, "script[0].pause_ms"),
        ({"provider": "chat", "script": [{"repeat": 0}]}, "script[0].repeat"),
        ({"provider": "chat", "script": [{"truncate": "yes"}]}, "script[0].truncate"),
        ({"provider": "chat", "script": [{"body": {}}]}, "script[0].body"),
        ({"provider": "chat", "script": [{"match": ""}]}, "script[0].match"),
        ({"provider": "chat", "script": [{"retry_after": 1}]}, "script[0].retry_after"),
        ({"provider": "chat", "script": [{"status": 429, "retry_after": "1"}]}, "script[0].retry_after"),
        ({"provider": "chat", "script": [{"status": 429, "truncate": True}]}, "script[0].truncate"),
    ],
)
def test_a_bad_script_is_refused_by_field_and_nothing_of_it_is_kept(
    stack: Stack, script: dict[str, Any], named: str
) -> None:
    good_first = [{"status": 500}, *script["script"]] if script.get("script") else script.get("script")
    for attempt in (script, {**script, "script": good_first}):
        answer = stack.http.post("/_faults", json=attempt)
        assert answer.status_code == 400
    assert named in stack.http.post("/_faults", json=script).json()["error"]["message"]
    assert stack.http.get("/_faults").json() == {"chat": [], "flux": []}
