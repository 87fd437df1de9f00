"""POST /v1/generate-prompt: PromptCraft's contract, answered at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.clock import now_ms
from promptmill.http.schemas import GeneratedPrompt, Problem
from tests.support.inventory import take_inventory
from tests.support.jobs import POLICY

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.stand_ins import StandIns

PROMPT = "Compare renting and buying a flat for a young family in Lisbon."


def test_the_answer_has_the_enhanced_prompt_and_the_figures_of_its_job(api: Api) -> None:
    answer = api.http.post("/v1/generate-prompt", json={"prompt": PROMPT, "tone": "professional", "length": "concise"})
    assert answer.status_code == 200
    generated = GeneratedPrompt.model_validate_json(answer.text)
    job = api.read(generated.metadata.jobId)
    assert "Lisbon" in generated.enhancedPrompt
    assert generated.enhancedPrompt == job["result"]["text"]
    assert generated.metadata.type == job["result"]["type"]
    assert generated.metadata.model == job["usage"]["model"] == "claude-haiku-4.5"
    assert generated.metadata.tokens.model_dump() == {
        "input": job["usage"]["input_tokens"],
        "output": job["usage"]["output_tokens"],
    }
    assert generated.metadata.cost == float(job["cost"]["model_usd"]) > 0
    assert 0 < generated.metadata.processingTime < 25_000
    assert generated.metadata.fallback is False
    assert job["input"] == {"prompt": PROMPT, "tone": "professional", "length": "concise"}


def test_when_no_model_answers_the_rules_do(api: Api, stand_ins: StandIns) -> None:
    prompt = "Compare trains and planes for a school trip to Vienna."
    stand_ins.script("chat", [{"status": 404}] * 2, match=prompt)
    generated = GeneratedPrompt.model_validate_json(api.http.post("/v1/generate-prompt", json={"prompt": prompt}).text)
    assert (generated.metadata.model, generated.metadata.fallback, generated.metadata.cost) == ("rules", True, 0)
    assert "Vienna" in generated.enhancedPrompt


def test_a_job_that_fails_is_a_problem_with_its_code_and_its_id(api: Api, stand_ins: StandIns) -> None:
    prompt = "Compare two things this provider will call malformed."
    stand_ins.script("chat", [{"status": 400}], match=prompt)
    answer = api.http.post("/v1/generate-prompt", json={"prompt": prompt})
    assert answer.status_code == 502
    problem = Problem.model_validate_json(answer.text)
    assert (problem.code, problem.retryable) == ("invalid_request", False)
    assert problem.job_id is not None
    assert api.read(problem.job_id)["status"] == "failed"


def test_blocked_content_is_a_422_with_its_code(api: Api, stand_ins: StandIns) -> None:
    prompt = "Compare two things this guardrail objects to."
    stand_ins.script("chat", [{"stop_reason": "guardrail_intervened"}], match=prompt)
    answer = api.http.post("/v1/generate-prompt", json={"prompt": prompt})
    assert answer.status_code == 422
    assert Problem.model_validate_json(answer.text).code == "content_blocked"


def test_over_the_limit_it_answers_429_with_the_seconds_to_wait_and_stores_nothing(api: Api) -> None:
    owner = api.run(kind="enhance", prompt=PROMPT)["owner"]
    _spend_the_burst(api, owner)
    before = take_inventory(api.stack)
    answer = api.http.post("/v1/generate-prompt", json={"prompt": PROMPT})
    assert answer.status_code == 429
    assert Problem.model_validate_json(answer.text).code == "rate_limited"
    assert 1 <= int(answer.headers["retry-after"]) <= 6
    assert '"user";r=0;' in answer.headers["ratelimit"]
    assert answer.headers["ratelimit-policy"] == '"user";q=10;w=60'
    assert take_inventory(api.stack) == before


def _spend_the_burst(api: Api, owner: str) -> None:
    """As ten jobs at once would, a moment ago."""
    arrival_ms = now_ms() + POLICY.burst * POLICY.interval_ms - 1
    api.stack.client("dynamodb").put_item(
        TableName=api.stack.control_table,
        Item={"pk": {"S": f"RATE#{owner}#user"}, "tat": {"N": str(arrival_ms)}},
    )
