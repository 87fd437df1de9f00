"""``promptmill``, also ``python -m operations``: what operators do to a stage of an account, or to the local stack.

Status 0: done. 1: refused, or not possible right now; standard error says why. 2: wrong usage.
"""

from __future__ import annotations

import click

from operations.redrive import redrive


@click.group()
def operations() -> None:
    """Look at a stage of an account, or at the local stack, and repair what is wrong there."""


operations.add_command(redrive)


def main() -> None:
    """The entry point."""
    operations(prog_name="promptmill")


if __name__ == "__main__":
    main()
