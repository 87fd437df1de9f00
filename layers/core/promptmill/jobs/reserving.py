"""What a job reserves of its subject's money and images when it is accepted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.limits.money import to_nanousd
from promptmill.limits.plan import Allowance
from promptmill.limits.spending.reservation import Claim, Reservation
from promptmill.prompting.assemble import assemble_request
from promptmill.prompting.model import ImageRequest
from promptmill.providers.cost import upper_bound_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptmill.jobs.model import Job
    from promptmill.providers.catalog import Model


def reservation_for(job: Job, models: Sequence[Model]) -> Reservation:
    """The most that one call of each of these models can cost for the job; ``ModelUnpriced`` when that is unknown.

    And one more of the last that costs anything: nobody may have seen the end of the first, and no other model is left.
    The request is the one that AssemblePrompt will write, so the bounds are those of the calls.
    """
    request = assemble_request(job)
    bounds = [to_nanousd(upper_bound_usd(model, request)) for model in models]
    last = next((bound for bound in reversed(bounds) if bound), 0)
    return Reservation(
        day=job.created_at[:10],
        nanousd=sum(bounds) + last,
        images=request.n if isinstance(request, ImageRequest) else 0,
    )


def claim_of(state: Mapping[str, Any]) -> Claim:
    """The claim of a job, from the members ``job_id``, ``limits`` and ``reservation`` of its execution's input."""
    limits = state["limits"]
    return Claim(
        subject=limits["subject"],
        job_id=state["job_id"],
        reservation=Reservation(**state["reservation"]),
        allowance=Allowance(**{name: limits[name] for name in Allowance.__dataclass_fields__}),
    )
