"""One request through one of the API functions, as API Gateway sends it and as the caller gets the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptmill.http.read_routes import read_api
from promptmill.http.resolver import resolve
from promptmill.http.submit_routes import submit_api
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.jobs.intake import Intake
from promptmill.jobs.waiting import wait_for_end, wait_until
from tests.support.builders import FakeClock, a_policy, plans_of
from tests.unit.jobs.attempts import CONFIGURED
from tests.unit.jobs.chunks import MemoryChunks
from tests.unit.jobs.fakes import (
    FakeWorkflow,
    MemoryArtifacts,
    MemoryJobListing,
    MemoryJobStore,
    MemoryRates,
    MemoryRecords,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job
    from promptmill.jobs.streaming.events import News
    from promptmill.limits.gcra import RatePolicy

ADDRESS = "203.0.113.7"
SALT = "salt-of-the-tests"
ORIGINS = ("https://one.example", "https://two.example")
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


USER = Caller(owner=f"usr_{'7' * 32}", plan="user", roles=frozenset({Role.USER}))
OPERATOR = Caller(owner=f"usr_{'0' * 32}", plan="user", roles=frozenset({Role.USER, Role.OPERATOR}))


def an_event(
    method: str,
    path: str,
    *,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    base64: bool = False,
    resource: str | None = None,
    query: dict[str, list[str]] | None = None,
    caller: Caller | None = USER,
) -> dict[str, Any]:
    """A proxy event of a REST API, from somebody who signed in, or, with None, from nobody in particular.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    sent = headers or {}
    return {
        "resource": resource or path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": REQUEST_ID,
            "authorizer": {"principalId": caller.subject, **caller.to_context()}
            if caller
            else {"principalId": "anonymous"},
            "identity": {"sourceIp": ADDRESS, "userAgent": "tests"},
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "path": f"/dev{path}",
            "stage": "dev",
            "httpMethod": method,
            "resourcePath": resource or path,
        },
        "body": body,
        "isBase64Encoded": base64,
    }


OWNER = USER.owner
BASE_URL = "https://abc123.execute-api.eu-west-1.amazonaws.com/dev"


@dataclass(frozen=True)
class Reply:
    """``headers`` have lower-case names."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def reply(answer: dict[str, Any]) -> Reply:
    many = answer["multiValueHeaders"]
    assert all(len(values) == 1 for values in many.values())
    return Reply(answer["statusCode"], {name.lower(): values[0] for name, values in many.items()}, answer["body"])


class Api:
    """The functions over parts in memory. ``clock`` passes only while the API waits for a job."""

    def __init__(
        self,
        *,
        jobs: MemoryJobStore | None = None,
        tat_ms: int | None = None,
        workflow: FakeWorkflow | None = None,
        policy: RatePolicy | None = None,
        rates: MemoryRates | None = None,
        listing: MemoryJobListing | None = None,
        chunks: MemoryChunks | None = None,
    ) -> None:
        self.jobs = jobs if jobs is not None else MemoryJobStore()
        self.listing = listing or MemoryJobListing(self.jobs)
        self.workflow = workflow or FakeWorkflow()
        self.clock = FakeClock()
        self.artifacts = MemoryArtifacts()
        self.chunks = chunks or MemoryChunks(self.jobs)
        policy = policy or a_policy(limit=10, period_seconds=60, burst=10)
        self.records = MemoryRecords(self.jobs)
        self._intake = Intake(
            self.jobs,
            rates or MemoryRates(tat_ms),
            self.workflow,
            self.records,
            plans_of(policy),
            CONFIGURED,
            retention_days=90,
        )

    def post(
        self, path: str, document: Any = None, *, body: str | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        sent = {"Content-Type": "application/json", **(headers or {})}
        text = json.dumps(document) if body is None else body
        return self.submit(an_event("POST", path, body=text, headers=sent))

    def get(
        self, path: str, *, headers: dict[str, str] | None = None, query: dict[str, list[str]] | None = None
    ) -> Reply:
        return self.read(an_event("GET", path, headers=headers, query=query))

    def submit(self, event: dict[str, Any]) -> Reply:
        return reply(resolve(submit_api(self._intake, self._wait, self.artifacts), event, None))

    def read(self, event: dict[str, Any], context: Any = None) -> Reply:
        api = read_api(
            self.jobs,
            self.artifacts,
            self._wait,
            self.listing,
            chunks=self.chunks,
            wait_for_news=self._wait_for_news,
        )
        return reply(resolve(api, event, context))

    def _wait(self, read: Callable[[], Job], budget_ms: int) -> Job | None:
        return wait_for_end(read, budget_ms, sleep=self.clock.sleep, clock=self.clock)

    def _wait_for_news(self, look: Callable[[], News], budget_ms: int) -> News | None:
        return wait_until(look, bool, budget_ms, sleep=self.clock.sleep, clock=self.clock)
