"""Erases a page of what a user leaves behind. Called by DeletionWorkflow.EraseUser."""

from typing import Any

from promptmill.artifacts.store import artifact_store
from promptmill.clock import now_ms
from promptmill.events.publish import event_bus
from promptmill.identity.api_keys.store import api_key_store
from promptmill.jobs.erasure.eraser import Eraser
from promptmill.jobs.erasure.store import erasure_store
from promptmill.jobs.gateway import generation_workflow
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import settling_store
from promptmill.limits.spending.store import spending_store
from promptmill.step_log import logged_step


def lambda_handler(
    event: dict[str, Any], context: object, *, eraser: Eraser | None = None, at_ms: int | None = None
) -> dict[str, bool]:
    at_ms = now_ms() if at_ms is None else at_ms
    parts = eraser or Eraser(
        erasure_store(),
        artifact_store(),
        Settlement(settling_store(), generation_workflow(), event_bus(), spending_store()),
        forget_keys=api_key_store(attempts=1).forget_all,
    )
    with logged_step("EraseUser", user_id=event["user_id"], correlation_id=event["correlation_id"]):
        return {"remaining": parts.erase(event["user_id"], at_ms=at_ms)}
