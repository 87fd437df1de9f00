"""What the consumer of job events does with one message of its queue. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from promptmill.analytics.rollup import FinishedJob, finished_job
from promptmill.errors import BrokenContractError

# A replayed event may be a day on its way to the queue, four days in it, fourteen among the dead letters, and, sent
# back from there, four days in the queue once more; the rest is for an archive that is late to delete.
_SPARE_DAYS = 30
_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Arrival:
    """A terminal event as it came from the bus, just now or, ``replayed``, again from the archive."""

    job: FinishedJob
    replayed: bool


def read_arrival(body: str) -> Arrival:
    """The event in the body of an SQS message; raises ``BrokenContractError`` for what is none."""
    try:
        event = json.loads(body)
        return Arrival(finished_job(event["detail"]), replayed="replay-name" in event)
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenContractError("the message has no event") from error


def marker_expires_at_seconds(*, at_ms: int, retention_days: int) -> int:
    """When it may be forgotten that an event was counted at this time: once no archive and no queue can have it."""
    return at_ms // 1000 + (retention_days + _SPARE_DAYS) * _DAY_SECONDS
