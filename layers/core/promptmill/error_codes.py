"""The errors of ``errors`` by name and by code. Pure."""

from __future__ import annotations

from promptmill.errors import PromptmillError


def error_classes() -> dict[str, type[PromptmillError]]:
    """Every class of the tree by name, the name being the one Step Functions sees."""
    found: dict[str, type[PromptmillError]] = {}
    pending: list[type[PromptmillError]] = [PromptmillError]
    while pending:
        cls = pending.pop()
        found[cls.__name__] = cls
        pending.extend(cls.__subclasses__())
    return found


def describe_code(code: str) -> tuple[str, bool]:
    """(detail for the caller, retryable) of a stored error code; an unknown code is an internal error."""
    for cls in error_classes().values():
        if cls.code == code:
            return (cls.__doc__ or "").strip(), cls.retryable
    return "The job could not be finished because of an internal error.", True
