"""How jobs and their ledgers are written in DynamoDB. Pure.

What is nested is one JSON string per attribute, so that numbers keep their form and the workflow can write them too.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from promptmill.jobs.ledger import Call, CallStatus
from promptmill.jobs.model import Job, JobStatus, ReplayMode
from promptmill.limits.spending.reservation import Reservation

Item = dict[str, dict[str, str]]

_JSON_FIELDS = ("input", "metadata", "result", "error", "usage", "cost")
_TEXT_FIELDS = (
    *("kind", "status", "owner", "subject", "created_at", "deadline_at", "started_at", "finished_at", "step"),
    *("self_url", "correlation_id", "traceparent", "replay_of", "replay_mode"),
)
# The cost of a job that nothing was paid for; the workflow writes the same.
NOTHING_PAID: dict[str, Any] = {"model_usd": "0", "estimated": False}
# A partition of the index takes 1,000 writes a second: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
OPEN_SHARDS = 8
_CALL_TEXT_FIELDS = ("step", "model", "status", "started_at", "finished_at", "error", "provider_request_id")


def pk(job_id: str) -> str:
    return f"JOB#{job_id}"


def key(job_id: str, sort_key: str) -> Item:
    return {"pk": {"S": pk(job_id)}, "sk": {"S": sort_key}}


def open_shard(job_id: str) -> int:
    """The partition of the index of open jobs this one is in."""
    return ord(job_id[-1]) % OPEN_SHARDS


def open_pk(shard: int) -> str:
    return f"OPEN#{shard}"


def owner_pk(owner: str) -> str:
    """The partition of the index that has an owner's jobs and no other's."""
    return f"OWNER#{owner}"


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def job_item(job: Job) -> Item:
    item = {
        **key(job.id, "JOB"),
        "job_id": {"S": job.id},
        "expires_at": {"N": str(job.expires_at_seconds)},
        "reservation": {"S": to_json(asdict(job.reservation))},
        "gsi1pk": {"S": owner_pk(job.owner)},
        "gsi1sk": {"S": pk(job.id)},
    }
    if job.due_at is not None:
        item |= {"gsi2pk": {"S": open_pk(open_shard(job.id))}, "gsi2sk": {"S": job.due_at}}
    for name in _TEXT_FIELDS:
        if (text := getattr(job, name)) is not None:
            item[name] = {"S": str(text)}
    for name in _JSON_FIELDS:
        if (value := getattr(job, name)) is not None:
            item[name] = {"S": to_json(value)}
    return item


def job_of(item: Item) -> Job:
    fields: dict[str, Any] = {name: item[name]["S"] for name in _TEXT_FIELDS if name in item}
    fields |= {name: json.loads(item[name]["S"]) for name in _JSON_FIELDS if name in item}
    fields["status"] = JobStatus(fields["status"])
    if "replay_mode" in fields:
        fields["replay_mode"] = ReplayMode(fields["replay_mode"])
    fields["reservation"] = Reservation(**json.loads(item["reservation"]["S"]))
    if "gsi2sk" in item:
        fields["due_at"] = item["gsi2sk"]["S"]
    return Job(id=item["job_id"]["S"], expires_at_seconds=int(item["expires_at"]["N"]), **fields)


def call_item(job: Job, call: Call) -> Item:
    item = {
        **key(job.id, f"CALL#{call.number:04d}"),
        "number": {"N": str(call.number)},
        "upper_bound_usd": {"S": f"{call.upper_bound_usd:f}"},
        "estimated": {"S": "true" if call.estimated else "false"},
        "expires_at": {"N": str(job.expires_at_seconds)},
    }
    if call.cost_usd is not None:
        item["cost_usd"] = {"S": f"{call.cost_usd:f}"}
    if call.answer is not None:
        item["answer"] = {"S": to_json(call.answer)}
    for name in _CALL_TEXT_FIELDS:
        if (text := getattr(call, name)) is not None:
            item[name] = {"S": str(text)}
    return item


def call_of(item: Item) -> Call:
    fields: dict[str, Any] = {name: item[name]["S"] for name in _CALL_TEXT_FIELDS if name in item}
    fields["status"] = CallStatus(fields["status"])
    return Call(
        number=int(item["number"]["N"]),
        upper_bound_usd=Decimal(item["upper_bound_usd"]["S"]),
        cost_usd=Decimal(item["cost_usd"]["S"]) if "cost_usd" in item else None,
        estimated=item["estimated"]["S"] == "true",
        answer=json.loads(item["answer"]["S"]) if "answer" in item else None,
        **fields,
    )
