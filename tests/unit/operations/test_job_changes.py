"""``jobs cancel``, ``jobs replay`` and ``jobs redrive``."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from promptmill import errors
from promptmill.jobs.model import Job, JobStatus, ReplayMode
from tests.support.builders import AT_MS, OTHER_OWNER, TEXT_RESULT, a_call, a_job_id
from tests.unit.execution.histories import History, failed_in
from tests.unit.operations.stage import MemoryJournal, Stage


def test_jobs_are_canceled_and_each_is_said() -> None:
    stage = Stage()
    jobs = [stage.has(), stage.has("queued", owner=OTHER_OWNER)]
    result = stage.run("jobs", "cancel", *(job.id for job in jobs))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "".join(f"{job.id} is canceled.\n" for job in jobs)
    assert [stage.jobs.jobs[job.id].status for job in jobs] == ["canceled", "canceled"]
    assert stage.world.bus.names == ["job.canceled", "job.canceled"]
    assert stage.journal.lines == [("jobs cancel", {"job_id": job.id}) for job in jobs]


def test_one_that_is_over_is_refused_and_does_not_stop_the_others() -> None:
    stage = Stage()
    over, running = stage.has("succeeded", execution="SUCCEEDED"), stage.has()
    result = stage.run("jobs", "cancel", over.id, running.id)
    assert (result.exit_code, result.stdout) == (1, f"{running.id} is canceled.\n")
    assert result.stderr == f"Error: {over.id}: The job is succeeded already.\n"


def test_for_programs_what_became_of_each_is_a_line() -> None:
    stage = Stage()
    over, running = stage.has("failed", execution="FAILED"), stage.has()
    result = stage.run("jobs", "cancel", over.id, running.id, "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"job_id": over.id, "error": {"code": "job_settled", "detail": "The job is failed already."}},
        {"job_id": running.id, "status": "canceled", "concluded": True},
    ]


def test_what_is_left_to_the_sweeper_is_said() -> None:
    stage = Stage()
    stage.world.bus.error = errors.BusUnavailable()
    result = stage.run("jobs", "cancel", stage.has().id)
    assert result.exit_code == 0
    assert "The sweeper still has to" in result.stdout


def test_what_would_be_canceled_is_said_and_not_done() -> None:
    stage = Stage()
    over, running = stage.has("succeeded", execution="SUCCEEDED"), stage.has()
    result = stage.run("jobs", "cancel", over.id, running.id, "--dry-run")
    assert (result.exit_code, result.stdout) == (1, f"{running.id} would be canceled; it is running.\n")
    assert "already" in result.stderr
    assert stage.jobs.jobs[running.id] == running
    assert stage.journal.lines == []


def test_jobs_that_match_are_canceled_and_no_others() -> None:
    stage = Stage()
    wanted = [stage.has(kind="image"), stage.has("queued", kind="image")]
    spared = [stage.has(), stage.has("succeeded", kind="image", execution="SUCCEEDED")]
    told = stage.results("jobs", "cancel", "--kind", "image", "--yes")
    assert {one["job_id"] for one in told} == {job.id for job in wanted}
    assert [stage.jobs.jobs[job.id] for job in spared] == spared


def test_one_that_no_longer_matches_when_its_turn_comes_is_left_alone() -> None:
    stage = Stage()
    last, first = (stage.has("queued", id=a_job_id(at_ms)) for at_ms in (AT_MS, AT_MS + 1))

    class Meanwhile(MemoryJournal):
        def note(self, command: str, **ids: str) -> None:
            super().note(command, **ids)
            stage.jobs.jobs[last.id] = replace(last, status=JobStatus.RUNNING)

    stage.deployment.journal = journal = Meanwhile()
    result = stage.run("jobs", "cancel", "--status", "queued", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{first.id} is canceled.\n{last.id} is left alone; it is running by now.\n"
    assert stage.jobs.jobs[last.id].status is JobStatus.RUNNING
    assert journal.lines == [("jobs cancel", {"job_id": first.id, "correlation_id": first.correlation_id})]


def test_what_aws_refuses_for_one_does_not_stop_the_others() -> None:
    stage = Stage()
    jobs = [stage.has() for _ in range(3)]
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "PutLogEvents")

    class Throttled(MemoryJournal):
        def note(self, command: str, **ids: str) -> None:
            if ids["job_id"] == jobs[1].id:
                raise throttled

    stage.deployment.journal = Throttled()
    result = stage.run("jobs", "cancel", *(job.id for job in jobs), "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one.get("status") for one in told] == ["canceled", None, "canceled"]
    assert told[1]["error"]["code"] == "ThrottlingException"
    assert "Rate exceeded" in told[1]["error"]["detail"]
    assert stage.jobs.jobs[jobs[1].id] == jobs[1]


def test_without_credentials_nothing_more_is_tried() -> None:
    stage = Stage()
    jobs = [stage.has(), stage.has()]

    class Nobody(MemoryJournal):
        def note(self, command: str, **ids: str) -> None:
            super().note(command, **ids)
            raise NoCredentialsError

    stage.deployment.journal = journal = Nobody()
    result = stage.run("jobs", "cancel", *(job.id for job in jobs))
    assert (result.exit_code, result.stdout, len(journal.lines)) == (1, "", 1)
    assert "Unable to locate credentials" in result.stderr


def test_without_a_terminal_or_a_yes_nothing_that_was_searched_for_is_canceled() -> None:
    stage = Stage()
    job = stage.has()
    result = stage.run("jobs", "cancel", "--status", "running")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--yes" in result.stderr
    assert stage.jobs.jobs[job.id] == job


def test_to_say_what_would_be_canceled_nobody_is_asked() -> None:
    stage = Stage()
    job = stage.has()
    (told,) = stage.results("jobs", "cancel", "--status", "running", "--dry-run")
    assert told == {"job_id": job.id, "status": "running", "dry_run": True}


def test_that_nothing_matches_is_no_failure() -> None:
    result = Stage().run("jobs", "cancel", "--kind", "image")
    assert (result.exit_code, result.stderr) == (0, "No such jobs.\n")


@pytest.mark.parametrize("arguments", [[], [a_job_id(), "--kind", "image"]])
def test_jobs_are_named_or_searched_for_and_not_both(arguments: list[str]) -> None:
    stage = Stage()
    stage.has()
    assert stage.run("jobs", "cancel", *arguments).exit_code == 2
    assert stage.journal.lines == []


def test_a_replay_is_its_owners_and_on_the_operators_account() -> None:
    stage = Stage()
    source = stage.has("failed", execution="FAILED", owner=OTHER_OWNER)
    (told,) = stage.results("jobs", "replay", source.id, "--model", "nova-2-lite")
    job = stage.jobs.jobs[told["job_id"]]
    assert (job.owner, job.replay_of, job.replay_mode) == (OTHER_OWNER, source.id, ReplayMode.LIVE)
    assert job.input == {**source.input, "model": "nova-2-lite"}
    assert job.self_url == source.self_url.replace(source.id, job.id)
    assert job.subject not in {OTHER_OWNER, source.subject}
    assert stage.world.workflow.started[job.id]["limits"]["subject"] == job.subject == told["subject"]
    ((command, ids),) = stage.journal.lines
    assert (command, ids) == ("jobs replay", {"replay_of": source.id, "correlation_id": job.correlation_id})


def test_the_same_operator_has_one_account_and_another_has_another() -> None:
    def subject_of(stage: Stage) -> str:
        return str(stage.results("jobs", "replay", stage.has().id)[0]["subject"])

    other = Stage()
    other.deployment.operator = "arn:aws:iam::123456789012:user/grace"
    assert subject_of(Stage()) == subject_of(Stage()) != subject_of(other)


def test_what_would_be_replayed_is_said_and_not_done() -> None:
    stage = Stage()
    source = stage.has("failed", execution="FAILED")
    (told,) = stage.results("jobs", "replay", source.id, "--dry-run")
    assert (told["job_id"], told["replay_of"], told["dry_run"]) == (None, source.id, True)
    assert Decimal(told["may_cost_usd"]) > 0
    assert list(stage.jobs.jobs) == [source.id]
    assert stage.journal.lines == []


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model", "nobody"], "model cannot be used"),
        (["--model", "No Alias"], "model String should match"),
        (["--recorded", "--model", "nova-pro"], "model cannot be changed in mode recorded"),
        (["--recorded"], "no recorded answer"),
    ],
)
def test_a_replay_that_is_not_possible_is_refused(arguments: list[str], dry: list[str], reason: str) -> None:
    stage = Stage()
    source = stage.has("failed", execution="FAILED")
    result = stage.run("jobs", "replay", source.id, *arguments, *dry)
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    assert list(stage.jobs.jobs) == [source.id]


def test_a_recorded_answer_is_replayed_at_no_cost() -> None:
    stage = Stage()
    source = stage.has("succeeded", execution="SUCCEEDED")
    stage.jobs.calls[source.id, 1] = a_call(1, "succeeded", answer={"text": "Then."})
    result = stage.run("jobs", "replay", source.id, "--recorded")
    (job,) = (job for job in stage.jobs.jobs.values() if job.replay_of)
    assert job.replay_mode is ReplayMode.RECORDED
    assert result.stdout == f"{job.id} replays {source.id} for {source.owner}; it may cost $0.\n"


def cut_off(stage: Stage, history: History | None = None) -> Job:
    """A job with its result, whose execution could not write that it has one."""
    job = stage.has(result=TEXT_RESULT, deadline_at="2286-11-20T17:46:40.000Z")
    stage.jobs.calls[job.id, 1] = a_call(1, "succeeded", cost_usd=Decimal("0.000412"))
    stage.histories[job.id] = history or failed_in("PersistResult")
    return job


def test_redrives_are_told_in_sentences() -> None:
    stage = Stage()
    jobs = [cut_off(stage), cut_off(stage)]
    result = stage.run("jobs", "redrive", *(job.id for job in jobs))
    assert (result.exit_code, result.stderr) == (0, "")
    said = "goes on from PersistResult. Calls that are not made again cost $0.000412.\n"
    assert result.stdout == "".join(f"{job.id} {said}" for job in jobs)
    assert stage.executions.redriven == [job.id for job in jobs]
    ids = [{"job_id": job.id, "correlation_id": job.correlation_id} for job in jobs]
    assert stage.journal.lines == [("jobs redrive", one) for one in ids]


def test_a_redrive_is_told_in_json() -> None:
    stage = Stage()
    job = cut_off(stage)
    assert stage.results("jobs", "redrive", job.id) == [
        {"job_id": job.id, "redriven_from": "PersistResult", "saved_usd": "0.000412"}
    ]


def test_what_would_be_redriven_is_said_and_not_done() -> None:
    stage = Stage()
    job = cut_off(stage)
    result = stage.run("jobs", "redrive", job.id, "--dry-run")
    assert result.stdout.startswith(f"{job.id} would go on from PersistResult. ")
    assert stage.results("jobs", "redrive", job.id, "--dry-run")[0]["dry_run"] is True
    assert (stage.executions.redriven, stage.journal.lines) == ([], [])


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_redrive_that_is_refused_says_why_and_ends_with_1(dry: list[str]) -> None:
    stage = Stage()
    job = cut_off(stage, History().through(1, 2, "PersistResult").ended(3))
    result = stage.run("jobs", "redrive", job.id, a_job_id(), *dry)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The execution succeeded." in result.stderr
    assert "There is no such job." in result.stderr
    told = stage.run("jobs", "redrive", job.id, "--json", *dry)
    assert (told.exit_code, json.loads(told.stdout)["error"]["code"]) == (1, "not_redrivable")
    assert stage.executions.redriven == []
