"""API keys over HTTP: an admin makes them, servers use them, and nobody else may do either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.stack import Stack
from promptmill.clock import new_id, now_ms, timestamp
from promptmill.http.admin_schemas import ApiKey, ApiKeyList, NewApiKey, SubjectLimits
from promptmill.identity.access import Scope
from promptmill.identity.api_keys.model import digest_of, make_key
from promptmill.identity.api_keys.store import ApiKeyStore, new_secret
from tests.support.administration import CALLS
from tests.support.api import Api, eventually, new_address
from tests.support.traces import log_events, log_files

PROMPT = "Explain to a new colleague how our library lends its books."
BOTH = ["jobs:read", "jobs:write"]


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[Api]:
    with Api(stack, new_address(), groups=["admins"]) as api:
        yield api


@pytest.fixture(scope="module")
def made(admin: Api) -> NewApiKey:
    """A key that may do everything a key may."""
    return make(admin)


def make(admin: Api, scopes: list[str] | None = None, **fields: Any) -> NewApiKey:
    answer = admin.http.post("/v1/keys", json={"name": "billing", "scopes": scopes or BOTH, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return NewApiKey.model_validate_json(answer.text)


def server(stack: Stack, secret: str) -> Api:
    """A server that sends this secret."""
    return Api(stack, new_address(), token=secret)


def post(api: Api, key: str | None) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    return api.http.post("/v1/jobs", json={"kind": "enhance", "prompt": PROMPT}, headers=headers)


def refused(api: Api) -> dict[str, Any]:
    """What a caller who is not let in gets, without what names the request."""
    answer = api.http.get("/v1/jobs")
    assert answer.status_code == 401, answer.text
    body: dict[str, Any] = answer.json()
    body.pop("request_id")
    return body


def is_let_in(api: Api) -> bool:
    return api.http.get("/v1/jobs").status_code == 200


def test_an_admin_makes_a_key_and_finds_it_at_its_location_without_the_secret(admin: Api) -> None:
    answer = admin.http.post("/v1/keys", json={"name": "billing", "scopes": BOTH})
    key = answer.json()
    assert answer.headers["location"] == f"{admin.stack.api_url}/v1/keys/{key['id']}"
    read = admin.http.get(answer.headers["location"])
    assert (read.status_code, {**read.json(), "secret": key["secret"]}) == (200, key)


def test_a_key_posts_a_job_with_an_idempotency_key_and_reads_it(stack: Stack, made: NewApiKey) -> None:
    with server(stack, made.secret) as api:
        without = post(api, None)
        assert (without.status_code, without.json()["code"]) == (400, "invalid_header")
        first, again = post(api, "order-7"), post(api, "order-7")
        assert (first.status_code, again.headers["idempotency-replayed"]) == (202, "true")
        job = api.finished(first.json()["id"])
        assert (job["status"], job["owner"]) == ("succeeded", made.owner)
        assert job["id"] in [listed["id"] for listed in api.http.get("/v1/jobs").json()["data"]]


def test_the_jobs_of_a_key_are_its_owners_and_nobody_elses(
    stack: Stack, admin: Api, made: NewApiKey, other_api: Api
) -> None:
    with server(stack, made.secret) as api:
        job_id = post(api, "order-8").json()["id"]
    assert admin.read(job_id)["owner"] == made.owner
    assert other_api.http.get(f"/v1/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize(("scope", "reads", "writes"), [("jobs:read", 200, 403), ("jobs:write", 403, 202)])
def test_a_key_does_what_its_scopes_say_and_no_more(
    stack: Stack, admin: Api, scope: str, reads: int, writes: int
) -> None:
    with server(stack, make(admin, [scope]).secret) as api:
        assert api.http.get("/v1/jobs").status_code == reads
        assert post(api, "order-9").status_code == writes


def test_a_key_that_is_no_good_is_refused_in_the_same_words_whatever_is_wrong(stack: Stack, admin: Api) -> None:
    revoked = make(admin)
    assert admin.http.delete(f"/v1/keys/{revoked.id}").status_code == 204
    expired = an_expired_secret(stack, revoked.owner)
    over = make(admin)
    admin.http.post(f"/v1/keys/{over.id}/rotate", json={"overlap_seconds": 0})
    answers = []
    for secret in (
        revoked.secret,
        expired,
        over.secret,
        new_secret(),
        "pm_live_",
        "pm_live_!",
        "pm_live_" + "x" * 4000,
    ):
        with server(stack, secret) as api:
            answers.append(refused(api))
    assert answers == [answers[0]] * len(answers)
    assert answers[0]["code"] == "unauthenticated"


def an_expired_secret(stack: Stack, owner: str) -> str:
    """Of a key as it is an instant after its end: the API makes none that is over."""
    secret, at_ms = new_secret(), now_ms()
    scopes = frozenset({Scope.READ})
    key = make_key(
        new_id("key", at_ms),
        "over",
        owner=owner,
        scopes=scopes,
        secret=secret,
        expires_at_ms=at_ms - 1,
        at_ms=at_ms - 2,
    )
    ApiKeyStore(stack.library_table, stack.client("dynamodb")).add(key)
    return secret


def test_both_secrets_of_a_rotated_key_are_taken(stack: Stack, admin: Api) -> None:
    first = make(admin)
    answer = admin.http.post(f"/v1/keys/{first.id}/rotate", json={"overlap_seconds": 3600})
    second = NewApiKey.model_validate_json(answer.text)
    assert (answer.status_code, second.id, second.expires_at) == (200, first.id, first.expires_at)
    assert second.previous_secret_expires_at is not None
    for secret in (first.secret, second.secret):
        with server(stack, secret) as api:
            assert is_let_in(api)


def test_after_the_overlap_only_the_new_secret_is_taken(stack: Stack, admin: Api) -> None:
    first = make(admin)
    answer = admin.http.post(f"/v1/keys/{first.id}/rotate", json={"overlap_seconds": 0})
    second = NewApiKey.model_validate_json(answer.text)
    with server(stack, first.secret) as old, server(stack, second.secret) as new:
        assert (refused(old)["code"], is_let_in(new)) == ("unauthenticated", True)


def test_revoking_ends_both_secrets_and_again_answers_the_same(stack: Stack, admin: Api) -> None:
    first = make(admin)
    second = admin.http.post(f"/v1/keys/{first.id}/rotate").json()["secret"]
    assert [admin.http.delete(f"/v1/keys/{first.id}").status_code for _ in range(2)] == [204, 204]
    for secret in (first.secret, second):
        with server(stack, secret) as api:
            assert refused(api)["code"] == "unauthenticated"
    key = ApiKey.model_validate_json(admin.http.get(f"/v1/keys/{first.id}").text)
    assert (key.status, key.revoked_at is not None) == ("revoked", True)
    assert admin.http.post(f"/v1/keys/{first.id}/rotate").json()["code"] == "api_key_ended"


def test_the_use_of_a_key_is_seen(stack: Stack, admin: Api) -> None:
    key = make(admin)
    assert key.last_used_at is None
    with server(stack, key.secret) as api:
        assert is_let_in(api)
    used = ApiKey.model_validate_json(admin.http.get(f"/v1/keys/{key.id}").text)
    assert used.last_used_at is not None
    assert timestamp(now_ms() - 60_000) < used.last_used_at


def test_keys_are_listed_page_by_page_newest_first(admin: Api) -> None:
    names = [make(admin, name=f"server {number}").id for number in range(3)]

    def pages() -> list[ApiKeyList] | None:
        first = ApiKeyList.model_validate_json(admin.http.get("/v1/keys", params={"limit": 2}).text)
        second = admin.http.get("/v1/keys", params={"limit": 2, "cursor": first.next_cursor or ""})
        found = [first, ApiKeyList.model_validate_json(second.text)]
        return found if found[0].data[0].id == names[-1] else None

    found = [key.id for page in eventually(pages) for key in page.data]
    assert found[:3] == names[::-1]
    assert admin.http.get("/v1/keys", params={"cursor": "AAAA"}).status_code == 400


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_only_an_admin_gets_to_keys_and_limits(stack: Stack, api: Api, made: NewApiKey, method: str, path: str) -> None:
    with (
        Api(stack, new_address(), groups=["operators"]) as operator,
        server(stack, made.secret) as machine,
        Api(stack, new_address(), token=None) as nobody,
    ):
        statuses = [one.http.request(method, path).status_code for one in (api, operator, machine, nobody)]
    assert statuses == [403, 403, 403, 401]


def test_a_browser_may_ask_for_every_method(stack: Stack) -> None:
    with Api(stack, new_address(), token=None) as nobody:
        for path in {path for _, path in CALLS}:
            answer = nobody.http.options(path, headers={"origin": "http://localhost:5173"})
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,OPTIONS"


@pytest.mark.parametrize("of", ["owner", "id"])
def test_limits_of_a_user_or_a_key_are_set_replaced_and_taken_back(admin: Api, made: NewApiKey, of: str) -> None:
    path = f"/v1/limits/{getattr(made, of)}"
    for own in ({"burst": 3, "daily_usd": "0.50"}, {"requests_per_minute": 120}):
        answer = admin.http.put(path, json=own)
        assert answer.status_code == 200, answer.text
        limits = SubjectLimits.model_validate_json(admin.http.get(path).text)
        assert limits.model_dump(exclude_none=True, exclude={"object", "subject"}) == own
    assert [admin.http.delete(path).status_code for _ in range(2)] == [204, 204]
    assert SubjectLimits.model_validate_json(admin.http.get(path).text).requests_per_minute is None


def test_a_secret_is_in_no_item_no_log_and_no_list(stack: Stack, admin: Api, made: NewApiKey) -> None:
    with server(stack, made.secret) as api:
        assert is_let_in(api)
    dynamodb = stack.client("dynamodb")
    items = json.dumps(list(dynamodb.get_paginator("scan").paginate(TableName=stack.library_table)))
    assert digest_of(made.secret) in items
    listed = admin.http.get("/v1/keys", params={"limit": 100}).text
    logs = log_events(stack) | log_files(stack)
    assert made.id in logs[stack.function_log_group]
    for text in (items, listed, *logs.values()):
        assert made.secret.removeprefix("pm_live_") not in text
