"""What probes that run handlers share: the AWS calls and the time of each step, and what a gateway sends."""

from __future__ import annotations

import importlib.util
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptmill.gateway import aws_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


ASKED = "benchmark-asked"


class Recorder:
    """Listens to every client that is made after it. A round is a step of each kind, once."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._rounds: list[dict[str, dict[str, Any]]] = []
        session: Any = aws_session()
        session.register("provide-client-params.dynamodb", _ask_for_units)
        session.register("after-call", self._record)

    def begin_round(self) -> None:
        self._rounds.append({})

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        """Does the work, and answers what it does."""
        self._calls.clear()
        began, began_cpu = time.perf_counter(), time.process_time()
        answer = work()
        wall, cpu = (time.perf_counter() - began) * 1000, (time.process_time() - began_cpu) * 1000
        self._rounds[-1][name] = {"wall_ms": wall, "cpu_ms": cpu, "calls": list(self._calls)}
        return answer

    def take(self) -> dict[str, dict[str, Any]]:
        """By step: the calls of the last round with their DynamoDB units, the median time of all but the first."""
        rounds, self._rounds = self._rounds, []
        return {
            step: {
                "calls": last["calls"],
                **{
                    key: round(statistics.median(done[step][key] for done in rounds[1:]), 2)
                    for key in ("wall_ms", "cpu_ms")
                },
            }
            for step, last in rounds[-1].items()
        }

    def _record(self, model: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        call = f"{model.service_model.service_name}.{model.name}"
        self._calls.append({"call": call, "units": _units(context.get(ASKED, {}), parsed)})


def _ask_for_units(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    if "ReturnConsumedCapacity" in model.input_shape.members:
        params["ReturnConsumedCapacity"] = "TOTAL"
    context[ASKED] = params


def _units(asked: dict[str, Any], answered: dict[str, Any]) -> float:
    """What the service says; MiniStack does not say it of a BatchGetItem, whose items all have less than 4 KB here."""
    if "Responses" in answered:
        tables = asked["RequestItems"].values()
        return sum(len(table["Keys"]) * (1.0 if table.get("ConsistentRead") else 0.5) for table in tables)
    consumed = answered.get("ConsumedCapacity", [])
    return float(sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed])))


def load(folders: Mapping[str, str]) -> dict[str, Any]:
    """The handlers of these functions, by name, from their built folders."""
    return {name: _handler(name, folder) for name, folder in folders.items()}


def _handler(name: str, folder: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(folder) / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(folder)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler


def request(
    method: str,
    resource: str,
    path: str,
    *,
    caller: dict[str, str],
    body: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What API Gateway sends a function; ``caller`` is the authorizer's context."""
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "benchmark",
            "path": f"/local{path}",
            "identity": {"sourceIp": "198.18.0.1"},
            "authorizer": caller,
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
