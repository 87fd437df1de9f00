"""What the probes write in the place of a workflow is what its definition writes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.probes.events import PROMPT_ID, counting
from benchmarks.probes.handlers import FINISHED_AT, closing, persisting, rate_check
from promptmill.clock import epoch_ms
from promptmill.events.names import EventName
from promptmill.jobs.intake import initial_state
from tests.architecture.machines import GENERATION, INTERACTIONS, Machine
from tests.support.builders import COST, a_job, some_limits
from tests.support.interactions import an_interaction
from tests.unit.core.asl import evaluate

ANALYTICS, CONTROL, JOBS = "${AnalyticsTableName}", "${ControlTableName}", "${JobsTableName}"
JOB = initial_state(a_job(), some_limits())
STAR = an_interaction(EventName.PROMPT_STARRED, PROMPT_ID)
VARIABLES = {"job": JOB, "started_ms": 1, "outcome": {"cost": COST}, "event": STAR, "archive_days": "90"}


def without_numbers(request: Any) -> Any:
    """A number takes about one length whatever it is; all else says what is written, and how much."""
    match request:
        case {"N": _}:
            return "a number"
        case dict():
            return {name: without_numbers(part) for name, part in request.items()}
        case list():
            return [without_numbers(part) for part in request]
        case _:
            return request


@pytest.mark.parametrize(
    ("machine", "state", "written"),
    [
        pytest.param(GENERATION, "CheckRate", rate_check(JOB, CONTROL), id="CheckRate"),
        pytest.param(GENERATION, "PersistResult", persisting(JOB, JOBS), id="PersistResult"),
        pytest.param(GENERATION, "CloseSucceeded", closing(JOB, CONTROL, JOBS), id="CloseSucceeded"),
        pytest.param(
            INTERACTIONS,
            "CountInteraction",
            counting(STAR["detail"]["metadata"]["id"], ANALYTICS),
            id="CountInteraction",
        ),
    ],
)
def test_a_probe_writes_what_the_workflow_does(machine: Machine, state: str, written: dict[str, Any]) -> None:
    asked = evaluate(machine.states[state]["Arguments"], VARIABLES, at_ms=epoch_ms(FINISHED_AT))
    assert without_numbers(written) == without_numbers(asked)
