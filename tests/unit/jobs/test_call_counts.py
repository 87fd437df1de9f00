"""Which calls are counted, and which of them as a provider's errors."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from promptmill import errors
from promptmill.jobs.call_counts import count_call
from promptmill.settings import settings
from tests.support.builders import a_call, a_job
from tests.unit.jobs.attempts import a_text_answer, assembled, attempt, failing
from tests.unit.jobs.fakes import FakeProvider, MemoryJobStore


@pytest.fixture(autouse=True)
def _stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PROMPTMILL_STAGE", "dev")
    settings.cache_clear()
    yield
    settings.cache_clear()


def counted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What each line says, without what every line says."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [{name: line[name] for name in line if name not in {"_aws", "service", "stage"}} for line in lines]


def test_a_call_that_succeeded_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    count_call(a_job(), a_call(status="succeeded"))
    assert counted(capsys) == [
        {"kind": "enhance", "model": "nova-2-lite", "outcome": "succeeded", "ProviderCalls": [1.0]}
    ]


@pytest.mark.parametrize("kind", [errors.ProviderThrottled, errors.ProviderTimeout, errors.ModelNotFound])
def test_a_call_that_the_provider_failed_is_one_error(
    capsys: pytest.CaptureFixture[str], kind: type[errors.PromptmillError]
) -> None:
    count_call(a_job(), a_call(status="failed", error=kind.__name__))
    (line,) = counted(capsys)
    assert (line["outcome"], line["ProviderCalls"], line["ProviderErrors"]) == (kind.code, [1.0], [1.0])


@pytest.mark.parametrize("kind", [errors.ContentBlocked, errors.StoreUnavailable, errors.DeadlinePassed])
def test_a_call_that_failed_for_another_reason_is_counted_and_not_as_the_providers(
    capsys: pytest.CaptureFixture[str], kind: type[errors.PromptmillError]
) -> None:
    count_call(a_job(), a_call(status="failed", error=kind.__name__))
    (line,) = counted(capsys)
    assert (line["outcome"], line["ProviderCalls"]) == (kind.code, [1.0])
    assert "ProviderErrors" not in line


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (a_text_answer(), "succeeded"),
        (failing(errors.ProviderThrottled), "provider_throttled"),
        (a_text_answer(""), "provider_answer_broken"),
    ],
    ids=["answered", "failed", "not to be read"],
)
def test_an_attempt_tells_of_its_call_once(answer: Any, outcome: str) -> None:
    jobs = MemoryJobStore()
    job = assembled(jobs)
    told: list[tuple[str, str]] = []
    with contextlib.suppress(errors.PromptmillError):
        attempt(jobs, job, FakeProvider(answer), count=lambda job, call: told.append((job.id, call.outcome)))
    assert told == [(job.id, outcome)]


def test_an_attempt_that_makes_no_call_tells_of_none() -> None:
    """Here the result is there already."""
    jobs = MemoryJobStore()
    job = assembled(jobs)
    attempt(jobs, job, FakeProvider(a_text_answer()))
    told: list[str] = []
    attempt(jobs, job, FakeProvider(a_text_answer()), count=lambda job, _call: told.append(job.id))
    assert told == []
