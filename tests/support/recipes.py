"""One legal request for every operation of the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.access_check import document_operations
from local.stack import ROOT
from promptmill.clock import now_ms, timestamp
from promptmill.identity.access import Scope
from promptmill.jobs.model import JobStatus
from promptmill.jobs.store import JobStore
from tests.support.builders import COST, TEXT_USAGE
from tests.support.credentials import plant_key, plant_user
from tests.support.jobs import a_job

if TYPE_CHECKING:
    from local.stack import Stack

Ids = Mapping[str, str]
"""The path parameters of a request, by name."""
Plant = Callable[["Stack", str, str], Ids]
"""Stores what a request is about: the stack, the owner, and a text for all that owners write."""

NEVER_EXISTED = {
    "job_id": "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD",
    "key_id": "key_01KAHNM8T0Q4V9X2C7R5W3ZPJD",
    "subject": f"usr_{'0' * 32}",
}
"""A path parameter of each name that is an id like others, of nothing."""


def nothing(_stack: Stack, _owner: str, _text: str) -> Ids:
    return {}


def job(status: str) -> Plant:
    """Plants a job that no execution is at work on."""

    def plant(stack: Stack, owner: str, text: str) -> Ids:
        stored = a_job(prompt=f"Explain {text} to a child.", metadata={"note": text})
        stored = replace(stored, owner=owner, subject=owner)
        if status != "queued":
            ended = timestamp(now_ms())
            stored = replace(stored, started_at=ended, finished_at=ended, result={"text": text, "type": "content"})
            stored = replace(stored, status=JobStatus(status), usage=TEXT_USAGE, cost=COST)
        JobStore(stack.jobs_table, stack.client("dynamodb")).add(stored)
        return {"job_id": stored.id}

    return plant


def api_key(stack: Stack, owner: str, text: str) -> Ids:
    """Plants an API key of the owner."""
    return {"key_id": plant_key(stack, owner, set(Scope), name=f"for {text}").id}


def user(stack: Stack, owner: str, _text: str) -> Ids:
    """Plants the user."""
    plant_user(stack, owner)
    return {"subject": owner}


@dataclass(frozen=True)
class Recipe:
    """``answers`` is the status for who may do it. The query may name a path parameter in braces."""

    answers: int
    plant: Plant = nothing
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    parts_with_caller: bool = False

    @property
    def names_an_object(self) -> bool:
        return self.plant is not nothing

    def query_for(self, ids: Ids) -> dict[str, str]:
        return {name: text.format(**ids) for name, text in self.query.items()}


PROMPT = "Explain to a child how the tides come and go."
RECIPES = {
    "submitJob": Recipe(202, body={"kind": "enhance", "prompt": PROMPT}),
    "generatePrompt": Recipe(200, body={"prompt": PROMPT}),
    "readJob": Recipe(200, job("succeeded")),
    "followJob": Recipe(200, job("succeeded")),
    "cancelJob": Recipe(202, job("queued")),
    "listJobs": Recipe(200),
    "readExecution": Recipe(200, job("succeeded")),
    "diffJobs": Recipe(200, job("succeeded"), query={"with": "{job_id}"}),
    "replayJob": Recipe(202, job("succeeded"), body={}),
    # No execution is behind the job.
    "redriveJob": Recipe(409, job("succeeded")),
    "readMe": Recipe(200),
    "changeMe": Recipe(200, body={"display_name": "Ada"}),
    "deleteMe": Recipe(202, parts_with_caller=True),
    "readLimits": Recipe(200),
    "readAnalytics": Recipe(200),
    "createApiKey": Recipe(201, body={"name": "billing", "scopes": ["jobs:read"]}),
    "listApiKeys": Recipe(200),
    "readApiKey": Recipe(200, api_key),
    "rotateApiKey": Recipe(200, api_key, body={}),
    "revokeApiKey": Recipe(204, api_key),
    "readSubjectLimits": Recipe(200, user),
    "setSubjectLimits": Recipe(200, user, body={"burst": 5}),
    "removeSubjectLimits": Recipe(204, user),
    "health": Recipe(200),
    "listModels": Recipe(200),
    "openApi": Recipe(200),
}
ROUTES_BY_OPERATION = {
    operation: route
    for route, operation in document_operations(
        json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    ).items()
}
"""The method and the path of each operation, from the document."""
