"""No burst, failure or cancellation brings spending above the cap, or more jobs or images than are allowed."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from promptmill.clock import random_hex
from promptmill.http.user_schemas import Limits
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.identity.users.model import user_id
from promptmill.identity.users.store import key
from promptmill.jobs.store import JobStore
from promptmill.limits.money import format_nanousd
from promptmill.limits.spending.store import SpendingStore
from tests.support.api import TERMINAL, Api, eventually, new_address, token_of
from tests.support.in_process import api_event, in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack
    from promptmill.limits.spending.reservation import Account, Reservation
    from tests.support.stand_ins import StandIns

AT_ONCE = 64
FIT = 10
IMAGE = {"kind": "image", "width": 256, "height": 256}


@dataclass(frozen=True)
class User:
    """A user for whom an admin set limits."""

    id: str
    api: Api
    limits: str

    def post(self, **body: Any) -> str:
        return str(self.api.submit(**body)["id"])

    def post_at_once(self, count: int, **body: Any) -> list[str]:
        """Posts faster than the executions run. The function runs here: the stack's machine has enough to do."""
        caller = Caller(self.id, "user", frozenset({Role.USER}), limits=self.limits)
        event = partial(api_event, "POST", "/v1/jobs", address=self.api.address, user=caller, body=json.dumps(body))
        with in_process(self.api.stack, "submit_job") as submit:
            answers = [submit(event()) for _ in range(count)]
        assert {answer["statusCode"] for answer in answers} == {202}
        return [json.loads(answer["body"])["id"] for answer in answers]

    def ends(self, job_ids: list[str]) -> Counter[str]:
        """How the jobs ended: their error's code, or their status where there is none."""
        jobs = JobStore(self.api.stack.jobs_table, self.api.stack.client("dynamodb"))

        def ended(job_id: str) -> str | None:
            job = jobs.load_work(job_id).job
            return (job.error["code"] if job.error else job.status.value) if job.status.is_terminal else None

        return Counter(eventually(partial(ended, job_id), seconds=120) for job_id in job_ids)

    def settled(self, job_id: str) -> Account:
        """The account of the day the job was reserved on, once no job is open."""
        store = SpendingStore(self.api.stack.control_table, self.api.stack.client("dynamodb"))
        day = reservation_of(self.api.stack, job_id).day

        def read() -> Account | None:
            account = store.read(self.id, day)
            return None if account.open_jobs else account

        return eventually(read, seconds=60)


@contextmanager
def a_user(stack: Stack, **limits: Any) -> Iterator[User]:
    """``limits`` as an admin sets them; the rate is in nobody's way."""
    subject = f"spender-{random_hex(6)}"
    own_id = user_id(f"{stack.providers_url}/issuer", subject)
    written = json.dumps({"requests_per_minute": 1000, "burst": 1000, "concurrent_jobs": 100, **limits})
    stack.client("dynamodb").update_item(
        TableName=stack.library_table,
        Key=key(own_id),
        UpdateExpression="SET limits = :limits",
        ExpressionAttributeValues={":limits": {"S": written}},
    )
    with Api(stack, new_address(), token=token_of(stack, subject)) as api:
        yield User(own_id, api, written)


def a_text() -> dict[str, Any]:
    return {"kind": "enhance", "prompt": f"Explain the number {random_hex(6)} to a class of ten-year-olds."}


def reservation_of(stack: Stack, job_id: str) -> Reservation:
    return JobStore(stack.jobs_table, stack.client("dynamodb")).load_work(job_id).job.reservation


def reserved_nanousd(stack: Stack, body: dict[str, Any]) -> int:
    """What one job of this body reserves."""
    with a_user(stack) as user:
        job_id = user.post(**body)
        user.api.finished(job_id)
    return reservation_of(stack, job_id).nanousd


def test_of_64_jobs_at_once_no_more_are_admitted_than_the_cap_has_room_for(stack: Stack, stand_ins: StandIns) -> None:
    body = a_text()
    one = reserved_nanousd(stack, body)
    # No call answers, and each may have been billed: every job that is admitted costs all that it reserved.
    stand_ins.script("chat", [{"truncate": True, "repeat": 3 * FIT}], match=body["prompt"])
    with a_user(stack, daily_usd=format_nanousd(FIT * one)) as user:
        job_ids = user.post_at_once(AT_ONCE, **body)
        ends = user.ends(job_ids)
        account = user.settled(job_ids[0])
    assert ends == {"succeeded": FIT, "budget_exhausted": AT_ONCE - FIT}
    assert account.nanousd == account.spent_nanousd == FIT * one
    assert stand_ins.faults_left(body["prompt"]) == []


def test_jobs_that_cost_less_than_they_reserved_leave_room_for_others(stack: Stack) -> None:
    body = a_text()
    cap = FIT * reserved_nanousd(stack, body)
    with a_user(stack, daily_usd=format_nanousd(cap)) as user:
        job_ids = user.post_at_once(AT_ONCE, **body)
        ends = user.ends(job_ids)
        account = user.settled(job_ids[0])
    assert ends["succeeded"] >= FIT
    assert ends["succeeded"] + ends["budget_exhausted"] == AT_ONCE
    assert 0 < account.nanousd == account.spent_nanousd <= cap


def test_jobs_that_are_canceled_give_back_what_they_did_not_spend(stack: Stack, stand_ins: StandIns) -> None:
    body = a_text()
    cap = FIT * reserved_nanousd(stack, body)
    stand_ins.script("chat", [{"delay_ms": 5000, "repeat": FIT}], match=body["prompt"])
    with a_user(stack, daily_usd=format_nanousd(cap)) as user:
        job_ids = user.post_at_once(FIT, **body)
        for job_id in job_ids:
            user.api.http.post(f"/v1/jobs/{job_id}/cancel")
        job_ids += user.post_at_once(FIT, **body)
        ends = user.ends(job_ids)
        account = user.settled(job_ids[0])
    assert ends["canceled"] > 0
    assert ends.total() == 2 * FIT
    assert set(ends) <= {"canceled", "succeeded", "budget_exhausted"}
    assert account.nanousd == account.spent_nanousd <= cap


def test_a_user_has_no_more_jobs_at_work_than_allowed(stack: Stack, stand_ins: StandIns) -> None:
    body = a_text()
    stand_ins.script("chat", [{"delay_ms": 4000, "repeat": 2}], match=body["prompt"])
    with a_user(stack, concurrent_jobs=2) as user:
        working = [user.post(**body) for _ in range(2)]
        for job_id in working:
            eventually(lambda job_id=job_id: user.api.read(job_id)["started_at"])  # type: ignore[misc]
        assert user.ends([user.post(**body)]) == {"rate_limited": 1}
        assert not [job_id for job_id in working if user.api.read(job_id)["status"] in TERMINAL]
        assert user.ends(working) == {"succeeded": 2}
        user.settled(working[0])
        assert user.ends([user.post(**body)]) == {"succeeded": 1}


def test_a_user_draws_no_more_images_in_a_day_than_allowed(stack: Stack, stand_ins: StandIns) -> None:
    body: dict[str, Any] = {**IMAGE, "prompt": f"a lighthouse, {random_hex(6)}"}
    stand_ins.script("flux", [{"status": 400}], match=body["prompt"])
    with a_user(stack, images_per_day=3) as user:
        failed = user.post(**body, n=3)
        assert user.ends([failed]) == {"invalid_request": 1}
        user.settled(failed)
        assert user.ends([user.post(**body, n=2)]) == {"succeeded": 1}
        assert user.ends([user.post(**body, n=2)]) == {"budget_exhausted": 1}
        last = user.post(**body)
        assert user.ends([last]) == {"succeeded": 1}
        account = user.settled(last)
        assert account.images == 3
        limits = Limits.model_validate_json(user.api.http.get("/v1/me/limits").text)
    assert limits.images_per_day.model_dump(exclude={"resets_at"}) == {"limit": 3, "used": 3, "remaining": 0}
    assert limits.daily_usd.spent == format_nanousd(account.spent_nanousd)
    assert (limits.daily_usd.reserved, limits.daily_usd.limit, limits.plan) == ("0", "2", "user")


def test_who_has_not_signed_in_has_no_limits_to_read(stack: Stack) -> None:
    with Api(stack, new_address(), token=None) as nobody:
        assert nobody.http.get("/v1/me/limits").status_code == 401
