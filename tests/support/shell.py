"""The operators' command as a person or a program runs it, in a shell that is set to the local stack."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.environment import shell_environment
from local.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

SECONDS = 60
PROMPTMILL = f"{shlex.quote(sys.executable)} -m operations"
# Begins a session whose terminal is standard input, without which Ctrl-C is a character like any other.
AT_THE_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "operations", *sys.argv[1:]])
"""


class Shell:
    """A shell that sourced the stack's environment, and has nothing else of AWS."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._environment = folder / "env"
        self._environment.write_text(shell_environment(stack))
        hidden = ("AWS_", "PYTHONPATH", "NO_COLOR", "COLUMNS")
        self._variables = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a script of bash, in which ``promptmill`` is the command, with nothing to type and nobody to read."""
        prepared = f'. {shlex.quote(str(self._environment))}\npromptmill() {{ {PROMPTMILL} "$@"; }}\n{script}'
        return subprocess.run(
            ["bash", "-c", prepared],
            cwd=ROOT, env=self._variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=SECONDS,
        )  # fmt: skip

    def operate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command."""
        return self.run(f"promptmill {shlex.join(arguments)}")

    def results(self, *arguments: str) -> list[dict[str, Any]]:
        """What the command prints for a program; fails the test unless it ends well and says nothing else."""
        result = self.operate(*arguments, "--json")
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    @contextmanager
    def terminal(self, *arguments: str, columns: int = 80) -> Iterator[Terminal]:
        """The command at a terminal of so many columns."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        prepared = f'. {shlex.quote(str(self._environment))} && exec "$0" -c "$@"'
        process = subprocess.Popen(
            ["bash", "-c", prepared, sys.executable, AT_THE_TERMINAL, *arguments],
            cwd=ROOT, env=self._variables, stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            process.wait()
            os.close(ours)


class Terminal:
    """A process at a terminal: ``shown`` is all that it wrote there, as bytes of a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.shown = ""
        self._terminal = terminal
        self._deadline = time.monotonic() + SECONDS

    def waits_for(self, text: str) -> None:
        """Reads until this was shown; fails the test when it never is."""
        while text not in self.shown:
            assert self._reads(), f"{text!r} was not shown: {self.shown!r}"

    def types(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def ends(self) -> int:
        """The status it ends with, all that it wrote having been read."""
        while self._reads():
            pass
        return self.process.wait(timeout=SECONDS)

    def interrupted(self) -> int:
        """The status it ends with after Ctrl-C, pressed again each second: a prompt may not see the first one."""
        while time.monotonic() < self._deadline:
            self.types("\x03")
            pressed = time.monotonic()
            while select.select([self._terminal], [], [], max(0, pressed + 1 - time.monotonic()))[0]:
                if not self._reads():
                    return self.process.wait(timeout=SECONDS)
        raise AssertionError(f"it did not end: {self.shown!r}")

    def _reads(self) -> bool:
        """Reads some more; False when there will be no more."""
        ready, _, _ = select.select([self._terminal], [], [], max(0, self._deadline - time.monotonic()))
        assert ready, f"nothing more was shown in time: {self.shown!r}"
        try:
            content = os.read(self._terminal, 65536)
        except OSError:
            # What Linux says of a terminal that nobody has open any more.
            return False
        self.shown += content.decode(errors="replace")
        return bool(content)
