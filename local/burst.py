"""The demo's burst: one caller posts more jobs than its limit allows, until the API stops it."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

from local.screen import Board

if TYPE_CHECKING:
    import httpx

    from local.caller import Caller
    from local.checks import Checks
    from local.inbox import Inbox
    from local.screen import Screen

ROUND = 14
MAX_POSTS = 40
# Jobs at a time of somebody who has not signed in, by the template.
AT_A_TIME = 4
FOLLOW_SECONDS = 120
PROMPT = "name five things to check before a long bicycle tour"


def run_burst(screen: Screen, checks: Checks, caller: Caller, inbox: Inbox) -> None:
    """Posts ``ROUND`` jobs, and on until one is answered 429; follows those that were accepted."""
    screen.section("burst", "somebody who has not signed in, and wants more than their limit")
    board = Board(screen)
    answers = _post_until_stopped(screen, board, caller)
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    stopped = [answer for answer in answers if answer.status_code == 429]
    ends: Counter[str] = Counter()
    for number, job_id in enumerate(accepted, start=1):
        job = caller.follow(job_id, seconds=FOLLOW_SECONDS, pause_seconds=0.05)
        ends[job["status"]] += 1
        if screen.is_terminal or number == len(accepted):
            board.show("finished", f"{number} of {len(accepted)}")
        if job["status"] == "rejected":
            code = job["error"]["code"]
            checks.expect("a rejected job of the burst says rate_limited", code == "rate_limited", code)
            checks.expect("the subscriber hears of a rejected job", inbox.event(job_id, "job.rejected"))
    screen.line()
    screen.field("limit", answers[0].headers.get("ratelimit-policy", ""))
    screen.rows(
        "posted",
        [
            f"{len(answers):>3} jobs",
            f"{len(stopped):>3} answered 429 at once, by the API's glance at the limit",
            f"{ends['rejected']:>3} accepted, then rejected by the workflow's own check, which is the one that decides",
            f"{ends['succeeded']:>3} ran",
        ],
    )
    others = len(answers) - len(accepted) - len(stopped)
    checks.expect("every post of the burst is answered 202 or 429", others == 0, others)
    checks.expect(
        "every accepted job of the burst succeeds or is rejected", set(ends) <= {"succeeded", "rejected"}, ends
    )
    checks.expect("as many of the burst run as may at a time", ends["succeeded"] >= AT_A_TIME, ends["succeeded"])
    if checks.expect("the burst is stopped with a 429", stopped):
        _show_stop(screen, checks, stopped[-1])


def _post_until_stopped(screen: Screen, board: Board, caller: Caller) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    while len(answers) < MAX_POSTS:
        answers.append(caller.post({"kind": "enhance", "prompt": PROMPT, "length": "concise"}))
        counted = Counter(answer.status_code for answer in answers)
        if screen.is_terminal or len(answers) >= ROUND:
            board.show("posted", f"{len(answers)}: {counted[202]} accepted, {counted[429]} stopped")
        if len(answers) >= ROUND:
            if counted[429]:
                break
            # The workflows of the first ones write how far ahead this caller is, which the API then sees.
            time.sleep(0.25)
    return answers


def _show_stop(screen: Screen, checks: Checks, answer: httpx.Response) -> None:
    retry_after = answer.headers.get("retry-after", "")
    checks.expect("the 429 says when to try again", retry_after.isdigit() and int(retry_after) >= 1, retry_after)
    checks.expect("the 429 has the RateLimit headers", {"ratelimit", "ratelimit-policy"} <= set(answer.headers))
    checks.expect("the 429 says rate_limited", answer.json().get("code") == "rate_limited", answer.text)
    screen.field(
        "answer", f"HTTP 429, Retry-After: {retry_after} s\n{json.dumps(answer.json(), ensure_ascii=False, indent=2)}"
    )
