"""Erases what a user leaves behind, a page at a time.

Every call may be cut off anywhere, and the next one goes on: what is not erased yet is still found.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.artifacts.store import artifacts_of
from promptmill.errors import JobNotFound, JobSettled
from promptmill.jobs.erasure.judgement import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.erasure.store import ErasureStore
    from promptmill.jobs.settling.settlement import Settlement

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Eraser:
    """The outside parts a user is erased with.

    Of the user they are given, ``forget_keys`` deletes every API key, ``forget_figures`` the rows of their analytics,
    and ``erase_webhooks`` does at a time the next part of erasing their webhooks; False when there was none.
    """

    store: ErasureStore
    artifacts: ArtifactStore
    settlement: Settlement
    forget_keys: Callable[[str], None]
    forget_figures: Callable[[str], None]
    erase_webhooks: Callable[[str, int], bool]

    def erase(self, user_id: str, *, at_ms: int) -> bool:
        """Deletes the user's keys and figures, their ``PAGE_SIZE`` oldest jobs, a page of artifacts and of deliveries.

        False when there was no webhook, no job and no artifact: only a call that finds nothing says that nothing is
        left, for the index of jobs learns late. A job that is not over is canceled, and erased by a later call. Raises
        ``StoreUnavailable``, and ``RequestInFlight`` when somebody else changes a key or a webhook of theirs right now.
        """
        self.forget_keys(user_id)
        had_webhooks = self.erase_webhooks(user_id, at_ms)
        job_ids = self.store.jobs_of(user_id, limit=PAGE_SIZE)
        for job_id in job_ids:
            self._erase_job(job_id, user_id, at_ms)
        had_artifacts = self.artifacts.delete_page(artifacts_of(user_id))
        self.forget_figures(user_id)
        return had_webhooks or bool(job_ids) or had_artifacts

    def _erase_job(self, job_id: str, user_id: str, at_ms: int) -> None:
        job = self.settlement.jobs.load(job_id)
        if job is None:
            # The index has not learned yet that it is gone.
            return
        match judge(job, at_ms):
            case Verdict.CANCEL:
                # It may end, or go, on its own meanwhile.
                with suppress(JobSettled, JobNotFound):
                    self.settlement.cancel(job_id, user_id, at_ms=at_ms)
            case Verdict.ERASE:
                self.store.erase_job(job_id, user_id)
            case Verdict.WAIT:
                pass
