"""Recorded replay: the answer a job got, given to a new job of the same owner, at no cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.ledger import recorded_call
from promptmill.jobs.model import ReplayMode
from promptmill.jobs.replay.recorded import answer_for
from promptmill.providers.interface import Usage
from promptmill.providers.recorded import RecordedProvider
from promptmill.providers.rules import RulesProvider
from tests.support.builders import AT_MS, IMAGE_INPUT, OTHER_OWNER, a_claim, a_job
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.attempts import (
    CONFIGURED,
    OTHER_TEXT_MODEL,
    TEXT_MODEL,
    USAGE,
    a_picture,
    a_text_answer,
    an_image_answer,
    assembled,
    attempt,
    failing,
    stored,
)
from tests.unit.jobs.fakes import FakeProvider, MemoryArtifacts

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore

FAR = 2**33
FENCED = 'Here is the improved prompt:\n\n"Write a firm, polite letter to my landlord."'


def a_source(jobs: JobStore, **fields: Any) -> Job:
    return assembled(jobs, expires_at_seconds=FAR, **fields)


def a_replay(jobs: JobStore, source: Job, **fields: Any) -> Job:
    """A recorded job of the source, as the API stores it."""
    link = {"replay_of": source.id, "replay_mode": ReplayMode.RECORDED, "expires_at_seconds": FAR}
    job = a_job(**{"kind": source.kind, "input": source.input, **link, **fields})
    jobs.add(job)
    return job


def assemble(jobs: JobStore, job: Job) -> dict[str, Any]:
    return assembled_at(jobs, job, AT_MS)


def assembled_at(jobs: JobStore, job: Job, at_ms: int) -> dict[str, Any]:
    return assemble_prompt(a_claim(job), jobs=jobs, spending=MemorySpending(), configured=CONFIGURED, at_ms=at_ms)


def replay(jobs: JobStore, job: Job, artifacts: MemoryArtifacts | None = None) -> dict[str, Any]:
    """AssemblePrompt, then ReplayRecorded."""
    (candidate,) = assemble(jobs, job)["candidates"]
    assert candidate["provider"] == "recorded"
    artifacts = artifacts or MemoryArtifacts()
    provider = RecordedProvider(answer_for(job.id, jobs=jobs), artifacts.read)
    return attempt(jobs, job, provider, model=candidate["model"], step="ReplayRecorded", artifacts=artifacts)


def kept(jobs: JobStore, job: Job) -> list[dict[str, Any] | None]:
    return [call.answer for call in jobs.load_work(job.id).calls]


def test_a_call_that_succeeds_keeps_what_the_provider_wrote(jobs: JobStore) -> None:
    job = a_source(jobs)
    attempt(jobs, job, FakeProvider(a_text_answer(FENCED, truncated=True)))
    assert kept(jobs, job) == [{"text": FENCED, "truncated": True, "input_tokens": 300, "output_tokens": 200}]


def test_a_call_for_images_keeps_them_as_the_result_has_them(jobs: JobStore) -> None:
    job = a_source(jobs, kind="image", input={**IMAGE_INPUT, "n": 2})
    attempt(jobs, job, FakeProvider(an_image_answer(1, 2)), artifacts=MemoryArtifacts())
    result = stored(jobs, job).result
    assert result is not None
    assert kept(jobs, job) == [{"images": result["images"]}]


def test_a_call_that_fails_keeps_nothing_even_when_it_was_answered(jobs: JobStore) -> None:
    job = a_source(jobs)
    for outcome in (failing(errors.ProviderTimeout), a_text_answer("```\n\n```")):
        with pytest.raises(errors.TransientError):
            attempt(jobs, job, FakeProvider(outcome))
    assert kept(jobs, job) == [None, None]
    assert recorded_call(jobs.load_work(job.id).calls) is None


def test_of_two_calls_that_succeed_the_one_that_made_the_result_keeps_its_answer(jobs: JobStore) -> None:
    job = a_source(jobs)
    inner = FakeProvider(a_text_answer("the result"))
    late = FakeProvider(a_text_answer("too late"), meanwhile=lambda: attempt(jobs, job, inner))
    attempt(jobs, job, late)
    call = recorded_call(jobs.load_work(job.id).calls)
    assert call is not None
    assert call.answer is not None
    assert (call.number, call.answer["text"]) == (2, "the result")
    assert [answer is None for answer in kept(jobs, job)] == [True, False]


@pytest.mark.parametrize("truncated", [True, False])
@pytest.mark.parametrize("model", [TEXT_MODEL, OTHER_TEXT_MODEL])
def test_a_text_is_replayed_with_the_same_text_type_and_usage_at_no_cost(
    jobs: JobStore, model: str, *, truncated: bool
) -> None:
    source = a_source(jobs)
    answer = a_text_answer(FENCED, truncated=truncated, usage=replace(USAGE, estimated=True))
    attempt(jobs, source, FakeProvider(answer), model=model)
    job = a_replay(jobs, source)
    figures = replay(jobs, job)
    before, after = stored(jobs, source), stored(jobs, job)
    assert (after.result, after.usage, after.step) == (before.result, before.usage, "ReplayRecorded")
    assert after.usage is not None
    assert after.usage["fallback"] is (model != TEXT_MODEL)
    assert after.cost == figures["cost"] == {"model_usd": "0", "estimated": False}
    (call,) = jobs.load_work(job.id).calls
    assert (call.step, call.model, call.status) == ("ReplayRecorded", model, "succeeded")
    assert (call.cost_usd, call.upper_bound_usd, call.estimated) == (Decimal(0), Decimal(0), False)


def test_what_the_rules_wrote_is_replayed_too(jobs: JobStore) -> None:
    source = a_source(jobs)
    with pytest.raises(errors.ModelNotFound):
        attempt(jobs, source, FakeProvider(failing(errors.ModelNotFound)))
    attempt(jobs, source, RulesProvider(), model="rules", step="EnhanceByRules")
    job = a_replay(jobs, source)
    replay(jobs, job)
    before, after = stored(jobs, source), stored(jobs, job)
    assert (after.result, after.usage) == (before.result, before.usage)
    assert after.usage is not None
    assert (after.usage["model"], after.usage["fallback"]) == ("rules", True)


def test_images_are_replayed_as_the_same_pictures_under_the_new_jobs_own_keys(jobs: JobStore) -> None:
    without_seed = {name: value for name, value in IMAGE_INPUT.items() if name != "seed"}
    source = a_source(jobs, kind="image", input={**without_seed, "n": 2})
    artifacts = MemoryArtifacts()
    attempt(jobs, source, FakeProvider(an_image_answer(1, 2)), artifacts=artifacts)
    job = a_replay(jobs, source)
    replay(jobs, job, artifacts)
    before, after = stored(jobs, source), stored(jobs, job)
    assert before.result is not None
    assert after.result is not None
    for old, new in zip(before.result["images"], after.result["images"], strict=True):
        changed = {name for name in old if old[name] != new[name]}
        assert changed == {"id", "key"}
        assert new["key"].startswith(f"artifacts/{job.owner}/{job.id}/")
        assert artifacts.objects[new["key"]] == artifacts.objects[old["key"]]
    assert [artifacts.objects[image["key"]][0] for image in after.result["images"]] == [a_picture(1), a_picture(2)]
    assert (after.usage, after.cost) == (before.usage, {"model_usd": "0", "estimated": False})


@pytest.mark.parametrize("kind", ["enhance", "image"])
def test_a_recorded_job_can_be_replayed_as_recorded_itself(jobs: JobStore, kind: str) -> None:
    source = a_source(jobs, kind=kind)
    artifacts = MemoryArtifacts()
    answer = an_image_answer(1) if kind == "image" else a_text_answer(FENCED)
    attempt(jobs, source, FakeProvider(answer), artifacts=artifacts)
    first = a_replay(jobs, source)
    replay(jobs, first, artifacts)
    second = a_replay(jobs, first)
    replay(jobs, second, artifacts)
    assert stored(jobs, second).usage == stored(jobs, source).usage
    if kind == "enhance":
        assert stored(jobs, second).result == stored(jobs, source).result
        assert kept(jobs, second) == kept(jobs, source)


def test_it_runs_twice_like_any_step(jobs: JobStore) -> None:
    source = a_source(jobs)
    attempt(jobs, source, FakeProvider(a_text_answer()))
    job = a_replay(jobs, source)
    first = replay(jobs, job)
    provider = FakeProvider()
    assert attempt(jobs, job, provider, model=TEXT_MODEL, step="ReplayRecorded") == first
    assert provider.asked == []


def test_assembling_takes_over_the_request_and_the_models_as_they_are(jobs: JobStore) -> None:
    source = a_source(jobs, kind="image", input={**IMAGE_INPUT, "seed": None})
    attempt(jobs, source, FakeProvider(an_image_answer(1)), artifacts=MemoryArtifacts())
    job = a_replay(jobs, source)
    assert assemble(jobs, job) == {"candidates": [{"provider": "recorded", "model": "flux-schnell"}]}
    before, after = jobs.load_work(source.id), jobs.load_work(job.id)
    assert (after.request, after.models) == (before.request, before.models)
    assert (after.job.status, after.job.step) == ("running", "AssemblePrompt")


def test_a_model_that_is_called_no_more_is_still_replayed(jobs: JobStore) -> None:
    source = a_source(jobs, input={"prompt": "write to my landlord", "model": "claude-sonnet-4.5"})
    attempt(jobs, source, FakeProvider(a_text_answer()), model="claude-sonnet-4.5")
    job = a_replay(jobs, source)
    after_its_end_ms = AT_MS + 365 * 24 * 3600 * 1000
    answer = assembled_at(jobs, job, after_its_end_ms)
    assert answer == {"candidates": [{"provider": "recorded", "model": "claude-sonnet-4.5"}]}


def no_source(jobs: JobStore) -> Job:
    return a_replay(jobs, a_job())


def foreign_source(jobs: JobStore) -> Job:
    source = a_source(jobs, owner=OTHER_OWNER)
    attempt(jobs, source, FakeProvider(a_text_answer()))
    return a_replay(jobs, source)


def expired_source(jobs: JobStore) -> Job:
    source = assembled(jobs, expires_at_seconds=1)
    attempt(jobs, source, FakeProvider(a_text_answer()))
    return a_replay(jobs, source)


def unanswered_source(jobs: JobStore) -> Job:
    return a_replay(jobs, a_source(jobs))


@pytest.mark.parametrize("made", [no_source, foreign_source, expired_source, unanswered_source])
def test_a_source_that_is_gone_or_not_ones_own_is_a_broken_job(jobs: JobStore, made: Any) -> None:
    job = made(jobs)
    with pytest.raises(errors.JobStateBroken):
        assemble(jobs, job)
    assert jobs.load_work(job.id).request is None
    with pytest.raises(errors.JobStateBroken):
        answer_for(job.id, jobs=jobs)()


def test_a_picture_that_is_gone_fails_the_call_and_costs_nothing(jobs: JobStore) -> None:
    source = a_source(jobs, kind="image")
    attempt(jobs, source, FakeProvider(an_image_answer(1)), artifacts=MemoryArtifacts())
    job = a_replay(jobs, source)
    with pytest.raises(errors.JobStateBroken):
        replay(jobs, job, MemoryArtifacts())
    (call,) = jobs.load_work(job.id).calls
    assert (call.status, call.error, call.cost_usd) == ("failed", "JobStateBroken", Decimal(0))
    assert call.answer is None
    assert stored(jobs, job).cost == {"model_usd": "0", "estimated": False}


def test_a_live_replay_is_assembled_like_any_job(jobs: JobStore) -> None:
    source = a_source(jobs)
    attempt(jobs, source, FakeProvider(a_text_answer()))
    job = a_replay(jobs, source, replay_mode=ReplayMode.LIVE)
    assert assemble(jobs, job)["candidates"][0] == {"provider": "bedrock", "model": TEXT_MODEL}
    figures = attempt(jobs, job, FakeProvider(a_text_answer(usage=Usage(input_tokens=1, output_tokens=1))))
    assert figures["cost"]["model_usd"] != "0"
