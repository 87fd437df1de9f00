"""Who changed what: the lines of the function log, and what happens without them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError

from operations.journal import Journal
from promptmill.clock import epoch_ms
from tests.unit.operations.stage import OPERATOR, USER, Stage

DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "may not logs:PutLogEvents"}}, "Any")


class StreamExists(Exception):
    pass


class Logs:
    """CloudWatch Logs with one group: streams are made once, and lines are put into those there are."""

    exceptions = SimpleNamespace(ResourceAlreadyExistsException=StreamExists)

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.answer: dict[str, Any] = {}
        self.asked_for_streams = 0

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:  # noqa: N803 - boto3's names
        self.asked_for_streams += 1
        if (logGroupName, logStreamName) in self.lines:
            raise StreamExists
        self.lines[logGroupName, logStreamName] = []

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]) -> Any:  # noqa: N803
        self.lines[logGroupName, logStreamName] += logEvents
        return self.answer


class NoJournal(Journal):
    def __init__(self) -> None:
        pass

    def note(self, command: str, **ids: str) -> None:
        raise DENIED


def test_each_change_is_a_line_that_says_who_made_it() -> None:
    logs = Logs()
    journal = Journal("/promptmill/dev/functions", OPERATOR, logs)
    journal.note("jobs cancel", job_id="job_1")
    journal.note("keys create", key_id="key_1", owner=USER)
    assert logs.asked_for_streams == 1
    Journal("/promptmill/dev/functions", OPERATOR, logs).note("keys revoke", key_id="key_1")
    (((group, stream), events),) = logs.lines.items()
    lines = [json.loads(event["message"]) for event in events]
    assert (group, stream) == ("/promptmill/dev/functions", f"operators/{lines[0]['timestamp'][:10]}")
    assert [epoch_ms(line.pop("timestamp")) for line in lines] == [event["timestamp"] for event in events]
    said = {"level": "INFO", "message": "operator", "operator": OPERATOR}
    assert lines == [
        said | {"command": "jobs cancel", "job_id": "job_1"},
        said | {"command": "keys create", "key_id": "key_1", "owner": USER},
        said | {"command": "keys revoke", "key_id": "key_1"},
    ]


def test_a_line_that_cloudwatch_takes_the_request_of_and_not_the_line_is_not_noted() -> None:
    logs = Logs()
    logs.answer = {"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}}
    with pytest.raises(click.ClickException, match="clock"):
        Journal("/promptmill/dev/functions", OPERATOR, logs).note("jobs cancel", job_id="job_1")


@pytest.mark.parametrize(
    "command",
    [
        ("jobs", "cancel", "JOB"),
        ("jobs", "replay", "JOB"),
        ("limits", "set", USER, "--burst", "1"),
        ("limits", "set", USER, "--reset"),
        ("keys", "create", "--name", "billing", "--owner", USER, "--scope", "jobs:read"),
    ],
)
def test_what_cannot_be_noted_is_not_done(command: tuple[str, ...]) -> None:
    stage = Stage()
    job = stage.has()
    stage.deployment.overrides.put(USER, '{"burst": 2}')
    stage.deployment.journal = NoJournal()
    result = stage.run(*(job.id if word == "JOB" else word for word in command))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "logs:PutLogEvents" in result.stderr
    assert stage.jobs.jobs == {job.id: job}
    assert stage.deployment.overrides.get(USER) == '{"burst": 2}'
    assert stage.keys.keys == {}


def test_nothing_is_noted_of_a_command_that_only_looks() -> None:
    stage = Stage()
    stage.deployment.journal = NoJournal()
    job = stage.has()
    for command in (["jobs", "ls"], ["jobs", "show", job.id], ["limits", "show", USER], ["keys", "ls"]):
        assert stage.run(*command).exit_code == 0
    assert stage.run("jobs", "cancel", job.id, "--dry-run").exit_code == 0
