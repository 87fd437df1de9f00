"""Latency over HTTP, one client at a time, on a warm stack."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from local.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from local.stack import Stack

ENHANCE = {"kind": "enhance", "prompt": "write a short note to the neighbours about the street party on saturday"}
IMAGE = {"kind": "image", "prompt": "a lighthouse on a rocky coast at dusk", "width": 512, "height": 512}
POSTS_PER_ADDRESS = 9
POLL_SECONDS = 0.01
JOB_SECONDS = 30


def time_calls(call: Callable[[], httpx.Response], *, n: int) -> list[float]:
    """Milliseconds of each of ``n`` calls that all have to succeed."""
    samples = []
    for _ in range(n):
        began = time.perf_counter()
        call().raise_for_status()
        samples.append((time.perf_counter() - began) * 1000)
    return samples


def time_jobs(stack: Stack, body: dict[str, Any], *, n: int) -> tuple[list[float], list[float], list[str]]:
    """Milliseconds of each POST, from each POST to the job seen finished, and the jobs' ids; one job at a time."""
    posts: list[float] = []
    totals: list[float] = []
    ids: list[str] = []
    while len(ids) < n:
        with Caller(stack) as caller:
            caller.http.get("/v1/health")  # the connection is made before the clock starts
            for _ in range(min(POSTS_PER_ADDRESS, n - len(ids))):
                began = time.perf_counter()
                answer = caller.post(body).raise_for_status()
                posts.append((time.perf_counter() - began) * 1000)
                job = caller.follow(answer.json()["id"], seconds=JOB_SECONDS, pause_seconds=POLL_SECONDS)
                totals.append((time.perf_counter() - began) * 1000)
                if job["status"] != "succeeded":
                    raise RuntimeError(f"a job of the benchmark ended {job['status']}: {job['error']}")
                ids.append(job["id"])
    return posts, totals, ids


def time_polls(stack: Stack, *, n: int) -> tuple[list[float], list[float]]:
    """Milliseconds of reading a finished job, and of ``/v1/health``, the shortest way through gateway and function."""
    with Caller(stack) as caller:
        job_id = caller.post(ENHANCE).raise_for_status().json()["id"]
        caller.follow(job_id, seconds=JOB_SECONDS, pause_seconds=POLL_SECONDS)
        polls = time_calls(lambda: caller.http.get(f"/v1/jobs/{job_id}"), n=n)
        return polls, time_calls(lambda: caller.http.get("/v1/health"), n=n)
