"""Doing the same to several things, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import ClientError

from operations.command import REFUSED, refusal_of
from promptmill.errors import PromptmillError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from operations.output import Output


def each(
    name: str,
    ids: Sequence[str],
    act: Callable[[str], tuple[dict[str, Any], str]],
    *,
    output: Output,
    progress: str,
) -> None:
    """Acts on each id and says at once what came of it: the fields ``act`` returns beside the id, or its sentence.

    ``name`` is what the id is called in a result. One that is refused, by us or by AWS, does not stop the others; the
    command then ends with status 1. Raises botocore's errors where AWS cannot be asked at all. What was done before
    that, or before an interruption, has been said.
    """
    are_all_done = True
    with output.progress(progress, len(ids)) as shown:
        for one in ids:
            try:
                document, sentence = act(one)
            except (PromptmillError, ClientError) as error:
                are_all_done = False
                refusal = refusal_of(error)
                output.refuse({name: one, "error": refusal}, f"{one}: {refusal['detail']}")
            else:
                output.say({name: one, **document}, sentence)
            shown.advance()
    if not are_all_done:
        click.get_current_context().exit(REFUSED)
