"""What all commands have in common: the options ``--stage`` and ``--json``, and how a command ends."""

from __future__ import annotations

import functools
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError

from local.account import STAGES
from operations.deployment import find_deployment
from operations.output import Output
from operations.rebuild import CLOCKS_DIFFER_MS
from promptmill.errors import InvalidInput, PromptmillError
from promptmill.gateway import error_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

REFUSED = 1
INTERRUPTED = 128 + signal.SIGINT

R = TypeVar("R")


class OperatorGroup(click.Group):
    """A group of commands whose errors are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PromptmillError as error:
            raise click.ClickException(sentence_of(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(str(error)) from error
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)


def sentence_of(error: PromptmillError) -> str:
    """What an operator has to know of an error: its detail, what is wrong with which field, and what AWS said."""
    if isinstance(error, InvalidInput) and error.errors:
        return "; ".join(f"{pointer.removeprefix('/')} {detail}" for pointer, detail in error.errors)
    cause = error.__cause__
    return f"{error.detail} ({cause})" if isinstance(cause, (BotoCoreError, ClientError)) else error.detail


def refusal_of(error: PromptmillError | ClientError) -> dict[str, str]:
    """What programs are told of a refusal, ours or AWS's: a code, and a sentence for people."""
    if isinstance(error, PromptmillError):
        return {"code": error.code, "detail": sentence_of(error)}
    return {"code": error_code(error), "detail": str(error)}


@contextmanager
def usage_of(options: Mapping[str, str]) -> Iterator[None]:
    """Turns what is wrong with a field into wrong usage of the option it came from.

    ``options`` has the fields whose options are not called like them.
    """
    try:
        yield
    except InvalidInput as error:
        fields = [(pointer.removeprefix("/").partition("/")[0], detail) for pointer, detail in error.errors]
        said = (f"--{options.get(name, name).replace('_', '-')} {detail}" for name, detail in fields)
        raise click.UsageError("; ".join(said)) from error


def on_a_stage(command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options ``--stage`` and ``--json``, and calls it with the ``Deployment`` and an ``Output``.

    The stack is looked for once the command line is known to be right, by the context's ``obj`` where a test put one.
    By a clock that differs from AWS's, no command that has ``--dry-run`` changes anything.
    """

    @click.option(
        "--stage",
        type=click.Choice([*STAGES, "local"]),
        default=lambda: "local" if os.environ.get("AWS_ENDPOINT_URL") else "dev",
        help="The stage; dev, or local in a shell that is set to the local stack.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print each result as a JSON object on a line of its own.")
    @click.pass_context
    @functools.wraps(command)
    def call(context: click.Context, /, *, stage: str, as_json: bool, **arguments: Any) -> R:
        find = context.obj or find_deployment
        deployment, output = find(stage), Output(as_json=as_json)
        if wrong := _wrong_clock(deployment.clock_ahead_ms):
            if arguments.get("dry_run") is False:
                raise click.ClickException(f"{wrong} Nothing is changed by such a clock: set it first.")
            output.remark(f"Warning: {wrong}")
        return command(deployment, output, **arguments)

    return call


def _wrong_clock(ahead_ms: int) -> str | None:
    """What is wrong with this machine's clock when it is so far ahead of AWS's, if that is too much."""
    if abs(ahead_ms) <= CLOCKS_DIFFER_MS:
        return None
    return f"This machine's clock is {abs(ahead_ms) // 1000} seconds {'ahead of' if ahead_ms > 0 else 'behind'} AWS's."


dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def marked(*, dry_run: bool) -> dict[str, bool]:
    """What the JSON of a change says besides when it was not made."""
    return {"dry_run": True} if dry_run else {}


def confirm(question: str, *, assumed: bool) -> None:
    """Goes on only when a person at a terminal says yes; ``assumed`` is for who said ``--yes``.

    Raises ``UsageError`` where there is nobody to ask, ``ClickException`` at a no.
    """
    if assumed:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to confirm it: say --yes.")
    if not click.confirm(question, err=True):
        raise click.ClickException("Nothing was done.")


def unwind_when_ended() -> None:
    """Has SIGTERM and a terminal that is closed unwind the command, as Ctrl-C does, so that it cleans up behind itself.

    Who started it with ``nohup`` wants it to go on without its terminal.
    """
    terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def end(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            # What is said while it cleans up would be an error of a terminal that is gone.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for terminal in terminals:
                os.dup2(nowhere, terminal)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, end)
