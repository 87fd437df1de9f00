"""All commands of operators in one group."""

from __future__ import annotations

import click

from operations.analytics import analytics
from operations.command import OperatorGroup
from operations.dlq import dlq
from operations.events import events
from operations.executions import executions
from operations.jobs import jobs
from operations.keys import keys
from operations.limits import limits
from operations.webhooks import webhooks


@click.group(cls=OperatorGroup, context_settings={"help_option_names": ["-h", "--help"]})
def operations() -> None:
    """Look at a stage of an account, or at the local stack, and repair what is wrong there.

    Results are on standard output, all else on standard error. Status 0: done; 1: refused, or not possible right now;
    2: wrong usage; 130: interrupted.
    """


for group in (analytics, dlq, events, executions, jobs, keys, limits, webhooks):
    operations.add_command(group)
