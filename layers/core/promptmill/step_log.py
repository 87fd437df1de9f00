"""The log lines of work that nobody waits for, one each: what it was about, how it ended, how long it took.

The ``correlation_id`` of a job, of its events and of their deliveries is the id of the request that made the job.

The standard library's logger: with the log format JSON, Lambda writes ``extra`` as fields of the line, and importing
Powertools for it would double what these functions import.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptmill.clock import monotonic_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOGGER = logging.getLogger("promptmill")
_DELIVERY = "DeliverWebhook"


@contextmanager
def logged_step(step: str, **facts: str) -> Iterator[Callable[..., None]]:
    """Logs the step when it ends; ``facts`` are ids and names, never what a caller wrote. Errors pass through.

    Yields what adds facts that the step learns on its way.
    """
    _LOGGER.setLevel(logging.INFO)
    started_ms = monotonic_ms()
    outcome = "done"
    try:
        yield facts.update
    except Exception as error:
        outcome = type(error).__name__
        raise
    finally:
        _LOGGER.info(
            "step", extra={"step": step, "outcome": outcome, "duration_ms": monotonic_ms() - started_ms, **facts}
        )


def log_given_up(work: str, error: Exception, **facts: str | None) -> None:
    """Logs that a step goes on without some work it can do without, and the name of the error that was in its way."""
    _LOGGER.warning("gave up", extra={"work": work, "error": type(error).__name__, **facts})


def log_attempt(**facts: str | int | None) -> None:
    """Logs one attempt to deliver an event to a webhook; its URL and what it answered are nobody's here."""
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.info("webhook attempt", extra={"step": _DELIVERY, **facts})


def log_disabled(**facts: str) -> None:
    """Logs that nothing is sent to a webhook any more, and why."""
    _LOGGER.warning("webhook disabled", extra={"step": _DELIVERY, **facts})
