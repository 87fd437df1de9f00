"""Runs MiniStack, with one difference from AWS mended. Started with MiniStack's own interpreter, not the project's.

MiniStack's Python workers report every handler exception to Step Functions as ``Runtime.HandlerError``. AWS reports the
exception's class name, which is what Retry and Catch match. The class is in the traceback MiniStack logs, so it is
put back from there.

``sys.argv[1]`` is a folder with the SAM translator, which MiniStack needs to expand the template. It is appended to
this process's path only: Lambda workers must not see it, so that a dependency missing from the layer fails here too.
"""

import os
import re
import signal
import sys
import threading
from typing import Any

sys.path.append(sys.argv.pop(1))

from ministack.app import main
from ministack.services import lambda_svc

_LAST_TRACEBACK_LINE = re.compile(r"^(?:[\w.]+\.)?([A-Za-z_]\w*)(?::|$)")
_run = lambda_svc._execute_function  # noqa: SLF001


def exception_class(log: str) -> str | None:
    """The class name on the first unindented line after the last traceback's frames, or None."""
    _, found, tail = log.rpartition("Traceback (most recent call last):\n")
    if not found:
        return None
    for line in tail.splitlines():
        if line and not line.startswith(" "):
            match = _LAST_TRACEBACK_LINE.match(line)
            return match[1] if match else None
    return None


def _execute_function(func: dict[str, Any], event: Any) -> dict[str, Any]:
    result: dict[str, Any] = _run(func, event)
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
        body["errorType"] = exception_class(result.get("log") or "") or body["errorType"]
    return result


lambda_svc._execute_function = _execute_function  # noqa: SLF001


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()
