"""What commands print: results on standard output, for people or as JSON; everything else on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

_COLOURS = {
    "succeeded": "green",
    "active": "green",
    "running": "cyan",
    "queued": "blue",
    "pending": "blue",
    "rejected": "yellow",
    "canceled": "yellow",
    "aborted": "yellow",
    "disabled": "yellow",
    "revoked": "yellow",
    "failed": "red",
    "timed_out": "red",
    "expired": "red",
}
"""Colours of a status, whatever it is of."""

_GAP = "  "
# Back to the beginning of the line, and what stands there erased.
_ERASED = "\r\x1b[K"
_NOTHING = "-"


class Output:
    """Where the results of one command go.

    As JSON, each result is one object on a line of its own. Otherwise it is text: coloured and no wider than the
    screen on a terminal, whole and plain elsewhere; ``NO_COLOR`` (https://no-color.org) is heeded.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._progress: Progress | None = None

    def say(self, document: Mapping[str, Any], sentence: str) -> None:
        """One result, which is a sentence for people."""
        self._print(json_line(document) if self.as_json else printable(sentence))

    def refuse(self, document: Mapping[str, Any], sentence: str) -> None:
        """A result that is a refusal: for people, on standard error."""
        if self.as_json:
            self._print(json_line(document))
        else:
            self.remark(f"Error: {sentence}")

    def show(self, document: Mapping[str, Any]) -> None:
        """One object; for people, a line for each field, and a table for each list of objects."""
        if self.as_json:
            self._print(json_line(document))
            return
        plain = {name: value for name, value in fields_of(document) if not _is_table(value)}
        width = max(map(len, plain), default=0)
        for name, value in plain.items():
            first, *others = cell(value).split("\n")
            self._print(f"{name.ljust(width)}{_GAP}{_styled(name, first)}")
            for line in others:
                self._print(f"{' ' * width}{_GAP}{line}".rstrip())
        for name, value in fields_of(document):
            if _is_table(value):
                self._print(f"\n{name}")
                self._table(value, list(value[0]))

    def table(self, documents: Iterable[Mapping[str, Any]], columns: Sequence[str], *, without: str) -> None:
        """A list of objects, of which people see these columns; ``without`` is what they are told of an empty one."""
        if self.as_json:
            for document in documents:
                self._print(json_line(document))
            return
        rows = list(documents)
        if rows:
            self._table(rows, columns)
        else:
            self.remark(without)

    def remark(self, text: str) -> None:
        """Something that is no result."""
        if self._progress:
            self._progress.erase()
        click.echo(printable(text), err=True, color=_colour())

    def progress(self, what: str, total: int | None = None) -> Progress:
        """Says how far long work is, while it is entered; see ``Progress``."""
        self._progress = Progress(what, total)
        return self._progress

    def _print(self, text: str) -> None:
        if self._progress:
            self._progress.erase()
        click.echo(text, color=_colour())

    def _table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        cells = [[cell(row.get(name)).replace("\n", " ") for name in columns] for row in rows]
        headings = [name.upper().replace("_", " ") for name in columns]
        widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        self._print(_line(headings, widths, room))
        for row in cells:
            line = _line(row, widths, room)
            if "status" in columns:
                place = columns.index("status")
                before = sum(widths[:place]) + len(_GAP) * place
                after = before + len(row[place])
                line = f"{line[:before]}{_styled('status', line[before:after])}{line[after:]}"
            self._print(line)


class Progress:
    """How far long work is, in one line of a terminal's standard error that is gone afterwards; nothing elsewhere."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._is_terminal = sys.stderr.isatty()
        self._is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.erase()

    def advance(self, count: int = 1) -> None:
        self._done += count
        if self._is_terminal:
            of = "" if self._total is None else f" of {self._total}"
            self._write(f"{_ERASED}{self._what}: {self._done}{of}")
            self._is_shown = True

    def erase(self) -> None:
        """Clears the line, until the next ``advance``."""
        if self._is_shown:
            self._write(_ERASED)
            self._is_shown = False

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def json_line(document: Mapping[str, Any]) -> str:
    """A document on one line of ASCII, which no terminal and no locale stumbles over."""
    return json.dumps(document, separators=(",", ":"))


def fields_of(document: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """The fields of a document, those of the objects in it by their path: ``cost.model_usd``."""
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from fields_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def cell(value: Any) -> str:
    """A value as people read it; of a list of objects, how many they are."""
    if value in (None, [], {}):
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_table(value):
        return str(len(value))
    return printable(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def printable(text: str) -> str:
    """The text with control and format characters and lone surrogates spelt out, but for line breaks.

    Prompts, results and names are what somebody wrote. Control characters would steer the terminal, format characters
    hide text or turn its direction (https://trojansource.codes), and lone surrogates cannot be written.
    """
    return "".join(
        one
        if one == "\n" or unicodedata.category(one) not in {"Cc", "Cf", "Cs"}
        else one.encode("unicode_escape").decode()
        for one in text
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _line(cells: Sequence[str], widths: Sequence[int], room: int | None) -> str:
    """The cells of a row in their columns, cut to the room there is; None is as much as it takes."""
    line = _GAP.join(text.ljust(width) for text, width in zip(cells, widths, strict=True)).rstrip()
    return line if room is None or len(line) <= room else f"{line[: room - 1]}…"


def _styled(name: str, text: str) -> str:
    colour = _COLOURS.get(text.lower()) if name == "status" else None
    return click.style(text, fg=colour) if colour else text


def _colour() -> bool | None:
    """What click calls colour: None where it sees for itself whether there is a terminal."""
    return False if os.environ.get("NO_COLOR") else None
