"""What is known of a stack between two commands: its file, its process, its locks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from local import stack as stacks
from local.sam import locked
from local.stack import Stack, down, is_alive, read_stack
from local.supervisor import free_port


def a_stack(pid: int) -> Stack:
    text = {
        name: "x"
        for name, kind in Stack.__annotations__.items()
        if kind == "str" and name not in {"pid", "real_text_model", "real_image_model"}
    }
    return Stack(**text, pid=pid, real_text_model=False, real_image_model=False)


def write(folder: Path, stack: Stack, **more: str) -> None:
    (folder / "stack.json").write_text(json.dumps(asdict(stack) | more))


def test_a_stack_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, a_stack(1))
    assert read_stack(tmp_path) == a_stack(1)


def test_a_stack_file_with_a_field_of_another_version_is_still_read(tmp_path: Path) -> None:
    write(tmp_path, a_stack(1), of_a_later_version="x")
    assert read_stack(tmp_path) == a_stack(1)


@pytest.mark.parametrize("text", ["", '{"half', "[]", "{}"])
def test_a_stack_file_that_cannot_be_read_is_no_stack(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)
    assert read_stack(tmp_path) is None


def test_a_process_that_is_no_supervisor_of_this_folder_is_not_taken_for_one(tmp_path: Path) -> None:
    assert not is_alive(os.getpid(), tmp_path)
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "print(flush=True); input()",
            "local.supervisor",
            str(tmp_path / "other"),
            "--port",
            "0",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert not is_alive(other.pid, tmp_path)
        assert is_alive(other.pid, tmp_path / "other")
        other.communicate(b"\n")


def test_an_ended_process_is_not_alive(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "", "local.supervisor", str(tmp_path)]) as process:
        process.wait()
    assert not is_alive(process.pid, tmp_path)


def test_down_says_so_when_nothing_runs(tmp_path: Path) -> None:
    assert not down(tmp_path / "never-made")
    assert not (tmp_path / "never-made").exists()
    write(tmp_path, a_stack(os.getpid()))
    assert not down(tmp_path)


def test_a_second_stack_of_the_same_folder_gets_one_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with stacks._own_folder(folder) as first, stacks._own_folder(folder) as second:
        assert (first, second) == (folder, tmp_path / "demo-2")
    with stacks._own_folder(folder) as again:
        assert again == folder


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait=False):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port


@pytest.mark.parametrize(
    ("url", "model", "wanted"),
    [
        ("", "", ""),
        ("", "ignored", ""),
        ("http://localhost:11434", "", "http://localhost:11434"),
        ("http://localhost:11434", "llama", "http://localhost:11434 llama"),
    ],
)
def test_another_address_or_model_is_another_text_model(
    monkeypatch: pytest.MonkeyPatch, url: str, model: str, wanted: str
) -> None:
    monkeypatch.setenv("PROMPTMILL_LLM_URL", url)
    monkeypatch.setenv("PROMPTMILL_LLM_MODEL", model)
    assert stacks.wanted_text_model() == wanted


def test_an_address_that_is_none_is_refused_before_anything_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMPTMILL_LLM_URL", "localhost:11434")
    with pytest.raises(stacks.StackError, match="http://"):
        stacks.up(tmp_path / "stack")
    assert not (tmp_path / "stack").exists()
