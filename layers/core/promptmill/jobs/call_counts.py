"""The calls of providers, counted: how many there were, and how many the provider failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.errors import ContentBlocked, DeadlinePassed, StoreUnavailable
from promptmill.jobs.ledger import CallStatus
from promptmill.metrics import report_counts_by
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.jobs.ledger import Call
    from promptmill.jobs.model import Job

# A refusal is an answer, and neither the job's deadline nor S3 is the provider.
_NOT_THE_PROVIDERS = frozenset({ContentBlocked.code, DeadlinePassed.code, StoreUnavailable.code})


def count_call(job: Job, call: Call) -> None:
    """Counts an ended call: ``ProviderCalls``, and ``ProviderErrors`` too when the provider is why it failed."""
    counts = {"ProviderCalls": 1}
    if call.status is CallStatus.FAILED and call.outcome not in _NOT_THE_PROVIDERS:
        counts["ProviderErrors"] = 1
    (stage,) = settings().require("stage")
    report_counts_by(counts, kind=job.kind, model=call.model, outcome=call.outcome, stage=stage)
