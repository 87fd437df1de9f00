"""Brings the local stack up and down: supervisor, ``sam build``, ``sam deploy``, and what only a laptop needs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from local.certificates import keep_certificates
from local.environment import shell_environment
from local.ministack_differences import mend_differences
from local.providers.issuer import AUTHORIZED_PARTY
from local.providers.issuer import PATH as ISSUER_PATH
from local.sam import REGION, ROOT, StackError, build, deploy, local_client, locked
from local.stack_file import Stack, read_stack
from local.supervisor import STAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ROOT", "Stack", "StackError", "down", "is_alive", "read_stack", "running", "up"]

STACK_NAME = "promptmill-local"
STOP_SECONDS = 45


def up(folder: Path, *, fresh: bool = False, parameters: Mapping[str, str] | None = None) -> Stack:
    """Starts a stack that stays until ``down``. State in ``folder`` is taken up again unless ``fresh``."""
    wanted_text_model()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        known = read_stack(folder)
        if known and is_alive(known.pid, folder):
            if not fresh and known.text_model == wanted_text_model():
                return _deploy(folder, known.endpoint_url, known.providers_url, known.pid, parameters or {})
            _end(known.pid, folder)
        if fresh:
            shutil.rmtree(folder / "state", ignore_errors=True)
        port = int(known.endpoint_url.rpartition(":")[2]) if known else 0
        supervisor = _supervise(folder, "--port", str(port))
        try:
            urls = _read_urls(supervisor, folder)
            stack = _deploy(folder, urls["endpoint_url"], urls["providers_url"], supervisor.pid, parameters or {})
        except BaseException:
            _end(supervisor.pid, folder)
            raise
        _let_stay(supervisor)
        return stack


def down(folder: Path) -> bool:
    """Stops the stack; returns whether there was one. Returns only once it has ended and its state is saved."""
    if not folder.exists():
        return False
    with locked(folder / "lock"):
        stack = read_stack(folder)
        if stack is None or not is_alive(stack.pid, folder):
            return False
        _end(stack.pid, folder)
        return True


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    wait_scale: str = "1",
    parameters: Mapping[str, str] | None = None,
    notes_decisions: bool = False,
) -> Iterator[Stack]:
    """An empty stack for the length of a ``with``; it ends with this process, however that ends.

    With ``notes_decisions``, its ``decisions_file`` has a JSON line for each ``{"role", "action", "resource",
    "allowed"}`` that MiniStack decided on the request of an assumed role.

    Two at a time do not meet: while another process runs one in ``folder``, this one is in ``folder-2``, and so on.
    """
    with _own_folder(folder) as own:
        for leftover in ("state", "tmp"):
            shutil.rmtree(own / leftover, ignore_errors=True)
        decisions = str(own.resolve() / "decisions.jsonl") if notes_decisions else ""
        if decisions:
            Path(decisions).write_text("")
        supervisor = _supervise(own, "--wait-scale", wait_scale, "--decisions", decisions)
        try:
            urls = _read_urls(supervisor, own)
            stack = _deploy(own, urls["endpoint_url"], urls["providers_url"], supervisor.pid, parameters or {})
            yield replace(stack, decisions_file=decisions)
        finally:
            _end(supervisor.pid, own)
            supervisor.communicate()
            shutil.rmtree(own / "state", ignore_errors=True)
            (own / "stack.json").unlink(missing_ok=True)


def is_alive(pid: int, folder: Path) -> bool:
    """Whether the process is the supervisor of this folder; its pid may have been taken by another process since."""
    wanted = f"local.supervisor {folder.resolve()} "
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            return False
        return wanted in command
    result = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return wanted in f"{result.stdout.strip()} "


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    for number in range(1, 10):
        own = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        own.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(own / "lock", wait=False))
            except BlockingIOError:
                continue
            yield own
            return
    raise StackError(f"there are nine stacks in {folder}-* already")


def _supervise(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Starts a supervisor that ends with this process, until it is told to stay."""
    with (folder / "supervisor.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "local.supervisor", str(folder.resolve()), *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def _let_stay(supervisor: subprocess.Popen[str]) -> None:
    """Leaves the supervisor running, on its own."""
    if supervisor.stdin and supervisor.stdout:
        supervisor.stdin.write(STAY)
        supervisor.stdin.close()
        supervisor.stdout.close()
    supervisor.returncode = 0  # no longer ours to wait for, which Popen would warn of


def _read_urls(supervisor: subprocess.Popen[str], folder: Path) -> dict[str, str]:
    line = supervisor.stdout.readline() if supervisor.stdout else ""
    if not line:
        last = (folder / "supervisor.log").read_text(errors="replace").strip().splitlines()[-1:]
        raise StackError(f"the local stack did not start: {' '.join(last)}; see the logs in {folder}")
    urls: dict[str, str] = json.loads(line)
    return urls


def _deploy(folder: Path, endpoint_url: str, providers_url: str, pid: int, parameters: Mapping[str, str]) -> Stack:
    """Builds and deploys the template, grants what only MiniStack asks for, and writes ``stack.json``."""
    real_images = bool(os.environ.get("TOGETHER_API_KEY"))
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    values = {
        "Stage": "local",
        "PythonRuntime": runtime,
        "Architecture": "arm64" if os.uname().machine in {"arm64", "aarch64"} else "x86_64",
        "BedrockUrl": providers_url,
        "ClerkIssuer": f"{providers_url}{ISSUER_PATH}",
        "ClerkAuthorizedParties": AUTHORIZED_PARTY,
        "WebhookLoopbackCa": str(keep_certificates(folder.resolve())),
        **({} if real_images else {"TogetherUrl": f"{providers_url}/v1"}),
        **parameters,
    }
    template = build(folder, values)
    deploy(folder, template, STACK_NAME, values, endpoint_url=endpoint_url)
    outputs = _outputs(endpoint_url)
    stack = Stack(
        folder=str(folder.resolve()),
        api_url=f"{endpoint_url}/_aws/execute-api/{outputs['ApiId']}/local",
        endpoint_url=endpoint_url,
        region=REGION,
        providers_url=providers_url,
        state_machine_arn=outputs["StateMachineArn"],
        deletion_workflow_arn=outputs["DeletionWorkflowArn"],
        interactions_workflow_arn=outputs["InteractionsWorkflowArn"],
        jobs_table=outputs["JobsTableName"],
        control_table=outputs["ControlTableName"],
        library_table=outputs["LibraryTableName"],
        webhooks_table=outputs["WebhooksTableName"],
        analytics_table=outputs["AnalyticsTableName"],
        artifacts_bucket=outputs["ArtifactsBucketName"],
        bus_name=outputs["EventBusName"],
        bus_arn=outputs["EventBusArn"],
        events_queue_url=outputs["EventsQueueUrl"],
        parked_events_queue_url=outputs["ParkedEventsQueueUrl"],
        analytics_queue_url=outputs["AnalyticsQueueUrl"],
        analytics_dead_letter_queue_url=outputs["AnalyticsDeadLetterQueueUrl"],
        function_log_group=outputs["FunctionLogGroupName"],
        user_pool_id=outputs["UserPoolId"],
        user_pool_client_id=outputs["UserPoolClientId"],
        record_sign_in_function=outputs["RecordSignInFunctionName"],
        pid=pid,
        real_text_model=_has_real_text_model(providers_url),
        real_image_model=real_images,
        built_template=str(template),
        text_model=wanted_text_model(),
    )
    mend_differences(stack, outputs)
    (folder / "stack.json").write_text(json.dumps(asdict(stack), indent=2) + "\n")
    (folder / "env").write_text(shell_environment(stack))
    return stack


def wanted_text_model() -> str:
    """The real text model the environment asks for, and its address; empty for the stand-in.

    Raises ``StackError`` for an address that is none, before anything that runs is stopped for it.
    """
    url, model = (os.environ.get(name, "") for name in ("PROMPTMILL_LLM_URL", "PROMPTMILL_LLM_MODEL"))
    if url and not url.startswith(("http://", "https://")):
        raise StackError(f"PROMPTMILL_LLM_URL must begin with http:// or https://, not {url}")
    return f"{url} {model}".strip() if url else ""


def _has_real_text_model(providers_url: str) -> bool:
    with urllib.request.urlopen(f"{providers_url}/_health", timeout=10) as answer:  # nosec B310 # our own http address
        return not json.load(answer)["stand_in"]


def _outputs(endpoint_url: str) -> dict[str, str]:
    stack = local_client("cloudformation", endpoint_url).describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _end(pid: int, folder: Path) -> None:
    """Ends a supervisor and waits until it has, its children and their state with it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not is_alive(pid, folder):
            return
        time.sleep(0.05)
    raise StackError(f"process {pid} did not end within {STOP_SECONDS} seconds")
