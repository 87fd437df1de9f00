"""Settles jobs of a local stack from outside, with all rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.events.publish import EventBus
from promptmill.jobs.gateway import GenerationWorkflow
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import SettlingStore
from promptmill.limits.spending.store import SpendingStore

if TYPE_CHECKING:
    from local.stack import Stack


def settlement_of(stack: Stack) -> Settlement:
    return Settlement(
        SettlingStore(stack.jobs_table, stack.client("dynamodb")),
        GenerationWorkflow(stack.state_machine_arn, stack.client("stepfunctions")),
        EventBus(stack.bus_name, stack.client("events")),
        SpendingStore(stack.control_table, stack.client("dynamodb")),
    )
