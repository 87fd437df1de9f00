"""One provider step that does not end well: the money is counted, whatever breaks, and the step can be run again."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.providers.catalog import find_model
from promptmill.providers.cost import format_usd, upper_bound_usd
from promptmill.providers.interface import Usage
from tests.support.builders import IMAGE_INPUT, FakeClock
from tests.unit.jobs.attempts import (
    OTHER_TEXT_MODEL,
    TEXT_MODEL,
    USAGE,
    USD,
    a_picture,
    a_text_answer,
    an_image_answer,
    assembled,
    attempt,
    failing,
    rows,
    stored,
)
from tests.unit.jobs.fakes import FakeProvider, MemoryArtifacts

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore

NOT_BILLED = [
    errors.ProviderThrottled,
    errors.ProviderWarming,
    errors.ProviderError,
    errors.ProviderUnavailable,
    errors.ProviderModelError,
    errors.InvalidRequest,
    errors.ProviderAccessDenied,
    errors.ProviderQuota,
    errors.ModelNotFound,
    errors.ContentBlocked,
]
PERHAPS_BILLED = [errors.ProviderTimeout, errors.ProviderStreamBroken, errors.ProviderAnswerBroken]


def fail(jobs: JobStore, job: Job, error: errors.PromptmillError, **options: Any) -> FakeProvider:
    """Runs the step with a provider that raises this error, and holds the step to raising it too."""
    provider = FakeProvider(error)
    with pytest.raises(type(error)) as caught:
        attempt(jobs, job, provider, **options)
    assert caught.value is error
    return provider


def most_usd(provider: FakeProvider, model: str = TEXT_MODEL) -> Decimal:
    return upper_bound_usd(find_model(model), provider.asked[0][1])


def a_failed_row(number: int, usd: Decimal, error: type[BaseException], *, estimated: bool = False) -> dict[str, Any]:
    return {"number": number, "status": "failed", "usd": usd, "estimated": estimated, "error": error.__name__}


@pytest.mark.parametrize("kind", NOT_BILLED)
def test_an_error_before_the_provider_began_to_answer_costs_nothing(
    jobs: JobStore, kind: type[errors.PromptmillError]
) -> None:
    job = assembled(jobs)
    fail(jobs, job, failing(kind))
    assert rows(jobs, job) == [a_failed_row(1, Decimal(0), kind)]
    assert stored(jobs, job).cost == {"model_usd": "0", "estimated": False}


@pytest.mark.parametrize("kind", PERHAPS_BILLED)
def test_an_error_after_which_nobody_knows_the_bill_costs_the_upper_bound(
    jobs: JobStore, kind: type[errors.PromptmillError]
) -> None:
    job = assembled(jobs)
    most = most_usd(fail(jobs, job, failing(kind)))
    assert most > 0
    assert rows(jobs, job) == [a_failed_row(1, most, kind, estimated=True)]
    assert stored(jobs, job).cost == {"model_usd": format_usd(most), "estimated": True}


@pytest.mark.parametrize("kind", [errors.ContentBlocked, errors.ProviderStreamBroken, errors.ProviderModelError])
def test_an_error_that_carries_the_bill_costs_what_was_billed(
    jobs: JobStore, kind: type[errors.PromptmillError]
) -> None:
    job = assembled(jobs)
    fail(jobs, job, failing(kind, usage=USAGE))
    assert rows(jobs, job) == [a_failed_row(1, USD, kind)]
    assert stored(jobs, job).cost == {"model_usd": "0.000649", "estimated": False}


def test_a_bill_the_provider_did_not_state_is_taken_at_the_upper_bound(jobs: JobStore) -> None:
    job = assembled(jobs)
    guessed = Usage(input_tokens=1, output_tokens=1, estimated=True)
    most = most_usd(fail(jobs, job, failing(errors.ContentBlocked, usage=guessed)))
    assert rows(jobs, job) == [a_failed_row(1, most, errors.ContentBlocked, estimated=True)]


@pytest.mark.parametrize("kind", PERHAPS_BILLED)
def test_a_free_call_that_fails_is_known_to_have_cost_nothing(
    jobs: JobStore, kind: type[errors.PromptmillError]
) -> None:
    job = assembled(jobs)
    fail(jobs, job, failing(kind), model="rules")
    assert stored(jobs, job).cost == {"model_usd": "0", "estimated": False}


def test_a_failed_call_leaves_the_job_without_result_and_ready_for_the_next(jobs: JobStore) -> None:
    job = assembled(jobs)
    fail(jobs, job, failing(errors.ProviderThrottled))
    after = stored(jobs, job)
    assert (after.status, after.result, after.usage, after.error) == ("running", None, None, None)
    attempt(jobs, job, FakeProvider(a_text_answer()))
    assert stored(jobs, job).result is not None


def test_the_costs_of_all_attempts_add_up(jobs: JobStore) -> None:
    job = assembled(jobs)
    fail(jobs, job, failing(errors.ProviderThrottled))
    timeout = fail(jobs, job, failing(errors.ProviderTimeout))
    fail(jobs, job, failing(errors.ProviderStreamBroken, usage=USAGE), model=OTHER_TEXT_MODEL)
    figures = attempt(jobs, job, FakeProvider(a_text_answer()), model=OTHER_TEXT_MODEL)
    other_usd = Decimal("0.00143")  # 300 * 1.10 + 200 * 5.50, per million
    total = most_usd(timeout) + other_usd + other_usd
    assert [row["usd"] for row in rows(jobs, job)] == [0, most_usd(timeout), other_usd, other_usd]
    assert figures["cost"] == {"model_usd": format_usd(total), "estimated": True}
    assert stored(jobs, job).cost == figures["cost"]


class Crash(BaseException):
    """The process is gone, as at a Lambda timeout: nothing after it runs."""


def test_a_crash_during_the_call_leaves_a_row_that_counts_at_its_upper_bound(jobs: JobStore) -> None:
    job = assembled(jobs)
    crashed = FakeProvider(Crash())
    with pytest.raises(Crash):
        attempt(jobs, job, crashed)
    most = most_usd(crashed)
    assert rows(jobs, job) == [{"number": 1, "status": "started", "usd": most, "estimated": False, "error": None}]
    # Also when no later step settles it: the workflow keeps a cost that is there.
    assert stored(jobs, job).cost == {"model_usd": format_usd(most), "estimated": True}


def test_the_run_after_a_crash_makes_a_call_of_its_own_and_counts_both(jobs: JobStore) -> None:
    job = assembled(jobs)
    crashed = FakeProvider(Crash())
    with pytest.raises(Crash):
        attempt(jobs, job, crashed)
    figures = attempt(jobs, job, FakeProvider(a_text_answer()))
    assert [row["status"] for row in rows(jobs, job)] == ["started", "succeeded"]
    assert figures["cost"] == {"model_usd": format_usd(most_usd(crashed) + USD), "estimated": True}


@pytest.mark.parametrize("text", ["", "   \n", "```\n```", '""'])
def test_an_answer_without_a_prompt_in_it_was_paid_all_the_same(jobs: JobStore, text: str) -> None:
    job = assembled(jobs)
    with pytest.raises(errors.ProviderAnswerBroken):
        attempt(jobs, job, FakeProvider(a_text_answer(text)))
    assert rows(jobs, job) == [a_failed_row(1, USD, errors.ProviderAnswerBroken)]
    assert stored(jobs, job).cost == {"model_usd": "0.000649", "estimated": False}
    assert stored(jobs, job).result is None


def test_images_that_could_not_be_kept_were_paid_all_the_same(jobs: JobStore) -> None:
    job = assembled(jobs, kind="image")
    with pytest.raises(errors.StoreUnavailable):
        attempt(jobs, job, FakeProvider(an_image_answer(0)), artifacts=MemoryArtifacts(fails_at=[1]))
    usd = Decimal("0.0000055296")  # 64 x 32 pixels at 0.0027 a megapixel
    assert rows(jobs, job) == [a_failed_row(1, usd, errors.StoreUnavailable)]
    assert stored(jobs, job).cost == {"model_usd": "0.00000553", "estimated": False}
    assert stored(jobs, job).result is None


def test_what_is_said_of_an_image_holds_for_the_one_that_was_kept(jobs: JobStore) -> None:
    """The first run keeps one of its two images and fails; the second run gets other images for the same request."""
    job = assembled(jobs, kind="image", input={**IMAGE_INPUT, "n": 2})
    artifacts = MemoryArtifacts(fails_at=[2])
    with pytest.raises(errors.StoreUnavailable):
        attempt(jobs, job, FakeProvider(an_image_answer(10, 20)), artifacts=artifacts)
    attempt(jobs, job, FakeProvider(an_image_answer(30, 40)), artifacts=artifacts)
    result = stored(jobs, job).result
    assert result is not None
    kept = [artifacts.objects[image["key"]][0] for image in result["images"]]
    assert kept == [a_picture(30), a_picture(40)]


def test_the_same_images_twice_are_kept_once(jobs: JobStore) -> None:
    job = assembled(jobs, kind="image", input={**IMAGE_INPUT, "n": 2})
    artifacts = MemoryArtifacts(fails_at=[2])
    with pytest.raises(errors.StoreUnavailable):
        attempt(jobs, job, FakeProvider(an_image_answer(10, 20)), artifacts=artifacts)
    attempt(jobs, job, FakeProvider(an_image_answer(10, 20)), artifacts=artifacts)
    assert len(artifacts.objects) == 2


def test_two_images_alike_in_one_answer_are_two_images(jobs: JobStore) -> None:
    job = assembled(jobs, kind="image", input={**IMAGE_INPUT, "n": 2})
    artifacts = MemoryArtifacts()
    attempt(jobs, job, FakeProvider(an_image_answer(10, 10)), artifacts=artifacts)
    assert len(artifacts.objects) == 2


@pytest.mark.parametrize(("asked_for", "kept_ms"), [(None, 0), (1, 1000), (5, 5000), (3600, 5000)])
def test_a_provider_that_asks_to_be_left_alone_is_for_as_long_as_the_function_can(
    jobs: JobStore, asked_for: int | None, kept_ms: int
) -> None:
    job, clock = assembled(jobs), FakeClock()
    started_ms = clock()
    refusal = failing(errors.ProviderThrottled, retry_after_seconds=asked_for)
    with pytest.raises(errors.ProviderThrottled):
        attempt(jobs, job, FakeProvider(refusal), clock=clock)
    assert clock() - started_ms == kept_ms
    (row,) = rows(jobs, job)
    assert row["error"] == "ProviderThrottled"
