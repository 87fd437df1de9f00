"""The bodies of the admins' routes: what is accepted, and the limits of every field."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from promptmill.clock import instant_ms, new_id
from promptmill.errors import InvalidInput
from promptmill.http.one_line import IN_SCHEMA, OF_ONE_LINE
from promptmill.identity.access import Scope
from promptmill.identity.api_keys.model import (
    DEFAULT_LIFE_MS,
    DEFAULT_OVERLAP_SECONDS,
    MAX_LIFE_MS,
    MAX_OVERLAP_SECONDS,
    ApiKey,
    make_key,
)

USER_ID = r"^usr_[0-9a-f]{32}$"


def _instant(text: str) -> str:
    try:
        instant_ms(text)
    except ValueError:
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-11-21T10:00:00.000Z") from None
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), OF_ONE_LINE, IN_SCHEMA]
Instant = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_instant)]
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]
PositiveCount = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Usd = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class CreateApiKey(_Body):
    """What a new key is to be."""

    name: Annotated[Name, Field(description="What it is for, for people.")]
    owner: Annotated[
        str | None,
        Field(pattern=USER_ID, description="The user whom jobs made with it belong to; left out, the admin."),
    ] = None
    scopes: Annotated[frozenset[Scope], Field(min_length=1, description="What it may do.")]
    expires_at: Annotated[Instant | None, Field(description="Within 730 days; left out, 365 days from now.")] = None


class RotateApiKey(_Body):
    """How a secret is followed by another."""

    overlap_seconds: Annotated[
        StrictInt, Field(ge=0, le=MAX_OVERLAP_SECONDS, description="How long the secret until now stays valid.")
    ] = DEFAULT_OVERLAP_SECONDS


class SetLimits(_Body):
    """The limits that are to hold in place of the plan's. What is left out, or null, stays as the plan has it."""

    requests_per_minute: PositiveCount | None = None
    burst: PositiveCount | None = None
    concurrent_jobs: Count | None = None
    images_per_day: Count | None = None
    daily_usd: Annotated[Usd | None, Field(description="US dollars as a decimal string.")] = None


def new_key(wanted: CreateApiKey, *, owner: str, secret: str, at_ms: int) -> ApiKey:
    """The key that is wanted, for this owner; raises ``InvalidInput`` when it would end in the past or too late."""
    expires_at_ms = at_ms + DEFAULT_LIFE_MS if wanted.expires_at is None else instant_ms(wanted.expires_at)
    if not at_ms < expires_at_ms <= at_ms + MAX_LIFE_MS:
        raise invalid_field("/expires_at", "must be in the future, and within 730 days")
    return make_key(
        new_id("key", at_ms),
        wanted.name,
        owner=owner,
        scopes=wanted.scopes,
        secret=secret,
        expires_at_ms=expires_at_ms,
        at_ms=at_ms,
    )


def invalid_field(pointer: str, detail: str) -> InvalidInput:
    """The refusal of a body for one of its fields."""
    return InvalidInput("The request is not valid; see errors.", errors=((pointer, detail),))
