"""The API over HTTP, as a frontend uses it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from local.stack import Stack
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.identity.tokens import user_id

T = TypeVar("T")

TERMINAL = {"succeeded", "failed", "rejected", "canceled", "expired"}
_addresses = itertools.count(os.getpid() << 8)


def new_address() -> str:
    """An address no test has called from, in the range for benchmarks (RFC 2544)."""
    number = next(_addresses) % (1 << 17)
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def eventually(read: Callable[[], T | None], *, seconds: float = 30.0, pause_seconds: float = 0.05) -> T:
    """The first answer that is not None; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = read()
        if answer is not None:
            return answer
        time.sleep(pause_seconds)
    raise AssertionError(f"nothing came within {seconds} seconds")


def token_of(stack: Stack, subject: str, **claims: Any) -> str:
    """A token of the stack's stand-in issuer, as Clerk would make it."""
    answer = httpx.post(f"{stack.providers_url}/_tokens", json={"sub": subject, **claims}, timeout=10)
    return str(answer.raise_for_status().json()["token"])


def user_at(stack: Stack, address: str) -> Caller:
    """The user ``Api`` signs in at this address."""
    return Caller(user_id(f"{stack.providers_url}/issuer", f"caller-{address}"), "user", frozenset({Role.USER}))


class Api:
    """One caller with an address of its own, signed in as a user of its own, or with ``token=None`` not at all.

    MiniStack's gateway takes the source address from X-Forwarded-For; AWS's does not.
    """

    def __init__(self, stack: Stack, address: str, *, token: str | None = "", groups: Sequence[str] = ()) -> None:
        self.stack = stack
        self.address = address
        if token == "":
            token = token_of(stack, f"caller-{address}", roles=list(groups))
        self.token = token
        signed = {"authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=stack.api_url, headers={"x-forwarded-for": address, **signed}, timeout=40)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.http.close()

    def submit(self, **body: Any) -> dict[str, Any]:
        """Posts a job and returns it; fails the test unless it is accepted."""
        answer = self.http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def read(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def finished(self, job_id: str, *, seconds: float = 30.0) -> dict[str, Any]:
        """The job once its status is terminal."""

        def read() -> dict[str, Any] | None:
            job = self.read(job_id)
            return job if job["status"] in TERMINAL else None

        return eventually(read, seconds=seconds)

    def run(self, **body: Any) -> dict[str, Any]:
        """Submits a job and returns it finished."""
        return self.finished(self.submit(**body)["id"])
