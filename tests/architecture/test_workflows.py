"""House rules of the state machines, and the errors and times they live with."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.rendering import read_template
from promptmill.errors import TransientError, error_classes
from promptmill.identity.authorizer import KEEP_MS
from promptmill.jobs.erasure.eraser import PAGE_SIZE
from promptmill.jobs.erasure.judgement import QUIET_MS
from promptmill.jobs.requests import EnhanceJob, ImageJob
from promptmill.providers.interface import ATTEMPT_SECONDS
from tests.architecture.machines import (
    DELETION,
    GENERATION,
    INTERACTIONS,
    MACHINES,
    Machine,
    deployed,
    lambda_tasks,
    longest_seconds,
    reachable,
    targets,
    worst_seconds,
)
from tests.architecture.source import STEP_FUNCTIONS, closure, module_name, names_taken_from

# Names AWS gives, each with the page that says so.
AWS_ERRORS = {
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    "States.ALL",
    "States.Timeout",
    "States.QueryEvaluationError",
    "Sandbox.Timedout",
    # https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    "DynamoDB.ConditionalCheckFailedException",
    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    "DynamoDb.TransactionCanceledException",
    # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminDeleteUser.html
    "CognitoIdentityProvider.UserNotFoundException",
}
LAMBDA_ERRORS = {name for name in AWS_ERRORS if name.startswith("Lambda.")}
TASK_FIELDS = [
    "Comment",
    "Type",
    "Resource",
    "Arguments",
    "Assign",
    "Output",
    "TimeoutSeconds",
    "Retry",
    "Catch",
    "Next",
    "End",
]
MACHINE_FIELDS = ["Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "States"]
# A redrive runs the state that failed again. Of a job: the one with the paid result, the failure, the event; the
# sweeper does where nobody redrives. Of a user who leaves: any. An Express workflow has no redrive.
REDRIVEN = {
    GENERATION.file: {"PersistResult", "RecordFailure", "ParkOutcome"},
    DELETION.file: DELETION.of_type("Task").keys() - {"PublishDeleted"},
    INTERACTIONS.file: set(),
}
# The steps before which ChooseProvider looks at the job's deadline.
DEADLINE_GATE = "ChooseProvider"
# ChooseByStatus leads back to CheckRate with the event of acceptance only, and that one is out before the gate.
BEFORE_GATE = frozenset({"AnnounceAccepted", "CheckRate", "CheckBurst"})
# Between the job's creation, which its deadline counts from, and the execution's start.
START_SECONDS = 30

machines = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.file.stem)


def named_errors(machine: Machine) -> set[str]:
    return {
        error
        for state in machine.states.values()
        for handler in (*state.get("Retry", []), *state.get("Catch", []))
        for error in handler["ErrorEquals"]
    }


@machines
def test_a_machine_and_each_of_its_tasks_says_what_it_does_and_when_it_gives_up(machine: Machine) -> None:
    assert machine.definition["QueryLanguage"] == "JSONata"
    assert list(machine.definition) == MACHINE_FIELDS
    assert [
        name
        for name, task in machine.of_type("Task").items()
        if not task.get("Comment") or not isinstance(task.get("TimeoutSeconds"), int)
    ] == []


@machines
def test_every_choice_has_a_default(machine: Machine) -> None:
    assert [name for name, state in machine.of_type("Choice").items() if "Default" not in state] == []


@machines
def test_every_fail_has_an_error_and_a_cause(machine: Machine) -> None:
    ends = machine.of_type("Fail")
    assert [name for name, state in ends.items() if not (state.get("Error") and state.get("Cause"))] == []


@machines
def test_states_all_stands_alone_and_last(machine: Machine) -> None:
    misplaced = [
        f"{name}.{kind}"
        for name, state in machine.states.items()
        for kind in ("Retry", "Catch")
        for position, handler in enumerate(state.get(kind, []), start=1)
        if "States.ALL" in handler["ErrorEquals"]
        and (handler["ErrorEquals"] != ["States.ALL"] or position != len(state[kind]))
    ]
    assert misplaced == []


@machines
def test_every_retry_is_spread_and_capped(machine: Machine) -> None:
    wild = [
        f"{name} {retrier['ErrorEquals']}"
        for name, state in machine.states.items()
        for retrier in state.get("Retry", [])
        if retrier["MaxAttempts"] > 0
        and not (
            retrier.get("JitterStrategy") == "FULL"
            and retrier.keys() >= {"MaxDelaySeconds", "IntervalSeconds", "BackoffRate"}
        )
    ]
    assert wild == []


@machines
def test_every_lambda_task_retries_what_lambda_itself_breaks(machine: Machine) -> None:
    for name, task in lambda_tasks(machine).items():
        assert {error for retrier in task["Retry"] for error in retrier["ErrorEquals"]} >= LAMBDA_ERRORS, name


@machines
def test_every_task_that_gives_up_is_caught(machine: Machine) -> None:
    caught = {name: [c["ErrorEquals"] for c in task.get("Catch", [])] for name, task in machine.of_type("Task").items()}
    assert {name for name, errors in caught.items() if ["States.ALL"] not in errors} == REDRIVEN[machine.file]


@machines
def test_every_way_leads_somewhere_and_every_state_is_on_one(machine: Machine) -> None:
    assert {target for state in machine.states.values() for target in targets(state)} <= machine.states.keys()
    assert reachable(machine) == machine.states.keys()
    ends = machine.of_type("Succeed").keys() | machine.of_type("Fail").keys()
    assert {name for name, state in machine.states.items() if not list(targets(state))} == ends


@machines
def test_the_template_gives_exactly_what_the_definition_asks_for(machine: Machine) -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", machine.text))
    _, properties = deployed(machine)
    assert asked == properties["DefinitionSubstitutions"].keys()


@machines
def test_a_task_reads_in_the_same_order_everywhere(machine: Machine) -> None:
    for name, task in machine.of_type("Task").items():
        assert list(task) == [field for field in TASK_FIELDS if field in task], name
        assert task.keys() <= set(TASK_FIELDS), name


@machines
def test_no_task_is_handed_the_whole_input(machine: Machine) -> None:
    whole = re.compile(r'"\{%\s*\$(states\.input|states\.context|job)\s*%\}"')
    for name, task in machine.of_type("Task").items():
        assert not whole.search(str(task.get("Arguments")).replace("'", '"')), name


@machines
def test_every_error_name_is_one_of_ours_or_one_that_aws_documents(machine: Machine) -> None:
    assert named_errors(machine) <= AWS_ERRORS | error_classes().keys()


def test_every_error_name_of_aws_that_is_listed_is_used() -> None:
    assert set().union(*map(named_errors, MACHINES)) >= AWS_ERRORS


def test_the_names_of_families_are_never_matched_for_lambda_reports_the_class() -> None:
    families = {name for name, cls in error_classes().items() if cls.__subclasses__()}
    assert families.isdisjoint(set().union(*map(named_errors, MACHINES)))


@pytest.mark.parametrize("app", STEP_FUNCTIONS, ids=module_name)
def test_every_transient_error_a_step_can_meet_is_retried_in_its_state(app: Any) -> None:
    """What its providers, stores and gateways raise; a step's own decisions give the same answer twice."""
    transient = {name for name, cls in error_classes().items() if issubclass(cls, TransientError)} - {"TransientError"}
    adapters = {
        file
        for file in closure(app)
        if module_name(file).startswith("promptmill.providers.") or file.stem in {"store", "gateway"}
    }
    raised = {name for file in adapters for name in names_taken_from(file, "promptmill.errors")} & transient
    state = "".join(word.capitalize() for word in app.parent.name.split("_"))
    (task,) = (lambda_tasks(machine)[state] for machine in MACHINES if state in lambda_tasks(machine))
    assert raised, "the test looks at the wrong modules"
    assert {error for retrier in task["Retry"] for error in retrier["ErrorEquals"]} >= raised


def test_a_state_waits_longer_than_its_function_and_the_function_longer_than_the_provider() -> None:
    template = read_template()
    default = template["Globals"]["Function"]["Timeout"]
    for machine in MACHINES:
        for state, task in lambda_tasks(machine).items():
            function_seconds = template["Resources"][f"{state}Function"]["Properties"].get("Timeout", default)
            assert function_seconds + 5 <= task["TimeoutSeconds"], state
            if state.startswith("Invoke"):
                # Besides the provider: a query, two transactions, the images' way to S3.
                assert function_seconds >= ATTEMPT_SECONDS + 15, state


def longest_deadline_seconds() -> int:
    return max(
        int(constraint.le)
        for model in (EnhanceJob, ImageJob)
        for constraint in model.model_fields["deadline_seconds"].metadata
        if hasattr(constraint, "le")
    )


def test_the_slowest_way_of_a_job_fits_into_its_machines_time() -> None:
    """Every attempt of every state times out and every pause is the longest, on the longest way that there is.

    ChooseProvider lets no step begin past the deadline. So the worst is a provider step that begins at the longest
    deadline, and then what follows: a result that cannot be written, or the way back to ChooseProvider and its refusal.
    """
    machine = GENERATION
    at_gate = max(
        longest_deadline_seconds() + START_SECONDS,
        longest_seconds(machine, machine.definition["StartAt"], without=frozenset({DEADLINE_GATE})),
    )
    provider_steps = {
        name: worst_seconds(state) for name, state in machine.states.items() if DEADLINE_GATE in targets(state)
    }
    (refusal, *_) = (choice["Next"] for choice in machine.states[DEADLINE_GATE]["Choices"])
    written = longest_seconds(machine, DEADLINE_GATE, without=BEFORE_GATE)
    refused = max(provider_steps.values()) + longest_seconds(machine, refusal, without=BEFORE_GATE)
    ways = {"the last result cannot be written": written, "the last provider fails": refused}
    slowest = at_gate + max(ways.values())
    assert slowest <= machine.definition["TimeoutSeconds"], f"{slowest:.0f} s: {at_gate:.0f} s, then {ways}"


def test_a_user_is_erased_for_the_last_time_when_nobody_remembers_that_they_were_let_in() -> None:
    """Remembered by the authorizer's process, then by the gateway, and then at work in a function of the API."""
    template = read_template()
    authorizers = template["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"].values()
    gateway_seconds = max(authorizer["Identity"]["ReauthorizeEvery"] for authorizer in authorizers)
    default = template["Globals"]["Function"]["Timeout"]
    request_seconds = max(
        resource["Properties"].get("Timeout", default)
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        and any(event["Type"] == "Api" for event in resource["Properties"].get("Events", {}).values())
    )
    waited = DELETION.states["WaitOutAuthorizations"]
    assert waited["Seconds"] >= KEEP_MS / 1000 + gateway_seconds + request_seconds
    rules = DELETION.states["ChooseByRemaining"]["Choices"]
    assert [rule["Next"] for rule in rules] == ["PauseErasure", "WaitOutAuthorizations"]
    assert waited["Next"] == "EraseUser"


def test_a_job_is_erased_when_no_step_of_it_can_be_at_work_any_more() -> None:
    assert max(task["TimeoutSeconds"] for task in lambda_tasks(GENERATION).values()) * 1000 <= QUIET_MS


def test_a_user_who_left_fifty_thousand_jobs_is_erased_within_the_machines_time_and_history() -> None:
    """A history has at most 25,000 events: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html."""
    pause_seconds = DELETION.states["PauseErasure"]["Seconds"]
    page_seconds = DELETION.states["EraseUser"]["TimeoutSeconds"] + pause_seconds
    once = longest_seconds(DELETION, "MarkDeleted") + DELETION.states["WaitOutAuthorizations"]["Seconds"]
    machine_seconds = DELETION.definition["TimeoutSeconds"]
    assert once + 50_000 // PAGE_SIZE * page_seconds <= machine_seconds
    # Where a job never comes to rest, a lap takes hardly more than its pause. Of each, the history has: entered,
    # scheduled, started, succeeded and left; entered and left; entered and left.
    laps = machine_seconds // pause_seconds
    assert laps * 9 < 25_000
