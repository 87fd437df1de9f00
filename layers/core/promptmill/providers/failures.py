"""The errors of one attempt, with what else is known: what was billed, when to come back, and a note for operators.

``str`` and ``repr`` of such an error are ours alone. The note (``__notes__``, shown in tracebacks) names the kind of
failure and the provider's request id; it never quotes the provider, which may quote the prompt or the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from promptmill.errors import PromptmillError

if TYPE_CHECKING:
    from promptmill.providers.interface import Usage

E = TypeVar("E", bound=PromptmillError)


def failure(kind: type[E], note: str, *, usage: Usage | None = None, retry_after_seconds: int | None = None) -> E:
    """An error of this kind, carrying ``usage`` and ``retry_after_seconds`` as attributes."""
    error = kind()
    vars(error).update(usage=usage, retry_after_seconds=retry_after_seconds)
    error.add_note(note)
    return error


def billed_usage(error: BaseException) -> Usage | None:
    """What the provider billed, or is taken to bill, for an attempt that failed; None when it never began to answer."""
    return cast("Usage | None", getattr(error, "usage", None))


def retry_after_seconds(error: BaseException) -> int | None:
    """How long the provider asks to wait before the next attempt."""
    return cast("int | None", getattr(error, "retry_after_seconds", None))
