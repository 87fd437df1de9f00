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
