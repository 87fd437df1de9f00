"""``python -m operations COMMAND``: commands for operators, against a stage of an account or the local stack.

Status 0: done. 1: refused, or not possible right now; standard error says why. 2: wrong usage.
"""

from __future__ import annotations

import click

from operations.redrive import redrive


@click.group(help="Commands for operators, against a stage of an account or the local stack.")
def operations() -> None:
    """The commands."""


operations.add_command(redrive)

if __name__ == "__main__":
    operations(prog_name="python -m operations")
