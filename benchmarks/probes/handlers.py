"""Run by benchmarks.calls with the interpreter and the layer a Lambda has: one job through every handler.

Standard input is JSON: ``functions`` (folder name → folder), ``kinds`` (kind → the body, the provider's function and
its model), ``rounds``. Prints JSON: by kind and step, the AWS calls of the last round with their DynamoDB units, and
the median wall and CPU milliseconds of all rounds but the first.

Step Functions' own writes are made here too, with the same keys and attributes, to learn their units. No execution is
started: StartExecution is counted and answered here.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from promptmill.gateway import aws_client, aws_session
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.settings import settings

CALLER = Caller(owner="usr_00000000000000000000000000000000", plan="user", roles=frozenset({Role.USER}))
calls: list[dict[str, Any]] = []
started: dict[str, Any] = {}


def ask_for_units(params: dict[str, Any], model: Any, **_: Any) -> None:
    if "ReturnConsumedCapacity" in model.input_shape.members:
        params["ReturnConsumedCapacity"] = "TOTAL"


def record(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    consumed = parsed.get("ConsumedCapacity", [])
    entries = consumed if isinstance(consumed, list) else [consumed]
    calls.append(
        {
            "call": f"{model.service_model.service_name}.{model.name}",
            "units": sum(entry["CapacityUnits"] for entry in entries),
        }
    )


def answer_start(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
    started.update(json.loads(json.loads(params["body"])["input"]))
    return type("Response", (), {"status_code": 200})(), {"executionArn": "", "ResponseMetadata": {}}


def load(name: str, folder: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(folder) / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(folder)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler


def request(method: str, resource: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "benchmark",
            "path": f"/local{path}",
            "identity": {"sourceIp": "198.18.0.1"},
            "authorizer": CALLER.to_context(),
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def check_rate() -> None:
    (table,) = settings().require("control_table")
    aws_client("dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": "RATE#ip_00000000000000000000000000000000#benchmark"}},
        UpdateExpression="SET tat = :next, expires_at = :expires_at",
        ExpressionAttributeValues={":next": {"N": "1"}, ":expires_at": {"N": "1"}},
    )


def persist_result(job_id: str) -> None:
    (table,) = settings().require("jobs_table")
    aws_client("dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET #status = :succeeded, finished_at = :now",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":succeeded": {"S": "succeeded"}, ":now": {"S": "2026-01-01T00:00:00.000Z"}},
    )


def close_succeeded(job_id: str) -> None:
    jobs_table, control_table = settings().require("jobs_table", "control_table")
    day = started["reservation"]["day"]
    settle = {
        "TableName": control_table,
        "Key": {"pk": {"S": f"SPEND#{CALLER.owner}"}},
        "UpdateExpression": (
            "REMOVE #job ADD open_jobs :minus_one, #nanousd :difference, #spent :spent, #images :images"
        ),
        "ConditionExpression": "attribute_exists(#job)",
        "ExpressionAttributeNames": {
            "#job": job_id,
            "#nanousd": f"nanousd_{day}",
            "#spent": f"spent_{day}",
            "#images": f"images_{day}",
        },
        "ExpressionAttributeValues": {
            ":minus_one": {"N": "-1"},
            ":difference": {"N": str(-started["reservation"]["nanousd"])},
            ":spent": {"N": "0"},
            ":images": {"N": "0"},
        },
    }
    close = {
        "TableName": jobs_table,
        "Key": {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
        "UpdateExpression": "REMOVE gsi2pk, gsi2sk",
    }
    aws_client("dynamodb").transact_write_items(TransactItems=[{"Update": settle}, {"Update": close}])


def run_job(handlers: dict[str, Any], kind: dict[str, Any]) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = {}

    def step(name: str, work: Any) -> Any:
        calls.clear()
        began, began_cpu = time.perf_counter(), time.process_time()
        answer = work()
        wall, cpu = (time.perf_counter() - began) * 1000, (time.process_time() - began_cpu) * 1000
        steps[name] = {"wall_ms": wall, "cpu_ms": cpu, "calls": list(calls)}
        return answer

    posted = step(
        "submit_job", lambda: handlers["submit_job"](request("POST", "/v1/jobs", "/v1/jobs", kind["body"]), None)
    )
    if posted["statusCode"] != 202:
        raise RuntimeError(posted["body"])
    job_id = json.loads(posted["body"])["id"]
    step("CheckRate", check_rate)
    step("assemble_prompt", lambda: handlers["assemble_prompt"](started, None))
    attempt = {"job_id": job_id, "correlation_id": started["correlation_id"], "model": kind["model"]}
    step(kind["function"], lambda: handlers[kind["function"]](attempt, None))
    step("PersistResult", lambda: persist_result(job_id))
    step("CloseSucceeded", lambda: close_succeeded(job_id))
    read = step(
        "read_jobs",
        lambda: handlers["read_jobs"](request("GET", "/v1/jobs/{job_id}", f"/v1/jobs/{job_id}", None), None),
    )
    if json.loads(read["body"])["status"] != "succeeded":
        raise RuntimeError(read["body"])
    return steps


def main() -> None:
    work = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    events: Any = aws_session()
    events.register("provide-client-params.dynamodb", ask_for_units)
    events.register("after-call", record)
    events.register("before-call.sfn.StartExecution", answer_start)
    handlers = {name: load(name, folder) for name, folder in work["functions"].items()}
    found: dict[str, Any] = {}
    for name, kind in work["kinds"].items():
        rounds = [run_job(handlers, kind) for _ in range(work["rounds"])]
        found[name] = {
            step: {
                "calls": rounds[-1][step]["calls"],
                **{
                    key: round(statistics.median(done[step][key] for done in rounds[1:]), 2)
                    for key in ("wall_ms", "cpu_ms")
                },
            }
            for step in rounds[-1]
        }
    json.dump(found, out)


if __name__ == "__main__":
    main()
