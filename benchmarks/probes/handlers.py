"""Run by benchmarks.calls with the interpreter and the layer a Lambda has: one job through every handler.

Standard input is JSON: ``functions`` (folder name → folder), ``kinds`` (kind → the body, the provider's function and
its model), ``rounds``. Prints JSON: by kind and step, the AWS calls of the last round with their DynamoDB units, and
the median wall and CPU milliseconds of all rounds but the first.

Step Functions' own writes are made here too, to learn their units; a test holds them to the definition. No execution is
started: StartExecution is counted and answered here.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.probes.recording import Recorder, load, request
from promptmill.gateway import aws_client, aws_session
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.settings import settings

CALLER = Caller(owner="usr_00000000000000000000000000000000", plan="user", roles=frozenset({Role.USER}))
FINISHED_AT = "2026-01-01T00:00:00.000Z"
started: dict[str, Any] = {}


def answer_start(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
    started.update(json.loads(json.loads(params["body"])["input"]))
    return type("Response", (), {"status_code": 200})(), {"executionArn": "", "ResponseMetadata": {}}


def rate_check(job: dict[str, Any], table: str) -> dict[str, Any]:
    """What ``CheckRate`` asks of DynamoDB, but for the numbers; ``job`` is the execution's input."""
    return {
        "TableName": table,
        "Key": {"pk": {"S": f"RATE#{job['limits']['subject']}#{job['limits']['policy']}"}},
        "UpdateExpression": "SET tat = :next, expires_at = :expires_at",
        "ConditionExpression": "attribute_not_exists(tat) OR tat < :now",
        "ExpressionAttributeValues": {":now": {"N": "2"}, ":next": {"N": "1"}, ":expires_at": {"N": "1"}},
    }


def persisting(job: dict[str, Any], table: str) -> dict[str, Any]:
    """What ``PersistResult`` asks of DynamoDB."""
    return {
        "TableName": table,
        "Key": {"pk": {"S": f"JOB#{job['job_id']}"}, "sk": {"S": "JOB"}},
        "UpdateExpression": "SET #status = :succeeded, finished_at = if_not_exists(finished_at, :now)",
        "ConditionExpression": "#status IN (:running, :succeeded)",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            ":running": {"S": "running"},
            ":succeeded": {"S": "succeeded"},
            ":now": {"S": FINISHED_AT},
        },
        "ReturnValues": "UPDATED_NEW",
    }


def closing(job: dict[str, Any], control_table: str, jobs_table: str) -> dict[str, Any]:
    """What ``CloseSucceeded`` asks of DynamoDB, but for the numbers."""
    day = job["reservation"]["day"]
    settle = {
        "TableName": control_table,
        "Key": {"pk": {"S": f"SPEND#{job['limits']['subject']}"}},
        "UpdateExpression": (
            "REMOVE #job ADD open_jobs :minus_one, #nanousd :difference, #spent :spent, #images :images"
        ),
        "ConditionExpression": "attribute_exists(#job)",
        "ExpressionAttributeNames": {
            "#job": job["job_id"],
            "#nanousd": f"nanousd_{day}",
            "#spent": f"spent_{day}",
            "#images": f"images_{day}",
        },
        "ExpressionAttributeValues": {
            ":minus_one": {"N": "-1"},
            ":difference": {"N": str(-job["reservation"]["nanousd"])},
            ":spent": {"N": "0"},
            ":images": {"N": "0"},
        },
    }
    close = {
        "TableName": jobs_table,
        "Key": {"pk": {"S": f"JOB#{job['job_id']}"}, "sk": {"S": "JOB"}},
        "UpdateExpression": "REMOVE gsi2pk, gsi2sk",
    }
    return {"TransactItems": [{"Update": settle}, {"Update": close}]}


def run_job(recorder: Recorder, handlers: dict[str, Any], kind: dict[str, Any]) -> None:
    recorder.begin_round()
    step, context, dynamodb = recorder.step, CALLER.to_context(), aws_client("dynamodb")
    jobs_table, control_table = settings().require("jobs_table", "control_table")
    post = request("POST", "/v1/jobs", "/v1/jobs", caller=context, body=kind["body"])
    posted = step("submit_job", lambda: handlers["submit_job"](post, None))
    if posted["statusCode"] != 202:
        raise RuntimeError(posted["body"])
    job_id = json.loads(posted["body"])["id"]
    step("CheckRate", lambda: dynamodb.update_item(**rate_check(started, control_table)))
    step("assemble_prompt", lambda: handlers["assemble_prompt"](started, None))
    attempt = {"job_id": job_id, "correlation_id": started["correlation_id"], "model": kind["model"]}
    step(kind["function"], lambda: handlers[kind["function"]](attempt, None))
    step("PersistResult", lambda: dynamodb.update_item(**persisting(started, jobs_table)))
    step("CloseSucceeded", lambda: dynamodb.transact_write_items(**closing(started, control_table, jobs_table)))
    poll = request("GET", "/v1/jobs/{job_id}", f"/v1/jobs/{job_id}", caller=context)
    read = step("read_jobs", lambda: handlers["read_jobs"](poll, None))
    if json.loads(read["body"])["status"] != "succeeded":
        raise RuntimeError(read["body"])


def main() -> None:
    work = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    recorder = Recorder()
    session: Any = aws_session()
    session.register("before-call.sfn.StartExecution", answer_start)
    handlers = load(work["functions"])
    found: dict[str, Any] = {}
    for name, kind in work["kinds"].items():
        for _ in range(work["rounds"]):
            run_job(recorder, handlers, kind)
        found[name] = recorder.take()
    json.dump(found, out)


if __name__ == "__main__":
    main()
