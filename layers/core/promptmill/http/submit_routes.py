"""POST /v1/jobs, POST /v1/generate-prompt and, in its own module, POST /v1/jobs/{job_id}/replay."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from promptmill.clock import epoch_ms, now_ms
from promptmill.errors import (
    BudgetExhausted,
    ContentBlocked,
    InvalidHeader,
    RateLimited,
    Unauthenticated,
    describe_code,
)
from promptmill.http import problem
from promptmill.http.artifact_links import stored_artifacts
from promptmill.http.body import reads_body
from promptmill.http.documents import GENERATED, SUBMITTED, responses
from promptmill.http.idempotency_key import idempotency_key
from promptmill.http.job_answer import accepted_headers, job_answer, job_later
from promptmill.http.prefer import wait_seconds
from promptmill.http.rate_headers import rate_headers
from promptmill.http.replay_routes import add_replay_route
from promptmill.http.resolver import (
    base_url,
    caller,
    declared,
    json_response,
    make_resolver,
    note_job,
    request_header,
    request_id,
)
from promptmill.http.trace import trace_of
from promptmill.jobs.intake import Intake, Origin
from promptmill.jobs.model import JobStatus
from promptmill.jobs.requests import EnhanceJob, GeneratePrompt, ImageJob, JobRequest
from promptmill.jobs.waiting import wait_for_end
from promptmill.limits.gcra import Standing
from promptmill.limits.view import next_day
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.intake import Replay
    from promptmill.jobs.model import Job
    from promptmill.limits.gcra import RatePolicy

GENERATE_WAIT_MS = 25_000


@cache
def default_intake() -> Intake:
    """The intake of this process, from its settings."""
    from promptmill.gateway import EDGE_ATTEMPTS
    from promptmill.idempotency.store import idempotency_store
    from promptmill.jobs.gateway import generation_workflow
    from promptmill.jobs.store import job_store
    from promptmill.limits.default import default_plans
    from promptmill.limits.store import rate_store
    from promptmill.providers.default import configured_models

    (retention,) = settings().require("job_retention_days")
    return Intake(
        job_store(attempts=EDGE_ATTEMPTS),
        rate_store(),
        generation_workflow(),
        idempotency_store(),
        default_plans(),
        configured_models(),
        int(retention),
    )


@cache
def submit_api(
    intake: Intake | None = None,
    wait: Callable[[Callable[[], Job], int], Job | None] = wait_for_end,
    artifacts: ArtifactStore | None = None,
) -> APIGatewayRestResolver:
    """The resolver of the routes that make jobs; None is this process's own part."""
    app = make_resolver()

    def links() -> ArtifactStore:
        return artifacts or stored_artifacts()

    def later(job: Job, parts: Intake, budget_ms: int) -> Job:
        return job_later(app, job, lambda: parts.jobs.get(job.id, job.owner), wait, budget_ms)

    def accept(request: EnhanceJob | ImageJob, replay: Replay | None = None) -> Response[Any]:
        seconds = wait_seconds(request_header(app, "prefer"))
        parts = intake or default_intake()
        job, headers = _submit(app, parts, request, replay)
        headers |= accepted_headers(app, job)
        if seconds:
            headers["Preference-Applied"] = f"wait={seconds}"
            job = later(job, parts, seconds * 1000)
        status = HTTPStatus.OK if job.status.is_terminal else HTTPStatus.ACCEPTED
        return job_answer(app, job, status, artifacts=links, headers=headers)

    @app.post(
        "/v1/jobs",
        summary="Submit a job",
        description="Accepts the job and answers at once, or, with `Prefer: wait=N`, with the finished job if it ends "
        "within N seconds. Follow it at the Location.",
        tags=["Jobs"],
        operation_id="submitJob",
        responses=responses("job", HTTPStatus.OK, 202, 400, 409, 413, 415, 422, 429, 503, headers=SUBMITTED),
    )
    @reads_body(app, JobRequest)
    def submit_job(body: Annotated[JobRequest, Body()]) -> Response[Any]:
        return accept(body)

    @app.post(
        "/v1/generate-prompt",
        summary="Enhance a prompt and wait for it",
        description="An enhance job whose result is waited for, up to 25 seconds; after that, 202 with the job.",
        tags=["Jobs"],
        operation_id="generatePrompt",
        responses=responses(
            "generated",
            *(HTTPStatus.OK, 202, 400, 409, 413, 415, 429, 502, 503),
            problems={
                422: "The body breaks a rule (`errors` says which and where), its Idempotency-Key was used with "
                "another body, or the content filter refused the prompt."
            },
            accepted="job",
            headers=GENERATED,
        ),
    )
    @reads_body(app, GeneratePrompt)
    def generate_prompt(body: Annotated[GeneratePrompt, Body()]) -> Response[Any]:
        parts = intake or default_intake()
        job, headers = _submit(app, parts, body.as_job())
        job = later(job, parts, GENERATE_WAIT_MS)
        if not job.status.is_terminal:
            headers |= accepted_headers(app, job)
            return job_answer(app, job, HTTPStatus.ACCEPTED, artifacts=links, headers=headers)
        if job.status is not JobStatus.SUCCEEDED:
            return _failed(app, job, parts.policy_of(caller(app)), headers)
        return json_response(HTTPStatus.OK, generated_prompt(job), headers)

    add_replay_route(app, lambda: (intake or default_intake()).jobs, accept)
    return declared(app)


def generated_prompt(job: Job) -> dict[str, Any]:
    """PromptCraft's answer. ``processingTime`` is milliseconds, ``cost`` US dollars as a number, as it always was."""
    result, usage, cost = job.result or {}, job.usage or {}, job.cost or {}
    return {
        "enhancedPrompt": result["text"],
        "metadata": {
            "type": result["type"],
            "processingTime": epoch_ms(job.finished_at or job.created_at) - epoch_ms(job.created_at),
            "model": usage["model"],
            "tokens": {"input": usage["input_tokens"], "output": usage["output_tokens"]},
            "cost": float(cost["model_usd"]),
            "jobId": job.id,
            "fallback": usage["fallback"],
        },
    }


def _submit(
    app: APIGatewayRestResolver, intake: Intake, request: EnhanceJob | ImageJob, replay: Replay | None = None
) -> tuple[Job, dict[str, str]]:
    """The accepted job, with the headers that say so and those of the rate; a 429 has the latter too."""
    event = app.current_event.raw_event
    origin = Origin(
        base_url=base_url(event),
        trace=trace_of(app.current_event.headers, request_id(event)),
        idempotency_key=idempotency_key(event.get("multiValueHeaders") or {}),
    )
    who = caller(app)
    if who.is_anonymous and request.kind != "enhance":
        raise Unauthenticated
    if who.key is not None and origin.idempotency_key is None:
        raise InvalidHeader("An API key must send an Idempotency-Key.")
    policy = intake.policy_of(who)
    try:
        submission = intake.submit(request, who, origin, at_ms=now_ms(), replay=replay)
    except RateLimited as error:
        spent = _spent(policy, error.retry_after_seconds)
        app.append_context(rate_headers=spent)  # type: ignore[no-untyped-call]
        raise
    job = submission.job
    note_job(job)
    if submission.replayed:
        return job, rate_headers(submission.standing, policy) | {"Idempotency-Replayed": "true"}
    return job, rate_headers(submission.standing, policy, taken=1)


def _spent(policy: RatePolicy, seconds: int) -> dict[str, str]:
    """The rate headers of a 429."""
    return rate_headers(Standing(remaining=0, reset_ms=seconds * 1000), policy)


def _failed(app: APIGatewayRestResolver, job: Job, policy: RatePolicy, headers: dict[str, str]) -> Response[str]:
    """A job that did not succeed, as the problem its waiting caller gets."""
    error = job.error or {}
    code = error.get("code", "internal_error")
    status = HTTPStatus.BAD_GATEWAY
    if code == RateLimited.code:
        status = HTTPStatus.TOO_MANY_REQUESTS
        seconds = -(-policy.interval_ms // 1000)
        if error.get("step") == "CheckRate":
            headers = _spent(policy, seconds)
        headers = {**headers, "Retry-After": str(seconds)}
    elif code == BudgetExhausted.code:
        status = HTTPStatus.TOO_MANY_REQUESTS
        at_ms = now_ms()
        headers = {**headers, "Retry-After": str(-(-(epoch_ms(next_day(at_ms)) - at_ms) // 1000))}
    elif code == ContentBlocked.code:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    detail, retryable = describe_code(code)
    document = problem.problem(
        status,
        code=code,
        detail=detail,
        instance=app.current_event.path,
        request_id=request_id(app.current_event.raw_event),
        retryable=retryable,
    )
    document["job_id"] = job.id
    return json_response(status, document, headers, content_type=problem.CONTENT_TYPE)
