"""The body of ``GET /v1/me/limits``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from promptmill.http.answer import Answer, Timestamp, Usd


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
