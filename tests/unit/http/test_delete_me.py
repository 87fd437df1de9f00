"""DELETE /v1/me."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptmill.clock import is_id
from promptmill.errors import PromptmillError, WorkflowUnavailable
from promptmill.http.deletion_routes import deletion_api
from promptmill.http.resolver import resolve
from promptmill.identity.access import Role, Scope
from promptmill.identity.caller import Caller
from promptmill.jobs.erasure.gateway import DeletionWorkflow
from tests.support.builders import TRACEPARENT
from tests.support.published import check_event
from tests.unit.http.calls import REQUEST_ID, USER, Reply, an_event, reply
from tests.unit.http.test_openapi_answers import holds


class FakeDeletion(DeletionWorkflow):
    """Remembers the events of what was started, each name once. ``error`` is raised at every start."""

    def __init__(self, error: PromptmillError | None = None) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self._error = error

    def start(self, name: str, user_id: str, event: dict[str, Any]) -> None:
        if self._error:
            raise self._error
        assert event["metadata"]["owner"] == user_id
        self.started.setdefault(name, json.loads(json.dumps(event)))


def delete_me(workflow: DeletionWorkflow, caller: Caller | None = USER, **headers: str) -> Reply:
    event = an_event("DELETE", "/v1/me", caller=caller, headers=headers)
    return reply(resolve(deletion_api(workflow), event, None))


def test_who_leaves_is_told_that_it_has_begun_and_the_workflow_gets_what_it_will_publish() -> None:
    workflow = FakeDeletion()
    answer = delete_me(workflow, traceparent=TRACEPARENT)
    assert (answer.status, answer.json) == (202, {"object": "deletion", "status": "running", "user": USER.owner})
    assert answer.headers["cache-control"] == "no-store"
    (event,) = workflow.started.values()
    check_event("user.deleted", event)
    assert is_id("evt", event["metadata"]["id"])
    said = {name: event["metadata"][name] for name in ("owner", "correlation_id", "traceparent")}
    assert said == {"owner": USER.owner, "correlation_id": REQUEST_ID, "traceparent": TRACEPARENT}


def test_asking_again_answers_the_same() -> None:
    workflow = FakeDeletion()
    first, again = delete_me(workflow), delete_me(workflow)
    assert (first.status, first.json) == (again.status, again.json)
    (name,) = workflow.started
    assert name.startswith(f"{USER.owner}-")


def test_a_deletion_that_could_not_begin_can_be_asked_for_again() -> None:
    answer = delete_me(FakeDeletion(WorkflowUnavailable()))
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (503, "workflow_unavailable", True)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (None, 401),
        (
            Caller(USER.owner, "key", roles=frozenset({Role.USER}), key="key_1", scopes=frozenset(Scope)),
            403,
        ),
    ],
    ids=["nobody", "a key"],
)
def test_only_the_person_themself_can_leave(caller: Caller | None, status: int) -> None:
    workflow = FakeDeletion()
    assert delete_me(workflow, caller).status == status
    assert workflow.started == {}


@pytest.mark.parametrize(("status", "error"), [(202, None), (503, WorkflowUnavailable())])
def test_what_comes_of_leaving_is_as_documented(
    document: dict[str, Any], status: int, error: PromptmillError | None
) -> None:
    answer = delete_me(FakeDeletion(error))
    assert answer.status == status
    holds(document, ("delete", "/v1/me"), answer)
