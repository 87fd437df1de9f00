"""The operators' commands against the local stack, as a shell that is set to it runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from local.environment import shell_environment
from local.stack import ROOT
from promptmill.jobs.execution.address import execution_arn
from tests.support.api import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack
    from tests.support.api import Api
    from tests.support.stand_ins import StandIns


def operate(stack: Stack, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m operations`` in a shell that sourced the stack's environment, and has nothing else of AWS."""
    (tmp_path / "env").write_text(shell_environment(stack))
    command = f'. {tmp_path / "env"} && exec "$0" -m operations "$@"'
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *arguments],
        cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def stopped_in_its_model_call(stack: Stack, api: Api, stand_ins: StandIns) -> str:
    """The id of a job whose execution was aborted from outside, which the job itself does not know."""
    prompt = "Explain to a tortoise what the hurry is about."
    stand_ins.script("chat", [{"delay_ms": 1500}], match=prompt)
    job_id = str(api.submit(kind="enhance", prompt=prompt)["id"])
    eventually(lambda: api.read(job_id)["progress"]["step"] == "InvokeBedrock" or None)
    arn = execution_arn(stack.state_machine_arn, job_id)
    stack.client("stepfunctions").stop_execution(executionArn=arn, error="OperatorStopped")
    return job_id


def test_redrive_says_that_the_local_stack_cannot(stack: Stack, api: Api, stand_ins: StandIns, tmp_path: Path) -> None:
    job_id = stopped_in_its_model_call(stack, api, stand_ins)
    execution = api.http.get(f"/v1/jobs/{job_id}/execution").json()
    assert (execution["status"], execution["steps"][-1]["error"]) == ("ABORTED", "OperatorStopped")
    result = operate(stack, tmp_path, "redrive", job_id)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Error: Redrive is not available here: Step Functions does not know it.\n"
    told = operate(stack, tmp_path, "redrive", job_id, "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["error"]["code"] == "not_redrivable"


def test_a_job_that_succeeded_is_not_redriven(stack: Stack, api: Api, tmp_path: Path) -> None:
    job_id = api.run(kind="enhance", prompt="Explain the tides to a lighthouse keeper.")["id"]
    result = operate(stack, tmp_path, "redrive", job_id)
    assert result.returncode == 1
    assert "eplay" in result.stderr or "is running" in result.stderr


def test_a_stage_that_is_not_deployed_is_said(stack: Stack, tmp_path: Path) -> None:
    result = operate(stack, tmp_path, "redrive", "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD", "--stage", "prod")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The stack of stage prod cannot be found: ")


def test_wrong_usage_ends_with_2(stack: Stack, tmp_path: Path) -> None:
    assert operate(stack, tmp_path, "redrive", "job_1").returncode == 2
