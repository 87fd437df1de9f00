"""What commands print: for people and for programs, on a terminal and elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import pytest

from operations.output import Output, cell, printable

DOCUMENT: dict[str, Any] = {
    "id": "job_1",
    "status": "failed",
    "cost": {"model_usd": "0.1", "estimated": False},
    "error": None,
    "own": {},
    "scopes": ["jobs:read", "jobs:write"],
    "calls": [{"number": 1, "status": "succeeded"}, {"number": 2, "status": "failed"}],
}
ROWS: list[dict[str, Any]] = [
    {"id": "a", "status": "succeeded", "owner": "usr_1"},
    {"id": "bb", "status": "failed", "owner": None},
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _twenty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.delenv("NO_COLOR", raising=False)


@contextmanager
def on_a_terminal() -> Iterator[Terminal]:
    """Standard output and standard error are a terminal, 20 characters wide."""
    with redirect_stdout(Terminal()) as terminal, redirect_stderr(terminal):
        yield terminal


def test_an_object_is_a_line_for_each_field_and_a_table_for_each_list(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).show(DOCUMENT)
    assert capsys.readouterr().out.splitlines() == [
        "id              job_1",
        "status          failed",
        "cost.model_usd  0.1",
        "cost.estimated  no",
        "error           -",
        "own             -",
        "scopes          jobs:read, jobs:write",
        "",
        "calls",
        "NUMBER  STATUS",
        "1       succeeded",
        "2       failed",
    ]


def test_text_of_several_lines_stays_in_its_column(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).show({"text": "one\n\ntwo", "type": "x"})
    assert capsys.readouterr().out == "text  one\n\n      two\ntype  x\n"


def test_a_list_is_a_table_of_the_columns_that_people_want(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(ROWS, ("id", "owner"), without="None.")
    assert capsys.readouterr().out == "ID  OWNER\na   usr_1\nbb  -\n"


def test_of_an_empty_list_people_are_told_and_programs_see_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table([], ("id",), without="No such jobs.")
    assert capsys.readouterr() == ("", "No such jobs.\n")
    Output(as_json=True).table([], ("id",), without="No such jobs.")
    assert capsys.readouterr() == ("", "")


def test_as_json_each_result_is_all_of_it_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.show(DOCUMENT)
    output.table(ROWS, ("id",), without="None.")
    output.say({"job_id": "1"}, "It is done.")
    output.refuse({"job_id": "2", "error": {"code": "no"}}, "It is not.")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert list(map(json.loads, printed.out.splitlines())) == [
        *(DOCUMENT, *ROWS),
        *({"job_id": "1"}, {"job_id": "2", "error": {"code": "no"}}),
    ]


def test_for_people_refusals_and_remarks_are_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    output.say({}, "It is done.")
    output.refuse({}, "It is not.")
    output.remark("That is all.")
    assert capsys.readouterr() == ("It is done.\n", "Error: It is not.\nThat is all.\n")


def test_a_terminal_is_not_steered_by_what_somebody_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;mine\x07 \x9b31m\rover\ttab \ud800 \u202egpj\u2066.\u200b"
    shown = "\\x1b]0;mine\\x07 \\x9b31m\\rover\\ttab \\ud800 \\u202egpj\\u2066.\\u200b"
    assert printable(hostile) == shown
    output = Output(as_json=False)
    output.show({"text": hostile, "calls": [{"error": hostile}]})
    output.say({}, hostile)
    output.refuse({}, hostile)
    printed = capsys.readouterr()
    assert printed.out.count(shown) == 3
    assert printed.err.count(shown) == 1
    assert "\x1b" not in printed.out + printed.err


def test_json_spells_out_whatever_is_not_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\x1b[31m \x9b31m \u2028 é \ud800"
    Output(as_json=True).show({"text": text})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == {"text": text}


def test_a_terminal_has_colours_and_lines_of_its_own_width() -> None:
    with on_a_terminal() as terminal:
        Output(as_json=False).table(ROWS, ("id", "status", "owner"), without="None.")
    assert terminal.getvalue().splitlines() == [
        "ID  STATUS     OWNER",
        "a   \x1b[32msucceeded\x1b[0m  usr_1",
        "bb  \x1b[31mfailed\x1b[0m     -",
    ]


def test_what_is_wider_than_the_terminal_is_cut() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a" * 12, "status": "succeeded"},
        {"id": "b", "status": "failed", "owner": "usr_1"},
    ]
    with on_a_terminal() as terminal:
        Output(as_json=False).table(rows, ("id", "status", "owner"), without="None.")
    assert [line.replace("\x1b[31m", "").replace("\x1b[0m", "") for line in terminal.getvalue().splitlines()] == [
        "ID            STATU…",
        "aaaaaaaaaaaa  succe…",
        "b             faile…",
    ]


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with on_a_terminal() as terminal:
        Output(as_json=False).table(ROWS, ("id", "status"), without="None.")
        Output(as_json=False).show({"status": "failed"})
    assert "failed" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_progress_is_one_line_that_makes_way_for_results_and_is_gone_at_the_end() -> None:
    output = Output(as_json=False)
    with on_a_terminal() as terminal, output.progress("jobs canceled", 2) as shown:
        shown.advance()
        output.say({}, "Done.")
        shown.advance()
    erased = "\r\x1b[K"
    first, second = f"{erased}jobs canceled: 1 of 2", f"{erased}jobs canceled: 2 of 2"
    assert terminal.getvalue() == f"{first}{erased}Done.\n{second}{erased}"


def test_progress_is_nothing_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=False).progress("jobs looked at") as shown:
        shown.advance(100)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), ([], "-"), (True, "yes"), (0, "0"), ("", ""), ([{"a": 1}, {}], "2")]
)
def test_a_value_is_said_in_words(value: Any, text: str) -> None:
    assert cell(value) == text
