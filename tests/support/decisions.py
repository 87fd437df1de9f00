"""What the local stack decided on the requests of roles."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.grants import Grant

# An action of AWS's, by the name that MiniStack asks for in its place.
ASKED_AS = {
    "bedrock:InvokeModelWithResponseStream": "bedrock:ConverseStream",
    "lambda:GetEventSourceMapping": "lambda:ListEventSourceMappings",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
}


@dataclass(frozen=True)
class Decision:
    """``role`` is the role's name, ``resource`` an ARN."""

    role: str
    action: str
    resource: str
    allowed: bool


def decisions_of(stack: Stack) -> list[Decision]:
    """Every decision since the stack came up, each once."""
    lines = Path(stack.decisions_file).read_text(encoding="utf-8").splitlines()
    return [Decision(**json.loads(line)) for line in lines]


def covers(grant: Grant, decision: Decision) -> bool:
    """Whether a grant, its resource an ARN with wildcards, is what a request asked for.

    Where MiniStack has another name for the action, it has one for the resource too, and that is not looked at.
    """
    if grant.action in ASKED_AS:
        return decision.action == ASKED_AS[grant.action]
    pattern = re.escape(grant.resource).replace(r"\*", ".*")
    return decision.action == grant.action and re.fullmatch(pattern, decision.resource) is not None
