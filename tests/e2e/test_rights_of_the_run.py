"""What the roles were asked for in the whole run: everything they are granted, and nothing else."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest

from tests.support.decisions import covers, decisions_of
from tests.support.deployed_roles import DeployedRoles
from tests.support.grants import of_type, service_of

if TYPE_CHECKING:
    from local.stack import Stack

pytestmark = pytest.mark.looks_back

# (role, action, resource) that a test asked for to see it denied.
DENIED = {
    ("ReadJobsFunctionRole", "s3:PutObject", "arn:aws:s3:::*/artifacts/*"): "a link that reads is used to write",
    ("SubmitJobFunctionRole", "states:StartExecution", "*:promptmill-missing"): "a machine that is not there",
    ("EraseUserFunctionRole", "s3:DeleteObject", "arn:aws:s3:::*/artifacts/usr_*"): "a bucket that lets nothing go",
}
# The local stack asks the roles of functions; what the others need, tests/architecture tells from the template.
ROLES = [role for role in of_type("AWS::IAM::Role") if service_of(role) == "lambda.amazonaws.com"]


@pytest.fixture(scope="module", autouse=True)
def _after_successes(request: pytest.FixtureRequest) -> None:
    """A test that failed has not asked for all it should have."""
    if request.session.testsfailed:
        pytest.skip("looks back on a run without failures")


def test_everything_that_is_granted_was_used(stack: Stack) -> None:
    deployed, decisions = DeployedRoles(stack), decisions_of(stack)
    unused = {
        (role, statement.sid, statement.action, statement.resource)
        for role in ROLES
        for statement in deployed.grants(role)
        if not any(
            decision.allowed and decision.role == deployed.names[role] and covers(statement, decision)
            for decision in decisions
        )
    }
    assert unused == set()


def test_nothing_was_denied_but_what_a_test_meant_to_see_denied(stack: Stack) -> None:
    roles = {name: role for role, name in DeployedRoles(stack).names.items()}
    denied = {(roles[d.role], d.action, d.resource) for d in decisions_of(stack) if not d.allowed and d.role in roles}
    met = {
        known: [each for each in denied if each[:2] == known[:2] and fnmatchcase(each[2], known[2])] for known in DENIED
    }
    assert [known for known, found in met.items() if not found] == [], "no test asks for it any more"
    assert denied - {each for found in met.values() for each in found} == set()
