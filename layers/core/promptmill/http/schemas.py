"""The bodies the API answers with, for the OpenAPI document and the tests that hold the answers to it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from promptmill.http.answer import Answer, Timestamp, Usd
from promptmill.http.limits_schemas import Limits
from promptmill.identity.access import Role
from promptmill.jobs.execution.history import ExecutionStatus
from promptmill.jobs.model import JobStatus, ReplayMode


class Finding(Answer):
    pointer: str = Field(description="RFC 6901 pointer into the request body.")
    detail: str


class Problem(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    errors: list[Finding] = Field(default_factory=list)
    job_id: str | None = None


class Progress(Answer):
    step: str | None
    completed: int
    total: int


class TextResult(Answer):
    text: str
    type: str = Field(description="The kind of task the prompt was taken for.")


class ImageArtifact(Answer):
    id: str
    url: str = Field(description="Reads the image until `url_expires_at`; made for this answer, not stored.")
    url_expires_at: str = Timestamp
    width: int
    height: int
    seed: int
    content_type: str
    bytes: int
    sha256: str


class ImageResult(Answer):
    images: list[ImageArtifact]


class JobError(Answer):
    code: str
    step: str | None
    detail: str
    retryable: bool = Field(description="Whether a new job with the same input may succeed.")


class TextUsage(Answer):
    model: str
    input_tokens: int
    output_tokens: int
    truncated: bool
    fallback: bool = Field(description="Whether another model than the first choice answered.")
    prompt_version: str


class ImageUsage(Answer):
    model: str
    images: int
    truncated: bool
    fallback: bool


class Cost(Answer):
    model_usd: str = Usd
    estimated: bool = Field(description="Whether part of it is an upper bound, the provider not having said.")


class JobLinks(Answer):
    self: str
    cancel: str
    replay: str
    events: str
    execution: str


class Job(Answer):
    id: str
    object: Literal["job"]
    kind: Literal["enhance", "image"]
    status: JobStatus
    owner: str
    created_at: str = Timestamp
    started_at: str | None = Timestamp
    finished_at: str | None = Timestamp
    expires_at: str = Field(
        description="When the job and its artifacts are deleted.", json_schema_extra={"format": "date-time"}
    )
    deadline_at: str = Timestamp
    input: dict[str, Any]
    progress: Progress
    result: TextResult | ImageResult | None
    error: JobError | None
    usage: TextUsage | ImageUsage | None
    cost: Cost | None
    metadata: dict[str, str]
    replay_of: str | None
    replay_mode: ReplayMode | None
    links: JobLinks


class ExecutionAttempt(Answer):
    started_at: str = Timestamp
    finished_at: str | None = Timestamp
    duration_ms: int | None
    error: str | None = Field(description="The name of the error it ended with.")


class ExecutionStep(Answer):
    name: str
    started_at: str = Timestamp
    finished_at: str | None = Timestamp
    duration_ms: int | None
    waited_ms: int = Field(description="The time between its attempts, part of `duration_ms`.")
    error: str | None = Field(description="The name of the error its latest attempt ended with.")
    attempts: list[ExecutionAttempt] = Field(description="None for a step that calls nothing.")
    cost_usd: str | None = Field(
        description="What its model calls cost, in US dollars; null without a call.", pattern=r"^\d+(\.\d+)?$"
    )
    estimated: bool = Field(description="Whether part of the cost is an upper bound, the provider not having said.")


class Execution(Answer):
    object: Literal["execution"]
    job_id: str
    name: str
    status: ExecutionStatus | None
    started_at: str | None = Timestamp
    finished_at: str | None = Timestamp
    duration_ms: int | None
    console_url: str | None = Field(description="The execution in the AWS console. For operators; null for others.")
    steps: list[ExecutionStep]
    cost: Cost | None


class Redrive(Answer):
    object: Literal["redrive"]
    job_id: str
    redriven_from: str = Field(description="The step the execution goes on from.")
    saved_usd: str = Field(
        description="What the calls cost that are not made again, in US dollars.", pattern=r"^\d+(\.\d+)?$"
    )


class JobList(Answer):
    object: Literal["list"]
    data: list[Job] = Field(description="Newest first.")
    has_more: bool = Field(description="Whether there may be more behind this page.")
    next_cursor: str | None


class GeneratedTokens(Answer):
    input: int
    output: int


class GeneratedMetadata(Answer):
    type: str
    processingTime: int = Field(description="Milliseconds.")  # noqa: N815
    model: str
    tokens: GeneratedTokens
    cost: float = Field(description="US dollars.")
    jobId: str  # noqa: N815
    fallback: bool


class GeneratedPrompt(Answer):
    enhancedPrompt: str  # noqa: N815
    metadata: GeneratedMetadata


class Health(Answer):
    status: Literal["ok"]
    stage: str | None


class ModelEntry(Answer):
    alias: str
    provider: str
    kinds: list[str]
    price: dict[str, str | int] | None
    limits: dict[str, int | None]
    ends_on: str | None


class ModelList(Answer):
    object: Literal["list"]
    data: list[ModelEntry]


class User(Answer):
    id: str
    object: Literal["user"]
    email: str | None = Field(description="Verified by whom the user signs in with; null until a token says it.")
    display_name: str | None
    roles: list[Role]
    plan: str = Field(description="Whose limits hold.")
    created_at: str = Timestamp
    seen_at: str = Timestamp


class ComparedJob(Answer):
    id: str
    status: JobStatus
    kind: Literal["enhance", "image"]
    created_at: str = Timestamp


class Difference(Answer):
    """One field that differs; null where a job lacks it."""

    from_: Any = Field(alias="from")
    to: Any


class TextDifference(Answer):
    same: bool
    unified: str = Field(description="A unified diff by lines, empty when the texts are the same.")


class ImageDifference(Answer):
    """The SHA-256 of each image, in order."""

    same: bool
    from_: list[str] = Field(alias="from")
    to: list[str]


class CostDifference(Answer):
    from_: str = Field(alias="from", description="US dollars as a decimal string.", pattern=r"^\d+(\.\d+)?$")
    to: str = Usd
    difference_usd: str = Field(description="What `to` cost more, or with a minus less.", pattern=r"^-?\d+(\.\d+)?$")


class JobDiff(Answer):
    """`text` and `images` are null unless both jobs succeeded with one."""

    object: Literal["job_diff"]
    from_: ComparedJob = Field(alias="from")
    to: ComparedJob
    input: dict[str, Difference] = Field(description="The fields of the input that differ.")
    text: TextDifference | None
    images: ImageDifference | None
    usage: dict[str, Difference] = Field(description="The fields of the usage that differ.")
    cost: CostDifference


class Deletion(Answer):
    object: Literal["deletion"]
    status: Literal["running"]
    user: str


ANSWERS: tuple[type[BaseModel], ...] = (
    *(Job, JobList, JobDiff, Execution, Redrive, Problem),
    *(GeneratedPrompt, Health, ModelList, User, Deletion, Limits),
)
