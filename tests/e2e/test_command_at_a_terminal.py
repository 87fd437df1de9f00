"""The operators' command against the local stack, as a person at a terminal runs it."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_command import in_its_model_call
from tests.support.api import user_at
from tests.support.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack
    from tests.support.api import Api
    from tests.support.stand_ins import StandIns

STYLE = re.compile(r"\x1b\[[0-9;]*m")
ERASED = "\r\x1b[K"


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    return Shell(stack, tmp_path)


def test_a_list_has_colours_and_is_as_wide_as_the_terminal(stack: Stack, api: Api, shell: Shell) -> None:
    job_id = api.run(kind="enhance", prompt="Explain colours to somebody who dreams in grey.")["id"]
    with shell.terminal("jobs", "ls", "--owner", user_at(stack, api.address).owner, columns=60) as terminal:
        assert terminal.ends() == 0
    shown = terminal.shown.replace(f"{ERASED}jobs looked at: 1{ERASED}", "")
    heading, line = shown.splitlines()
    assert "\x1b[32msucceeded\x1b[0m" in line
    assert STYLE.sub("", line).startswith(job_id)
    assert len(heading) == len(STYLE.sub("", line)) == 60
    assert shown != terminal.shown


def test_before_jobs_are_canceled_that_were_searched_for_somebody_is_asked(
    stack: Stack, api: Api, stand_ins: StandIns, shell: Shell
) -> None:
    jobs = [in_its_model_call(api, stand_ins, f"Ask a {one} whether it is sure.", seconds=20) for one in ("cat", "dog")]
    search = ["jobs", "cancel", "--owner", user_at(stack, api.address).owner]
    with shell.terminal(*search) as terminal:
        terminal.waits_for("Cancel 2 jobs of stage local (--dry-run lists them)? [y/N]")
        terminal.types("n\n")
        assert terminal.ends() == 1
    assert "Nothing was done." in terminal.shown
    with shell.terminal(*search) as terminal:
        terminal.waits_for("[y/N]")
        assert terminal.interrupted() == 130
    assert "Traceback" not in terminal.shown
    assert {api.read(job_id)["status"] for job_id in jobs} == {"running"}
    with shell.terminal(*search) as terminal:
        terminal.waits_for("[y/N]")
        terminal.types("y\n")
        assert terminal.ends() == 0
    assert all(f"{job_id} is canceled." in terminal.shown for job_id in jobs)
    assert f"{ERASED}jobs canceled: 2 of 2{ERASED}" in terminal.shown
    assert {api.read(job_id)["status"] for job_id in jobs} == {"canceled"}


def test_who_has_followed_a_job_long_enough_interrupts_the_command(api: Api, stand_ins: StandIns, shell: Shell) -> None:
    job_id = in_its_model_call(api, stand_ins, "Tell a glacier where it is going.", seconds=8)
    with shell.terminal("jobs", "follow", job_id) as terminal:
        terminal.waits_for("InvokeBedrock")
        terminal.types("\x03")
        assert terminal.ends() == 130
    assert "Interrupted." in terminal.shown
    with shell.terminal("jobs", "follow", job_id) as terminal:
        terminal.waits_for("InvokeBedrock")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ends() == 143
    assert "Traceback" not in terminal.shown
    assert api.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
