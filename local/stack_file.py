"""``stack.json``: where everything of a local stack is."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from local.sam import local_client

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """Where everything of a running local stack is; ``stack.json`` has the same fields. ``pid`` is the supervisor's.

    ``folder`` is where ``stack.json`` is.
    """

    folder: str
    api_url: str
    endpoint_url: str
    region: str
    providers_url: str
    state_machine_arn: str
    deletion_workflow_arn: str
    interactions_workflow_arn: str
    jobs_table: str
    control_table: str
    library_table: str
    webhooks_table: str
    analytics_table: str
    artifacts_bucket: str
    bus_name: str
    bus_arn: str
    events_queue_url: str
    parked_events_queue_url: str
    analytics_queue_url: str
    analytics_dead_letter_queue_url: str
    function_log_group: str
    user_pool_id: str
    user_pool_client_id: str
    record_sign_in_function: str
    pid: int
    real_text_model: bool
    real_image_model: bool
    built_template: str = ""
    text_model: str = ""
    decisions_file: str = ""

    def client(self, service: str) -> Any:
        """A boto3 client of the stack's account, with all rights."""
        return local_client(service, self.endpoint_url)


def read_stack(folder: Path) -> Stack | None:
    """What ``stack.json`` says, or None without one that can be read."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        known = json.loads((folder / "stack.json").read_text())
        return Stack(**{field.name: known[field.name] for field in fields(Stack) if field.name in known})
    return None
