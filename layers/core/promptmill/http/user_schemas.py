"""The bodies the routes of users answer with, as ``schemas`` has the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from promptmill.http.schemas import Answer, Timestamp, Usd
from promptmill.identity.access import Role

if TYPE_CHECKING:
    from pydantic import BaseModel


class User(Answer):
    id: str
    object: Literal["user"]
    email: str | None = Field(description="Verified by whom the user signs in with; null until a token says it.")
    display_name: str | None
    roles: list[Role]
    plan: str = Field(description="Whose limits hold.")
    created_at: str = Timestamp
    seen_at: str = Timestamp


class Deletion(Answer):
    object: Literal["deletion"]
    status: Literal["running"]
    user: str


class RequestLimit(Answer):
    limit: int = Field(description="Jobs per period in the long run.")
    period_seconds: int
    burst: int = Field(description="Jobs at once after a pause.")
    remaining: int
    reset_seconds: int = Field(description="Until one more is free.")


class CountLimit(Answer):
    limit: int
    used: int
    remaining: int


class DailyCountLimit(CountLimit):
    resets_at: str = Timestamp


class DailySpendingLimit(Answer):
    limit: str = Usd
    spent: str = Usd
    reserved: str = Usd
    remaining: str = Usd
    resets_at: str = Timestamp


class Limits(Answer):
    """A day is one in UTC."""

    object: Literal["limits"]
    plan: Literal["anonymous", "user", "key"]
    requests: RequestLimit
    concurrent_jobs: CountLimit
    images_per_day: DailyCountLimit
    daily_usd: DailySpendingLimit


USER_ANSWERS: tuple[type[BaseModel], ...] = (User, Deletion, Limits)
