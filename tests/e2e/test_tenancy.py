"""No key of a table, an index, the bucket or the workflow is touched that is not the caller's, or asked for as theirs.

The handlers run here, against the stack, so that what they ask AWS for is seen.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local.rendering import read_template
from promptmill.clock import random_hex
from promptmill.identity.access import ROUTES, Role
from promptmill.identity.caller import Caller
from promptmill.jobs.listing.store import INDEX
from promptmill.jobs.model import ReplayMode
from promptmill.jobs.store import JobStore
from tests.support.api import new_address
from tests.support.credentials import plant_user
from tests.support.in_process import api_event, in_process
from tests.support.jobs import a_job, attempt, state_of
from tests.support.recipes import RECIPES, ROUTES_BY_OPERATION, job
from tests.support.touched import Touch, touches

if TYPE_CHECKING:
    from local.stack import Stack
    from promptmill.jobs.model import Job
    from tests.support.in_process import InProcess
    from tests.support.recipes import Ids

FOR_USERS = [name for name, access in ROUTES.items() if access.role in {None, Role.USER}]


def a_user() -> Caller:
    return Caller(owner=f"usr_{random_hex(16)}", plan="user", roles=frozenset({Role.USER}))


def folder_of(operation: str) -> str:
    """The folder of the function behind an operation."""
    method, path = ROUTES_BY_OPERATION[operation]
    (folder,) = {
        str(resource["Properties"]["CodeUri"]).split("/")[1]
        for resource in read_template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
        if (event["Properties"].get("Method"), event["Properties"].get("Path")) == (method, path)
    }
    return folder


def request(operation: str, caller: Caller, ids: Ids) -> dict[str, Any]:
    recipe, (method, path) = RECIPES[operation], ROUTES_BY_OPERATION[operation]
    body = None if recipe.body is None else json.dumps(recipe.body)
    query = recipe.query_for(ids)
    event = api_event(method, path.format(**ids), address=new_address(), body=body, query=query or None)
    event["multiValueHeaders"]["idempotency-key"] = [random_hex(8)]
    event["requestContext"]["authorizer"] = caller.to_context()
    return event | {"resource": path, "pathParameters": dict(ids) or None}


def touched(function: InProcess) -> list[Touch]:
    return [touch for operation, asked in function.calls.requests for touch in touches(operation, asked)]


def is_theirs(stack: Stack, touch: Touch, owner: str) -> bool:
    """Whether a key is the owner's: of their jobs, or with their id in it."""
    if touch.guard is not None:
        return touch.guard == owner
    if not touch.job_ids:
        return owner in touch.key.replace("/", "#").split("#")
    items = stack.client("dynamodb")
    owners = {
        items.get_item(TableName=stack.jobs_table, Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}})["Item"][
            "owner"
        ]["S"]
        for job_id in touch.job_ids
    }
    return owners == {owner} and (not touch.operation.startswith("s3.") or touch.key.startswith(f"artifacts/{owner}/"))


@pytest.mark.parametrize("operation", FOR_USERS)
def test_an_operation_touches_what_is_its_callers(stack: Stack, operation: str) -> None:
    me, other = a_user(), a_user()
    job("succeeded")(stack, other.owner, "theirs")
    plant_user(stack, me.owner)
    mine = RECIPES[operation].plant(stack, me.owner, "mine")
    with in_process(stack, folder_of(operation)) as function:
        answer = function(request(operation, me, mine))
        assert answer["statusCode"] == RECIPES[operation].answers, answer["body"]
        assert [touch for touch in touched(function) if not is_theirs(stack, touch, me.owner)] == []


@pytest.mark.parametrize("operation", [name for name in ROUTES if RECIPES[name].names_an_object])
def test_an_operation_on_anothers_object_asks_for_it_as_its_callers_own_and_touches_nothing_more(
    stack: Stack, operation: str
) -> None:
    me, other = a_user(), a_user()
    theirs = RECIPES[operation].plant(stack, other.owner, "theirs")
    with in_process(stack, folder_of(operation)) as function:
        status = function(request(operation, me, theirs))["statusCode"]
        assert status == (404 if operation in FOR_USERS else 403)
        assert {touch.guard for touch in touched(function)} <= {me.owner}
        assert bool(touched(function)) == (operation in FOR_USERS)


def test_an_operator_touches_the_job_they_name_and_what_is_theirs(stack: Stack) -> None:
    operator, other = replace(a_user(), roles=frozenset({Role.USER, Role.OPERATOR})), a_user()
    theirs = RECIPES["replayJob"].plant(stack, other.owner, "theirs")
    with in_process(stack, folder_of("replayJob")) as function:
        answer = function(request("replayJob", operator, theirs))
        made = json.loads(answer["body"])
        assert (answer["statusCode"], made["owner"]) == (202, other.owner)
        for touch in touched(function):
            assert touch.job_ids <= {made["id"], theirs["job_id"]}
            assert touch.job_ids or touch.key == f"OWNER#{other.owner}" or operator.owner in touch.key


def test_a_list_reads_the_callers_partition_of_the_index_and_the_jobs_it_names(stack: Stack) -> None:
    me = a_user()
    mine = {job("succeeded")(stack, me.owner, "mine")["job_id"] for _ in range(2)}
    with in_process(stack, "read_jobs") as function:
        function(request("listJobs", me, {}))
        index, read = function.calls.requests
        assert index[1]["IndexName"] == INDEX
        assert [touch.key for touch in touches(*index)] == [f"OWNER#{me.owner}"]
        assert {touch.key for touch in touches(*read)} == {f"JOB#{job_id}" for job_id in mine}


def run_step(stack: Stack, folder: str, job: Job, model: str, *also: Job) -> None:
    """Runs one step of the workflow on a job and holds it to the job, and for images to its place in the bucket."""
    with in_process(stack, folder) as step:
        step(state_of(job) if folder == "assemble_prompt" else attempt(job, model))
        found = [touch for touch in touched(step) if touch.key != f"SPEND#{job.subject}"]
    assert found
    jobs = {each.id: each for each in (job, *also)}
    for touch in found:
        (job_id,) = touch.job_ids
        assert job_id in jobs, touch
        if touch.operation.startswith("s3."):
            assert touch.key.startswith(f"artifacts/{job.owner}/{job_id}/"), touch
        elif job_id != job.id:
            assert touch.guard == job.owner, touch


@pytest.mark.parametrize(
    ("kind", "folder", "model"),
    [
        ("enhance", "invoke_bedrock", "claude-haiku-4.5"),
        ("enhance", "enhance_by_rules", "rules"),
        ("image", "invoke_flux", "flux-schnell"),
    ],
)
def test_a_step_of_the_workflow_touches_its_job_and_a_replay_the_job_it_replays(
    stack: Stack, kind: str, folder: str, model: str
) -> None:
    owner, store = a_user().owner, JobStore(stack.jobs_table, stack.client("dynamodb"))
    theirs, source = a_job(kind), replace(a_job(kind), owner=owner)
    replayed = replace(a_job(kind), owner=owner, replay_of=source.id, replay_mode=ReplayMode.RECORDED)
    for each in (theirs, source, replayed):
        store.add(each)
    run_step(stack, "assemble_prompt", source, model)
    run_step(stack, folder, source, model)
    run_step(stack, "assemble_prompt", replayed, model, source)
    run_step(stack, "replay_recorded", replayed, model, source)
    assert store.load_work(theirs.id).job == theirs
