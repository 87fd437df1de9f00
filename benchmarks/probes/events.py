"""Run by benchmarks.calls with the interpreter and the layer a Lambda has: events through every handler of theirs.

Standard input is JSON: ``functions`` (folder name → folder) and ``rounds``, each the outcomes of two jobs as
EventBridge puts them into a queue, of an owner without a webhook and of one with one. Prints JSON: by step, the AWS
calls of the last round with their DynamoDB units, and the median wall and CPU milliseconds of all rounds but the first.

Every event comes alone. The workflow's own transaction is made here too; a test holds it to the definition. No delivery
is asked for: SendMessage is counted and answered here, and what it asks for is what is delivered.
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

PROMPT_ID = "prm_00000000000000000000000000"
sent: list[str] = []


def answer_send(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
    sent.append(json.loads(params["body"])["MessageBody"])
    return type("Response", (), {"status_code": 200})(), {"MessageId": "", "ResponseMetadata": {}}


def counting(event_id: str, table: str) -> dict[str, Any]:
    """What ``CountInteraction`` asks of DynamoDB for a star, but for the numbers."""
    note = {
        "TableName": table,
        "Item": {"pk": {"S": f"EVENT#{event_id}"}, "sk": {"S": "INTERACTIONS"}, "expires_at": {"N": "1"}},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    count = {
        "TableName": table,
        "Key": {"pk": {"S": f"PROMPT#{PROMPT_ID}"}, "sk": {"S": "COUNTS"}},
        "UpdateExpression": "ADD #count :change",
        "ExpressionAttributeNames": {"#count": "stars"},
        "ExpressionAttributeValues": {":change": {"N": "1"}},
    }
    return {"TransactItems": [{"Put": note}, {"Update": count}]}


def run_round(recorder: Recorder, handlers: dict[str, Any], unsubscribed: str, subscribed: str) -> None:
    recorder.begin_round()

    def take(step: str, function: str, body: str) -> None:
        batch = {"Records": [{"messageId": "benchmark", "body": body}]}
        answer = recorder.step(step, lambda: handlers[function](batch, None))
        if answer["batchItemFailures"]:
            raise RuntimeError(f"{function} gave its event back")

    take("fan_out_to_none", "fan_out_event", unsubscribed)
    take("fan_out_to_one", "fan_out_event", subscribed)
    take("deliver_webhook", "deliver_webhook", sent.pop())
    take("record_analytics", "record_analytics", unsubscribed)
    metadata = json.loads(unsubscribed)["detail"]["metadata"]
    (table,) = settings().require("analytics_table")
    star, dynamodb = counting(metadata["id"], table), aws_client("dynamodb")
    recorder.step("count_interaction", lambda: dynamodb.transact_write_items(**star))
    day, caller = metadata["occurred_at"][:10], Caller(metadata["owner"], "user", frozenset({Role.USER}))
    asked = request("GET", "/v1/analytics", "/v1/analytics", caller=caller.to_context(), query={"from": day, "to": day})
    report = recorder.step("read_analytics", lambda: handlers["read_analytics"](asked, None))
    if json.loads(report["body"])["data"][0]["jobs"] == 0:
        raise RuntimeError(report["body"])


def main() -> None:
    work = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    recorder = Recorder()
    session: Any = aws_session()
    session.register("before-call.sqs.SendMessage", answer_send)
    handlers = load(work["functions"])
    for unsubscribed, subscribed in work["rounds"]:
        run_round(recorder, handlers, unsubscribed, subscribed)
    json.dump(recorder.take(), out)


if __name__ == "__main__":
    main()
