"""The operators' command against the local stack, as programs and scripts run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from promptmill.jobs.execution.address import execution_arn
from tests.support.api import Api, eventually, new_address, user_at
from tests.support.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack
    from tests.support.stand_ins import StandIns

NOBODYS = "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD"


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    return Shell(stack, tmp_path)


def in_its_model_call(api: Api, stand_ins: StandIns, prompt: str, *, seconds: float = 1.5) -> str:
    """The id of a job whose model takes its time."""
    stand_ins.script("chat", [{"delay_ms": round(seconds * 1000)}], match=prompt)
    job_id = str(api.submit(kind="enhance", prompt=prompt)["id"])
    eventually(lambda: api.read(job_id)["progress"]["step"] == "InvokeBedrock" or None)
    return job_id


def stopped_in_its_model_call(stack: Stack, api: Api, stand_ins: StandIns) -> str:
    """The id of a job whose execution was aborted from outside, which the job itself does not know."""
    job_id = in_its_model_call(api, stand_ins, "Explain to a tortoise what the hurry is about.")
    arn = execution_arn(stack.state_machine_arn, job_id)
    stack.client("stepfunctions").stop_execution(executionArn=arn, error="OperatorStopped")
    return job_id


def test_a_job_is_found_and_shown_with_what_it_did_and_cost(stack: Stack, api: Api, shell: Shell) -> None:
    prompt = "Explain the tides to a lighthouse keeper."
    job = api.run(kind="enhance", prompt=prompt)
    owner = user_at(stack, api.address).owner
    for filters in (["--owner", owner], ["--status", "succeeded", "--kind", "enhance", "--since", "10m"]):
        listed = {one["id"]: one for one in shell.results("jobs", "ls", "--limit", "1000", *filters)}
        assert (listed[job["id"]]["owner"], listed[job["id"]]["cost_usd"]) == (owner, job["cost"]["model_usd"])
        assert {one["status"] for one in listed.values()} == {"succeeded"}
    plain = shell.operate("jobs", "show", job["id"])
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "\x1b" not in plain.stdout
    assert prompt not in plain.stdout
    (shown,) = shell.results("jobs", "show", job["id"], "--content")
    assert {name: shown[name] for name in job} == job
    assert [call["status"] for call in shown["calls"]] == ["succeeded"]
    (execution,) = shell.results("executions", "show", job["id"])
    assert [step["name"] for step in execution["steps"]][-2:] == ["PublishOutcome", "CloseSucceeded"]


def test_a_job_is_followed_to_its_end_and_the_status_says_how_it_ended(
    api: Api, stand_ins: StandIns, shell: Shell
) -> None:
    job_id = in_its_model_call(api, stand_ins, "Tell a snail how to hurry without hurrying.")
    changes = shell.results("jobs", "follow", job_id)
    assert changes[0] == {"job_id": job_id, "status": "running", "step": "InvokeBedrock", "error": None}
    assert changes[-1]["status"] == "succeeded"


def test_jobs_are_canceled_and_the_log_says_by_whom(stack: Stack, api: Api, stand_ins: StandIns, shell: Shell) -> None:
    job_id = in_its_model_call(api, stand_ins, "Explain to a river why it should stop.", seconds=5)
    owner = user_at(stack, api.address).owner
    unconfirmed = shell.operate("jobs", "cancel", "--owner", owner)
    assert (unconfirmed.returncode, unconfirmed.stdout) == (2, "")
    assert api.read(job_id)["status"] == "running"
    assert shell.results("jobs", "cancel", "--owner", owner, "--status", "running", "--yes") == [
        {"job_id": job_id, "status": "canceled", "concluded": True}
    ]
    assert api.read(job_id)["status"] == "canceled"
    (execution,) = shell.results("executions", "show", job_id)
    assert execution["status"] == "ABORTED"
    lines = stack.client("logs").filter_log_events(logGroupName=stack.function_log_group, filterPattern=job_id)
    noted = [json.loads(event["message"]) for event in lines["events"] if '"operator"' in event["message"]]
    assert [(line["command"], line["operator"]) for line in noted] == [
        ("jobs cancel", stack.client("sts").get_caller_identity()["Arn"])
    ]
    assert shell.operate("jobs", "follow", job_id).returncode == 1
    again = shell.operate("jobs", "cancel", job_id, NOBODYS)
    assert (again.returncode, again.stdout) == (1, f"{job_id} is canceled.\n")
    assert again.stderr == f"Error: {NOBODYS}: There is no such job.\n"


def test_a_job_is_replayed_for_its_owner(api: Api, shell: Shell) -> None:
    source = api.run(kind="enhance", prompt="Explain the moon to somebody who has only seen its reflection.")
    before = shell.results("jobs", "replay", source["id"], "--recorded", "--dry-run")
    assert (before[0]["job_id"], before[0]["may_cost_usd"]) == (None, "0")
    (told,) = shell.results("jobs", "replay", source["id"], "--recorded")
    job = api.finished(told["job_id"])
    assert (job["status"], job["replay_of"], job["cost"]["model_usd"]) == ("succeeded", source["id"], "0")
    assert job["result"] == source["result"]
    assert job["links"]["self"].startswith(source["links"]["self"].removesuffix(source["id"]))


def test_redrive_says_that_the_local_stack_cannot(stack: Stack, api: Api, stand_ins: StandIns, shell: Shell) -> None:
    job_id = stopped_in_its_model_call(stack, api, stand_ins)
    execution = api.http.get(f"/v1/jobs/{job_id}/execution").json()
    assert (execution["status"], execution["steps"][-1]["error"]) == ("ABORTED", "OperatorStopped")
    (planned,) = shell.results("jobs", "redrive", job_id, "--dry-run")
    assert (planned["redriven_from"], planned["dry_run"]) == ("InvokeBedrock", True)
    result = shell.operate("jobs", "redrive", job_id)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Redrive is not available here: Step Functions does not know it." in result.stderr
    told = shell.operate("jobs", "redrive", job_id, "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["error"]["code"] == "not_redrivable"


def test_a_job_that_succeeded_is_not_redriven(api: Api, shell: Shell) -> None:
    job_id = api.run(kind="enhance", prompt="Explain the tides to a lighthouse keeper.")["id"]
    result = shell.operate("jobs", "redrive", job_id)
    assert result.returncode == 1
    assert "eplay" in result.stderr or "is running" in result.stderr


def test_the_limits_that_are_set_hold(stack: Stack, api: Api, shell: Shell) -> None:
    assert api.http.get("/v1/me").status_code == 200
    subject = user_at(stack, api.address).owner
    (told,) = shell.results("limits", "set", subject, "--concurrent-jobs", "3", "--daily-usd", "0.50")
    assert told["after"] == {"concurrent_jobs": 3, "daily_usd": "0.50"}
    (shown,) = shell.results("limits", "show", subject)
    assert (shown["concurrent_jobs"]["limit"], shown["daily_usd"]["limit"]) == (3, "0.5")
    with Api(stack, new_address(), groups=["admins"]) as admin:
        own = admin.http.get(f"/v1/limits/{subject}").json()
        assert (own["concurrent_jobs"], own["daily_usd"], own["burst"]) == (3, "0.50", None)
        assert shell.results("limits", "set", subject, "--reset")[0]["after"] == {}
        assert admin.http.get(f"/v1/limits/{subject}").json()["concurrent_jobs"] is None


def test_a_key_that_is_made_opens_the_api_until_it_is_revoked(stack: Stack, api: Api, shell: Shell) -> None:
    assert api.http.get("/v1/me").status_code == 200
    owner = user_at(stack, api.address).owner
    name, scope = ["--name", "a script's"], ["--scope", "jobs:read"]
    (key,) = shell.results("keys", "create", *name, *scope, "--owner", owner, "--expires-in", "1d")
    let_in = httpx.get(f"{stack.api_url}/v1/jobs", headers={"Authorization": f"Bearer {key['secret']}"}, timeout=40)
    assert let_in.status_code == 200
    assert shell.results("keys", "revoke", key["id"])[0]["status"] == "revoked"
    listed = shell.operate("keys", "ls", "--owner", owner, "--json")
    assert json.loads(listed.stdout)["status"] == "revoked"
    assert key["secret"] not in listed.stdout
    lines = stack.client("logs").filter_log_events(logGroupName=stack.function_log_group, filterPattern=key["id"])
    noted = [event["message"] for event in lines["events"]]
    assert any("keys create" in message for message in noted)
    assert not any(key["secret"] in message for message in noted)


def test_a_stage_that_is_not_deployed_is_said(shell: Shell) -> None:
    result = shell.operate("jobs", "redrive", NOBODYS, "--stage", "prod")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The stack of stage prod cannot be found: ")


def test_wrong_usage_ends_with_2(shell: Shell) -> None:
    assert shell.operate("jobs", "redrive", "job_1").returncode == 2


def test_a_reader_who_has_seen_enough_is_no_error_to_speak_of(api: Api, shell: Shell) -> None:
    job_id = api.run(kind="enhance", prompt="Explain to a choir why it may stop after the first verse.")["id"]
    result = shell.run(f"promptmill jobs show {job_id} | head -n 1")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"id{' ' * 20}{job_id}\n", "")
