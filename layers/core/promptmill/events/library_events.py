"""The events of the library: its prompts and its templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promptmill.clock import timestamp
from promptmill.events.envelope import VERSION


@dataclass(frozen=True, slots=True)
class Occurrence:
    """When something happened, who did it, and the request it was done with.

    ``event_id`` is ``evt_…``: the same for the same deed, so that who publishes it twice announces it once.
    """

    event_id: str
    at_ms: int
    owner: str
    correlation_id: str
    traceparent: str


def prompt_event(occurrence: Occurrence, prompt_id: str) -> dict[str, Any]:
    """The detail of ``prompt.created``, ``prompt.copied``, ``prompt.starred`` and ``prompt.unstarred``."""
    return _event(occurrence, {"prompt_id": prompt_id})


def template_published_event(occurrence: Occurrence, template_id: str, *, version: int) -> dict[str, Any]:
    """The detail of ``template.published``: the version that can be used from now on."""
    return _event(occurrence, {"template_id": template_id, "version": version})


def template_forked_event(occurrence: Occurrence, template_id: str, *, forked_from: str) -> dict[str, Any]:
    """The detail of ``template.forked``: the new template, and the one it was made of."""
    return _event(occurrence, {"template_id": template_id, "forked_from": forked_from})


def _event(occurrence: Occurrence, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            "id": occurrence.event_id,
            "version": VERSION,
            "occurred_at": timestamp(occurrence.at_ms),
            "owner": occurrence.owner,
            "correlation_id": occurrence.correlation_id,
            "traceparent": occurrence.traceparent,
        },
        "data": data,
    }
