"""The request of a replay: the stored input of its source, with what the caller wants otherwise. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.clock import epoch_ms
from promptmill.errors import InvalidInput
from promptmill.jobs.model import ReplayMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.jobs.model import Job

_OF_THE_INPUT = ("model", "prompt")
_OF_TEMPLATE_JOBS = ("parameters", "label")
_OF_THE_JOB = ("metadata", "deadline_seconds")


def merge_overrides(source: Job, overrides: Mapping[str, Any], mode: ReplayMode) -> dict[str, Any]:
    """The document of a new job, to be validated as any. ``overrides`` has only what the caller named.

    Raises ``InvalidInput``, with a pointer each, for overrides that mean nothing in this mode or for this kind.
    """
    findings = [
        (f"/{name}", f"belongs to template jobs; the job is of kind {source.kind}")
        for name in _OF_TEMPLATE_JOBS
        if name in overrides
    ]
    if mode is ReplayMode.RECORDED:
        findings += [
            (f"/{name}", "cannot be changed in mode recorded, which gives the answer to the stored input")
            for name in _OF_THE_INPUT
            if name in overrides
        ]
    if findings:
        raise InvalidInput("The replay is not valid; see errors.", errors=tuple(findings))
    return {
        "kind": source.kind,
        **source.input,
        "metadata": source.metadata,
        "deadline_seconds": (epoch_ms(source.deadline_at) - epoch_ms(source.created_at)) // 1000,
        **{name: overrides[name] for name in (*_OF_THE_INPUT, *_OF_THE_JOB) if name in overrides},
    }
