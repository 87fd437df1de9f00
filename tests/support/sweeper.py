"""The deployed sweeper, called as its schedule does."""

from __future__ import annotations

import json
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

from local.stack import STACK_NAME
from promptmill.clock import now_ms, random_hex, timestamp
from promptmill.jobs.records import key
from tests.support.api import eventually
from tests.support.jobs import a_job, state_of
from tests.support.stand_ins import StandIns

if TYPE_CHECKING:
    from local.stack import Stack
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore

LONG_AGO_MS = 10 * 60 * 1000
# As long as the model of a late job takes.
ANSWER_MS = 3000


def sweep(stack: Stack) -> dict[str, int]:
    """One run; how many jobs it dealt with, by verdict. The schedule's own runs may come before it."""
    answer = stack.client("lambda").invoke(FunctionName=_function_name(stack), Payload=b"{}")
    content = answer["Payload"].read()
    assert "FunctionError" not in answer, content
    done: dict[str, int] = json.loads(content)
    return done


def late_job(stack: Stack, jobs: JobStore) -> Job:
    """A job long past its deadline whose execution still waits for its model."""
    token = random_hex(6)
    with closing(StandIns(stack)) as stand_ins:
        stand_ins.script("chat", [{"delay_ms": ANSWER_MS}], match=token)
    job = a_job(prompt=f"Write a lullaby about the number {token}.")
    jobs.add(job)
    stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.state_machine_arn, name=job.id, input=json.dumps(state_of(job))
    )
    eventually(lambda: jobs.load_work(job.id).calls or None)
    stack.client("dynamodb").update_item(
        TableName=stack.jobs_table,
        Key=key(job.id, "JOB"),
        UpdateExpression="SET deadline_at = :past, gsi2sk = :past",
        ExpressionAttributeValues={":past": {"S": timestamp(now_ms() - LONG_AGO_MS)}},
    )
    return job


@cache
def _function_name(stack: Stack) -> str:
    outputs = stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]["Outputs"]
    (name,) = (str(output["OutputValue"]) for output in outputs if output["OutputKey"] == "SweepJobsFunctionName")
    return name
