"""All that a function's process writes, run with the environment and the rights of the deployed one.

The environment is one that a test may break. This starts Python anew, so that nothing of a test's own logging or output
stands between the function and what it writes.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any

from local.stack import ROOT
from tests.support.in_process import function_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.stack import Stack

# Long enough for one look at the store, too short to wait for news.
REMAINING_MS = 3_000


def emitted(stack: Stack, folder: str, events: Sequence[dict[str, Any]], **environment: str) -> str:
    """What the process of ``functions/<folder>`` writes while it handles these events, tracebacks included."""
    path = os.pathsep.join(str(part) for part in (ROOT / "layers" / "core", ROOT))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.emitted", folder],
        input=json.dumps(list(events)),
        env={**os.environ, **function_environment(stack, folder), **environment, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout + done.stderr


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return REMAINING_MS


class _AsFields(logging.Formatter):
    """Lambda writes what is given as ``extra`` as fields of the line."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {record.__dict__}"


def _run(folder: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_AsFields())
    logging.getLogger().addHandler(handler)
    spec = importlib.util.spec_from_file_location(f"functions_{folder}", ROOT / "functions" / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for event in json.load(sys.stdin):
        try:
            module.lambda_handler(event, _Context())
        except Exception:  # noqa: BLE001 - as the runtime does
            traceback.print_exc()


if __name__ == "__main__":
    _run(sys.argv[1])
