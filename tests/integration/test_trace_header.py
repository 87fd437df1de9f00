"""A call that a function makes carries the X-Ray header of its invocation, so that what it starts is in the same trace.

botocore adds the header inside Lambda; Step Functions and EventBridge go on from it:
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html and
https://docs.aws.amazon.com/xray/latest/devguide/xray-services-eventbridge.html.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from promptmill.gateway import aws_client
from promptmill.jobs.erasure.gateway import DeletionWorkflow
from promptmill.jobs.gateway import GenerationWorkflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSPreparedRequest

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:generation"
# What Step Functions and EventBridge answer, in one.
ANSWER = b'{"executionArn":"arn","startDate":0,"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}'


class Content:
    """A body as urllib3 has it."""

    def stream(self) -> list[bytes]:
        return [ANSWER]


class Transport:
    """Stands where requests would leave, keeps each, and answers it."""

    def __init__(self, client: Any) -> None:
        self.sent: list[AWSPreparedRequest] = []
        client.meta.events.register("before-send", self.send)

    def send(self, request: AWSPreparedRequest, **_event: Any) -> AWSResponse:
        self.sent.append(request)
        return AWSResponse(request.url, HTTPStatus.OK, HTTPHeaders(), Content())


def start_a_job(client: Any) -> None:
    GenerationWorkflow(MACHINE, client).start("job_1", {})


def start_a_deletion(client: Any) -> None:
    DeletionWorkflow(MACHINE, client).start("usr_1-2026-11-21", "usr_1", {})


def publish(client: Any) -> None:
    EventBus("bus", client).publish(EventName.JOB_CANCELED, {})


@pytest.fixture
def invocation(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a function that is being invoked."""
    for name, value in (("REGION", "us-east-1"), ("ACCESS_KEY_ID", "none"), ("SECRET_ACCESS_KEY", "none")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "submit_job")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    return monkeypatch


@pytest.mark.parametrize(
    ("service", "act"),
    [("stepfunctions", start_a_job), ("stepfunctions", start_a_deletion), ("events", publish)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_a_function_starts_or_publishes_is_in_the_trace_of_its_invocation(
    invocation: pytest.MonkeyPatch, service: str, act: Callable[[Any], None]
) -> None:
    # A client of its own, for one that is kept has the hooks of the tests before.
    client = aws_client.__wrapped__(service)
    transport = Transport(client)
    act(client)
    later = TRACE.replace("53995c3f42cd8ad8", "0123456789abcdef")
    invocation.setenv("_X_AMZN_TRACE_ID", later)
    act(client)
    assert [request.headers["X-Amzn-Trace-Id"] for request in transport.sent] == [TRACE.encode(), later.encode()]
