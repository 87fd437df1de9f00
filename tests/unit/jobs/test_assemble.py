"""AssemblePrompt, and the provider request on its way through the store."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.intake import new_job
from promptmill.prompting.assemble import assemble_request, job_seed, request_from_state, request_to_state
from promptmill.prompting.model import ImageRequest, TextRequest
from tests.support.builders import (
    AT,
    AT_MS,
    PROMPT,
    a_caller,
    a_claim,
    a_job,
    an_enhance_request,
    an_image_request,
    an_origin,
    some_limits,
)
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore
    from promptmill.limits.spending.store import SpendingStore

CONFIGURED = {"enhance": ["claude-haiku-4.5", "nova-2-lite"], "image": ["flux-schnell"]}

# What the request models let through: no control characters but line breaks and tabs, no lone surrogates.
letters = st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from('\n\r\t"\\<>{}')
texts = st.text(letters, min_size=10, max_size=2000).filter(lambda text: len(text.strip()) >= 10)
tags = st.from_regex(r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}\Z")

enhance_requests = st.builds(
    an_enhance_request,
    prompt=texts,
    tone=st.none() | st.sampled_from(["professional", "casual", "academic", "creative", "technical"]),
    length=st.none() | st.sampled_from(["concise", "balanced", "detailed"]),
    language=st.none() | tags.filter(lambda tag: len(tag) <= 35),
)
pixels = st.integers(8, 45).map(lambda count: count * 32)
image_requests = st.builds(
    an_image_request,
    prompt=texts,
    width=pixels,
    height=pixels,
    steps=st.integers(1, 12),
    n=st.integers(1, 4),
    seed=st.none() | st.integers(0, 2**32 - 1),
    style=st.none() | texts.map(lambda text: text.strip()[:100].strip()),
    negative_prompt=st.none() | texts.map(lambda text: text.strip()[:1000].strip()),
)


@given(request=st.one_of(enhance_requests, image_requests))
def test_every_legal_request_is_assembled_and_comes_back_from_the_store_as_it_was(request: Any) -> None:
    job = new_job(request, a_caller(), an_origin(), at_ms=AT_MS, retention_days=1)
    assembled = assemble_request(job)
    read_back = request_from_state(json.loads(json.dumps(request_to_state(assembled))))
    assert read_back == assembled
    assert type(read_back) is (TextRequest if job.kind == "enhance" else ImageRequest)


@given(request=enhance_requests)
def test_the_same_job_assembles_the_same_request(request: Any) -> None:
    job = new_job(request, a_caller(), an_origin(), at_ms=AT_MS, retention_days=1)
    assert assemble_request(job) == assemble_request(job)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        {"form": "text"},
        {"form": "image", "prompt": "x"},
        {"prompt": "x"},
        {**request_to_state(assemble_request(a_job(kind="image"))), "more": 1},
        {**request_to_state(assemble_request(a_job())), "task_type": "no such type"},
        {**request_to_state(assemble_request(a_job())), "messages": [{"role": "user"}]},
        {**request_to_state(assemble_request(a_job())), "messages": None},
    ],
)
def test_a_stored_request_that_is_none_is_a_broken_job(stored: dict[str, Any] | None) -> None:
    with pytest.raises(errors.JobStateBroken):
        request_from_state(stored)


def test_a_kind_without_assembly_is_a_broken_job() -> None:
    with pytest.raises(errors.JobStateBroken):
        assemble_request(a_job(kind="chat"))


def test_an_image_job_without_a_seed_gets_one_of_its_own_that_stays() -> None:
    without = {name: value for name, value in a_job(kind="image").input.items() if name != "seed"}
    job, other = a_job(kind="image", input=without), a_job(kind="image", input=without)
    seeds = [asdict(assemble_request(job))["seed"], asdict(assemble_request(job))["seed"]]
    assert seeds[0] == seeds[1] == job_seed(job.id) != job_seed(other.id)
    assert 0 <= seeds[0] < 2**32


def test_seed_nought_is_a_seed() -> None:
    job = a_job(kind="image", input={**a_job(kind="image").input, "seed": 0})
    assert asdict(assemble_request(job))["seed"] == 0


def test_a_style_is_said_in_the_prompt() -> None:
    job = a_job(kind="image", input={**a_job(kind="image").input, "style": "watercolour"})
    assert asdict(assemble_request(job))["prompt"] == "a red fox, watercolour style"


def assemble(
    jobs: JobStore,
    job: Job,
    configured: dict[str, list[str]] | None = None,
    *,
    spending: SpendingStore | None = None,
    concurrent_jobs: int = 100,
    at_ms: int = AT_MS,
) -> dict[str, Any]:
    return assemble_prompt(
        a_claim(job, some_limits(concurrent_jobs=concurrent_jobs)),
        jobs=jobs,
        spending=spending or MemorySpending(),
        configured=configured or CONFIGURED,
        at_ms=at_ms,
    )


def test_assembling_begins_the_job_writes_its_request_and_names_the_models_best_first(jobs: JobStore) -> None:
    job = a_job()
    jobs.add(job)
    assert assemble(jobs, job) == {
        "candidates": [
            {"provider": "bedrock", "model": "claude-haiku-4.5"},
            {"provider": "bedrock", "model": "nova-2-lite"},
            {"provider": "rules", "model": "rules"},
        ]
    }
    work = jobs.load_work(job.id)
    assert (work.job.status, work.job.started_at, work.job.step) == ("running", AT, "AssemblePrompt")
    assert work.models == ("claude-haiku-4.5", "nova-2-lite", "rules")
    assert request_from_state(work.request) == assemble_request(job)


def test_assembling_twice_gives_the_same_and_keeps_when_the_job_began(jobs: JobStore) -> None:
    job = a_job()
    jobs.add(job)
    first = assemble(jobs, job)
    before = jobs.load_work(job.id)
    assert assemble(jobs, job, at_ms=AT_MS + 5000) == first
    assert jobs.load_work(job.id) == before


def test_the_model_asked_for_is_tried_first_and_nothing_dearer_after_it(jobs: JobStore) -> None:
    job = a_job(input={"prompt": PROMPT, "model": "nova-2-lite"})
    jobs.add(job)
    models = [candidate["model"] for candidate in assemble(jobs, job)["candidates"]]
    assert models == ["nova-2-lite", "rules"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "canceled", "expired"])
def test_a_job_that_is_over_is_not_assembled(jobs: JobStore, status: str) -> None:
    job = a_job(status)
    jobs.add(job)
    with pytest.raises(errors.JobSettled):
        assemble(jobs, job)
    assert jobs.load_work(job.id).request is None


def test_a_job_whose_model_cannot_be_used_any_more_fails_with_a_reason() -> None:
    jobs = MemoryJobStore()
    job = a_job(input={"prompt": PROMPT, "model": "claude-sonnet-4.5"})
    jobs.add(job)
    with pytest.raises(errors.InvalidInput):
        assemble(jobs, job, at_ms=AT_MS + 365 * 24 * 3600 * 1000)


def test_a_model_that_is_configured_but_unknown_is_a_fault_of_ours() -> None:
    jobs = MemoryJobStore()
    job = a_job()
    jobs.add(job)
    with pytest.raises(errors.BrokenContractError):
        assemble(jobs, job, {"enhance": ["no-such-model"], "image": []})
