"""Reports over HTTP on jobs that ran, and the operators' command that makes the rollups anew."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.stack import STACK_NAME, Stack
from promptmill.analytics.rollup import everybodys_shard, finished_job
from promptmill.analytics.store import RollupStore, everybody_pk, owner_pk
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from promptmill.identity.users.store import key as user_key
from tests.support.api import Api, eventually, new_address, user_at
from tests.support.shell import Shell
from tests.unit.analytics.fakes import an_outcome

PROMPT = "Describe how a bell is cast, for someone who has only heard one."


def rollups_of(stack: Stack) -> RollupStore:
    return RollupStore(stack.analytics_table, stack.client("dynamodb"))


def find_mapping(stack: Stack) -> str:
    """The id of the event source mapping of the consumer."""
    (deployed,) = stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    return next(str(each["OutputValue"]) for each in deployed["Outputs"] if each["OutputKey"] == "AnalyticsMappingId")


def today() -> str:
    return timestamp(now_ms())[:10]


def report(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = api.http.get("/v1/analytics", params=query)
    assert answer.status_code == 200, answer.text
    groups: list[dict[str, Any]] = answer.json()["data"]
    return groups


def counted(api: Api, jobs: int, **query: str) -> dict[str, Any]:
    """The report in one group, once it has so many jobs."""
    return eventually(lambda: next((group for group in report(api, **query) if group["jobs"] == jobs), None))


def jobs_of(stack: Stack, owner: str) -> int:
    rows = rollups_of(stack).owners_rows(owner, first_day="2026-01-01", last_day=today())
    return sum(row.counters["jobs"] for row in rows)


def a_new_outcome(**fields: Any) -> dict[str, Any]:
    """A terminal event of today, and of nobody's job."""
    detail = an_outcome(at=timestamp(now_ms()), **fields)
    detail["metadata"]["id"] = new_id("evt", now_ms())
    return detail


def test_jobs_that_ended_are_in_their_owners_report_and_in_no_others(api: Api, other_api: Api, stack: Stack) -> None:
    text = api.run(kind="enhance", prompt=PROMPT)
    image = api.run(kind="image", prompt="A bell in a tower", width=256, height=256)
    total = counted(api, 2)
    assert total["output_tokens"] == text["usage"]["output_tokens"]
    costs = (Decimal(job["cost"]["model_usd"]) for job in (text, image))
    assert Decimal(total["cost"]["model_usd"]) == sum(costs)
    by_model = {
        group["group"]["model"]: group["group"] for group in report(api, group_by="model,prompt_version,status")
    }
    assert by_model == {
        job["usage"]["model"]: {
            "model": job["usage"]["model"],
            "prompt_version": job["usage"].get("prompt_version"),
            "status": "succeeded",
        }
        for job in (text, image)
    }
    assert report(other_api)[0]["jobs"] == 0
    mine = user_at(stack, api.address).owner
    assert other_api.http.get("/v1/analytics", params={"owner": mine}).status_code == 403
    with Api(stack, new_address(), groups=["operators"]) as operator:
        assert report(operator, owner=mine)[0]["jobs"] == 2
        assert report(operator, owner="all")[0]["jobs"] >= 2
        assert report(operator)[0]["jobs"] == 0


def test_one_event_that_arrives_many_times_at_once_counts_once(stack: Stack) -> None:
    owner = f"usr_{random_hex(16)}"
    # Long ago: a rebuild, of whose archive it is not, would miss it.
    job, store = finished_job(an_outcome(owner=owner, at="2026-01-02T00:00:00.000Z")), rollups_of(stack)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: store.count(job, at_ms=now_ms(), retention_days=90), range(16)))
    assert done.count(True) == 1
    assert jobs_of(stack, owner) == 1


def test_a_rebuild_mends_the_rollups_and_brings_nobody_back_who_left(stack: Stack, api: Api, tmp_path: Path) -> None:
    shell = Shell(stack, tmp_path)
    api.run(kind="enhance", prompt=PROMPT)
    mine, gone = user_at(stack, api.address).owner, f"usr_{random_hex(16)}"
    before = counted(api, 1)
    EventBus(stack.bus_name, stack.client("events")).publish(EventName.JOB_SUCCEEDED, a_new_outcome(owner=gone))
    eventually(lambda: jobs_of(stack, gone) or None)
    tombstone = {**user_key(gone), "deleted_at": {"S": timestamp(now_ms())}}
    stack.client("dynamodb").put_item(TableName=stack.library_table, Item=tombstone)
    (row,) = rollups_of(stack).owners_rows(mine, first_day=today(), last_day=today())
    for pk in (owner_pk(mine), everybody_pk(everybodys_shard(mine))):
        stack.client("dynamodb").update_item(
            TableName=stack.analytics_table,
            Key={"pk": {"S": pk}, "sk": {"S": row.key.text}},
            UpdateExpression="ADD jobs :two",
            ExpressionAttributeValues={":two": {"N": "2"}},
        )
    assert counted(api, 3)
    planned = shell.operate("analytics", "rebuild", "--from", today(), "--json", "--dry-run")
    assert (planned.returncode, json.loads(planned.stdout)["dry_run"]) == (0, True)
    assert counted(api, 3)
    done = shell.operate("analytics", "rebuild", "--from", today(), "--json")
    assert (done.returncode, "Fewer jobs are counted than before" in done.stderr) == (1, True), done.stderr
    totals = json.loads(done.stdout)
    assert totals["before"]["jobs"] > totals["after"]["jobs"] >= 2
    assert counted(api, 1) == before
    assert jobs_of(stack, gone) == 0
    with Api(stack, new_address()) as newcomer:
        newcomer.run(kind="enhance", prompt=PROMPT)
        assert counted(newcomer, 1)


def test_a_rebuild_whose_consumer_rests_already_needs_to_be_told_to_go_on(stack: Stack, tmp_path: Path) -> None:
    shell, functions = Shell(stack, tmp_path), stack.client("lambda")
    mapping = find_mapping(stack)
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        refused = shell.operate("analytics", "rebuild", "--from", today())
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "--resume" in refused.stderr
        assert functions.get_event_source_mapping(UUID=mapping)["State"] == "Disabled"
        done = shell.operate("analytics", "rebuild", "--from", today(), "--resume")
        assert done.returncode == 0, done.stderr
        assert functions.get_event_source_mapping(UUID=mapping)["State"] == "Enabled"
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def test_a_day_before_the_archive_is_not_rebuilt(stack: Stack, tmp_path: Path) -> None:
    refused = Shell(stack, tmp_path).operate("analytics", "rebuild", "--from", "2020-01-01")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: The archive has whole days from ")
