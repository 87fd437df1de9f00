"""``promptmill``, also ``python -m operations``: what operators do to a stage of an account, or to the local stack.

Status 0: done. 1: refused, or not possible right now; standard error says why, and with ``--json`` the results of the
things that were refused. 2: wrong usage. 130: interrupted by Ctrl-C, 143: ended by SIGTERM, 129: its terminal was
closed.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """The entry point. Reading all commands takes so long that somebody may interrupt it."""
    if sys.stderr is None:
        # Who closes it wants to hear nothing.
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        sys.exit("Error: Standard output is closed: nothing was done.")
    try:
        from operations.command import unwind_when_ended
        from operations.program import operations

        unwind_when_ended()
        operations(prog_name="promptmill")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        # A disk is full, or a file cannot be read.
        sys.exit(f"Error: {error.strerror}{f': {error.filename}' if error.filename else ''}.")


if __name__ == "__main__":
    main()
