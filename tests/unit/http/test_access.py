"""Who may call what: the access that was published, what the document says of it, and how the functions hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.http.resolver import declared, make_resolver
from promptmill.identity.access import ROUTES, Access, Gate, Role, Scope, check_access
from promptmill.identity.caller import Caller
from tests.support.builders import PROMPT, a_job
from tests.unit.http.calls import OPERATOR, USER, Api, an_event
from tests.unit.http.test_openapi import operations
from tests.unit.http.test_openapi_answers import holds

if TYPE_CHECKING:
    from tests.unit.http.calls import Reply

ANONYMOUS = Caller(owner=f"ip_{'1' * 32}", plan="anonymous")
ADMIN = Caller(owner=f"usr_{'2' * 32}", plan="user", roles=frozenset(Role))
ENHANCE = f'{{"kind":"enhance","prompt":"{PROMPT}"}}'
IMAGE = '{"kind":"image","prompt":"a red fox"}'


def a_key(*scopes: Scope) -> Caller:
    return Caller(owner=USER.owner, plan="key", roles=frozenset({Role.USER}), key="key_1", scopes=frozenset(scopes))


# In the order of the columns below, where 0 is let through and another number the status of the refusal.
CALLERS = (ANONYMOUS, a_key(Scope.READ), a_key(Scope.WRITE), USER, OPERATOR, ADMIN)
PUBLIC = (0, 0, 0, 0, 0, 0)
ANYBODY_READS = (0, 0, 403, 0, 0, 0)
ANYBODY_WRITES = (0, 403, 0, 0, 0, 0)
USERS_READ = (401, 0, 403, 0, 0, 0)
USERS_WRITE = (401, 403, 0, 0, 0, 0)
PERSONS = (401, 403, 403, 0, 0, 0)
OPERATORS = (401, 403, 403, 403, 0, 0)
ADMINS = (401, 403, 403, 403, 403, 0)
PUBLISHED = {
    "submitJob": ANYBODY_WRITES,
    "generatePrompt": ANYBODY_WRITES,
    "readJob": ANYBODY_READS,
    "followJob": ANYBODY_READS,
    "cancelJob": ANYBODY_WRITES,
    "listJobs": USERS_READ,
    "readExecution": USERS_READ,
    "diffJobs": USERS_READ,
    "replayJob": USERS_WRITE,
    "redriveJob": OPERATORS,
    "readMe": PERSONS,
    "changeMe": PERSONS,
    "deleteMe": PERSONS,
    "readLimits": USERS_READ,
    "readAnalytics": USERS_READ,
    **dict.fromkeys(("createApiKey", "listApiKeys", "readApiKey", "rotateApiKey", "revokeApiKey"), ADMINS),
    **dict.fromkeys(("readSubjectLimits", "setSubjectLimits", "removeSubjectLimits"), ADMINS),
    "health": PUBLIC,
    "listModels": PUBLIC,
    "openApi": PUBLIC,
}


@pytest.mark.parametrize("operation", ROUTES)
def test_who_may_call_an_operation_is_what_was_published(operation: str) -> None:
    def outcome(caller: Caller) -> int:
        try:
            check_access(operation, caller)
        except errors.Unauthenticated:
            return 401
        except errors.Forbidden:
            return 403
        return 0

    assert tuple(outcome(caller) for caller in CALLERS) == PUBLISHED[operation]


def test_an_operation_that_declares_nothing_cannot_be_checked_and_its_resolver_cannot_be_built() -> None:
    with pytest.raises(errors.BrokenContractError, match="sellJob declares no access"):
        check_access("sellJob", ADMIN)
    app = make_resolver()
    app.get("/v1/sale", operation_id="sellJob")(dict)
    with pytest.raises(errors.BrokenContractError, match="sellJob declares no access"):
        declared(app)
    unnamed = make_resolver()
    unnamed.get("/v1/sale")(dict)
    with pytest.raises(errors.BrokenContractError):
        declared(unnamed)


def security(access: Access) -> list[dict[str, list[str]]]:
    bearer: dict[str, list[str]] = {"bearer": []}
    return {Gate.NONE: [], Gate.ANYONE: [{}, bearer], Gate.SIGNED_IN: [bearer]}[access.gate]


def test_the_document_says_of_every_operation_who_may_call_it(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for operation in operations(document).values():
        access = ROUTES[operation["operationId"]]
        assert operation["security"] == security(access)
        assert operation.get("x-required-role") == access.role
        assert operation.get("x-required-scope") == access.scope
        refusals = {"401", "403"} & operation["responses"].keys()
        assert refusals == (set() if access.gate is Gate.NONE else {"401", "403"})
        if refusals:
            assert operation["responses"]["401"]["headers"]["WWW-Authenticate"]["required"] is True


def submit(caller: Caller | None, body: str, **headers: str) -> Reply:
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return Api().submit(an_event("POST", "/v1/jobs", body=body, headers=sent, caller=caller))


def test_who_has_not_signed_in_enhances_and_nothing_else(document: dict[str, Any]) -> None:
    assert submit(None, ENHANCE).status == 202
    refused = submit(None, IMAGE)
    assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == 'Bearer realm="promptmill"'
    holds(document, ("post", "/v1/jobs"), refused)


def test_a_key_sends_an_idempotency_key_and_needs_its_scope(document: dict[str, Any]) -> None:
    assert submit(a_key(Scope.WRITE), IMAGE, Idempotency_Key="k").status == 202
    without = submit(a_key(Scope.WRITE), IMAGE)
    assert (without.status, without.json["code"]) == (400, "invalid_header")
    forbidden = submit(a_key(Scope.READ), IMAGE, Idempotency_Key="k")
    assert (forbidden.status, forbidden.json["code"]) == (403, "forbidden")
    for answer in (without, forbidden):
        holds(document, ("post", "/v1/jobs"), answer)


def test_a_key_that_may_not_read_replays_nothing() -> None:
    api, key = Api(), a_key(Scope.WRITE)
    job = a_job("succeeded", owner=key.owner, expires_at_seconds=2**33)
    api.jobs.add(job)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    event = an_event("POST", f"/v1/jobs/{job.id}/replay", body="{}", headers=headers, caller=key)
    assert api.submit(event).status == 403
    event["requestContext"]["authorizer"] = a_key(*Scope).to_context()
    assert api.submit(event).status == 202


def test_what_came_past_the_authorizer_is_not_taken_for_somebody_who_has_not_signed_in() -> None:
    event = an_event("POST", "/v1/jobs", body=ENHANCE, headers={"Content-Type": "application/json"}, caller=None)
    del event["requestContext"]["authorizer"]
    assert Api().submit(event).status == 401


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/{id}/execution", "/v1/jobs/{id}/diff"])
def test_who_has_not_signed_in_has_no_list_no_execution_and_no_comparison(path: str) -> None:
    api = Api()
    job = a_job("succeeded", owner=ANONYMOUS.owner, expires_at_seconds=2**33)
    api.jobs.add(job)
    answer = api.read(an_event("GET", path.format(id=job.id), caller=None))
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert "www-authenticate" in answer.headers


def test_a_refusal_at_the_door_is_the_same_for_a_job_that_exists_and_one_that_does_not() -> None:
    api = Api()
    job = a_job("succeeded", owner=USER.owner, expires_at_seconds=2**33)
    api.jobs.add(job)
    for caller in (None, a_key()):
        there, nowhere = (
            api.read(an_event("GET", f"/v1/jobs/{job_id}/execution", caller=caller))
            for job_id in (job.id, "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD")
        )
        assert there.text.replace(job.id, "") == nowhere.text.replace("job_01KAHNM8T0Q4V9X2C7R5W3ZPJD", "")
