"""What the schemas of the API's answers share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Usd = Field(description="US dollars as a decimal string.", pattern=r"^\d+(\.\d+)?$")
Timestamp = Field(description="RFC 3339, UTC.", json_schema_extra={"format": "date-time"})


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
