"""Several clients at once, each as a frontend works: jobs per second, and what each request then takes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.latency import ENHANCE, JOB_SECONDS, POSTS_PER_ADDRESS
from benchmarks.samples import summary
from local.caller import TERMINAL, Caller

if TYPE_CHECKING:
    from local.stack import Stack

CLIENTS = (1, 4, 8)
WAIT_SECONDS = 20
POLL_SECONDS = 0.1
LISTS_PER_ADDRESS = 10


def measure(stack: Stack, *, jobs: int) -> dict[str, Any]:
    """By number of clients: ``jobs_per_second`` and ``latency_ms``.

    Of ``jobs`` jobs that are polled and as many that are waited for: a POST, a poll, a job end to end by polling, a
    POST that waits for the end, a list page.
    """
    return {str(clients): _measure(stack, clients, jobs) for clients in CLIENTS}


def _measure(stack: Stack, clients: int, jobs: int) -> dict[str, Any]:
    # Every client has jobs for whole addresses, so that no rate is in the way and all begin and end alike.
    addresses = -(-jobs // (clients * POSTS_PER_ADDRESS))
    made = clients * addresses * POSTS_PER_ADDRESS
    samples: dict[str, list[float]] = {}
    rates = {}
    with ThreadPoolExecutor(clients) as pool:
        for way, work in (("polled", _poll), ("waited", _wait)):
            began = time.perf_counter()
            for found in pool.map(work, [stack] * clients, [addresses] * clients):
                for name, values in found.items():
                    samples.setdefault(name, []).extend(values)
            rates[way] = round(made / (time.perf_counter() - began), 2)
    return {
        "jobs": made,
        "jobs_per_second": rates,
        "latency_ms": {name: asdict(summary(values)) for name, values in samples.items()},
    }


def _poll(stack: Stack, addresses: int) -> dict[str, list[float]]:
    """Posts jobs one after the other and polls each to its end; then lists them."""
    found: dict[str, list[float]] = {"post": [], "poll": [], "end_to_end": [], "list": []}
    for _ in range(addresses):
        with Caller(stack) as caller:
            for _ in range(POSTS_PER_ADDRESS):
                began = time.perf_counter()
                job = caller.post(ENHANCE).raise_for_status().json()
                found["post"].append(_since(began))
                while job["status"] not in TERMINAL:
                    time.sleep(POLL_SECONDS)
                    asked = time.perf_counter()
                    job = caller.read(job["id"])
                    found["poll"].append(_since(asked))
                    if asked - began > JOB_SECONDS:
                        raise RuntimeError(f"a job of the benchmark was not over after {JOB_SECONDS} seconds")
                found["end_to_end"].append(_since(began))
                _check(job)
            for _ in range(LISTS_PER_ADDRESS):
                asked = time.perf_counter()
                page = caller.http.get("/v1/jobs", params={"limit": POSTS_PER_ADDRESS}).raise_for_status().json()
                found["list"].append(_since(asked))
                if len(page["data"]) != POSTS_PER_ADDRESS:
                    raise RuntimeError(f"a page of the benchmark had {len(page['data'])} jobs")
    return found


def _wait(stack: Stack, addresses: int) -> dict[str, list[float]]:
    """Posts jobs one after the other, each waited for in its POST."""
    found: list[float] = []
    for _ in range(addresses):
        with Caller(stack) as caller:
            for _ in range(POSTS_PER_ADDRESS):
                began = time.perf_counter()
                answer = caller.http.post("/v1/jobs", json=ENHANCE, headers={"Prefer": f"wait={WAIT_SECONDS}"})
                found.append(_since(began))
                _check(answer.raise_for_status().json())
    return {"wait": found}


def _check(job: dict[str, Any]) -> None:
    if job["status"] != "succeeded":
        raise RuntimeError(f"a job of the benchmark ended {job['status']}: {job['error']}")


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
