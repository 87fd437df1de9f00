"""The admins' routes of API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import epoch_ms, now_ms, timestamp
from promptmill.errors import RequestInFlight, StoreUnavailable
from promptmill.identity.access import Role, Scope
from promptmill.identity.api_keys.model import ApiKey
from promptmill.identity.caller import Caller
from tests.support.administration import ABSENT, CALLS
from tests.unit.http.admin import ADMIN, Administration
from tests.unit.http.calls import BASE_URL, OWNER, USER
from tests.unit.http.conftest import LogLines
from tests.unit.identity.fakes import MemoryApiKeys

DAY_MS = 86_400_000
OPERATOR = Caller(owner=OWNER, plan="user", roles=frozenset({Role.USER, Role.OPERATOR}))
MACHINE = replace(USER, plan="key", key=ABSENT, scopes=frozenset(Scope))


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_only_an_admin_who_is_a_person_gets_in(method: str, path: str) -> None:
    administration = Administration()
    machine_of_an_admin = replace(ADMIN, key=ABSENT, scopes=frozenset(Scope))
    for caller in (USER, OPERATOR, MACHINE, machine_of_an_admin):
        assert administration.call(method, path, caller=caller).status == 403
    assert administration.call(method, path, caller=None).status == 401
    assert administration.call(method, path).status in {200, 404, 415}


def test_a_new_key_is_the_admins_for_a_year_unless_they_say_otherwise() -> None:
    before_ms = now_ms()
    key = Administration().make()
    assert key["owner"] == ADMIN.owner
    assert before_ms <= epoch_ms(key["created_at"]) <= now_ms()
    assert epoch_ms(key["expires_at"]) - epoch_ms(key["created_at"]) == 365 * DAY_MS


def test_a_new_key_is_answered_whole_with_its_secret_and_its_place() -> None:
    administration = Administration()
    expires_at = timestamp(now_ms() + DAY_MS)
    asked = {"name": " billing ", "owner": OWNER, "scopes": ["jobs:write", "jobs:read"], "expires_at": expires_at}
    answer = administration.call("POST", "/v1/keys", asked)
    (key,) = administration.keys.keys.values()
    assert answer.status == 201
    assert answer.json == {
        "id": key.id,
        "object": "api_key",
        "name": "billing",
        "owner": OWNER,
        "scopes": ["jobs:read", "jobs:write"],
        "status": "active",
        "created_at": key.created_at,
        "expires_at": expires_at,
        "previous_secret_expires_at": None,
        "last_used_at": None,
        "revoked_at": None,
        "secret": answer.json["secret"],
    }
    assert answer.headers["location"] == f"{BASE_URL}/v1/keys/{key.id}"
    assert answer.headers["cache-control"] == "no-store"
    assert administration.keys.admit(answer.json["secret"], at_ms=now_ms()).key == key.id


def test_the_secret_is_in_the_answer_that_made_it_and_nowhere_else(log: LogLines) -> None:
    administration = Administration()
    made = administration.make()
    rotated = administration.call("POST", f"/v1/keys/{made['id']}/rotate").json
    read = administration.call("GET", f"/v1/keys/{made['id']}").text
    listed = administration.call("GET", "/v1/keys").text
    for secret in (made["secret"], rotated["secret"]):
        for text in (read, listed, *log.lines):
            assert secret.removeprefix("pm_live_") not in text


def test_the_log_says_which_admin_did_what_to_which_key(log: LogLines) -> None:
    administration = Administration()
    path = f"/v1/keys/{administration.make()['id']}"
    administration.call("POST", f"{path}/rotate")
    administration.call("DELETE", path)
    administration.call("PUT", f"/v1/limits/{OWNER}", {"burst": 1})
    key_id = path.rpartition("/")[2]
    assert [(line["admin"], line.get("key_id"), line.get("subject")) for line in log.facts] == [
        *[(ADMIN.owner, key_id, None)] * 3,
        (ADMIN.owner, None, OWNER),
    ]


@pytest.mark.parametrize(
    ("pointer", "fields"),
    [
        ("/name", {"name": ""}),
        ("/name", {"name": "   "}),
        ("/name", {"name": "x" * 101}),
        ("/name", {"name": "two\nlines"}),
        ("/name", {"name": None}),
        ("/owner", {"owner": "ip_7"}),
        ("/owner", {"owner": f"usr_{'0' * 32}"}),
        ("/scopes", {"scopes": []}),
        ("/scopes", {"scopes": "jobs:read"}),
        ("/scopes/0", {"scopes": ["jobs:delete"]}),
        ("/expires_at", {"expires_at": "tomorrow"}),
        ("/expires_at", {"expires_at": "2027-01-01T00:00:00"}),
        ("/expires_at", {"expires_at": 1_900_000_000}),
        ("/expires_at", {"expires_at": "2020-01-01T00:00:00Z"}),
        ("/expires_at", {"expires_at": timestamp(now_ms() + 731 * DAY_MS)}),
        ("/secret", {"secret": "pm_live_mine"}),
    ],
)
def test_a_key_outside_the_rules_is_not_made(pointer: str, fields: dict[str, Any]) -> None:
    administration = Administration()
    answer = administration.call("POST", "/v1/keys", {"name": "billing", "scopes": ["jobs:read"], **fields})
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert administration.keys.keys == {}


@pytest.mark.parametrize(("document", "status"), [(None, 415), ("[]", 400), ("{", 400), ("x" * 600_000, 413)])
def test_what_is_no_body_is_refused(document: str | None, status: int) -> None:
    assert Administration().call("POST", "/v1/keys", document).status == status


def test_a_list_has_every_owners_keys_newest_first_in_pages() -> None:
    administration = Administration()
    ids = [administration.make(owner=owner)["id"] for owner in (OWNER, ADMIN.owner, OWNER)]
    ids.sort(reverse=True)
    first = administration.call("GET", "/v1/keys", query={"limit": ["2"]}).json
    assert ([key["id"] for key in first["data"]], first["has_more"]) == (ids[:2], True)
    second = administration.call("GET", "/v1/keys", query={"cursor": [first["next_cursor"]]}).json
    assert [key["id"] for key in second["data"]] == ids[2:]
    assert (second["object"], second["has_more"], second["next_cursor"]) == ("list", False, None)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": ["0"]},
        {"limit": ["101"]},
        {"limit": ["1", "2"]},
        {"cursor": [""]},
        {"cursor": ["AAAA"]},
        {"cursor": ["é"]},
        {"cursor": ["x" * 257]},
        {"owner": [OWNER]},
    ],
)
def test_a_list_outside_the_rules_is_a_400(query: dict[str, list[str]]) -> None:
    answer = Administration().call("GET", "/v1/keys", query=query)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_a_tampered_cursor_is_a_400() -> None:
    administration = Administration()
    for _ in range(2):
        administration.make()
    cursor = administration.call("GET", "/v1/keys", query={"limit": ["1"]}).json["next_cursor"]
    for position, character in enumerate(cursor):
        other = cursor[:position] + ("A" if character != "A" else "B") + cursor[position + 1 :]
        assert administration.call("GET", "/v1/keys", query={"cursor": [other]}).status == 400


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("DELETE", ""), ("POST", "/rotate")])
@pytest.mark.parametrize("key_id", [ABSENT, "key_x", "job_01JD0000000000000000000000", "..%2f"])
def test_what_is_no_key_is_a_404(method: str, rest: str, key_id: str) -> None:
    answer = Administration().call(method, f"/v1/keys/{key_id}{rest}")
    assert (answer.status, answer.json["code"]) == (404, "api_key_not_found")


def test_a_rotation_answers_the_key_with_the_new_secret_and_until_when_the_old_one_holds() -> None:
    administration = Administration()
    first = administration.make()
    answer = administration.call("POST", f"/v1/keys/{first['id']}/rotate", {"overlap_seconds": 60})
    second = answer.json
    until = second.pop("previous_secret_expires_at")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert abs(epoch_ms(until) - now_ms() - 60_000) < 5000
    assert second.pop("secret") != first.pop("secret")
    first.pop("previous_secret_expires_at")
    assert second == first


def test_a_rotation_without_a_body_overlaps_by_a_day() -> None:
    administration = Administration()
    answer = administration.call("POST", f"/v1/keys/{administration.make()['id']}/rotate")
    assert abs(epoch_ms(answer.json["previous_secret_expires_at"]) - now_ms() - DAY_MS) < 5000


@pytest.mark.parametrize("overlap", [-1, 604_801, 1.5, "60", None])
def test_an_overlap_outside_the_rules_is_a_422(overlap: Any) -> None:
    administration = Administration()
    made = administration.make()
    answer = administration.call("POST", f"/v1/keys/{made['id']}/rotate", {"overlap_seconds": overlap})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/overlap_seconds")
    assert len(administration.keys.keys[made["id"]].secrets) == 1


def test_a_revoked_key_is_there_to_be_read_but_not_to_be_rotated() -> None:
    administration = Administration()
    made = administration.make()
    administration.call("POST", f"/v1/keys/{made['id']}/rotate")
    for _ in range(2):
        answer = administration.call("DELETE", f"/v1/keys/{made['id']}")
        assert (answer.status, answer.text) == (204, "")
    read = administration.call("GET", f"/v1/keys/{made['id']}").json
    assert (read["status"], read["previous_secret_expires_at"]) == ("revoked", None)
    assert abs(epoch_ms(read["revoked_at"]) - now_ms()) < 5000
    answer = administration.call("POST", f"/v1/keys/{made['id']}/rotate")
    assert (answer.status, answer.json["code"]) == (409, "api_key_ended")


def test_an_expired_key_says_so_and_is_not_rotated() -> None:
    administration = Administration()
    made = administration.make()
    keys = administration.keys.keys
    keys[made["id"]] = replace(keys[made["id"]], expires_at=timestamp(now_ms()))
    assert administration.call("GET", f"/v1/keys/{made['id']}").json["status"] == "expired"
    assert administration.call("POST", f"/v1/keys/{made['id']}/rotate").status == 409


class Overtaken(MemoryApiKeys):
    """Whose keys another admin rotates at the same moment."""

    def rotate(self, key: ApiKey, to: ApiKey) -> None:
        raise RequestInFlight


def test_of_two_rotations_at_once_the_later_may_be_tried_again() -> None:
    administration = Administration(Overtaken(ADMIN.owner))
    answer = administration.call("POST", f"/v1/keys/{administration.make()['id']}/rotate")
    assert (answer.status, answer.json["retryable"], answer.headers["retry-after"]) == (409, True, "1")
    assert "secret" not in answer.json


class Down(MemoryApiKeys):
    def add(self, key: ApiKey) -> None:
        raise StoreUnavailable


def test_a_key_that_could_not_be_stored_is_not_shown() -> None:
    answer = Administration(Down()).call("POST", "/v1/keys", {"name": "billing", "scopes": ["jobs:read"]})
    assert answer.status == 503
    assert "pm_live_" not in answer.text
