"""``keys``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import epoch_ms, new_id, now_ms
from promptmill.identity.api_keys.model import KEY_PREFIX
from tests.unit.operations.stage import USER, Stage

DAY_MS = 86_400_000
MAKE = ("keys", "create", "--name", "billing", "--owner", USER, "--scope", "jobs:read")
STRANGER = f"usr_{'f' * 32}"


def made(stage: Stage, *arguments: str) -> dict[str, Any]:
    (key,) = stage.results(*MAKE, *arguments)
    return key


def test_a_key_is_made_and_its_secret_said_once() -> None:
    stage = Stage()
    key = made(stage, "--scope", "jobs:write", "--expires-in", "90d")
    assert (key["name"], key["owner"], key["scopes"]) == ("billing", USER, ["jobs:read", "jobs:write"])
    assert abs(epoch_ms(key["expires_at"]) - now_ms() - 90 * DAY_MS) < 60_000
    assert stage.keys.admit(key["secret"], at_ms=now_ms()).key == key["id"]
    assert stage.journal.lines == [("keys create", {"key_id": key["id"], "owner": USER})]
    assert "secret" not in stage.results("keys", "ls")[0]


def test_people_see_the_secret_too() -> None:
    result = Stage().run(*MAKE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count(KEY_PREFIX) == 1


def test_a_key_ends_after_a_year_unless_said_otherwise() -> None:
    assert abs(epoch_ms(made(Stage())["expires_at"]) - now_ms() - 365 * DAY_MS) < 60_000


def test_what_key_would_be_made_is_said_and_none_is() -> None:
    stage = Stage()
    key = made(stage, "--dry-run")
    assert (key["name"], key["dry_run"]) == ("billing", True)
    assert {"id", "secret"}.isdisjoint(key)
    assert (stage.keys.keys, stage.journal.lines) == ({}, [])


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("option", "value"),
    [("--expires-in", "731d"), ("--expires-in", "999999w"), ("--name", "x" * 101), ("--name", "one\ntwo")],
)
def test_a_key_that_cannot_be_is_wrong_usage_before_anything_is_noted(option: str, value: str, dry: list[str]) -> None:
    stage = Stage()
    result = stage.run(*MAKE, option, value, *dry)
    assert (result.exit_code, result.stdout) == (2, "")
    assert option in result.stderr.partition("Error: ")[2]
    assert (stage.keys.keys, stage.journal.lines) == ({}, [])


def test_a_key_of_nobody_is_refused() -> None:
    for dry in ([], ["--dry-run"]):
        result = Stage().run(*MAKE, "--owner", STRANGER, *dry)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: There is no such user or API key.\n")


def test_keys_are_listed_newest_first() -> None:
    stage = Stage()
    keys = [made(stage)["id"] for _ in range(3)]
    listed = stage.results("keys", "ls")
    assert [key["id"] for key in listed] == sorted(keys, reverse=True)
    assert len(stage.results("keys", "ls", "--limit", "2")) == 2
    assert stage.run("keys", "ls").stdout.splitlines()[0].startswith("ID ")


def test_keys_are_listed_by_owner_and_state() -> None:
    stage = Stage()
    stage.keys.users.add(STRANGER)
    revoked, active, other = made(stage)["id"], made(stage)["id"], made(stage, "--owner", STRANGER)["id"]
    stage.results("keys", "revoke", revoked)
    assert [key["id"] for key in stage.results("keys", "ls", "--status", "revoked")] == [revoked]
    assert [key["id"] for key in stage.results("keys", "ls", "--owner", STRANGER)] == [other]
    assert [key["id"] for key in stage.results("keys", "ls", "--owner", USER, "--status", "active")] == [active]


def test_all_pages_of_keys_are_looked_at() -> None:
    stage = Stage()
    first = made(stage)["id"]
    stage.results("keys", "revoke", first)
    template = stage.keys.keys[first]
    for number in range(150):
        key_id = new_id("key", now_ms() + number + 1)
        stage.keys.keys[key_id] = replace(template, id=key_id, revoked_at=None)
    assert [key["id"] for key in stage.results("keys", "ls", "--status", "revoked")] == [first]


def test_keys_are_revoked_and_each_is_said() -> None:
    stage = Stage()
    key = made(stage)
    result = stage.run("keys", "revoke", key["id"])
    assert (result.exit_code, result.stdout) == (0, f"{key['id']} (billing) is revoked.\n")
    assert stage.keys.keys[key["id"]].revoked_at is not None
    assert stage.journal.lines[1:] == [("keys revoke", {"key_id": key["id"]})]


def test_what_would_be_revoked_is_said_and_not_done() -> None:
    stage = Stage()
    key = made(stage)
    result = stage.run("keys", "revoke", key["id"], "--dry-run")
    assert result.stdout == f"{key['id']} (billing) would be revoked; it is active.\n"
    assert stage.keys.keys[key["id"]].revoked_at is None


def test_a_key_nobody_has_is_refused_and_does_not_stop_the_others() -> None:
    stage = Stage()
    key, nobodys = made(stage), new_id("key", now_ms())
    result = stage.run("keys", "revoke", nobodys, key["id"], "--json")
    assert result.exit_code == 1
    refused, revoked = map(json.loads, result.stdout.splitlines())
    assert (refused["key_id"], refused["error"]["code"]) == (nobodys, "api_key_not_found")
    assert (revoked["key_id"], revoked["status"]) == (key["id"], "revoked")
