"""The product end to end on this machine: the requests of ``events/requests`` and all that comes of them."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local.burst import run_burst
from local.caller import TERMINAL, Caller
from local.checks import Checks
from local.demo_report import show_challenge, show_job, show_refusal
from local.inbox import Inbox
from local.sam import ROOT
from local.screen import Board, Screen
from local.stack import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

REQUESTS = ROOT / "events" / "requests"
# A real model may take a while; the stand-ins answer at once.
FOLLOW_SECONDS = 330
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Followed:
    """A request of ``events/requests`` and the job it became, as its caller saw both."""

    name: str
    body: dict[str, Any]
    post_ms: int
    total_ms: int
    job: dict[str, Any]


@dataclass(frozen=True)
class _Pending:
    name: str
    body: dict[str, Any]
    caller: Caller
    job_id: str
    began: float
    posted: float


class Phases:
    """How long each part took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began


def run_demo(folder: Path) -> int:
    """Returns 0 when every expectation was met, 1 when not, 130 when interrupted; nothing is left running."""
    screen, checks, phases = Screen(), Checks(), Phases()
    began = time.monotonic()
    screen.line(screen.bold("Promptmill demo"))
    screen.line("The template as it is, on this machine: API, workflow, tables, bucket and bus, with IAM enforced.")
    screen.line("Bringing the stack up: sam build, sam deploy …")
    try:
        with contextlib.ExitStack() as held:
            with phases.phase("stack up"):
                stack = held.enter_context(running(folder))
            try:
                _show(screen, checks, phases, stack, folder / "out")
            except (httpx.HTTPError, BotoCoreError, ClientError) as error:
                checks.expect("the stack answers to the end", met=False, found=repr(error))
            with phases.phase("stack down"):
                held.close()
    except KeyboardInterrupt:
        screen.line("\nInterrupted. The stack is down; nothing is left running.")
        return 130
    screen.section("time", f"{time.monotonic() - began:.1f} s in all")
    for name, seconds in phases.seconds.items():
        screen.line(f"  {name:<16} {seconds:6.1f} s")
    return _verdict(screen, checks, stack)


def _show(screen: Screen, checks: Checks, phases: Phases, stack: Stack, out: Path) -> None:
    screen.line(f"The API is at {stack.api_url}")
    screen.line(who_answers(stack))
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    requests = {path.stem: json.loads(path.read_text()) for path in sorted(REQUESTS.glob("*.json"))}
    invalid = {name: body for name, body in requests.items() if name.startswith("invalid-")}
    valid = {name: body for name, body in requests.items() if name not in invalid}
    with Inbox(stack) as inbox:
        screen.section("jobs", "the first calls start every function cold")
        with phases.phase("jobs"):
            followed = _follow_all(screen, checks, stack, valid)
        with phases.phase("results"):
            for one in followed:
                show_job(screen, checks, stack, inbox, one, out)
        with phases.phase("refusals"):
            for name, body in invalid.items():
                with Caller(stack) as caller:
                    show_refusal(screen, checks, name, body, caller.post(body))
            with Caller(stack, signed_in=False) as caller:
                body = {"kind": "image", "prompt": "a lighthouse"}
                show_challenge(screen, checks, "image-without-signing-in", body, caller.post(body))
        with phases.phase("burst"), Caller(stack, signed_in=False) as caller:
            run_burst(screen, checks, caller, inbox)


def _follow_all(screen: Screen, checks: Checks, stack: Stack, requests: dict[str, Any]) -> list[Followed]:
    """Posts the requests one after the other, each from an address of its own, and follows all jobs to their end."""
    board = Board(screen)
    with contextlib.ExitStack() as held:
        pending: list[_Pending] = []
        for name, body in requests.items():
            board.show(name, "posting")
            caller = held.enter_context(Caller(stack))
            began = time.monotonic()
            answer = caller.post(body)
            if checks.expect(f"{name} is accepted", answer.status_code == 202, answer.text):
                pending.append(_Pending(name, body, caller, answer.json()["id"], began, time.monotonic()))
            else:
                board.show(name, f"HTTP {answer.status_code}")
        ended: dict[str, Followed] = {}
        while len(ended) < len(pending):
            for one in pending:
                if one.name not in ended and (followed := _look(board, one)):
                    ended[one.name] = followed
            time.sleep(POLL_SECONDS)
        return [ended[one.name] for one in pending]


def _look(board: Board, one: _Pending) -> Followed | None:
    """Shows how the job stands; returns it when it has ended, or when the time is up."""
    job, now = one.caller.read(one.job_id), time.monotonic()
    if job["status"] not in TERMINAL and now - one.began < FOLLOW_SECONDS:
        board.show(one.name, progress_line(job))
        return None
    total_ms = round((now - one.began) * 1000)
    board.show(one.name, f"{progress_line(job)} in {total_ms:,} ms")
    return Followed(one.name, one.body, round((one.posted - one.began) * 1000), total_ms, job)


def progress_line(job: dict[str, Any]) -> str:
    """``███░░  running    InvokeBedrock``."""
    done, total = job["progress"]["completed"], job["progress"]["total"]
    step = "" if job["status"] in TERMINAL else job["progress"]["step"] or ""
    return f"{'█' * done}{'░' * (total - done)}  {job['status']:<9}  {step}".rstrip()


def who_answers(stack: Stack) -> str:
    """Says plainly whether models answer, or stand-ins."""
    match stack.real_text_model, stack.real_image_model:
        case True, True:
            return "Real models answer. Text: PROMPTMILL_LLM_URL. Images: Together."
        case True, False:
            return "Text: the model at PROMPTMILL_LLM_URL. Images: a STAND-IN, no model is called."
        case False, True:
            return "Text: a STAND-IN, no model is called. Images: Together."
        case _:
            return (
                "STAND-INS answer: no model is called, nothing is billed; a cost is what the model would have cost.\n"
                "PROMPTMILL_LLM_URL and TOGETHER_API_KEY bring in real ones."
            )


def _verdict(screen: Screen, checks: Checks, stack: Stack) -> int:
    screen.line()
    screen.line(who_answers(stack))
    if checks.failed:
        screen.line(screen.bold(f"{len(checks.failed)} of {checks.made} expectations were not met:"))
        for expectation in checks.failed:
            screen.line(f"  ✗ {expectation}")
        return 1
    screen.line(
        screen.bold(f"All {checks.made} expectations were met. The stack is down again; nothing is left running.")
    )
    return 0
