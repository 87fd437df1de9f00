"""Finds a deployed stack, by its stage."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from local.account import STAGES, read_outputs, stack_name
from promptmill.jobs.execution.gateway import Executions
from promptmill.jobs.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Iterator

stage_option = click.option(
    "--stage",
    type=click.Choice([*STAGES, "local"]),
    default=lambda: "local" if os.environ.get("AWS_ENDPOINT_URL") else "dev",
    help="The stage; dev, or local in a shell that is set to the local stack.",
)


@dataclass(frozen=True)
class Deployment:
    jobs: JobStore
    executions: Executions


def find_deployment(stage: str, *, session: Any = None) -> Deployment:
    """The stack of a stage in the account of the shell's credentials; raises a ``ClickException`` without one."""
    # The CLI reads both names, boto3 only the second.
    session = session or boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    with aws_errors(f"The stack of stage {stage} cannot be found"):
        outputs = read_outputs(session, stack_name(stage))
        return Deployment(
            JobStore(outputs["JobsTableName"], session.client("dynamodb")),
            Executions(outputs["StateMachineArn"], session.client("stepfunctions")),
        )


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Ends the command with a sentence where AWS, or the way there, refuses."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{what}: {error}") from error
