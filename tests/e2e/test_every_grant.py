"""Least privilege: without any one action that a function's role is granted, the function fails for the lack of it.

Handlers run here with a copy of their role, so that nothing else that runs on the stack loses a right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from promptmill.clock import random_hex
from tests.architecture.source import FUNCTIONS
from tests.e2e.analytics_scenarios import ANALYTICS_SCENARIOS
from tests.e2e.scenarios import SCENARIOS, Scenario, World
from tests.e2e.user_scenarios import USER_SCENARIOS
from tests.support.decisions import ASKED_AS, covers, decisions_of
from tests.support.deployed_roles import DeployedRoles, Documents
from tests.support.grants import grants, listed, service_of
from tests.support.in_process import in_process, logical_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack
    from tests.support.decisions import Decision

FOLDERS = {f"{logical_id(app.parent.name)}Role": app.parent.name for app in FUNCTIONS}
GRANTS = sorted({(g.role, g.sid, g.action) for g in grants() if service_of(g.role) == "lambda.amazonaws.com"})
# What Scheduler says of a schedule and does not take back.
READ_ONLY = {"ResponseMetadata", "Arn", "CreationDate", "LastModificationDate"}


def scenarios_of(folder: str) -> list[Scenario]:
    return [each for found in (SCENARIOS, USER_SCENARIOS, ANALYTICS_SCENARIOS) for each in found.get(folder, [])]


@dataclass(frozen=True)
class Trial:
    """How a scenario went. ``decisions`` are those on the role it ran with."""

    error: Exception | None
    decisions: list[Decision]

    @property
    def denied(self) -> set[str]:
        return {decision.action for decision in self.decisions if not decision.allowed}


class Trials:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._world = World(stack)
        self.roles = DeployedRoles(stack)
        self.with_every_grant = cache(self._with_every_grant)

    def scenario_for(self, role: str, sid: str, action: str) -> Scenario:
        """The first scenario of the function that uses the grant; fails when there is none."""
        wanted = [grant for grant in self.roles.grants(role) if (grant.sid, grant.action) == (sid, action)]
        for scenario in scenarios_of(FOLDERS[role]):
            decisions = self.with_every_grant(role, scenario)
            if any(covers(grant, decision) for grant in wanted for decision in decisions):
                return scenario
        raise AssertionError(
            f"no scenario of {FOLDERS[role]} uses {action} of {sid}: add one to tests/e2e/scenarios.py, "
            "or take the action from the template"
        )

    def _with_every_grant(self, role: str, scenario: Scenario) -> list[Decision]:
        """What the scenario asks for when it may do everything its function may; it has to go well then."""
        trial = self.run(role, scenario, self.roles.documents(role))
        if trial.error is not None:
            raise trial.error
        assert trial.denied == set()
        return trial.decisions

    def run(self, role: str, scenario: Scenario, documents: Documents) -> Trial:
        """Runs a scenario with a role that has these policies."""
        name = f"trial-{random_hex(6)}"
        arn = self.roles.create(name, role, documents)
        error = None
        with in_process(self._stack, FOLDERS[role], arn, **scenario.environment) as handler:
            try:
                scenario.run(self._world, handler)
            except Exception as raised:  # noqa: BLE001 - any failure counts; the decisions tell why
                error = raised
        return Trial(error, [decision for decision in decisions_of(self._stack) if decision.role == name])


@pytest.fixture(scope="module")
def trials(stack: Stack) -> Iterator[Trials]:
    """With the schedules at rest: a sweeper that may do everything would do what a trial's may not."""
    scheduler = stack.client("scheduler")
    names = [schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]]
    found = [scheduler.get_schedule(Name=name) for name in names]
    schedules = [{key: value for key, value in each.items() if key not in READ_ONLY} for each in found]
    for schedule in schedules:
        scheduler.update_schedule(**schedule | {"State": "DISABLED"})
    yield Trials(stack)
    for schedule in schedules:
        scheduler.update_schedule(**schedule)


def without(documents: Documents, sid: str, action: str) -> Documents:
    """The policies without one action of one statement; what MiniStack asks for in its place goes with it."""
    kept = {}
    for name, document in documents.items():
        statements = []
        for statement in listed(document["Statement"]):
            taken = {action} if statement.get("Sid") == sid else {ASKED_AS.get(action)}
            actions = [each for each in listed(statement["Action"]) if each not in taken]
            statements += [{**statement, "Action": actions}] if actions else []
        if statements:
            kept[name] = {**document, "Statement": statements}
    return kept


def test_every_function_has_scenarios() -> None:
    found = SCENARIOS.keys() | USER_SCENARIOS.keys() | ANALYTICS_SCENARIOS.keys()
    assert found == set(FOLDERS.values()), "tests/e2e/scenarios.py has the scenarios of every function"


@pytest.mark.parametrize(("role", "sid", "action"), GRANTS, ids=lambda value: str(value).removesuffix("FunctionRole"))
def test_a_function_fails_without_any_one_action_its_role_is_granted(
    trials: Trials, role: str, sid: str, action: str
) -> None:
    scenario = trials.scenario_for(role, sid, action)
    trial = trials.run(role, scenario, without(trials.roles.documents(role), sid, action))
    assert trial.denied == {ASKED_AS.get(action, action)}
    assert trial.error is not None, f"{scenario} goes as well without it"
