"""``analytics rebuild``: in which order, what it says, and how it ends when it is cut off."""

from __future__ import annotations

import json

import pytest
from click.testing import Result

from operations.analytics import LOCAL_QUIET_SECONDS, erase_and_replay
from operations.output import Output
from promptmill.clock import now_ms, timestamp
from promptmill.errors import StoreUnavailable
from tests.unit.operations.rebuilds import DAY, FakeRebuild
from tests.unit.operations.stage import Stage

STEPS = ["lock", "stop", "rest", "settle 600", "look", "erase", "replay", "resume", "quiet 60", "forget", "unlock"]
ERASES = STEPS.index("erase")
GOES_ON = "The consumer of job events goes on.\n"


class Shell(Stage):
    def __init__(self, work: FakeRebuild | None = None, *, stage: str = "dev") -> None:
        super().__init__()
        self.work = work or FakeRebuild()
        self.deployment.rebuild = self.work
        self.deployment.stage = stage

    def rebuild(self, *options: str, day: str = DAY) -> Result:
        return self.run("analytics", "rebuild", "--from", day, *options)


def test_the_consumer_rests_while_rows_are_erased_and_the_totals_are_told() -> None:
    shell = Shell()
    result = shell.rebuild()
    assert result.exit_code == 0, result.stderr
    assert shell.work.steps == STEPS
    assert result.stdout == f"From {DAY} on: 2 jobs, $0.002 before, 3 jobs, $0.003 now.\n"
    assert shell.journal.lines == [("analytics rebuild", {"first_day": DAY})]


def test_a_program_gets_the_totals_as_json() -> None:
    (told,) = Shell().results("analytics", "rebuild", "--from", DAY)
    assert (told["from"], told["before"]["jobs"], told["after"]["jobs"]) == (DAY, 2, 3)
    assert told["after"]["cost"] == {"model_usd": "0.003"}


def test_the_local_archive_has_nothing_to_wait_for() -> None:
    shell = Shell(stage="local")
    assert shell.rebuild().exit_code == 0
    waited_for = {"settle 600": None, "quiet 60": f"quiet {LOCAL_QUIET_SECONDS}"}
    assert shell.work.steps == [step for step in (waited_for.get(step, step) for step in STEPS) if step]


def test_a_dry_run_does_nothing() -> None:
    shell = Shell()
    result = shell.rebuild("--dry-run", "--json")
    assert json.loads(result.stdout)["dry_run"] is True
    assert (shell.work.steps, shell.journal.lines) == ([], [])


@pytest.mark.parametrize("day", ["2026-11-19", "2020-01-01", timestamp(now_ms() + 2 * 86_400_000)[:10]])
def test_a_day_the_archive_has_not_in_whole_is_refused(day: str) -> None:
    shell = Shell()
    result = shell.rebuild(day=day)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"whole days from {DAY} to today, and not {day}" in result.stderr
    assert shell.work.steps == []


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "20261120"])
def test_what_is_no_day_is_wrong_usage(day: str) -> None:
    assert Shell().rebuild(day=day).exit_code == 2


CUT_OFF = pytest.mark.parametrize(("breaks", "status"), [(StoreUnavailable(), 1), (KeyboardInterrupt(), 130)])


@pytest.mark.parametrize("step", ["rest", "settle 600", "erase", "replay"])
@CUT_OFF
def test_cut_off_anywhere_the_consumer_is_at_work_again_and_what_to_do_is_said(
    step: str, breaks: BaseException, status: int
) -> None:
    shell = Shell(FakeRebuild(at=step, breaks=breaks))
    result = shell.rebuild()
    assert (result.exit_code, result.stdout) == (status, "")
    assert shell.work.steps[-2:] == ["resume", "unlock"]
    not_right = f"Reports from {DAY} on are not right yet: run the command again.\n"
    left = not_right if STEPS.index(step) >= ERASES else "This run has erased nothing.\n"
    # Who pressed Ctrl-C hears at once that it takes a moment until the consumer is at work.
    assert f"{GOES_ON}{left}" in result.stderr


@pytest.mark.parametrize("step", ["resume", "running"])
@CUT_OFF
def test_cut_off_while_the_archive_replays_it_is_said_that_it_goes_on(
    step: str, breaks: BaseException, status: int
) -> None:
    shell = Shell(FakeRebuild(at=step, breaks=breaks))
    result = shell.rebuild()
    assert (result.exit_code, shell.work.steps[-2:]) == (status, ["resume", "unlock"])
    assert GOES_ON in result.stderr
    left = f"Reports from {DAY} on are not right yet. The replay again goes on by itself: run the command again once it"
    assert left in result.stderr


@pytest.mark.parametrize("step", ["quiet 60", "forget"])
@CUT_OFF
def test_cut_off_when_all_is_replayed_it_is_said_who_may_be_in_the_reports(
    step: str, breaks: BaseException, status: int
) -> None:
    shell = Shell(FakeRebuild(at=step, breaks=breaks))
    result = shell.rebuild()
    assert (result.exit_code, shell.work.steps[-2:]) == (status, [step, "unlock"])
    assert f"But users who left may be in reports from {DAY} on again: run the command again.\n" in result.stderr
    assert "not right yet" not in result.stderr


def test_a_consumer_that_cannot_be_stopped_was_not_touched_and_nothing_else_is_said() -> None:
    shell = Shell(FakeRebuild(at="stop", breaks=StoreUnavailable()))
    result = shell.rebuild()
    assert (result.exit_code, shell.work.steps) == (1, ["lock", "stop", "unlock"])
    assert "This run has erased nothing.\n" in result.stderr
    assert "not right" not in result.stderr
    assert GOES_ON not in result.stderr


def test_a_day_that_the_archive_begins_to_lose_meanwhile_is_not_erased() -> None:
    shell = Shell(FakeRebuild(whole=(DAY, "2026-11-21")))
    result = shell.rebuild()
    assert (result.exit_code, result.stdout) == (1, "")
    assert shell.work.steps == [*STEPS[: STEPS.index("look")], "resume", "unlock"]
    assert "This run has erased nothing.\n" in result.stderr
    assert "It is another day: the archive has whole days from 2026-11-21 now." in result.stderr


def test_an_archive_that_keeps_no_day_in_whole_is_said_to() -> None:
    tomorrow = timestamp(now_ms() + 86_400_000)[:10]
    shell = Shell(FakeRebuild(whole=(tomorrow,)))
    result = shell.rebuild()
    assert (result.exit_code, shell.work.steps) == (1, [])
    assert "The archive has no day in whole" in result.stderr


class Mute(Output):
    """Nobody reads any more what is said of the consumer."""

    def __init__(self) -> None:
        super().__init__(as_json=False)

    def remark(self, text: str) -> None:
        if text in GOES_ON:
            raise BrokenPipeError


def test_what_cannot_be_said_does_not_keep_the_consumer_at_rest() -> None:
    work = FakeRebuild()
    with pytest.raises(BrokenPipeError):
        erase_and_replay(work, DAY, Mute(), settle_seconds=0)
    assert work.steps == ["stop", "rest", "look", "erase", "replay", "resume"]


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_what_is_in_the_way_is_said_and_nothing_is_done(options: tuple[str, ...]) -> None:
    shell = Shell(FakeRebuild(rests=True))
    result = shell.rebuild(*options)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: The consumer rests.\n")
    assert (shell.work.steps, shell.journal.lines) == ([], [])


def test_who_knows_that_a_rebuild_was_killed_goes_on_from_there() -> None:
    shell = Shell(FakeRebuild(rests=True))
    assert shell.rebuild("--resume").exit_code == 0
    assert shell.work.steps == STEPS


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (FakeRebuild(archived=1), "Fewer jobs are counted than before"),
        (FakeRebuild(dead=(1, 3)), "AnalyticsDeadLetterQueue has 2 messages more"),
    ],
)
def test_a_rebuild_after_which_jobs_are_missing_says_the_totals_and_fails(work: FakeRebuild, why: str) -> None:
    result = Shell(work).rebuild("--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["before"]["jobs"] == 2
    assert why in result.stderr


def test_as_many_jobs_as_before_and_fewer_dead_letters_are_no_failure() -> None:
    result = Shell(FakeRebuild(archived=2, dead=(3, 0))).rebuild("--json")
    assert (result.exit_code, json.loads(result.stdout)["new_dead_letters"]) == (0, 0)


def test_a_replay_that_fails_is_said() -> None:
    result = Shell(FakeRebuild(ends="FAILED")).rebuild()
    assert result.exit_code == 1
    assert "The replay again ended failed." in result.stderr
    assert "run the command again" in result.stderr
