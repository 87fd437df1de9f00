"""Ends jobs from outside their executions: an owner cancels one, the sweeper finishes what was left behind.

Whoever wins the one conditional write on the status has the execution stopped, the event published and the reservation
settled. Each may fail, so the job stays open until all are done, and the sweeper tries again; an event published twice
has the same id, and a reservation settles once.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from promptmill.clock import timestamp
from promptmill.errors import JobSettled, PromptmillError
from promptmill.events.envelope import outcome_event
from promptmill.events.names import EventName
from promptmill.jobs.ledger import paid_nanousd
from promptmill.jobs.model import JobStatus
from promptmill.jobs.reach import Reach
from promptmill.jobs.records import OPEN_SHARDS
from promptmill.jobs.settling.judgement import LOOK_AGAIN_MS, RUNNING, Verdict, error_of, judge, next_look_ms
from promptmill.step_log import logged_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.events.publish import EventBus
    from promptmill.jobs.gateway import GenerationWorkflow
    from promptmill.jobs.model import Job
    from promptmill.jobs.settling.store import SettlingStore
    from promptmill.limits.spending.store import SpendingStore

PAGE_SIZE = 25
MAX_PAGES = 4
# A job that cannot be settled makes way for those behind it.
AFTER_A_FAULT_MS = 10 * 60 * 1000
MINUTE_MS = 60_000
FAULTY = "faulty"

_STOPPED = {
    JobStatus.CANCELED: ("Canceled", "The job was canceled."),
    JobStatus.EXPIRED: ("DeadlinePassed", "The job was not done by its deadline."),
}


@dataclass(frozen=True, slots=True)
class Cancellation:
    """``concluded`` unless the sweeper still has to stop the execution or to publish the event."""

    job: Job
    concluded: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outside parts a job is settled with."""

    jobs: SettlingStore
    workflow: GenerationWorkflow
    bus: EventBus
    spending: SpendingStore

    def cancel(self, job_id: str, owner: str | None, *, at_ms: int) -> Cancellation:
        """Cancels the owner's job, or anybody's for None: its status says so at once and for good.

        Its execution is stopped, its event sent.

        Canceling a canceled job changes nothing. Raises ``JobNotFound``, ``JobSettled`` when it had ended otherwise,
        ``StoreUnavailable`` when the store did not say whether it was; the sweeper finishes it if it was.
        """
        at, due_at = timestamp(at_ms), timestamp(at_ms + LOOK_AGAIN_MS)
        job, _ = self.jobs.settle(job_id, JobStatus.CANCELED, at=at, due_at=due_at, reach=Reach(owner, at_ms // 1000))
        if job.status is not JobStatus.CANCELED:
            raise JobSettled(f"The job is {job.status.value} already.")
        return Cancellation(job, concluded=job.due_at is None or self._conclude(job))

    def sweep(self, *, at_ms: int, has_time: Callable[[], bool]) -> Counter[str]:
        """Settles what is due, at most ``MAX_PAGES`` pages of each shard, while there is time; how many, by verdict.

        Doing it twice, or two at a time, changes nothing more. A job, or a shard, that raises counts as ``FAULTY``.
        The next minute begins with the next shard, so that where time is short each has its turn.
        """
        done: Counter[str] = Counter()
        first = at_ms // MINUTE_MS
        for shard in ((first + place) % OPEN_SHARDS for place in range(OPEN_SHARDS)):
            try:
                pages = self.jobs.due(shard, timestamp(at_ms), page_size=PAGE_SIZE)
                for _, page in zip(range(MAX_PAGES), pages, strict=False):
                    for job_id in page:
                        if not has_time():
                            return done
                        verdict = self.finish(job_id, at_ms=at_ms)
                        if verdict is not None:
                            done[verdict] += 1
            except PromptmillError:
                done[FAULTY] += 1
        return done

    def finish(self, job_id: str, *, at_ms: int) -> str | None:
        """Does with one open job what has to be done now: the verdict, ``FAULTY``, or None when it is closed."""
        # A stored job that cannot be read, or lacks something, raises one of the last three.
        with (
            contextlib.suppress(PromptmillError, KeyError, TypeError, ValueError),
            logged_step("SweepJob", job_id=job_id) as note,
        ):
            job = self.jobs.load(job_id)
            if job is None or job.due_at is None:
                return None
            note(correlation_id=job.correlation_id)
            return self._settle(job, at_ms)
        with contextlib.suppress(PromptmillError):
            self.jobs.postpone(job_id, timestamp(at_ms + AFTER_A_FAULT_MS))
        return FAULTY

    def _settle(self, job: Job, at_ms: int) -> str | None:
        """What was done with an open job; None when its execution was faster."""
        execution = self.workflow.status(job.id)
        verdict = judge(job, execution, at_ms)
        if verdict is Verdict.WAITING:
            self.jobs.postpone(job.id, timestamp(next_look_ms(job, at_ms)))
            return verdict
        if (status := verdict.settles_as) is not None:
            at, due_at = timestamp(at_ms), timestamp(at_ms + LOOK_AGAIN_MS)
            job, did = self.jobs.settle(job.id, status, at=at, due_at=due_at, error=error_of(verdict, job))
            if not did:
                # Its execution was faster, and publishes.
                return None
        if self._conclude(job, is_running=execution == RUNNING):
            return verdict
        self.jobs.postpone(job.id, timestamp(at_ms + LOOK_AGAIN_MS))
        return FAULTY

    def _conclude(self, job: Job, *, is_running: bool = True) -> bool:
        """Stops the execution where the status asks for it, publishes the event, settles the reservation.

        Closes the job when all of that worked.

        An execution that has not begun the job stops itself when it gets there, after it has announced the job and
        counted it against its owner's rate: submitting and canceling in a row must not be free.
        """
        spent = paid_nanousd(job.cost)
        steps = [
            partial(self.bus.publish, EventName(f"job.{job.status.value}"), outcome_event(job)),
            partial(self.spending.settle, job.subject, job.id, job.reservation, spent_nanousd=spent),
        ]
        if is_running and job.started_at is not None and job.status in _STOPPED:
            error, cause = _STOPPED[job.status]
            steps.insert(0, partial(self.workflow.stop, job.id, error=error, cause=cause))
        # An event goes out although its execution cannot be stopped: a step that goes on finds the job settled.
        done = [_succeeds(step) for step in steps]
        return all(done) and _succeeds(partial(self.jobs.close, job.id))


def _succeeds(step: Callable[[], None]) -> bool:
    try:
        step()
    except PromptmillError:
        return False
    return True
