"""What the workflows give their functions."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.events.user_events import user_deleted_event
from promptmill.jobs.intake import initial_state
from tests.architecture.machines import DELETION, GENERATION, Machine, lambda_tasks
from tests.support.builders import AT_MS, a_job, some_limits
from tests.unit.core.asl import evaluate

VARIABLES: dict[Machine, dict[str, Any]] = {
    GENERATION: {
        "job": initial_state(a_job(correlation_id="req-7"), some_limits()),
        "candidates": [{"provider": "bedrock", "model": "nova-lite"}],
    },
    DELETION: {
        "user_id": "usr_1",
        "event": user_deleted_event("usr_1", at_ms=AT_MS, correlation_id="req-7", traceparent=""),
    },
}


@pytest.mark.parametrize("machine", VARIABLES, ids=lambda machine: machine.file.stem)
def test_every_function_is_told_which_request_its_work_goes_back_to(machine: Machine) -> None:
    told = {
        state: evaluate(task["Arguments"]["Payload"], VARIABLES[machine]).get("correlation_id")
        for state, task in lambda_tasks(machine).items()
    }
    assert told == dict.fromkeys(lambda_tasks(machine), "req-7")
