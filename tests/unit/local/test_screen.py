from __future__ import annotations

from io import StringIO

from local.checks import Checks
from local.demo import progress_line
from local.demo_report import SHOWN_CHARACTERS, compact_event, shortened
from local.screen import Board, Screen


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_outside_a_terminal_each_change_is_one_plain_line() -> None:
    out = StringIO()
    board = Board(Screen(out))
    for state in ("queued", "queued", "running"):
        board.show("job", state)
    lines = out.getvalue().splitlines()
    assert [line.split()[-1] for line in lines] == ["queued", "running"]
    assert "\x1b" not in out.getvalue()


def test_in_a_terminal_the_lines_change_in_place() -> None:
    out = Terminal()
    board = Board(Screen(out), out)
    board.show("one", "queued")
    board.show("two", "queued")
    out.truncate(0)
    board.show("one", "running")
    assert "\x1b[2A" in out.getvalue()


def test_bold_is_for_terminals() -> None:
    assert Screen(StringIO()).bold("text") == "text"
    assert Screen(Terminal()).bold("text") != "text"


def test_long_lines_are_wrapped_under_their_label_and_line_breaks_stay() -> None:
    out = StringIO()
    Screen(out).field("result", "word " * 60 + "\n\n- second")
    lines = out.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 100
    assert lines[-1] == " " * 12 + "- second"


def test_progress_shows_the_step_until_the_job_has_ended() -> None:
    progress = {"step": "InvokeBedrock", "completed": 2, "total": 5}
    assert progress_line({"status": "running", "progress": progress}) == "██░░░  running    InvokeBedrock"
    assert "InvokeBedrock" not in progress_line({"status": "failed", "progress": progress})


def test_a_long_prompt_is_shortened_and_its_length_said() -> None:
    text = "word " * 300
    assert len(shortened(text)) < SHOWN_CHARACTERS + 40
    assert "1,500 characters" in shortened(text)
    assert shortened("short\ntext") == "short text"


def test_a_printed_event_is_still_its_json() -> None:
    import json

    event = {"source": "promptmill.jobs", "detail": {"metadata": {"id": "evt_1"}, "data": {"status": "succeeded"}}}
    assert json.loads("".join(compact_event(event))) == event


def test_what_was_not_met_is_named_with_what_was_found() -> None:
    checks = Checks()
    assert checks.expect("it rains", met=True)
    assert not checks.expect("the sun shines", met=False, found="clouds")
    assert (checks.made, checks.failed) == (2, ["the sun shines; found clouds"])
