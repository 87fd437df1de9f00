"""One provider step: what it leaves behind when all goes well, and when it is run again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from promptmill import errors
from promptmill.clock import is_id
from promptmill.jobs.model import JobStatus
from promptmill.prompting.meta_prompt import PROMPT_VERSION
from promptmill.prompting.model import TextRequest
from promptmill.providers.catalog import find_model
from promptmill.providers.cost import upper_bound_usd
from promptmill.providers.interface import Usage
from promptmill.providers.rules import RulesProvider
from tests.support.builders import AT_MS, IMAGE_INPUT, OWNER, PROMPT, FakeClock, a_job
from tests.unit.jobs.attempts import (
    IMAGE_MODEL,
    OTHER_TEXT_MODEL,
    TEXT,
    TEXT_MODEL,
    USD,
    a_picture,
    a_text_answer,
    an_image_answer,
    assembled,
    attempt,
    rows,
    stored,
)
from tests.unit.jobs.fakes import FakeProvider, MemoryArtifacts

if TYPE_CHECKING:
    from promptmill.jobs.store import JobStore


def test_a_text_answer_becomes_the_jobs_result_usage_and_cost(jobs: JobStore) -> None:
    job = assembled(jobs)
    figures = attempt(jobs, job, FakeProvider(a_text_answer()))
    after = stored(jobs, job)
    assert after.result == {"text": TEXT, "type": "content"}
    assert after.usage == {
        "model": TEXT_MODEL,
        "input_tokens": 300,
        "output_tokens": 200,
        "truncated": False,
        "fallback": False,
        "prompt_version": PROMPT_VERSION,
    }
    assert after.cost == {"model_usd": "0.000649", "estimated": False}
    assert figures == {"usage": after.usage, "cost": after.cost}


def test_the_job_is_still_running_and_says_which_step_it_is_at(jobs: JobStore) -> None:
    job = assembled(jobs)
    attempt(jobs, job, FakeProvider(a_text_answer()), step="InvokeBedrock")
    after = stored(jobs, job)
    assert (after.status, after.step, after.finished_at) == (JobStatus.RUNNING, "InvokeBedrock", None)


def test_the_provider_is_asked_once_for_the_model_with_the_request_that_was_assembled(jobs: JobStore) -> None:
    provider = FakeProvider(a_text_answer())
    attempt(jobs, assembled(jobs), provider)
    ((alias, request),) = provider.asked
    assert alias == TEXT_MODEL
    assert isinstance(request, TextRequest)
    assert PROMPT in request.messages[-1].text
    assert PROMPT not in request.system


def test_the_ledger_has_the_call_with_what_it_cost(jobs: JobStore) -> None:
    job = assembled(jobs)
    clock = FakeClock()
    attempt(jobs, job, FakeProvider(a_text_answer(), meanwhile=lambda: clock.advance(1500)), clock=clock)
    (call,) = jobs.load_work(job.id).calls
    assert (call.number, call.step, call.model, call.status) == (1, "InvokeBedrock", TEXT_MODEL, "succeeded")
    assert (call.cost_usd, call.estimated, call.error) == (USD, False, None)
    assert call.upper_bound_usd > USD
    assert call.provider_request_id == "req-bedrock-1"
    assert (call.started_at, call.finished_at) == ("2026-11-21T10:00:00.000Z", "2026-11-21T10:00:01.500Z")


def test_the_row_counts_at_its_upper_bound_before_the_provider_is_asked(jobs: JobStore) -> None:
    job = assembled(jobs)
    seen = []
    provider = FakeProvider(a_text_answer(), meanwhile=lambda: seen.append((rows(jobs, job), stored(jobs, job).cost)))
    attempt(jobs, job, provider)
    most = upper_bound_usd(find_model(TEXT_MODEL), provider.asked[0][1])
    row = {"number": 1, "status": "started", "usd": most, "estimated": False, "error": None}
    assert seen == [([row], {"model_usd": f"{most.normalize():f}", "estimated": True})]


def test_images_are_kept_once_and_described_by_what_was_kept(jobs: JobStore) -> None:
    job = assembled(jobs, kind="image", input={**IMAGE_INPUT, "n": 2})
    artifacts = MemoryArtifacts()
    attempt(jobs, job, FakeProvider(an_image_answer(10, 20)), artifacts=artifacts, step="InvokeFlux")
    after = stored(jobs, job)
    assert after.result is not None
    images = after.result["images"]
    for image, shade, seed in zip(images, (10, 20), (7, 7), strict=True):
        content, content_type = artifacts.objects[image["key"]]
        assert content == a_picture(shade)
        assert image["key"] == f"artifacts/{OWNER}/{job.id}/{image['id']}.png"
        assert is_id("img", image["id"])
        assert (image["width"], image["height"], image["seed"]) == (64, 32, seed)
        assert (image["content_type"], image["bytes"]) == (content_type, len(content)) == ("image/png", len(content))
        assert image["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(artifacts.objects) == 2
    assert after.usage == {"model": IMAGE_MODEL, "images": 2, "truncated": False, "fallback": False}
    assert after.cost == {"model_usd": "0.00001106", "estimated": False}  # 2 x 64 x 32 pixels at 0.0027 a megapixel


def test_images_without_a_place_to_keep_them_are_a_mistake_of_ours(jobs: JobStore) -> None:
    job = assembled(jobs, kind="image")
    with pytest.raises(TypeError):
        attempt(jobs, job, FakeProvider(an_image_answer(0)))


@pytest.mark.parametrize("truncated", [True, False])
def test_an_answer_cut_at_the_output_limit_says_so(jobs: JobStore, *, truncated: bool) -> None:
    job = assembled(jobs)
    figures = attempt(jobs, job, FakeProvider(a_text_answer(truncated=truncated)))
    assert figures["usage"]["truncated"] is truncated


def test_tokens_the_provider_did_not_count_make_the_cost_an_estimate(jobs: JobStore) -> None:
    job = assembled(jobs)
    usage = Usage(input_tokens=300, output_tokens=200, estimated=True)
    figures = attempt(jobs, job, FakeProvider(a_text_answer(usage=usage)))
    assert figures["cost"] == {"model_usd": "0.000649", "estimated": True}


def test_an_estimate_is_no_more_than_the_call_can_have_cost(jobs: JobStore) -> None:
    job = assembled(jobs)
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000, estimated=True)
    attempt(jobs, job, FakeProvider(a_text_answer(usage=usage)))
    (call,) = jobs.load_work(job.id).calls
    assert call.cost_usd == call.upper_bound_usd


def test_the_rules_enhance_for_nothing(jobs: JobStore) -> None:
    job = assembled(jobs)
    figures = attempt(jobs, job, RulesProvider(), model="rules", step="EnhanceByRules")
    after = stored(jobs, job)
    assert figures["cost"] == {"model_usd": "0", "estimated": False}
    assert after.result is not None
    assert "landlord" in after.result["text"]


def test_a_second_run_returns_the_first_ones_figures_and_asks_nobody(jobs: JobStore) -> None:
    job = assembled(jobs)
    first = attempt(jobs, job, FakeProvider(a_text_answer()))
    before = stored(jobs, job)
    second_provider = FakeProvider()
    assert attempt(jobs, job, second_provider, model=OTHER_TEXT_MODEL) == first
    assert second_provider.asked == []
    assert stored(jobs, job) == before
    assert len(rows(jobs, job)) == 1


def test_the_model_that_was_to_be_tried_first_is_no_fallback_and_every_other_is(jobs: JobStore) -> None:
    first, second, rules = assembled(jobs), assembled(jobs), assembled(jobs)
    assert attempt(jobs, first, FakeProvider(a_text_answer()), model=TEXT_MODEL)["usage"]["fallback"] is False
    assert attempt(jobs, second, FakeProvider(a_text_answer()), model=OTHER_TEXT_MODEL)["usage"]["fallback"] is True
    assert attempt(jobs, rules, RulesProvider(), model="rules")["usage"]["fallback"] is True


def test_the_model_the_caller_asked_for_is_the_first_choice(jobs: JobStore) -> None:
    asked = {"prompt": PROMPT, "model": OTHER_TEXT_MODEL}
    granted, fallen = assembled(jobs, input=asked), assembled(jobs, input=asked)
    assert attempt(jobs, granted, FakeProvider(a_text_answer()), model=OTHER_TEXT_MODEL)["usage"]["fallback"] is False
    assert attempt(jobs, fallen, FakeProvider(a_text_answer()), model=TEXT_MODEL)["usage"]["fallback"] is True


@pytest.mark.parametrize("status", ["queued", "succeeded", "failed", "rejected", "canceled", "expired"])
def test_nothing_is_paid_for_a_job_that_is_not_running(jobs: JobStore, status: str) -> None:
    job = a_job(status)
    jobs.add(job)
    provider = FakeProvider()
    with pytest.raises(errors.JobSettled):
        attempt(jobs, job, provider)
    assert (provider.asked, rows(jobs, job)) == ([], [])


def test_nothing_is_paid_for_a_job_past_its_deadline(jobs: JobStore) -> None:
    job = assembled(jobs, deadline_at="2026-11-21T10:00:30.000Z")
    provider = FakeProvider()
    with pytest.raises(errors.DeadlinePassed):
        attempt(jobs, job, provider, clock=FakeClock(AT_MS + 30_000))
    assert (provider.asked, rows(jobs, job)) == ([], [])


def test_a_job_one_millisecond_before_its_deadline_is_still_worked_on(jobs: JobStore) -> None:
    job = assembled(jobs, deadline_at="2026-11-21T10:00:30.000Z")
    attempt(jobs, job, FakeProvider(a_text_answer()), clock=FakeClock(AT_MS + 29_999))
    assert stored(jobs, job).result is not None


def test_a_result_that_came_in_time_stands_after_the_deadline(jobs: JobStore) -> None:
    job = assembled(jobs, deadline_at="2026-11-21T10:00:30.000Z")
    first = attempt(jobs, job, FakeProvider(a_text_answer()))
    assert attempt(jobs, job, FakeProvider(), clock=FakeClock(AT_MS + 60_000)) == first


def test_an_unknown_model_is_refused_before_any_call(jobs: JobStore) -> None:
    job = assembled(jobs)
    provider = FakeProvider()
    with pytest.raises(errors.InvalidInput):
        attempt(jobs, job, provider, model="no-such-model")
    assert (provider.asked, rows(jobs, job)) == ([], [])


def test_a_model_whose_price_does_not_fit_the_request_is_refused_before_any_call(jobs: JobStore) -> None:
    job = assembled(jobs)
    provider = FakeProvider()
    with pytest.raises(errors.ModelUnpriced):
        attempt(jobs, job, provider, model=IMAGE_MODEL)
    assert (provider.asked, rows(jobs, job), stored(jobs, job).cost) == ([], [], None)


def test_a_job_whose_request_was_never_assembled_is_broken(jobs: JobStore) -> None:
    job = a_job("running")
    jobs.add(job)
    with pytest.raises(errors.JobStateBroken):
        attempt(jobs, job, FakeProvider())
    with pytest.raises(errors.JobStateBroken):
        attempt(jobs, a_job("running"), FakeProvider())


def test_the_figures_are_exact_to_the_billionth_of_a_dollar(jobs: JobStore) -> None:
    job = assembled(jobs)
    figures = attempt(jobs, job, FakeProvider(a_text_answer(usage=Usage(input_tokens=1, output_tokens=1))))
    assert figures["cost"]["model_usd"] == "0.00000308"
    assert rows(jobs, job)[0]["usd"] == Decimal("0.00000308")


def test_the_stored_job_is_the_one_that_was_added_but_for_what_the_step_wrote(jobs: JobStore) -> None:
    job = assembled(jobs, metadata={"order": "7"})
    attempt(jobs, job, FakeProvider(a_text_answer()))
    after = stored(jobs, job)
    written = {name: getattr(after, name) for name in ("status", "started_at", "step", "result", "usage", "cost")}
    assert after == replace(job, **written)
