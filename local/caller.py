"""A client of the API that follows its jobs, as a frontend would."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from local.stack import Stack

TERMINAL = {"succeeded", "failed", "rejected", "canceled", "expired"}
# 198.18.0.0/15 is set aside for benchmarks: https://www.rfc-editor.org/rfc/rfc2544
_addresses = itertools.count(1)


def new_address() -> str:
    """An address this process has not called from yet."""
    number = next(_addresses)
    return f"198.19.{number >> 8 & 255}.{number & 255}"


def sign_in(providers_url: str, subject: str, *groups: str) -> str:
    """A token of the local stack's stand-in issuer."""
    answer = httpx.post(f"{providers_url}/_tokens", json={"sub": subject, "roles": groups}, timeout=10)
    return str(answer.raise_for_status().json()["token"])


class Caller:
    """One caller with an address of their own: MiniStack's gateway takes it from X-Forwarded-For, AWS's does not."""

    def __init__(self, stack: Stack, *, signed_in: bool = True) -> None:
        address = new_address()
        headers = {"x-forwarded-for": address}
        if signed_in:
            headers["authorization"] = f"Bearer {sign_in(stack.providers_url, f'caller-{address}')}"
        self.http = httpx.Client(base_url=stack.api_url, headers=headers, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.http.close()

    def post(self, body: dict[str, Any]) -> httpx.Response:
        return self.http.post("/v1/jobs", json=body)

    def read(self, job_id: str) -> dict[str, Any]:
        """The job as it stands. Raises ``httpx.HTTPStatusError`` when it cannot be read."""
        job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return job

    def follow(
        self,
        job_id: str,
        *,
        seconds: float,
        pause_seconds: float,
        seen: Callable[[dict[str, Any]], None] = lambda _job: None,
    ) -> dict[str, Any]:
        """The job once it is terminal, or as it is when the time is up; ``seen`` is told of every reading."""
        deadline = time.monotonic() + seconds
        while True:
            job = self.read(job_id)
            seen(job)
            if job["status"] in TERMINAL or time.monotonic() > deadline:
                return job
            time.sleep(pause_seconds)
