"""What the demo shows of one request: the answer, its images, its steps, its event."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import httpx

from local import png
from local.sam import ROOT
from local.timeline import table
from promptmill.jobs.execution.gateway import Executions
from promptmill.jobs.execution.history import read_history

if TYPE_CHECKING:
    from pathlib import Path

    from local.checks import Checks
    from local.demo import Followed
    from local.inbox import Inbox
    from local.screen import Screen
    from local.stack import Stack
    from promptmill.jobs.execution.history import Execution

SHOWN_CHARACTERS = 320


def show_job(screen: Screen, checks: Checks, stack: Stack, inbox: Inbox, one: Followed, out: Path) -> None:
    """Everything about one finished job, each part checked."""
    job = one.job
    screen.section(one.name, f"{job['status']} in {one.total_ms:,} ms")
    options = ", ".join(
        f"{name} {value}" for name, value in one.body.items() if name not in {"prompt", "kind", "metadata"}
    )
    screen.field("request", f"{one.body['kind']}{' · ' if options else ''}{options} · accepted in {one.post_ms} ms")
    screen.field("prompt", shortened(one.body["prompt"]))
    if checks.expect(f"{one.name} succeeds", job["status"] == "succeeded", job["error"] or job["status"]):
        if one.body["kind"] == "image":
            _show_images(screen, checks, one, out)
        else:
            _show_text(screen, checks, one)
        _show_usage(screen, stack, job)
    _show_steps(screen, checks, stack, one)
    _show_event(screen, checks, inbox, one)


def _show_text(screen: Screen, checks: Checks, one: Followed) -> None:
    text = one.job["result"]["text"]
    checks.expect(
        f"{one.name} has another prompt than it was given", text.strip() not in {"", one.body["prompt"].strip()}
    )
    screen.field("result", text)


def _show_images(screen: Screen, checks: Checks, one: Followed, out: Path) -> None:
    images = one.job["result"]["images"]
    checks.expect(f"{one.name} has its image", len(images) == one.body.get("n", 1), len(images))
    for image in images:
        answer = httpx.get(image["url"], timeout=30)
        if not checks.expect(f"the link of {one.name} can be read", answer.is_success, answer.status_code):
            continue
        path = out / f"{one.name}-{image['id']}.png"
        path.write_bytes(answer.content)
        wanted = (one.body.get("width", 1024), one.body.get("height", 1024))
        try:
            size = png.size_of(answer.content)
        except ValueError as error:
            checks.expect(f"{one.name} is a PNG", met=False, found=error)
            continue
        checks.expect(f"{one.name} is {wanted[0]} × {wanted[1]}", size == wanted, size)
        digest = hashlib.sha256(answer.content).hexdigest()
        checks.expect(f"{one.name} arrives as it was stored", digest == image["sha256"], digest)
        where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        screen.field(
            "image", f"{where}\nPNG, {size[0]} × {size[1]}, {len(answer.content):,} bytes, seed {image['seed']}"
        )


def _show_usage(screen: Screen, stack: Stack, job: dict[str, Any]) -> None:
    usage, is_text = job["usage"], "input_tokens" in job["usage"]
    stand_in = not (stack.real_text_model if is_text else stack.real_image_model)
    amount = (
        f"{usage['input_tokens']} tokens in, {usage['output_tokens']} out" if is_text else f"{usage['images']} image"
    )
    cost = f"would have cost ${job['cost']['model_usd']}" if stand_in else f"${job['cost']['model_usd']}"
    screen.field("model", f"{usage['model']}{' (a stand-in answered)' if stand_in else ''} · {amount} · {cost}")


def _show_steps(screen: Screen, checks: Checks, stack: Stack, one: Followed) -> None:
    # The job is done a moment before its execution, which publishes the event last.
    execution = ended_execution(Executions(stack.state_machine_arn, stack.client("stepfunctions")), one.job["id"])
    last = execution.steps[-1].name if execution and execution.steps else None
    checks.expect(f"the execution of {one.name} ends in CloseSucceeded", last == "CloseSucceeded", last)
    if execution:
        screen.rows("steps", table(execution))


def ended_execution(executions: Executions, job_id: str) -> Execution | None:
    """The job's execution once it is over, or as it is after ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        execution = read_history(executions.history(job_id) or [])
        if (execution and execution.finished_ms) or time.monotonic() >= deadline:
            return execution
        time.sleep(0.02)


def _show_event(screen: Screen, checks: Checks, inbox: Inbox, one: Followed) -> None:
    job_id = one.job["id"]
    accepted = inbox.event(job_id, "job.accepted")
    checks.expect(f"the subscriber hears that {one.name} was accepted", accepted)
    detail_type = f"job.{one.job['status']}"
    event = inbox.event(job_id, detail_type)
    if checks.expect(f"the subscriber hears {detail_type} of {one.name}", event) and event:
        checks.expect(f"the event of {one.name} has no prompt in it", one.body["prompt"][:40] not in json.dumps(event))
        screen.rows("event", compact_event(event))


def show_refusal(screen: Screen, checks: Checks, name: str, body: dict[str, Any], answer: httpx.Response) -> None:
    """A request that breaks a rule. ``invalid-<field>`` names the one field that does."""
    pointer = f"/{name.removeprefix('invalid-')}"
    _show_answer(screen, name, body, answer)
    checks.expect(f"{name} is answered 422", answer.status_code == 422, answer.status_code)
    problem = answer.headers.get("content-type")
    checks.expect(f"{name} is answered with a problem", problem == "application/problem+json", problem)
    pointers = [error["pointer"] for error in answer.json().get("errors", [])]
    checks.expect(f"{name} points at {pointer} alone", pointers == [pointer], pointers)


def show_challenge(screen: Screen, checks: Checks, name: str, body: dict[str, Any], answer: httpx.Response) -> None:
    """A request that needs somebody who signed in."""
    _show_answer(screen, name, body, answer)
    checks.expect(f"{name} is answered 401", answer.status_code == 401, answer.status_code)
    checks.expect(f"{name} is asked to sign in", answer.headers.get("www-authenticate", "").startswith("Bearer"))


def _show_answer(screen: Screen, name: str, body: dict[str, Any], answer: httpx.Response) -> None:
    screen.section(name, f"HTTP {answer.status_code} {answer.headers.get('content-type', '')}")
    screen.rows("request", [compact(body)])
    screen.field("answer", json.dumps(answer.json(), indent=2, ensure_ascii=False))


def shortened(text: str) -> str:
    """The beginning of a long text, and how long it is."""
    flat = " ".join(text.split())
    if len(flat) <= SHOWN_CHARACTERS:
        return flat
    return f"{flat[:SHOWN_CHARACTERS].rsplit(' ', 1)[0]} … ({len(text):,} characters)"


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def compact_event(event: dict[str, Any]) -> list[str]:
    """The event as JSON: the envelope in one line, its detail in one line per part."""
    envelope = compact({name: value for name, value in event.items() if name != "detail"})
    parts = [f'"{name}":{compact(value)}' for name, value in event["detail"].items()]
    return [f"{envelope[:-1]},", ' "detail":{', *(f"  {part}," for part in parts[:-1]), f"  {parts[-1]}}}}}"]
