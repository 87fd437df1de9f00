"""What the OpenAPI document says of the report and of its parameters; serving it needs none of this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from promptmill.analytics.query import MAX_LENGTHS
from promptmill.analytics.report import DIMENSIONS
from promptmill.http.schemas import Answer, Usd

if TYPE_CHECKING:
    from pydantic import BaseModel

Dimension = Literal["day", "kind", "model", "status", "prompt_version"]
Milliseconds = Field(description="No more than this, in milliseconds; null without jobs, and above 1,000,000.")


class ReportedCost(Answer):
    model_usd: str = Usd


class ReportedDuration(Answer):
    average: int | None = Field(description="Milliseconds; null without jobs.")
    p50: int | None = Milliseconds
    p95: int | None = Milliseconds
    p99: int | None = Milliseconds


class ReportGroup(Answer):
    """The jobs that have in common what ``group`` says."""

    group: dict[Dimension, str | None] = Field(
        description="The value of each dimension of `group_by`; null where the jobs have none."
    )
    jobs: int
    input_tokens: int
    output_tokens: int
    cost: ReportedCost
    duration_ms: ReportedDuration = Field(description="From acceptance to the end.")
    fallbacks: int = Field(description="Jobs that another model than the first choice answered.")
    rejections: dict[str, int] = Field(description="Jobs that were rejected, by the code of the error.")
    failures: dict[str, int] = Field(description="Jobs that failed, by the code of the error.")


class Report(Answer):
    object: Literal["report"]
    owner: str = Field(description="Whose jobs these are; `all` for everybody's.")
    first_day: str = Field(alias="from", description="A day in UTC.", json_schema_extra={"format": "date"})
    to: str = Field(description="A day in UTC.", json_schema_extra={"format": "date"})
    group_by: list[Dimension]
    data: list[ReportGroup]


ANALYTICS_ANSWERS: tuple[type[BaseModel], ...] = (Report,)


def report_parameters() -> list[dict[str, Any]]:
    """The parameters of GET /v1/analytics."""
    return [
        _parameter("from", "The first day, in UTC, 400 days ago at most. Without it, six before `to`.", format="date"),
        _parameter(
            "to",
            "The last day, in UTC, not after tomorrow: at most 92 days with the first. Without it, today.",
            format="date",
        ),
        {
            "in": "query",
            "name": "group_by",
            "description": "What each group has in common, with commas between. Without it, one group of all jobs.",
            "style": "form",
            "explode": False,
            "schema": {
                "type": "array",
                "items": {"type": "string", "enum": list(DIMENSIONS)},
                "minItems": 1,
                "uniqueItems": True,
            },
        },
        _parameter(
            "owner",
            "The jobs of this owner, or of `all`, for operators only. Without it, the caller's own.",
            pattern="^((usr|ip)_[0-9a-f]{32}|all)$",
        ),
    ]


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "in": "query",
        "name": name,
        "description": f"{description} Given at most once.",
        "schema": {"type": "string", "maxLength": MAX_LENGTHS[name], **schema},
    }
