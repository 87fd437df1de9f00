"""A list, a poll and a post cost the same whether their caller has a thousand jobs or twenty thousand.

The handlers run here, against a table and a workflow of their own, so that every call is counted and sized.
Measured: a page of 20 is one query of 21 entries of the index (0.5 units) and 20 consistent reads of a job (20 units);
with a status or a kind it is one query of 250 entries (6 units) and the same reads. A poll is 1 unit. A post is one
read (0.5 units), one write (3 units: the item and two indexes) and one start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local.sam import CREDENTIALS
from local.stack import Stack
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.jobs.listing.cursor import cursor_key, make_cursor
from promptmill.jobs.listing.query import JobFilter
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.records import job_item
from promptmill.settings import settings
from tests.integration.tables import make_table
from tests.support.api import new_address
from tests.support.builders import TEXT_RESULT, a_job
from tests.support.capacity import Cost
from tests.support.in_process import api_event, in_process

FEW, MANY = 1_000, 20_000
BATCH = 25
LOADERS = 4
BODY = json.dumps({"kind": "enhance", "prompt": "Write a note that thanks the night shift."})
READ_JOBS = Cost("BatchGetItem", 20, 20.0)
EXPECTED = {
    "a post": (Cost("GetItem", 1, 0.5), Cost("PutItem", 1, 3.0)),
    "a poll": (Cost("Query", 1, 1.0),),
    "a page": (Cost("Query", 21, 0.5), READ_JOBS),
    "a page of a hundred": (Cost("Query", 101, 2.5), Cost("BatchGetItem", 100, 100.0)),
    "a page of one status": (Cost("Query", 250, 6.0), READ_JOBS),
    "a page of one kind": (Cost("Query", 250, 6.0), READ_JOBS),
    "a page of both": (Cost("Query", 250, 6.0), READ_JOBS),
    "a page of the last years": (Cost("Query", 21, 0.5), READ_JOBS),
    "a page half way down": (Cost("Query", 21, 0.5), READ_JOBS),
}
QUERIES: dict[str, dict[str, str]] = {
    "a page": {},
    "a page of a hundred": {"limit": "100"},
    "a page of one status": {"status": "queued"},
    "a page of one kind": {"kind": "image"},
    "a page of both": {"status": "failed", "kind": "enhance"},
    "a page of the last years": {"created_after": "2020-01-01T00:00:00Z"},
}


@dataclass(frozen=True)
class Spent:
    operations: tuple[str, ...]
    costs: tuple[Cost, ...]


@dataclass(frozen=True)
class Caller:
    """Calls both functions from one address; ``variables`` lead them to a table and a workflow of their own."""

    stack: Stack
    address: str
    variables: dict[str, str]
    loaded_before_ms: int

    def ask(self, folder: str, method: str, path: str, **parts: Any) -> tuple[Any, Spent]:
        """The body of the answer, and what it cost a function that had just started."""
        with in_process(self.stack, folder, **self.variables) as function:
            answer = function(api_event(method, path, address=self.address, **parts))
            assert answer["statusCode"] in {200, 202}, answer["body"]
            return json.loads(answer["body"]), Spent(tuple(function.calls.operations), tuple(function.calls.costs))

    def post(self) -> tuple[Any, Spent]:
        return self.ask("submit_job", "POST", "/v1/jobs", body=BODY)

    def page(self, query: dict[str, str]) -> tuple[Any, Spent]:
        return self.ask("read_jobs", "GET", "/v1/jobs", query=query)

    def cursor_behind(self, position: str, owner: str) -> str:
        with in_process(self.stack, "read_jobs", **self.variables):
            key = cursor_key(str(settings().owner_salt))
        return make_cursor(position, owner=owner, job_filter=JobFilter(), key=key)

    def load(self, owner: str, numbers: range) -> None:
        """Stores jobs as large as each other and older than those posted, the higher their number the older."""
        client = self.stack.client("dynamodb")
        table = self.variables["PROMPTMILL_JOBS_TABLE"]
        lasting = self.loaded_before_ms // 1000 + 86_400
        model = a_job(owner=owner, result=TEXT_RESULT, expires_at_seconds=lasting)

        def store(batch: range) -> None:
            jobs = (self._numbered(model, number) for number in batch)
            requests = [{"PutRequest": {"Item": job_item(job)}} for job in jobs]
            assert client.batch_write_item(RequestItems={table: requests})["UnprocessedItems"] == {}

        with ThreadPoolExecutor(LOADERS) as pool:
            list(pool.map(store, (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))))

    def _numbered(self, model: Job, number: int) -> Job:
        """Every second one has failed and every fifth is a picture; "failed" is as long as "queued"."""
        at_ms = self.loaded_before_ms - number
        status = (JobStatus.QUEUED, JobStatus.FAILED)[number % 2]
        kind = "image" if number % 5 == 0 else "enhance"
        return replace(model, id=new_id("job", at_ms), created_at=timestamp(at_ms), status=status, kind=kind)


@pytest.fixture
def caller(stack: Stack) -> Iterator[Caller]:
    dynamodb, stepfunctions = stack.client("dynamodb"), stack.client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name=f"ends-at-once-{random_hex(4)}",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn=stepfunctions.describe_state_machine(stateMachineArn=stack.state_machine_arn)["roleArn"],
    )["stateMachineArn"]
    table = make_table(dynamodb, "JobsTable")
    # The account's own rights: the functions' roles know neither this table nor this workflow.
    variables = {
        **CREDENTIALS,
        "AWS_SESSION_TOKEN": "",
        "PROMPTMILL_JOBS_TABLE": table,
        "PROMPTMILL_STATE_MACHINE_ARN": machine,
    }
    yield Caller(stack, new_address(), variables, now_ms() - 3_600_000)
    dynamodb.delete_table(TableName=table)
    stepfunctions.delete_state_machine(stateMachineArn=machine)


def test_nothing_costs_more_for_a_caller_with_twenty_thousand_jobs(caller: Caller) -> None:
    posted, _ = caller.post()
    spent: list[dict[str, Spent]] = []
    stored = 0
    for count in (FEW, MANY):
        caller.load(posted["owner"], range(stored, count))
        stored = count
        measured = {"a post": caller.post()[1]}
        measured["a poll"] = caller.ask("read_jobs", "GET", f"/v1/jobs/{posted['id']}")[1]
        for name, query in QUERIES.items():
            page, measured[name] = caller.page(query)
            assert len(page["data"]) == int(query.get("limit", "20")), name
        half_way = new_id("job", caller.loaded_before_ms - count // 2)
        page, measured["a page half way down"] = caller.page(
            {"cursor": caller.cursor_behind(half_way, posted["owner"])}
        )
        assert (len(page["data"]), page["has_more"]) == (20, True)
        spent.append(measured)
    assert spent[0] == spent[1]
    assert {name: one.operations for name, one in spent[1].items()} == {
        "a post": ("dynamodb.GetItem", "dynamodb.PutItem", "stepfunctions.StartExecution"),
        "a poll": ("dynamodb.Query",),
        **dict.fromkeys([*QUERIES, "a page half way down"], ("dynamodb.Query", "dynamodb.BatchGetItem")),
    }
    assert {name: one.costs for name, one in spent[1].items()} == EXPECTED
