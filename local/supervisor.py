"""Runs the stand-in providers and MiniStack as one unit: ``python -m local.supervisor FOLDER``.

Prints one JSON line, ``{"endpoint_url", "providers_url"}``, once both answer, and ends both on SIGTERM, SIGINT, the
death of either, or the end of its standard input, which is a pipe from its starter; unless the starter's last word
there was ``STAY``. Its children watch a pipe from it, so that they end with it however it ends: nothing leaves a
process behind.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[1]
MINISTACK_ENV = ROOT / ".local" / "ministack"
START_SECONDS = 60
STOP_SECONDS = 20
STAY = "stay\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.supervisor")
    parser.add_argument("folder", type=Path, help="where state and logs go")
    parser.add_argument("--port", type=int, default=0, help="MiniStack's port, if it is free")
    parser.add_argument("--wait-scale", default="1", help="scales the waits and retry pauses of workflows")
    parser.add_argument("--decisions", default="", help="a file for what MiniStack decides on the requests of roles")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=stop_with_starter, args=(stop,), daemon=True).start()
    # MiniStack inherits the lock: one whose supervisor was killed may still be saving its state in this folder.
    with (folder / "state.lock").open("a") as state_lock:
        wait_for_lock(state_lock, stop)
        return run_unit(arguments, folder, state_lock.fileno(), stop)


def run_unit(arguments: argparse.Namespace, folder: Path, state_lock: int, stop: threading.Event) -> int:
    """Starts both, says where they are, and ends both; returns the exit status."""
    port = free_port(arguments.port)
    children: list[subprocess.Popen[str]] = []
    try:
        providers = start_providers(folder, port)
        children.append(providers)
        providers_url = f"http://127.0.0.1:{read_port(providers)}"
        children.append(start_ministack(arguments, folder, port, providers_url, state_lock))
        endpoint_url = f"http://127.0.0.1:{port}"
        wait_until_healthy(endpoint_url, children, stop)
        print(json.dumps({"endpoint_url": endpoint_url, "providers_url": providers_url}), flush=True)
        while not stop.wait(0.2) and all(child.poll() is None for child in children):
            pass
        return 0 if stop.is_set() else 1
    finally:
        for child in reversed(children):
            end(child)


def wait_for_lock(file: TextIO, stop: threading.Event) -> None:
    """Returns once the lock is ours; raises ``RuntimeError`` when it is not within ``STOP_SECONDS``."""
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and not stop.is_set():
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        stop.wait(0.05)
    raise RuntimeError("another MiniStack is still at work in this folder")


def free_port(preferred: int) -> int:
    """The preferred port if nothing listens there, else a free one."""
    for candidate in (preferred, 0):
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", candidate))
            return int(probe.getsockname()[1])
    raise OSError("no free port")


def start_providers(folder: Path, ministack_port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "local.providers", "--until-eof"),
            *("--bedrock-endpoint", f"http://127.0.0.1:{ministack_port}"),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / "providers.log").open("w"),
        text=True,
        start_new_session=True,
    )


def read_port(providers: subprocess.Popen[str]) -> int:
    line = providers.stdout.readline() if providers.stdout else ""
    if not line:
        raise RuntimeError("the stand-in providers did not start; see providers.log")
    return int(json.loads(line)["port"])


def start_ministack(
    arguments: argparse.Namespace, folder: Path, port: int, providers_url: str, state_lock: int
) -> subprocess.Popen[str]:
    temporary = folder / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    # An environment of its own making: nothing of the host's AWS set-up may reach the local stack.
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "LC_ALL", "USER"}}
    environment = kept | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "state" / "s3"),
        "SFN_WAIT_SCALE": arguments.wait_scale,
        "PROMPTMILL_DECISIONS": arguments.decisions,
        "MINISTACK_BEDROCK_PROXY_URL": f"{providers_url}/behind-bedrock",
        "MINISTACK_BEDROCK_PROXY_TIMEOUT_SECONDS": "120",
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [
            MINISTACK_ENV / "env" / "bin" / "python",
            ROOT / "local" / "ministack_server.py",
            MINISTACK_ENV / "translator",
        ],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=(folder / "ministack.log").open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=[state_lock],
    )


def wait_until_healthy(endpoint_url: str, children: list[subprocess.Popen[str]], stop: threading.Event) -> None:
    """Returns once MiniStack answers; raises ``RuntimeError`` when it ends or takes over ``START_SECONDS``."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not stop.is_set():
        if any(child.poll() is not None for child in children):
            break
        health = f"{endpoint_url}/_ministack/health"
        with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5):  # nosec B310 # our own address
            return
        stop.wait(0.1)
    raise RuntimeError("MiniStack did not start; see ministack.log")


def end(child: subprocess.Popen[str]) -> None:
    """Asks the child to end, which makes MiniStack save its state; insists after ``STOP_SECONDS``.

    Returns when its own children, the Lambda workers, have ended too: they are in its process group and keep nothing.
    """
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(child.pid, signal.SIGKILL)
            time.sleep(0.02)


def stop_with_starter(stop: threading.Event) -> None:
    said = b""
    # os.read, not sys.stdin: a thread that holds a buffered reader's lock would abort the interpreter's exit.
    while part := os.read(0, 4096):
        said += part
    if not said.endswith(STAY.encode()):
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
