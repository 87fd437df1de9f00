"""Runs a Python module that ends with whoever started it: ``python -m local.tether MODULE ARGUMENTS…``.

Standard input is a pipe from the starter. When it closes, however the starter ended, the module's whole process group
is killed, so it has to be started in a session of its own. The module itself reads an empty standard input.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    starter = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with, args=(starter,), daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with(starter: int) -> None:
    # os.read, not a file object: a thread that holds a buffered reader's lock would abort the interpreter's exit.
    while os.read(starter, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
