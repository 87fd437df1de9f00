"""Whatever happens to a job, in whatever order and wherever it is cut off: one terminal status, one terminal event.

Jobs live in memory: posted, repeated, run by the workflow's own definition, killed, delivered twice, canceled, swept.
"""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from promptmill import errors
from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.ledger import paid_nanousd, total_cost
from promptmill.jobs.model import Job
from promptmill.providers.cost import format_usd
from tests.support.builders import OTHER_OWNER, OWNER
from tests.support.walk import TaskFailed, Walk
from tests.unit.jobs.attempts import failing
from tests.unit.jobs.job_world import KILLED, LIMITS, Crash, JobWorld
from tests.unit.jobs.settling import always

KEYS = st.sampled_from([None, "a", "b"])
PICK = st.integers(0, 10**6)
# (call at which the process ends, whether it was made); mostly none.
CUTS = st.one_of(st.none(), st.none(), st.none(), st.tuples(st.integers(0, 7), st.booleans()))
OUTCOMES = [
    None,
    None,
    None,
    errors.ProviderThrottled,
    errors.ProviderTimeout,
    errors.ContentBlocked,
    errors.ModelNotFound,
    errors.InvalidRequest,
]
MEANWHILE = st.sampled_from(["nothing", "nothing", "cancel", "sweep", "the same again", "the deadline", "stop"])
PASSING_MS = st.sampled_from([10, 1_000, 5_000, 31_000, 121_000, 400_000])
MINUTES_TO_THE_END = 60


class JobLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = JobWorld()
        self.seen: dict[str, Job] = {}
        self.keys: dict[str, set[str]] = {}

    # What callers do.

    @rule(key=KEYS, cut=CUTS, start=st.sampled_from([*["works"] * 8, "fails", "loses its answer"]))
    def post(self, key: str | None, cut: tuple[int, bool] | None, start: str) -> None:
        self.world.workflow.next_start = start
        known = set(self.world.jobs.jobs)
        with self._cut(cut), contextlib.suppress(errors.WorkflowUnavailable, errors.RequestInFlight):
            self.world.submit(key)
        if key is not None:
            self.keys.setdefault(key, set()).update(set(self.world.jobs.jobs) - known)

    @precondition(lambda self: self.world.jobs.jobs)
    @rule(pick=PICK, cut=CUTS, owner=st.sampled_from([OWNER, OWNER, OWNER, OTHER_OWNER]))
    def cancel(self, pick: int, cut: tuple[int, bool] | None, owner: str) -> None:
        job = self._pick(pick)
        with self._cut(cut):
            try:
                canceled = self.world.settlement.cancel(job.id, owner, at_ms=self.world.clock())
            except errors.JobSettled:
                assert self._now(job).status.is_terminal
            except errors.JobNotFound:
                assert owner == OTHER_OWNER
            else:
                assert owner == OWNER
                assert canceled.job.status.value == self._now(job).status.value == "canceled"

    # What executions do.

    @precondition(lambda self: self._running())
    @rule(pick=PICK)
    def run_to_the_end(self, pick: int) -> None:
        running = self._running()
        running[pick % len(running)][1].to_the_end()
        self.world.take_up_executions()

    @precondition(lambda self: self._running())
    @rule(
        pick=PICK,
        steps=st.sampled_from([1, 2, 5, 6, 20]),
        cut=CUTS,
        tried_again=st.booleans(),
        outcome=st.sampled_from(OUTCOMES),
        meanwhile=MEANWHILE,
    )
    def run(
        self,
        pick: int,
        steps: int,
        cut: tuple[int, bool] | None,
        tried_again: bool,  # noqa: FBT001 - Hypothesis names its arguments
        outcome: type[errors.PromptmillError] | None,
        meanwhile: str,
    ) -> None:
        """Some states of an execution. Who is cut off is tried again later, or given up by Step Functions."""
        running = self._running()
        job_id, walk = running[pick % len(running)]
        self.world.provider.next_outcome = failing(outcome) if outcome else None
        self.world.provider.meanwhile = lambda: self._meanwhile(meanwhile, job_id, walk)
        for _ in range(steps):
            if not walk.is_running:
                break
            cut_off = self._cut(cut)
            with cut_off:
                walk.step(tried_again=tried_again)
            if cut_off.happened:
                if not tried_again and walk.is_running:
                    walk.fail(KILLED)
                break
            self.world.take_up_executions()
        self.world.provider.next_outcome = self.world.provider.meanwhile = None

    @precondition(lambda self: any(walk.performed for walk in self.world.walks.values()))
    @rule(pick=PICK, task=PICK)
    def deliver_again(self, pick: int, task: int) -> None:
        """A task that was performed before, any one, is performed once more and nobody waits for it."""
        walks = [walk for walk in self.world.walks.values() if walk.performed]
        performed = walks[pick % len(walks)].performed
        with contextlib.suppress(TaskFailed):
            self.world.perform(*performed[task % len(performed)])

    @precondition(lambda self: self._running())
    @rule(pick=PICK, how=st.sampled_from(["ABORTED", "TIMED_OUT", "FAILED"]))
    def end_execution(self, pick: int, how: str) -> None:
        """An operator stops it, it times out, or fails where nothing is caught."""
        running = self._running()
        running[pick % len(running)][1].status = how

    # What the world does.

    @rule(cut=CUTS)
    def sweep(self, cut: tuple[int, bool] | None) -> None:
        with self._cut(cut):
            self.world.settlement.sweep(at_ms=self.world.clock(), has_time=always)

    @rule(milliseconds=PASSING_MS)
    def let_time_pass(self, milliseconds: int) -> None:
        self.world.clock.advance(milliseconds)

    @rule(works=st.booleans(), stops=st.booleans(), parks=st.booleans(), admits=st.booleans())
    def change_the_weather(self, works: bool, stops: bool, parks: bool, admits: bool) -> None:  # noqa: FBT001
        self.world.bus.error = None if works else errors.BusUnavailable()
        self.world.workflow.stopping_fails = None if stops else errors.WorkflowUnavailable()
        self.world.queue_takes = parks
        self.world.admits = admits

    # What must hold at every moment.

    @invariant()
    def a_status_only_goes_forward_and_a_terminal_one_stays(self) -> None:
        for job in self.world.jobs.jobs.values():
            before = self.seen.get(job.id)
            if before is not None and before.status is not job.status:
                assert job.status.sequence > before.status.sequence, (before.status, job.status)
            if before is not None and before.status.is_terminal:
                assert (job.finished_at, job.error) == (before.finished_at, before.error)
            self.seen[job.id] = job

    @invariant()
    def a_job_has_one_terminal_event_and_it_says_what_is_stored(self) -> None:
        told: dict[str, tuple[str, dict[str, Any]]] = {}
        by_job: dict[str, dict[str, int]] = {}
        for name, detail in self.world.events:
            metadata = detail["metadata"]
            # The bill of a call that ended after the job did is in the job, and in an event that is sent again.
            said = {"metadata": metadata, "data": {**detail["data"], "cost": None}}
            assert told.setdefault(metadata["id"], (name, said)) == (name, said)
            by_job.setdefault(metadata["job_id"], {})[metadata["id"]] = metadata["sequence"]
            if metadata["sequence"] > 1:
                job = self.world.jobs.jobs[metadata["job_id"]]
                assert (name, detail["data"]["status"]) == (f"job.{job.status.value}", job.status.value)
                assert (metadata["occurred_at"], detail["data"].get("error")) == (job.finished_at, job.error)
        for job_id, sequences in by_job.items():
            assert len(set(sequences.values())) == len(sequences), "two events with one sequence"
            assert [one for one, number in sequences.items() if number == 3] in ([], [outcome_event_id(job_id)])

    @invariant()
    def a_job_is_closed_only_when_its_last_event_is_out(self) -> None:
        out = {detail["metadata"]["id"] for _, detail in self.world.events}
        for job in self.world.jobs.jobs.values():
            if job.due_at is None:
                assert job.status.is_terminal
                assert outcome_event_id(job.id) in out

    @invariant()
    def the_cost_of_a_job_is_its_ledger(self) -> None:
        for job in self.world.jobs.jobs.values():
            calls = [call for (owner, _), call in self.world.jobs.calls.items() if owner == job.id]
            assert len(calls) >= self.world.provider.calls.count(job.id)
            if calls:
                total = total_cost(calls)
                assert job.cost == {"model_usd": format_usd(total.usd), "estimated": total.estimated}

    @invariant()
    def spending_stays_within_its_cap_and_a_job_within_its_reservation(self) -> None:
        for account in self.world.spending.days.values():
            assert account.spent_nanousd <= account.nanousd <= LIMITS.allowance.daily_nanousd
        assert all(len(jobs) <= LIMITS.allowance.concurrent_jobs for jobs in self.world.spending.open.values())
        for job in self.world.jobs.jobs.values():
            assert paid_nanousd(job.cost) <= job.reservation.nanousd

    @invariant()
    def a_closed_job_holds_no_reservation_but_one_that_its_execution_is_about_to_give_back(self) -> None:
        late = {job_id for job_id, _ in self._running()}
        held = frozenset().union(*self.world.spending.open.values())
        assert all(self.world.jobs.jobs[job_id].due_at is not None for job_id in held - late)

    @invariant()
    def a_key_pays_for_one_job(self) -> None:
        for job_ids in self.keys.values():
            assert len(job_ids & set(self.world.provider.calls)) <= 1

    def teardown(self) -> None:
        """Time passes and the sweeper runs, until there is nothing to do; then late executions come to their ends."""
        self.change_the_weather(works=True, stops=True, parks=True, admits=True)
        for _ in range(MINUTES_TO_THE_END):
            self.world.clock.advance(60_000)
            with self._cut(None):
                self.world.settlement.sweep(at_ms=self.world.clock(), has_time=always)
        self._all_is_well()
        for _, walk in self._running():
            walk.to_the_end()
        self._all_is_well()
        assert not any(self.world.spending.open.values())
        for account in self.world.spending.days.values():
            assert account.nanousd == account.spent_nanousd

    def _all_is_well(self) -> None:
        told = [detail["metadata"] for _, detail in self.world.events]
        for job in self.world.jobs.jobs.values():
            assert job.status.is_terminal
            assert job.due_at is None
            outcomes = {one["id"] for one in told if one["job_id"] == job.id and one["sequence"] == 3}
            assert outcomes == {outcome_event_id(job.id)}
        self.a_status_only_goes_forward_and_a_terminal_one_stays()
        self.a_job_has_one_terminal_event_and_it_says_what_is_stored()
        self.the_cost_of_a_job_is_its_ledger()
        self.a_key_pays_for_one_job()

    def _meanwhile(self, what: str, job_id: str, walk: Walk) -> None:
        now = self.world.clock()
        with contextlib.suppress(Crash, errors.JobSettled, TaskFailed):
            match what:
                case "cancel":
                    self.world.settlement.cancel(job_id, OWNER, at_ms=now)
                case "sweep":
                    self.world.settlement.sweep(at_ms=now, has_time=always)
                case "the same again":
                    self.world.perform(*walk.performed[-1])
                case "the deadline":
                    self.world.clock.advance(400_000)
                    self.world.settlement.sweep(at_ms=self.world.clock(), has_time=always)
                case "stop":
                    walk.status = "ABORTED"

    def _cut(self, cut: tuple[int, bool] | None) -> CutOff:
        return CutOff(self.world, cut)

    def _running(self) -> list[tuple[str, Walk]]:
        return [(job_id, walk) for job_id, walk in self.world.walks.items() if walk.is_running]

    def _pick(self, pick: int) -> Job:
        job_ids = list(self.world.jobs.jobs)
        return self.world.jobs.jobs[job_ids[pick % len(job_ids)]]

    def _now(self, job: Job) -> Job:
        return self.world.jobs.jobs[job.id]


class CutOff:
    """What is done inside may be cut off at a call, and ends quietly then."""

    def __init__(self, world: JobWorld, cut: tuple[int, bool] | None) -> None:
        self._world = world
        self._cut = cut
        self.happened = False

    def __enter__(self) -> None:
        call, after = self._cut or (None, False)
        self._world.wire.cut_at(call, after=after)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> bool:
        self._world.wire.cut_at(None)
        self._world.take_up_executions()
        self.happened = isinstance(error, Crash)
        return self.happened


TestJobLives = JobLives.TestCase
TestJobLives.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
