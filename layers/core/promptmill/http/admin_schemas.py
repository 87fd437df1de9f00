"""The bodies the admins' routes answer with, as ``schemas`` has the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from promptmill.http.schemas import Answer, Timestamp, Usd
from promptmill.identity.access import Scope
from promptmill.identity.api_keys.model import KeyStatus

if TYPE_CHECKING:
    from pydantic import BaseModel


class ApiKey(Answer):
    id: str
    object: Literal["api_key"]
    name: str
    owner: str = Field(description="The user whom jobs made with it belong to.")
    scopes: list[Scope]
    status: KeyStatus
    created_at: str = Timestamp
    expires_at: str = Timestamp
    previous_secret_expires_at: str | None = Field(
        description="Until when the secret before the newest is valid, while the key is active.",
        json_schema_extra={"format": "date-time"},
    )
    last_used_at: str | None = Field(description="To the hour.", json_schema_extra={"format": "date-time"})
    revoked_at: str | None = Timestamp


class NewApiKey(ApiKey):
    secret: str = Field(description="What the server sends as `Authorization: Bearer …`. Not kept, so shown once.")


class ApiKeyList(Answer):
    object: Literal["list"]
    data: list[ApiKey] = Field(description="Newest first.")
    has_more: bool
    next_cursor: str | None


class SubjectLimits(Answer):
    object: Literal["subject_limits"]
    subject: str
    requests_per_minute: int | None
    burst: int | None
    concurrent_jobs: int | None
    images_per_day: int | None
    daily_usd: str | None = Usd


ADMIN_ANSWERS: tuple[type[BaseModel], ...] = (ApiKey, NewApiKey, ApiKeyList, SubjectLimits)
