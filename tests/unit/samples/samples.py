"""The events of ``events/lambda``."""

from __future__ import annotations

import json
from typing import Any

from local.sam import ROOT

FOLDER = ROOT / "events" / "lambda"
MODELS = {"enhance": ["claude-haiku-4.5"], "image": ["flux-schnell"]}
SALT = "salt"


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return event
