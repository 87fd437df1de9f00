"""The least that makes each function use what its role is granted.

A scenario runs a handler and fails unless that did what it is for. A function of the template that is not in
``SCENARIOS`` fails ``test_every_grant``: give it scenarios that together use every grant of its role.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from promptmill.clock import now_ms, random_hex, timestamp
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.model import JobStatus, ReplayMode
from promptmill.jobs.reserving import claim_of
from promptmill.jobs.store import JobStore
from promptmill.limits.spending.store import SpendingStore
from tests.support.api import Api, new_address, token_of
from tests.support.in_process import api_event
from tests.support.jobs import a_job, attempt, state_of
from tests.support.sweeper import LONG_AGO_MS, late_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.stack import Stack
    from promptmill.jobs.model import Job
    from tests.support.in_process import InProcess

PROMPT = "Describe how a lock lifts a barge, for someone who has never seen one."
IMAGE = {"kind": "image", "prompt": "A lock keeper's cottage at dusk", "width": 256, "height": 256}
MODELS = {"enhance": ["claude-haiku-4.5"], "image": ["flux-schnell"]}
METHOD_ARN = "arn:aws:execute-api:us-east-1:000000000000:api/local/GET/v1/jobs"


@dataclass(frozen=True)
class Scenario:
    """``environment`` is on top of the deployed one."""

    run: Callable[[World, InProcess], None]
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.run.__name__


class World:
    """What a scenario finds or makes beforehand, with all rights."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.jobs = JobStore(stack.jobs_table, stack.client("dynamodb"))
        self.spending = SpendingStore(stack.control_table, stack.client("dynamodb"))

    @cached_property
    def picture(self) -> dict[str, Any]:
        """An image job that succeeded, as its owner reads it."""
        with Api(self.stack, new_address()) as api:
            return api.run(**IMAGE)

    def stored(self, kind: str = "enhance", **fields: Any) -> Job:
        """A job that is stored, and not started."""
        job = replace(a_job(kind), **fields)
        self.jobs.add(job)
        return job

    def assembled(self, kind: str = "enhance", **fields: Any) -> Job:
        """A job whose provider request is written."""
        job = self.stored(kind, **fields)
        assemble_prompt(claim_of(state_of(job)), jobs=self.jobs, spending=self.spending, configured=MODELS)
        return job

    def replaying(self) -> dict[str, Any]:
        """What makes a job a recorded replay of ``picture``."""
        source = self.picture
        return {"owner": source["owner"], "replay_of": source["id"], "replay_mode": ReplayMode.RECORDED}

    def is_there(self, job: Job) -> bool:
        return bool(
            self.stack.client("dynamodb").query(
                TableName=self.stack.jobs_table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"JOB#{job.id}"}},
            )["Items"]
        )

    def is_closed(self, job: Job) -> bool:
        return self.jobs.load_work(job.id).job.due_at is None


def signed_in(method: str, path: str, owner: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """A request of this user, as API Gateway sends it with the authorizer's word."""
    event = api_event(method, path, address=new_address(), body=None if body is None else json.dumps(body))
    event["headers"] |= headers
    event["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    event["requestContext"]["authorizer"] = Caller(owner, "user", frozenset({Role.USER})).to_context()
    return event


def a_user() -> str:
    return f"usr_{random_hex(16)}"


def the_body(answer: dict[str, Any], status: int) -> dict[str, Any]:
    assert answer["statusCode"] == status, answer["body"]
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def link_works(job: dict[str, Any]) -> None:
    assert httpx.get(job["result"]["images"][0]["url"]).is_success


def a_token_is_shown(world: World, authorize: InProcess) -> None:
    token = token_of(world.stack, f"scenario-{random_hex(4)}")
    headers = {"authorization": [f"Bearer {token}"]}
    assert authorize({"methodArn": METHOD_ARN, "multiValueHeaders": headers})["context"]["owner"].startswith("usr_")


def an_unknown_key_is_shown(world: World, authorize: InProcess) -> None:
    headers = {"authorization": [f"Bearer pm_live_{random_hex(32)}"]}
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize({"methodArn": METHOD_ARN, "multiValueHeaders": headers})


def a_job_is_posted(world: World, submit: InProcess) -> None:
    the_body(submit(signed_in("POST", "/v1/jobs", a_user(), {"kind": "enhance", "prompt": PROMPT})), 202)


def a_job_is_posted_with_a_key(world: World, submit: InProcess) -> None:
    body = {"kind": "enhance", "prompt": PROMPT}
    the_body(submit(signed_in("POST", "/v1/jobs", a_user(), body, **{"idempotency-key": "once"})), 202)


def a_job_with_a_key_cannot_be_started(world: World, submit: InProcess) -> None:
    body = {"kind": "enhance", "prompt": PROMPT}
    answer = submit(signed_in("POST", "/v1/jobs", a_user(), body, **{"idempotency-key": "once"}))
    assert the_body(answer, 503)["code"] == "workflow_unavailable"


def a_job_is_replayed(world: World, submit: InProcess) -> None:
    source = world.stored()
    the_body(submit(signed_in("POST", f"/v1/jobs/{source.id}/replay", source.owner, {})), 202)


def a_picture_is_waited_for(world: World, submit: InProcess) -> None:
    link_works(the_body(submit(signed_in("POST", "/v1/jobs", a_user(), IMAGE, prefer="wait=20")), 200))


def a_job_is_read(world: World, read: InProcess) -> None:
    job = world.stored()
    the_body(read(signed_in("GET", f"/v1/jobs/{job.id}", job.owner)), 200)


def jobs_are_listed(world: World, read: InProcess) -> None:
    job = world.stored()
    (listed,) = the_body(read(signed_in("GET", "/v1/jobs", job.owner)), 200)["data"]
    assert listed["id"] == job.id


def an_execution_is_read(world: World, read: InProcess) -> None:
    path = f"/v1/jobs/{world.picture['id']}/execution"
    assert the_body(read(signed_in("GET", path, world.picture["owner"])), 200)["steps"]


def a_picture_is_looked_at(world: World, read: InProcess) -> None:
    link_works(the_body(read(signed_in("GET", f"/v1/jobs/{world.picture['id']}", world.picture["owner"])), 200))


def a_running_job_is_canceled(world: World, cancel: InProcess) -> None:
    job = world.stored(status=JobStatus.RUNNING, started_at=timestamp(now_ms()))
    the_body(cancel(signed_in("POST", f"/v1/jobs/{job.id}/cancel", job.owner)), 202)
    assert world.is_closed(job)


def a_job_was_never_started(world: World, sweep: InProcess) -> None:
    past = timestamp(now_ms() - LONG_AGO_MS)
    job = world.stored(created_at=past, deadline_at=past, due_at=past)
    sweep({})
    assert world.is_closed(job)


def an_execution_is_late(world: World, sweep: InProcess) -> None:
    job = late_job(world.stack, world.jobs)
    sweep({})
    assert world.is_closed(job)


def a_job_is_assembled(world: World, assemble: InProcess) -> None:
    assemble(state_of(world.stored()))


def a_recorded_job_is_assembled(world: World, assemble: InProcess) -> None:
    assemble(state_of(world.stored("image", **world.replaying())))


def a_model_is_asked(world: World, invoke: InProcess) -> None:
    invoke(attempt(world.assembled(), "claude-haiku-4.5"))


def a_picture_is_drawn(world: World, invoke: InProcess) -> None:
    invoke(attempt(world.assembled("image"), "flux-schnell"))


def the_rules_are_applied(world: World, enhance: InProcess) -> None:
    enhance(attempt(world.assembled(), "rules"))


def a_picture_is_given_again(world: World, replay: InProcess) -> None:
    replay(attempt(world.assembled("image", **world.replaying()), "flux-schnell"))


NOBODY_THERE = {"AWS_ENDPOINT_URL_SFN": "http://127.0.0.1:9"}

# The cheapest first: a grant is tried on the first that uses it.
SCENARIOS = {
    "authorize_caller": [Scenario(a_token_is_shown), Scenario(an_unknown_key_is_shown)],
    "submit_job": [
        Scenario(a_job_is_posted),
        Scenario(a_job_is_replayed),
        Scenario(a_job_is_posted_with_a_key),
        Scenario(a_job_with_a_key_cannot_be_started, NOBODY_THERE),
        Scenario(a_picture_is_waited_for),
    ],
    "read_jobs": [
        Scenario(a_job_is_read),
        Scenario(jobs_are_listed),
        Scenario(an_execution_is_read),
        Scenario(a_picture_is_looked_at),
    ],
    "cancel_job": [Scenario(a_running_job_is_canceled)],
    "sweep_jobs": [Scenario(a_job_was_never_started), Scenario(an_execution_is_late)],
    "assemble_prompt": [Scenario(a_job_is_assembled), Scenario(a_recorded_job_is_assembled)],
    "invoke_bedrock": [Scenario(a_model_is_asked)],
    "invoke_flux": [Scenario(a_picture_is_drawn)],
    "enhance_by_rules": [Scenario(the_rules_are_applied)],
    "replay_recorded": [Scenario(a_picture_is_given_again)],
}
