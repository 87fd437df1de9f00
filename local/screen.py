"""What a command writes for people: sections, wrapped text, and progress that a terminal shows in place."""

from __future__ import annotations

import shutil
import sys
import textwrap
import threading
import time
from typing import TextIO

MAX_WIDTH = 100
NAME_WIDTH = 26


class Screen:
    """Writes to ``out``; bold and progress in place only where ``out`` is a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.is_terminal = self._out.isatty()
        self.width = min(shutil.get_terminal_size((MAX_WIDTH, 24)).columns, MAX_WIDTH)

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.is_terminal else text

    def section(self, title: str, aside: str = "") -> None:
        rule = "─" * max(3, self.width - len(title) - len(aside) - 5)
        self.line()
        self.line(f"─ {self.bold(title)} {rule} {aside}".rstrip())

    def field(self, label: str, text: str) -> None:
        """A labelled paragraph; its own line breaks are kept, long lines are wrapped under themselves."""
        indent = " " * 12
        wrapped: list[str] = []
        for paragraph in text.splitlines() or [""]:
            hanging = " " * (len(paragraph) - len(paragraph.lstrip(" -•")))
            wrapped += textwrap.wrap(
                paragraph,
                self.width,
                initial_indent=indent,
                subsequent_indent=indent + hanging,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [""]
        first = wrapped[0].strip()
        self.line(f"  {self.bold(f'{label:<8}')}  {first}")
        for line in wrapped[1:]:
            self.line(line)

    def rows(self, label: str, lines: list[str]) -> None:
        """Labelled lines as they are."""
        for number, line in enumerate(lines):
            self.line(f"  {self.bold(f'{label if number == 0 else str():<8}')}  {line}".rstrip())


class Board:
    """One line per name that says how it stands: in a terminal it changes in place, elsewhere each change is a line."""

    def __init__(self, screen: Screen, out: TextIO | None = None) -> None:
        self._screen = screen
        self._out = out or sys.stdout
        self._lines: dict[str, str] = {}
        self._drawn = 0
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def show(self, name: str, state: str) -> None:
        """Safe to call from several threads; a state already shown is not shown again."""
        with self._lock:
            if self._lines.get(name) == state:
                return
            self._lines[name] = state
            if self._screen.is_terminal:
                self._draw()
                return
            seconds = time.monotonic() - self._began
            self._screen.line(f"  {seconds:6.2f} s  {name:<{NAME_WIDTH}} {state}")

    def _draw(self) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        lines = (f"  {name:<{NAME_WIDTH}} {state}"[: self._screen.width] for name, state in self._lines.items())
        self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(self._lines)
