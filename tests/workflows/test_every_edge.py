"""Every edge of the generation machine is taken by an execution of this run, on the machine that is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.workflows.cases import all_cases
from tests.workflows.edges import Edge, edges_of, taken_edges, visits
from tests.workflows.machines import GENERATION, template

if TYPE_CHECKING:
    from tests.workflows.cases import Runs

CASES = all_cases()
# The execution has ended by then, unless Step Functions takes its time.
BEYOND_THE_END = {Edge("StopExpired", "Next", "JobFailed"), Edge("StopSettled", "Next", "JobAlreadySettled")}


def test_every_edge_of_the_file_is_taken(runs: Runs) -> None:
    definition = template(GENERATION)
    taken: set[Edge] = set()
    for case in CASES:
        for execution in runs.of(case).executions:
            taken |= taken_edges(definition, execution.history)
    assert taken <= edges_of(definition)
    never = sorted(map(str, edges_of(definition) - taken - BEYOND_THE_END))
    assert not never, "no execution took:\n" + "\n".join(never)


def test_every_state_of_the_file_is_entered(runs: Runs) -> None:
    entered = {visit.state for case in CASES for run in runs.of(case).executions for visit in visits(run.history)}
    assert entered == set(template(GENERATION)["States"])
