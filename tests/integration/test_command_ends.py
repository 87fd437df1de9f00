"""How the operators' command ends when somebody ends it: at once, quietly, and cleaned up."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.rendering import ROOT

# Another process sees to it that the signal comes while a module is read.
INTERRUPTED_WHILE_READING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "operations.journal":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from operations.__main__ import main
main()
"""
AT_WORK = """
import signal, sys
from operations.command import unwind_when_ended

unwind_when_ended()
try:
    print("At work.", flush=True)
    signal.pause()
finally:
    print("Cleaning up.", flush=True)
    open(sys.argv[1], "w").close()
"""


def at_work(cleaned: Path, terminal: int, *before: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*before, sys.executable, "-c", AT_WORK, str(cleaned)],
        cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip


def test_an_interruption_before_all_is_read_is_quiet() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_READING, "jobs", "ls"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_who_is_ended_cleans_up(tmp_path: Path, end: signal.Signals, status: int) -> None:
    cleaned = tmp_path / "cleaned"
    ours, theirs = pty.openpty()
    with at_work(cleaned, theirs) as process:
        os.close(theirs)
        assert b"At work." in os.read(ours, 100)
        if end == signal.SIGHUP:
            # Before a terminal says that it is closed, nothing can be written to it any more.
            os.close(ours)
        process.send_signal(end)
        assert process.wait(60) == status
    assert cleaned.exists()


def test_who_is_not_to_hear_that_the_terminal_is_closed_goes_on(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with at_work(tmp_path / "cleaned", theirs, "env", "--ignore-signal=HUP") as process:
        os.close(theirs)
        assert b"At work." in os.read(ours, 100)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    os.close(ours)


def ended(script: str) -> subprocess.CompletedProcess[str]:
    """How a line of a shell ends in which ``promptmill`` is the command."""
    return subprocess.run(
        ["bash", "-c", f'promptmill() {{ "$0" -m operations "$@"; }}\n{script}', sys.executable],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("promptmill jobs --help >&-", 1, "Error: Standard output is closed: nothing was done.\n"),
        ("promptmill jobs --help >/dev/full", 1, "Error: No space left on device.\n"),
        ("promptmill jobs ls --limit 0 2>&-", 2, ""),
        ("promptmill jobs ls --limit 0 2>/dev/full", 1, ""),
        ("promptmill jobs --help >&- 2>&-", 1, ""),
    ],
)
def test_who_cannot_be_told_anything_is_given_a_status_and_where_possible_a_sentence(
    line: str, status: int, said: str
) -> None:
    end = ended(line)
    assert (end.returncode, end.stdout, end.stderr) == (status, "", said)


def test_who_closed_standard_input_is_asked_nothing() -> None:
    asks = "from operations.command import confirm; confirm('Really?', assumed=False)"
    end = ended(f'"$0" -c "{asks}" <&-')
    assert (end.returncode, end.stdout) == (1, "")
    assert end.stderr.endswith("Nobody is there to confirm it: say --yes.\n")


def test_who_closed_standard_error_is_given_the_results_all_the_same() -> None:
    end = ended("promptmill jobs --help 2>&-")
    assert (end.returncode, end.stderr) == (0, "")
    assert "Usage: promptmill jobs" in end.stdout
