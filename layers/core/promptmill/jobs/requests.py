"""The bodies that make jobs: what is accepted, and the limits of every field."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from promptmill.jobs.model import ReplayMode

DEFAULT_DEADLINE_SECONDS = 300
# What ``_readable`` allows, for who reads the OpenAPI document.
READABLE_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


def _readable(text: str) -> str:
    """Line breaks and tabs are text; other control characters are not."""
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise ValueError("control characters other than line breaks and tabs are not allowed")
    return text


def _say_keys_are_readable(schema: dict[str, Any]) -> None:
    # pydantic would take a pattern of the key's own for a choice between values: ``patternProperties``.
    schema["propertyNames"]["pattern"] = READABLE_PATTERN


_IN_SCHEMA = Field(json_schema_extra={"pattern": READABLE_PATTERN})
EnhancePrompt = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=10, max_length=2000), AfterValidator(_readable), _IN_SCHEMA
]
ImagePrompt = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2000), AfterValidator(_readable), _IN_SCHEMA
]
Style = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_readable), _IN_SCHEMA
]
NegativePrompt = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_readable), _IN_SCHEMA
]
Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.\-]{0,63}$")]
Tone = Literal["professional", "casual", "academic", "creative", "technical"]
Length = Literal["concise", "balanced", "detailed"]
Pixels = Annotated[StrictInt, Field(ge=256, le=1440, multiple_of=32)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_readable)]
MetadataValue = Annotated[str, StringConstraints(max_length=512), AfterValidator(_readable), _IN_SCHEMA]

Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(max_length=16, description="Echoed in the job and its events.", json_schema_extra=_say_keys_are_readable),
]
DeadlineSeconds = Annotated[StrictInt, Field(ge=30, le=900, description="The job expires when it is not done by then.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _JobBody(_Body):
    metadata: Metadata = Field(default_factory=dict)
    deadline_seconds: DeadlineSeconds = DEFAULT_DEADLINE_SECONDS


class EnhanceJob(_JobBody):
    """Rewrite a prompt so that a model answers it better."""

    kind: Literal["enhance"]
    prompt: EnhancePrompt
    tone: Tone | None = None
    length: Length | None = None
    language: Annotated[
        str | None,
        Field(
            max_length=35,
            pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$",
            description="A BCP 47 tag, such as pt-BR.",
        ),
    ] = None
    model: Annotated[Alias | None, Field(description="A catalog alias; see GET /v1/models.")] = None
    stream: Annotated[
        StrictBool | None, Field(description="Pass the text on at the job's events while the model writes it.")
    ] = None


class ImageJob(_JobBody):
    """Draw images from a prompt."""

    kind: Literal["image"]
    prompt: ImagePrompt
    width: Pixels = 1024
    height: Pixels = 1024
    steps: Annotated[StrictInt, Field(ge=1, le=12)] = 4
    n: Annotated[StrictInt, Field(ge=1, le=4)] = 1
    seed: Annotated[StrictInt | None, Field(ge=0, le=2**32 - 1)] = None
    style: Style | None = None
    negative_prompt: NegativePrompt | None = None
    model: Annotated[Alias | None, Field(description="A catalog alias; see GET /v1/models.")] = None


JobRequest = Annotated[EnhanceJob | ImageJob, Field(discriminator="kind")]


class GeneratePrompt(_Body):
    """PromptCraft's request: an enhance job whose answer is waited for."""

    prompt: EnhancePrompt
    tone: Tone | None = None
    length: Length | None = None
    model: Alias | None = None

    def as_job(self) -> EnhanceJob:
        return EnhanceJob(kind="enhance", **self.model_dump(exclude_none=True))


class ReplayJob(_Body):
    """What a replay changes. What is left out, or null, is as the job that is replayed has it."""

    mode: Annotated[
        ReplayMode,
        Field(description="live asks the model again; recorded gives what was answered then, at no model cost."),
    ] = ReplayMode.LIVE
    model: Annotated[Alias | None, Field(description="A catalog alias; see GET /v1/models. Not in mode recorded.")] = (
        None
    )
    prompt: Annotated[str | None, Field(description="Within the limits of the job's kind. Not in mode recorded.")] = (
        None
    )
    parameters: Annotated[dict[str, Any] | None, Field(description="Of template jobs only.")] = None
    label: Annotated[str | None, Field(description="Of template jobs only.")] = None
    metadata: Metadata | None = None
    deadline_seconds: DeadlineSeconds | None = None
