"""Jobs on which nothing goes wrong."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd
from tests.workflows.cases import case

if TYPE_CHECKING:
    from tests.workflows.cases import Runs

ENHANCE = case("enhance", fields={"tone": "academic", "length": "detailed", "metadata": {"ticket": "42"}})
ENHANCE_WITH_A_MODEL = case("enhance_with_a_model", fields={"model": "nova-pro"})
TRUNCATED = case("truncated", chat=[{"stop_reason": "max_tokens"}])
IMAGES = case("images", kind="image", fields={"n": 2, "width": 320, "height": 256, "seed": 7})

HAPPY_TEXT_PATH = [
    "AnnounceAccepted",
    "CheckRate",
    "AssemblePrompt",
    "ChooseProvider",
    "InvokeBedrock",
    "PersistResult",
    "PublishOutcome",
    "CloseSucceeded",
]


def test_an_enhancement_goes_straight_through_in_eight_transitions(runs: Runs) -> None:
    run = runs.of(ENHANCE)
    assert run.execution.states == HAPPY_TEXT_PATH
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.job.result is not None
    assert run.token in run.job.result["text"]


def test_its_usage_and_cost_are_the_one_calls(runs: Runs) -> None:
    run = runs.of(ENHANCE)
    (call,) = run.calls
    assert run.job.usage is not None
    assert run.job.cost is not None
    assert (run.job.usage["model"], run.job.usage["fallback"]) == ("claude-haiku-4.5", False)
    assert run.job.usage["input_tokens"] > 0
    assert call.cost_usd is not None
    assert Decimal(0) < call.cost_usd <= call.upper_bound_usd
    assert run.job.cost == {"model_usd": format_usd(call.cost_usd), "estimated": False}


def test_its_event_has_the_figures_of_the_job_and_echoes_its_metadata(runs: Runs) -> None:
    run = runs.of(ENHANCE)
    assert run.event_names == ["job.accepted", "job.succeeded"]
    data = run.outcome["data"]
    assert data["usage"] == run.job.usage
    assert data["cost"] == run.job.cost
    assert data["metadata"] == {"ticket": "42"}
    assert data["duration_ms"] > 0
    assert run.outcome["metadata"]["id"] == outcome_event_id(run.job.id)
    assert run.outcome["metadata"]["occurred_at"] == run.job.finished_at


def test_the_model_a_job_names_is_the_one_called(runs: Runs) -> None:
    run = runs.of(ENHANCE_WITH_A_MODEL)
    assert run.made_calls == [("nova-pro", None)]
    assert run.job.usage is not None
    assert run.job.usage["fallback"] is False


def test_an_answer_cut_at_the_output_limit_succeeds_and_says_so(runs: Runs) -> None:
    run = runs.of(TRUNCATED)
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.job.usage is not None
    assert run.job.usage["truncated"] is True
    assert run.outcome["data"]["usage"]["truncated"] is True


def test_two_images_are_in_the_bucket_as_the_result_describes_them(runs: Runs) -> None:
    run = runs.of(IMAGES)
    assert run.execution.states == ["InvokeFlux" if s == "InvokeBedrock" else s for s in HAPPY_TEXT_PATH]
    assert run.job.result is not None
    first, second = run.job.result["images"]
    s3 = runs.world.stack.client("s3")
    for image in (first, second):
        stored = s3.get_object(Bucket=runs.world.stack.artifacts_bucket, Key=image["key"])
        content = stored["Body"].read()
        assert (stored["ContentType"], image["content_type"]) == ("image/png", "image/png")
        assert (image["width"], image["height"], image["bytes"]) == (320, 256, len(content))
        assert image["sha256"] == hashlib.sha256(content).hexdigest()
        assert image["key"].startswith(f"artifacts/{run.job.owner}/{run.job.id}/")
    assert (first["seed"], second["seed"]) == (7, 7)
    assert first["sha256"] != second["sha256"]


def test_images_are_priced_by_the_megapixel(runs: Runs) -> None:
    run = runs.of(IMAGES)
    expected = Decimal("0.0027") * 320 * 256 * 2 / 1_000_000
    assert run.job.cost == {"model_usd": format_usd(expected), "estimated": False}
    assert run.outcome["data"]["usage"] == {
        "model": "flux-schnell",
        "images": 2,
        "truncated": False,
        "fallback": False,
    }
