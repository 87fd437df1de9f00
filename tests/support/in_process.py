"""A deployed function's handler, run in this process.

Its code is the repository's; its environment and the credentials of its role are the stack's.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from promptmill.clock import random_hex
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from tests.support.functions import handler
from tests.support.recorder import forget_cached, recorded_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.stack import Stack
    from tests.support.recorder import Calls


PARAMETERS = {
    "jobs": "job_id",
    "keys": "key_id",
    "limits": "subject",
    "webhooks": "webhook_id",
    "deliveries": "delivery_id",
}
"""The path parameter below each collection."""


@dataclass(frozen=True)
class InProcess:
    """``calls`` are the AWS calls made so far."""

    handler: Callable[..., dict[str, Any]]
    calls: Calls

    def __call__(self, event: dict[str, Any], **parts: Any) -> dict[str, Any]:
        return self.handler(event, Context(), **parts)


class Context:
    """What Lambda tells a function of its call, as far as ours ask."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@contextmanager
def in_process(stack: Stack, folder: str, role_arn: str = "", **environment: str) -> Iterator[InProcess]:
    """The handler of ``functions/<folder>`` in its deployed environment, with these variables on top.

    It has the rights of its own role, or of the one that is named.
    """
    variables = {**function_environment(stack, folder, role_arn), **environment}
    with _environment(variables), recorded_calls() as calls:
        yield InProcess(handler(folder), calls)


def function_environment(stack: Stack, folder: str, role_arn: str = "") -> dict[str, str]:
    """The variables a deployed function has, with credentials of its role, or of the one that is named."""
    configuration = _configuration(stack, folder)
    role = stack.client("sts").assume_role(
        RoleArn=role_arn or configuration["Role"], RoleSessionName=f"test-{random_hex(4)}"
    )
    return {
        **configuration["Environment"]["Variables"],
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": role["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": role["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": role["Credentials"]["SessionToken"],
    }


def logical_id(folder: str) -> str:
    """The name in the template of the function in ``functions/<folder>``."""
    return "".join(word.title() for word in folder.split("_")) + "Function"


def _configuration(stack: Stack, folder: str) -> dict[str, Any]:
    name = f"promptmill-local-{logical_id(folder)}-"
    for page in stack.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(name):
                found: dict[str, Any] = function
                return found
    raise AssertionError(f"{logical_id(folder)} is not deployed")


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    forget_cached()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget_cached()


def api_event(
    method: str,
    path: str,
    *,
    address: str,
    body: str | None = None,
    query: dict[str, str] | None = None,
    user: Caller | None = None,
) -> dict[str, Any]:
    """What API Gateway sends a function for a request from this address: this user's, or of one who is only there."""
    parts = path.split("/")
    parameters = {PARAMETERS[of]: part for of, part in pairwise(parts) if of in PARAMETERS}
    resource = "/".join(f"{{{PARAMETERS[of]}}}" if of in PARAMETERS else part for of, part in pairwise(["", *parts]))
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json", "host": "api.example.com"},
        "multiValueHeaders": {"content-type": ["application/json"], "host": ["api.example.com"]},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": f"req-{random_hex(8)}",
            "authorizer": {"principalId": "user", **(user or _user_at(address)).to_context()},
            "identity": {"sourceIp": address},
            "domainName": "api.example.com",
            "path": f"/local{path}",
            "stage": "local",
            "httpMethod": method,
            "resourcePath": resource,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _user_at(address: str) -> Caller:
    return Caller(f"usr_{hashlib.sha256(address.encode()).hexdigest()[:32]}", "user", frozenset({Role.USER}))
