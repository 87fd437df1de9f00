"""``events tail`` against the local stack: events as they come, and nothing left behind however it ends."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import new_id, now_ms
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from tests.support.api import eventually, user_at
from tests.support.interactions import an_interaction
from tests.support.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack
    from tests.support.api import Api

PREFIX = "promptmill-local-tail_"


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Iterator[Shell]:
    """A shell; at the test's end there is no tail."""
    yield Shell(stack, tmp_path)
    assert (rules(stack), queues(stack)) == ([], [])


def rules(stack: Stack) -> list[str]:
    listed = stack.client("events").list_rules(EventBusName=stack.bus_name, NamePrefix=PREFIX)["Rules"]
    return [rule["Name"] for rule in listed]


def queues(stack: Stack) -> list[str]:
    return list(stack.client("sqs").list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", []))


def publish(stack: Stack, name: EventName = EventName.PROMPT_CREATED) -> dict[str, Any]:
    """Publishes an event of somebody, who is new; its metadata."""
    detail = an_interaction(name, new_id("prm", now_ms()))["detail"]
    EventBus(stack.bus_name, stack.client("events")).publish(name, detail)
    metadata: dict[str, Any] = detail["metadata"]
    return metadata


def test_a_job_s_events_are_seen_as_they_come_until_ctrl_c(stack: Stack, api: Api, shell: Shell) -> None:
    assert api.http.get("/v1/me").status_code == 200
    owner = user_at(stack, api.address).owner
    with shell.terminal("events", "tail", "--owner", owner, "--name", "job.succeeded", columns=200) as terminal:
        terminal.waits_for("Listening to stage local")
        (name,) = rules(stack)
        assert [url.rpartition("/")[2] for url in queues(stack)] == [name]
        publish(stack)
        job = api.run(kind="enhance", prompt="Explain echoes to somebody who has never been in the mountains.")
        terminal.waits_for("succeeded  enhance")
        terminal.types("\x03")
        assert terminal.ends() == 130
    (line,) = [line for line in terminal.shown.splitlines() if "  job.succeeded" in line]
    assert line.split()[2:] == [job["id"], owner, "succeeded", "enhance", job["cost"]["model_usd"]]
    assert "Traceback" not in terminal.shown
    assert "prompt.created" not in terminal.shown


@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_tail_that_is_ended_removes_its_queue(stack: Stack, shell: Shell, end: signal.Signals, status: int) -> None:
    with shell.terminal("events", "tail", columns=200) as terminal:
        terminal.waits_for("Listening")
        owner = publish(stack)["owner"]
        terminal.waits_for(owner)
        terminal.process.send_signal(end)
        assert terminal.ends() == status
    assert "Traceback" not in terminal.shown


def test_a_program_that_has_read_enough_ends_it(stack: Stack, shell: Shell) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(shell.run, "promptmill events tail --json | head -n 1; exit ${PIPESTATUS[0]}")
        published = eventually(lambda: (bool(rules(stack)) and publish(stack)) or None, seconds=30)
        eventually(lambda: running.done() or (publish(stack) and None), seconds=30)
    result = running.result()
    event = json.loads(result.stdout)
    assert (event["type"], event["metadata"]["version"]) == ("prompt.created", published["version"])
    assert "Traceback" not in result.stderr
    assert result.returncode == 1


def test_it_ends_by_itself_when_its_time_is_over(shell: Shell) -> None:
    result = shell.operate("events", "tail", "--for", "1s", "--json")
    assert (result.returncode, result.stdout) == (0, "")
